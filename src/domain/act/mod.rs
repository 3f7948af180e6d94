//! Acts: what people can do with the desk.
//!
//! Each act is declared once, by a [`Spec`] in the `acts.rs` of its capability. Buttons, menus, forms, Discord's
//! commands, the grammar of words, the help and the check of rights are made from these declarations.

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

/// The declaration of an act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// The act's name: the word of its command, which its buttons and forms carry. Two words are a group of commands
    /// and a command in it (`outage announce`).
    pub name: &'static str,
    /// Synonyms of the name in commands.
    pub synonyms: &'static [&'static str],
    /// The label of its button.
    pub label: &'static str,
    /// The style of its button.
    pub style: Style,
    /// The kind of subject that it is done to.
    pub on: On,
    /// The people who may do it.
    pub may: May,
    /// Its parameters, in the order of the fields in its form.
    pub takes: &'static [Param],
    /// The form that its button opens, if its arguments are typed in.
    pub form: Option<FormWords>,
    /// Its command. `None` if the act is no command.
    pub command: Option<Command>,
    /// Its label in the menu of a message, at most 24 characters (Slack). `None` if it is not in that menu.
    pub menu: Option<&'static str>,
    /// Its label in the menu of a person, at most 32 characters. `None` if it is not in that menu. Only Discord has
    /// such menus. The person whose menu was used becomes the value of the parameter that takes a person.
    pub person_menu: Option<&'static str>,
    /// The reaction to a message that does the act, if any. A reaction opens no form, so all parameters of such an act
    /// must be optional.
    pub sign: Option<Emoji>,
    /// The act's name in the audit. The act's function writes the entry (`Plan::update_with_audit`, `Plan::audit`).
    pub audit: &'static str,
    /// Whether the bot reports the act in the request's own thread or on the card. An actor who sees that needs no
    /// other answer.
    pub is_told: bool,
}

impl Spec {
    /// The defaults of an act, to be completed by struct update.
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

    /// Returns the act's name as buttons, forms and events carry it.
    #[must_use]
    pub const fn act(&self) -> ActName {
        ActName(Cow::Borrowed(self.name))
    }

    /// Returns the group of commands that it belongs to, if any, and its word in the group.
    #[must_use]
    pub fn path(&self) -> (Option<&'static str>, &'static str) {
        self.name.split_once(' ').map_or((None, self.name), |(group, word)| (Some(group), word))
    }

    /// Whether its button opens a form. The adapter opens the form at once; the submission is an event.
    #[must_use]
    pub const fn opens_form(&self) -> bool {
        self.form.is_some()
    }

    /// Returns the parameter that takes a person, if there is one.
    #[must_use]
    pub fn person(&self) -> Option<&'static Param> {
        self.takes.iter().find(|param| param.takes == Takes::Person)
    }

    /// Whether it takes words of the message whose menu was used. The adapter then gives them as [`SAID`].
    #[must_use]
    pub fn takes_message_words(&self) -> bool {
        self.takes.iter().any(|param| param.begins_with == Begins::Said)
    }

    /// Whether it takes free text.
    #[must_use]
    pub fn takes_words(&self) -> bool {
        self.takes.iter().any(|param| param.takes == Takes::Text)
    }

    /// Returns its parameters in the order in which a command gives them. Free text comes last: it takes the rest of
    /// the words.
    pub fn in_words(&self) -> impl Iterator<Item = &'static Param> {
        let is_text = |param: &&Param| param.takes == Takes::Text;
        let in_words = || self.takes.iter().filter(|param| !param.is_only_a_field);
        in_words().filter(move |param| !is_text(param)).chain(in_words().filter(is_text))
    }

    /// Returns its usage as a command, without a key: `resolve how it was solved`. Optional parameters are in brackets.
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

    /// Returns the act on this subject.
    #[must_use]
    pub fn on(&self, on: impl Into<SubjectRef>) -> ActRef {
        ActRef { on: Some(on.into()), ..ActRef::bare(self.act()) }
    }

    /// Returns its button on this subject.
    #[must_use]
    pub fn button(&self, on: impl Into<SubjectRef>) -> Control {
        self.labelled(self.label, on)
    }

    /// Returns its button on this subject, with another label.
    #[must_use]
    pub fn labelled(&self, label: &str, on: impl Into<SubjectRef>) -> Control {
        Control::button(label, self.on(on)).styled(self.style)
    }

    /// Returns its button on this subject, or its menu if its only parameter is a choice or a person.
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

/// The kind of subject that an act is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The act has no subject.
    Nothing,
    Ticket,
}

/// The people who may do an act. Whether they may know of its subject is checked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    Anyone,
    Requester,
    /// The requester, and people with this right.
    RequesterOr(Right),
    /// Everybody for themselves. If the act's arguments name another person: people with this right.
    OneselfOr(Right),
    /// People with this right.
    Has(Right),
    /// People with one of these rights.
    HasEither(Right, Right),
    /// The staff, whom the guard protects (agents are staff), and people who may set the guard.
    Staff,
}

impl May {
    /// Returns a short name of these people, for lists of commands.
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

/// A parameter of an act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// The parameter's name: that of the option in Discord's command and of the form's field.
    pub name: &'static str,
    /// The kind of value that it takes.
    pub takes: Takes,
    /// Whether it is required.
    pub is_required: bool,
    /// The description of the option in Discord's command, at most 100 characters.
    pub says: &'static str,
    /// The placeholder in the usage of the command.
    pub usage: &'static str,
    /// The label of the form's field, at most 45 characters (Discord).
    pub label: &'static str,
    /// The placeholder in the empty field, at most 100 characters.
    pub hint: &'static str,
    /// The initial value of the field.
    pub begins_with: Begins,
    /// Whether only a form's field can give it. In words it could be confused with something else.
    pub is_only_a_field: bool,
}

/// The initial value of a form's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    Empty,
    /// The last words of the requester, if the requester opens the form.
    LastWords,
    /// The value in the article that the button carries, if the person who opens the form may edit articles. Without it
    /// the form is not opened, since the submission replaces the former value.
    Article,
    /// The title of the ticket, if the ticket is not private and the person who opens the form is an agent.
    TicketTitle,
    /// The value in the outage that the button carries, if the person who opens the form may announce outages. Without
    /// it the form is not opened.
    Outage,
    /// The template of the settings for an outage that is over.
    Resolved,
    /// The first line of the message whose menu was used.
    Said,
    /// The key of the article that fits the ticket best, if the person who opens the form is an agent.
    Suggested,
}

impl Param {
    /// The defaults of a parameter, to be completed by struct update.
    pub const BASE: Self = Self {
        name: "",
        takes: Takes::Text,
        is_required: true,
        says: "",
        usage: "",
        label: "",
        hint: "",
        begins_with: Begins::Empty,
        is_only_a_field: false,
    };
}

/// The greatest number of files in a field, on both platforms.
pub const MOST_FILES: usize = 10;

/// The kind of value that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Free text, of one line or several.
    Text,
    /// One of these: (value, label).
    Choice(&'static [(&'static str, &'static str)]),
    /// One person, picked from the platform's list or mentioned.
    Person,
    /// A box to tick. Unticked means no.
    Flag,
    /// A date and time as people write it ([`when::read`](super::when::read)).
    Date,
    /// A date and time in the future.
    Future,
    /// Files, at most [`MOST_FILES`]. A command in words gives none.
    Files,
    /// Another ticket, chosen from a menu.
    Ticket,
    /// A message, whose id the button carries.
    Message,
    /// An article, by its key, which a button may carry.
    Article,
    /// An outage, by its key, which a button may carry.
    Outage,
}

impl Takes {
    /// Whether a form's field or a command's option can hold it. Else a button or menu carries it.
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

/// The texts of a form around its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormWords {
    /// Its title, at most 24 characters (Slack); `{key}` stands for the ticket's key.
    pub title: &'static str,
    /// The label of its submit button, at most 24 characters.
    pub submit: &'static str,
}

/// An emoji, as each platform writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emoji {
    /// Its name on Slack: `eyes`.
    pub slack: &'static str,
    /// The character, for Discord.
    pub discord: &'static str,
}

/// An act as a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The description in lists of commands, at most 100 characters.
    pub says: &'static str,
    /// The line in the help for requesters. Empty for commands of agents.
    pub helps: &'static str,
    /// Whether the command does not exist in the request's own thread, where plain words do the same.
    pub is_plain_in_thread: bool,
    /// Whether the command takes no words and opens the act's form.
    pub opens_form: bool,
}

impl Command {
    /// Returns a command of agents with this description.
    #[must_use]
    pub const fn new(says: &'static str) -> Self {
        Self { says, helps: "", is_plain_in_thread: false, opens_form: false }
    }

    /// Makes the command open the act's form.
    #[must_use]
    pub const fn opening_a_form(self) -> Self {
        Self { opens_form: true, ..self }
    }

    /// Sets the line of the command in the help.
    #[must_use]
    pub const fn helping(self, helps: &'static str) -> Self {
        Self { helps, ..self }
    }
}

/// The name of an act, as buttons, forms and events carry it. This version may not know the act.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActName(Cow<'static, str>);

impl ActName {
    /// Returns an act's name from a text.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// Returns the name as text.
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

/// A subject as a button or form carries it: by an id that no restored database gives to another subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SubjectRef {
    /// A ticket, by its key and its uid.
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

/// An act on a subject, as a button, menu or form carries it. Its text is `claim:IT-1042~u` and the ticket's uid, then
/// `~m` and a message's id, then `~d` and a draft's id, each only if there is one. A renderer may append `~` and a
/// mark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Stored")]
pub struct ActRef {
    /// The act. This version may not know it.
    pub act: ActName,
    /// The subject that it is done to, if any.
    pub on: Option<SubjectRef>,
    /// The platform's id of the message that it is about, or the key of the article or outage, if any.
    pub carried: Option<String>,
    /// The draft, if its form was begun and not finished.
    pub draft: Option<DraftId>,
}

impl ActRef {
    /// Returns the act without a subject.
    #[must_use]
    pub const fn bare(act: ActName) -> Self {
        Self { act, on: None, carried: None, draft: None }
    }

    /// Returns the act on the message of this id, which determines the subject.
    #[must_use]
    pub fn at_message(act: ActName, message: impl Into<String>) -> Self {
        Self { carried: Some(message.into()), ..Self::bare(act) }
    }

    /// Returns the given values together with the message, article or outage that the button or form carries.
    #[must_use]
    pub fn with_carried(&self, spec: &Spec, mut given: Given) -> Given {
        let param =
            spec.takes.iter().find(|param| matches!(param.takes, Takes::Message | Takes::Article | Takes::Outage));
        given.extend(
            param.zip(self.carried.as_ref()).map(|(param, carried)| (param.name.to_owned(), Value::text(carried))),
        );
        given
    }
}

impl fmt::Display for ActRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.act)?;
        if let Some(on) = &self.on {
            on.fmt(f)?;
        }
        if let Some(message) = &self.carried {
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

    /// Reads the text of a button. Other parts after a `~` are the renderer's and are skipped.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (act, rest) = text.split_once(':').ok_or(UnknownName)?;
        let is_name = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-' | ' ');
        if act.is_empty() || !act.chars().all(is_name) {
            return Err(UnknownName);
        }
        // Buttons of an earlier version carry a former name.
        let act = FORMER.iter().find(|(former, _)| *former == act).map_or(act, |(_, name)| name);
        let on = if rest.is_empty() || rest.starts_with('~') { None } else { Some(SubjectRef::Ticket(rest.parse()?)) };
        let part = |mark| rest.split('~').skip(1).find_map(move |part: &str| part.strip_prefix(mark));
        let (carried, draft) = (part('m').map(str::to_owned), part('d').and_then(|id| DraftId::stored(id).ok()));
        Ok(Self { act: ActName::new(act), on, carried, draft })
    }
}

/// Former names of acts, which buttons on the platforms may still carry, each with its present name.
const FORMER: [(&str, &str); 4] = [("take", "claim"), ("more", "menu"), ("desk", "menu"), ("ask_again", "reopen")];

impl From<ActRef> for String {
    fn from(act: ActRef) -> Self {
        act.to_string()
    }
}

/// The stored form of an [`ActRef`], of this version or of an earlier one.
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
                Ok(Self { carried: message, ..format!("{action}:{ticket}").parse()? })
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
                for (carried, draft) in
                    [(None, None), (Some("1610241741.000200".to_owned()), None), (None, draft.clone())]
                {
                    let does = ActRef { act: ActName::new(name), on: on.clone(), carried, draft };
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
