//! Other events: edited and deleted messages, ended deliveries, threads that were read, timers.

use expect_test::expect;

use super::*;
use crate::domain::effect::{Awaited, Undeliverable};
use crate::domain::event::{DeliverySettled, Timer, TimerKind};
use crate::domain::ids::EffectId;
use crate::domain::rules::DeskSettings;

#[test]
fn nothing_that_concerns_the_desk() {
    let (desk, mut table) = (desk(), Table::default());
    table.case("nothing", &desk, &Heard::Nobody);
    table.case("an edit that changes nothing about a greeting", &desk, &Heard::SkippedAgain);
    table.case("the end of another version's call", &desk, &Heard::CallEnded);
    expect![[r#"
        nothing: ignored
        an edit that changes nothing about a greeting: skipped
        the end of another version's call: done
    "#]]
    .assert_eq(&table.0);
}

#[test]
fn words_that_change() {
    let (desk, mut table) = (desk(), Table::default());
    let (title, later) = (record("Jeff", "7.1", "printer smokes"), record("Jeff", "7.2", "it smells"));
    let mut case = |name: &str, record: &Record, ticket: &Ticket, said: &Said| {
        let (record, ticket) = (Box::new(record.clone()), Box::new(ticket.clone()));
        table.case(name, &desk, &Heard::Reworded { said, record, ticket, at: now() });
    };
    let words = |text: &str| post("Jeff", &thread("C1", "7.1"), text);
    case("the title's", &title, &ticket(), &words("printer on 4 smokes"));
    case("the title's, to nothing", &title, &ticket(), &words(""));
    case("others", &later, &ticket(), &words("it smells of rubber"));
    case("to the same", &later, &ticket(), &words("it smells"));
    case("a file that came with them is gone", &later, &ticket(), &with_file(words("it smells")));
    let newer = Record { edited_at: now().checked_add(SignedDuration::from_secs(1)).ok(), ..later.clone() };
    case("by an edit that comes late", &newer, &ticket(), &words("it smells of rubber"));
    let older = Record { edited_at: Some(minutes_ago(1)), ..later.clone() };
    case("once more", &older, &ticket(), &words("it smells of rubber"));
    let deleted = Record { deleted_at: Some(minutes_ago(1)), text: String::new(), ..later };
    case("after they were deleted", &deleted, &ticket(), &words("it smells of rubber"));
    let untold = Ticket { titled_by: None, ..ticket() };
    case("the title's, of a form", &title, &untold, &words("printer on 4 smokes"));
    let of_another = Record { author: person("Sam"), ..title };
    case("the same as the title's, by somebody else", &of_another, &untold, &words("printer on 4 smokes"));
    let said = post("Jeff", &channel("C1"), "@desk the printer smokes");
    let new = Heard::NewWords(&said, Box::default());
    table.case("what first addresses the desk", &desk, &Heard::PostedByEdit(&said, Box::new(new), now()));
    let nobody = Heard::PostedByEdit(&said, Box::new(Heard::Nobody), now());
    table.case("what still does not", &desk, &nobody);
    expect![[r#"
        the title's: recorded IT-1007 · reword «printer on 4 smokes» · IT-1007 is new, P3 · audit: words changed by Jeff · cards · lines anew
        the title's, to nothing: recorded IT-1007 · reword «» · IT-1007 is new, P3 · audit: words changed by Jeff · cards · lines anew
        others: recorded IT-1007 · reword «it smells of rubber» · audit: words changed by Jeff · lines anew
        to the same: ignored
        a file that came with them is gone: recorded IT-1007 · reword «it smells
        [file: a.png https://x/a]» · audit: words changed by Jeff · lines anew
        by an edit that comes late: ignored
        once more: recorded IT-1007 · reword «it smells of rubber» · audit: words changed by Jeff · lines anew
        after they were deleted: ignored
        the title's, of a form: recorded IT-1007 · reword «printer on 4 smokes» · IT-1007 is new, P3 · audit: words changed by Jeff · cards · lines anew
        the same as the title's, by somebody else: recorded IT-1007 · reword «printer on 4 smokes» · audit: words changed by Jeff · lines anew
        what first addresses the desk: opened IT-1042 · open «the printer smokes» for Jeff · bind C1/50.1 as request · record requester «the printer smokes» · a ping of it is over · audit: opened by Jeff · confirm in C1/50.1 · cards
        what still does not: ignored
    "#]].assert_eq(&table.0);
}

#[test]
fn messages_that_are_deleted() {
    let (desk, mut table) = (desk(), Table::default());
    let there = message("C1", "7.1");
    let mut case = |name: &str, record: Option<Record>, was_skipped: bool| {
        let recorded = record.map(|record| (Box::new(record), Box::new(ticket())));
        table.case(name, &desk, &Heard::Deleted { message: &there, recorded, was_skipped, at: now() });
    };
    case("the title's", Some(record("Jeff", "7.1", "printer smokes")), false);
    case("others", Some(record("Jeff", "7.2", "it smells")), false);
    case("a note", Some(Record { voice: Voice::Note, ..record("Mia", "8.2", "third time") }), false);
    let again = Record { deleted_at: Some(now()), text: String::new(), ..record("Jeff", "7.2", "") };
    case("once more", Some(again), false);
    case("a greeting that was kept", None, true);
    expect![[r#"
        the title's: recorded IT-1007 · erase · IT-1007 is new, P3 · audit: words deleted by the clock · cards · lines anew
        others: recorded IT-1007 · erase · audit: words deleted by the clock · lines anew
        a note: recorded IT-1007 · erase · audit: words deleted by the clock · lines anew
        once more: ignored
        a greeting that was kept: done · forget what was kept
    "#]].assert_eq(&table.0);
}

#[test]
fn deliveries_that_end() {
    let (desk, mut table) = (desk(), Table::default());
    let reply = || Awaited::Reply { by: person("Mia"), text: "on my way".to_owned() };
    let fresh = Ticket { assignee: Some(person("Mia")), ..ticket() };
    let answered = Ticket { answered_at: Some(minutes_ago(5)), ..fresh.clone() };
    let stands = || Ok(message("C1", "60.1"));
    let closed = || Err(Undeliverable::DirectClosed);
    let gone = || Err(Undeliverable::ChannelGone);
    for (name, awaited, result, ticket) in [
        ("a reply", reply(), stands(), &fresh),
        ("another reply", reply(), stands(), &answered),
        ("a reply that cannot be delivered", reply(), closed(), &fresh),
        ("a reply to a place that is gone", reply(), gone(), &fresh),
        ("how it stands", Awaited::Notice, stands(), &fresh),
        ("how it stands, which cannot be told", Awaited::Notice, closed(), &fresh),
    ] {
        let settled = DeliverySettled { effect: EffectId("e".to_owned()), about: ticket.id.into(), awaited, result };
        table.case(name, &desk, &Heard::Settled(&settled, Box::new(ticket.clone())));
    }
    expect![[r#"
        a reply: recorded IT-1007 · record agent «on my way» · IT-1007 is new, P3, Mia · audit: replied by Mia · under the cards: “Mia to Jeff: on my way”
        another reply: recorded IT-1007 · record agent «on my way» · IT-1007 is new, P3, Mia · audit: replied by Mia · under the cards: “Mia to Jeff: on my way”
        a reply that cannot be delivered: recorded IT-1007 · record note «on my way» · audit: reply not delivered by Mia · under the cards: “Not delivered: Jeff's direct messages are closed. Please reach Jeff ano…” · tell Mia: “Not delivered: Jeff's direct messages are closed. Please reach Jeff ano…”
        a reply to a place that is gone: recorded IT-1007 · record note «on my way» · audit: reply not delivered by Mia · under the cards: “Not delivered: the channel where it was asked is gone. I've kept it and…” · tell Mia: “Not delivered: the channel where it was asked is gone. I've kept it and…”
        how it stands: ignored
        how it stands, which cannot be told: recorded IT-1007 · audit: not told by the clock · under the cards: “Jeff hasn't got my last update: Jeff's direct messages are closed. Plea…”
    "#]].assert_eq(&table.0);
}

#[test]
fn threads_that_are_read() {
    let (desk, mut table) = (desk(), Table::default());
    let at = thread("C1", "7.1");
    let said = |texts: &[&str]| texts.iter().map(|text| post("Sam", &at, text)).collect::<Vec<_>>();
    for (name, messages, truncated) in [
        ("nothing", said(&[]), false),
        ("nothing with words", said(&["", " "]), false),
        ("two messages", said(&["is it me?", "no, it smokes"]), false),
        ("the last of many", said(&["is it me?"]), true),
    ] {
        let ticket = Box::new(ticket());
        table.case(name, &desk, &Heard::ThreadRead { ticket, messages: &messages, truncated });
    }
    expect![[r#"
        nothing: ignored
        nothing with words: ignored
        two messages: recorded IT-1007 · record before «is it me?» · record before «no, it smokes» · audit: thread read back by the clock · under the cards: “I've added 2 earlier messages from that thread. To read everything, pre…”
        the last of many: recorded IT-1007 · record before «is it me?» · audit: thread read back by the clock · under the cards: “I've added 1 earlier message from that thread (there are older ones in…”
    "#]].assert_eq(&table.0);
}

#[test]
fn moments_that_come() {
    let (desk, mut table) = (desk(), Table::default());
    let never = {
        let rules =
            Rules { desk: DeskSettings { auto_close_days: 0, ..DeskSettings::default() }, ..(*desk.rules).clone() };
        Desk { rules: Arc::new(rules), ..desk.clone() }
    };
    let mut case = |name: &str, desk: &Desk, kind: TimerKind, ticket: Option<Ticket>| {
        let timer = Timer { on: TicketId(7).into(), kind, slot: 0, due: now() };
        table.case(name, desk, &Heard::Due(&timer, ticket.map(Box::new)));
    };
    let resolved = |minutes: i64| {
        let (at, by) = (minutes_ago(minutes), person("Mia"));
        with_status(Status::Resolved { at, by, resolution: "new fuser".to_owned() })
    };
    const WEEK: i64 = 7 * 24 * 60;
    case("resolved a week ago", &desk, TimerKind::AutoClose, Some(resolved(WEEK)));
    case("resolved again since", &desk, TimerKind::AutoClose, Some(resolved(60)));
    case("reopened since", &desk, TimerKind::AutoClose, Some(with_status(Status::InProgress)));
    case("closed by nobody any more", &never, TimerKind::AutoClose, Some(resolved(WEEK)));
    case("resolved, of a ticket that is gone", &desk, TimerKind::AutoClose, None);
    let waits = |until: Option<i64>| {
        let until = until.map(minutes_ago);
        with_status(Status::Pending { reason: "parts".to_owned(), until })
    };
    case("waited until now", &desk, TimerKind::WaitOver, Some(waits(Some(0))));
    let alone = Ticket { assignee: None, ..waits(Some(0)) };
    case("waited until now, and nobody has it", &desk, TimerKind::WaitOver, Some(alone));
    case("waits longer since", &desk, TimerKind::WaitOver, Some(waits(Some(-60))));
    case("waits for as long as it takes since", &desk, TimerKind::WaitOver, Some(waits(None)));
    case("went on since", &desk, TimerKind::WaitOver, Some(with_status(Status::InProgress)));
    case("resolved since", &desk, TimerKind::WaitOver, Some(resolved(5)));
    case("waited, of a ticket that is gone", &desk, TimerKind::WaitOver, None);
    expect![[r#"
        resolved a week ago: done IT-1007 · no auto_close · IT-1007 is closed, P3, Mia · audit: closed by the clock · cards · confirm anew
        resolved again since: done · auto_close in 167 h
        reopened since: done · no auto_close
        closed by nobody any more: done · no auto_close
        resolved, of a ticket that is gone: done · no auto_close
        waited until now: done IT-1007 · no wait_over · IT-1007 is in_progress, P3, Mia · audit: wait over by the clock · cards · confirm anew · say in C1/7.1: “IT-1007 is no longer on hold: Mia has it.” · under the cards: “The wait is over: @U8 has it.” · under the cards: “The wait is over: @88 has it.”
        waited until now, and nobody has it: done IT-1007 · no wait_over · IT-1007 is new, P3 · audit: wait over by the clock · cards · confirm anew · say in C1/7.1: “IT-1007 is no longer on hold: someone from the desk will answer here.” · under the cards: “The wait is over, and nobody has it yet.”
        waits longer since: done · wait_over in 60 min
        waits for as long as it takes since: done · no wait_over
        went on since: done · no wait_over
        resolved since: done · no wait_over
        waited, of a ticket that is gone: done · no wait_over
    "#]].assert_eq(&table.0);
}
