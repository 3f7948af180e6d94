//! The settings that decisions depend on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::hours::Hours;
use super::ids::{Person, Place, PlatformName, TicketKey};
use super::outage::{Phase, Service};
use super::permission::Principal;
use super::settings::{Reader, Setting, minutes, sections};
use super::when::Now;

sections! {
    /// `[desk]`: the people on the desk, and the desk's habits.
    DeskSettings {
        /// `key_prefix`: the letters of `IT-1042`.
        key_prefix: String = "IT".to_owned(),
        /// `agents`: the people who work tickets. Rights are decided by the roster, which knows the members of groups.
        agents: Vec<Principal> = Vec::new(),
        /// `admins`: the people who may do everything that an agent may, and more.
        admins: Vec<Principal> = Vec::new(),
        /// `on_call`: the people to call when something cannot wait, besides those who are on call by a command.
        on_call: Vec<Principal> = Vec::new(),
        /// `auto_close_days`: the days after which a resolved ticket is closed; 0 for never.
        auto_close_days: u32 = 7,
        /// `time_zone`: the zone in which the desk's people write times, by its IANA name.
        time_zone: String = "UTC".to_owned(),
        /// `roster_refresh`: how often the members of groups and roles are asked for.
        roster_refresh: Duration = minutes(15),
    }

    /// `[knowledge]`: articles, and the search for them.
    KnowledgeSettings {
        /// `suggestions`: whether requesters are shown articles that may help.
        suggestions: Suggestions = Suggestions::On,
        /// `suggestions_in`: exceptions for channels: `slack:C0123456789=off`.
        suggestions_in: Vec<String> = Vec::new(),
        /// `confidence`: the least probability, in percent, at which an article is suggested.
        confidence: u32 = 50,
        /// `hold`: how long the card is held back while an article is shown; zero for not at all.
        hold: Duration = minutes(2),
        /// `search_within`: how long a search for a suggestion may take, in real time.
        search_within: Duration = Duration::from_millis(200),
        /// `review_after_days`: the days after which a published or checked article is due for review; 0 for never.
        review_after_days: u32 = 180,
        /// `draft_reminder_days`: the days after which the owner of a draft is reminded, once; 0 for never.
        draft_reminder_days: u32 = 7,
        /// `key_prefix`: the letters of `KB-7`.
        key_prefix: String = "KB".to_owned(),
        /// `languages`: the languages of articles and questions. The first counts where a text's language is not
        /// certain.
        languages: Vec<String> = vec!["en".to_owned(), "de".to_owned()],
        /// `synonyms_file`: a file of further words that mean the same at this desk; empty for none.
        synonyms_file: String = String::new(),
        /// `index`: the folder of the search index; empty for a folder beside the database, or (PostgreSQL) where the
        /// program runs.
        index: String = String::new(),
    }

    /// `[outages]`: announcements of outages.
    OutageSettings {
        /// `enabled`: whether outages can be announced.
        enabled: bool = true,
        /// `key_prefix`: the letters of `MI-7`.
        key_prefix: String = "MI".to_owned(),
        /// `shared_channels`: channels in which outages are announced although people of other organisations read them:
        /// `slack:C0123456789`.
        shared_channels: Vec<String> = Vec::new(),
        /// `ends_anew`: whether the end of an outage of high severity is also posted as a reply to each copy, for
        /// everybody in the channel.
        ends_anew: bool = true,
        /// `overdue`: how long after news were due the admins are reminded too; zero for never.
        overdue: Duration = minutes(15),
        /// `investigating`: the template for an outage whose cause is not known yet.
        investigating: String = String::new(),
        /// `identified`: the template for an outage whose cause is known and being fixed.
        identified: String = String::new(),
        /// `monitoring`: the template for an outage whose cause is fixed.
        monitoring: String = String::new(),
        /// `resolved`: the template for an outage that is over.
        resolved: String = String::new(),
    }

    /// `[guard]`: how pings of staff are handled.
    GuardSettings {
        /// `mode`: the guard mode of channels that have no mode of their own.
        mode: GuardMode = GuardMode::Observe,
        /// `modes_in`: exceptions for channels: `slack:C0123456789=nudge`.
        modes_in: Vec<String> = Vec::new(),
        /// `staff`: the people whom the guard protects besides the agents.
        staff: Vec<Principal> = Vec::new(),
        /// `exempt`: the people whose pings the guard lets pass.
        exempt: Vec<Principal> = Vec::new(),
        /// `exempt_hours`: hours in which the guard lets pings pass, in the desk's time zone: `mon-fri 18:00-08:00`,
        /// `sat-sun`.
        exempt_hours: Vec<String> = Vec::new(),
        /// `notice_every`: the least time between two notices to one person; zero for no limit.
        notice_every: Duration = minutes(24 * 60),
        /// `talk_window`: a ping is no request if the pinged person has written in the thread, or to the author in the
        /// channel, within this time before it.
        talk_window: Duration = minutes(30),
        /// `quiet_days`: how many days the guard leaves two people alone after one said that a ping was no request.
        quiet_days: u32 = 30,
    }

    /// `[intake]`: which messages open tickets.
    IntakeSettings {
        /// `burst_window`: messages of one author within this time of the first belong to one ticket; zero for never.
        burst_window: Duration = minutes(2),
        /// `greeting_filter`: whether greetings, thanks and bare emoji open no ticket.
        greeting_filter: bool = true,
        /// `direct_window`: a direct message continues the latest open ticket with activity within this time.
        direct_window: Duration = minutes(12 * 60),
    }
}

impl OutageSettings {
    /// Whether outages are announced in this channel although people of other organisations read it.
    #[must_use]
    pub fn takes_shared(&self, place: &Place) -> bool {
        let here = format!("{}:{}", place.platform(), place.channel());
        self.shared_channels.iter().any(|channel| channel.trim() == here)
    }

    /// Returns the template for an outage in this phase.
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
    /// Returns the ids of this platform's channels for which `modes_in` switches the guard on.
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
    /// Articles are not searched for.
    Off,
    /// Suggestions are counted, and shown to agents only.
    Observe,
    /// Requesters are shown suggestions.
    #[default]
    On,
}

impl Suggestions {
    /// Their names in the settings.
    pub const NAMES: [&'static str; 3] = ["off", "observe", "on"];

    /// Returns the value of this name.
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

/// The guard mode: how pings of staff are handled in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// The guard does not look at pings.
    Off,
    /// Pings are judged and counted, and nobody is told.
    #[default]
    Observe,
    /// The author of a ping that asks for help is asked whether the desk may take it.
    Nudge,
    /// A ping that asks for help becomes a ticket at once.
    Route,
}

impl GuardMode {
    /// Their names in the settings and in the database.
    pub const NAMES: [&'static str; 4] = ["off", "observe", "nudge", "route"];

    /// Returns the value of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Observe, Self::Nudge, Self::Route].into_iter().find(|mode| mode.name() == name)
    }

    /// Returns the mode's name in the settings and in the database.
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

/// The settings that a decision may see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    pub desk: DeskSettings,
    pub intake: IntakeSettings,
    pub knowledge: KnowledgeSettings,
    pub outages: OutageSettings,
    pub guard: GuardSettings,
    /// `[[services]]`: the services that outages are about.
    pub services: Vec<Service>,
    /// The desk's channels: each shows every ticket's card.
    pub triage: Vec<Place>,
}

impl Rules {
    /// Returns the key of the ticket with this number.
    #[must_use]
    pub fn key(&self, number: i64) -> TicketKey {
        TicketKey::new(&self.desk.key_prefix, number)
    }

    /// Returns this moment in the time zone of a person, or of the desk if the person's is not known. Dates are read
    /// relative to it.
    #[must_use]
    pub fn now<'z>(&'z self, at: Timestamp, person: &'z Person) -> Now<'z> {
        Now::named(at, person.zone.as_deref().unwrap_or(&self.desk.time_zone))
    }

    /// Returns whether requesters in this place are shown articles that may help.
    #[must_use]
    pub fn suggestions(&self, place: &Place) -> Suggestions {
        own(&self.knowledge.suggestions_in, place, Suggestions::named).unwrap_or(self.knowledge.suggestions)
    }

    /// Whether the guard may look at messages in this place. Where the settings switch it off, no command switches it
    /// on.
    #[must_use]
    pub fn may_be_guarded(&self, place: &Place) -> bool {
        self.guard(place) != GuardMode::Off
    }

    /// Whether the guard lets pings pass at this moment.
    #[must_use]
    pub fn is_exempt_at(&self, at: Timestamp) -> bool {
        let mut hours = self.guard.exempt_hours.iter().filter_map(|hours| hours.parse::<Hours>().ok());
        hours.any(|hours| hours.contains(at, &self.desk.time_zone))
    }

    /// Returns the guard mode of the settings for this place. It is off in direct conversations and in the desk's own
    /// channels.
    #[must_use]
    pub fn guard(&self, place: &Place) -> GuardMode {
        if place.is_direct() || self.is_triage(place) {
            return GuardMode::Off;
        }
        own(&self.guard.modes_in, place, GuardMode::named).unwrap_or(self.guard.mode)
    }

    /// Whether this is one of the desk's own channels, or a thread in one.
    #[must_use]
    pub fn is_triage(&self, place: &Place) -> bool {
        self.triage.iter().any(|triage| triage.tenant == place.tenant && triage.channel() == place.channel())
    }

    /// Returns the time after which a ticket must have been opened for a message at `at` to be joined to it
    /// (exclusive).
    #[must_use]
    pub fn burst_since(&self, at: Timestamp) -> Timestamp {
        at.checked_sub(self.intake.burst_window).unwrap_or(Timestamp::MIN)
    }

    /// Returns the time after which a ticket must have been active for a direct message at `at` to continue it
    /// (exclusive).
    #[must_use]
    pub fn direct_since(&self, at: Timestamp) -> Timestamp {
        at.checked_sub(self.intake.direct_window).unwrap_or(Timestamp::MIN)
    }

    /// Returns how long after its resolution a ticket is closed. `None`: never.
    #[must_use]
    pub fn auto_close(&self) -> Option<SignedDuration> {
        let days = i64::from(self.desk.auto_close_days);
        (days > 0).then(|| SignedDuration::from_hours(24 * days))
    }
}

/// Returns the value that entries such as `slack:C0123456789=name` set for a place, if one does.
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
