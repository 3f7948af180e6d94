//! Acts: what people can do with the desk.
//!
//! Each act is declared once, by a [`Spec`] in the `acts.rs` of its capability. Buttons, menus, forms, Discord's commands,
//! the grammar of words, the help and the gate of rights are made from these.

mod args;
mod grammar;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::args::{AUTHOR, Args, CHOSEN, Fault, Given, KEY, SAID, Value, Why};
pub use self::grammar::{Read, Where, key_of, parse};
use super::ids::{DraftId, TicketTag, UnknownName};
use super::message::{Control, Style};
use super::right::Right;

/// An act, declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// Names it: the word by which people give it as a command, and what its buttons and forms carry. Two words are a group of
    /// commands and one of them (`outage announce`).
    pub name: &'static str,
    /// Other words for it, in commands.
    pub synonyms: &'static [&'static str],
    /// What its button says.
    pub label: &'static str,
    /// How its button looks.
    pub style: Style,
    /// What it is done to.
    pub on: On,
    /// Who may do it.
    pub may: May,
    /// What it takes, in the order of the fields of its form.
    pub takes: &'static [Param],
    /// The form that its button opens, if what it takes is typed in.
    pub form: Option<FormWords>,
    /// As a command; `None` if it is none.
    pub command: Option<Command>,
    /// What the menu of a message calls it, at most 24 characters (Slack); `None` if it is not in there.
    pub menu: Option<&'static str>,
    /// What the menu of a person calls it, at most 32 characters; `None` if it is not in there. Only Discord has such menus. The
    /// act takes a person, who is given so.
    pub person_menu: Option<&'static str>,
    /// The reaction to a message that does it; `None` if none does. A reaction opens no form, so whatever the act takes must be
    /// optional.
    pub sign: Option<Emoji>,
    /// What the audit calls it, once the act's function says so (`Plan::put`, `Plan::audit`).
    pub audit: &'static str,
    /// Whether the bot says in the request's own thread, or shows on the card, that it was done: then whoever did it there needs
    /// no answer besides.
    pub is_told: bool,
}

impl Spec {
    /// What most acts have in common: to be completed by struct update.
    pub const BASE: Self = Self {
        name: "",
        synonyms: &[],
        label: "",
        style: Style::Plain,
        on: On::Nothing,
        may: May::Anyone,
        takes: &[],
        form: None,
        command: None,
        menu: None,
        person_menu: None,
        sign: None,
        audit: "",
        is_told: false,
    };

    /// Its name, as buttons, forms and events carry it.
    #[must_use]
    pub const fn act(&self) -> ActName {
        ActName(Cow::Borrowed(self.name))
    }

    /// The group of commands that it belongs to, and its word in it.
    #[must_use]
    pub fn path(&self) -> (Option<&'static str>, &'static str) {
        self.name.split_once(' ').map_or((None, self.name), |(group, word)| (Some(group), word))
    }

    /// Whether its button opens a form: the adapter opens it at once, and what is sent is an event.
    #[must_use]
    pub const fn opens_form(&self) -> bool {
        self.form.is_some()
    }

    /// The person that it takes, if it takes one.
    #[must_use]
    pub fn person(&self) -> Option<&'static Param> {
        self.takes.iter().find(|param| param.takes == Takes::Person)
    }

    /// Whether its form begins with the words of the message at whose menu it was chosen.
    #[must_use]
    pub fn begins_with_words(&self) -> bool {
        self.takes.iter().any(|param| param.begins_with == Begins::Said)
    }

    /// Whether it takes people's free words.
    #[must_use]
    pub fn takes_words(&self) -> bool {
        self.takes.iter().any(|param| param.takes == Takes::Text)
    }

    /// What it takes, in the order in which words give it: free words are whatever is left.
    pub fn in_words(&self) -> impl Iterator<Item = &'static Param> {
        let is_text = |param: &&Param| param.takes == Takes::Text;
        let in_words = || self.takes.iter().filter(|param| !param.is_only_a_field);
        in_words().filter(move |param| !is_text(param)).chain(in_words().filter(is_text))
    }

    /// How it is written as a command, without a key: `resolve how it was solved`; in brackets what may be left out.
    #[must_use]
    pub fn usage(&self) -> String {
        let written = |param: &Param| match param.usage {
            "" => None,
            usage if param.is_required => Some(usage.to_owned()),
            usage => Some(format!("[{usage}]")),
        };
        let params = self.in_words().filter_map(written);
        let params = params.filter(|_| !self.command.is_some_and(|command| command.opens_form));
        std::iter::once(self.name.to_owned()).chain(params).collect::<Vec<_>>().join(" ")
    }

    /// It on this subject.
    #[must_use]
    pub fn on(&self, on: impl Into<SubjectRef>) -> ActRef {
        ActRef { on: Some(on.into()), ..ActRef::bare(self.act()) }
    }

    /// Its button on this subject.
    #[must_use]
    pub fn button(&self, on: impl Into<SubjectRef>) -> Control {
        self.labelled(self.label, on)
    }

    /// Its button on this subject, with other words on it.
    #[must_use]
    pub fn labelled(&self, label: &str, on: impl Into<SubjectRef>) -> Control {
        Control::button(label, self.on(on)).styled(self.style)
    }

    /// Its button on this subject, or its menu if it takes a choice or a person and nothing else.
    #[must_use]
    pub fn control(&self, on: impl Into<SubjectRef>) -> Control {
        match self.takes {
            [Param { takes: Takes::Choice(options), .. }] => {
                let options = options.iter().map(|(value, label)| ((*label).to_owned(), (*value).to_owned()));
                Control::Choice { label: self.label.to_owned(), does: self.on(on), options: options.collect() }
            }
            [Param { takes: Takes::Person, .. }] => Control::People { label: self.label.to_owned(), does: self.on(on) },
            _ => self.button(on),
        }
    }
}

/// What an act is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// To nothing in particular.
    Nothing,
    /// To a ticket.
    Ticket,
}

/// Who may do an act. Whether somebody may know of its subject is asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Everybody.
    Anyone,
    /// The requester.
    Requester,
    /// The requester, and whoever has this right.
    RequesterOr(Right),
    /// Everybody for themselves; for another person, whom the act takes, whoever has this right.
    OneselfOr(Right),
    /// Whoever has this right.
    Has(Right),
    /// Whoever has one of these rights.
    HasEither(Right, Right),
    /// Whomever the guard protects, agents among them, and whoever sets it.
    Staff,
}

impl May {
    /// Who that is, in a word or two: for lists of commands.
    #[must_use]
    pub const fn who(self) -> &'static str {
        match self {
            Self::Anyone => "everybody",
            Self::Requester => "the requester",
            Self::RequesterOr(_) => "the requester, agents",
            Self::OneselfOr(_) => "everybody for themselves, agents",
            Self::Has(Right::GuardSet) => "admins",
            Self::Has(_) | Self::HasEither(..) => "agents",
            Self::Staff => "agents, staff",
        }
    }
}

/// Something that an act takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// Names it among what is given: an option of Discord's command, a field of a form.
    pub name: &'static str,
    /// The kind of value that is accepted for it.
    pub takes: Takes,
    /// Whether it must be given.
    pub is_required: bool,
    /// What the option of Discord's command says of it, at most 100 characters.
    pub says: &'static str,
    /// What stands for it in words that show how a command is written.
    pub usage: &'static str,
    /// What the field of a form asks, at most 45 characters (Discord).
    pub asks: &'static str,
    /// Grey words in the empty field, at most 100 characters.
    pub hint: &'static str,
    /// What the field begins with.
    pub begins_with: Begins,
    /// Whether only a field gives it: in words it could be taken for something else.
    pub is_only_a_field: bool,
}

/// What a field of a form begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// Nothing.
    Empty,
    /// The last words of the requester, if it is they who open the form.
    LastWords,
    /// What the article that the button carries says there, if whoever opens the form works tickets. Without it the form is
    /// not opened, since what is sent takes the place of what was there.
    Article,
    /// The title of the ticket, if whoever opens the form works tickets.
    TicketTitle,
    /// What the outage that the button carries says there, if whoever opens the form announces outages. Without it the form is not
    /// opened.
    Outage,
    /// What is said of an outage that is over, if nothing else is written, by the settings.
    Resolved,
    /// The words of the message at whose menu the form is opened.
    Said,
    /// The key of the article that fits the ticket best, if whoever opens the form works tickets.
    Suggested,
}

impl Param {
    /// What most parameters have in common: to be completed by struct update.
    pub const BASE: Self = Self {
        name: "",
        takes: Takes::Text,
        is_required: true,
        says: "",
        usage: "",
        asks: "",
        hint: "",
        begins_with: Begins::Empty,
        is_only_a_field: false,
    };
}

/// How many files a field takes, on both platforms.
pub const MOST_FILES: usize = 10;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Free words, of one line or several.
    Text,
    /// One of these: (value, label).
    Choice(&'static [(&'static str, &'static str)]),
    /// One person, picked from the platform's list or mentioned.
    Person,
    /// A box to tick; left alone it is no.
    Flag,
    /// A moment, as people write it ([`when::read`](super::when::read)).
    Date,
    /// A moment that is still to come.
    Future,
    /// Files, at most [`MOST_FILES`]; words give none.
    Files,
    /// Another ticket, from a menu that offers some.
    Ticket,
    /// A message, whose id the button carries.
    Message,
    /// An article, by its key, which a button may carry.
    Article,
    /// An outage, by its key, which a button may carry.
    Outage,
}

impl Takes {
    /// Whether a field of a form or of a command can hold it: else a button or menu carries it.
    #[must_use]
    pub const fn is_field(self) -> bool {
        match self {
            Self::Text
            | Self::Choice(_)
            | Self::Person
            | Self::Flag
            | Self::Date
            | Self::Future
            | Self::Files
            | Self::Article
            | Self::Outage => true,
            Self::Ticket | Self::Message => false,
        }
    }
}

/// What a form says around its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormWords {
    /// Its title, at most 24 characters (Slack); `{key}` stands for the ticket's key.
    pub title: &'static str,
    /// What the button that sends it says, at most 24 characters.
    pub submit: &'static str,
}

/// An emoji, as the platforms call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emoji {
    /// Its name on Slack: `eyes`.
    pub slack: &'static str,
    /// Itself, as Discord has it.
    pub discord: &'static str,
}

/// An act as a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it does, at most 100 characters: for the lists of commands.
    pub says: &'static str,
    /// What it does for whoever asked: for the help; empty for commands of agents.
    pub helps: &'static str,
    /// Whether it is no command in the request's own thread: there plain words do the same.
    pub is_plain_in_thread: bool,
    /// Whether it takes no words and opens the act's form.
    pub opens_form: bool,
}

impl Command {
    /// A command of agents that does this.
    #[must_use]
    pub const fn new(says: &'static str) -> Self {
        Self { says, helps: "", is_plain_in_thread: false, opens_form: false }
    }

    /// The same, which opens the act's form.
    #[must_use]
    pub const fn opening_a_form(self) -> Self {
        Self { opens_form: true, ..self }
    }

    /// The same, which helps whoever asked so.
    #[must_use]
    pub const fn helping(self, helps: &'static str) -> Self {
        Self { helps, ..self }
    }
}

/// The name of an act, as buttons, forms and events carry it. It may be one that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActName(Cow<'static, str>);

impl ActName {
    /// The act of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The name as text, known to this version or not.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A subject as a button or form carries it: by an id that no restored database gives to another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SubjectRef {
    /// A ticket, by its key and the uid that no restore gives twice.
    Ticket(TicketTag),
}

impl From<TicketTag> for SubjectRef {
    fn from(tag: TicketTag) -> Self {
        Self::Ticket(tag)
    }
}

impl fmt::Display for SubjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(tag) => tag.fmt(f),
        }
    }
}

/// An act on a subject: what a button, menu or form carries. Its text is `claim:IT-1042~u` and the ticket's uid, then `~m` and a
/// message's id, then `~d` and a draft's id, each where there is one; a renderer may append `~` and a mark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Stored")]
pub struct ActRef {
    /// Which act is done; this version may not know it.
    pub act: ActName,
    /// What it is done to.
    pub on: Option<SubjectRef>,
    /// The platform's id of the message that it is about, where it is about one.
    pub with: Option<String>,
    /// What was filled in before, where its form was begun and not finished.
    pub draft: Option<DraftId>,
}

impl ActRef {
    /// The act, on nothing.
    #[must_use]
    pub const fn bare(act: ActName) -> Self {
        Self { act, on: None, with: None, draft: None }
    }

    /// The act, at the message of this id, which says what it is done to.
    #[must_use]
    pub fn at_message(act: ActName, message: impl Into<String>) -> Self {
        Self { with: Some(message.into()), ..Self::bare(act) }
    }

    /// What is given, and the message or article that the button or form carries.
    #[must_use]
    pub fn carried(&self, spec: &Spec, mut given: Given) -> Given {
        let param =
            spec.takes.iter().find(|param| matches!(param.takes, Takes::Message | Takes::Article | Takes::Outage));
        given.extend(param.zip(self.with.as_ref()).map(|(param, with)| (param.name.to_owned(), Value::text(with))));
        given
    }
}

impl fmt::Display for ActRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.act)?;
        if let Some(on) = &self.on {
            on.fmt(f)?;
        }
        if let Some(message) = &self.with {
            write!(f, "~m{message}")?;
        }
        match &self.draft {
            Some(draft) => write!(f, "~d{}", draft.as_str()),
            None => Ok(()),
        }
    }
}

impl FromStr for ActRef {
    type Err = UnknownName;

    /// Reads what a button carries; whatever else follows a `~` is the renderer's.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (act, rest) = text.split_once(':').ok_or(UnknownName)?;
        let is_name = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-' | ' ');
        if act.is_empty() || !act.chars().all(is_name) {
            return Err(UnknownName);
        }
        // What an earlier version drew.
        let act = FORMER.iter().find(|(former, _)| *former == act).map_or(act, |(_, name)| name);
        let on = if rest.is_empty() || rest.starts_with('~') { None } else { Some(SubjectRef::Ticket(rest.parse()?)) };
        let part = |mark| rest.split('~').skip(1).find_map(move |part: &str| part.strip_prefix(mark));
        let (with, draft) = (part('m').map(str::to_owned), part('d').and_then(|id| DraftId::stored(id).ok()));
        Ok(Self { act: ActName::new(act), on, with, draft })
    }
}

/// Names that acts had in buttons that may still stand.
const FORMER: [(&str, &str); 4] = [("take", "claim"), ("more", "menu"), ("desk", "menu"), ("ask_again", "reopen")];

impl From<ActRef> for String {
    fn from(act: ActRef) -> Self {
        act.to_string()
    }
}

/// As it is stored, or was by an earlier version.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Fields {
        action: String,
        #[serde(flatten)]
        ticket: TicketTag,
        message: Option<String>,
    },
}

impl TryFrom<Stored> for ActRef {
    type Error = UnknownName;

    fn try_from(stored: Stored) -> Result<Self, UnknownName> {
        match stored {
            Stored::Text(text) => text.parse(),
            Stored::Fields { action, ticket, message } => {
                Ok(Self { with: message, ..format!("{action}:{ticket}").parse()? })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{TicketKey, TicketUid};

    #[test]
    fn what_a_button_carries_is_read_back() {
        let uid = TicketUid::of(&crate::domain::event::DedupeKey::stored("m:1".to_owned()));
        let tag = |uid: &TicketUid| TicketTag { key: TicketKey::new("IT", 1042), uid: uid.clone() };
        let subjects =
            [None, Some(SubjectRef::Ticket(tag(&uid))), Some(SubjectRef::Ticket(tag(&TicketUid::default())))];
        for name in ["claim", "not_a_request", "outage announce"] {
            let draft = DraftId::stored("0123456789abcdef").ok();
            for on in &subjects {
                for (with, draft) in [(None, None), (Some("1610241741.000200".to_owned()), None), (None, draft.clone())]
                {
                    let does = ActRef { act: ActName::new(name), on: on.clone(), with, draft };
                    assert_eq!(does.to_string().parse(), Ok(does.clone()));
                    for mark in ["~0", "~24", "~301ARZ3NDEKTSV4RRFFQ69G5FAV"] {
                        assert_eq!(format!("{does}{mark}").parse(), Ok(does.clone()));
                    }
                    let stored = serde_json::to_string(&does).expect("is written");
                    assert_eq!(serde_json::from_str::<ActRef>(&stored).ok(), Some(does));
                }
            }
        }
        let claim = "claim:IT-7".parse::<ActRef>();
        assert_eq!("take:IT-7".parse(), claim, "what an earlier version drew");
        let stored = r#"{"action":"take","ticket":"IT-7"}"#;
        assert_eq!(serde_json::from_str::<ActRef>(stored).ok(), claim.ok());
        for junk in ["", "claim", "claim:IT", ":IT-1", "claim:IT-1x", "claim:IT-1~u12", "claim:IT-1~uX", "Claim:IT-1"] {
            assert_eq!(junk.parse::<ActRef>(), Err(UnknownName), "{junk}");
        }
    }
}
