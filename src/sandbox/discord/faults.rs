//! Misbehaviour on demand: which of the next calls fail, and how.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sandbox::Absence;

/// What happens to one call instead of the usual answer.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// It fails with this status, undone.
    Fail(u16),
    /// 429 with this time to wait, undone.
    RateLimit(Duration),
    /// The call is done, but the connection is cut without an answer.
    LoseAnswer,
    /// Nothing is done, and nothing is answered.
    Hang,
}

/// The troubles ahead.
#[derive(Debug, Default)]
pub struct Troubles {
    ahead: Vec<Ahead>,
    /// How many further events are delivered twice.
    pub twice: u32,
    /// How much later the next events are handed over.
    pub late: VecDeque<Duration>,
    /// How many further events are to be overtaken by the next.
    pub swaps: u32,
    /// The texts that greet the next connections.
    pub greetings: VecDeque<String>,
    /// How Discord is out of reach.
    pub absence: Option<Absence>,
    /// How much later than its posting a message appears in a history.
    pub lag: Duration,
    /// The next events of these names carry these fields besides.
    pub odd: VecDeque<(String, String)>,
    /// The next events of these names are left out, with their numbers or without.
    pub left_out: VecDeque<(String, bool)>,
    /// How many further sessions are closed as soon as they have begun.
    pub unsteady: u32,
}

#[derive(Debug)]
struct Ahead {
    method: String,
    trouble: Trouble,
    times: u32,
}

impl Troubles {
    /// The next `times` calls of `method` meet this trouble.
    pub fn add(&mut self, method: &str, trouble: Trouble, times: u32) {
        if times > 0 {
            self.ahead.push(Ahead { method: shape(method), trouble, times });
        }
    }

    /// How Discord is out of reach for a call of this method, if it is.
    pub fn absent(&self, template: &str) -> Option<&Absence> {
        self.absence.as_ref().filter(|absence| match absence {
            Absence::Down | Absence::TokenRefused => true,
            Absence::Between { method, .. } => method == "*" || shape(method) == shape(template),
        })
    }

    /// Returns the additional fields of the next event of this name.
    pub fn odd_fields(&mut self, event: &str) -> Option<String> {
        let at = self.odd.iter().position(|(name, _)| name == event)?;
        self.odd.remove(at).map(|(_, fields)| fields)
    }

    /// Whether an event of this name is left out, once, and whether its number is used up.
    pub fn leaves_out(&mut self, event: &str) -> Option<bool> {
        let at = self.left_out.iter().position(|(name, _)| name == event)?;
        self.left_out.remove(at).map(|(_, numbered)| numbered)
    }

    /// The trouble of this call, which is then over for one time.
    pub fn take(&mut self, template: &str) -> Option<Trouble> {
        let called = shape(template);
        let ahead = self.ahead.iter_mut().find(|ahead| ahead.method == "*" || ahead.method == called)?;
        ahead.times = ahead.times.saturating_sub(1);
        let trouble = ahead.trouble.clone();
        self.ahead.retain(|ahead| ahead.times > 0);
        Some(trouble)
    }
}

/// A method without the names of its variable parts.
fn shape(method: &str) -> String {
    let parts = method.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variable_parts_do_not_matter() {
        let mut troubles = Troubles::default();
        troubles.add("POST /channels/{channel}/messages", Trouble::Hang, 1);
        assert!(troubles.take("POST /channels/{id}/messages/{mid}/threads").is_none());
        assert!(troubles.take("POST /channels/{id}/messages").is_some());
        assert!(troubles.take("POST /channels/{id}/messages").is_none());
    }
}
