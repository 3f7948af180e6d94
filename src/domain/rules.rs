//! What the settings decide for the core.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::hours::Hours;
use super::ids::{Person, Place, PlatformName, TicketKey};
use super::outage::{Phase, Service};
use super::permission::Principal;
use super::settings::{Reader, Setting, minutes, sections};
use super::when::Now;

sections! {
    /// `[desk]`: who is on the desk, and its habits.
    DeskSettings {
        /// `key_prefix`: the letters of `IT-1042`.
        key_prefix: String = "IT".to_owned(),
        /// `agents`: who works tickets. Rights are the roster's to say, which knows who is in a group.
        agents: Vec<Principal> = Vec::new(),
        /// `admins`: who may do everything that an agent may, and more.
        admins: Vec<Principal> = Vec::new(),
        /// `on_call`: who is called when something cannot wait, besides those who say so by a command.
        on_call: Vec<Principal> = Vec::new(),
        /// `auto_close_days`: a resolved ticket is closed after so many days; 0 for never.
        auto_close_days: u32 = 7,
        /// `time_zone`: the zone in which the desk's people write times, by its IANA name.
        time_zone: String = "UTC".to_owned(),
        /// `roster_refresh`: how often the members of groups and roles are asked for.
        roster_refresh: Duration = minutes(15),
    }

    /// `[knowledge]`: articles, and looking for them.
    KnowledgeSettings {
        /// `suggestions`: whether requesters are shown articles that may help.
        suggestions: Suggestions = Suggestions::On,
        /// `suggestions_in`: other than that in these channels: `slack:C0123456789=off`.
        suggestions_in: Vec<String> = Vec::new(),
        /// `confidence`: how likely it must be that an article helps, in hundredths.
        confidence: u32 = 50,
        /// `hold`: how long the agents' card waits while an article is shown; zero for not at all.
        hold: Duration = minutes(2),
        /// `search_within`: how long a search for a suggestion may take, in real time.
        search_within: Duration = Duration::from_millis(200),
        /// `review_after_days`: so many days after an article was published or found right it is to be looked at again; 0 for
        /// never.
        review_after_days: u32 = 180,
        /// `draft_reminder_days`: so many days after an article was drafted its owner is reminded of it, once; 0 for never.
        draft_reminder_days: u32 = 7,
        /// `key_prefix`: the letters of `KB-7`.
        key_prefix: String = "KB".to_owned(),
        /// `languages`: those in which articles and questions are written; the first counts where a text does not tell.
        languages: Vec<String> = vec!["en".to_owned(), "de".to_owned()],
        /// `synonyms_file`: a file of words that mean the same at this desk; empty for none but those that every desk has.
        synonyms_file: String = String::new(),
        /// `index`: the folder for the index; empty for one beside the database, or (PostgreSQL) where the program runs.
        index: String = String::new(),
    }

    /// `[outages]`: announcing them.
    OutageSettings {
        /// `enabled`: whether outages can be announced.
        enabled: bool = true,
        /// `key_prefix`: the letters of `MI-7`.
        key_prefix: String = "MI".to_owned(),
        /// `shared_channels`: channels that people of other organisations read, too, and that hear of outages all the same:
        /// `slack:C0123456789`.
        shared_channels: Vec<String> = Vec::new(),
        /// `ends_anew`: whether the end of an outage of high severity is said anew, and not only by changing what stands.
        ends_anew: bool = true,
        /// `overdue`: so long after news were due the admins are reminded, too; zero for never.
        overdue: Duration = minutes(15),
        /// `investigating`: what is said where nothing is known yet, if nothing else is written.
        investigating: String = String::new(),
        /// `identified`: the same once it is known what is wrong.
        identified: String = String::new(),
        /// `monitoring`: the same once it is mended.
        monitoring: String = String::new(),
        /// `resolved`: the same once it is over.
        resolved: String = String::new(),
    }

    /// `[guard]`: what becomes of pings of staff.
    GuardSettings {
        /// `mode`: what becomes of them in channels that have no mode of their own.
        mode: GuardMode = GuardMode::Observe,
        /// `modes_in`: other than that in these channels: `slack:C0123456789=nudge`.
        modes_in: Vec<String> = Vec::new(),
        /// `staff`: who is protected besides the agents.
        staff: Vec<Principal> = Vec::new(),
        /// `exempt`: whose pings are let pass.
        exempt: Vec<Principal> = Vec::new(),
        /// `exempt_hours`: when pings are let pass, in the desk's time zone: `mon-fri 18:00-08:00`, `sat-sun`.
        exempt_hours: Vec<String> = Vec::new(),
        /// `notice_every`: nobody is told more than once within it; zero for every time.
        notice_every: Duration = minutes(24 * 60),
        /// `talk_window`: who has spoken in a conversation within it takes part in it.
        talk_window: Duration = minutes(30),
        /// `quiet_days`: for so many days after somebody said that it was no request, the two are left alone.
        quiet_days: u32 = 30,
    }

    /// `[intake]`: what becomes a ticket.
    IntakeSettings {
        /// `burst_window`: what one author says within it, from the first message on, belongs to one ticket; zero for never.
        burst_window: Duration = minutes(2),
        /// `greeting_filter`: greetings, thanks and bare emoji open nothing.
        greeting_filter: bool = true,
        /// `direct_window`: a direct message continues the latest open ticket with activity within it.
        direct_window: Duration = minutes(12 * 60),
    }
}

impl OutageSettings {
    /// Whether a channel hears of outages that people of other organisations read, too.
    #[must_use]
    pub fn takes_shared(&self, place: &Place) -> bool {
        let here = format!("{}:{}", place.platform(), place.channel());
        self.shared_channels.iter().any(|channel| channel.trim() == here)
    }

    /// What is said of an outage that has come so far, if nothing else is written.
    #[must_use]
    pub fn template(&self, phase: Phase) -> &str {
        match phase {
            Phase::Drafted | Phase::Investigating => &self.investigating,
            Phase::Identified => &self.identified,
            Phase::Monitoring => &self.monitoring,
            Phase::Resolved => &self.resolved,
            Phase::Retracted => "",
        }
    }
}

impl GuardSettings {
    /// The channels of this platform, by their ids, for which `modes_in` says that pings are looked at.
    #[must_use]
    pub fn watched_on(&self, platform: PlatformName) -> Vec<String> {
        let named = self.modes_in.iter().filter_map(|one| one.split_once('='));
        let watched = named.filter(|(_, mode)| GuardMode::named(mode.trim()) != Some(GuardMode::Off));
        let ids = watched.filter_map(|(channel, _)| channel.trim().split_once(':'));
        ids.filter(|(name, _)| *name == platform.as_str()).map(|(_, id)| id.to_owned()).collect()
    }
}

/// Whether requesters are shown articles that may help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suggestions {
    /// Nothing is looked for.
    Off,
    /// What would have been shown is counted, and shown to agents alone.
    Observe,
    /// They are.
    #[default]
    On,
}

impl Suggestions {
    /// Their names in the settings.
    pub const NAMES: [&'static str; 3] = ["off", "observe", "on"];

    /// That of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "observe" => Some(Self::Observe),
            "on" => Some(Self::On),
            _ => None,
        }
    }
}

impl Setting for Suggestions {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.choice(key, &Self::NAMES).and_then(Self::named)
    }
}

/// What becomes of pings of staff in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// Nobody looks at them.
    Off,
    /// They are counted, with what would have been said.
    #[default]
    Observe,
    /// Whoever asks for help so is asked whether the desk may take it.
    Nudge,
    /// It is with the desk at once.
    Route,
}

impl GuardMode {
    /// Their names in the settings and in the database.
    pub const NAMES: [&'static str; 4] = ["off", "observe", "nudge", "route"];

    /// That of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Observe, Self::Nudge, Self::Route].into_iter().find(|mode| mode.name() == name)
    }

    /// Its name in the settings and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Nudge => "nudge",
            Self::Route => "route",
        }
    }
}

impl Setting for GuardMode {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.choice(key, &Self::NAMES).and_then(Self::named)
    }
}

/// What a decision may see of the settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// `[desk]`.
    pub desk: DeskSettings,
    /// `[intake]`.
    pub intake: IntakeSettings,
    /// `[knowledge]`.
    pub knowledge: KnowledgeSettings,
    /// `[outages]`.
    pub outages: OutageSettings,
    /// `[guard]`.
    pub guard: GuardSettings,
    /// `[[services]]`: what outages are about.
    pub services: Vec<Service>,
    /// The desk's channels: each shows every ticket's card.
    pub triage: Vec<Place>,
}

impl Rules {
    /// The key of the ticket with this number.
    #[must_use]
    pub fn key(&self, number: i64) -> TicketKey {
        TicketKey::new(&self.desk.key_prefix, number)
    }

    /// That moment in the zone of a person, or of the desk where the person's is not known: what dates are read against.
    #[must_use]
    pub fn now<'z>(&'z self, at: Timestamp, person: &'z Person) -> Now<'z> {
        Now::named(at, person.zone.as_deref().unwrap_or(&self.desk.time_zone))
    }

    /// Whether requesters are shown articles that may help, where they ask.
    #[must_use]
    pub fn suggestions(&self, place: &Place) -> Suggestions {
        own(&self.knowledge.suggestions_in, place, Suggestions::named).unwrap_or(self.knowledge.suggestions)
    }

    /// Whether the guard may look at what is said there. Where the settings switch it off, no command switches it on.
    #[must_use]
    pub fn may_be_guarded(&self, place: &Place) -> bool {
        self.guard(place) != GuardMode::Off
    }

    /// Whether pings are let pass at this moment.
    #[must_use]
    pub fn is_exempt_at(&self, at: Timestamp) -> bool {
        let mut hours = self.guard.exempt_hours.iter().filter_map(|hours| hours.parse::<Hours>().ok());
        hours.any(|hours| hours.hold(at, &self.desk.time_zone))
    }

    /// What the settings say becomes of pings of staff there. Nobody looks at what is said in the desk's own channels.
    #[must_use]
    pub fn guard(&self, place: &Place) -> GuardMode {
        if place.is_direct() || self.is_triage(place) {
            return GuardMode::Off;
        }
        own(&self.guard.modes_in, place, GuardMode::named).unwrap_or(self.guard.mode)
    }

    /// Whether this is (a thread in) one of the desk's own channels.
    #[must_use]
    pub fn is_triage(&self, place: &Place) -> bool {
        self.triage.iter().any(|triage| triage.tenant == place.tenant && triage.channel() == place.channel())
    }

    /// The earliest moment that a message at `at` may be joined to (exclusive).
    #[must_use]
    pub fn burst_since(&self, at: Timestamp) -> Timestamp {
        at.checked_sub(self.intake.burst_window).unwrap_or(Timestamp::MIN)
    }

    /// The earliest activity that a direct message at `at` goes on from (exclusive).
    #[must_use]
    pub fn direct_since(&self, at: Timestamp) -> Timestamp {
        at.checked_sub(self.intake.direct_window).unwrap_or(Timestamp::MIN)
    }

    /// How long after it was resolved a ticket is closed; `None`: never.
    #[must_use]
    pub fn auto_close(&self) -> Option<SignedDuration> {
        let days = i64::from(self.desk.auto_close_days);
        (days > 0).then(|| SignedDuration::from_hours(24 * days))
    }
}

/// What a channel has of its own among `slack:C0123456789=name`.
fn own<T>(of: &[String], place: &Place, named: impl Fn(&str) -> Option<T>) -> Option<T> {
    let here = format!("{}:{}", place.platform(), place.channel());
    let all = of.iter().filter_map(|one| one.split_once('='));
    all.filter(|(channel, _)| channel.trim() == here).find_map(|(_, name)| named(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PersonRef, PlatformName};
    use crate::domain::when;

    #[test]
    fn times_are_read_in_the_persons_zone_else_in_the_desks() {
        let desk = DeskSettings { time_zone: "America/New_York".to_owned(), ..DeskSettings::default() };
        let rules = Rules { desk, ..Rules::default() };
        let at = "2026-11-28T14:00:00Z".parse().expect("a time");
        let person = |zone: Option<&str>| Person {
            zone: zone.map(str::to_owned),
            ..Person::new(PersonRef::new(PlatformName::Slack, "U1"), "Mia")
        };
        for (zone, expected) in [(None, "2026-11-28T21:30:00Z"), (Some("Europe/Berlin"), "2026-11-28T15:30:00Z")] {
            let read = when::read("16:30", &rules.now(at, &person(zone)));
            assert_eq!(read.map(|at| at.to_string()).as_deref(), Some(expected), "{zone:?}");
        }
    }
}
