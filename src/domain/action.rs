//! What buttons and menus do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::form::FormKind;
use super::ids::{TicketTag, UnknownName};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What a button or menu does with a ticket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in a button's id and in the audit.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// The requester adds something (a form).
    AddDetails = "details",
    /// The requester takes the request back.
    Cancel = "cancel",
    /// The requester wants a cancelled request after all.
    AskAgain = "ask_again",
    /// What was just said directly is a request of its own (a form).
    NewRequest = "new_request",
    /// A message that was joined to a request is one of its own.
    OwnRequest = "own_request",
    /// This request belongs to another one of the same requester.
    BelongsTo = "belongs_to",
    /// The agents' menu in a public thread.
    DeskMenu = "desk",
    /// The agents' menu on a card.
    More = "more",
    /// An agent takes the ticket.
    Take = "take",
    /// An agent says that this is no request.
    NotARequest = "not_a_request",
    /// An agent answers the requester (a form).
    Reply = "reply",
    /// An agent gives it to somebody (a choice of people).
    Assign = "assign",
    /// An agent gives it back to the queue.
    Release = "release",
    /// An agent waits for somebody (a form).
    Pending = "pending",
    /// An agent resolves it (a form).
    Resolve = "resolve",
    /// It is not done after all.
    Reopen = "reopen",
    /// An agent sets the priority (a choice).
    SetPriority = "priority",
    /// Somebody wants to see it.
    Show = "show",
}

impl Action {
    /// The form that it opens, if it does: the adapter opens it at once, and what is submitted is an event of its own.
    #[must_use]
    pub const fn opens(self) -> Option<FormKind> {
        match self {
            Self::AddDetails => Some(FormKind::Details),
            Self::NewRequest => Some(FormKind::NewRequest),
            Self::Reply => Some(FormKind::Reply),
            Self::Pending => Some(FormKind::Pending),
            Self::Resolve => Some(FormKind::Resolve),
            Self::Cancel
            | Self::OwnRequest
            | Self::AskAgain
            | Self::BelongsTo
            | Self::DeskMenu
            | Self::More
            | Self::Take
            | Self::NotARequest
            | Self::Assign
            | Self::Release
            | Self::Reopen
            | Self::SetPriority
            | Self::Show => None,
        }
    }
}

/// An action on a ticket. Its text (`take:IT-1042~u` and the ticket's uid) is what a button carries; a renderer may
/// append `~` and a mark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TicketAction {
    /// What.
    pub action: Action,
    /// On which ticket.
    #[serde(flatten)]
    pub ticket: TicketTag,
    /// The platform's id of the message that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl TicketAction {
    /// An action on a ticket as a whole.
    #[must_use]
    pub const fn new(action: Action, ticket: TicketTag) -> Self {
        Self { action, ticket, message: None }
    }
}

impl fmt::Display for TicketAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action.as_str(), self.ticket)?;
        match &self.message {
            Some(message) => write!(f, "~m{message}"),
            None => Ok(()),
        }
    }
}

impl FromStr for TicketAction {
    type Err = UnknownName;

    /// Reads what a button carries; whatever else follows a `~` is the renderer's.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (action, ticket) = text.split_once(':').ok_or(UnknownName)?;
        let action = Action::ALL.iter().find(|known| known.as_str() == action).ok_or(UnknownName)?;
        let message = ticket.split('~').skip(1).find_map(|part| part.strip_prefix('m')).map(str::to_owned);
        Ok(Self { action: *action, ticket: ticket.parse()?, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{TicketKey, TicketUid};

    #[test]
    fn what_a_button_carries_is_read_back() {
        let key = TicketKey::new("IT", 1042);
        for action in Action::ALL {
            for uid in [TicketUid::default(), TicketUid::of(&crate::domain::event::DedupeKey::stored("m:1".to_owned()))]
            {
                for message in [None, Some("1610241741.000200".to_owned())] {
                    let ticket = TicketTag { key: key.clone(), uid: uid.clone() };
                    let does = TicketAction { action: *action, ticket, message };
                    assert_eq!(does.to_string().parse(), Ok(does.clone()));
                    for mark in ["~0", "~24", "~301ARZ3NDEKTSV4RRFFQ69G5FAV"] {
                        assert_eq!(format!("{does}{mark}").parse(), Ok(does.clone()));
                    }
                    let stored = serde_json::to_string(&does).expect("is written");
                    assert_eq!(serde_json::from_str::<TicketAction>(&stored).ok(), Some(does));
                }
            }
        }
        for junk in ["", "take", "take:", "take:IT", "fly:IT-1", ":IT-1", "take:IT-1x", "take:IT-1~u12", "take:IT-1~uX"]
        {
            assert_eq!(junk.parse::<TicketAction>(), Err(UnknownName), "{junk}");
        }
    }

    #[test]
    fn a_button_of_an_earlier_version_is_read() {
        let does = serde_json::from_str::<TicketAction>(r#"{"action":"take","ticket":"IT-7"}"#).expect("is read");
        assert_eq!(does, TicketAction::new(Action::Take, TicketKey::new("IT", 7).into()));
    }
}
