//! Injected faults that have not happened yet.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Core;
use super::state::{Kind, State};
use crate::sandbox::{Absence, Fault};

/// The fault of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InjectedFault {
    /// The call is not carried out, and fails with this HTTP status.
    Fail(u16),
    /// The call is not carried out, and gets 429 with this time to wait.
    RateLimit(Duration),
    /// The call is carried out, but the connection is cut before the answer.
    LoseAnswer,
    /// The call is not carried out, and never gets an answer.
    Hang,
}

/// The armed faults, oldest first, each with its method (or `*`) and its number of calls; and how Slack is out of
/// reach.
#[derive(Default)]
pub(super) struct Faults {
    armed: Vec<(String, InjectedFault, u32)>,
    absence: Option<Absence>,
}

impl Faults {
    fn arm(&mut self, method: String, fault: InjectedFault, times: u32) {
        self.armed.push((method, fault, times));
    }

    /// Uses up one fault of a call of `method`, if there is one.
    pub(super) fn take(&mut self, method: &str) -> Option<InjectedFault> {
        let at = self.armed.iter().position(|(name, _, left)| *left > 0 && (name == "*" || name == method))?;
        self.armed[at].2 -= 1;
        let fault = self.armed[at].1.clone();
        self.armed.retain(|(_, _, left)| *left > 0);
        Some(fault)
    }
}

impl Core {
    /// Returns how Slack is out of reach for a call of `method`, if it is.
    pub(super) fn absence(&self, method: &str) -> Option<Absence> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let concerns = |absence: &&Absence| match absence {
            Absence::Down | Absence::TokenRefused => true,
            Absence::Intercepted { method: wanted, .. } => wanted == "*" || wanted == method,
        };
        faults.absence.as_ref().filter(concerns).cloned()
    }

    fn set_absence(self: &Arc<Self>, absence: Option<Absence>) {
        let cuts = matches!(absence, Some(Absence::Down | Absence::TokenRefused));
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).absence = absence;
        if cuts {
            self.drop_sockets();
        }
    }

    /// Uses up one fault of a call of `method`, if there is one.
    pub(super) fn injected_fault(&self, method: &str) -> Option<InjectedFault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).take(method)
    }

    /// Arms a fault of calls or deliveries, or does at once what the fault says. Discord's faults do nothing here.
    pub(super) fn inject(self: &Arc<Self>, fault: Fault) {
        let arm = |method, injected, times| {
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).arm(method, injected, times);
        };
        match fault {
            Fault::Fail { method, status, times } => arm(method, InjectedFault::Fail(status), times),
            Fault::RateLimit { method, retry_after, times } => {
                arm(method, InjectedFault::RateLimit(retry_after), times)
            }
            Fault::LoseAnswer { method, times } => arm(method, InjectedFault::LoseAnswer, times),
            Fault::Hang { method, times } => arm(method, InjectedFault::Hang, times),
            Fault::DeliverTwice { times } => self.hub.double(times),
            Fault::Late { by, times } => self.hub.delay(by, times),
            Fault::OutOfOrder { times } => self.hub.swap(times),
            Fault::Calm => {
                *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Faults::default();
                self.hub.calm();
                self.lock().lag = Duration::ZERO;
            }
            Fault::Leave(absence) => self.set_absence(Some(absence)),
            Fault::Return => self.set_absence(None),
            Fault::Lag { by } => self.lock().lag = by,
            Fault::OldBlocks => self.lock().only_old_blocks = true,
            Fault::Forget => self.forget(),
            Fault::Mute => self.hub.mute(),
            Fault::Nonsense(nonsense) => self.hub.bring(&nonsense),
            Fault::Greeting { text, times } => self.hub.greet_by(&text, times),
            Fault::DropSockets => self.drop_sockets(),
            Fault::AskReconnect => self.ask_reconnect(),
            Fault::CloseChannel { channel } => {
                self.turn_channel(&channel, "archive", |state, at| state.channels[at].archived = true);
            }
            Fault::OpenChannel { channel } => {
                self.turn_channel(&channel, "unarchive", |state, at| state.channels[at].archived = false);
            }
            Fault::DeleteChannel { channel } => self.turn_channel(&channel, "deleted", State::delete_channel),
            Fault::ShareChannel { channel } => {
                self.turn_channel(&channel, "shared", |state, at| state.channels[at].shared = true);
            }
            Fault::DelayEvents => self.hub.send_late(),
            Fault::Odd { event, fields, times } => self.hub.make_odd(&event, &fields, times),
            // An app that is removed from a workspace loses its token, which is another fault. The others are
            // Discord's.
            Fault::PutOut
            | Fault::LeaveOut { .. }
            | Fault::Sessions { .. }
            | Fault::Unsteady { .. }
            | Fault::HideHistory { .. }
            | Fault::ShowHistory { .. } => {}
            Fault::RevokeScope { scope } => {
                self.lock().scopes.remove(&scope);
            }
            Fault::GrantScope { scope } => {
                self.lock().scopes.insert(scope);
            }
        }
    }

    /// Changes a channel by `turn`. Tells the bot if it was a member and has the scope.
    fn turn_channel(self: &Arc<Self>, name: &str, what: &str, turn: impl FnOnce(&mut State, usize)) {
        let mut state = self.lock();
        let Some(at) = state.channel(name) else { return };
        let by = state.people.first().map_or_else(|| state.ids.bot_user.clone(), |person| person.id.clone());
        let (family, scope) = match state.channels[at].kind {
            Kind::Private => ("group", "groups:read"),
            _ => ("channel", "channels:read"),
        };
        // Slack has one event for shared channels, public and private.
        let family = if what == "shared" { "channel" } else { family };
        let (kind, is_told) = (format!("{family}_{what}"), state.channels[at].bot && state.scopes.contains(scope));
        turn(&mut state, at);
        if is_told {
            let event = serde_json::json!({"type": kind, "channel": state.channels[at].id, "user": by, "is_moved": 0});
            self.tell(&mut state, &kind, event, Some(at));
        }
        drop(state);
        self.touch();
    }
}
