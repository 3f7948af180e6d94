//! Permissions: the roster, and which accounts belong to one person.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::{Person, PersonRef, PlatformName, UnknownName};
use super::right::{Holder, Right};

/// A person or group in the settings: `slack:U0123` or `slack:group:S0123`, `discord:42` or `discord:role:42`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Principal {
    Person(PersonRef),
    /// Everybody in a Slack user group or with a Discord role.
    Group(GroupRef),
}

/// A Slack user group or a Discord role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupRef {
    pub platform: PlatformName,
    /// The platform's id of the group or role.
    pub id: String,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => person.fmt(f),
            Self::Group(GroupRef { platform: PlatformName::Slack, id }) => write!(f, "slack:group:{id}"),
            Self::Group(GroupRef { platform: PlatformName::Discord, id }) => write!(f, "discord:role:{id}"),
        }
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

impl FromStr for Principal {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let group = |platform, id: &str| match id {
            "" => Err(UnknownName),
            id => Ok(Self::Group(GroupRef { platform, id: id.to_owned() })),
        };
        if let Some(id) = text.strip_prefix("slack:group:") {
            group(PlatformName::Slack, id)
        } else if let Some(id) = text.strip_prefix("discord:role:") {
            group(PlatformName::Discord, id)
        } else {
            text.parse().map(Self::Person)
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

/// How long a proof of membership in a group is valid. A membership that was taken away must end even if no event tells
/// of it, and a platform that is away for some minutes must not leave the desk without people.
pub const PROOF_LASTS: SignedDuration = SignedDuration::from_hours(1);
/// A proof older than this is asked for again before its person acts.
pub const PROOF_IS_FRESH: SignedDuration = SignedDuration::from_mins(1);

/// How many proofs of one group are kept in memory before expired ones are deleted.
const PROOFS_KEPT: usize = 10_000;
/// How long a proof that an account is not in a group is valid, if the group's members are not listed.
const STRANGER_KNOWN_FOR: SignedDuration = SignedDuration::from_mins(15);

/// The roster: the current people of the desk.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Agents by the settings.
    pub agents: Vec<Principal>,
    /// Admins by the settings.
    pub admins: Vec<Principal>,
    /// The holders of rights that the settings name (`[rights]`). For other rights the defaults hold.
    pub rights: HashMap<Right, Vec<Holder>>,
    /// The people whom the guard protects besides the agents, by the settings.
    pub staff: Vec<Principal>,
    /// The people whose pings the guard lets pass, by the settings.
    pub exempt: Vec<Principal>,
    /// The people on call, by the settings.
    pub on_call: Vec<Principal>,
    /// The accounts that belong to one person, by the settings (`[[people]]`).
    pub people: Vec<LinkedPerson>,
    /// The members of groups, as far as they are proven.
    pub members: HashMap<GroupRef, Members>,
}

/// One person with accounts on several platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedPerson {
    /// The name, only for readers of the settings.
    pub name: String,
    pub accounts: Vec<PersonRef>,
}

/// A platform's listing of a group's members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The guild that the group belongs to, on a platform with several guilds.
    pub guild: Option<String>,
    pub members: Vec<PersonRef>,
    /// Whether the listing is complete. If the platform does not list members, only members that were seen are given.
    pub is_complete: bool,
}

/// The members of a group, as far as they are proven: each account with its last proof.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// The guild that the group belongs to, on a platform with several guilds. Only that guild proves membership.
    pub guild: Option<String>,
    proofs: HashMap<PersonRef, Proof>,
    /// Whether all members are known. If the platform does not list members, only accounts that were seen are known.
    is_complete: bool,
    /// When the last complete listing began. An account that is not in it, and whose proof is older, is no member.
    listed_at: Option<Timestamp>,
    /// The time of the last applied change, by the platform's clock.
    changed_at: Option<Timestamp>,
}

/// A proof that an account is, or is not, in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof {
    is_member: bool,
    at: Timestamp,
}

impl Members {
    /// Takes over a listing, complete or not, that began at `at`. Newer proofs stay.
    pub fn list(&mut self, listed: Listed, at: Timestamp) {
        let Listed { guild, members, is_complete } = listed;
        if is_complete && self.listed_at.is_some_and(|listed_at| listed_at > at) {
            return;
        }
        self.guild = guild.or(self.guild.take());
        self.is_complete = is_complete;
        if is_complete {
            self.proofs.retain(|_, proof| proof.at > at);
            self.listed_at = Some(at);
        } else if self.proofs.len() > PROOFS_KEPT {
            self.proofs.retain(|_, proof| at.duration_since(proof.at) <= PROOF_LASTS);
        }
        for member in members {
            self.prove(&member, true, at);
        }
    }

    /// Takes over a proof that an account is, or is not, in the group. Returns whether it is the newest proof of the
    /// account.
    pub fn prove(&mut self, who: &PersonRef, is_member: bool, at: Timestamp) -> bool {
        let is_newest = match self.proofs.get(who) {
            Some(known) => known.at <= at,
            None => self.listed_at.is_none_or(|listed_at| listed_at <= at),
        };
        if is_newest {
            self.proofs.insert(who.clone(), Proof { is_member, at });
        }
        is_newest
    }

    /// Applies a change of the group's members at `at`, by the platform's clock. Returns `false` if the change is not
    /// certainly newer than what is known (it may have come twice, or late): it is then not applied, and the group must
    /// be read again.
    pub fn change(&mut self, added: &[PersonRef], removed: &[PersonRef], at: Timestamp) -> bool {
        let is_old = |who: &PersonRef| self.proofs.get(who).is_some_and(|known| known.at > at);
        // A change cannot be applied to a group that was never listed.
        if self.listed_at.is_none_or(|listed_at| listed_at > at)
            || self.changed_at.is_some_and(|changed_at| changed_at >= at)
            || added.iter().chain(removed).any(is_old)
        {
            return false;
        }
        self.changed_at = Some(at);
        for (accounts, is_member) in [(added, true), (removed, false)] {
            for who in accounts {
                self.prove(who, is_member, at);
            }
        }
        true
    }

    /// Returns when the group was last listed or changed.
    #[must_use]
    pub fn changed_at(&self) -> Option<Timestamp> {
        self.listed_at.max(self.changed_at)
    }

    /// Removes all members, since the group was deleted.
    pub fn end(&mut self, at: Timestamp) {
        self.listed_at = self.listed_at.max(Some(at));
        for proof in self.proofs.values_mut() {
            *proof = Proof { is_member: false, at };
        }
    }

    /// Whether this account is in the group, by a valid proof.
    #[must_use]
    pub fn holds(&self, who: &PersonRef, now: Timestamp) -> bool {
        self.proven_at(who).is_some_and(|at| now.duration_since(at) <= PROOF_LASTS)
    }

    /// Returns the time of the last proof that this account is in the group, valid or not. `None` without such a proof.
    #[must_use]
    pub fn proven_at(&self, who: &PersonRef) -> Option<Timestamp> {
        self.proofs.get(who).filter(|proof| proof.is_member).map(|proof| proof.at)
    }
}

impl Roster {
    /// Whether this person has the right at `now`. A membership that the event itself proves takes precedence over the
    /// roster's proofs.
    #[must_use]
    pub fn may(&self, person: &Person, right: Right, now: Timestamp) -> bool {
        let holds = |holder: &Holder| match holder {
            Holder::Agents => self.is_any(&self.agents, person, now),
            Holder::Admins => self.is_any(&self.admins, person, now),
            Holder::Principal(principal) => self.is_any(std::slice::from_ref(principal), person, now),
        };
        (right.is_admins() && holds(&Holder::Admins)) || self.holders(right).iter().any(holds)
    }

    /// Whether a person is staff, whom the guard protects: an agent, or other staff by the settings.
    #[must_use]
    pub fn is_staff(&self, person: &Person, now: Timestamp) -> bool {
        self.is_any(&self.agents, person, now) || self.is_any(&self.staff, person, now)
    }

    /// Whether the guard lets a person's pings pass.
    #[must_use]
    pub fn is_exempt(&self, person: &Person, now: Timestamp) -> bool {
        self.is_staff(person, now) || self.is_any(&self.exempt, person, now)
    }

    /// Whether a whole group is staff.
    #[must_use]
    pub fn is_staff_group(&self, group: &GroupRef) -> bool {
        let is_it = |principal: &Principal| matches!(principal, Principal::Group(other) if other == group);
        self.agents.iter().chain(&self.staff).any(is_it)
    }

    /// Returns the holders of a right, besides the admins.
    #[must_use]
    pub fn holders(&self, right: Right) -> &[Holder] {
        self.rights.get(&right).map_or(right.default_holders(), Vec::as_slice)
    }

    /// Returns all accounts of this account's person, with this account first.
    #[must_use]
    pub fn accounts(&self, who: &PersonRef) -> Vec<PersonRef> {
        let linked = self.people.iter().find(|person| person.accounts.contains(who));
        let others = linked.into_iter().flat_map(|person| &person.accounts).filter(|account| *account != who);
        std::iter::once(who).chain(others).cloned().collect()
    }

    /// Whether two accounts belong to one person.
    #[must_use]
    pub fn same(&self, one: &PersonRef, other: &PersonRef) -> bool {
        one == other || self.accounts(one).contains(other)
    }

    /// Returns the known accounts of admins: those that the settings list, and the proven members of listed groups.
    #[must_use]
    pub fn known_admins(&self, now: Timestamp) -> Vec<PersonRef> {
        self.known(&self.admins, now)
    }

    /// Returns the known accounts of staff, whom the guard protects.
    #[must_use]
    pub fn known_staff(&self, now: Timestamp) -> Vec<PersonRef> {
        self.known(&[self.agents.as_slice(), &self.staff].concat(), now)
    }

    /// Returns the known accounts of people on call by the settings.
    #[must_use]
    pub fn known_on_call(&self, now: Timestamp) -> Vec<PersonRef> {
        self.known(&self.on_call, now)
    }

    fn known(&self, principals: &[Principal], now: Timestamp) -> Vec<PersonRef> {
        let mut known = Vec::new();
        for principal in principals {
            match principal {
                Principal::Person(person) => known.push(person.clone()),
                Principal::Group(group) => {
                    let members = self.members.get(group).into_iter();
                    let proven = members.flat_map(|members| {
                        members.proofs.keys().filter(|who| members.holds(who, now)).cloned().collect::<Vec<_>>()
                    });
                    known.extend(proven);
                }
            }
        }
        known.sort();
        known.dedup();
        known
    }

    /// Returns the person's account on `platform`, if there is one.
    #[must_use]
    pub fn account_on(&self, who: &PersonRef, platform: PlatformName) -> Option<PersonRef> {
        self.accounts(who).into_iter().find(|account| account.platform == platform && !account.is_erased())
    }

    /// Returns the groups of `platform` whose members the roster needs.
    #[must_use]
    pub fn groups_on(&self, platform: PlatformName) -> Vec<GroupRef> {
        let of_rights = self.rights.values().flatten().filter_map(Holder::principal);
        let lists = [&self.agents, &self.admins, &self.staff, &self.exempt, &self.on_call];
        let groups = lists.into_iter().flatten().chain(of_rights).filter_map(|principal| match principal {
            Principal::Group(group) if group.platform == platform => Some(group.clone()),
            Principal::Group(_) | Principal::Person(_) => None,
        });
        groups.collect::<HashSet<_>>().into_iter().collect()
    }

    /// Returns the memberships to ask for before this person acts at `now`: those of their accounts that are, or may
    /// be, in a group, without a proof by the event or a fresh proof.
    #[must_use]
    pub fn proofs_to_renew(&self, person: &Person, now: Timestamp) -> Vec<(GroupRef, PersonRef)> {
        let mut to_renew = Vec::new();
        for who in self.accounts(&person.who) {
            for group in self.groups_on(who.platform) {
                let Some(members) = self.members.get(&group) else { continue };
                if who == person.who && proves(person, &group, members).is_some() {
                    continue;
                }
                let lasts = match members.proofs.get(&who) {
                    Some(proof) if proof.is_member => PROOF_IS_FRESH,
                    // In a group that is not listed, any account that was not seen may be a member.
                    _ if members.is_complete => continue,
                    _ => STRANGER_KNOWN_FOR,
                };
                let proven_at = members.proofs.get(&who).map(|proof| proof.at);
                if proven_at.is_none_or(|at| now.duration_since(at) > lasts) {
                    to_renew.push((group, who.clone()));
                }
            }
        }
        to_renew
    }

    /// Returns the groups about which an event proves something new, each with whether the person is a member. Leaves
    /// out a proof that is older than the known one, a proof that repeats one of the last minute, and the proof that an
    /// account without a known proof is no member.
    #[must_use]
    pub fn new_proofs(&self, person: &Person, at: Timestamp) -> Vec<(GroupRef, bool)> {
        let Some(guild) = &person.guild else { return Vec::new() };
        let unknown = Members::default();
        let new_proof = |group: &GroupRef| {
            let members = self.members.get(group).unwrap_or(&unknown);
            let is_member = proves(person, group, members)?;
            let known = members.proofs.get(&person.who);
            let is_old = known.is_some_and(|known| known.at > at);
            let is_known = known.map_or(!is_member && members.guild.as_ref() == Some(guild), |known| {
                known.is_member == is_member && at.duration_since(known.at) <= PROOF_IS_FRESH
            });
            (!is_old && !is_known).then_some(is_member)
        };
        let groups = self.groups_on(person.who.platform).into_iter();
        groups.filter_map(|group| new_proof(&group).map(|is_member| (group, is_member))).collect()
    }

    /// Takes over memberships that an event proves, as [`new_proofs`](Self::new_proofs) has returned them.
    pub fn learn(&mut self, person: &Person, proofs: Vec<(GroupRef, bool)>, at: Timestamp) {
        for (group, is_member) in proofs {
            let members = self.members.entry(group).or_default();
            if is_member {
                members.guild.clone_from(&person.guild);
            }
            members.prove(&person.who, is_member, at);
        }
    }

    fn is_any(&self, principals: &[Principal], person: &Person, now: Timestamp) -> bool {
        let accounts = self.accounts(&person.who);
        principals.iter().any(|principal| match principal {
            Principal::Person(listed) => accounts.contains(listed),
            Principal::Group(group) => {
                let unknown = Members::default();
                let members = self.members.get(group).unwrap_or(&unknown);
                accounts.iter().any(|account| {
                    let proven = if *account == person.who { proves(person, group, members) } else { None };
                    proven.unwrap_or_else(|| members.holds(account, now))
                })
            }
        })
    }
}

/// Returns whether an event proves that this person is, or is not, in the group. `None` if it proves neither: a guild
/// proves only its own roles.
fn proves(person: &Person, group: &GroupRef, members: &Members) -> Option<bool> {
    if person.who.platform != group.platform {
        return None;
    }
    let is_named = person.groups.contains(&group.id);
    (is_named || (person.guild.is_some() && person.guild == members.guild)).then_some(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).expect("a time")
    }

    fn mia() -> PersonRef {
        PersonRef::new(PlatformName::Discord, "7")
    }

    fn role() -> GroupRef {
        GroupRef { platform: PlatformName::Discord, id: "42".to_owned() }
    }

    /// Mia as an event of this guild shows her, with these roles.
    fn shown(guild: &str, roles: &[&str]) -> Person {
        let groups = roles.iter().map(|role| (*role).to_owned()).collect();
        Person { groups, guild: Some(guild.to_owned()), ..Person::new(mia(), "Mia") }
    }

    fn listed(guild: Option<&str>, members: &[PersonRef], is_complete: bool) -> Listed {
        Listed { guild: guild.map(str::to_owned), members: members.to_vec(), is_complete }
    }

    /// The desk's role is in guild A; Mia was listed with it at zero.
    fn roster() -> Roster {
        let mut members = Members::default();
        members.list(listed(Some("A"), &[mia()], true), at(0));
        Roster {
            agents: vec![Principal::Group(role())],
            members: HashMap::from([(role(), members)]),
            ..Roster::default()
        }
    }

    fn is_agent(roster: &Roster, person: &Person, now: i64) -> bool {
        roster.may(person, Right::TicketWork, at(now))
    }

    #[test]
    fn rights_are_held_as_the_settings_say_and_by_default_as_designed() {
        let account = |id: &str| PersonRef::new(PlatformName::Slack, id);
        let principal = |id: &str| Principal::Person(account(id));
        let by_default =
            Roster { agents: vec![principal("agent")], admins: vec![principal("admin")], ..Roster::default() };
        let may = |roster: &Roster, who: &str, right| roster.may(&Person::new(account(who), who), right, at(1));
        for (right, agent, admin) in [
            (Right::TicketWork, true, true),
            (Right::ArticlePublish, true, true),
            (Right::OutageAnnounce, true, true),
            (Right::OutageAnnounceHigh, false, true),
            (Right::OutageMentionAll, false, false),
            (Right::GuardSet, false, true),
        ] {
            assert_eq!(
                (may(&by_default, "agent", right), may(&by_default, "admin", right)),
                (agent, admin),
                "{right:?}"
            );
            assert!(!may(&by_default, "guest", right), "{right:?}");
            assert_eq!(right.as_str().parse(), Ok(right));
        }
        assert_eq!(Right::ALL.len(), 6, "each is in the table above");
        let set = |right, holders: &[Holder]| Roster {
            rights: HashMap::from([(right, holders.to_vec())]),
            ..by_default.clone()
        };
        let guest = set(Right::TicketWork, &[Holder::Principal(principal("guest"))]);
        assert!(may(&guest, "guest", Right::TicketWork) && may(&guest, "admin", Right::TicketWork));
        assert!(!may(&guest, "agent", Right::TicketWork), "the settings replace the default holders");
        assert!(may(&guest, "agent", Right::OutageAnnounce));
        let all = set(Right::OutageMentionAll, &[Holder::Admins]);
        assert!(may(&all, "admin", Right::OutageMentionAll) && !may(&all, "agent", Right::OutageMentionAll));
        let of_role = set(Right::GuardSet, &[Holder::Principal(Principal::Group(role()))]);
        assert_eq!(of_role.groups_on(PlatformName::Discord), [role()], "the members of this role must be read, too");
    }

    #[test]
    fn a_role_is_proven_by_its_own_guild_alone() {
        let roster = roster();
        assert!(is_agent(&roster, &shown("B", &["71", "B"]), 10), "guild B says nothing about a role of A");
        assert!(!is_agent(&roster, &shown("A", &[]), 10), "no roles at all is a proof, too");
        assert!(is_agent(&roster, &shown("A", &["42"]), 9_000), "the event's own proof needs no listing");
        let guest = Person { who: PersonRef::new(PlatformName::Discord, "8"), ..shown("B", &["71"]) };
        assert!(!is_agent(&roster, &guest, 10));
    }

    #[test]
    fn what_an_event_proves_is_known_from_then_on_whatever_comes_late() {
        let mut roster = roster();
        let unseen = Person::new(mia(), "Mia");
        assert!(is_agent(&roster, &unseen, 10));
        let learn = |roster: &mut Roster, roles: &[&str], secs| {
            let proofs = roster.new_proofs(&shown("A", roles), at(secs));
            roster.learn(&shown("A", roles), proofs.clone(), at(secs));
            proofs.len()
        };
        assert_eq!(learn(&mut roster, &["71"], 20), 1);
        assert!(!is_agent(&roster, &unseen, 21));
        assert_eq!(learn(&mut roster, &["42"], 15), 0, "the known proof is newer");
        assert!(!is_agent(&roster, &unseen, 22));
        let members = roster.members.get_mut(&role()).expect("it is known");
        members.list(listed(None, &[mia()], true), at(19));
        assert_eq!(members.proven_at(&mia()), None, "a listing that began before does not bring it back");
        assert_eq!(members.guild.as_deref(), Some("A"));
        assert_eq!(learn(&mut roster, &["42"], 30), 1);
        assert_eq!(learn(&mut roster, &["42"], 31), 0, "a fresh proof says the same");
        assert!(is_agent(&roster, &unseen, 31));
        let stranger = Person { who: PersonRef::new(PlatformName::Discord, "8"), ..shown("A", &[]) };
        assert_eq!(roster.new_proofs(&stranger, at(40)), [], "no proof ever said that they have the role");
    }

    #[test]
    fn a_proof_is_asked_for_after_a_minute_and_ends_after_an_hour() {
        let roster = roster();
        let unseen = Person::new(mia(), "Mia");
        assert_eq!(roster.proofs_to_renew(&unseen, at(60)), []);
        assert_eq!(roster.proofs_to_renew(&unseen, at(61)), [(role(), mia())]);
        assert_eq!(roster.proofs_to_renew(&shown("A", &["42"]), at(61)), [], "the event proves it");
        assert_eq!(roster.proofs_to_renew(&shown("B", &[]), at(61)), [(role(), mia())]);
        assert!(is_agent(&roster, &unseen, 3_600));
        assert!(!is_agent(&roster, &unseen, 3_601));
    }

    #[test]
    fn who_was_never_seen_is_asked_for_where_members_are_not_listed() {
        let mut members = Members::default();
        members.list(listed(Some("A"), &[], false), at(0));
        let mut roster = Roster { members: HashMap::from([(role(), members)]), ..roster() };
        let unseen = Person::new(mia(), "Mia");
        assert_eq!(roster.proofs_to_renew(&unseen, at(1)), [(role(), mia())]);
        assert_eq!(roster.proofs_to_renew(&shown("B", &[]), at(1)), [(role(), mia())], "guild B does not know");
        let members = roster.members.get_mut(&role()).expect("it is known");
        members.prove(&mia(), false, at(1));
        assert_eq!(roster.proofs_to_renew(&unseen, at(901)), []);
        assert_eq!(roster.proofs_to_renew(&unseen, at(902)), [(role(), mia())]);
    }

    #[test]
    fn a_change_that_comes_again_or_late_is_not_applied() {
        let mut members = Members::default();
        assert!(!members.change(&[mia()], &[], at(5)), "it was never listed");
        members.list(listed(None, &[], true), at(6));
        assert!(members.change(&[mia()], &[], at(10)));
        assert!(members.change(&[], &[mia()], at(20)));
        assert!(!members.change(&[mia()], &[], at(10)), "this change was applied before");
        assert_eq!(members.proven_at(&mia()), None);
        members.list(listed(None, &[mia()], true), at(30));
        assert!(!members.change(&[], &[mia()], at(25)), "the listing is newer");
        assert!(members.holds(&mia(), at(31)));
        members.list(listed(None, &[], true), at(35));
        assert!(!members.change(&[mia()], &[], at(33)), "the listing did not have her any more");
        members.list(listed(None, &[mia()], true), at(34));
        assert_eq!(members.proven_at(&mia()), None, "a listing that began before the last one is not applied");
        members.list(listed(None, &[mia()], true), at(36));
        members.end(at(40));
        assert!(!members.holds(&mia(), at(41)));
    }
}
