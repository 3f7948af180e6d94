//! What one work sees: its transaction. What it writes is sent together, before it reads again and at its end. Compiled
//! once for each database.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::dialect::{Conn, Ids, Row};
use super::record::Asks;
use super::{dialect, erase, outbox, record};
use crate::domain::decision::Change;
use crate::domain::effect::Effect;
use crate::domain::erasure::Erasure;
use crate::domain::event::DedupeKey;
use crate::domain::ids::{EffectId, MessageRef, PersonRef, Place, TicketId, TicketKey};
use crate::domain::record::{AuditEntry, Opening, Record, Side, Standing};
use crate::domain::ticket::Ticket;
use crate::store::statement::Statement;
use crate::store::{Erased, StoreError, Tx};

/// A work's view of the database. Once the database has failed it, it fails in everything: the database may have
/// given the whole transaction up, and what is written after that would stand alone.
#[derive(Debug)]
pub struct StoreTx<'c> {
    conn: &'c mut Conn,
    ids: &'c mut Ids,
    unsent: &'c mut Unsent,
    /// What was read before the work began, and nothing of which it has changed since.
    known: Known,
    /// The ticket that it opens, and the order keys of what is to be done about that.
    opened: Option<TicketId>,
    queued: HashSet<String>,
    away: Option<String>,
    touched: bool,
}

/// What was written and not sent yet, by each work of a transaction: what several have written goes together.
pub type Unsent = Vec<Vec<Statement>>;

/// Queries with their rows, for as long as these are as they were.
pub type Known = Vec<(Statement, Vec<Row>)>;

/// The database, but for what is known. Before it is asked, what was written is sent; what is known needs no sending, so
/// that works of one transaction which ask for nothing else write together.
impl Asks for StoreTx<'_> {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        if let Some(place) = self.known.iter().position(|(known, _)| *known == query) {
            return Ok(self.known.swap_remove(place).1);
        }
        self.flush().await?;
        self.conn()?.rows(query).await
    }
}

impl<'c> StoreTx<'c> {
    pub fn new(conn: &'c mut Conn, ids: &'c mut Ids, unsent: &'c mut Unsent, known: Known) -> Self {
        unsent.push(Vec::new());
        Self { conn, ids, unsent, known, opened: None, queued: HashSet::new(), away: None, touched: false }
    }

    /// Whether the outbox or the timers were changed.
    pub const fn touched(&self) -> bool {
        self.touched
    }

    /// That the outbox or the timers are changed.
    pub const fn touch(&mut self) {
        self.touched = true;
    }

    /// The connection.
    ///
    /// # Errors
    /// If the database has failed this work before.
    pub fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        match &self.away {
            None => Ok(self.conn),
            Some(why) => Err(StoreError::Away(why.clone())),
        }
    }

    /// Sends what was written. What is read afterwards sees it.
    ///
    /// # Errors
    /// If it cannot be written, or somebody else was faster.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        if self.unsent.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let unsent = std::mem::replace(self.unsent, vec![Vec::new()]);
        let sent = dialect::run_all(self.conn()?, unsent).await.map(drop);
        self.kept(sent)
    }

    /// Writes, some time before the next reading and the end.
    fn later(&mut self, statements: impl IntoIterator<Item = Statement>) -> Result<(), StoreError> {
        self.conn()?;
        self.known.clear();
        if let Some(own) = self.unsent.last_mut() {
            own.extend(statements);
        }
        Ok(())
    }

    /// Passes a result on, keeping in mind whether the database has failed.
    ///
    /// # Errors
    /// The result's.
    pub fn kept<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Away(why)) = &result {
            self.away.get_or_insert_with(|| why.clone());
        }
        result
    }
}

macro_rules! asks {
    ($tx:ident, $($call:tt)::+ ($($argument:expr),*)) => {{
        $tx.flush().await?;
        let answer = $($call)::+($tx.conn()?, $($argument),*).await;
        $tx.kept(answer)
    }};
}

/// The same of what may be known already.
macro_rules! recalls {
    ($tx:ident, $($call:tt)::+ ($($argument:expr),*)) => {{
        $tx.conn()?;
        let answer = $($call)::+($tx, $($argument),*).await;
        $tx.kept(answer)
    }};
}

#[async_trait]
impl Tx for StoreTx<'_> {
    async fn knows(&mut self, key: &DedupeKey) -> Result<bool, StoreError> {
        recalls!(self, record::knows(key))
    }

    async fn remember(&mut self, key: &DedupeKey, now: Timestamp) -> Result<(), StoreError> {
        self.later([record::remember(key, now)])
    }

    async fn next_number(&mut self) -> Result<i64, StoreError> {
        self.conn()?;
        let next = self.ids.next_number(self.conn).await;
        self.kept(next)
    }

    async fn next_id(&mut self) -> Result<TicketId, StoreError> {
        self.conn()?;
        let next = self.ids.next_id(self.conn).await;
        self.kept(next)
    }

    async fn ticket_by_key(&mut self, key: &TicketKey) -> Result<Option<Ticket>, StoreError> {
        asks!(self, record::ticket_by_key(key))
    }

    async fn ticket(&mut self, id: TicketId) -> Result<Option<Ticket>, StoreError> {
        asks!(self, record::ticket(id))
    }

    async fn ticket_at(&mut self, place: &Place) -> Result<Option<(Ticket, Side)>, StoreError> {
        recalls!(self, record::ticket_at(place))
    }

    async fn ticket_of_message(&mut self, message: &MessageRef) -> Result<Option<(Ticket, Side)>, StoreError> {
        asks!(self, record::ticket_of_message(message))
    }

    async fn burst(
        &mut self,
        by: &[PersonRef],
        channel: &Place,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        recalls!(self, record::burst(by, channel, since, until))
    }

    async fn latest_direct(&mut self, direct: &Place, since: Timestamp) -> Result<Option<Ticket>, StoreError> {
        asks!(self, record::latest_direct(direct, since))
    }

    async fn open_of(&mut self, by: &[PersonRef], limit: u32) -> Result<Vec<Ticket>, StoreError> {
        asks!(self, record::open_of(by, limit))
    }

    async fn opening(&mut self, message: &MessageRef) -> Result<Option<Opening>, StoreError> {
        asks!(self, record::opening(message))
    }

    async fn is_card_under_way(&mut self, channel: &Place) -> Result<bool, StoreError> {
        asks!(self, outbox::is_card_under_way(channel))
    }

    async fn record(&mut self, message: &MessageRef) -> Result<Option<Record>, StoreError> {
        asks!(self, record::record(message))
    }

    async fn records(&mut self, ticket: TicketId, limit: u32) -> Result<Vec<Record>, StoreError> {
        asks!(self, record::last_records(ticket, limit))
    }

    async fn audit(&mut self, ticket: TicketId, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        asks!(self, record::last_audit(ticket, limit))
    }

    async fn standing(&mut self, ticket: TicketId) -> Result<Vec<Standing>, StoreError> {
        asks!(self, record::standing(ticket))
    }

    async fn erase(&mut self, ticket: TicketId, erasure: &Erasure, now: Timestamp) -> Result<Erased, StoreError> {
        self.touch();
        asks!(self, erase::erase(ticket, erasure, now))
    }

    async fn forget_openings(&mut self, account: &PersonRef) -> Result<u64, StoreError> {
        asks!(self, erase::forget_openings(account))
    }

    async fn withdraw_from(&mut self, account: &PersonRef, now: Timestamp) -> Result<u64, StoreError> {
        self.touch();
        asks!(self, erase::withdraw_from(account, now))
    }

    async fn salt(&mut self, fresh: i64) -> Result<i64, StoreError> {
        asks!(self, erase::salt(fresh))
    }

    async fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        if matches!(change, Change::SetTimer { .. } | Change::ClearTimer { .. }) {
            self.touch();
        }
        self.later(record::apply(change)?)?;
        if let Change::Open(ticket) = change {
            self.opened = Some(ticket.id);
            let taken = self.ids.take(ticket);
            self.later(taken)?;
        }
        Ok(())
    }

    async fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.later([record::note(entry)?])
    }

    async fn enqueue(&mut self, effect: &Effect, now: Timestamp) -> Result<(), StoreError> {
        self.touch();
        if effect.what.is_mirror()
            && let Some(joins) = asks!(self, outbox::join(effect))?
        {
            return self.later([joins]);
        }
        let id = self.ids.next_effect();
        // Nothing waits in the threads and under the cards of a ticket that is opened just now.
        let is_new = effect.ticket.is_some() && effect.ticket == self.opened && self.queued.insert(effect.order_key());
        self.later(outbox::enqueue(id, effect, is_new, now)?)
    }

    async fn take_back(&mut self, effect: &EffectId, now: Timestamp) -> Result<Vec<Effect>, StoreError> {
        let (taken, ends) = asks!(self, outbox::take_back(effect, now))?;
        if !taken.is_empty() {
            self.touch();
        }
        self.later(ends)?;
        Ok(taken)
    }
}
