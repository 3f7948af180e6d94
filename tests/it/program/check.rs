//! `deskbell check`: reports what works, and how to mend the rest.

use std::sync::Arc;

use deskbell::clock::Clock;
use deskbell::desk::services::record as services;
use deskbell::domain::ids::{Conversation, Place, PlatformName, Tenant};
use deskbell::sandbox::Fault;
use deskbell::sandbox::stage::{Platforms, StageOptions, TRIAGE};
use deskbell::store::Store;
use deskbell::store::sqlite::SqliteStore;
use jiff::Timestamp;

use super::Site;

#[tokio::test]
async fn all_is_well() {
    for slack_http in [false, true] {
        let site = Site::open(Platforms { slack_http, ..Platforms::BOTH }, "").await;
        site.stage.discord.grant_members_intent(true);
        let said = site.run("check").await.succeeded().out;
        assert!(said.lines().count() > 10, "{said}");
        assert!(said.lines().all(|line| line.starts_with("ok  ") || line.starts_with("      ")), "{said}");
        // The report lists who has which right.
        assert!(said.contains("      ticket_work: admins, agents\n"), "{said}");
        assert!(said.contains("      outage_mention_all: nobody\n"), "{said}");
    }
}

#[tokio::test]
async fn what_works_with_less_is_a_note_and_no_failure() {
    let options = StageOptions { message_content: false, ..StageOptions::by(Clock::system()) };
    let site = Site::open_with(options, Platforms::BOTH, "").await;
    let said = site.run("check").await.succeeded().out;
    assert!(!said.contains("BAD"), "{said}");
    assert!(said.contains("note  the content of messages may not be read"), "{said}");
    assert!(said.contains("Message Content Intent"), "{said}");
    assert!(said.contains("Server Members Intent"), "{said}");
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_do() {
    let site = Site::open(Platforms::BOTH, "").await;
    site.stage.worlds()[0].inject(Fault::RevokeScope { scope: "groups:history".to_owned() });
    let ended = site.run("check").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("BAD   the bot's token lacks the scopes groups:history"), "{}", ended.out);
    assert!(ended.out.contains("install the app into the workspace again"), "{}", ended.out);
}

#[tokio::test]
async fn a_triage_channel_must_be_there_and_private() {
    let site = Site::open(Platforms::BOTH, "").await;
    let settings = site.stage.settings(&site.path("desk.db"), "", Platforms::BOTH);
    let on_slack = site.stage.slack.channel_id(TRIAGE).expect("it is there");
    let on_discord = site.stage.discord.channel_id(TRIAGE).expect("it is there");

    site.write_settings(&settings.replace(&on_slack, "C0NOWHERE").replace(&on_discord, "42"));
    let ended = site.run("check").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("the channel C0NOWHERE is not there"), "{}", ended.out);
    assert!(ended.out.contains("/invite @desk"), "{}", ended.out);
    assert!(ended.out.contains(") cannot be seen"), "{}", ended.out);

    let open_slack = site.stage.slack.channel_id("sales").expect("it is there");
    let open_discord = site.stage.discord.channel_id("sales").expect("it is there");
    site.write_settings(&settings.replace(&on_slack, &open_slack).replace(&on_discord, &open_discord));
    let ended = site.run("check").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("#sales is public"), "{}", ended.out);
    assert!(ended.out.contains("can be seen by everybody"), "{}", ended.out);

    let without = settings.lines().filter(|line| !line.starts_with("triage_channel")).collect::<Vec<_>>().join("\n");
    site.write_settings(&without);
    let ended = site.run("check").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("No triage channel"), "{}", ended.err);
}

#[tokio::test]
async fn wrong_tokens_are_told_apart() {
    let site = Site::open(Platforms::BOTH, "").await;
    let settings = site.stage.settings(&site.path("desk.db"), "", Platforms::BOTH);
    let (app, discord) = (site.stage.slack.app_token(), site.stage.discord.token());
    site.write_settings(&settings.replace(&app, "xapp-1-A0-1-wrong").replace(&discord, &"q".repeat(60)));
    let ended = site.run("check").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("BAD   Socket Mode cannot be used"), "{}", ended.out);
    assert!(ended.out.contains("connections:write"), "{}", ended.out);
    assert!(ended.out.contains("refuses the bot's token"), "{}", ended.out);
    assert!(ended.out.contains("ok    the bot's token works"), "{}", ended.out);
}

#[tokio::test]
async fn channels_that_are_to_hear_of_outages_and_cannot_are_named() {
    let site = Site::open(Platforms::BOTH, "").await;
    let (slack, discord) = (&site.stage.slack, &site.stage.discord);
    let place = |platform, tenant: String, channel: &str| Place {
        tenant: Tenant { platform, id: tenant },
        at: Conversation::Channel { channel: channel.to_owned() },
    };
    let mut places = Vec::new();
    for name in ["sales", "general"] {
        let (here, there) = (slack.channel_id(name).expect("a channel"), discord.channel_id(name).expect("a channel"));
        places.push(place(PlatformName::Slack, slack.team_id(), &here));
        places.push(place(PlatformName::Discord, discord.guild_of_channel(&there).expect("a guild"), &there));
    }
    let store = SqliteStore::open(&site.path("desk.db"), Clock::system()).await.expect("it opens");
    let writer: Arc<dyn Store> = store.clone();
    let written = writer.within(move |tx| {
        let places = places.clone();
        Box::pin(async move {
            places.iter().try_for_each(|place| services::follow(tx, "vpn", place, Timestamp::UNIX_EPOCH))
        })
    });
    written.await.expect("written");
    store.close().await;
    let said = site.run("check").await.succeeded().out;
    assert_eq!(said.matches("ok    2 channels are to hear of outages, and can be written to").count(), 2, "{said}");
    for world in site.stage.worlds() {
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
    }
    site.stage.worlds()[0].inject(Fault::ShareChannel { channel: "general".to_owned() });
    let said = site.run("check").await.succeeded().out;
    assert_eq!(said.matches("note  of outages cannot be told: #sales\n").count(), 2, "{said}");
    assert!(said.contains("note  people of other organisations read in #general"), "{said}");
}
