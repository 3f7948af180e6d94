//! Checks that every acknowledged message had its effects, once: compares the messages with the bot's database and the
//! posts to the stub.

use std::collections::{HashMap, HashSet};

use crate::bot::Known;
use crate::client::Message;
use crate::stub::{Post, TRIAGE};

/// Returns the faults; empty if there are none.
pub fn faults(sent: &[Message], tickets: &[Known], posts: &[Post]) -> Vec<String> {
    let mut faults = Faults::default();
    let requests: HashSet<(&str, &str)> =
        sent.iter().filter(|one| one.root.is_none()).map(|one| (one.channel.as_str(), one.ts.as_str())).collect();
    let mut replies: HashMap<(&str, &str), usize> = HashMap::new();
    for reply in sent {
        if let Some(root) = &reply.root {
            *replies.entry((&reply.channel, root)).or_default() += 1;
        }
    }
    let mut answers: HashMap<(&str, &str), usize> = HashMap::new();
    let mut cards: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut lines: HashMap<&str, usize> = HashMap::new();
    let mut effects = HashSet::new();
    for post in posts {
        faults.unless(effects.insert(post.effect.as_str()), || format!("effect {} was posted twice", post.effect));
        match (&post.thread, post.channel == TRIAGE, &post.key) {
            (Some(thread), true, _) => *lines.entry(thread).or_default() += 1,
            (None, true, Some(key)) => cards.entry(key).or_default().push(&post.ts),
            (Some(thread), false, _) => *answers.entry((&post.channel, thread)).or_default() += 1,
            (None, _, _) => {
                faults.unless(false, || format!("a post in {} that is no answer and no card", post.channel))
            }
        }
    }
    let mut found = HashSet::new();
    for ticket in tickets {
        let Known { key, channel, root, records } = ticket;
        let place = (channel.as_str(), root.as_str());
        // A ticket of an earlier run, in a database that is used again.
        if !requests.contains(&place) {
            continue;
        }
        faults.unless(found.insert(place), || format!("a second ticket for one request: {key}"));
        let said = replies.get(&place).copied().unwrap_or_default();
        faults.unless(*records == 1 + said, || format!("{key} has {records} messages on record, not {}", 1 + said));
        let answered = answers.get(&place).copied().unwrap_or_default();
        faults.unless(answered == 1, || format!("{key} was answered {answered} times"));
        let shown = cards.get(key.as_str()).map(Vec::as_slice).unwrap_or_default();
        faults.unless(shown.len() == 1, || format!("{key} has {} cards", shown.len()));
        let under: usize = shown.iter().map(|card| lines.get(card).copied().unwrap_or_default()).sum();
        faults.unless(under == said, || format!("{key} has {under} lines under its card, not {said}"));
    }
    faults.unless(found.len() == requests.len(), || {
        format!("{} requests were acknowledged, and {} became tickets", requests.len(), found.len())
    });
    faults.all
}

#[derive(Default)]
struct Faults {
    all: Vec<String>,
}

impl Faults {
    fn unless(&mut self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.all.push(what());
        }
    }
}
