//! Erases people from the database.

use jiff::Timestamp;

use crate::desk::conversation::record::record;
use crate::desk::privacy::state::Erasure;
use crate::desk::tickets::record::{by_id, rewrite};
use crate::domain::audit::FieldChange;
use crate::domain::effect::EffectKind;
use crate::domain::ids::{MessageRef, PersonRef, TicketId};
use crate::store::outbox::withdraw_about;
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, audit, statement};

texts! {
    /// Selects the tickets of a range of ids on which an account has left words or its name. (`LIKE` may find others,
    /// too; the caller checks each.)
    CONCERNED = Text::both(
        "SELECT t.id FROM tickets AS t WHERE t.id > $1 AND t.id <= $2 AND (t.requester = $3 OR t.assignee = $3 \
         OR t.opened_by_json LIKE $4 OR t.status_json LIKE $4 \
         OR EXISTS (SELECT 1 FROM messages AS m WHERE m.ticket_id = t.id AND m.author_json LIKE $4) \
         OR EXISTS (SELECT 1 FROM audit AS a WHERE a.subject_kind = 'ticket' AND a.subject_id = CAST(t.id AS TEXT) AND (a.actor_json LIKE $4 OR a.fields_json LIKE $4))) \
         ORDER BY t.id"
    );
    /// Selects the tickets of a range of ids that are closed or cancelled, had no activity since a moment, and were not
    /// erased (`expired`) after their last activity.
    EXPIRED = Text::both(
        "SELECT t.id FROM tickets AS t WHERE t.id > $1 AND t.id <= $2 AND t.status IN ('closed', 'cancelled') \
         AND t.active_at_ms < $3 AND NOT EXISTS (SELECT 1 FROM audit AS a WHERE a.subject_kind = 'ticket' AND a.subject_id = CAST(t.id AS TEXT) \
         AND a.act = 'expired' AND a.at_ms >= t.active_at_ms) ORDER BY t.id"
    );
    /// Selects the records of a ticket, with the ids of their rows.
    NUMBERED_RECORDS = Text::both(
        "SELECT id, ticket_id, platform, tenant, channel, message, author_json, voice, at_ms, text, edited_at_ms, \
         deleted_at_ms, joined FROM messages WHERE ticket_id = $1 ORDER BY at_ms, id"
    );
    /// Selects the audit entries of a ticket, with the ids of their rows.
    NUMBERED_AUDIT = Text::both("SELECT id, subject_kind, subject_id, at_ms, actor_json, act, from_json, fields_json FROM audit \
         WHERE subject_kind = 'ticket' AND subject_id = $1 ORDER BY id");
    /// Replaces the author of a record, and deletes its words.
    ERASE_RECORD = Text::both("UPDATE messages SET author_json = $2, text = '', deleted_at_ms = $3 WHERE id = $1");
    /// Replaces the actor and the field changes of an audit entry.
    ERASE_ENTRY = Text::both("UPDATE audit SET actor_json = $2, fields_json = $3 WHERE id = $1");
}

/// What was erased from a ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Erased {
    /// Whether the ticket itself (not its records) held words or names of an erased person.
    pub ticket: bool,
    /// Whether the requester is erased, now or earlier.
    pub is_requester_gone: bool,
    /// The audited fields that changed.
    pub fields: Vec<FieldChange>,
    /// The number of erased records.
    pub records: u64,
    /// The messages from which the erased records came.
    pub gone: Vec<MessageRef>,
    /// The messages of the records that this erasure leaves as they are.
    pub kept_messages: Vec<MessageRef>,
    /// The number of changed audit entries.
    pub entries: u64,
    /// The number of withdrawn effects.
    pub withdrawn: u64,
}

impl Erased {
    /// Whether anything was erased.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.ticket || self.records > 0 || self.entries > 0 || self.withdrawn > 0
    }
}

/// Reads the ids of the tickets above `above` and up to `up_to`, oldest first, on which this account may have left
/// words or its name.
///
/// # Errors
/// If the database is away.
pub async fn concerned(
    ask: &mut dyn Ask,
    account: &PersonRef,
    above: TicketId,
    up_to: TicketId,
) -> Result<Vec<TicketId>, StoreError> {
    let query =
        statement(CONCERNED).bind(above.0).bind(up_to.0).bind(account.to_string()).bind(account_anywhere(account)?);
    ask.all(query, id).await
}

/// Reads the ids of the tickets above `above` and up to `up_to`, oldest first, that are closed or cancelled, had their
/// last activity before `then`, and were not erased because of their age (`expired`) after that activity.
///
/// # Errors
/// If the database is away.
pub async fn expired(
    ask: &mut dyn Ask,
    then: Timestamp,
    above: TicketId,
    up_to: TicketId,
) -> Result<Vec<TicketId>, StoreError> {
    ask.all(statement(EXPIRED).bind(above.0).bind(up_to.0).bind(ms(then)), id).await
}

/// Erases the people of `erasure` from a ticket, from its records and audit entries, and from the effects about it that
/// wait. Conflicts if an effect that may show their words is being delivered, or is pending after a try with an unknown
/// outcome: its message may stand on the platform.
///
/// # Errors
/// If the database is away.
pub async fn erase(tx: &mut dyn Tx, ticket: TicketId, erasure: &Erasure, now: Timestamp) -> Result<Erased, StoreError> {
    let mut erased = Erased::default();
    let Some(before) = by_id(tx, ticket).await? else { return Ok(erased) };
    let (mut names, mut words) = (Vec::new(), Vec::new());
    for person in [&before.requester, &before.opened_by].into_iter().chain(&before.assignee) {
        names.extend(erasure.names(person));
    }
    let requester = &before.requester.who;
    erased.is_requester_gone = requester.is_erased() || erasure.erases(requester);
    if let Some((after, fields)) = erasure.ticket(&before, &audit::of(tx, &ticket.into()).await?) {
        if after.title != before.title {
            words.push(before.title.clone());
        }
        rewrite(tx, &after)?;
        erased.ticket = true;
        erased.fields = fields;
    }
    let numbered = |row: &Row| Ok((row.get::<i64>("id")?, record(row)?));
    let ask: &mut dyn Ask = tx;
    let records = ask.all(statement(NUMBERED_RECORDS).bind(ticket.0), numbered).await?;
    let numbered = |row: &Row| Ok((row.get::<i64>("id")?, audit::entry(row)?));
    let entries = ask.all(statement(NUMBERED_AUDIT).bind(ticket.0.to_string()), numbered).await?;
    for (number, record) in records {
        names.extend(erasure.names(&record.author));
        let Some(after) = erasure.record(&record, now) else {
            erased.kept_messages.extend(record.message);
            continue;
        };
        let author = json(&after.author)?;
        tx.write(statement(ERASE_RECORD).bind(number).bind(author).bind(after.deleted_at.map(ms)))?;
        erased.records += 1;
        words.push(record.text);
        erased.gone.extend(record.message);
    }
    for (number, entry) in entries {
        names.extend(entry.actor.iter().flat_map(|actor| erasure.names(actor)));
        if let Some(after) = erasure.entry(&entry) {
            let actor = after.actor.as_ref().map(json).transpose()?;
            tx.write(statement(ERASE_ENTRY).bind(number).bind(actor).bind(json(&after.fields)?))?;
            erased.entries += 1;
        }
    }
    if names.is_empty() {
        return Ok(erased);
    }
    names.sort_unstable();
    names.dedup();
    let goes = |what: &EffectKind| erasure.withdraws(what, &names, &words);
    erased.withdrawn = withdraw_about(tx, &ticket.into(), goes, now).await?;
    Ok(erased)
}

fn id(row: &Row) -> Result<TicketId, StoreError> {
    row.get("id").map(TicketId)
}
