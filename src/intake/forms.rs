//! Forms: reading their initial values, without writing anything, and checking what was filled in.

use std::time::Duration;

use super::Intake;
use crate::desk::conversation::state::Voice;
use crate::desk::drafts::state::Draft;
use crate::desk::outages::state::LONGEST_TITLE;
use crate::desk::{self, articles, knowledge, outages};
use crate::domain::act::{ActRef, Begins, Fault, Given, May, On, SAID, Spec, SubjectRef, Value};
use crate::domain::form::Form;
use crate::domain::ids::KeyRef;
use crate::domain::ids::{DraftId, Person, TicketTag};
use crate::domain::outage::Phase;
use crate::domain::right::Right;
use crate::domain::{when, words};

/// How long a form may wait for its initial values.
const PREFILL: Duration = Duration::from_millis(500);

/// Returns the initial value from the message whose menu was used: the first line of its words.
fn said(spec: &Spec, given: &Given) -> Option<(String, Value)> {
    let param = spec.takes.iter().find(|param| param.begins_with == Begins::Said)?;
    let Some(Value::Text(said)) = given.get(SAID) else { return None };
    let first = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some((param.name.to_owned(), Value::Text(words::cut(first, LONGEST_TITLE))))
}

impl Intake {
    /// Returns the command of this name, if it takes no words and opens a form.
    pub fn command_with_form(words: &str) -> Option<&'static Spec> {
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        super::acts().find(|spec| spec.command.is_some_and(|command| command.opens_form) && spec.name == words)
    }

    /// Returns the form to open for a button or command, and the number of the page to fill in (from 0). The form is
    /// prefilled from the record if that can be read within half a second. `None` if the act has no form, if the person
    /// clearly may not do the act, or if the initial values are needed and cannot be read: the event is then handled
    /// without a form. Nothing is written. Rights are decided again when the form is submitted.
    pub async fn form(&self, spec: &Spec, does: &ActRef, given: &Given, actor: &Person) -> Option<(Form, u8)> {
        // A person without the right is told so before they fill in anything.
        if let May::Has(right) = spec.may
            && spec.on == On::Nothing
            && !self.roster().may(actor, right, self.inner.clock.now())
        {
            return None;
        }
        if let (May::Requester | May::RequesterOr(_), Some(SubjectRef::Ticket(tag))) = (spec.may, &does.on) {
            let allowed = tokio::time::timeout(PREFILL, self.is_allowed(spec.may, tag, actor)).await;
            if allowed.ok().flatten() == Some(false) {
                return None;
            }
        }
        if let Some(draft) = &does.draft {
            let kept = tokio::time::timeout(PREFILL, self.draft(draft, actor)).await.ok().flatten()?;
            return Form::of(spec, does, &self.with_dates(kept.given, actor)).map(|form| (form, kept.page));
        }
        let initial = tokio::time::timeout(PREFILL, self.initial_values(spec, does, actor)).await;
        // A submission must not replace values that the form did not show.
        let replaces = spec.takes.iter().any(|param| matches!(param.begins_with, Begins::Article | Begins::Outage));
        let initial = match initial.ok().flatten() {
            None if replaces => return None,
            initial => initial.unwrap_or_default(),
        };
        let initial = initial.into_iter().chain(said(spec, given)).collect();
        Form::of(spec, does, &self.with_dates(initial, actor)).map(|form| (form, 0))
    }

    /// Whether this person may do an act of a requester on a ticket. `None` if the ticket cannot be read. If the ticket
    /// has another uid than the tag, the result is `true`: the submission is checked in any case.
    async fn is_allowed(&self, may: May, tag: &TicketTag, actor: &Person) -> Option<bool> {
        let mut reader = self.inner.store.reader().await.ok()?;
        let ticket = desk::tickets::record::by_key(&mut *reader, &tag.key).await.ok()??;
        let (roster, now) = (self.roster(), self.inner.clock.now());
        let has_right = matches!(may, May::RequesterOr(right) if roster.may(actor, right, now));
        Some(ticket.uid != tag.uid || has_right || roster.same(&ticket.requester.who, &actor.who))
    }

    /// Writes dates as text, in this person's time zone, since a form's fields hold text. Leaves out those that have
    /// passed: no field takes them.
    fn with_dates(&self, given: Given, actor: &Person) -> Given {
        let rules = self.rules();
        let now = rules.now(self.inner.clock.now(), actor);
        let shown = |value| match value {
            Value::Date(at) if now.is_before(at) => Some(Value::Text(when::written(at, &now))),
            Value::Date(_) => None,
            other => Some(other),
        };
        given.into_iter().filter_map(|(name, value)| Some((name, shown(value)?))).collect()
    }

    /// Checks values for an act, as they will be checked when it is handled, for platforms that show faults at the
    /// fields of a form.
    ///
    /// # Errors
    /// All faults.
    pub fn check(&self, spec: &Spec, does: &ActRef, given: &Given, actor: &Person) -> Result<(), Vec<Fault>> {
        spec.check(&does.with_carried(spec, given.clone()), &self.rules().now(self.inner.clock.now(), actor)).map(drop)
    }

    /// Reads the draft of this person.
    async fn draft(&self, id: &DraftId, actor: &Person) -> Option<Draft> {
        let (accounts, now) = (self.roster().accounts(&actor.who), self.inner.clock.now());
        let mut reader = self.inner.store.reader().await.ok()?;
        desk::drafts::record::of(&mut *reader, id, &accounts, now).await.ok().flatten()
    }

    /// Reads the initial values of a form's fields. `None` if they cannot be read, or if this person may not see them.
    async fn initial_values(&self, spec: &Spec, does: &ActRef, actor: &Person) -> Option<Given> {
        let mut initial = Given::new();
        let begins = |with: Begins| spec.takes.iter().find(|param| param.begins_with == with);
        if let Some(param) = begins(Begins::LastWords) {
            let last = self.last_words(does, actor).await?;
            initial.insert(param.name.to_owned(), Value::Text(last));
        }
        let may = |right| self.roster().may(actor, right, self.inner.clock.now());
        if begins(Begins::Article).is_some() {
            if !may(Right::TicketWork) && !may(Right::ArticlePublish) {
                return None;
            }
            let wanted: KeyRef = does.carried.as_deref()?.parse().ok()?;
            let kept =
                knowledge::record::by_key(&mut *self.inner.store.reader().await.ok()?, &wanted.key).await.ok()??;
            let is_it = wanted.version.is_none_or(|version| version == kept.article.version);
            initial.extend(is_it.then(|| articles::decide::form_values(&kept.article))?);
        }
        if let Some(param) = begins(Begins::TicketTitle)
            && may(Right::TicketWork)
        {
            let SubjectRef::Ticket(tag) = does.on.as_ref()?;
            let mut reader = self.inner.store.reader().await.ok()?;
            let ticket = desk::tickets::record::by_key(&mut *reader, &tag.key).await.ok()??;
            // The title of a private request does not become the title of an announcement.
            let is_told = ticket.uid == tag.uid && !ticket.is_private();
            initial.extend(is_told.then(|| (param.name.to_owned(), Value::Text(ticket.title))));
        }
        if begins(Begins::Outage).is_some() {
            if !may(Right::OutageAnnounce) {
                return None;
            }
            let wanted: KeyRef = does.carried.as_deref()?.parse().ok()?;
            let outage =
                outages::record::by_key(&mut *self.inner.store.reader().await.ok()?, &wanted.key).await.ok()??;
            let is_it = wanted.version.is_none_or(|version| version == outage.version);
            initial.extend(is_it.then(|| outages::decide::form_values(&outage))?);
        }
        if let Some(param) = begins(Begins::Resolved) {
            let template = self.rules().outages.template(Phase::Resolved).to_owned();
            initial.insert(param.name.to_owned(), Value::Text(template));
        }
        if let Some(param) = begins(Begins::Suggested)
            && may(Right::TicketWork)
        {
            let SubjectRef::Ticket(tag) = does.on.as_ref()?;
            let mut reader = self.inner.store.reader().await.ok()?;
            let ticket = desk::tickets::record::by_key(&mut *reader, &tag.key).await.ok()??;
            let suggestion = knowledge::record::suggestion(&mut *reader, ticket.id).await.ok()??;
            // An article that was not enough is not sent again.
            if suggestion.escalated_at.is_none() {
                let best = knowledge::decide::to_send(&suggestion)?;
                initial.insert(param.name.to_owned(), Value::Text(best.key.to_string()));
            }
        }
        Some(initial)
    }

    /// Reads the last words of the requester on a ticket, if this person is the requester.
    async fn last_words(&self, does: &ActRef, actor: &Person) -> Option<String> {
        let Some(SubjectRef::Ticket(tag)) = &does.on else { return None };
        let mut reader = self.inner.store.reader().await.ok()?;
        let ticket = desk::tickets::record::by_key(&mut *reader, &tag.key).await.ok()??;
        if ticket.uid != tag.uid || !self.roster().same(&ticket.requester.who, &actor.who) {
            return None;
        }
        let records = desk::conversation::record::of_ticket(&mut *reader, ticket.id).await.ok()?;
        let last = records.into_iter().rfind(|record| record.voice == Voice::Requester && record.deleted_at.is_none());
        last.map(|record| record.text)
    }
}
