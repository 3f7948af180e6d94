//! Records the last requests, answers and frames between the bot and a sandbox, so that tests can check them against a
//! description of the protocol.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// The number of records that are kept.
const KEPT: usize = 2_000;

/// The direction of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the bot to the platform.
    FromBot,
    /// From the platform to the bot.
    ToBot,
}

/// One recorded request, answer or frame.
#[derive(Clone, Debug)]
pub struct Record {
    pub direction: Direction,
    /// The method (Slack `chat.postMessage`; Discord `POST /channels/{id}/messages`, with the variable parts as `{…}`),
    /// `response_url`, the kind of envelope or answer, or `gateway`.
    pub name: String,
    /// Its arguments, body or frame.
    pub body: Value,
}

/// The last 2,000 records, oldest first. Nothing is recorded before it is switched on.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<Option<VecDeque<Record>>>);

impl Traffic {
    /// Starts to record. What is recorded already stays.
    pub(super) fn switch_on(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// Adds a record. `body` is called only while recording is on.
    pub(super) fn keep(&self, direction: Direction, name: &str, body: impl FnOnce() -> Value) {
        if let Some(kept) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back(Record { direction, name: name.to_owned(), body: body() });
        }
    }

    /// Returns the records, oldest first.
    pub(super) fn all(&self) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_last_are_kept_and_only_when_it_is_wanted() {
        let traffic = Traffic::default();
        traffic.keep(Direction::ToBot, "hello", || panic!("recording is off"));
        traffic.switch_on();
        for number in 0..KEPT + 5 {
            traffic.keep(Direction::FromBot, "count", || json!(number));
        }
        let kept = traffic.all();
        assert_eq!((kept.len(), &kept[0].body), (KEPT, &json!(5)));
    }
}
