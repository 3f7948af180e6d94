//! Injected faults: which of the next calls and events go wrong, and how.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sandbox::Absence;

/// The fault of one call.
#[derive(Clone, Debug)]
pub enum InjectedFault {
    /// The call is not carried out, and fails with this status.
    Fail(u16),
    /// The call is not carried out, and gets 429 with this time to wait.
    RateLimit(Duration),
    /// The call is carried out, but the connection is cut before the answer.
    LoseAnswer,
    /// The call is not carried out, and never gets an answer.
    Hang,
}

/// The injected faults that have not happened yet.
#[derive(Debug, Default)]
pub struct InjectedFaults {
    ahead: Vec<Ahead>,
    /// The number of further events that are delivered twice.
    pub twice: u32,
    /// The delays of the next events, in real time.
    pub late: VecDeque<Duration>,
    /// The number of further events that are held until another one overtakes them.
    pub swaps: u32,
    /// The texts that replace the hello of the next connections.
    pub greetings: VecDeque<String>,
    /// How Discord is out of the bot's reach, if it is.
    pub absence: Option<Absence>,
    /// The time, by the clock, after which a posted message appears in a history.
    pub lag: Duration,
    /// Names of events, each with the additional fields of its next event.
    pub odd: VecDeque<(String, String)>,
    /// Names of events whose next event is not sent, each with whether it uses up a sequence number.
    pub left_out: VecDeque<(String, bool)>,
    /// The number of further sessions that are closed right after their beginning.
    pub unsteady: u32,
}

#[derive(Debug)]
struct Ahead {
    method: String,
    fault: InjectedFault,
    times: u32,
}

impl InjectedFaults {
    /// Arms a fault for the next `times` calls of `method`.
    pub fn add(&mut self, method: &str, fault: InjectedFault, times: u32) {
        if times > 0 {
            self.ahead.push(Ahead { method: shape(method), fault, times });
        }
    }

    /// Returns how Discord is out of reach for a call of this method, if it is.
    pub fn absent(&self, template: &str) -> Option<&Absence> {
        self.absence.as_ref().filter(|absence| match absence {
            Absence::Down | Absence::TokenRefused => true,
            Absence::Intercepted { method, .. } => method == "*" || shape(method) == shape(template),
        })
    }

    /// Returns the additional fields of the next event of this name.
    pub fn odd_fields(&mut self, event: &str) -> Option<String> {
        let at = self.odd.iter().position(|(name, _)| name == event)?;
        self.odd.remove(at).map(|(_, fields)| fields)
    }

    /// Uses up one order to leave out an event of this name, if there is one. Returns whether the event uses up a
    /// sequence number.
    pub fn leaves_out(&mut self, event: &str) -> Option<bool> {
        let at = self.left_out.iter().position(|(name, _)| name == event)?;
        self.left_out.remove(at).map(|(_, numbered)| numbered)
    }

    /// Uses up one fault of a call of this method, if there is one.
    pub fn take(&mut self, template: &str) -> Option<InjectedFault> {
        let called = shape(template);
        let ahead = self.ahead.iter_mut().find(|ahead| ahead.method == "*" || ahead.method == called)?;
        ahead.times = ahead.times.saturating_sub(1);
        let fault = ahead.fault.clone();
        self.ahead.retain(|ahead| ahead.times > 0);
        Some(fault)
    }
}

/// Returns a method with its variable parts as `{}`.
fn shape(method: &str) -> String {
    let parts = method.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variable_parts_do_not_matter() {
        let mut faults = InjectedFaults::default();
        faults.add("POST /channels/{channel}/messages", InjectedFault::Hang, 1);
        assert!(faults.take("POST /channels/{id}/messages/{mid}/threads").is_none());
        assert!(faults.take("POST /channels/{id}/messages").is_some());
        assert!(faults.take("POST /channels/{id}/messages").is_none());
    }
}
