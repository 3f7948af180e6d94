//! Acts on a ticket: each act, in each status of the ticket, by people who may do it and by people who may not.

use expect_test::expect;

use super::*;
use crate::desk::acts::{Act, ActReads, all};
use crate::desk::hear::{ActData, Asked};
use crate::desk::meant::Meant;
use crate::domain::act::{ActRef, Given, On, Takes, Value};
use crate::domain::audit::AuditEntry;
use crate::domain::event::{Acted, Asks, ReplyHandle, Way};
use crate::domain::when::Now;

/// Returns an act by a button, or by a form if there are values: in the desk's channel for people on the desk, else in
/// the request's thread.
pub(super) fn by_button(who: &str, does: ActRef, given: Given) -> Acted {
    let at = if ["Mia", "Omar", "Ada"].contains(&who) { channel("C9") } else { thread("C1", "7.1") };
    Acted {
        actor: person(who),
        place: Some(at),
        way: if given.is_empty() { Way::Button } else { Way::Form },
        at: None,
        asks: Asks::Act { does, given },
        in_private: false,
        reply: ReplyHandle("{}".to_owned()),
    }
}

/// Returns valid arguments for the act.
pub(super) fn fitting(act: &Act) -> Given {
    let value = |takes| match takes {
        Takes::Text => Value::text("a new cable"),
        Takes::Choice(options) => Value::text(options[0].0),
        Takes::Person => Value::Person(person("Omar")),
        Takes::Ticket => Value::text(other().tag().to_string()),
        Takes::Message => Value::text("7.2"),
        Takes::Article | Takes::Outage => Value::text("KB-7"),
        Takes::Flag => Value::Flag(true),
        Takes::Files => Value::Files(Vec::new()),
        Takes::Date | Takes::Future => Value::text("in 48 h"),
    };
    act.spec.takes.iter().map(|param| (param.name.to_owned(), value(param.takes))).collect()
}

/// IT-1008: another request of Jeff's.
fn other() -> Ticket {
    Ticket {
        id: TicketId(8),
        key: TicketKey::new("IT", 1008),
        uid: TicketUid::of(&DedupeKey::stored("m:8".to_owned())),
        ..ticket()
    }
}

pub(super) fn heard_as(acted: &Acted, on: Option<Ticket>, thread_ticket: Option<TicketId>, data: ActData) -> Asked {
    let meant = Meant::of(acted, None, "IT", &Now::named(now(), "UTC"));
    Asked { meant, on, thread_ticket, data }
}

/// Adds the decision about this act on this ticket to the table.
pub(super) fn act(table: &mut Table, name: &str, act: &Act, who: &str, ticket: &Ticket) {
    let does = act.spec.on(ticket.tag());
    let acted = by_button(who, does, fitting(act));
    let joined = Record { joined: true, ..record("Jeff", "7.2", "and my badge is lost") };
    let data = match act.spec.name {
        "show" => ActData::Story(vec![record("Jeff", "7.1", "printer smokes")], Vec::<AuditEntry>::new()),
        "belongs_to" => ActData::Chosen(Some(Box::new(Ticket { origin: ticket.origin.clone(), ..other() }))),
        "own_request" => ActData::Joined(Some(Box::new(joined)), false),
        _ => ActData::Nothing,
    };
    let thread_ticket = Some(ticket.id).filter(|_| !["Mia", "Omar", "Ada"].contains(&who));
    let asked = heard_as(&acted, Some(ticket.clone()), thread_ticket, data);
    table.case(name, &desk(), &Heard::Act(&acted, Box::new(asked), now()));
}

/// Returns the acts on a ticket.
pub(super) fn to_tickets() -> impl Iterator<Item = &'static Act> {
    // Acts with articles have tables of their own, and an announcement of an outage needs an audience.
    all().filter(|act| {
        act.spec.on == On::Ticket && !matches!(act.reads, ActReads::Article(_) | ActReads::NextOutage { .. })
    })
}

/// The actor is Mia, who has the ticket if anybody has it.
#[test]
fn each_act_of_an_agent_however_the_ticket_stands() {
    let mut table = Table::default();
    for (name, status) in statuses() {
        table.head(name);
        for one in to_tickets() {
            act(&mut table, &format!("  {}", one.spec.name), one, "Mia", &with_status(status.clone()));
        }
    }
    expect![[r#"
        new
          claim: done IT-1007 · IT-1007 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C1/7.1: “Mia is on it.”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: done IT-1007 · IT-1007 is resolved, P3 · auto_close in 168 h · audit: resolved by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: a new cable ⏎ Not right? Just write here.”
          pending: done IT-1007 · IT-1007 is pending, P3 · wait_over in 48 h · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
          release: refused · tell Mia: “Nobody has IT-1007, so there's nothing to release.”
          reopen: refused · tell Mia: “IT-1007 is already open (new), so nothing was changed. The desk can see…”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          not_a_request: done IT-1007 · IT-1007 is cancelled, P3 · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          assign: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: assigned by Mia · cards · confirm anew · say in C1/7.1: “Omar has it now.” · under the cards: “Mia gave this to @U9.” · under the cards: “Mia gave this to Omar.”
          priority: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Mia · cards
          cancel: done IT-1007 · IT-1007 is cancelled, P3 · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          details: done IT-1007 · record note «a new cable» · IT-1007 is new, P3 · audit: details added by Mia · under the cards: “Mia noted: a new cable” · tell Mia: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ new · P3 · nobody yet” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        in progress
          claim: refused · tell Mia: “You already have IT-1007.”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: done IT-1007 · IT-1007 is resolved, P3, Mia · auto_close in 168 h · audit: resolved by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: a new cable ⏎ Not right? Just write here.”
          pending: done IT-1007 · IT-1007 is pending, P3, Mia · wait_over in 48 h · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
          release: done IT-1007 · IT-1007 is new, P3 · audit: released by Mia · cards · confirm anew · say in C1/7.1: “It's with the desk again: someone will take it over and answer here.” · tell Mia: “Done: IT-1007 is new, P3, and nobody has it yet.”
          reopen: refused · tell Mia: “IT-1007 is already open (in progress), so nothing was changed. The desk…”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is in progress; Mia has it. Asked by Jeff…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          not_a_request: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          assign: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: assigned by Mia · cards · confirm anew · say in C1/7.1: “Omar has it now.” · under the cards: “Mia gave this to @U9.” · under the cards: “Mia gave this to Omar.”
          priority: done IT-1007 · IT-1007 is in_progress, P1, Mia · audit: prioritised by Mia · cards
          cancel: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          details: done IT-1007 · record note «a new cable» · IT-1007 is in_progress, P3, Mia · audit: details added by Mia · under the cards: “Mia noted: a new cable” · tell Mia: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ in progress · P3 · Mia has it” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        pending
          claim: refused · tell Mia: “You already have IT-1007.”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: done IT-1007 · IT-1007 is resolved, P3, Mia · auto_close in 168 h · audit: resolved by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: a new cable ⏎ Not right? Just write here.”
          pending: done IT-1007 · IT-1007 is pending, P3, Mia · wait_over in 48 h · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
          release: done IT-1007 · IT-1007 is new, P3 · audit: released by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is no longer on hold: someone from the desk will answer here.” · tell Mia: “Done: IT-1007 is new, P3, and nobody has it yet.”
          reopen: refused · tell Mia: “IT-1007 is already open (pending), so nothing was changed. The desk can…”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is pending; Mia has it. Asked by Jeff an h…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          not_a_request: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          assign: done IT-1007 · IT-1007 is pending, P3, Omar · audit: assigned by Mia · cards · confirm anew · say in C1/7.1: “Omar has it now.” · under the cards: “Mia gave this to @U9.” · under the cards: “Mia gave this to Omar.”
          priority: done IT-1007 · IT-1007 is pending, P1, Mia · audit: prioritised by Mia · cards
          cancel: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          details: done IT-1007 · record note «a new cable» · IT-1007 is pending, P3, Mia · audit: details added by Mia · under the cards: “Mia noted: a new cable” · tell Mia: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ pending · P3 · Mia has it” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        resolved
          claim: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          pending: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          release: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          reopen: done IT-1007 · IT-1007 is in_progress, P3, Mia · no auto_close · audit: reopened by Mia · cards · confirm anew · say in C1/7.1: “Reopened: Mia has it again.”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is resolved; Mia has it. Asked by Jeff an…” [Reopen] [Show]
          not_a_request: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          assign: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          priority: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          cancel: refused · tell Mia: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          details: done IT-1007 · record note «a new cable» · IT-1007 is resolved, P3, Mia · audit: details added by Mia · under the cards: “Mia noted: a new cable” · tell Mia: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ resolved” [Reopen] [Show]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        closed
          claim: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          pending: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          release: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          reopen: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is closed; Mia has it. Asked by Jeff an ho…” [Show]
          not_a_request: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          assign: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          priority: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          cancel: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          details: refused · tell Mia: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ closed” [Show]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        taken back
          claim: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff.”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff. ⏎ Nothing was sent. Your…”
          pending: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff. ⏎ Nothing was sent. Your…”
          release: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff.”
          reopen: done IT-1007 · IT-1007 is new, P3 · no auto_close · audit: reopened by Mia · cards · confirm anew · say in C1/7.1: “Reopened: someone from the desk will answer here.”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is cancelled. Asked by Jeff an hour ago. ⏎…” [Reopen] [Show]
          not_a_request: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff.”
          assign: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff.”
          priority: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff.”
          cancel: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff.”
          details: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by Jeff. ⏎ Nothing was sent. Your…”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ cancelled” [Reopen] [Show]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        no request
          claim: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you.”
          reply: done IT-1007 · say in C1/7.1: “Mia (IT): a new cable”
          resolve: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you. ⏎ Nothing was sent. Your w…”
          pending: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you. ⏎ Nothing was sent. Your w…”
          release: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you.”
          reopen: done IT-1007 · IT-1007 is new, P3 · no auto_close · audit: reopened by Mia · cards · confirm anew · say in C1/7.1: “Reopened: someone from the desk will answer here.”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is cancelled. Asked by Jeff an hour ago. ⏎…” [Reopen] [Show]
          not_a_request: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you.”
          assign: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you.”
          priority: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you.”
          cancel: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you.”
          details: refused · tell Mia: “IT-1007 was cancelled 10 minutes ago by you. ⏎ Nothing was sent. Your w…”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ cancelled” [Reopen] [Show]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        merged
          claim: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          reply: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there. ⏎ Nothing was sent.…”
          resolve: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there. ⏎ Nothing was sent.…”
          pending: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there. ⏎ Nothing was sent.…”
          release: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          reopen: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is cancelled. Asked by Jeff an hour ago. ⏎…” [Show]
          not_a_request: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          assign: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          priority: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          cancel: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there.”
          details: refused · tell Mia: “IT-1007 is part of IT-1005 now. Please go on there. ⏎ Nothing was sent.…”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ cancelled” [Show]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
    "#]].assert_eq(&table.0);
}

#[test]
fn each_act_of_the_requester_however_the_ticket_stands() {
    let mut table = Table::default();
    for (name, status) in statuses() {
        table.head(name);
        for one in to_tickets() {
            act(&mut table, &format!("  {}", one.spec.name), one, "Jeff", &with_status(status.clone()));
        }
    }
    expect![[r#"
        new
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reopen: refused · tell Jeff: “IT-1007 is already open (new), so nothing was changed. The desk can see…”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Add details] [Cancel]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          cancel: done IT-1007 · IT-1007 is cancelled, P3 · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again]
          details: done IT-1007 · record requester «a new cable» · IT-1007 is new, P3 · audit: details added by Jeff · under the cards: “Jeff: a new cable” [Reply to requester] · tell Jeff: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is new, P3 · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: done IT-1008 · IT-1007 is cancelled, P3 · move all to 8 · IT-1008 is new, P3 · audit: joined to another by Jeff · cards · confirm anew · under the cards: “Jeff says that IT-1007 is part of this: press More…, then Show.” · tell Jeff: “Done: that's part of IT-1008 now.”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          undo: done IT-1007 · IT-1007 is cancelled, P3 · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again] · sign off
        in progress
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reopen: refused · tell Jeff: “IT-1007 is already open (in progress), so nothing was changed. The desk…”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is in progress; Mia has it. Asked by Jeff…” [Add details] [Cancel]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          cancel: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again]
          details: done IT-1007 · record requester «a new cable» · IT-1007 is in_progress, P3, Mia · audit: details added by Jeff · under the cards: “Jeff: @U8 a new cable” [Reply to requester] · under the cards: “Jeff: @88 a new cable” [Reply to requester] · tell Jeff: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is in_progress, P3, Mia · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: done IT-1008 · IT-1007 is cancelled, P3, Mia · move all to 8 · IT-1008 is new, P3 · audit: joined to another by Jeff · cards · confirm anew · under the cards: “Jeff says that IT-1007 is part of this: press More…, then Show.” · tell Jeff: “Done: that's part of IT-1008 now.”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          undo: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again] · sign off
        pending
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reopen: refused · tell Jeff: “IT-1007 is already open (pending), so nothing was changed. The desk can…”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is pending; Mia has it. Asked by Jeff an h…” [Add details] [Cancel]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          cancel: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again]
          details: done IT-1007 · record requester «a new cable» · IT-1007 is in_progress, P3, Mia · audit: went on by Jeff · audit: details added by Jeff · cards · confirm anew · under the cards: “Jeff: @U8 a new cable” [Reply to requester] · under the cards: “Jeff: @88 a new cable” [Reply to requester] · tell Jeff: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is pending, P3, Mia · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: done IT-1008 · IT-1007 is cancelled, P3, Mia · move all to 8 · IT-1008 is new, P3 · audit: joined to another by Jeff · cards · confirm anew · under the cards: “Jeff says that IT-1007 is part of this: press More…, then Show.” · tell Jeff: “Done: that's part of IT-1008 now.”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          undo: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again] · sign off
        resolved
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reopen: done IT-1007 · IT-1007 is in_progress, P3, Mia · no auto_close · audit: reopened by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: Mia has it again.” · under the cards: “@U8 Jeff needs it after all.” · under the cards: “@88 Jeff needs it after all.”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is resolved; Mia has it. Asked by Jeff an…” [Add details]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          cancel: refused · tell Jeff: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          details: done IT-1007 · record requester «a new cable» · IT-1007 is in_progress, P3, Mia · no auto_close · audit: reopened by writing by Jeff · audit: details added by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: Mia has it again.” · under the cards: “Jeff: @U8 a new cable” [Reply to requester] · under the cards: “Jeff: @88 a new cable” [Reply to requester] · tell Jeff: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is resolved, P3, Mia · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: refused · tell Jeff: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          undo: refused · tell Jeff: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
        closed
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reopen: refused · tell Jeff: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is closed; Mia has it. Asked by Jeff an ho…”
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          cancel: refused · tell Jeff: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          details: refused · tell Jeff: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is closed, P3, Mia · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: refused · tell Jeff: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          undo: refused · tell Jeff: “IT-1007 was closed 10 minutes ago. If there's more to do, just ask agai…”
        taken back
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reopen: done IT-1007 · IT-1007 is new, P3 · no auto_close · audit: reopened by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: someone from the desk will answer here.” · under the cards: “Jeff needs it after all.”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is cancelled. Asked by Jeff an hour ago. ⏎…” [Ask again]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          cancel: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by you.” [Ask again]
          details: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by you. ⏎ Nothing was sent. Your w…” [Ask again]
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is cancelled, P3 · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by you.” [Ask again]
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          undo: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by you.” [Ask again]
        no request
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reopen: done IT-1007 · IT-1007 is new, P3 · no auto_close · audit: reopened by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: someone from the desk will answer here.” · under the cards: “Jeff needs it after all.”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is cancelled. Asked by Jeff an hour ago. ⏎…” [Ask again]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          cancel: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by Mia.” [Ask again]
          details: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by Mia. ⏎ Nothing was sent. Your w…” [Ask again]
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is cancelled, P3 · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by Mia.” [Ask again]
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          undo: refused · tell Jeff: “IT-1007 was cancelled 10 minutes ago by Mia.” [Ask again]
        merged
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reopen: refused · tell Jeff: “IT-1007 is part of IT-1005 now. Please go on there.”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is cancelled. Asked by Jeff an hour ago. ⏎…”
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          cancel: refused · tell Jeff: “IT-1007 is part of IT-1005 now. Please go on there.”
          details: refused · tell Jeff: “IT-1007 is part of IT-1005 now. Please go on there. ⏎ Nothing was sent.…”
          new_request: refused · tell Jeff: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · bind C1/7.2 as request · part · IT-1007 is cancelled, P3 · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in C1/7.2 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: refused · tell Jeff: “IT-1007 is part of IT-1005 now. Please go on there.”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          undo: refused · tell Jeff: “IT-1007 is part of IT-1005 now. Please go on there.”
    "#]].assert_eq(&table.0);
}

/// An act that is repeated is not done again, and nobody is told twice.
#[test]
fn pending_twice() {
    let mut table = Table::default();
    let pending = to_tickets().find(|act| act.spec.name == "pending").expect("it is an act");
    let until = now().checked_add(SignedDuration::from_hours(48)).ok();
    for (name, until) in [("until then already", until), ("for as long as it takes", None)] {
        let status = Status::Pending { reason: "a new cable".to_owned(), until };
        act(&mut table, name, pending, "Mia", &with_status(status));
    }
    expect![[r#"
        until then already: refused · tell Mia: “IT-1007 is already open (pending), so nothing was changed. The desk can…”
        for as long as it takes: done IT-1007 · IT-1007 is pending, P3, Mia · wait_over in 48 h · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
    "#]].assert_eq(&table.0);
}

/// The data that an act needs may be gone, or belong to somebody else.
#[test]
fn what_an_act_sees() {
    let (desk, mut table) = (desk(), Table::default());
    let mut case = |name: &str, act: &str, ticket: &Ticket, data: ActData| {
        let one = all().find(|known| known.spec.name == act).expect("it is an act");
        let acted = by_button("Jeff", one.spec.on(ticket.tag()), fitting(one));
        let asked = heard_as(&acted, Some(ticket.clone()), Some(ticket.id), data);
        table.case(name, &desk, &Heard::Act(&acted, Box::new(asked), now()));
    };
    let chosen = |ticket: Ticket| ActData::Chosen(Some(Box::new(ticket)));
    case("belongs to one that is gone", "belongs_to", &ticket(), ActData::Chosen(None));
    case("belongs to itself", "belongs_to", &ticket(), chosen(ticket()));
    case("belongs to somebody else's", "belongs_to", &ticket(), chosen(Ticket { requester: person("Sam"), ..other() }));
    let (_, resolved) = statuses()[3].clone();
    case("belongs to one that is resolved", "belongs_to", &ticket(), chosen(Ticket { status: resolved, ..other() }));
    case("a private one belongs to a public one", "belongs_to", &private_ticket(), chosen(other()));
    let secret = Ticket { origin: direct(), requester: person("Sam"), ..other() };
    case("belongs to what one may not know of", "belongs_to", &ticket(), chosen(secret));
    let joined = || Record { joined: true, ..record("Jeff", "7.2", "and my badge is lost") };
    let of = |record: Record, is_taken| ActData::Joined(Some(Box::new(record)), is_taken);
    case("part of what is gone", "own_request", &ticket(), ActData::Joined(None, false));
    case("part of what is joined no more", "own_request", &ticket(), of(Record { joined: false, ..joined() }, false));
    let deleted = Record { deleted_at: Some(now()), text: String::new(), ..joined() };
    case("part of what was deleted", "own_request", &ticket(), of(deleted, false));
    case("part where somebody has asked since", "own_request", &ticket(), of(joined(), true));
    case("part of a private one", "own_request", &private_ticket(), of(joined(), false));
    expect![[r#"
        belongs to one that is gone: refused · tell Jeff: “I can't find the request that this belongs to, perhaps because my recor…”
        belongs to itself: refused · tell Jeff: “IT-1007 can't be part of itself. Please pick another one.”
        belongs to somebody else's: refused · tell Jeff: “I can't find the request that this belongs to, perhaps because my recor…”
        belongs to one that is resolved: refused · tell Jeff: “IT-1008 was resolved 10 minutes ago. If that's not right, /desk reopen…”
        a private one belongs to a public one: refused · tell Jeff: “IT-1007 is private and IT-1008 isn't, so I have to keep them apart.”
        belongs to what one may not know of: refused · tell Jeff: “I can't find the request that this belongs to, perhaps because my recor…”
        part of what is gone: refused · tell Jeff: “That's no longer part of IT-1007, so there's nothing to separate. To as…”
        part of what is joined no more: refused · tell Jeff: “That's no longer part of IT-1007, so there's nothing to separate. To as…”
        part of what was deleted: refused · tell Jeff: “That's no longer part of IT-1007, so there's nothing to separate. To as…”
        part where somebody has asked since: refused · tell Jeff: “Meanwhile another request was started under that message, so its thread…”
        part of a private one: opened IT-1042 · open «and my badge is lost» for Jeff · part · IT-1007 is new, P3 · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in D1 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
    "#]].assert_eq(&table.0);
}

/// The actor's own open requests, and another person's.
#[test]
fn open_requests() {
    let (desk, mut table) = (desk(), Table::default());
    let one = all().find(|act| act.spec.name == "requests").expect("it is an act");
    for (who, whose) in [
        ("Sam", None),
        ("Sam", Some("Sam")),
        ("Sam", Some("Jeff")),
        ("Jeff", None),
        ("Mia", Some("Jeff")),
        ("Mia", Some("Sam")),
    ] {
        let given: Given = whose.map(|whose| ("person".to_owned(), Value::Person(person(whose)))).into_iter().collect();
        let acted = Acted { way: Way::Command, ..by_button(who, ActRef::bare(one.spec.act()), given) };
        let open =
            if whose.unwrap_or(who) == "Jeff" { vec![with_status(Status::InProgress), other()] } else { Vec::new() };
        let asked = heard_as(&acted, None, None, ActData::Requests(open));
        table.case(
            &format!("{who} asks for {}", whose.unwrap_or("their own")),
            &desk,
            &Heard::Act(&acted, Box::new(asked), now()),
        );
    }
    expect![[r#"
        Sam asks for their own: done · tell Sam: “You have no open requests. Need something? Mention me or write to me.”
        Sam asks for Sam: done · tell Sam: “You have no open requests. Need something? Mention me or write to me.”
        Sam asks for Jeff: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        Jeff asks for their own: done · tell Jeff: “Your open requests: ⏎ • IT-1007  printer smokes · in progress · Mia has…”
        Mia asks for Jeff: done · tell Mia: “Open requests from Jeff: ⏎ • IT-1007  printer smokes · in progress · Mi…”
        Mia asks for Sam: done · tell Mia: “Sam has no open requests.”
    "#]].assert_eq(&table.0);
}
