//! Erasing people from the record: their words and names are deleted, and the words of other people stay.
//!
//! An account is replaced by an alias, which is the same everywhere. So the answers of an erased person can still be
//! counted, and the audit still shows how a ticket came to its state.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::text;
use crate::desk::acts::Act;
use crate::desk::conversation::state::Record;
use crate::desk::tickets::acts;
use crate::desk::tickets::state::{Status, Ticket};
use crate::domain::act::Value;
use crate::domain::audit::{AuditEntry, FieldChange};
use crate::domain::effect::{Awaited, EffectKind, Post};
use crate::domain::event::{EventKind, Timer};
use crate::domain::ids::{Person, PersonRef};
use crate::domain::message::{Cell, Control, Message, Span};
use crate::domain::subject::Subject;
use crate::domain::words;

/// The function that returns the alias of an account, or `None` for an account that is not erased.
pub type Alias = dyn Fn(&PersonRef) -> Option<PersonRef> + Send + Sync;

/// An erasure: the people to erase, and their aliases.
#[derive(Clone)]
pub struct Erasure {
    alias: Arc<Alias>,
    everybody: bool,
}

impl fmt::Debug for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erasure").field("everybody", &self.everybody).finish_non_exhaustive()
    }
}

impl Erasure {
    /// Creates an erasure of the accounts for which `alias` returns an alias.
    pub fn of(alias: impl Fn(&PersonRef) -> Option<PersonRef> + Send + Sync + 'static) -> Self {
        Self { alias: Arc::new(alias), everybody: false }
    }

    /// Creates an erasure of all accounts, with these aliases.
    pub fn of_everybody(alias: impl Fn(&PersonRef) -> PersonRef + Send + Sync + 'static) -> Self {
        Self { alias: Arc::new(move |who| Some(alias(who))), everybody: true }
    }

    /// Whether this account is to be erased. An alias of an earlier erasure is not.
    #[must_use]
    pub fn erases(&self, who: &PersonRef) -> bool {
        self.alias(who).is_some()
    }

    /// Returns the ticket with the erased people replaced and their words deleted, and the audited fields that change.
    /// `None` if the ticket holds nothing of theirs. `audit`: the ticket's audit entries before their own erasure.
    #[must_use]
    pub fn ticket(&self, ticket: &Ticket, audit: &[AuditEntry]) -> Option<(Ticket, Vec<FieldChange>)> {
        let mut after = ticket.clone();
        let mut fields = Vec::new();
        if self.erases(&ticket.requester.who) || self.erases(&ticket.opened_by.who) {
            after.title = text::erased_title();
        }
        self.rename(&mut after.requester);
        self.rename(&mut after.opened_by);
        let assignee_goes = after.assignee.as_mut().is_some_and(|agent| self.rename(agent));
        let did = |act: &Act| {
            let last =
                audit.iter().rev().find(|entry| entry.act == act.spec.audit).and_then(|entry| entry.actor.as_ref());
            last.map_or(self.everybody, |actor| self.erases(&actor.who) || self.everybody)
        };
        match &mut after.status {
            Status::New | Status::InProgress => {}
            Status::Pending { reason, .. } => {
                if did(&acts::PENDING) {
                    reason.clear();
                }
            }
            Status::Resolved { by, resolution, .. } => {
                if self.rename(by) {
                    *resolution = text::erased_title();
                }
            }
            Status::Closed { resolution, .. } => {
                if did(&acts::RESOLVE) {
                    *resolution = text::erased_title();
                }
            }
            Status::Cancelled { by, .. } => {
                self.rename(by);
            }
        }
        if assignee_goes {
            let change = |field: &str, from: String, to: Option<String>| FieldChange {
                field: field.to_owned(),
                from: Some(from),
                to,
            };
            let (status, holder) = (after.status.name(), after.assignee.as_ref().map(|agent| agent.who.to_string()));
            // An open ticket whose assignee is erased is released to the queue.
            if after.release().is_ok() {
                fields.extend(holder.map(|holder| change("assignee", holder, None)));
                if after.status.name() != status {
                    fields.push(change("status", status.to_owned(), Some(after.status.name().to_owned())));
                }
            }
        }
        if after == *ticket {
            return None;
        }
        after.version += 1;
        Some((after, fields))
    }

    /// Returns the record with its author replaced and its words deleted; `None` if its author is not erased.
    #[must_use]
    pub fn record(&self, record: &Record, now: Timestamp) -> Option<Record> {
        let mut after = record.clone();
        self.rename(&mut after.author).then_some(())?;
        after.text = String::new();
        after.deleted_at = after.deleted_at.or(Some(now));
        Some(after)
    }

    /// Returns the audit entry with the erased people replaced; `None` if it names none of them.
    #[must_use]
    pub fn entry(&self, entry: &AuditEntry) -> Option<AuditEntry> {
        let mut after = entry.clone();
        if let Some(actor) = &mut after.actor {
            self.rename(actor);
        }
        for field in after.fields.iter_mut().filter(|field| field.field == "assignee") {
            for account in [&mut field.from, &mut field.to].into_iter().flatten() {
                if let Some(alias) = account.parse().ok().and_then(|who| self.alias(&who)) {
                    *account = alias.to_string();
                }
            }
        }
        (after != *entry).then_some(after)
    }

    /// Whether a waiting effect about a ticket of an erased person is withdrawn. A post is withdrawn if it is their
    /// reply, or quotes some of their `words` or one of their `names`. A private answer is withdrawn if it is for them
    /// or quotes anybody, since it can be asked for again. Views are kept: they hold no words, and are rendered from
    /// the record at delivery.
    #[must_use]
    pub fn withdraws(&self, what: &EffectKind, names: &[String], words: &[String]) -> bool {
        match what {
            EffectKind::Say(Post { awaited: Some(Awaited::Reply { by, .. }), .. }) if self.erases(&by.who) => true,
            EffectKind::Say(Post { message, .. }) => says(message, names) || quotes(message, words),
            EffectKind::Whisper { to, message, .. } | EffectKind::Hint { to, message, .. } => {
                self.erases(to) || quoted(message).next().is_some()
            }
            // Such an act could bring their words back into the record.
            EffectKind::Silent(act) => act.spec().brings_words,
            EffectKind::Show { .. } | EffectKind::Refresh { .. } | EffectKind::Spread { .. } => false,
            // The input of the call may hold their words.
            EffectKind::Do(_) => true,
        }
    }

    /// Whether a dead event holds words or names of an erased person.
    #[must_use]
    pub fn event(&self, what: &EventKind) -> bool {
        match what {
            EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => self.erases(&said.author.who),
            EventKind::Acted(acted) => {
                let mut named =
                    acted.asks.given().into_iter().flat_map(|given| given.values()).filter_map(Value::person);
                self.erases(&acted.actor.who) || named.any(|person| self.erases(&person.who))
            }
            EventKind::ThreadRead { messages, .. } => messages.iter().any(|said| self.erases(&said.author.who)),
            EventKind::Looked { look, found } => {
                let mut all = found.iter().flat_map(|found| found.message.iter().chain(&found.before));
                all.any(|said| self.erases(&said.author.who)) || look.people().any(|who| self.erases(who))
            }
            EventKind::DeliverySettled(settled) => match &settled.awaited {
                Awaited::Reply { by, .. } => self.erases(&by.who),
                Awaited::Notice => false,
            },
            EventKind::CallEnded { about, .. } | EventKind::TimerFired(Timer { on: about, .. }) => {
                matches!(about, Subject::Person(who) if self.erases(who))
            }
            EventKind::DirectOpened { request, .. } => self.erases(&request.by.who) || self.erases(request.asker()),
            EventKind::MessageDeleted { .. } => false,
        }
    }

    /// Returns the names by which a message may call this person: the full name and the first name. Empty if the person
    /// is not erased.
    #[must_use]
    pub fn names(&self, person: &Person) -> Vec<String> {
        if !self.erases(&person.who) {
            return Vec::new();
        }
        let full = person.name.trim();
        let mut names = vec![full.to_owned(), words::first_name(person).to_owned()];
        names.retain(|name| !name.is_empty());
        names.dedup();
        names
    }

    /// Returns the alias for an account; `None` if the account is not erased, or is an alias already.
    fn alias(&self, who: &PersonRef) -> Option<PersonRef> {
        if who.is_erased() { None } else { (self.alias)(who) }
    }

    fn rename(&self, person: &mut Person) -> bool {
        let Some(alias) = self.alias(&person.who) else { return false };
        *person = Person::new(alias, text::erased_name());
        true
    }
}

/// Whether one of the message's quotations is exactly one of these names.
fn says(message: &Message, names: &[String]) -> bool {
    quoted(message).any(|text| names.iter().any(|name| name == text.trim()))
}

/// Words of more characters than this are found inside longer quotations, too. Shorter words ("no") must be the whole
/// quotation.
const ENOUGH_CHARS: usize = 12;

/// Whether a message quotes any of these words, or their beginning if the quotation was cut.
fn quotes(message: &Message, words: &[String]) -> bool {
    let holds = |text: &str, words: &str| {
        let text = text.trim();
        match words.char_indices().nth(ENOUGH_CHARS) {
            Some((end, _)) if text.ends_with('…') => text.contains(&words[..end]),
            Some(_) => text.contains(words),
            None => text == words,
        }
    };
    let words = || words.iter().map(|words| words.trim());
    quoted(message).any(|text| words().any(|words| holds(text, words)))
}

/// Returns the words of people that a message quotes: in its lines, in its table and in the choices of its menus.
fn quoted(message: &Message) -> impl Iterator<Item = &str> {
    let lines = message.lines.iter().flat_map(|line| &line.0).filter_map(|span| match span {
        Span::Quoted(text) => Some(text.as_str()),
        _ => None,
    });
    let choices = message.controls.iter().flat_map(|control| match control {
        Control::Choice { options, .. } => options.as_slice(),
        Control::Button { .. } | Control::People { .. } | Control::Feedback { .. } => &[],
    });
    let cells = message.table.iter().flat_map(|table| &table.rows).flatten().filter_map(|cell| match cell {
        Cell::Words(words) => Some(words.as_str()),
        Cell::Key(_) | Cell::Number(_) => None,
    });
    lines.chain(choices.map(|(label, _)| label.as_str())).chain(cells)
}
