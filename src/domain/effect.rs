//! What the bot is to do, as the core decides it: intents, not calls.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::ReplyHandle;
use super::ids::{MessageRef, Person, PersonRef, Place, PlatformName, TicketId};
use super::limits;
use super::message::Message;

/// One intent, stored with the state that it follows from, and delivered later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The ticket that it is about, if any.
    pub ticket: Option<TicketId>,
    /// Not before this moment.
    pub not_before: Option<Timestamp>,
    /// What to do.
    pub what: EffectKind,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Post a message.
    Post {
        /// Where.
        to: Destination,
        /// What.
        message: Message,
        /// Who wants to know whether it was delivered.
        #[serde(default)]
        awaited: Option<Awaited>,
        /// The messages whose words it shows, one for each of its lines: if those change or go, it does too.
        #[serde(default, with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
        mirrors: Vec<MessageRef>,
        /// The name of a thread that may have to be started for it.
        #[serde(default)]
        thread_title: Option<String>,
        /// How urgent.
        urgency: Lane,
    },
    /// Make the ticket's card in this triage channel show the present state; post it if there is none yet.
    ShowCard {
        /// The triage channel.
        channel: Place,
    },
    /// Make what shows the words of a message under the ticket's card in this triage channel show them as they are now,
    /// or nothing if they are gone.
    RefreshMirror {
        /// The triage channel.
        channel: Place,
        /// The message.
        of: MessageRef,
    },
    /// Delete a message of the bot.
    Remove {
        /// Which.
        message: MessageRef,
    },
    /// Tell one person something that nobody else may see.
    Whisper {
        /// Whom.
        to: PersonRef,
        /// Near which place it is best seen.
        near: Option<Place>,
        /// How to answer a button, form or command.
        via: Option<ReplyHandle>,
        /// What.
        message: Message,
    },
    /// Answer somebody whose message was no request: privately where the platform can, else briefly. Holds no words of people.
    Hint {
        /// Whom.
        to: PersonRef,
        /// Where they wrote.
        place: Place,
        /// What they wrote.
        reply_to: MessageRef,
        /// What to say.
        message: Message,
    },
    /// Put a sign on somebody's message, or take it away: a reaction. It is no line, and says nothing to others.
    React {
        /// Which message.
        message: MessageRef,
        /// Which sign.
        sign: Sign,
        /// Whether it is to be there.
        is_on: bool,
    },
    /// Read what was said in a thread before (the last hundred messages).
    ReadThread {
        /// Which thread.
        place: Place,
        /// Up to and without this message.
        before: MessageRef,
    },
}

impl EffectKind {
    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Post { .. } => "post",
            Self::ShowCard { .. } => "show_card",
            Self::RefreshMirror { .. } => "refresh_mirror",
            Self::Remove { .. } => "remove",
            Self::Whisper { .. } => "whisper",
            Self::Hint { .. } => "hint",
            Self::React { .. } => "react",
            Self::ReadThread { .. } => "read_thread",
        }
    }

    /// Whether it shows a card.
    #[must_use]
    pub const fn is_card(&self) -> bool {
        matches!(self, Self::ShowCard { .. })
    }

    /// Whether it tells one person something that is shown nowhere else.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        matches!(self, Self::Whisper { .. } | Self::Hint { .. })
    }

    /// The platform that it is for.
    #[must_use]
    pub const fn platform(&self) -> PlatformName {
        match self {
            Self::Post { to: Destination::Place(place) | Destination::UnderCard(place), .. }
            | Self::ShowCard { channel: place }
            | Self::RefreshMirror { channel: place, .. }
            | Self::Hint { place, .. }
            | Self::ReadThread { place, .. } => place.platform(),
            Self::Remove { message } | Self::React { message, .. } => message.tenant.platform,
            Self::Whisper { to, .. } => to.platform,
        }
    }

    /// Whether it is nothing but a mirror of people's words, which others can be joined to while it waits.
    #[must_use]
    pub const fn is_mirror(&self) -> bool {
        match self {
            Self::Post { to: Destination::UnderCard(_), mirrors, awaited: None, .. } => !mirrors.is_empty(),
            _ => false,
        }
    }

    /// The messages whose words it shows.
    #[must_use]
    pub fn mirrors(&self) -> &[MessageRef] {
        match self {
            Self::Post { mirrors, .. } => mirrors,
            _ => &[],
        }
    }

    /// This and what `next` says after it, in one message; `None` if they are not lines of one mirror, or too much for
    /// one message.
    #[must_use]
    pub fn joined_with(&self, next: &Self) -> Option<Self> {
        let (
            Self::Post { to, message, mirrors, urgency, thread_title, .. },
            Self::Post { to: next_to, message: more, mirrors: more_mirrors, urgency: next_urgency, .. },
        ) = (self, next)
        else {
            return None;
        };
        let is_one_mirror = self.is_mirror()
            && next.is_mirror()
            && (to, urgency) == (next_to, next_urgency)
            && self.platform() == next.platform();
        if !is_one_mirror {
            return None;
        }
        let message = message.clone().and(more.clone());
        let mirrors = [mirrors.as_slice(), more_mirrors].concat();
        let fits = mirrors.len() <= limits::JOINED_LINES && message.room() <= joined_chars(self.platform());
        // Each line must be known by its message.
        (fits && message.lines.len() == mirrors.len()).then(|| Self::Post {
            to: to.clone(),
            message,
            awaited: None,
            mirrors,
            thread_title: thread_title.clone(),
            urgency: *urgency,
        })
    }

    /// What remains of it once the lines that show the words of `gone` are left out; `None` if nothing does.
    #[must_use]
    pub fn without(&self, gone: &[MessageRef]) -> Option<Self> {
        let mut rest = self.clone();
        if let Self::Post { mirrors, message, .. } = &mut rest
            && mirrors.iter().any(|of| gone.contains(of))
        {
            // Where it is not known whose words a line shows, all of them go.
            let is_known = mirrors.len() == message.lines.len();
            let mut stays = mirrors.iter().map(|of| is_known && !gone.contains(of)).collect::<Vec<_>>().into_iter();
            message.lines.retain(|_| stays.next().unwrap_or(false));
            mirrors.retain(|of| is_known && !gone.contains(of));
            if mirrors.is_empty() {
                return None;
            }
        }
        Some(rest)
    }
}

/// What is left of something that waits to be said.
#[derive(Clone, Debug, PartialEq)]
pub enum Remains {
    /// All of it: it is not theirs.
    Whole,
    /// This.
    Part(Box<EffectKind>),
    /// Nothing: it will not be said.
    Nothing,
}

/// Characters of lines that share a message.
#[must_use]
pub const fn joined_chars(platform: PlatformName) -> usize {
    match platform {
        PlatformName::Slack => limits::slack::JOINED_CHARS,
        PlatformName::Discord => limits::discord::JOINED_CHARS,
    }
}

/// One message as itself, several as a list: so earlier versions wrote one, and can read one.
mod one_or_more {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::MessageRef;

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Known {
        One(MessageRef),
        More(Vec<MessageRef>),
    }

    pub(super) fn serialize<S: Serializer>(all: &[MessageRef], to: S) -> Result<S::Ok, S::Error> {
        match all {
            [one] => one.serialize(to),
            all => all.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<MessageRef>, D::Error> {
        Ok(match Option::<Known>::deserialize(from)? {
            None => Vec::new(),
            Some(Known::One(one)) => vec![one],
            Some(Known::More(all)) => all,
        })
    }
}

/// A sign on a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The message was joined to a request.
    Joined,
}

/// Where a post goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// To this place.
    Place(Place),
    /// Into the thread under the ticket's card in this triage channel, once the card stands.
    UnderCard(Place),
}

/// A delivery that somebody waits for: its end comes back as an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// An agent's reply to the requester: shown as sent only once it is.
    Reply {
        /// The agent.
        by: Person,
        /// The agent's words.
        text: String,
    },
    /// What the requester must hear (that the request was heard, taken, resolved): a failure is told to the desk.
    Notice,
}

/// How urgent an effect is, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Answers to requesters.
    Answer = 0,
    /// What follows from claims and other acts of agents.
    Act = 1,
    /// Cards.
    Card = 2,
    /// Notes and mirrored lines.
    Note = 3,
    /// Broadcasts.
    Broadcast = 4,
}

/// A plain notice: the same message to each of these places, behind everything that somebody waits for.
pub fn notice(message: &Message, channels: &[Place]) -> impl Iterator<Item = Effect> {
    channels.iter().map(|place| Effect {
        ticket: None,
        not_before: None,
        what: EffectKind::Post {
            to: Destination::Place(place.clone()),
            message: message.clone(),
            awaited: None,
            mirrors: Vec::new(),
            thread_title: None,
            urgency: Lane::Broadcast,
        },
    })
}

impl Effect {
    /// An intent about a ticket, to be done at once.
    #[must_use]
    pub const fn about(ticket: TicketId, what: EffectKind) -> Self {
        Self { ticket: Some(ticket), not_before: None, what }
    }

    /// How urgent it is.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match &self.what {
            EffectKind::Post { urgency, .. } => *urgency,
            EffectKind::Whisper { .. } | EffectKind::Hint { .. } | EffectKind::React { .. } => Lane::Answer,
            EffectKind::ShowCard { .. } => Lane::Card,
            EffectKind::RefreshMirror { .. } | EffectKind::Remove { .. } | EffectKind::ReadThread { .. } => Lane::Note,
        }
    }

    /// Effects of the same order key are delivered one after another, in the order in which they were decided.
    #[must_use]
    pub fn order_key(&self) -> String {
        let ticket = self.ticket.map_or_else(String::new, |ticket| ticket.0.to_string());
        match &self.what {
            // What waits its turn in a long notice holds up nothing that is said there meanwhile.
            EffectKind::Post { to: Destination::Place(place), urgency: Lane::Broadcast, .. } => {
                format!("all:{}", at(place))
            }
            EffectKind::Post { to: Destination::Place(place), .. } => at(place),
            EffectKind::Post { to: Destination::UnderCard(channel), .. }
            | EffectKind::ShowCard { channel }
            | EffectKind::RefreshMirror { channel, .. } => {
                format!("card:{ticket}:{}:{}", channel.platform(), channel.channel())
            }
            EffectKind::Remove { message } => {
                format!("rm:{}:{}:{}", message.tenant.platform, message.channel, message.id)
            }
            EffectKind::React { message, .. } => {
                format!("sign:{}:{}:{}", message.tenant.platform, message.channel, message.id)
            }
            EffectKind::Whisper { to, .. } => format!("to:{to}"),
            EffectKind::Hint { to, .. } => format!("to:{to}"),
            EffectKind::ReadThread { place, .. } => format!("read:{}", at(place)),
        }
    }
}

/// Effects of one gate mostly wait for the same limit of their platform: a gate whose limit is used up need not be looked at
/// again before there is room. Gates are few, whatever the number of effects and conversations, since a look steps from one
/// to the next. It is a guess, made when the effect is decided; who delivers corrects it where it was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gate(pub String);

impl Effect {
    /// The gate of this effect. `is_new`: nothing is known of its ticket but that it has just been opened, so that its card
    /// is a post.
    #[must_use]
    pub fn gate(&self, is_new: bool) -> Gate {
        // Slack counts posts by channel, Discord by thread: a gate for each thread or person would be too many.
        let posts_in = |place: &Place| match (place.platform(), place.root()) {
            _ if place.is_direct() => "direct".to_owned(),
            (PlatformName::Discord, Some(_)) => "thread".to_owned(),
            (PlatformName::Slack, _) | (PlatformName::Discord, None) => format!("post:{}", place.channel()),
        };
        let what = match &self.what {
            _ if self.lane() == Lane::Broadcast => "all".to_owned(),
            EffectKind::Post { to: Destination::Place(place), .. } => posts_in(place),
            EffectKind::Post { to: Destination::UnderCard(channel), .. } => match channel.platform() {
                PlatformName::Slack => format!("post:{}", channel.channel()),
                PlatformName::Discord => "thread".to_owned(),
            },
            EffectKind::ShowCard { channel } if is_new => format!("post:{}", channel.channel()),
            EffectKind::ShowCard { .. } | EffectKind::RefreshMirror { .. } => "change".to_owned(),
            EffectKind::Remove { .. } => "remove".to_owned(),
            EffectKind::React { .. } => "sign".to_owned(),
            EffectKind::Whisper { .. } => "whisper".to_owned(),
            EffectKind::Hint { place, .. } => match place.platform() {
                PlatformName::Slack => "whisper".to_owned(),
                PlatformName::Discord => posts_in(place),
            },
            EffectKind::ReadThread { .. } => "read".to_owned(),
        };
        Gate(format!("{}{what}", self.lane() as i64))
    }
}

/// Slack orders by thread, Discord by channel (a thread is one): the same text for both.
fn at(place: &Place) -> String {
    format!("{}:{}:{}", place.platform(), place.channel(), place.root().unwrap_or_default())
}

/// Why something can never be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undeliverable {
    /// The person accepts no direct messages from the bot.
    #[error("direct messages are closed")]
    DirectClosed,
    /// The person's account was deactivated: nobody reads there.
    #[error("the account is deactivated")]
    Deactivated,
    /// The channel is archived, or the bot is not (any more) in it, or may not write there.
    #[error("the channel cannot be written to")]
    ChannelClosed,
    /// The channel is gone.
    #[error("the channel is gone")]
    ChannelGone,
    /// Thread, message or person is gone.
    #[error("it is gone")]
    Gone,
    /// The answer came too late (an expired interaction).
    #[error("too late to answer")]
    Expired,
    /// The bot lacks a scope or permission.
    #[error("a permission is missing")]
    NotPermitted,
    /// The platform found the message invalid: a fault of ours.
    #[error("the platform refused the message")]
    Invalid,
    /// This place alone refused it again and again, while others took what was theirs.
    #[error("it is refused again and again")]
    Stuck,
    /// It was written by another version of this program, or is damaged.
    #[error("it cannot be read by this version")]
    Unreadable,
    /// It was tried, or held, for too long.
    #[error("it was held for too long")]
    GivenUp,
}

impl Undeliverable {
    /// Whether an operator can mend it: a right, a scope, a channel. Then it is held, not ended.
    #[must_use]
    pub const fn is_mendable(self) -> bool {
        match self {
            Self::ChannelClosed | Self::ChannelGone | Self::NotPermitted | Self::Stuck | Self::Unreadable => true,
            Self::DirectClosed | Self::Deactivated | Self::Gone | Self::Expired | Self::Invalid | Self::GivenUp => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::{Conversation, Tenant};
    use super::super::message::{Line, Span};
    use super::*;

    fn place(platform: PlatformName, id: &str) -> Place {
        let tenant = Tenant { platform, id: "T1".to_owned() };
        Place { tenant, at: Conversation::Channel { channel: id.to_owned() } }
    }

    fn of(id: &str) -> MessageRef {
        let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
        MessageRef { tenant, channel: "C1".to_owned(), id: id.to_owned() }
    }

    fn line(channel: &Place, id: &str, words: &str) -> EffectKind {
        EffectKind::Post {
            to: Destination::UnderCard(channel.clone()),
            message: Message::new([Line(vec![Span::Quoted(words.to_owned())])]),
            awaited: None,
            mirrors: vec![of(id)],
            thread_title: None,
            urgency: Lane::Note,
        }
    }

    fn shown(what: &EffectKind) -> (Vec<&str>, Vec<String>) {
        let EffectKind::Post { message, mirrors, .. } = what else { panic!("{what:?}") };
        let words = |line: &Line| format!("{:?}", line.0);
        (mirrors.iter().map(|of| of.id.as_str()).collect(), message.lines.iter().map(words).collect())
    }

    #[test]
    fn lines_of_one_mirror_are_joined_in_order() {
        let desk = place(PlatformName::Slack, "C9");
        let joined = line(&desk, "1", "one").joined_with(&line(&desk, "2", "two")).expect("they are joined");
        let joined = joined.joined_with(&line(&desk, "3", "three")).expect("they are joined");
        let (mirrors, lines) = shown(&joined);
        assert_eq!(mirrors, ["1", "2", "3"]);
        assert_eq!(lines, ["one", "two", "three"].map(|words| format!("{:?}", [Span::Quoted(words.to_owned())])));
        assert!(joined.is_mirror());
    }

    #[test]
    fn what_is_no_line_of_the_same_mirror_is_not_joined() {
        let (desk, other) = (place(PlatformName::Slack, "C9"), place(PlatformName::Slack, "C8"));
        let one = line(&desk, "1", "one");
        let change = |change: fn(&mut EffectKind)| {
            let mut changed = line(&desk, "2", "two");
            change(&mut changed);
            changed
        };
        let apart = [
            line(&other, "2", "two"),
            change(|what| {
                if let EffectKind::Post { mirrors, .. } = what {
                    mirrors.clear();
                }
            }),
            change(|what| {
                if let EffectKind::Post { awaited, .. } = what {
                    *awaited = Some(Awaited::Notice);
                }
            }),
            change(|what| {
                if let EffectKind::Post { urgency, .. } = what {
                    *urgency = Lane::Answer;
                }
            }),
            change(|what| {
                if let EffectKind::Post { message, .. } = what {
                    message.lines.push(Line::said("a line of nobody"));
                }
            }),
            EffectKind::ShowCard { channel: desk.clone() },
            EffectKind::RefreshMirror { channel: desk.clone(), of: of("1") },
        ];
        for what in apart {
            assert_eq!(one.joined_with(&what), None, "{what:?}");
            assert_eq!(what.joined_with(&one), None, "{what:?}");
        }
    }

    #[test]
    fn only_what_fits_into_one_message_is_joined() {
        for (platform, most) in
            [(PlatformName::Slack, limits::slack::JOINED_CHARS), (PlatformName::Discord, limits::discord::JOINED_CHARS)]
        {
            let desk = place(platform, "9");
            // Each line ends with a line's end.
            // Long words stand apart, with a mark before each line and an end of the line before it.
            let marks = 12;
            let one = line(&desk, "1", &"x".repeat(most / 2 - 1 - marks));
            let other = line(&desk, "2", &"x".repeat(most / 2 - 1 - marks));
            assert!(one.joined_with(&other).is_some(), "{platform}");
            let half = most / 2 - marks;
            for words in ["x".repeat(half), "&".repeat(most / 10 + 1), "🦓".repeat(half / 2)] {
                assert_eq!(one.joined_with(&line(&desk, "2", &words)), None, "{platform}: {words}");
            }
        }
        let desk = place(PlatformName::Slack, "C9");
        let mut all = line(&desk, "1", "x");
        for number in 1..limits::JOINED_LINES {
            all = all.joined_with(&line(&desk, &number.to_string(), "x")).expect("there is room");
        }
        assert_eq!(all.joined_with(&line(&desk, "99", "x")), None);
    }

    #[test]
    fn lines_whose_words_are_gone_are_left_out() {
        let desk = place(PlatformName::Slack, "C9");
        let joined = line(&desk, "1", "one").joined_with(&line(&desk, "2", "two")).expect("they are joined");
        assert_eq!(joined.without(&[of("1")]), Some(line(&desk, "2", "two")));
        assert_eq!(joined.without(&[of("9")]).as_ref(), Some(&joined));
        assert_eq!(joined.without(&[of("1"), of("2")]), None);
        let card = EffectKind::ShowCard { channel: desk };
        assert_eq!(card.without(&[of("1")]), Some(card));
    }

    #[test]
    fn earlier_versions_and_this_one_read_each_others_lines() {
        let desk = place(PlatformName::Slack, "C9");
        let one = line(&desk, "1", "one");
        let mut json = serde_json::to_value(&one).expect("JSON");
        assert_eq!(json["post"]["mirrors"], serde_json::to_value(of("1")).expect("JSON"), "one message, as ever");
        assert_eq!(serde_json::from_value::<EffectKind>(json.clone()).expect("it is read"), one);
        let joined = one.joined_with(&line(&desk, "2", "two")).expect("they are joined");
        let both = serde_json::to_value(&joined).expect("JSON");
        assert_eq!(serde_json::from_value::<EffectKind>(both).expect("it is read"), joined);
        // What mirrors nothing says so, or says nothing of it.
        json["post"]["mirrors"] = serde_json::Value::Null;
        let none = serde_json::from_value::<EffectKind>(json.clone()).expect("it is read");
        assert_eq!(shown(&none).0, [""; 0]);
        json["post"].as_object_mut().expect("fields").remove("mirrors");
        assert_eq!(serde_json::from_value::<EffectKind>(json).expect("it is read"), none);
    }
}
