//! Tickets, their places and messages, the audit, drafts and dedupe keys.

use std::sync::Arc;

use deskbell::desk::decision::Change;

use deskbell::desk::conversation::state::{Record, Side, SkippedMention, Voice};
use deskbell::desk::drafts;
use deskbell::desk::drafts::state::Draft;
use deskbell::desk::tickets::record::Which;
use deskbell::desk::tickets::state::{CancelReason, Status, Ticket};
use deskbell::domain::act::{Given, Value};
use deskbell::domain::audit::{AuditEntry, FieldChange};
use deskbell::domain::effect::Destination;
use deskbell::domain::event::DedupeKey;
use deskbell::domain::ids::{DraftId, Person, PersonRef, Place, PlatformName, TicketId, TicketKey};
use deskbell::domain::outcome::Outcome;
use deskbell::domain::priority::Priority;
use deskbell::domain::standing::Standing;
use deskbell::store::{Sequence, Store, StoreError, TIDIED_AT_ONCE, Work};
use futures_util::future::join_all;
use jiff::Timestamp;

use super::kit::*;
use crate::looks::{ReadRecord as _, WriteRecord as _};

pub async fn a_ticket_is_read_back_as_it_was_written(store: Arc<dyn Store>) {
    let agent = Person { groups: vec!["S1".to_owned()], ..person(PlatformName::Discord, "77", "Mía 🦊") };
    let states = [
        Status::New,
        Status::InProgress,
        Status::Pending {
            reason: "the \"part\" \\ délivery".to_owned(),
            until: Timestamp::from_millisecond(1_800_000_000_000).ok(),
        },
        Status::Resolved { at: at(9), by: agent.clone(), resolution: String::new() },
        Status::Closed { at: at(10), resolution: "new fuser".to_owned() },
        Status::Cancelled { at: at(11), by: agent.clone(), why: CancelReason::Merged },
    ];
    let places = [channel("C1"), channel("C1").thread("17.5"), direct("D1")];
    let mut all = Vec::new();
    for (number, (status, place)) in states.into_iter().zip(places.iter().cycle()).enumerate() {
        let mut ticket = ticket(i64::try_from(number).expect("small") + 1, place, "U1", at(5));
        ticket.status = status;
        ticket.title = "drücker \u{202e} 'quoted'; DROP TABLE tickets;-- 🖨️".to_owned();
        if number % 2 == 1 {
            ticket.assignee = Some(agent.clone());
            ticket.answered_at = Some(at(7));
            ticket.follows = Some(TicketKey::new("IT", 7));
            ticket.merged_into = Some(TicketKey::new("HELP", 8));
            ticket.priority = Priority::P1;
        }
        write(&store, [Change::Open(Box::new(ticket.clone()))], []).await;
        assert_eq!(store.ticket(ticket.id).await.expect("a ticket").as_ref(), Some(&ticket));
        let before = ticket.clone();
        ticket.version += 1;
        ticket.active_at = at(60);
        write(&store, [Change::put(&before, ticket.clone())], []).await;
        assert_eq!(store.ticket_by_key(&ticket.key).await.expect("a ticket").as_ref(), Some(&ticket));
        all.push(ticket);
    }
    all.reverse();
    assert_eq!(store.tickets(None, 100).await.expect("tickets"), all);
    assert_eq!(store.tickets(Some(TicketId(5)), 2).await.expect("tickets"), all[2..4]);
    assert_eq!(store.ticket(TicketId(99)).await.expect("an answer"), None);
    assert_eq!(store.ticket_by_key(&TicketKey::new("IT", 99)).await.expect("an answer"), None);
}

pub async fn numbers_and_ids_are_taken_once(store: Arc<dyn Store>) {
    let opening = |_| {
        let work: Work = Arc::new(|tx| {
            Box::pin(async move {
                let id = tx.next(Sequence::Tickets).await?;
                let ticket = ticket(id, &channel("C1"), "U1", at(0));
                tx.apply(&Change::Open(Box::new(ticket.clone())))?;
                Ok(Outcome::Opened(ticket.key))
            })
        });
        store.transact(work)
    };
    let outcomes = join_all((0..100).map(opening)).await;
    let mut numbers: Vec<i64> =
        outcomes.into_iter().map(|outcome| outcome.expect("it opens").ticket().expect("a ticket").number()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1001..1101).collect::<Vec<_>>());
    assert_eq!(within(&store, |tx| Box::pin(async move { tx.next(Sequence::Tickets).await })).await, 101);
}

pub async fn a_change_of_what_somebody_else_changed_is_a_conflict(store: Arc<dyn Store>) {
    let mut mine = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let before = mine.clone();
    let mut theirs = mine.clone();
    mine.version += 1;
    mine.title = "mine".to_owned();
    theirs.version += 1;
    write(&store, [Change::put(&before, mine.clone())], []).await;
    let late = store.transact(applying(vec![Change::put(&before, theirs)], vec![])).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    let again = store.transact(applying(vec![Change::Open(Box::new(mine.clone()))], vec![])).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(store.ticket(mine.id).await.expect("a ticket"), Some(mine));
}

pub async fn what_is_said_and_done_is_read_back_in_order(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let mut said: Vec<Record> = Voice::ALL
        .into_iter()
        .zip([3, 1, 2, 5, 4])
        .map(|(voice, second)| record(ticket.id, &format!("1.{second}"), voice, at(second), "słowa"))
        .collect();
    said.push(Record { message: None, edited_at: Some(at(9)), ..record(ticket.id, "", Voice::Agent, at(6), "form") });
    said.push(Record { message: None, ..record(ticket.id, "", Voice::Agent, at(6), "form again") });
    write(&store, said.clone().into_iter().map(Change::Record), []).await;
    // A message is recorded once. When it is recorded again, nothing changes.
    write(&store, [Change::Record(Record { text: "other".to_owned(), ..said[0].clone() })], []).await;
    said.sort_by_key(|record| record.at);
    assert_eq!(store.records(ticket.id).await.expect("records"), said);
    let last = within(&store, |tx| Box::pin(async move { tx.records(TicketId(1), 2).await })).await;
    assert_eq!(last, said[5..]);

    let acts: Vec<AuditEntry> = (0..5)
        .map(|number| AuditEntry {
            about: ticket.id.into(),
            at: at(10 - number),
            actor: (number > 0).then(|| person(PlatformName::Slack, "U2", "Mia")),
            act: format!("act {number}"),
            from: (number > 0).then(|| channel("C1").thread("1.1")),
            fields: vec![FieldChange { field: "status".to_owned(), from: None, to: Some("new".to_owned()) }],
        })
        .collect();
    let noted = acts.clone();
    let work: Work = Arc::new(move |tx| {
        let noted = noted.clone();
        Box::pin(async move {
            for entry in &noted {
                tx.audit_entry(entry)?;
            }
            Ok(Outcome::Done(None))
        })
    });
    store.transact(work).await.expect("it is noted");
    assert_eq!(store.audit(ticket.id).await.expect("acts"), acts);
    let last = within(&store, |tx| Box::pin(async move { tx.audit(TicketId(1), 2).await })).await;
    assert_eq!(last, acts[3..]);
}

pub async fn edits_and_deletions_in_any_order(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [Change::Record(record(ticket.id, "1.1", Voice::Requester, at(1), "first"))], []).await;
    let rewrite =
        |text: &str, second| Change::Rewrite { message: message("C1", "1.1"), text: text.to_owned(), at: at(second) };
    write(&store, [rewrite("third", 3), rewrite("second", 2)], []).await;
    let now = store.records(ticket.id).await.expect("records").remove(0);
    assert_eq!((now.text.as_str(), now.edited_at), ("third", Some(at(3))));
    let erase = Change::Erase { message: message("C1", "1.1"), at: at(4) };
    write(&store, [erase.clone(), rewrite("fifth", 5), erase], []).await;
    let now = within(&store, |tx| Box::pin(async move { tx.record(&message("C1", "1.1")).await })).await;
    let now = now.expect("a record");
    assert_eq!((now.text.as_str(), now.deleted_at), ("", Some(at(4))));
}

pub async fn skipped_mentions_are_kept_replaced_and_forgotten(store: Arc<dyn Store>) {
    let read = || within(&store, |tx| Box::pin(async move { tx.skipped_mention(&message("C1", "1.1")).await }));
    let mut skipped = SkippedMention {
        message: message("C1", "1.1"),
        place: channel("C1").thread("1.1"),
        author: person(PlatformName::Slack, "U1", "Jeff"),
        at: at(1),
        text: "hello".to_owned(),
    };
    write(&store, [Change::StoreSkipped(skipped.clone())], []).await;
    assert_eq!(read().await.as_ref(), Some(&skipped));
    skipped.text = "help".to_owned();
    write(&store, [Change::StoreSkipped(skipped.clone())], []).await;
    assert_eq!(read().await, Some(skipped));
    write(&store, [Change::DeleteSkipped { message: message("C1", "1.1") }], []).await;
    assert_eq!(read().await, None);
}

pub async fn drafts_are_their_persons_alone_and_kept_for_an_hour(store: Arc<dyn Store>) {
    let who = |id: &str| PersonRef::new(PlatformName::Slack, id);
    let id = DraftId::of(&DedupeKey::stored("i:1".to_owned()));
    let read = async |who: PersonRef, now: Timestamp| {
        let id = id.clone();
        within(&store, move |tx| {
            let (id, accounts) = (id.clone(), [who.clone(), PersonRef::new(PlatformName::Discord, "7")]);
            Box::pin(async move { drafts::record::of(tx, &id, &accounts, now).await })
        })
        .await
    };
    let draft = Draft {
        id: id.clone(),
        who: who("U1"),
        does: "pending:IT-1001~u0123456789abcdef".parse().expect("an act"),
        given: Given::from([
            ("reason".to_owned(), Value::text("it's \"late\"")),
            ("to".to_owned(), Value::Person(person(PlatformName::Slack, "U2", "Mia"))),
        ]),
        page: 1,
        at: at(10),
    };
    let keep = async |draft: &Draft| write(&store, [Change::KeepDraft(Box::new(draft.clone()))], []).await;
    keep(&draft).await;
    assert_eq!(read(who("U1"), at(20)).await.as_ref(), Some(&draft));
    assert_eq!(read(who("U2"), at(20)).await, None, "the id does not give access to another person's draft");
    keep(&Draft { who: who("U2"), page: 2, ..draft.clone() }).await;
    assert_eq!(read(who("U1"), at(20)).await.as_ref(), Some(&draft), "nor can they change it");
    let later = Draft { page: 0, at: at(1_000), ..draft.clone() };
    keep(&later).await;
    assert_eq!(read(who("U1"), at(4_600)).await.as_ref(), Some(&later), "for an hour");
    assert_eq!(read(who("U1"), at(4_601)).await, None);
    // When a draft is kept, drafts that are too old are deleted.
    let other = Draft { id: DraftId::of(&DedupeKey::stored("i:2".to_owned())), at: at(5_000), ..draft.clone() };
    keep(&other).await;
    assert_eq!(read(who("U1"), at(1_000)).await, None);
    // An erased person is removed from drafts of others, too.
    let forget = async |who: PersonRef| {
        within(&store, move |tx| {
            let who = who.clone();
            Box::pin(async move { drafts::record::forget_of(tx, &who).await })
        })
        .await
    };
    assert_eq!((forget(who("U9")).await, forget(who("U2")).await, forget(who("U1")).await), (0, 1, 0));
    keep(&other).await;
    assert_eq!(forget(who("U1")).await, 1);
    keep(&later).await;
    write(&store, [Change::ForgetDraft(id.clone())], []).await;
    assert_eq!(read(who("U1"), at(1_000)).await, None);
}

pub async fn a_place_and_a_message_lead_to_their_ticket(store: Arc<dyn Store>) {
    let first = opened(&store, 1, &channel("C1").thread("1.1"), "U1", at(0)).await;
    let second = opened(&store, 2, &channel("C1").thread("2.2"), "U2", at(0)).await;
    let bind =
        |ticket: &Ticket| Change::Bind { place: channel("C1").thread("1.1"), ticket: ticket.id, side: Side::Request };
    write(&store, [bind(&second), bind(&first)], [about(&first, show_card("C9"))]).await;
    write(&store, [Change::Record(record(first.id, "1.5", Voice::Note, at(1), "a note"))], []).await;
    let card = card_of(&first, &channel("C9"), "9.1");
    let under_card = line_of(&first, &channel("C9").thread("9.1"), &message("C1", "1.5"), "9.2");
    let answer = said_for(&first, &channel("C1").thread("1.1"), "1.2");
    let posts = [
        about(&first, post(Destination::UnderCard(channel("C9")), "mirrored")),
        about(&first, post(Destination::Place(channel("C1").thread("1.1")), "got it")),
    ];
    for (effect, standing) in [None].into_iter().chain(posts.map(Some)).zip([&card, &under_card, &answer]) {
        write(&store, [], effect).await;
        lease_and_settle(&store, posted(Vec::new(), vec![standing.clone()])).await;
    }
    assert_eq!(store.standing(first.id).await.expect("they stand"), [card, under_card, answer]);

    let at_place = |place: Place| {
        within(&store, move |tx| {
            let place = place.clone();
            Box::pin(async move { Ok(tx.ticket_at(&place).await?.map(|(ticket, side)| (ticket.id, side))) })
        })
    };
    assert_eq!(at_place(channel("C1").thread("1.1")).await, Some((first.id, Side::Request)));
    assert_eq!(at_place(channel("C9").thread("9.1")).await, Some((first.id, Side::Card)));
    assert_eq!(at_place(channel("C9")).await, None);
    let of_message = |id: &'static str, channel: &'static str| {
        within(&store, move |tx| {
            Box::pin(async move {
                let found = tx.ticket_of_message(&message(channel, id)).await?;
                Ok(found.map(|(ticket, side)| (ticket.id, side)))
            })
        })
    };
    assert_eq!(of_message("1.5", "C1").await, Some((first.id, Side::Card)), "a note on record");
    assert_eq!(of_message("9.1", "C9").await, Some((first.id, Side::Card)), "the card");
    assert_eq!(of_message("9.2", "C9").await, Some((first.id, Side::Card)), "under the card");
    assert_eq!(of_message("1.2", "C1").await, Some((first.id, Side::Request)), "the answer");
    assert_eq!(of_message("1.1", "C1").await, Some((first.id, Side::Request)), "a thread hangs under it");
    assert_eq!(of_message("1.1", "C2").await, None);

    // A card that was posted again replaces the old one. The thread of the old card still belongs to the ticket.
    let newer = card_of(&first, &channel("C9"), "9.7");
    write(&store, [], [about(&first, show_card("C9"))]).await;
    lease_and_settle(&store, posted(Vec::new(), vec![newer.clone()])).await;
    let cards = store.standing(first.id).await.expect("they stand");
    assert_eq!(cards.into_iter().filter(Standing::is_card).collect::<Vec<_>>(), [newer]);
    assert_eq!(at_place(channel("C9").thread("9.1")).await, Some((first.id, Side::Card)));
}

pub async fn a_move_takes_everything_but_cards_along(store: Arc<dyn Store>) {
    let from = opened(&store, 1, &channel("C1").thread("1.1"), "U1", at(0)).await;
    let to = opened(&store, 2, &channel("C1").thread("2.2"), "U1", at(0)).await;
    let place = channel("C1").thread("1.1");
    let changes = [
        Change::Bind { place: place.clone(), ticket: from.id, side: Side::Request },
        Change::Record(record(from.id, "1.1", Voice::Requester, at(1), "words")),
    ];
    write(&store, changes, [about(&from, show_card("C9"))]).await;
    let card = card_of(&from, &channel("C9"), "9.1");
    lease_and_settle(&store, posted(Vec::new(), vec![card.clone()])).await;
    write(&store, [], [about(&from, post(Destination::Place(place.clone()), "got it"))]).await;
    let mut answer = said_for(&from, &place, "1.2");
    lease_and_settle(&store, posted(Vec::new(), vec![answer.clone()])).await;

    write(&store, [Change::Move { from: from.id, to: to.id }], []).await;
    answer.about = to.id.into();
    assert_eq!(store.standing(from.id).await.expect("it stands"), [card]);
    assert_eq!(store.standing(to.id).await.expect("it stands"), [answer]);
    assert_eq!(store.records(from.id).await.expect("records"), []);
    assert_eq!(store.records(to.id).await.expect("records").len(), 1);
    let found = within(&store, move |tx| {
        let place = place.clone();
        Box::pin(async move { tx.ticket_at(&place).await })
    });
    assert_eq!(found.await.map(|(ticket, _)| ticket.id), Some(to.id));
}

pub async fn a_burst_is_of_one_author_and_channel_within_its_window(store: Arc<dyn Store>) {
    let burst = |by: &'static [&'static str], place: Place, since, until| {
        within(&store, move |tx| {
            let place = place.clone();
            let by: Vec<PersonRef> = by.iter().map(|id| account(id)).collect();
            Box::pin(async move { Ok(tx.burst(&by, &place, at(since), at(until)).await?.map(|ticket| ticket.id.0)) })
        })
    };
    let mut first = opened(&store, 1, &channel("C1").thread("1.1"), "U1", at(100)).await;
    assert_eq!(burst(&["U1"], channel("C1"), 99, 100).await, Some(1));
    assert_eq!(burst(&["U0", "U1"], channel("C1").thread("7.7"), 99, 200).await, Some(1));
    assert_eq!(burst(&["U1"], channel("C1"), 100, 200).await, None, "the window's start is outside");
    assert_eq!(burst(&["U1"], channel("C1"), 50, 99).await, None, "it was opened later");
    assert_eq!(burst(&["U2"], channel("C1"), 99, 200).await, None, "somebody else");
    assert_eq!(burst(&[], channel("C1"), 99, 200).await, None, "nobody");
    assert_eq!(burst(&["U1"], channel("C2"), 99, 200).await, None, "another channel");
    opened(&store, 2, &channel("C1").thread("2.2"), "U2", at(110)).await;
    assert_eq!(burst(&["U2", "U1"], channel("C1"), 99, 200).await, Some(2), "the newest of both accounts");
    let mut change = async |change: &dyn Fn(&mut Ticket)| {
        let before = first.clone();
        first.version += 1;
        change(&mut first);
        write(&store, [Change::put(&before, first.clone())], []).await;
        burst(&["U1"], channel("C1"), 99, 200).await
    };
    assert_eq!(change(&|ticket| ticket.status = Status::Pending { reason: String::new(), until: None }).await, Some(1));
    assert_eq!(change(&|ticket| ticket.merged_into = Some(TicketKey::new("IT", 2))).await, None, "merged");
    assert_eq!(change(&|ticket| ticket.merged_into = None).await, Some(1));
    assert_eq!(change(&|ticket| ticket.answered_at = Some(at(111))).await, None, "answered");
    assert_eq!(change(&|ticket| ticket.answered_at = None).await, Some(1));
    assert_eq!(
        change(&|ticket| ticket.status = Status::Closed { at: at(111), resolution: String::new() }).await,
        None,
        "closed"
    );
}

pub async fn the_latest_direct_ticket_and_open_ones(store: Arc<dyn Store>) {
    for (number, place, status, active) in [
        (1, direct("D1"), Status::New, 50),
        (2, direct("D1"), Status::InProgress, 40),
        (3, direct("D1"), Status::Closed { at: at(60), resolution: String::new() }, 60),
        (4, direct("D2"), Status::New, 70),
        (5, channel("D1"), Status::New, 80),
    ] {
        let mut ticket = ticket(number, &place, "U1", at(1));
        (ticket.status, ticket.active_at) = (status, at(active));
        write(&store, [Change::Open(Box::new(ticket))], []).await;
    }
    let latest = |since| {
        within(&store, move |tx| {
            Box::pin(async move { Ok(tx.latest_direct(&direct("D1"), at(since)).await?.map(|ticket| ticket.id.0)) })
        })
    };
    assert_eq!(latest(49).await, Some(1));
    assert_eq!(latest(50).await, None);
    let mut second = store.ticket(TicketId(2)).await.expect("an answer").expect("a ticket");
    let before = second.clone();
    second.version += 1;
    second.active_at = at(90);
    write(&store, [Change::put(&before, second.clone())], []).await;
    assert_eq!(latest(49).await, Some(2), "the one that was last active");
    let before = second.clone();
    second.version += 1;
    second.status =
        Status::Resolved { at: at(90), by: person(PlatformName::Slack, "U9", "Mia"), resolution: String::new() };
    write(&store, [Change::put(&before, second)], []).await;
    assert_eq!(latest(49).await, Some(1), "an open one rather than a resolved one, whichever was last active");
    let open = |which| {
        within(&store, move |tx| {
            Box::pin(async move {
                let open = tx.open_of(&[account("U0"), account("U1")], which, 2).await?;
                Ok(open.into_iter().map(|ticket| ticket.id.0).collect::<Vec<_>>())
            })
        })
    };
    assert_eq!(open(Which::All).await, [5, 4]);
    assert_eq!(open(Which::Private).await, [4, 1], "the public one takes no place in the list");
    let first = store.ticket(TicketId(1)).await.expect("an answer").expect("a ticket");
    let status =
        Status::Cancelled { at: at(91), by: person(PlatformName::Slack, "U1", "Jeff"), why: CancelReason::TakenBack };
    write(&store, [Change::put(&first, Ticket { version: 2, status, ..first.clone() })], []).await;
    assert_eq!(latest(49).await, Some(2), "without an open one, the resolved one");
}

pub async fn one_failing_work_among_ten_leaves_nothing_and_harms_nobody(store: Arc<dyn Store>) {
    opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let works = (0..10).map(|number: u32| {
        let work: Work = Arc::new(move |tx| {
            Box::pin(async move {
                let second = i64::from(number);
                let said = record(TicketId(1), &format!("1.{number}"), Voice::Third, at(second), "x");
                tx.apply(&Change::Record(said))?;
                match number {
                    4 => Err(StoreError::Work("a fault".to_owned())),
                    // Violates a foreign key: there is no such ticket.
                    6 => tx.apply(&Change::Move { from: TicketId(1), to: TicketId(99) }).map(|()| Outcome::Ignored),
                    8 => panic!("a fault of ours"),
                    _ => Ok(Outcome::Recorded(TicketKey::new("IT", i64::from(number)))),
                }
            })
        });
        store.transact(work)
    });
    for (number, outcome) in join_all(works).await.into_iter().enumerate() {
        match number {
            4 | 6 | 8 => assert!(matches!(outcome, Err(StoreError::Work(_))), "{number}: {outcome:?}"),
            _ => assert_eq!(outcome.expect("it is fine").name(), "recorded"),
        }
    }
    let seconds: Vec<_> = store.records(TicketId(1)).await.expect("records").iter().map(|said| said.at).collect();
    assert_eq!(seconds, [0, 1, 2, 3, 5, 7, 9].map(at));
}

pub async fn a_fact_is_known_once_remembered(store: Arc<dyn Store>) {
    let once = async || {
        let work: Work = Arc::new(|tx| {
            Box::pin(async move {
                let key = DedupeKey::message(&message("C1", "1.1"));
                if tx.knows(&key).await? {
                    return Ok(Outcome::Repeated);
                }
                tx.remember(&key, at(1))?;
                Ok(Outcome::Skipped)
            })
        });
        loop {
            // If transactions run at the same time, the slower one conflicts and is repeated.
            match store.transact(Arc::clone(&work)).await {
                Err(StoreError::Conflict) => {}
                answer => break answer,
            }
        }
    };
    let outcomes = join_all((0..20).map(|_| once())).await;
    let fresh = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Skipped))).count();
    let repeated = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Repeated))).count();
    assert_eq!((fresh, repeated), (1, 19));
    assert!(!store.tidy(at(1)).await.expect("it tidies"));
    assert_eq!(once().await.expect("an outcome"), Outcome::Repeated, "not old enough to be forgotten");
    assert!(!store.tidy(at(2)).await.expect("it tidies"));
    assert_eq!(once().await.expect("an outcome"), Outcome::Skipped, "forgotten");
}

/// Old keys are deleted in portions, so that no other transaction waits long.
pub async fn what_is_old_is_forgotten_a_little_at_a_time(store: Arc<dyn Store>) {
    let all = TIDIED_AT_ONCE + TIDIED_AT_ONCE / 2;
    let key = |number: u32| DedupeKey::interaction(PlatformName::Slack, &format!("I{number}"));
    within(&store, move |tx| {
        Box::pin(async move {
            for number in 0..all {
                tx.remember(&key(number), at(1))?;
            }
            Ok(())
        })
    })
    .await;
    let left = async || {
        within(&store, move |tx| {
            Box::pin(async move {
                let mut left = 0;
                for number in 0..all {
                    left += u32::from(tx.knows(&key(number)).await?);
                }
                Ok(left)
            })
        })
        .await
    };
    assert_eq!(left().await, all);
    assert!(store.tidy(at(2)).await.expect("it tidies"), "there is more");
    assert_eq!(left().await, all - TIDIED_AT_ONCE);
    assert!(!store.tidy(at(2)).await.expect("it tidies"), "that was all");
    assert_eq!(left().await, 0);
}
