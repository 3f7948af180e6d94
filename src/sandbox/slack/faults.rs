//! Misbehaviour that was asked for and not shown yet.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Core;
use super::state::Kind;
use crate::sandbox::Fault;

/// What an API call meets instead of an ordinary answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// Fails with this HTTP status, undone.
    Fail(u16),
    /// Refused with 429 and this time to wait.
    RateLimit(Duration),
    /// Carried out, the answer lost.
    LoseAnswer,
    /// No answer, nothing done.
    Hang,
}

/// The armed ones, oldest first: method (or `*`), mishap, how often.
#[derive(Default)]
pub(super) struct Faults {
    armed: Vec<(String, Mishap, u32)>,
}

impl Faults {
    fn arm(&mut self, method: String, mishap: Mishap, times: u32) {
        self.armed.push((method, mishap, times));
    }

    /// Takes the mishap that a call of `method` meets.
    pub(super) fn take(&mut self, method: &str) -> Option<Mishap> {
        let at = self.armed.iter().position(|(name, _, left)| *left > 0 && (name == "*" || name == method))?;
        self.armed[at].2 -= 1;
        let mishap = self.armed[at].1.clone();
        self.armed.retain(|(_, _, left)| *left > 0);
        Some(mishap)
    }
}

impl Core {
    /// Takes the mishap that a call of `method` meets.
    pub(super) fn mishap(&self, method: &str) -> Option<Mishap> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).take(method)
    }

    /// Makes the workspace misbehave.
    pub(super) fn inject(self: &Arc<Self>, fault: Fault) {
        let arm = |method, mishap, times| {
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).arm(method, mishap, times);
        };
        match fault {
            Fault::Fail { method, status, times } => arm(method, Mishap::Fail(status), times),
            Fault::RateLimit { method, retry_after, times } => arm(method, Mishap::RateLimit(retry_after), times),
            Fault::LoseAnswer { method, times } => arm(method, Mishap::LoseAnswer, times),
            Fault::Hang { method, times } => arm(method, Mishap::Hang, times),
            Fault::DeliverTwice { times } => self.hub.double(times),
            Fault::Late { by, times } => self.hub.delay(by, times),
            Fault::OutOfOrder { times } => self.hub.swap(times),
            Fault::Calm => {
                self.faults.lock().unwrap_or_else(PoisonError::into_inner).armed.clear();
                self.hub.calm();
            }
            Fault::Forget => self.forget(),
            Fault::Mute => self.hub.mute(),
            Fault::Nonsense(nonsense) => self.hub.bring(&nonsense),
            Fault::Greeting { text, times } => self.hub.greet_by(&text, times),
            Fault::DropSockets => self.drop_sockets(),
            Fault::AskReconnect => self.ask_reconnect(),
            Fault::CloseChannel { channel } => self.archive(&channel),
            Fault::RevokeScope { scope } => {
                self.lock().scopes.remove(&scope);
            }
        }
    }

    /// Archives a channel; the bot hears of it if it may.
    fn archive(self: &Arc<Self>, name: &str) {
        let mut state = self.lock();
        let Some(at) = state.channel(name) else { return };
        state.channels[at].archived = true;
        let by = state.people.first().map_or_else(|| state.ids.bot_user.clone(), |person| person.id.clone());
        let (kind, scope) = match state.channels[at].kind {
            Kind::Private => ("group_archive", "groups:read"),
            _ => ("channel_archive", "channels:read"),
        };
        if state.channels[at].bot && state.scopes.contains(scope) {
            let event = serde_json::json!({"type": kind, "channel": state.channels[at].id, "user": by, "is_moved": 0});
            self.tell(&mut state, kind, event, Some(at));
        }
        drop(state);
        self.touch();
    }
}
