//! Pings of staff, the guard's rulings about them, and the context of a ping for the classifier: pure.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Timestamp;

use crate::asking::{Classifier, Context, Reason};
use crate::desk::on_call::state::OnCall;
use crate::domain::event::Said;
use crate::domain::ids::{MessageRef, Person, PersonRef, PingId, Place, PlatformName, TicketKey};
use crate::domain::permission::{GroupRef, Roster};
use crate::domain::rules::{GuardMode, Rules};

/// How many messages before a ping are read to judge it.
pub const LOOKED_BACK: u8 = 15;

/// The built-in classifier, which tells requests for help from other talk. `None` if its model cannot be read (a test
/// makes sure that it can): then no message counts as a request.
pub static CLASSIFIER: LazyLock<Option<Classifier>> = LazyLock::new(|| Classifier::built_in().ok());

/// A message that pings staff.
#[derive(Clone, Debug, PartialEq)]
pub struct Ping {
    pub id: PingId,
    pub message: MessageRef,
    pub place: Place,
    pub author: PersonRef,
    /// The staff who are pinged: accounts, and groups as the settings write them.
    pub staff: Vec<String>,
    pub at: Timestamp,
    /// The guard mode of the place when the ping was written.
    pub mode: GuardMode,
    /// The probability that the message asks for help, given the messages before it.
    pub probability: Option<f32>,
    /// The strongest reasons for and against a request.
    pub why: Vec<Reason>,
    pub ruling: Ruling,
    /// When the author was asked, or told that the ping became a request.
    pub asked_at: Option<Timestamp>,
    /// What became of the ping.
    pub end: Option<PingOutcome>,
    pub ticket: Option<TicketKey>,
}

impl Ping {
    /// Returns what to count in the metrics when the ping is written: the name of the ruling, if it is new, and the
    /// names of what became of the ping.
    #[must_use]
    pub fn counts(&self) -> (Option<&'static str>, Vec<&'static str>) {
        let is_judged = self.ruling != Ruling::Waiting && matches!(self.end, None | Some(PingOutcome::Routed));
        let ruling = Some(self.ruling.name()).filter(|_| is_judged);
        let asked = Some("asked").filter(|_| self.end.is_none() && self.asked_at.is_some());
        (ruling, asked.into_iter().chain(self.end.map(PingOutcome::name)).collect())
    }
}

/// Declares an enum whose variants have names in the database.
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

            /// Returns the variant of this name.
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
        /// No ruling yet: the messages before the ping are being read.
        Waiting = "waiting",
        /// The message asks for help.
        Request = "request",
        /// The message asks for help, and there is a request already.
        WithDesk = "with_desk",
        /// The message does not ask for help, or no longer pings staff.
        Talk = "talk",
        /// The message answers a message of the person that it pings.
        Answer = "answer",
        /// A person who is pinged takes part in the conversation.
        TakesPart = "takes_part",
        /// The author has dismissed an earlier ping of some of these staff as no request.
        Quiet = "quiet",
        /// The author does not want to be asked in this channel.
        OptedOut = "opted_out",
        /// The author was asked or told about another ping less than `guard.notice_every` ago.
        Recently = "recently",
        /// The people who are pinged want to be pinged in this channel.
        Wanted = "wanted",
        /// A person who is pinged is on call, and the message is about an announced outage.
        OnCall = "on_call",
        /// The message was written in hours in which the guard lets pings pass (`guard.exempt_hours`).
        Hours = "hours",
        /// The ping is too old, or it and the messages before it could not be read in time.
        Unread = "unread",
    }
}

named! {
    /// What became of a ping.
    PingOutcome {
        /// The author made it a request.
        Accepted = "accepted",
        /// The author made it an urgent request.
        Urgent = "urgent",
        /// The guard made it a request.
        Routed = "routed",
        /// The author dismissed it as no request, or undid the request that it became.
        Dismissed = "dismissed",
        /// The author edited the message so that it addresses the desk.
        Addressed = "addressed",
    }
}

/// What is known about a ping when the guard decides about it.
#[derive(Clone, Debug, Default)]
pub struct PingContext {
    /// The staff who are pinged: accounts, and groups as the settings write them.
    pub staff: Vec<String>,
    /// When the author was last asked about a ping of theirs, or told what became of it, in any place.
    pub asked_at: Option<Timestamp>,
    /// Whether the author is not to be asked, having lately dismissed pings of each of these staff as no request.
    pub is_dismissed_lately: bool,
    /// Whether the author does not want to be asked in this channel.
    pub has_opted_out: bool,
    /// The guard mode of the place. Where the bot cannot write, a mode in which the guard speaks becomes `Observe`.
    pub mode: GuardMode,
    /// The guard mode that was last announced there.
    pub announced: GuardMode,
    /// One account of each member of the staff who was not told yet how the guard works. Only filled if the mode is to
    /// be announced there.
    pub untold: Vec<PersonRef>,
    /// Whether all people who are pinged want to be pinged in this channel.
    pub staff_want_pings: bool,
    /// When the first of the people who are pinged comes back. `None` if any of them is not away.
    pub away_until: Option<Timestamp>,
    pub on_call: Vec<OnCall>,
    /// Whether one of the people who are pinged is on call, and the message names a service with a running outage.
    pub is_about_outage: bool,
}

/// The data needed to set the guard mode of a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelGuard {
    /// The mode that a command has set there before.
    pub mode: Option<GuardMode>,
    /// The mode that was last announced there.
    pub announced: GuardMode,
    /// One account of each member of the staff who was not told yet how the guard works.
    pub untold: Vec<PersonRef>,
    /// Whether the bot is known to be unable to read or write in the channel.
    pub lacks_access: bool,
}

/// Whether a change of the guard mode is announced in the channel. It is if the guard speaks to people in the old or in
/// the new mode.
#[must_use]
pub fn is_news(before: GuardMode, after: GuardMode) -> bool {
    after != before && (speaks(after) || speaks(before))
}

/// Whether the guard speaks to people in this mode, rather than only counting their pings.
#[must_use]
pub const fn speaks(mode: GuardMode) -> bool {
    matches!(mode, GuardMode::Nudge | GuardMode::Route)
}

/// Returns the name of a place's channel as the settings write it, such as `slack:C0123`.
#[must_use]
pub fn channel_of(place: &Place) -> String {
    format!("{}:{}", place.platform(), place.channel())
}

/// Returns the staff that a message pings: by a mention outside of quotations and code, or as an answer that notifies
/// them. The author is left out.
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
    // On Discord, `>>>` at the start of a line quotes everything that follows.
    let said = text.lines().take_while(|line| !line.trim_start().starts_with(">>>"));
    let unquoted = said.filter(|line| !line.trim_start().starts_with('>')).collect::<Vec<_>>().join("\n");
    // Split at ticks, every second piece is code: first for blocks, then within each line. The last piece is never
    // code, since an unpaired tick does not begin any.
    let outside = |text: &str, tick: &str| {
        let pieces: Vec<&str> = text.split(tick).collect();
        let last = pieces.len() - 1;
        let own = pieces.iter().enumerate().filter(|(at, _)| at % 2 == 0 || *at == last);
        own.map(|(_, piece)| *piece).collect::<Vec<_>>().join(" ")
    };
    let without_blocks = outside(&unquoted, "```");
    without_blocks.lines().map(|line| outside(line, "`")).collect::<Vec<_>>().join("\n")
}

/// Returns the words for the classifier: the names of mentioned people and groups are replaced by the placeholder
/// `<@U>`.
#[must_use]
pub fn judged_words(said: &Said) -> String {
    let mut names: Vec<&str> = said.mentions.iter().map(|person| person.name.as_str()).collect();
    names.extend(said.groups.iter().map(|group| group.name.as_str()));
    // Longer names first, since one name may be the beginning of another.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.iter().fold(said.text.clone(), |text, name| text.replace(&format!("@{name}"), "<@U>"))
}

/// Returns the classifier's context of a ping, from the messages before it within `guard.talk_window`, and whether a
/// person who is pinged takes part in the conversation.
#[must_use]
pub fn context(ping: &Ping, before: &[Said], roster: &Roster, rules: &Rules) -> (Context, bool) {
    let account = |who: &PersonRef| who.to_string();
    let is_group = |staff: &String| staff.contains(":group:") || staff.contains(":role:");
    let pings_a_group = ping.staff.iter().any(is_group);
    let is_pinged = |person: &Person| {
        ping.staff.contains(&account(&person.who)) || (pings_a_group && roster.is_staff(person, ping.at))
    };
    // The author of a thread's root takes part in the thread, even if the root is older than the talk window.
    let root = before.iter().find(|said| Some(said.message.id.as_str()) == ping.place.root());
    let is_their_thread = root.is_some_and(|said| is_pinged(&said.author));
    let since = ping.at.checked_sub(rules.guard.talk_window).unwrap_or(Timestamp::MIN);
    let before: Vec<&Said> = before.iter().filter(|said| said.at >= since).collect();
    let is_author = |person: &Person| roster.same(&person.who, &ping.author);
    let count = |is: &dyn Fn(&Person) -> bool| {
        u8::try_from(before.iter().filter(|said| is(&said.author)).count()).unwrap_or(u8::MAX)
    };
    let of_mentioned = count(&is_pinged);
    // The author is in a conversation if they named or answered a person who wrote lately, or if somebody named or
    // answered them. To have written into the channel is not enough.
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
    // In a thread, whoever has written takes part. In a channel, a pinged person takes part only by naming or answering
    // the author.
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
        assert_eq!(pinged("I`m stuck @Mia, can you help?"), ["slack:U1"], "a single tick does not begin code");
        assert_eq!(pinged("> @Mia said so\n@Mia Wong please"), ["slack:U2"], "a name may begin another");
        for nobody in ["", "> @Mia help", "`@Mia`", "```\n@Mia Wong\n```", ">>> one\n@Mia two", "mia wong"] {
            assert_eq!(pinged(nobody), Vec::<String>::new(), "{nobody}");
        }
    }

    #[test]
    fn names_give_nothing_away() {
        assert_eq!(judged_words(&said("@Mia Wong, @Mia: help @it-desk")), "<@U>, <@U>: help <@U>");
    }
}
