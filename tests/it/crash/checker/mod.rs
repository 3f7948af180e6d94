//! The independent checker. From the platforms' journal and the bot's export alone it finds what was lost, doubled or
//! delivered in the wrong order.
//!
//! The checker knows the purpose of people's texts, from their tags, and the wording of the bot's sentences. It knows
//! nothing of how the bot decides.

mod export;
mod inbound;
mod journal;
mod outbound;
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub use self::export::Ticket;
pub use self::journal::{At, Journal};

/// Losses that no bot can prevent, because the platforms do not repeat the event or answer. They are counted and
/// printed, but are no faults.
pub const UNRECOVERABLE: [&str; 3] = [
    "a click, form or command made while the bot was away, or lost after it was deferred",
    "a first direct message on Discord, sent while the bot was away",
    "a private answer to one person (sent at most once)",
];

/// The desk's own channel.
const TRIAGE: &str = "desk-triage";
/// How many findings of a kind are printed.
const SHOWN: usize = 25;

/// What the checker has found, and how much it has looked at.
#[derive(Debug, Default)]
pub struct Report {
    pub requests: usize,
    pub tickets: usize,
    pub messages: usize,
    pub acts: usize,
    pub posts: usize,
    pub private_answers: usize,
    /// Items that should exist and do not.
    pub lost: Vec<String>,
    /// Items that exist more often than they should.
    pub doubled: Vec<String>,
    /// Items in another order than they were said or done.
    pub disordered: Vec<String>,
    /// Items in a wrong place or form.
    pub wrong: Vec<String>,
    /// Pairs of lines in one thread that overtook each other on their way to the bot, and stand as they arrived.
    pub overtaken: usize,
    /// Counts of the losses that no bot can prevent, by [`UNRECOVERABLE`].
    pub unrecoverable: BTreeMap<&'static str, usize>,
}

impl Report {
    /// Whether there is no fault.
    pub fn is_clean(&self) -> bool {
        self.faults() == 0
    }

    /// Returns the number of faults.
    pub fn faults(&self) -> usize {
        self.lost.len() + self.doubled.len() + self.disordered.len() + self.wrong.len()
    }

    fn excuse(&mut self, reason: usize, times: usize) {
        if times > 0 {
            *self.unrecoverable.entry(UNRECOVERABLE[reason]).or_default() += times;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} requests, {} tickets, {} messages on record, {} acts, {} posts stand, {} private answers\n\
             {} lost, {} doubled, {} out of order, {} wrong; {} overtaken on their way to the bot",
            self.requests,
            self.tickets,
            self.messages,
            self.acts,
            self.posts,
            self.private_answers,
            self.lost.len(),
            self.doubled.len(),
            self.disordered.len(),
            self.wrong.len(),
            self.overtaken,
        )?;
        for (reason, times) in &self.unrecoverable {
            writeln!(f, "  cannot be recovered: {times} × {reason}")?;
        }
        let kinds =
            [("LOST", &self.lost), ("DOUBLED", &self.doubled), ("ORDER", &self.disordered), ("WRONG", &self.wrong)];
        for (name, findings) in kinds {
            for finding in findings.iter().take(SHOWN) {
                writeln!(f, "  {name}: {finding}")?;
            }
            if findings.len() > SHOWN {
                writeln!(f, "  {name}: … and {} more", findings.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

/// Everything that the checks look at.
struct Case<'a> {
    journal: &'a Journal,
    tickets: &'a [Ticket],
    /// People's messages, by place.
    said: HashMap<&'a At, &'a journal::Said>,
    /// The positions of each request's tickets in `tickets`, by the request's number.
    of_request: BTreeMap<u32, Vec<usize>>,
}

impl Case<'_> {
    /// Returns the first ticket of a request.
    fn ticket(&self, request: u32) -> Option<&Ticket> {
        self.of_request.get(&request).and_then(|all| all.first()).map(|at| &self.tickets[*at])
    }
}

/// Compares a journal with an export.
pub fn check(journal: &str, export: &str) -> Report {
    let mut report = Report::default();
    let journal = Journal::read(journal);
    let (tickets, faults) = export::read(export);
    report.wrong.extend(faults);
    let said: HashMap<&At, &journal::Said> = journal.said.iter().map(|said| (&said.at, said)).collect();
    let mut case = Case { journal: &journal, tickets: &tickets, said, of_request: BTreeMap::new() };
    inbound::requests(&mut case, &mut report);
    inbound::messages(&case, &mut report);
    outbound::check(&case, &mut report);
    report
}

/// Whether a text contains this key, and not as a part of a longer one.
fn names(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| !text[at + key.len()..].starts_with(|next: char| next.is_ascii_digit()))
}
