//! Forms: what they begin with, read without writing anything, and the check of what is filled in.

use std::time::Duration;

use super::Intake;
use crate::desk::conversation::state::Voice;
use crate::desk::drafts::state::Draft;
use crate::desk::outages::state::LONGEST_TITLE;
use crate::desk::{self, articles, knowledge, outages};
use crate::domain::act::{ActRef, Begins, Fault, Given, May, On, SAID, Spec, SubjectRef, Value};
use crate::domain::form::Form;
use crate::domain::ids::KeyRef;
use crate::domain::ids::{DraftId, Person};
use crate::domain::outage::Phase;
use crate::domain::right::Right;
use crate::domain::words;

/// How long a form may wait for what it is prefilled with.
const PREFILL: Duration = Duration::from_millis(500);

/// The words of the message at whose menu a form is opened, where it begins with them: their first line.
fn said(spec: &Spec, given: &Given) -> Option<(String, Value)> {
    let param = spec.takes.iter().find(|param| param.begins_with == Begins::Said)?;
    let Some(Value::Text(said)) = given.get(SAID) else { return None };
    let first = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some((param.name.to_owned(), Value::Text(words::cut(first, LONGEST_TITLE))))
}

impl Intake {
    /// The command of this name, if it takes no words and opens a form.
    pub fn command_with_form(words: &str) -> Option<&'static Spec> {
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        super::acts().find(|spec| spec.command.is_some_and(|command| command.opens_form) && spec.name == words)
    }

    /// The form to open for a button, and the page of it that comes next where it is shown in pages; prefilled from what is on
    /// record if that can be read within half a second. `None` if the act has no form, or the form was begun and what was filled
    /// in cannot be read: then the button is handled like any other. It never writes; rights are decided when it is submitted.
    pub async fn form(&self, spec: &Spec, does: &ActRef, given: &Given, actor: &Person) -> Option<(Form, u8)> {
        // Whoever may not do it is told so before they have filled in anything.
        if let May::Has(right) = spec.may
            && spec.on == On::Nothing
            && !self.roster().may(actor, right, self.inner.clock.now())
        {
            return None;
        }
        if let Some(draft) = &does.draft {
            let begun = tokio::time::timeout(PREFILL, self.draft(draft, actor)).await.ok().flatten()?;
            return Form::of(spec, does, &begun.given).map(|form| (form, begun.page));
        }
        let begun = tokio::time::timeout(PREFILL, self.begun(spec, does, actor)).await;
        // Over what is not shown nothing is to be written.
        let replaces = spec.takes.iter().any(|param| matches!(param.begins_with, Begins::Article | Begins::Outage));
        let begun = match begun.ok().flatten() {
            None if replaces => return None,
            begun => begun.unwrap_or_default(),
        };
        let begun = begun.into_iter().chain(said(spec, given)).collect();
        Form::of(spec, does, &begun).map(|form| (form, 0))
    }

    /// Whether an act can be given this, as it will be checked once it is handled: for platforms that show faults at the
    /// fields of a form.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, spec: &Spec, does: &ActRef, given: &Given, actor: &Person) -> Result<(), Vec<Fault>> {
        spec.check(&does.carried(spec, given.clone()), &self.rules().now(self.inner.clock.now(), actor)).map(drop)
    }

    /// What this person had filled in before.
    async fn draft(&self, id: &DraftId, actor: &Person) -> Option<Draft> {
        let (accounts, now) = (self.roster().accounts(&actor.who), self.inner.clock.now());
        let mut reader = self.inner.store.reader().await.ok()?;
        desk::drafts::record::of(&mut *reader, id, &accounts, now).await.ok().flatten()
    }

    /// What the fields of a form begin with; `None` if that cannot be read, or not by this person.
    async fn begun(&self, spec: &Spec, does: &ActRef, actor: &Person) -> Option<Given> {
        let mut begun = Given::new();
        let begins = |with: Begins| spec.takes.iter().find(|param| param.begins_with == with);
        if let Some(param) = begins(Begins::LastWords) {
            let last = self.last_words(does, actor).await?;
            begun.insert(param.name.to_owned(), Value::Text(last));
        }
        let may = |right| self.roster().may(actor, right, self.inner.clock.now());
        if begins(Begins::Article).is_some() {
            if !may(Right::TicketWork) && !may(Right::ArticlePublish) {
                return None;
            }
            let wanted: KeyRef = does.with.as_deref()?.parse().ok()?;
            let kept =
                knowledge::record::by_key(&mut *self.inner.store.reader().await.ok()?, &wanted.key).await.ok()??;
            let is_it = wanted.version.is_none_or(|version| version == kept.article.version);
            begun.extend(is_it.then(|| articles::decide::begun(&kept.article))?);
        }
        if let Some(param) = begins(Begins::TicketTitle)
            && may(Right::TicketWork)
        {
            let SubjectRef::Ticket(tag) = does.on.as_ref()?;
            let mut reader = self.inner.store.reader().await.ok()?;
            let ticket = desk::tickets::record::by_key(&mut *reader, &tag.key).await.ok()??;
            // What was said to the desk alone is nobody else's headline.
            let is_told = ticket.uid == tag.uid && !ticket.is_private();
            begun.extend(is_told.then(|| (param.name.to_owned(), Value::Text(ticket.title))));
        }
        if begins(Begins::Outage).is_some() {
            if !may(Right::OutageAnnounce) {
                return None;
            }
            let wanted: KeyRef = does.with.as_deref()?.parse().ok()?;
            let outage =
                outages::record::by_key(&mut *self.inner.store.reader().await.ok()?, &wanted.key).await.ok()??;
            let is_it = wanted.version.is_none_or(|version| version == outage.version);
            begun.extend(is_it.then(|| outages::decide::begun(&outage))?);
        }
        if let Some(param) = begins(Begins::Resolved) {
            let template = self.rules().outages.template(Phase::Resolved).to_owned();
            begun.insert(param.name.to_owned(), Value::Text(template));
        }
        if let Some(param) = begins(Begins::Suggested)
            && may(Right::TicketWork)
        {
            let SubjectRef::Ticket(tag) = does.on.as_ref()?;
            let mut reader = self.inner.store.reader().await.ok()?;
            let ticket = desk::tickets::record::by_key(&mut *reader, &tag.key).await.ok()??;
            let suggestion = knowledge::record::suggestion(&mut *reader, ticket.id).await.ok()??;
            let best = knowledge::decide::to_send(&suggestion)?;
            begun.insert(param.name.to_owned(), Value::Text(best.key.to_string()));
        }
        Some(begun)
    }

    /// The last words of the requester on a ticket, if this person may see them.
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
