//! The start of the program. It waits for what cannot be reached, and says so in its log; it ends if an operator must
//! mend something.

use std::time::Duration;

use deskbell::sandbox::stage::{Platforms, TRIAGE};
use deskbell::sandbox::{Absence, Fault, Spot, View};
use sqlx::Connection as _;

use super::gate::Gate;
use super::{all, answers, answers_to, ask, confirmed, on, until};
use crate::harness::{patiently, see};
use crate::program::Site;
use crate::program::child::{self, Child};

const WAITS: &str = "cannot start yet";
const SLACK: Platforms = Platforms { discord: false, ..Platforms::BOTH };
const DISCORD: Platforms = Platforms { slack: false, ..Platforms::BOTH };

#[tokio::test]
async fn a_platform_that_is_down_is_waited_for() {
    for (platforms, method) in [
        (SLACK, "auth.test"),
        (SLACK, "usergroups.users.list"),
        (DISCORD, "GET /users/@me"),
        (DISCORD, "GET /applications/@me"),
        (DISCORD, "GET /gateway/bot"),
        (DISCORD, "GET /guilds/{id}/members"),
    ] {
        let site = Site::open(platforms, "").await;
        let world = &site.stage.worlds()[usize::from(!platforms.slack)];
        site.stage.discord.grant_members_intent(true);
        let method = method.to_owned();
        world.inject(Fault::LoseAnswer { method: method.clone(), times: 1 });
        world.inject(Fault::Fail { method, status: 503, times: 1_000 });
        let child = site.serve();
        waits(&child).await;
        child.says("503").await;
        world.inject(Fault::Calm);
        child.ready().await;
        assert_eq!(child.terminate().await.code, Some(0));
        site.stage.close().await;
    }
}

#[tokio::test]
async fn an_agents_words_are_an_act_even_if_the_group_can_be_read_only_later() {
    for (platforms, method) in [(SLACK, "usergroups.users.list"), (DISCORD, "GET /guilds/{id}/members")] {
        let site = Site::open(platforms, "").await;
        let world = &site.stage.worlds()[usize::from(!platforms.slack)];
        site.stage.discord.grant_members_intent(true);
        let text = "the printer is jammed";
        let child = site.serve();
        child.ready().await;
        ask(world, "jeff", "sales", text).await;
        confirmed(world, "sales", text).await;
        assert_eq!(child.terminate().await.code, Some(0));

        let view = see(world, "mia");
        let asked = all(&view).find(|message| message.text.contains(text)).expect("it was said");
        let thread = Spot::thread("sales", &asked.id);
        world.say("mia", &thread, "@desk resolve a sheet was stuck", None).await.expect("said");
        world.inject(Fault::Fail { method: method.to_owned(), status: 503, times: 1 });
        let child = site.serve();
        child.ready().await;
        until(world, "ada", "the request is resolved", |view| {
            answers_to(view, "sales", text).iter().any(|answer| answer.contains("a sheet was stuck")).then_some(())
        })
        .await;
        assert_eq!(child.terminate().await.code, Some(0));
        site.stage.close().await;
    }
}

#[tokio::test]
async fn a_group_that_cannot_be_read_holds_nothing_up() {
    let site = Site::open(SLACK, "").await;
    let world = &site.stage.worlds()[0];
    world.inject(Fault::RevokeScope { scope: "usergroups:read".to_owned() });
    let child = site.serve();
    child.ready().await;
    child.says("missing_scope").await;
    ask(world, "jeff", "sales", "the printer is jammed").await;
    confirmed(world, "sales", "the printer is jammed").await;
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}

#[tokio::test]
async fn a_platform_that_asks_to_wait_is_obeyed_and_a_stop_is_heard_meanwhile() {
    for (platforms, method) in [(SLACK, "auth.test"), (DISCORD, "GET /users/@me")] {
        let site = Site::open(platforms, "").await;
        let world = &site.stage.worlds()[usize::from(!platforms.slack)];
        let retry_after = Duration::from_secs(1_000);
        world.inject(Fault::RateLimit { method: method.to_owned(), retry_after, times: 1 });
        let child = site.serve();
        waits(&child).await;
        child.says("\"again_in_s\":1000.0").await;
        let asked = site.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        assert_eq!(asked, 1, "it is asked once");
        let ended = child.terminate().await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        site.stage.close().await;
    }
}

#[tokio::test]
async fn a_platform_that_is_away_or_refuses_the_token_keeps_nobody_elses_desk_shut() {
    for index in 0..2 {
        for absence in [Absence::TokenRefused, Absence::Down] {
            let is_token = absence == Absence::TokenRefused;
            let site = Site::open(Platforms::BOTH, "").await;
            let (world, other) = (&site.stage.worlds()[index], &site.stage.worlds()[1 - index]);
            let what = format!("{} {absence:?}", world.platform());
            world.inject(Fault::Leave(absence));
            let child = site.serve();
            let address = child.address().await;
            let ready = |query: &str| format!("http://{address}/readyz{query}");
            patiently(&what, answers(&ready(&format!("?platform={}", other.platform())), 200)).await;
            assert_eq!(child::get(&ready("")).await, 200, "{what}");
            assert_eq!(child::get(&ready(&format!("?platform={}", world.platform()))).await, 503, "{what}");
            ask(other, "jeff", "sales", "the printer is jammed").await;
            confirmed(other, "sales", "the printer is jammed").await;
            if is_token {
                child.says("refuses the bot").await;
                let told = |view: &View| {
                    let desk = view.channels.iter().find(|channel| channel.name == TRIAGE)?;
                    desk.messages.iter().any(|message| message.text.contains("refuses my token")).then_some(())
                };
                until(other, "mia", &format!("{what}: the desk is told"), told).await;
            } else {
                child.says(WAITS).await;
            }
            world.inject(Fault::Return);
            child.ready().await;
            ask(world, "jeff", "sales", "no sound").await;
            confirmed(world, "sales", "no sound").await;
            // The card that the desk on that platform has missed is shown there now.
            let both = |view: &View| {
                let desk = view.channels.iter().find(|channel| channel.name == TRIAGE)?;
                let cards = desk.messages.iter().filter(|message| message.text.contains("IT-100")).count();
                (cards == 2).then_some(())
            };
            until(world, "mia", &format!("{what}: both cards"), both).await;
            assert_eq!(child.terminate().await.code, Some(0));
            site.stage.close().await;
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_as_soon_as_a_channel_of_the_desk_is_known() {
    let site = Site::open(Platforms::BOTH, "").await;
    let (slack, discord) = (&site.stage.worlds()[0], &site.stage.worlds()[1]);
    slack.inject(Fault::Leave(Absence::Down));
    discord.inject(Fault::Leave(Absence::TokenRefused));
    let child = site.serve();
    child.says("Discord refuses the bot").await;
    child.says(WAITS).await;
    slack.inject(Fault::Return);
    let told = |view: &View| {
        let desk = view.channels.iter().find(|channel| channel.name == TRIAGE)?;
        desk.messages.iter().any(|message| message.text.contains("refuses my token")).then_some(())
    };
    until(slack, "mia", "the desk is told", told).await;
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}

#[tokio::test]
async fn if_every_platform_refuses_the_bot_it_ends_and_says_what_to_mend() {
    for platforms in [SLACK, DISCORD, Platforms::BOTH] {
        let site = Site::open(platforms, "").await;
        for world in site.stage.worlds() {
            world.inject(Fault::Leave(Absence::TokenRefused));
        }
        let ended = site.run("serve").await;
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        for (name, is_there) in [("Slack", platforms.slack), ("Discord", platforms.discord)] {
            assert_eq!(ended.err.lines().last().is_some_and(|line| line.contains(name)), is_there, "{}", ended.err);
        }
        site.stage.close().await;
    }
}

#[tokio::test]
async fn a_postgres_that_is_away_is_waited_for_and_one_that_refuses_is_not() {
    let Some(url) = crate::postgres::database().await else { return };
    let gate = Gate::before(&url).await;
    let site = Site::open(Platforms::BOTH, "").await;
    on(&site, &gate.url_of("nobody_made_this"));
    let ended = site.run("serve").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("does not let us in"), "{}", ended.err);

    site.write_settings(&site.stage.settings(&site.path("desk.db"), "", Platforms::BOTH));
    on(&site, gate.url());
    let mut conn = sqlx::PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("CREATE TABLE recipes (name TEXT)").execute(&mut conn).await.expect("another program's table");
    let ended = site.run("serve").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("tables of another program"), "{}", ended.err);
    sqlx::raw_sql("DROP TABLE recipes").execute(&mut conn).await.expect("it is gone");

    gate.shut();
    let child = site.serve();
    waits(&child).await;
    gate.open();
    child.ready().await;
    assert_eq!(child.terminate().await.code, Some(0));
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9000, 'later', true, '\\x00', 0)";
    sqlx::raw_sql(later).execute(&mut conn).await.expect("a later step");
    let ended = site.run("serve").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("a newer version of this program"), "{}", ended.err);
    site.stage.close().await;
}

/// Waits until the program logs that it cannot start yet. Asserts that it lives and that a part of it does not work.
async fn waits(child: &Child) {
    child.says(WAITS).await;
    let address = child.address().await;
    assert_eq!(child::get(&format!("http://{address}/healthz")).await, 200);
    assert!(!child::works(&address).await, "a part of it does not work yet");
}
