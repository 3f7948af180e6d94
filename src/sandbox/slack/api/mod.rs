//! The methods of the Web API, with one file for each group. A call of another method gets `unknown_method`, and is
//! noted as a fault.

pub(super) mod auth;
pub(super) mod chat;
pub(super) mod conversations;
pub(super) mod history;
pub(super) mod users;
pub(super) mod views;

use std::sync::Arc;

use serde_json::{Value, json};

use super::Core;
use super::args::Args;
use super::limits;
use super::state::{Kind, State};

/// The answer of a method.
pub(super) type Outcome = Result<Value, Refusal>;

/// `{"ok": false, "error": …}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub error: &'static str,
    needed: Option<String>,
    provided: Option<String>,
    messages: Vec<String>,
    pub retry_after_s: Option<u64>,
    /// Whether it was injected ([`Fault`](crate::sandbox::Fault)), and so shows no error of the bot.
    is_wanted: bool,
}

impl Refusal {
    pub(super) fn of(error: &'static str) -> Self {
        Self { error, ..Self::default() }
    }

    /// Creates a 429 with these seconds to wait.
    pub(super) fn limited(retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::of("ratelimited") }
    }

    /// Creates a refusal that was injected.
    pub(super) fn wanted(error: &'static str) -> Self {
        Self { is_wanted: true, ..Self::of(error) }
    }

    /// Adds details for the app's developer, which Slack puts into `response_metadata.messages`.
    pub(super) fn saying(self, messages: impl IntoIterator<Item = String>) -> Self {
        Self { messages: messages.into_iter().collect(), ..self }
    }

    /// Returns the JSON of the refusal.
    pub(super) fn json(&self) -> Value {
        let mut out = json!({"ok": false, "error": self.error});
        if let Some(needed) = &self.needed {
            out["needed"] = json!(needed);
            out["provided"] = json!(self.provided);
        }
        if !self.messages.is_empty() {
            if self.error == "invalid_blocks" {
                out["errors"] = json!(self.messages);
            }
            out["response_metadata"] = json!({"messages": self.messages});
        }
        out
    }

    /// Whether the refusal shows an error of the bot.
    pub(super) fn is_fault(&self) -> bool {
        const FAULTS: &[&str] = &[
            "unknown_method",
            "invalid_arguments",
            "invalid_blocks",
            "invalid_blocks_format",
            "msg_too_long",
            "msg_blocks_too_long",
            "no_text",
            "not_authed",
            "not_allowed_token_type",
            "invalid_metadata_format",
            "invalid_limit",
            "invalid_cursor",
            "invalid_attachments",
            "invalid_types",
        ];
        !self.is_wanted && FAULTS.contains(&self.error)
    }
}

/// A call of a method, with all that the method may read and change.
pub(super) struct Call<'a> {
    pub core: &'a Arc<Core>,
    pub state: &'a mut State,
    pub args: &'a Args,
}

impl Call<'_> {
    /// Refuses unless the bot was granted this scope.
    ///
    /// # Errors
    /// `missing_scope`.
    pub(super) fn need(&self, scope: &str) -> Result<(), Refusal> {
        if self.state.scopes.contains(scope) {
            return Ok(());
        }
        let provided = self.state.scopes.iter().cloned().collect::<Vec<_>>().join(",");
        Err(Refusal { needed: Some(scope.to_owned()), provided: Some(provided), ..Refusal::of("missing_scope") })
    }

    /// Returns the index of the channel in the argument `channel`, if the bot may know of it.
    ///
    /// # Errors
    /// `channel_not_found`, `invalid_arguments`.
    pub(super) fn channel(&self) -> Result<usize, Refusal> {
        let id = self.args.required("channel")?;
        let at = self.state.channel_by_id(&id).ok_or_else(|| Refusal::of("channel_not_found"))?;
        let channel = &self.state.channels[at];
        if channel.kind == Kind::Private && !channel.bot {
            return Err(Refusal::of("channel_not_found"));
        }
        Ok(at)
    }
}

/// Carries out a call. Notes a refusal in the journal and, if the bot is wrong, as a fault.
pub(super) fn call(core: &Arc<Core>, method: &str, args: &Args) -> Outcome {
    let outcome = authorised(core, method, args);
    if let Err(refusal) = &outcome {
        let mut entry = json!({"method": method, "error": refusal.error});
        for (field, key) in [("channel_id", "channel"), ("thread", "thread_ts"), ("message", "ts"), ("user", "user")] {
            if let Some(value) = args.text(key) {
                entry[field] = json!(value);
            }
        }
        if let Some(at) = args.text("channel").and_then(|id| core.lock().channel_by_id(&id)) {
            entry["channel"] = json!(core.lock().label(at));
        }
        if let Some(seconds) = refusal.retry_after_s {
            entry["retry_after"] = json!(seconds);
        }
        core.note("refused", entry);
        if refusal.is_fault() {
            let details = refusal.messages.join("; ");
            core.fault(format!("{method}: {}{}{details}", refusal.error, if details.is_empty() { "" } else { ": " }));
        }
    }
    outcome
}

fn authorised(core: &Arc<Core>, method: &str, args: &Args) -> Outcome {
    let handler = handler(method).ok_or_else(|| Refusal::of("unknown_method"))?;
    let token = args.token.as_deref().ok_or_else(|| Refusal::of("not_authed"))?;
    let is_app = token == core.secrets.app_token;
    if !is_app && token != core.secrets.bot_token {
        return Err(Refusal::of("invalid_auth"));
    }
    if is_app != (method == "apps.connections.open") {
        return Err(Refusal::of("not_allowed_token_type"));
    }
    let mut state = core.lock();
    let rates = limits::rates(method, &args.text("channel").unwrap_or_default());
    let now_ms = state.clock.now_ms();
    if core.limits {
        state.windows.check(&rates, now_ms).map_err(Refusal::limited)?;
    }
    let outcome = handler(&mut Call { core, state: &mut state, args })?;
    if core.limits {
        state.windows.count(rates, now_ms);
    }
    if !method.starts_with("chat.") && method != "views.open" {
        core.note("called", json!({"method": method, "channel_id": args.text("channel")}));
    }
    Ok(outcome)
}

type Handler = fn(&mut Call<'_>) -> Outcome;

fn handler(method: &str) -> Option<Handler> {
    Some(match method {
        "auth.test" => auth::test,
        "apps.connections.open" => auth::connections_open,
        "users.info" => users::info,
        "users.list" => users::list,
        "users.conversations" => conversations::of_user,
        "usergroups.list" => users::groups_list,
        "usergroups.users.list" => users::group_members,
        "conversations.info" => conversations::info,
        "conversations.list" => conversations::list,
        "conversations.open" => conversations::open,
        "conversations.members" => conversations::members,
        "conversations.history" => history::history,
        "conversations.replies" => history::replies,
        "chat.postMessage" => chat::post_message,
        "chat.postEphemeral" => chat::post_ephemeral,
        "chat.update" => chat::update,
        "chat.delete" => chat::delete,
        "chat.getPermalink" => chat::permalink,
        "reactions.add" => |call| chat::react(call, true),
        "reactions.remove" => |call| chat::react(call, false),
        "views.open" => views::open,
        _ => return None,
    })
}
