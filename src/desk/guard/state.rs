//! Pings of staff, and what the guard makes of them: pure.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Timestamp;

use crate::asking::{Classifier, Context, Reason};
use crate::desk::on_call::state::OnCall;
use crate::domain::event::Said;
use crate::domain::ids::{MessageRef, Person, PersonRef, PingId, Place, PlatformName, TicketKey};
use crate::domain::permission::{GroupRef, Roster};
use crate::domain::rules::{GuardMode, Rules};

/// Messages before a ping that are looked at.
pub const LOOKED_BACK: u8 = 15;

/// Tells requests for help from other talk. `None` if its model cannot be read, which a test excludes: then nothing is one.
pub static CLASSIFIER: LazyLock<Option<Classifier>> = LazyLock::new(|| Classifier::built_in().ok());

/// A message that pings staff.
#[derive(Clone, Debug, PartialEq)]
pub struct Ping {
    /// Its id.
    pub id: PingId,
    /// The message.
    pub message: MessageRef,
    /// Where it stands.
    pub place: Place,
    /// Who wrote it.
    pub author: PersonRef,
    /// Whom it pings: accounts, and groups as the settings write them.
    pub staff: Vec<String>,
    /// When it was written.
    pub at: Timestamp,
    /// What was to become of pings there.
    pub mode: GuardMode,
    /// How likely it asks for help, and why, with what was said before.
    pub probability: Option<f32>,
    /// What spoke most for or against that.
    pub why: Vec<Reason>,
    /// What the guard made of it.
    pub ruling: Ruling,
    /// When its author was told.
    pub told_at: Option<Timestamp>,
    /// What came of it.
    pub end: Option<End>,
    /// The request that it became.
    pub ticket: Option<TicketKey>,
}

impl Ping {
    /// What is counted as it is kept: what was made of it, if that is new, and what came of it.
    #[must_use]
    pub fn counts(&self) -> (Option<&'static str>, Vec<&'static str>) {
        let is_judged = self.ruling != Ruling::Waiting && matches!(self.end, None | Some(End::Routed));
        let ruling = Some(self.ruling.name()).filter(|_| is_judged);
        let asked = Some("asked").filter(|_| self.end.is_none() && self.told_at.is_some());
        (ruling, asked.into_iter().chain(self.end.map(End::name)).collect())
    }
}

/// Declares names in the database.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $one:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $one,)+
        }

        impl $name {
            /// Its name in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$one => $text,)+
                }
            }

            /// That of this name.
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
    /// What the guard made of a ping.
    Ruling {
        /// What was said before it is being read.
        Waiting = "waiting",
        /// It asks for help.
        Request = "request",
        /// It asks for help, and a request is there already.
        WithDesk = "with_desk",
        /// It is talk.
        Talk = "talk",
        /// It answers a message of whom it pings.
        Answer = "answer",
        /// Whom it pings takes part in the conversation.
        TakesPart = "takes_part",
        /// Its author has said of one like it that it was no request.
        Quiet = "quiet",
        /// Its author does not want to be asked there.
        OptedOut = "opted_out",
        /// Its author was told of another a moment ago.
        Recently = "recently",
        /// Whom it pings wants to be pinged there.
        Wanted = "wanted",
        /// Whom it pings is on call, and it is about an outage that is announced.
        OnCall = "on_call",
        /// It was written in hours in which pings are let pass.
        Hours = "hours",
        /// What was said before could not be read, or not in time.
        Unread = "unread",
    }
}

named! {
    /// What came of a ping.
    End {
        /// Its author made it a request.
        Accepted = "accepted",
        /// Its author made it a request that cannot wait.
        Urgent = "urgent",
        /// The guard made it a request.
        Routed = "routed",
        /// Its author said that it is none.
        Dismissed = "dismissed",
        /// Its author has turned to the desk by an edit of it.
        Addressed = "addressed",
    }
}

/// What is known about a ping when it is decided about.
#[derive(Clone, Debug, Default)]
pub struct Pinged {
    /// Whom it pings: accounts, and groups as the settings write them.
    pub staff: Vec<String>,
    /// When its author was told last, in any place.
    pub told_at: Option<Timestamp>,
    /// Whether its author has said of one to these people that it was no request.
    pub is_quiet: bool,
    /// Whether its author does not want to be asked there.
    pub is_out: bool,
    /// What becomes of pings there.
    pub mode: GuardMode,
    /// What people there were told last of that.
    pub announced: GuardMode,
    /// Accounts of the staff who were not told yet how they are guarded, if people there are to be told something.
    pub untold: Vec<PersonRef>,
    /// Whether all of these people want to be pinged there.
    pub is_wanted: bool,
    /// Until when the first of these people to come back is away; `None` if anybody is there.
    pub away_until: Option<Timestamp>,
    /// Who is on call.
    pub on_call: Vec<OnCall>,
    /// Whether one of these people is on call, and the words are about an outage that is announced.
    pub is_about_outage: bool,
}

/// What is known of a channel, and of the staff, when somebody says what is to become of pings there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// What was said before by a command.
    pub mode: Option<GuardMode>,
    /// What people there were told last of what becomes of pings.
    pub announced: GuardMode,
    /// Accounts of the staff who were not told yet how they are guarded.
    pub untold: Vec<PersonRef>,
    /// Whether the bot is known not to hear or write there.
    pub is_deaf: bool,
}

/// Whether people are told that one mode follows another: something is said to whoever pings staff in one of the two.
#[must_use]
pub fn is_news(before: GuardMode, after: GuardMode) -> bool {
    after != before && (speaks(after) || speaks(before))
}

/// Whether something is said to whoever pings staff with a request.
#[must_use]
pub const fn speaks(mode: GuardMode) -> bool {
    matches!(mode, GuardMode::Nudge | GuardMode::Route)
}

/// A channel by its platform and id, as the settings write it.
#[must_use]
pub fn channel_of(place: &Place) -> String {
    format!("{}:{}", place.platform(), place.channel())
}

/// Whom of the staff a message pings by its own words, outside of quotations and code, or as an answer.
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

/// Which of those that it mentions a message names outside of quotations and code. A name may begin like another: the longer
/// one is looked for first.
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

/// The words without quoted lines and code.
fn own_words(text: &str) -> String {
    // On Discord this quotes everything that follows.
    let said = text.lines().take_while(|line| !line.trim_start().starts_with(">>>"));
    let unquoted = said.filter(|line| !line.trim_start().starts_with('>')).collect::<Vec<_>>().join("\n");
    // Odd pieces between ticks are code: of blocks first, then within lines. A tick without its other half is none.
    let outside = |text: &str, tick: &str| {
        let pieces: Vec<&str> = text.split(tick).collect();
        let last = pieces.len() - 1;
        let own = pieces.iter().enumerate().filter(|(at, _)| at % 2 == 0 || *at == last);
        own.map(|(_, piece)| *piece).collect::<Vec<_>>().join(" ")
    };
    let without_blocks = outside(&unquoted, "```");
    without_blocks.lines().map(|line| outside(line, "`")).collect::<Vec<_>>().join("\n")
}

/// The words as they are judged: names of people and groups give nothing away.
#[must_use]
pub fn judged_words(said: &Said) -> String {
    let mut names: Vec<&str> = said.mentions.iter().map(|person| person.name.as_str()).collect();
    names.extend(said.groups.iter().map(|group| group.name.as_str()));
    // A name may begin like another.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.iter().fold(said.text.clone(), |text, name| text.replace(&format!("@{name}"), "<@U>"))
}

/// What was said before a ping within the talk window, as the classifier counts it, and whether somebody whom it pings takes part in that.
#[must_use]
pub fn context(ping: &Ping, before: &[Said], roster: &Roster, rules: &Rules) -> (Context, bool) {
    let account = |who: &PersonRef| who.to_string();
    let is_group = |staff: &String| staff.contains(":group:") || staff.contains(":role:");
    let pings_a_group = ping.staff.iter().any(is_group);
    let is_pinged = |person: &Person| {
        ping.staff.contains(&account(&person.who)) || (pings_a_group && roster.is_staff(person, ping.at))
    };
    // Whoever began a thread takes part in it, however long ago.
    let root = before.iter().find(|said| Some(said.message.id.as_str()) == ping.place.root());
    let is_their_thread = root.is_some_and(|said| is_pinged(&said.author));
    let since = ping.at.checked_sub(rules.guard.talk_window).unwrap_or(Timestamp::MIN);
    let before: Vec<&Said> = before.iter().filter(|said| said.at >= since).collect();
    let is_author = |person: &Person| roster.same(&person.who, &ping.author);
    let count = |is: &dyn Fn(&Person) -> bool| {
        u8::try_from(before.iter().filter(|said| is(&said.author)).count()).unwrap_or(u8::MAX)
    };
    let of_mentioned = count(&is_pinged);
    // Whoever has only spoken into the channel is in no conversation.
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
    // In a thread all talk with each other; in a channel only who names or answers the other.
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
