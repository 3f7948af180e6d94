//! Who may do what: the roster, and which accounts are one person.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{Person, PersonRef, PlatformName, UnknownName};

/// Somebody in the settings: `slack:U0123` or `slack:group:S0123`, `discord:42` or `discord:role:42`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Principal {
    /// One account.
    Person(PersonRef),
    /// Everybody in a Slack user group or with a Discord role.
    Group(GroupRef),
}

/// A Slack user group or a Discord role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupRef {
    /// On which platform.
    pub platform: PlatformName,
    /// The platform's id.
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

/// What a person may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Works tickets.
    pub agent: bool,
    /// Announces outages and decides what agents may not. Admins are agents too.
    pub admin: bool,
}

/// Who is on the desk, as of now.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Agents by the settings.
    pub agents: Vec<Principal>,
    /// Admins by the settings.
    pub admins: Vec<Principal>,
    /// Accounts that are one person, by the settings (`[[people]]`).
    pub people: Vec<LinkedPerson>,
    /// Who is in which group, as the platforms last said.
    pub members: HashMap<GroupRef, HashSet<PersonRef>>,
}

/// One person with accounts on several platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedPerson {
    /// For people to read in the settings.
    pub name: String,
    /// The accounts.
    pub accounts: Vec<PersonRef>,
}

impl Roster {
    /// What this person may do. Groups that the event itself proves count before what was last heard of a group.
    #[must_use]
    pub fn rights(&self, person: &Person) -> Rights {
        let admin = self.is_any(&self.admins, person);
        Rights { agent: admin || self.is_any(&self.agents, person), admin }
    }

    /// Every account of the person whose account this is, that one first.
    #[must_use]
    pub fn accounts(&self, who: &PersonRef) -> Vec<PersonRef> {
        let linked = self.people.iter().find(|person| person.accounts.contains(who));
        let others = linked.into_iter().flat_map(|person| &person.accounts).filter(|account| *account != who);
        std::iter::once(who).chain(others).cloned().collect()
    }

    /// Whether two accounts are one person.
    #[must_use]
    pub fn same(&self, one: &PersonRef, other: &PersonRef) -> bool {
        one == other || self.accounts(one).contains(other)
    }

    /// The account of that person on `platform`, if there is one.
    #[must_use]
    pub fn account_on(&self, who: &PersonRef, platform: PlatformName) -> Option<PersonRef> {
        self.accounts(who).into_iter().find(|account| account.platform == platform && !account.is_erased())
    }

    /// The groups of `platform` whose members must be known.
    #[must_use]
    pub fn groups_on(&self, platform: PlatformName) -> Vec<GroupRef> {
        let groups = self.agents.iter().chain(&self.admins).filter_map(|principal| match principal {
            Principal::Group(group) if group.platform == platform => Some(group.clone()),
            Principal::Group(_) | Principal::Person(_) => None,
        });
        groups.collect::<HashSet<_>>().into_iter().collect()
    }

    fn is_any(&self, principals: &[Principal], person: &Person) -> bool {
        let accounts = self.accounts(&person.who);
        principals.iter().any(|principal| match principal {
            Principal::Person(listed) => accounts.contains(listed),
            Principal::Group(group) => {
                let proven = group.platform == person.who.platform && !person.groups.is_empty();
                let heard = self.members.get(group);
                accounts.iter().any(|account| {
                    if proven && *account == person.who {
                        person.groups.contains(&group.id)
                    } else {
                        heard.is_some_and(|members| members.contains(account))
                    }
                })
            }
        })
    }
}
