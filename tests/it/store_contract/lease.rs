//! Leases of effects, the take-over after the death of a process, leases by name, positions of conversations, and dead
//! events.

use std::sync::Arc;
use std::time::Duration;

use deskbell::desk::conversation::state::{Side, Voice};
use deskbell::desk::decision::Change;
use deskbell::desk::tickets::state::Status;
use deskbell::domain::effect::{Lane, Undeliverable};
use deskbell::domain::event::DedupeKey;
use deskbell::domain::ids::{EffectId, Place, PlatformName};
use deskbell::domain::standing::Standing;
use deskbell::domain::subject::Subject;
use deskbell::domain::view::View;
use deskbell::store::{Claim, Listed, Position, Settled, Settlement, Store, WorkerId};

use super::kit::{claim as kit_claim, *};
use crate::looks::ReadRecord as _;

const NONE: Duration = Duration::ZERO;

pub async fn what_another_process_took_over_is_not_ours_to_settle(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [], [about(&ticket, said(channel("C1").thread("1"), "hello", Lane::Answer))]).await;
    let effect = due(&store, 0).await.remove(0).id;
    let (frozen, other) = (WorkerId::new(), WorkerId::new());
    assert_eq!(claim(&store, &frozen, &effect, NONE).await, std::slice::from_ref(&effect));
    assert_eq!(claim(&store, &other, &effect, LONG).await, [], "it is leased");
    assert_eq!(
        store.take_over(&other, PlatformName::Slack, LONG, Duration::ZERO, at(0)).await.expect("an answer"),
        0,
        "the lease has not ended for long enough"
    );
    assert_eq!(
        store.take_over(&other, PlatformName::Discord, NONE, Duration::ZERO, at(0)).await.expect("an answer"),
        0
    );
    assert_eq!(
        store.take_over(&frozen, PlatformName::Slack, NONE, Duration::ZERO, at(0)).await.expect("an answer"),
        0,
        "a worker does not take over its own leases"
    );
    assert_eq!(store.take_over(&other, PlatformName::Slack, NONE, Duration::ZERO, at(0)).await.expect("an answer"), 1);
    let waiting = due(&store, 0).await;
    assert!(waiting[0].is_unsure(), "it is looked for before it is repeated");
    assert_eq!(claim(&store, &other, &effect, LONG).await, std::slice::from_ref(&effect));

    let posted = |id: &str| posted(vec![message("C1", id)], vec![stands(&ticket, id)]);
    let settle = async |by: &WorkerId, end| store.settle(&effect, by, end, at(1)).await.expect("an answer");
    let retry = Settlement::Retry { at: at(9), unsure: false, counts: true, error: "503".to_owned() };
    assert_eq!(settle(&frozen, posted("1.1")).await, Settled::Taken(None), "the other worker has the lease");
    assert_eq!(settle(&frozen, retry).await, Settled::Taken(None));
    assert_eq!(settle(&other, posted("1.2")).await, Settled::Kept);
    let theirs = Settled::Taken(Some(vec![message("C1", "1.2")]));
    assert_eq!(settle(&frozen, posted("1.1")).await, theirs);
    assert_eq!(settle(&other, posted("1.3")).await, theirs, "what has ended stays so");
    assert_eq!(store.standing(ticket.id).await.expect("it stands"), [stands(&ticket, "1.2")]);
}

pub async fn what_was_tried_is_known_to_a_successor(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let to = |root: &str| about(&ticket, said(channel("C1").thread(root), root, Lane::Answer));
    write(&store, [], [to("1"), to("2"), to("3")]).await;
    let effects: Vec<EffectId> = due(&store, 0).await.into_iter().map(|queued| queued.id).collect();
    for (effect, costs) in effects.iter().zip([vec!["post", "post:C1"], vec!["post"]]) {
        let claim = Claim { costs: costs.into_iter().map(str::to_owned).collect(), ..kit_claim(effect) };
        store.lease(&worker(), &[claim], LONG).await.expect("it is leased");
    }
    store.settle(&effects[0], &worker(), Settlement::Done, at(0)).await.expect("it is settled");
    let mut spent = store.spent(PlatformName::Slack, LONG).await.expect("an answer");
    spent.sort();
    assert!(spent.iter().all(|(_, ago)| *ago < LONG));
    let costs: Vec<Vec<String>> = spent.into_iter().map(|(costs, _)| costs).collect();
    assert_eq!(costs, [vec!["post".to_owned()], vec!["post".to_owned(), "post:C1".to_owned()]]);
    assert_eq!(store.spent(PlatformName::Discord, LONG).await.expect("an answer"), []);
}

pub async fn the_outbox_is_read_in_pages(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let to = |number: usize| {
        let lane = if number.is_multiple_of(2) { Lane::Broadcast } else { Lane::Answer };
        about(&ticket, said(channel("C1").thread(&number.to_string()), &number.to_string(), lane))
    };
    write(&store, [], (0..10).map(to)).await;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.due(PlatformName::Slack, at(0), after, &[], 3).await.expect("effects").ready;
        after = page.last().map(|queued| (queued.lane, queued.id.clone()));
        found.extend(texts(&page));
        if page.len() < 3 {
            break;
        }
    }
    assert_eq!(found, ["1", "3", "5", "7", "9", "0", "2", "4", "6", "8"]);
}

pub async fn what_failed_is_listed_without_its_words(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [], [about(&ticket, said(channel("C1").thread("1"), "secret words", Lane::Answer))]).await;
    lease_and_settle(&store, Settlement::Failed(Undeliverable::ChannelClosed)).await;
    write(&store, [], [about(&ticket, show_card("C9"))]).await;
    lease_and_settle(&store, Settlement::Failed(Undeliverable::NotPermitted)).await;
    let failed = store.listed(Listed::Failed, None, None, 10).await.expect("an answer");
    let seen: Vec<_> = failed.iter().map(|one| (one.kind.as_str(), one.error.as_str(), one.about.clone())).collect();
    let key = Subject::Ticket(ticket.id);
    assert_eq!(
        seen,
        [("show_card", "a permission is missing", key.clone()), ("say", "the channel cannot be written to", key)]
    );
    assert_eq!(failed[1].place, "slack:C1:1");
    assert_eq!((failed[1].created_at, failed[1].failed_at), (at(0), Some(at(0))));
    assert!(!format!("{failed:?}").contains("secret"));
    let older = store.listed(Listed::Failed, None, Some(failed[0].id.clone()), 10).await.expect("an answer");
    assert_eq!(older, failed[1..]);
}

pub async fn a_turn_passes_on_when_it_ends_or_is_given_back(store: Arc<dyn Store>) {
    let (one, two) = (WorkerId::new(), WorkerId::new());
    let hold = async |by: &WorkerId, lasting| store.take_lease("outbox:test", by, lasting).await.expect("an answer");
    assert!(hold(&one, LONG).await);
    assert!(hold(&one, LONG).await, "it is renewed");
    if store.is_shared() {
        assert!(!hold(&two, LONG).await);
        store.release_lease("outbox:test", &two).await.expect("an answer");
        assert!(!hold(&two, LONG).await, "a worker cannot release another's lease");
        store.release_lease("outbox:test", &one).await.expect("an answer");
        assert!(hold(&two, NONE).await);
        assert!(hold(&one, LONG).await, "it had ended");
        assert!(!hold(&two, LONG).await);
    }
    store.release_lease("outbox:test", &one).await.expect("an answer");
}

pub async fn positions_go_forward_only(store: Arc<dyn Store>) {
    let position = |conversation: &str, through: &str| Position {
        tenant: tenant(),
        conversation: conversation.to_owned(),
        through: through.to_owned(),
    };
    let all = async || {
        let mut all = store.positions(&tenant()).await.expect("an answer");
        all.sort_by(|a, b| a.conversation.cmp(&b.conversation));
        all
    };
    assert_eq!(all().await, []);
    store.advance(&[position("C1", "999"), position("", "17.000500"), position("C1/1.5", "9")]).await.expect("kept");
    store.advance(&[position("C1", "1000"), position("", "17.000499"), position("C1/1.5", "10")]).await.expect("kept");
    store.advance(&[position("C1", "1000"), position("C1/1.5", "9")]).await.expect("kept");
    assert_eq!(all().await, [position("", "17.000500"), position("C1", "1000"), position("C1/1.5", "10")]);
    let mut elsewhere = tenant();
    elsewhere.id = "T2".to_owned();
    assert_eq!(store.positions(&elsewhere).await.expect("an answer"), []);
}

pub async fn conversations_that_matter_are_found_last_active_first(store: Arc<dyn Store>) {
    let mut places = Vec::new();
    for (number, (place, status, active)) in [
        (channel("C1"), Status::New, 5),
        (direct("D1"), Status::New, 90),
        (channel("C2"), Status::Closed { at: at(10), resolution: String::new() }, 10),
        (channel("C3"), Status::Closed { at: at(60), resolution: String::new() }, 60),
        (direct("D2"), Status::Closed { at: at(10), resolution: String::new() }, 10),
        (direct("D1"), Status::Closed { at: at(70), resolution: String::new() }, 70),
    ]
    .into_iter()
    .enumerate()
    {
        let number = i64::try_from(number).expect("small") + 1;
        let mut ticket = ticket(number, &place, "U1", at(0));
        ticket.status = status;
        ticket.active_at = at(active);
        let mut changes = vec![Change::Open(Box::new(ticket.clone()))];
        if !place.is_direct() {
            let thread = place.thread(&format!("{number}.5"));
            changes.push(Change::Bind { place: thread.clone(), ticket: ticket.id, side: Side::Request });
            places.push(thread);
        } else {
            places.push(place);
        }
        write(&store, changes, []).await;
    }
    let live: Vec<Place> = store.active_conversations(&tenant(), at(50)).await.expect("an answer");
    assert_eq!(live, [places[1].clone(), places[3].clone(), places[0].clone()]);
}

pub async fn what_was_said_in_a_channel_is_found_newest_first(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    for number in 1..=5 {
        let said = record(ticket.id, &format!("1.{number}"), Voice::Requester, at(number), "words");
        write(&store, [Change::Record(said)], []).await;
    }
    let ids = |records: Vec<deskbell::desk::conversation::state::Record>| -> Vec<String> {
        records.into_iter().map(|record| record.message.expect("it has one").id).collect()
    };
    let said_in = async |channel: &str, from: &str, limit| {
        ids(store.said_in(&tenant(), channel, from, limit).await.expect("an answer"))
    };
    assert_eq!(said_in("C1", "1.3", 10).await, ["1.5", "1.4", "1.3"]);
    assert_eq!(said_in("C1", "1.3", 2).await, ["1.5", "1.4"]);
    assert_eq!(said_in("C2", "1.3", 2).await, Vec::<String>::new());
}

pub async fn dead_events_are_listed_oldest_first_and_exhumed(store: Arc<dyn Store>) {
    let key = |id: &str| DedupeKey::message(&message("C1", id));
    for (second, id) in [(5, "1.1"), (3, "1.2"), (9, "1.1")] {
        store.keep_dead(&key(id), &format!("{{\"at\":{second}}}"), "a fault", at(second)).await.expect("it is kept");
    }
    let dead = store.dead_events(10).await.expect("an answer");
    let seen: Vec<_> = dead.iter().map(|one| (one.key.clone(), one.times, one.buried_at)).collect();
    assert_eq!(seen, [(key("1.2"), 1, at(3)), (key("1.1"), 2, at(9))]);
    assert_eq!(dead[1].event_json, "{\"at\":9}", "the last text is kept");
    store.delete_dead(&key("1.2")).await.expect("it is deleted");
    assert_eq!(store.dead_events(10).await.expect("an answer"), dead[1..]);
}

async fn claim(store: &Arc<dyn Store>, by: &WorkerId, effect: &EffectId, lasting: Duration) -> Vec<EffectId> {
    let claim = Claim { costs: Vec::new(), ..kit_claim(effect) };
    store.lease(by, &[claim], lasting).await.expect("an answer")
}

fn stands(ticket: &deskbell::desk::tickets::state::Ticket, id: &str) -> Standing {
    let view = View::Lines { of: Vec::new(), room: 0 };
    Standing::of(ticket.id, &view, channel("C1").thread("1"), message("C1", id))
}
