//! Short ways for tests to read and write the record: methods for the store and for a transaction that call the
//! `record.rs` of the capabilities.

use async_trait::async_trait;
use deskbell::desk::conversation::state::{Record, Side, SkippedMention};
use deskbell::desk::decision::Change;
use deskbell::desk::privacy::state::Erasure;
use deskbell::desk::tickets::record::Which;
use deskbell::desk::tickets::state::Ticket;
use deskbell::desk::{apply, conversation, knowledge, privacy, tickets};
use deskbell::domain::audit::AuditEntry;
use deskbell::domain::effect::{Effect, Prior};
use deskbell::domain::event::DedupeKey;
use deskbell::domain::ids::{ArticleId, EffectId, MessageRef, OutageId, PersonRef, Place, Tenant, TicketId, TicketKey};
use deskbell::domain::standing::Standing;
use deskbell::domain::subject::Subject;
use deskbell::store::{Store, StoreError, Tx, audit, dead, keys, outbox, standing};
use jiff::Timestamp;

type Read<T> = Result<T, StoreError>;

/// Reads outside of a transaction.
#[async_trait]
pub trait ReadRecord {
    async fn ticket(&self, id: TicketId) -> Read<Option<Ticket>>;
    async fn ticket_by_key(&self, key: &TicketKey) -> Read<Option<Ticket>>;
    async fn tickets(&self, before: Option<TicketId>, limit: u32) -> Read<Vec<Ticket>>;
    async fn total(&self) -> Read<u64>;
    async fn open(&self) -> Read<u64>;
    async fn without_card(&self, channel: &Place, above: TicketId, limit: u32) -> Read<Vec<TicketId>>;
    async fn records(&self, ticket: TicketId) -> Read<Vec<Record>>;
    async fn said_in(&self, tenant: &Tenant, channel: &str, from: &str, limit: u32) -> Read<Vec<Record>>;
    async fn active_conversations(&self, tenant: &Tenant, since: Timestamp) -> Read<Vec<Place>>;
    async fn audit(&self, ticket: TicketId) -> Read<Vec<AuditEntry>>;
    async fn audit_beside_tickets(&self) -> Read<Vec<AuditEntry>>;
    async fn keep_dead(&self, key: &DedupeKey, event_json: &str, fault: &str, now: Timestamp) -> Read<()>;
    async fn delete_dead(&self, key: &DedupeKey) -> Read<()>;
    async fn standing(&self, ticket: TicketId) -> Read<Vec<Standing>>;
    async fn showing(&self, of: &MessageRef) -> Read<Vec<Standing>>;
}

#[async_trait]
impl ReadRecord for dyn Store + '_ {
    async fn ticket(&self, id: TicketId) -> Read<Option<Ticket>> {
        tickets::record::by_id(&mut *self.reader().await?, id).await
    }

    async fn ticket_by_key(&self, key: &TicketKey) -> Read<Option<Ticket>> {
        tickets::record::by_key(&mut *self.reader().await?, key).await
    }

    async fn tickets(&self, before: Option<TicketId>, limit: u32) -> Read<Vec<Ticket>> {
        tickets::record::page(&mut *self.reader().await?, before, limit).await
    }

    async fn total(&self) -> Read<u64> {
        tickets::record::total(&mut *self.reader().await?).await
    }

    async fn open(&self) -> Read<u64> {
        tickets::record::open(&mut *self.reader().await?).await
    }

    async fn without_card(&self, channel: &Place, above: TicketId, limit: u32) -> Read<Vec<TicketId>> {
        tickets::record::without_card(&mut *self.reader().await?, channel, above, limit).await
    }

    async fn records(&self, ticket: TicketId) -> Read<Vec<Record>> {
        conversation::record::of_ticket(&mut *self.reader().await?, ticket).await
    }

    async fn said_in(&self, tenant: &Tenant, channel: &str, from: &str, limit: u32) -> Read<Vec<Record>> {
        conversation::record::said_in(&mut *self.reader().await?, tenant, channel, from, limit).await
    }

    async fn active_conversations(&self, tenant: &Tenant, since: Timestamp) -> Read<Vec<Place>> {
        conversation::record::active_conversations(&mut *self.reader().await?, tenant, since).await
    }

    async fn audit(&self, ticket: TicketId) -> Read<Vec<AuditEntry>> {
        audit::of(&mut *self.reader().await?, &ticket.into()).await
    }

    async fn audit_beside_tickets(&self) -> Read<Vec<AuditEntry>> {
        let reader = &mut *self.reader().await?;
        let mut entries = Vec::new();
        for article in knowledge::record::page(reader, ArticleId(0), 1_000).await? {
            entries.extend(audit::of(reader, &article.id.into()).await?);
        }
        for outage in 1..20 {
            entries.extend(audit::of(reader, &OutageId(outage).into()).await?);
        }
        entries.extend(audit::of(reader, &Subject::Desk).await?);
        Ok(entries)
    }

    async fn keep_dead(&self, key: &DedupeKey, event_json: &str, fault: &str, now: Timestamp) -> Read<()> {
        let (key, event_json, fault) = (key.clone(), event_json.to_owned(), fault.to_owned());
        self.within(move |tx| Box::pin(std::future::ready(dead::insert(tx, &key, &event_json, &fault, now)))).await
    }

    async fn delete_dead(&self, key: &DedupeKey) -> Read<()> {
        let key = key.clone();
        self.within(move |tx| Box::pin(std::future::ready(dead::delete(tx, &key)))).await
    }

    async fn standing(&self, ticket: TicketId) -> Read<Vec<Standing>> {
        standing::of(&mut *self.reader().await?, &ticket.into()).await
    }

    async fn showing(&self, of: &MessageRef) -> Read<Vec<Standing>> {
        standing::showing(&mut *self.reader().await?, of).await
    }
}

/// Reads and writes inside a transaction.
#[async_trait]
pub trait WriteRecord {
    async fn knows(&mut self, key: &DedupeKey) -> Read<bool>;
    fn remember(&mut self, key: &DedupeKey, now: Timestamp) -> Read<()>;
    fn apply(&mut self, change: &Change) -> Read<()>;
    fn audit_entry(&mut self, entry: &AuditEntry) -> Read<()>;
    async fn enqueue(&mut self, effect: &Effect, now: Timestamp) -> Read<()>;
    async fn take_back(&mut self, effect: &EffectId, now: Timestamp) -> Read<Vec<Effect>>;
    async fn erase(&mut self, ticket: TicketId, erasure: &Erasure, now: Timestamp) -> Read<privacy::record::Erased>;
    async fn ticket(&mut self, id: TicketId) -> Read<Option<Ticket>>;
    async fn ticket_at(&mut self, place: &Place) -> Read<Option<(Ticket, Side)>>;
    async fn ticket_of_message(&mut self, message: &MessageRef) -> Read<Option<(Ticket, Side)>>;
    async fn burst(&mut self, by: &[PersonRef], at: &Place, since: Timestamp, until: Timestamp)
    -> Read<Option<Ticket>>;
    async fn latest_direct(&mut self, direct: &Place, since: Timestamp) -> Read<Option<Ticket>>;
    async fn open_of(&mut self, by: &[PersonRef], which: Which, limit: u32) -> Read<Vec<Ticket>>;
    async fn skipped_mention(&mut self, message: &MessageRef) -> Read<Option<SkippedMention>>;
    async fn record(&mut self, message: &MessageRef) -> Read<Option<Record>>;
    async fn records(&mut self, ticket: TicketId, limit: u32) -> Read<Vec<Record>>;
    async fn audit(&mut self, ticket: TicketId, limit: u32) -> Read<Vec<AuditEntry>>;
}

#[async_trait]
impl WriteRecord for dyn Tx + '_ {
    async fn knows(&mut self, key: &DedupeKey) -> Read<bool> {
        keys::knows(self, key).await
    }

    fn remember(&mut self, key: &DedupeKey, now: Timestamp) -> Read<()> {
        keys::remember(self, key, now)
    }

    fn apply(&mut self, change: &Change) -> Read<()> {
        apply(self, change)
    }

    fn audit_entry(&mut self, entry: &AuditEntry) -> Read<()> {
        audit::append(self, entry)
    }

    async fn enqueue(&mut self, effect: &Effect, now: Timestamp) -> Read<()> {
        outbox::enqueue(self, effect, Prior::Unknown, now).await
    }

    async fn take_back(&mut self, effect: &EffectId, now: Timestamp) -> Read<Vec<Effect>> {
        outbox::take_back(self, effect, now).await
    }

    async fn erase(&mut self, ticket: TicketId, erasure: &Erasure, now: Timestamp) -> Read<privacy::record::Erased> {
        privacy::record::erase(self, ticket, erasure, now).await
    }

    async fn ticket(&mut self, id: TicketId) -> Read<Option<Ticket>> {
        tickets::record::by_id(self, id).await
    }

    async fn ticket_at(&mut self, place: &Place) -> Read<Option<(Ticket, Side)>> {
        conversation::record::ticket_at(self, place).await
    }

    async fn ticket_of_message(&mut self, message: &MessageRef) -> Read<Option<(Ticket, Side)>> {
        conversation::record::ticket_of_message(self, message).await
    }

    async fn burst(
        &mut self,
        by: &[PersonRef],
        at: &Place,
        since: Timestamp,
        until: Timestamp,
    ) -> Read<Option<Ticket>> {
        tickets::record::burst(self, by, at, since, until).await
    }

    async fn latest_direct(&mut self, direct: &Place, since: Timestamp) -> Read<Option<Ticket>> {
        tickets::record::latest_direct(self, direct, since).await
    }

    async fn open_of(&mut self, by: &[PersonRef], which: Which, limit: u32) -> Read<Vec<Ticket>> {
        tickets::record::open_of(self, by, which, limit).await
    }

    async fn skipped_mention(&mut self, message: &MessageRef) -> Read<Option<SkippedMention>> {
        conversation::record::skipped_mention(self, message).await
    }

    async fn record(&mut self, message: &MessageRef) -> Read<Option<Record>> {
        conversation::record::of_message(self, message).await
    }

    async fn records(&mut self, ticket: TicketId, limit: u32) -> Read<Vec<Record>> {
        conversation::record::last_of_ticket(self, ticket, limit).await
    }

    async fn audit(&mut self, ticket: TicketId, limit: u32) -> Read<Vec<AuditEntry>> {
        audit::last_of(self, &ticket.into(), limit).await
    }
}
