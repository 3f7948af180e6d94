//! The independent checker: from the platforms' journal and the bot's export alone, was anything lost, doubled or told in
//! the wrong order?
//!
//! It knows what people mean by their words (their marks say it) and what the bot's sentences look like, and nothing of
//! how the bot decides.

mod export;
mod inbound;
mod journal;
mod outbound;
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub use self::export::Ticket;
pub use self::journal::{At, Journal};

/// What no bot can get back, because the platforms do not give it again. What falls under these is counted and told, and
/// is no fault.
pub const UNRECOVERABLE: [&str; 3] = [
    "a click, form or command made while the bot was away, or lost after it was deferred",
    "a first direct message on Discord, sent while the bot was away",
    "a private answer to one person (sent at most once)",
];

/// The desk's own channel.
const TRIAGE: &str = "desk-triage";
/// How many findings of a kind are printed.
const SHOWN: usize = 25;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    pub requests: usize,
    pub tickets: usize,
    pub messages: usize,
    pub acts: usize,
    pub posts: usize,
    pub private_answers: usize,
    /// What should be there and is not.
    pub lost: Vec<String>,
    /// What is there more often than it should.
    pub doubled: Vec<String>,
    /// What stands in another order than it was said or done.
    pub disordered: Vec<String>,
    /// What stands where, or as, it should not.
    pub wrong: Vec<String>,
    /// Lines of one thread that overtook each other on their way to the bot, and stand as they arrived.
    pub overtaken: usize,
    /// What the platforms do not give again, by [`UNRECOVERABLE`].
    pub unrecoverable: BTreeMap<&'static str, usize>,
}

impl Report {
    /// Whether nothing is at fault.
    pub fn is_clean(&self) -> bool {
        self.faults() == 0
    }

    /// Number of faults.
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
    /// What was said, by where it stands.
    said: HashMap<&'a At, &'a journal::Said>,
    /// The ticket (its position) of each request, by the request's number.
    of_request: BTreeMap<u32, Vec<usize>>,
}

impl Case<'_> {
    /// The one ticket of a request.
    fn ticket(&self, request: u32) -> Option<&Ticket> {
        self.of_request.get(&request).and_then(|all| all.first()).map(|at| &self.tickets[*at])
    }
}

/// Holds a journal against an export.
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

/// Whether a text names this key, and not a longer one.
fn names(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| !text[at + key.len()..].starts_with(|next: char| next.is_ascii_digit()))
}
