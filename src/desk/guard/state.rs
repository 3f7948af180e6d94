//! Pings of staff, and the guard's rulings about them: pure.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Timestamp;

use crate::asking::{Classifier, Context, Reason};
use crate::desk::on_call::state::OnCall;
use crate::domain::event::Said;
use crate::domain::ids::{MessageRef, Person, PersonRef, PingId, Place, PlatformName, TicketKey};
use crate::domain::permission::{GroupRef, Roster};
use crate::domain::rules::{GuardMode, Rules};

/// How many messages before a ping are read.
pub const LOOKED_BACK: u8 = 15;

/// Tells requests for help from other talk. `None` if its model cannot be read, which a test excludes; then no message
/// counts as a request.
pub static CLASSIFIER: LazyLock<Option<Classifier>> = LazyLock::new(|| Classifier::built_in().ok());

/// A message that pings staff.
#[derive(Clone, Debug, PartialEq)]
pub struct Ping {
    /// Its id.
    pub id: PingId,
    /// The message.
    pub message: MessageRef,
    /// The place of the message.
    pub place: Place,
    /// The author.
    pub author: PersonRef,
    /// The staff who are pinged: accounts, and groups as the settings write them.
    pub staff: Vec<String>,
    /// When it was written.
    pub at: Timestamp,
    /// The guard mode of the place when the ping was written.
    pub mode: GuardMode,
    /// The probability that the message asks for help, given the messages before it.
    pub probability: Option<f32>,
    /// The strongest reasons for or against that.
    pub why: Vec<Reason>,
    /// The guard's ruling.
    pub ruling: Ruling,
    /// When the author was told.
    pub told_at: Option<Timestamp>,
    /// What became of the ping.
    pub end: Option<End>,
    /// The ticket that the ping became.
    pub ticket: Option<TicketKey>,
}

impl Ping {
    /// Returns the names to count in the metrics when the ping is kept: the ruling, if it is new, and what became of
    /// the ping.
    #[must_use]
    pub fn counts(&self) -> (Option<&'static str>, Vec<&'static str>) {
        let is_judged = self.ruling != Ruling::Waiting && matches!(self.end, None | Some(End::Routed));
        let ruling = Some(self.ruling.name()).filter(|_| is_judged);
        let asked = Some("asked").filter(|_| self.end.is_none() && self.told_at.is_some());
        (ruling, asked.into_iter().chain(self.end.map(End::name)).collect())
    }
}

/// Declares an enum whose values have names in the database.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $one:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $one,)+
        }

        impl $name {
            /// Returns the name in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$one => $text,)+
                }
            }

            /// Returns the value of this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$one),)+
                    _ => None,
                }
            }
        }
    };
}

named! {
    /// The guard's ruling about a ping.
    Ruling {
        /// The ruling waits for the messages before the ping, which are being read.
        Waiting = "waiting",
        /// The message asks for help.
        Request = "request",
        /// The message asks for help, and there is a request already.
        WithDesk = "with_desk",
        /// The message is talk.
        Talk = "talk",
        /// The message answers a message of the person that it pings.
        Answer = "answer",
        /// A person that is pinged takes part in the conversation.
        TakesPart = "takes_part",
        /// The author has said of a similar ping that it was no request.
        Quiet = "quiet",
        /// The author does not want to be asked in this channel.
        OptedOut = "opted_out",
        /// The author was told about another ping a moment ago.
        Recently = "recently",
        /// The people who are pinged want to be pinged in this channel.
        Wanted = "wanted",
        /// A person who is pinged is on call, and the message is about an announced outage.
        OnCall = "on_call",
        /// The message was written in hours in which the guard lets pings pass.
        Hours = "hours",
        /// The messages before it could not be read, or not in time.
        Unread = "unread",
    }
}

named! {
    /// What became of a ping.
    End {
        /// The author made it a request.
        Accepted = "accepted",
        /// The author made it an urgent request.
        Urgent = "urgent",
        /// The guard made it a request.
        Routed = "routed",
        /// The author said that it is no request.
        Dismissed = "dismissed",
        /// The author addressed the desk by an edit of the message.
        Addressed = "addressed",
    }
}

/// What is known about a ping when the guard decides about it.
#[derive(Clone, Debug, Default)]
pub struct Pinged {
    /// The staff who are pinged: accounts, and groups as the settings write them.
    pub staff: Vec<String>,
    /// When the author was last told about a ping of theirs, in any place.
    pub told_at: Option<Timestamp>,
    /// Whether the author is left alone, having said of a ping of these people that it was no request.
    pub is_quiet: bool,
    /// Whether the author does not want to be asked in this channel.
    pub is_out: bool,
    /// The guard mode of the place.
    pub mode: GuardMode,
    /// The guard mode that was last announced there.
    pub announced: GuardMode,
    /// Accounts of the staff who were not told yet how the guard works. Only filled if the mode is to be announced
    /// there.
    pub untold: Vec<PersonRef>,
    /// Whether all people who are pinged want to be pinged in this channel.
    pub is_wanted: bool,
    /// When the first of the people who are pinged comes back. `None` if any of them is not away.
    pub away_until: Option<Timestamp>,
    /// Who is on call.
    pub on_call: Vec<OnCall>,
    /// Whether one of the people who are pinged is on call, and the words are about an announced outage.
    pub is_about_outage: bool,
}

/// What is needed to set the guard mode of a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// The mode that a command has set before.
    pub mode: Option<GuardMode>,
    /// The mode that was last announced there.
    pub announced: GuardMode,
    /// Accounts of the staff who were not told yet how the guard works.
    pub untold: Vec<PersonRef>,
    /// Whether the bot is known to be unable to read or write in the channel.
    pub is_deaf: bool,
}

/// Whether a change of mode is announced: in at least one of the two modes, the guard speaks to people who ping staff.
#[must_use]
pub fn is_news(before: GuardMode, after: GuardMode) -> bool {
    after != before && (speaks(after) || speaks(before))
}

/// Whether the guard speaks, in this mode, to people who ping staff with a request.
#[must_use]
pub const fn speaks(mode: GuardMode) -> bool {
    matches!(mode, GuardMode::Nudge | GuardMode::Route)
}

/// Returns the name of a channel as the settings write it: platform and id.
#[must_use]
pub fn channel_of(place: &Place) -> String {
    format!("{}:{}", place.platform(), place.channel())
}

/// Returns the staff that a message pings: by its own words, outside of quotations and code, or by being an answer to
/// them.
#[must_use]
pub fn staff_pinged(said: &Said, roster: &Roster, now: Timestamp) -> Vec<String> {
    let named = named(said);
    let names = |name: &str| named.contains(name);
    let people = said.mentions.iter().filter(|person| names(&person.name)).chain(&said.notifies);
    let platform = said.place.platform();
    let group = |id: &str| GroupRef { platform, id: id.to_owned() };
    let groups = said.groups.iter().filter(|group| names(&group.name)).map(|mentioned| group(&mentioned.id));
    let mut staff: Vec<String> = people
        .filter(|person| !roster.same(&person.who, &said.author.who) && roster.is_staff(person, now))
        .map(|person| person.who.to_string())
        .collect();
    let groups = groups.filter(|group| roster.is_staff_group(group));
    staff.extend(groups.map(|group| group_name(&group)));
    staff.sort();
    staff.dedup();
    staff
}

fn group_name(group: &GroupRef) -> String {
    match group.platform {
        PlatformName::Slack => format!("slack:group:{}", group.id),
        PlatformName::Discord => format!("discord:role:{}", group.id),
    }
}

/// Returns the mentioned names that stand outside of quotations and code. Longer names are searched first, since one
/// name may be the beginning of another.
fn named(said: &Said) -> HashSet<&str> {
    let people = said.mentions.iter().map(|person| person.name.as_str());
    let mut names: Vec<&str> = people.chain(said.groups.iter().map(|group| group.name.as_str())).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let (mut own, mut found) = (own_words(&said.text), HashSet::new());
    for name in names {
        let mention = format!("@{name}");
        if own.contains(&mention) {
            own = own.replace(&mention, " ");
            found.insert(name);
        }
    }
    found
}

/// Returns the words without quoted lines and code.
fn own_words(text: &str) -> String {
    // On Discord `>>>` quotes everything that follows.
    let said = text.lines().take_while(|line| !line.trim_start().starts_with(">>>"));
    let unquoted = said.filter(|line| !line.trim_start().starts_with('>')).collect::<Vec<_>>().join("\n");
    // Odd pieces between ticks are code, first of blocks, then within lines. An unpaired tick does not begin code.
    let outside = |text: &str, tick: &str| {
        let pieces: Vec<&str> = text.split(tick).collect();
        let last = pieces.len() - 1;
        let own = pieces.iter().enumerate().filter(|(at, _)| at % 2 == 0 || *at == last);
        own.map(|(_, piece)| *piece).collect::<Vec<_>>().join(" ")
    };
    let without_blocks = outside(&unquoted, "```");
    without_blocks.lines().map(|line| outside(line, "`")).collect::<Vec<_>>().join("\n")
}

/// Returns the words for the classifier. Names of people and groups are replaced by a placeholder.
#[must_use]
pub fn judged_words(said: &Said) -> String {
    let mut names: Vec<&str> = said.mentions.iter().map(|person| person.name.as_str()).collect();
    names.extend(said.groups.iter().map(|group| group.name.as_str()));
    // Longer names first, since one name may be the beginning of another.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.iter().fold(said.text.clone(), |text, name| text.replace(&format!("@{name}"), "<@U>"))
}

/// Returns what the classifier counts of the messages before a ping within the talk window, and whether a person who is
/// pinged takes part in the conversation.
#[must_use]
pub fn context(ping: &Ping, before: &[Said], roster: &Roster, rules: &Rules) -> (Context, bool) {
    let account = |who: &PersonRef| who.to_string();
    let is_group = |staff: &String| staff.contains(":group:") || staff.contains(":role:");
    let pings_a_group = ping.staff.iter().any(is_group);
    let is_pinged = |person: &Person| {
        ping.staff.contains(&account(&person.who)) || (pings_a_group && roster.is_staff(person, ping.at))
    };
    // The author of a thread's root takes part in the thread, however old it is.
    let root = before.iter().find(|said| Some(said.message.id.as_str()) == ping.place.root());
    let is_their_thread = root.is_some_and(|said| is_pinged(&said.author));
    let since = ping.at.checked_sub(rules.guard.talk_window).unwrap_or(Timestamp::MIN);
    let before: Vec<&Said> = before.iter().filter(|said| said.at >= since).collect();
    let is_author = |person: &Person| roster.same(&person.who, &ping.author);
    let count = |is: &dyn Fn(&Person) -> bool| {
        u8::try_from(before.iter().filter(|said| is(&said.author)).count()).unwrap_or(u8::MAX)
    };
    let of_mentioned = count(&is_pinged);
    // A person who has only written into the channel takes part in no conversation.
    let spoke = |who: &Person| before.iter().any(|said| roster.same(&said.author.who, &who.who));
    let is_heard = before.iter().any(|said| {
        let mut named = said.mentions.iter().chain(&said.notifies);
        if is_author(&said.author) { named.any(spoke) } else { named.any(is_author) }
    });
    let last = before.last();
    let quiet = last.map_or(60, |last| ping.at.duration_since(last.at).as_mins().clamp(0, 60));
    let context = Context {
        mentioned_spoke: of_mentioned > 0,
        of_mentioned,
        of_writer: if is_heard { count(&is_author) } else { 0 },
        other_asked: before.iter().rev().find(|said| !is_author(&said.author)).is_some_and(|it| it.text.contains('?')),
        writer_was_mentioned: before.iter().any(|said| said.mentions.iter().any(is_author)),
        goes_on: is_heard && last.is_some_and(|said| is_author(&said.author)),
        quiet_minutes: u8::try_from(quiet).unwrap_or(60),
    };
    let lately = || before.iter().filter(|said| is_pinged(&said.author));
    // In a thread everybody talks with everybody. In a channel only people who name or answer each other do.
    let takes_part = match ping.place.root() {
        Some(_) => is_their_thread || lately().next().is_some(),
        None => lately().any(|said| said.mentions.iter().chain(&said.notifies).any(is_author)),
    };
    (context, takes_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Mentioned;
    use crate::domain::ids::{Conversation, Tenant};
    use crate::domain::permission::Principal;

    fn account(id: &str) -> PersonRef {
        PersonRef::new(PlatformName::Slack, id)
    }

    fn said(text: &str) -> Said {
        let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
        Said {
            author: Person::new(account("U9"), "Ana"),
            place: Place { tenant: tenant.clone(), at: Conversation::Channel { channel: "C1".to_owned() } },
            message: MessageRef { tenant, channel: "C1".to_owned(), id: "5.2".to_owned() },
            at: Timestamp::UNIX_EPOCH,
            text: text.to_owned(),
            mentions: vec![Person::new(account("U1"), "Mia"), Person::new(account("U2"), "Mia Wong")],
            groups: vec![Mentioned { id: "S1".to_owned(), name: "it-desk".to_owned() }],
            notifies: None,
            mentions_bot: false,
            reply_to: None,
            files: Vec::new(),
        }
    }

    fn pinged(text: &str) -> Vec<String> {
        let staff = ["U1", "U2"].map(|id| Principal::Person(account(id)));
        let group = Principal::Group(GroupRef { platform: PlatformName::Slack, id: "S1".to_owned() });
        let roster = Roster { agents: staff.into_iter().chain([group]).collect(), ..Roster::default() };
        staff_pinged(&said(text), &roster, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_mention_counts_outside_of_quotations_and_code() {
        assert_eq!(pinged("@Mia can you help?"), ["slack:U1"]);
        assert_eq!(pinged("@Mia Wong and @it-desk, please"), ["slack:U2", "slack:group:S1"]);
        assert_eq!(pinged("I`m stuck @Mia, can you help?"), ["slack:U1"], "a tick by itself is none of code");
        assert_eq!(pinged("> @Mia said so\n@Mia Wong please"), ["slack:U2"], "a name may begin like another");
        for nobody in ["", "> @Mia help", "`@Mia`", "```\n@Mia Wong\n```", ">>> one\n@Mia two", "mia wong"] {
            assert_eq!(pinged(nobody), Vec::<String>::new(), "{nobody}");
        }
    }

    #[test]
    fn names_give_nothing_away() {
        assert_eq!(judged_words(&said("@Mia Wong, @Mia: help @it-desk")), "<@U>, <@U>: help <@U>");
    }
}
