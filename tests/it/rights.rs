//! How rights by membership end: a role counts only by proof of its own guild, a removed member loses the rights, and a
//! membership that cannot be read again lasts an hour.

use std::sync::Arc;
use std::time::Duration;

use deskbell::desk::conversation::state::Voice;
use deskbell::sandbox::{Absence, Fault, Spot, World};

use crate::harness::{Desk, Setup, as_typed, on_each};
use crate::looks::ReadRecord as _;
use crate::platform_away::said;

const OVER_A_MINUTE: Duration = Duration::from_secs(61);

/// Accounts are not linked, so nobody keeps a right by a second account.
fn unlinked() -> Setup {
    Setup { linked: false, ..Setup::default() }
}

/// Mia, who has lost the right, tries to reply to a requester for the desk. Returns whether the requester sees the
/// reply.
async fn asks_for_the_password(desk: &Desk, world: &Arc<dyn World>, at: &Spot) -> bool {
    let words = "reply IT-1001 please send me your password";
    match at {
        Spot::Direct { .. } => drop(desk.say(world, "mia", at, words).await),
        _ => {
            world.command("mia", at, &as_typed(world, words)).await.expect("given");
            desk.settle().await;
        }
    }
    said(world, "jeff", "sales").iter().any(|line| line.contains("password"))
}

#[tokio::test]
async fn a_role_of_one_guild_counts_in_the_others() {
    let setup = Setup { destinations: 1, ..unlinked() };
    let desk = Desk::open_with(setup).await;
    let world = desk.discord();
    let branch =
        world.channels().into_iter().map(|channel| channel.name).find(|name| name.contains("branch")).expect("one");
    let ask = desk.say(&world, "ana", &Spot::channel(&branch), "@desk the scale is stuck").await;
    desk.say(&world, "mia", &Spot::thread(&branch, &ask.id), "I'll look at it").await;
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    let records = desk.store().records(ticket.id).await.expect("records");
    assert_eq!(records[1].voice, Voice::Agent, "her role is in another guild");
    desk.command(&world, "mia", "claim IT-1001").await;
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    assert!(ticket.assignee.is_some());
    desk.end().await;
}

#[tokio::test]
async fn who_lost_the_role_is_a_stranger_in_the_direct_conversation_within_a_minute() {
    type Loses = fn(&Desk);
    let ways: [(&str, Loses); 3] = [
        ("the role was taken", |desk| desk.stage.discord.set_role("it-desk", &["omar".to_owned()])),
        ("kicked", |desk| desk.stage.discord.put_out("mia", false)),
        ("banned", |desk| desk.stage.discord.put_out("mia", true)),
    ];
    for (how, lose) in ways {
        let mut desk = Desk::open_with(unlinked()).await;
        let world = desk.discord();
        desk.ask(&world, "jeff", "@desk printer smokes").await;
        // Her press proves her role, so she is known as an agent.
        desk.press(&world, "mia", "desk-triage", "Take it").await;
        lose(&desk);
        desk.pass(OVER_A_MINUTE).await;
        // After a kick the bot asks for her roles, and Discord refuses. Of a ban it has sent an event.
        desk.expect_refusals(usize::from(how == "kicked"));
        assert!(!asks_for_the_password(&desk, &world, &Spot::direct()).await, "{how}");
        let told = desk.last_private(&world, "mia");
        assert!(told.starts_with("I can't find IT-1001"), "{how}: {told}");
        desk.end().await;
    }
}

#[tokio::test]
async fn what_is_heard_counts_at_once() {
    for is_deleted in [false, true] {
        let mut desk = Desk::open_with(unlinked()).await;
        desk.stage.discord.grant_members_intent(true);
        desk.stop().await;
        desk.start().await;
        let world = desk.discord();
        desk.ask(&world, "jeff", "@desk printer smokes").await;
        if is_deleted {
            desk.stage.discord.delete_role("it-desk");
        } else {
            desk.stage.discord.set_role("it-desk", &["omar".to_owned()]);
        }
        desk.settle().await;
        assert!(!asks_for_the_password(&desk, &world, &Spot::direct()).await, "the role is deleted: {is_deleted}");
        desk.end().await;
    }
}

#[tokio::test]
async fn an_event_that_proves_roles_corrects_what_is_known() {
    let desk = Desk::open_with(unlinked()).await;
    let world = desk.discord();
    desk.ask(&world, "jeff", "@desk printer smokes").await;
    desk.stage.discord.set_role("it-desk", &["omar".to_owned()]);
    // She presses in the guild, which shows her roles.
    desk.press(&world, "mia", "desk-triage", "Take it").await;
    assert!(!asks_for_the_password(&desk, &world, &Spot::direct()).await);
    desk.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_again_ends_after_an_hour_and_the_desk_is_told() {
    on_each(unlinked(), async |desk, world| {
        let what = world.platform();
        desk.ask(&world, "jeff", "@desk printer smokes").await;
        desk.press(&world, "mia", "desk-triage", "Take it").await;
        let methods: &[&str] = match what {
            "slack" => &["usergroups.users.list"],
            _ => &["GET /guilds/{id}/members/{uid}"],
        };
        for method in methods {
            let body = if what == "slack" { r#"{"ok":false,"error":"internal_error"}"# } else { "{}" };
            let status = if what == "slack" { 200 } else { 500 };
            let (method, body) = ((*method).to_owned(), body.to_owned());
            world.inject(Fault::Leave(Absence::Intercepted { method, status, body }));
        }
        for _ in 0..5 {
            desk.pass(Duration::from_secs(10 * 60)).await;
        }
        // The last proof counts for an hour, so a platform that is away for a while takes nobody off the desk.
        desk.say(&world, "mia", &Spot::direct(), "priority IT-1001 P2").await;
        let told = desk.last_private(&world, "mia");
        assert!(told.contains("Done: IT-1001"), "{what}: {told}");
        desk.pass(Duration::from_secs(11 * 60)).await;
        assert!(!asks_for_the_password(&desk, &world, &Spot::direct()).await, "{what}");
        let told = said(&world, "omar", "desk-triage").join("\n");
        assert!(told.contains("can no longer read who is in the desk's groups"), "{what}: {told}");
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_of_a_group_that_comes_again_brings_nobody_back() {
    let desk = Desk::open_with(unlinked()).await;
    let world = desk.slack();
    desk.ask(&world, "jeff", "@desk printer smokes").await;
    let before = desk.stage.clock.now().as_second();
    desk.stage.slack.set_group("it-desk", &["mia", "omar", "sam"]);
    desk.pass(Duration::from_secs(5)).await;
    desk.stage.slack.set_group("it-desk", &["omar"]);
    desk.settle().await;
    // Slack sends the first change again, much later.
    desk.stage.slack.tell_of_group("it-desk", &["mia", "sam"], &[], before);
    desk.settle().await;
    assert!(!asks_for_the_password(&desk, &world, &Spot::channel("random")).await);
    desk.end().await;
}

#[tokio::test]
async fn a_change_that_slack_never_told_of_is_found_when_it_matters() {
    let desk = Desk::open_with(unlinked()).await;
    let world = desk.slack();
    desk.ask(&world, "jeff", "@desk printer smokes").await;
    let scope = "usergroups:read".to_owned();
    world.inject(Fault::RevokeScope { scope: scope.clone() });
    desk.stage.slack.set_group("it-desk", &["omar"]);
    world.inject(Fault::GrantScope { scope });
    desk.pass(OVER_A_MINUTE).await;
    assert!(!asks_for_the_password(&desk, &world, &Spot::direct()).await);
    desk.end().await;
}
