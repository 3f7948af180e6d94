//! `deskbell export`: prints every ticket with its messages and its audit.
//!
//! Each ticket is one JSON object on a line, oldest first. Tickets are read one after another, so the export of a large
//! desk takes no more memory than that of a small one. The command only reads, beside a running bot if necessary.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::terminal::shown;
use crate::app;
use crate::config::Config;
use crate::desk::conversation::state::Record;
use crate::desk::tickets::state::Ticket;
use crate::desk::{conversation, tickets};
use crate::domain::audit::AuditEntry;
use crate::domain::ids::TicketId;
use crate::store::{Store, StoreError, audit};

/// Prints all tickets.
///
/// # Errors
/// If the database cannot be read, or the output is closed.
pub async fn export(config: &Config) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let mut out = BufWriter::new(io::stdout());
    let newest =
        tickets::record::page(&mut *store.reader().await?, None, 1).await?.first().map_or(0, |ticket| ticket.id.0);
    for id in 1..=newest {
        if let Some(line) = line(store.as_ref(), TicketId(id)).await? {
            writeln!(out, "{}", shown(&line.to_string()))?;
        }
    }
    out.flush()?;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn line(store: &dyn Store, id: TicketId) -> Result<Option<Value>, StoreError> {
    let mut reader = store.reader().await?;
    let Some(ticket) = tickets::record::by_id(&mut *reader, id).await? else { return Ok(None) };
    let messages: Vec<Value> = conversation::record::of_ticket(&mut *reader, id).await?.iter().map(message).collect();
    let audit: Vec<Value> = audit::of(&mut *reader, &id.into()).await?.iter().map(entry).collect();
    Ok(Some(json!({ "ticket": head(&ticket), "messages": messages, "audit": audit })))
}

fn head(ticket: &Ticket) -> Value {
    let (origin, first) = (&ticket.origin, &ticket.origin_message);
    json!({
        "key": ticket.key, "id": ticket.id, "status": ticket.status.name(),
        "priority": ticket.priority, "title": ticket.title,
        "requester": ticket.requester.name, "requester_account": ticket.requester.who,
        "opened_by": ticket.opened_by.name, "assignee": ticket.assignee.as_ref().map(|agent| &agent.name),
        "private": ticket.is_private(), "platform": origin.platform(),
        "origin": { "tenant": origin.tenant.id, "channel": origin.channel(), "root": origin.root() },
        "origin_message": { "tenant": first.tenant.id, "channel": first.channel, "id": first.id },
        "opened_at": ticket.opened_at, "answered_at": ticket.answered_at, "active_at": ticket.active_at,
        "follows": ticket.follows, "merged_into": ticket.merged_into, "version": ticket.version,
    })
}

/// Returns the words of a record with their message. For words from a form, which stand in no message, platform,
/// tenant, channel and id are null.
fn message(record: &Record) -> Value {
    let at = record.message.as_ref();
    json!({
        "platform": at.map(|at| at.tenant.platform), "tenant": at.map(|at| &at.tenant.id),
        "channel": at.map(|at| &at.channel), "id": at.map(|at| &at.id),
        "author": record.author.name, "author_account": record.author.who, "voice": record.voice, "at": record.at,
        "text": record.text, "edited_at": record.edited_at, "deleted_at": record.deleted_at,
    })
}

fn entry(entry: &AuditEntry) -> Value {
    json!({ "at": entry.at, "actor": entry.actor, "act": entry.act, "from": entry.from, "fields": entry.fields })
}
