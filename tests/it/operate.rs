//! The operator's commands beside a running bot: failed effects, dead events, a backup, and the erasure of a person.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deskbell::app;
use deskbell::commands::events::{Replayed, handle_again};
use deskbell::desk::tickets::state::{Status, Ticket};
use deskbell::domain::event::DedupeKey;
use deskbell::domain::ids::{PersonRef, PlatformName};
use deskbell::intake::erase;
use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Absence, Fault, Spot, World};
use deskbell::store::sqlite::{BackupError, SqliteStore};
use deskbell::store::{Listed, Store};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::harness::{Desk, Setup, by_platform, on_each, patiently, see};
use crate::looks::ReadRecord as _;
use crate::program::Site;
use crate::program::child::run;

const DAY: Duration = Duration::from_secs(24 * 3600);
const ALARM: &str = "I couldn't handle";
const OVER: &str = "All is well again";

#[tokio::test]
async fn a_guest_and_the_owner_write_side_by_side() {
    use crate::store_contract::kit::{at, channel, clock, due, opened, said, write};
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("desk.db");
    assert!(SqliteStore::open_beside(&path, clock()).await.is_err(), "a guest makes no file");
    let owner: Arc<dyn Store> = SqliteStore::open(&path, clock()).await.expect("it opens");
    let guest: Arc<dyn Store> = SqliteStore::open_beside(&path, clock()).await.expect("it opens beside");
    // Both clocks stand still at the same moment, so the order of ids cannot come from the time.
    let line = |text: &str| {
        let lane = deskbell::domain::effect::Lane::Answer;
        deskbell::domain::effect::Effect::about(
            deskbell::domain::subject::Subject::Desk,
            said(channel("C1").thread(text), text, lane),
        )
    };
    let mut expected = Vec::new();
    for round in 0..5 {
        for (who, store) in [("owner", &owner), ("guest", &guest)] {
            let text = format!("{round}-{who}");
            write(store, [], [line(&text)]).await;
            expected.push(text);
        }
    }
    let queued = due(&owner, 0).await;
    let found: Vec<String> = queued.iter().map(|queued| format!("{:?}", queued.effect.what)).collect();
    assert_eq!(found.len(), expected.len());
    for (found, text) in found.iter().zip(&expected) {
        assert!(found.contains(text.as_str()), "in the order of writing: {found}, not {text}");
    }
    // The owner notices an effect that the guest queues, even if nothing else happens.
    let mut changed = owner.changed();
    changed.mark_unchanged();
    write(&guest, [], [line("last")]).await;
    patiently("the owner notices", changed.changed()).await.expect("it is open");
    // The guest sees a ticket that the owner has opened.
    let first = opened(&owner, 1, &channel("C1"), "U1", at(0)).await;
    assert_eq!(guest.tickets(None, 10).await.expect("tickets"), std::slice::from_ref(&first));
    guest.close().await;
    owner.ping().await.expect("a guest that leaves takes nothing with it");
    owner.close().await;
}

#[tokio::test]
async fn a_dead_event_alarms_the_desk_by_one_message_that_counts_and_is_handled_again() {
    let mut desk = Desk::open().await;
    let (slack, discord) = (desk.slack(), desk.discord());
    desk.ask(&slack, "jeff", "@desk printer smokes").await;
    let file = desk.folder.path().join("desk.db");
    let good = set_origin_json(&file, None).await;
    for _ in 0..2 {
        desk.command(&slack, "mia", "claim IT-1001").await;
    }
    let alarms = |desk: &Desk, world: &Arc<dyn World>| {
        let transcript = desk.transcript(world);
        let lines = transcript.lines().filter(|line| line.contains(ALARM) || line.contains(OVER));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let both = |desk: &Desk, what: &str| {
        for world in [&slack, &discord] {
            let alarms = alarms(desk, world);
            assert!(alarms.len() == 1 && alarms[0].contains(what), "{what}: {alarms:#?}");
        }
    };
    both(&desk, "something that was sent");
    desk.pass(Duration::from_secs(40)).await;
    both(&desk, "2 things that were sent");
    desk.pass(Duration::from_secs(3600)).await;
    desk.command(&slack, "mia", "priority P1 IT-1001").await;
    desk.pass(Duration::from_secs(40)).await;
    both(&desk, "3 things that were sent");

    // Another process lists the dead events. The list holds no words of people.
    let url = format!("sqlite://{}", file.display());
    let environment = [("DESKBELL__DATABASE__URL", url.as_str())];
    let listed = run(desk.folder.path(), "events", &environment).await.succeeded().out;
    assert_eq!(listed.matches("acted").count(), 3, "{listed}");
    assert!(!listed.contains("IT-1001") && !listed.contains("Mia"), "{listed}");
    let dead = desk.store().dead_events(10).await.expect("dead events");
    let shown = run(desk.folder.path(), &format!("events --show {}", dead[0].key.as_str()), &environment).await;
    assert!(shown.succeeded().out.contains("claim IT-1001"));

    let guest: Arc<dyn Store> = SqliteStore::open_beside(&file, desk.stage.clock.clone()).await.expect("a guest");
    let opened = app::intake_for_command(&desk.config, Arc::clone(&guest), desk.stage.clock.clone()).await;
    let (intake, is_roster_known) = opened.expect("the platforms answer");
    assert!(is_roster_known);
    // The cause is still there: the event fails again and is kept, and nobody is told again.
    let again = handle_again(&guest, &intake, &dead[0]).await.expect("the database answers");
    assert!(matches!(again, Replayed::Failed(_)), "{again:?}");
    desk.settle().await;
    both(&desk, "3 things that were sent");
    let dead = desk.store().dead_events(10).await.expect("dead events");
    assert_eq!((dead.len(), dead.iter().map(|dead| dead.times).max()), (3, Some(2)));

    set_origin_json(&file, Some(&good)).await;
    for dead in &dead {
        let again = handle_again(&guest, &intake, dead).await.expect("the database answers");
        assert!(matches!(again, Replayed::Handled(_)), "{again:?}");
    }
    guest.close().await;
    patiently("the owner delivers what the guest has queued", async {
        while !desk.transcript(&slack).contains("Mia is on it") {
            desk.settle().await;
        }
    })
    .await;
    desk.settle().await;
    both(&desk, OVER);
    // A later dead event is told by a new message, since an edit of the old one notifies nobody.
    let key = DedupeKey::stored("another".to_owned());
    let now = desk.stage.clock.now();
    desk.app().intake().keep_dead(&key, "{}", "a fault", now).await.expect("it is kept");
    desk.settle().await;
    for world in [&slack, &discord] {
        let alarms = alarms(&desk, world);
        assert_eq!(alarms.len(), 2, "{alarms:#?}");
        assert!(alarms[1].contains("something that was sent"), "{alarms:#?}");
    }
    erase::forget_dead(desk.store(), &key, now).await.expect("it is dismissed");
    desk.settle().await;
    assert_eq!(alarms(&desk, &slack).iter().filter(|line| line.contains(OVER)).count(), 2);
    let ticket = desk.store().tickets(None, 1).await.expect("tickets").remove(0);
    assert_eq!(ticket.assignee.map(|agent| agent.name), Some("Mia Wong".to_owned()));
    assert_eq!(ticket.priority.to_string(), "P1");
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end_with_errors().await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_listed_beside_the_running_bot() {
    let mut desk = Desk::open().await;
    let discord = desk.discord();
    let url = format!("sqlite://{}", desk.folder.path().join("desk.db").display());
    let environment = [("DESKBELL__DATABASE__URL", url.as_str())];
    let none = run(desk.folder.path(), "effects --failed", &environment).await.succeeded();
    assert!(none.out.starts_with("Nothing"), "{}", none.out);
    desk.say(&discord, "ana", &Spot::direct(), "I think I clicked on something bad").await;
    desk.press(&discord, "mia", "desk-triage", "Take it").await;
    discord.close_direct("ana", true);
    desk.press(&discord, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(&discord, "mia", "The mail was a trap.").await;
    let listed = run(desk.folder.path(), "effects --failed", &environment).await.succeeded().out;
    assert!(listed.contains("IT-1001") && listed.contains("direct messages are closed"), "{listed}");
    assert!(!listed.contains("trap"), "{listed}");
    let json = run(desk.folder.path(), "effects --failed --json --limit 1", &environment).await.succeeded().out;
    let line: serde_json::Value = serde_json::from_str(json.trim()).expect("one object");
    assert_eq!((line["ticket"].as_str(), line["platform"].as_str()), (Some("IT-1001"), Some("discord")));
    desk.expect_refusals(1);
    desk.end().await;
}

#[tokio::test]
async fn a_backup_is_made_while_it_runs_and_starts_again() {
    let mut desk = Desk::open().await;
    for world in desk.worlds() {
        desk.ask(&world, "jeff", "@desk printer smokes").await;
    }
    let (file, copy) = (desk.folder.path().join("desk.db"), desk.folder.path().join("copy.db"));
    let made = SqliteStore::backup(&file, &copy).await.expect("a copy");
    assert_eq!(made.tickets, 2);
    assert_eq!(made.bytes, std::fs::metadata(&copy).expect("it is there").len());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&copy).expect("it is there").permissions().mode() & 0o777, 0o600);
    }
    let before = std::fs::read(&copy).expect("it is there");
    desk.ask(&desk.slack(), "ana", "@desk my badge is lost").await;
    let again = SqliteStore::backup(&file, &copy).await;
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    let link = desk.folder.path().join("link.db");
    std::os::unix::fs::symlink(desk.folder.path().join("nothing.db"), &link).expect("a link that leads nowhere");
    let over_link = SqliteStore::backup(&file, &link).await;
    assert!(matches!(over_link, Err(BackupError::Exists(_))), "{over_link:?}");
    assert!(link.is_symlink(), "the link is unchanged");
    assert!(std::fs::read(&copy).expect("it is there") == before, "nothing is overwritten");
    let nowhere = SqliteStore::backup(&file, &desk.folder.path().join("no/such/folder/copy.db")).await;
    assert!(matches!(nowhere, Err(BackupError::Write { .. })), "{nowhere:?}");

    desk.stop().await;
    // The copy does not contain the ticket that was opened after it was made.
    desk.stage.clock.advance(Duration::from_secs(60));
    desk.config.database.url = desk.stage.config(&copy, "", Platforms::BOTH).expect("settings").database.url;
    desk.start().await;
    let keys: Vec<String> =
        desk.store().tickets(None, 10).await.expect("tickets").iter().map(|ticket| ticket.key.to_string()).collect();
    // The request since the copy gets another key: its author was told IT-1003, which must not name another ticket.
    assert_eq!(keys, ["IT-2013", "IT-1002", "IT-1001"], "the request since the copy is read again");
    desk.end().await;
}

#[tokio::test]
async fn a_person_is_taken_out_of_everything_and_figures_stay() {
    let mut desk = Desk::open().await;
    let (slack, discord) = (desk.slack(), desk.discord());
    // Jeff asks in public on Slack and in private on Discord, adds something, edits it; Mia and Omar answer.
    let ask = desk.ask(&slack, "jeff", "@desk zebracode alpha on the printer").await;
    desk.say(&slack, "jeff", &Spot::thread("sales", &ask.id), "zebracode beta\nand a second line").await;
    desk.press(&discord, "mia", "desk-triage", "Take it").await;
    desk.press(&discord, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(&discord, "mia", "quaggacode: try the other one").await;
    desk.say(&discord, "jeff", &Spot::direct(), "zebracode gamma in private").await;
    desk.ask(&slack, "ana", "@desk my badge is lost").await;
    desk.command(&slack, "mia", "claim IT-1003").await;
    desk.command(&slack, "mia", "pending IT-1003 quaggacode: waiting for plastic").await;
    // A greeting is kept in case its author goes on.
    desk.ask(&discord, "jeff", "@desk hello").await;
    let before = tickets(&desk).await;

    let file = desk.folder.path().join("desk.db");
    let guest: Arc<dyn Store> = SqliteStore::open_beside(&file, desk.stage.clock.clone()).await.expect("a guest");
    let jeff = accounts(&desk, "jeff");
    let preview = erase::person(&guest, &desk.stage.clock, &jeff, true).await.expect("counted");
    assert_eq!(tickets(&desk).await, before, "a preview changes nothing");
    assert_eq!((preview.tickets, preview.messages, preview.outside_tickets[0].1), (2, 3, 1), "{preview:?}");
    let done = erase::person(&guest, &desk.stage.clock, &jeff, false).await.expect("erased");
    assert_eq!(done, preview);
    assert!(guest.scrub().await.expect("scrubbed"), "a reader prevents the scrub");
    until_delivered(&desk).await;
    for world in desk.worlds() {
        let triage = shown(&world, "mia", "desk-triage");
        for word in ["zebracode", "Jeff"] {
            assert!(!triage.contains(word), "{word} on {}: {triage}", world.platform());
        }
        assert!(triage.contains("IT-1001") && triage.contains("(erased)"), "the card is kept: {triage}");
    }
    // The words of the agent are kept.
    assert!(desk.transcript(&slack).contains("quaggacode: try the other one"));
    assert_eq!(
        found_in(&desk, &["zebracode", "Jeff Park", &jeff[0].to_string(), &jeff[1].to_string()], &["seen"]).await,
        Vec::<String>::new()
    );
    let after = tickets(&desk).await;
    for (before, after) in before.iter().zip(&after) {
        let figures = |ticket: &Ticket| {
            (ticket.key.clone(), ticket.opened_at, ticket.answered_at, ticket.priority, ticket.status.clone())
        };
        assert_eq!(figures(before), figures(after), "figures stay");
        let audit = desk.store().audit(after.id).await.expect("audit");
        let erased = audit.iter().filter(|entry| entry.act == "erased").count();
        assert_eq!(erased, usize::from(after.key.number() != 1003), "{audit:#?}");
        assert!(audit.iter().filter(|entry| entry.act == "erased").all(|entry| entry.actor.is_none()));
    }
    assert!(after[2].requester.who.is_erased());
    assert_eq!(after[2].requester.who.id, after[1].requester.who.id, "one alias for all accounts of one person");
    let again = erase::person(&guest, &desk.stage.clock, &jeff, false).await.expect("nothing to do");
    assert!(again.is_empty(), "{again:?}");

    // An agent is erased: her tickets go back to the queue, and her words go from the requesters' threads, too.
    erase::person(&guest, &desk.stage.clock, &accounts(&desk, "mia"), false).await.expect("erased");
    assert!(guest.scrub().await.expect("scrubbed"), "a reader prevents the scrub");
    until_delivered(&desk).await;
    for world in desk.worlds() {
        for who in ["omar", "ana"] {
            let seen = format!("{:?}", see(&world, who).channels.iter().flat_map(bot_lines).collect::<Vec<_>>());
            assert!(!seen.contains("quaggacode"), "{who} on {}: {seen}", world.platform());
        }
    }
    assert!(desk.transcript(&slack).contains("Got it, Ana: IT-1003"), "the first answer names no agent, and stays");
    let after = tickets(&desk).await;
    assert_eq!((after[0].assignee.clone(), after[0].status.clone()), (None, Status::New));
    for ticket in &after {
        let audit = desk.store().audit(ticket.id).await.expect("audit");
        let fields = audit.iter().flat_map(|entry| &entry.fields);
        let (mut status, mut assignee) = (None, None);
        for field in fields {
            match field.field.as_str() {
                "status" => status.clone_from(&field.to),
                "assignee" => assignee.clone_from(&field.to),
                _ => {}
            }
        }
        assert_eq!(status.as_deref(), Some(ticket.status.name()), "the audit replays to the state");
        assert_eq!(assignee, ticket.assignee.as_ref().map(|agent| agent.who.to_string()));
    }
    guest.close().await;
    assert_eq!(found_in(&desk, &["quaggacode", "Mia Wong"], &[]).await, Vec::<String>::new());
    // An erased person who writes again is recorded as usual.
    desk.ask(&slack, "jeff", "@desk me again").await;
    assert_eq!(tickets(&desk).await[0].requester.name, "Jeff Park");
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    assert_eq!(refused, 0);
    desk.expect_refusals(0);
    desk.end().await;
}

#[tokio::test]
async fn words_and_names_go_when_a_ticket_was_kept_long_enough() {
    let desk =
        Desk::open_with(Setup { extra_settings: "[privacy]\nkeep_tickets_days = 40\n", ..Setup::default() }).await;
    let slack = desk.slack();
    desk.ask(&slack, "jeff", "@desk zebracode alpha").await;
    desk.command(&slack, "mia", "claim IT-1001").await;
    desk.command(&slack, "mia", "resolve IT-1001 quaggacode done").await;
    desk.ask(&slack, "ana", "@desk lemurcode is still broken").await;
    desk.pass(8 * DAY).await;
    let before = tickets(&desk).await;
    assert_eq!(before[1].status.name(), "closed");
    desk.pass(39 * DAY).await;
    assert_eq!(tickets(&desk).await[1].title, "zebracode alpha", "not yet");
    // Tickets are looked through once a day, at any time of the day.
    patiently("the words are deleted", async {
        while tickets(&desk).await[1].title != "(erased)" {
            desk.pass(DAY).await;
        }
    })
    .await;
    desk.settle().await;
    let after = tickets(&desk).await;
    assert_eq!(after[0], before[0], "what is open is kept");
    let figures =
        |ticket: &Ticket| (ticket.key.clone(), ticket.opened_at, ticket.answered_at, ticket.priority, ticket.active_at);
    assert_eq!(figures(&after[1]), figures(&before[1]));
    let triage = shown(&slack, "omar", "desk-triage");
    for word in ["zebracode", "quaggacode", "Jeff", "Mia"] {
        assert!(!triage.contains(word), "{word}: {triage}");
    }
    assert!(triage.contains("lemurcode"), "{triage}");
    assert_eq!(found_in(&desk, &["zebracode", "quaggacode", "Jeff Park"], &[]).await, Vec::<String>::new());
    let audit = desk.store().audit(after[1].id).await.expect("audit");
    desk.pass(3 * DAY).await;
    assert_eq!(desk.store().audit(after[1].id).await.expect("audit"), audit, "a ticket is erased once");
    desk.end().await;
}

#[tokio::test]
async fn what_waits_to_be_told_to_one_person_goes_with_whose_words_it_holds() {
    on_each(Setup::default(), async |desk, world| {
        desk.say(&world, "jeff", &Spot::direct(), "zebracode gamma in private").await;
        // Events still arrive. The calls that answer a person privately are refused: on Slack all calls.
        let method = by_platform(&world, "*", "PATCH /webhooks/{app}/{token}/messages/@original").to_owned();
        world.inject(Fault::Leave(Absence::Intercepted { method, status: 503, body: String::new() }));
        let _ = world.command("mia", &Spot::channel("random"), "show IT-1001").await;
        let waiting = async || {
            let effects = desk.store().listed(Listed::Waiting, None, None, 10).await.expect("a list");
            effects.into_iter().filter(|effect| effect.kind == "whisper").count()
        };
        patiently("the answer waits", async {
            while waiting().await == 0 || desk.store().counts().await.expect("counts").leased > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let erased = erase::person(desk.store(), &desk.stage.clock, &accounts(&desk, "jeff"), false).await;
        assert!(!erased.expect("erased").is_empty(), "{}", world.platform());
        assert_eq!(waiting().await, 0, "{}: the erasure finds the whisper by the words in it", world.platform());
        world.inject(Fault::Return);
        desk.pass(DAY).await;
        for told in [desk.last_private(&world, "mia"), shown(&world, "mia", "random")] {
            assert!(!told.contains("zebracode"), "{}: {told}", world.platform());
        }
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn what_somebody_asks_by_a_command_goes_with_them_before_it_is_a_request() {
    on_each(Setup::default(), async |desk, world| {
        let method = if world.platform() == "slack" { "conversations.open" } else { "POST /users/@me/channels" };
        world.inject(Fault::Leave(Absence::Intercepted {
            method: method.to_owned(),
            status: 503,
            body: String::new(),
        }));
        let _ = world.command("sam", &Spot::channel("random"), "ask zebracode does not work").await;
        let waiting = async || desk.store().counts().await.expect("counts").waiting;
        patiently("the effect waits", async {
            while waiting().await == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        erase::person(desk.store(), &desk.stage.clock, &accounts(&desk, "sam"), false).await.expect("erased");
        assert_eq!(waiting().await, 0, "{}", world.platform());
        world.inject(Fault::Return);
        desk.pass(DAY).await;
        assert_eq!(desk.store().total().await.expect("a number"), 0, "{}", world.platform());
        assert_eq!(found_in(&desk, &["zebracode"], &[]).await, Vec::<String>::new(), "{}", world.platform());
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn commands_say_what_is_wrong() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    for line in [
        "effects",
        "effects retry --all",
        "events",
        "events replay --all",
        "backup copy.db",
        "erase --person slack:U1 --yes",
    ] {
        let ended = run(at, line, &[]).await;
        assert_eq!(ended.code, Some(1), "{line}: there is no database");
        assert!(ended.err.contains("deskbell.db"), "{line}: {}", ended.err);
        assert!(!at.join("deskbell.db").exists() && !at.join("copy.db").exists(), "{line} makes none");
    }
    run(at, "migrate", &[]).await.succeeded();
    for (line, code, said) in [
        ("effects", 0, "Nothing waits.\nNothing is held.\nNothing failed for good."),
        ("effects --failed", 0, "Nothing failed for good."),
        ("effects --held", 0, "Nothing is held."),
        ("effects retry", 2, "--all"),
        ("effects retry --all", 0, "Nothing is held."),
        ("effects retry --in post:C1", 1, "Nothing is held there."),
        ("effects retry 01JD9GJ2V4M8Q3B7Z5T6W1X0CY", 1, "01JD9GJ2V4M8Q3B7Z5T6W1X0CY is not held"),
        ("effects retry --help", 0, "Examples:"),
        ("effects --failed --json", 0, ""),
        ("events", 0, "None: everything that came in was handled."),
        ("events --show m:1", 1, "there is no dead event m:1"),
        ("events replay", 2, "--all"),
        ("events replay --all", 0, "None"),
        ("events replay m:1", 1, "there is no dead event m:1"),
        ("erase", 2, "--person"),
        ("erase --person U1", 2, "is no account"),
        ("erase --person slack:U1", 1, "Nothing is on record of slack:U1"),
        ("backup", 2, "FILE"),
        ("backup copy.db", 0, "0 tickets"),
        ("backup copy.db", 1, "is there already"),
        ("events replay --help", 0, "Examples:"),
        ("erase --help", 0, "Examples:"),
        ("backup --help", 0, "Examples:"),
        ("effects --help", 0, "Examples:"),
    ] {
        let ended = run(at, line, &[]).await;
        assert_eq!(ended.code, Some(code), "{line}: {ended:?}");
        assert!(ended.out.contains(said) || ended.err.contains(said), "{line}: {ended:?}");
    }
}

#[tokio::test]
async fn the_running_bot_carries_out_what_a_command_has_queued() {
    let platforms = Platforms { slack: true, discord: false, slack_http: false };
    let site = Site::open(platforms, "").await;
    let child = site.serve();
    child.ready().await;
    let world: Arc<dyn World> = Arc::clone(&site.stage.slack) as Arc<dyn World>;
    let triage = async |what: &str, so: fn(&str) -> bool| {
        let mut changes = world.changes();
        let seen = changes.wait_for(|_| so(&shown(&world, "mia", "desk-triage")));
        patiently(what, seen).await.map(|count| *count).expect("the workspace is there");
    };
    world.say("jeff", &Spot::channel("sales"), "@desk zebracode alpha", None).await.expect("said");
    triage("the card is posted", |text| text.contains("zebracode")).await;
    let jeff = site.stage.slack.person_id("jeff").expect("Jeff");
    let preview = site.run(&format!("erase --person slack:{jeff}")).await.succeeded().out;
    assert!(preview.contains("Nothing was changed") && preview.contains("--yes"), "{preview}");
    assert!(shown(&world, "mia", "desk-triage").contains("zebracode"));
    let done = site.run(&format!("erase --person slack:{jeff} --yes")).await.succeeded().out;
    assert!(done.starts_with("Erased of"), "{done}");
    triage("the card shows it no more", |text| text.contains("IT-1001") && !text.contains("zebracode")).await;
    // The running bot goes on as before.
    world.say("ana", &Spot::channel("sales"), "@desk lemurcode", None).await.expect("said");
    triage("the next request has its card", |text| text.contains("IT-1002")).await;
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}

/// Sets the origin message of every ticket to `good`, or to a text that makes the ticket unreadable. Returns the former
/// text.
async fn set_origin_json(file: &Path, good: Option<&str>) -> String {
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opened");
    let before: String =
        sqlx::query_scalar("SELECT origin_message_json FROM tickets").fetch_one(&mut raw).await.expect("a ticket");
    let update = sqlx::query("UPDATE tickets SET origin_message_json = $1").bind(good.unwrap_or("{}").to_owned());
    update.execute(&mut raw).await.expect("written");
    raw.close().await.expect("closed");
    before
}

/// All tickets, newest first.
async fn tickets(desk: &Desk) -> Vec<Ticket> {
    desk.store().tickets(None, 10).await.expect("tickets")
}

pub fn accounts(desk: &Desk, who: &str) -> Vec<PersonRef> {
    let on_slack = desk.stage.slack.person_id(who).expect("a person");
    let on_discord = desk.stage.discord.person_id(who).expect("a person");
    vec![PersonRef::new(PlatformName::Slack, on_slack), PersonRef::new(PlatformName::Discord, on_discord)]
}

/// Waits until no effect waits, and moves the clock past all rate limits.
async fn until_delivered(desk: &Desk) {
    patiently("the platforms follow", async {
        loop {
            desk.settle().await;
            if desk.store().counts().await.expect("counts").waiting == 0 {
                return;
            }
            desk.stage.clock.advance(Duration::from_secs(1));
        }
    })
    .await;
}

/// The texts of the bot in a channel and its threads, as somebody sees them.
fn shown(world: &Arc<dyn World>, who: &str, channel: &str) -> String {
    let view = see(world, who);
    let channel = view.channels.iter().find(|known| known.name == channel).expect("a channel");
    bot_lines(channel).join("\n")
}

fn bot_lines(channel: &deskbell::sandbox::ChannelView) -> Vec<String> {
    let all = channel.messages.iter().flat_map(|one| std::iter::once(one).chain(&one.thread));
    all.filter(|message| message.bot).map(|message| message.text.clone()).collect()
}

/// Returns which of these words are in the files of the database. Unless `but` is empty, words with a colon (accounts)
/// may be in the tables `seen` and `effects`.
async fn found_in(desk: &Desk, words: &[&str], but: &[&str]) -> Vec<String> {
    assert!(desk.store().scrub().await.expect("scrubbed"), "a reader prevents the scrub");
    let file = desk.folder.path().join("desk.db");
    let copy = desk.folder.path().join(format!("looked-through-{}.db", words.len()));
    let mut found = Vec::new();
    let mut look = |path: &Path, words: &[&str]| {
        let bytes = std::fs::read(path).unwrap_or_default();
        for word in words {
            if bytes.windows(word.len()).any(|part| part == word.as_bytes()) {
                found.push(format!("{word} in {}", path.display()));
            }
        }
    };
    if but.is_empty() {
        look(&file, words);
        look(&file.with_file_name("desk.db-wal"), words);
        return found;
    }
    // Dedupe keys hold ids of accounts for some weeks, by intention. So accounts are looked for in all other tables.
    let plain: Vec<&str> = words.iter().copied().filter(|word| !word.contains(':')).collect();
    look(&file, &plain);
    look(&file.with_file_name("desk.db-wal"), &plain);
    SqliteStore::backup(&file, &copy).await.expect("a copy");
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", copy.display())).await.expect("opened");
    sqlx::raw_sql("DELETE FROM seen; DELETE FROM effects; VACUUM;").execute(&mut raw).await.expect("emptied");
    raw.close().await.expect("closed");
    look(&copy, words);
    std::fs::remove_file(&copy).expect("removed");
    found
}
