//! An announcement on its way to many channels: its progress, obstacles, and news that come meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use deskbell::desk::services::record as services;
use deskbell::domain::ids::{Place, PlatformName};
use deskbell::sandbox::{Absence, ChannelView, Fault, Spot};

use crate::announcing::{counts, write};
use crate::harness::{Desk, Setup, by_platform, find_control, on_each, see};
use crate::outages::{public_texts, shown, subscribe};

/// Counts the messages that the bot has posted into channels since this journal entry, by channel id, without threads.
fn posted(desk: &Desk, since: u64) -> BTreeMap<String, usize> {
    let mut posted = BTreeMap::new();
    for entry in desk.stage.journal.since(since) {
        if entry.kind == "posted" && entry.text("thread").is_empty() {
            *posted.entry(entry.text("channel_id").to_owned()).or_default() += 1;
        }
    }
    posted
}

/// Makes all channels that the sandbox has for notices follow the service `vpn`, and returns them.
async fn all_follow(desk: &Desk, platform: PlatformName) -> Vec<Place> {
    let places = desk.stage.destinations(platform);
    let (follow, now) = (places.clone(), desk.stage.clock.now());
    desk.store()
        .within(move |tx| {
            let follow = follow.clone();
            Box::pin(async move { follow.iter().try_for_each(|place| services::follow(tx, "vpn", place, now)) })
        })
        .await
        .expect("written");
    places
}

#[tokio::test]
async fn news_that_take_long_to_change_everywhere_are_said_in_the_threads_of_the_copies() {
    const CHANNELS: usize = 260;
    let desk = Desk::open_with(Setup { destinations: CHANNELS, ..Setup::default() }).await;
    let world = desk.slack();
    all_follow(&desk, PlatformName::Slack).await;
    let since = desk.stage.journal.len();
    write(&desk, &world, &[("services", "vpn")]).await;
    desk.press(&world, "mia", "random", "Announce it now").await;
    let copies = posted(&desk, since);
    assert_eq!(copies.values().filter(|count| **count == 1).count(), copies.len(), "each once");
    // Two updates in a row: no thread gets the first one after the second, and the copies are changed later.
    let before = desk.stage.journal.len();
    desk.command(&world, "mia", "outage update MI-1 identified A certificate has expired.").await;
    desk.command(&world, "mia", "outage update MI-1 monitoring It is replaced.").await;
    desk.pass(Duration::from_secs(3600)).await;
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut last_said_ms, mut last_changed_ms) = (0, 0);
    for entry in desk.stage.journal.since(before) {
        let is_copy = entry.text("channel").starts_with("branch");
        if entry.kind == "updated" && is_copy {
            last_changed_ms = entry.at_ms;
        }
        if entry.kind == "posted" && is_copy {
            last_said_ms = entry.at_ms;
            said.entry(entry.text("channel_id").to_owned()).or_default().push(entry.text("text").to_owned());
        }
    }
    assert_eq!(said.len(), CHANNELS, "in each thread");
    let minutes = (last_changed_ms - last_said_ms) / 60_000;
    assert!(minutes >= 5, "the news came only {minutes} min before the last copy was changed");
    for texts in said.values() {
        let is_newest_last = texts.last().is_some_and(|last| last.contains("It is replaced."));
        let once = texts.iter().filter(|text| text.contains("It is replaced.")).count() == 1;
        assert!(is_newest_last && once && texts.len() <= 2, "{texts:?}");
    }
    let branch = see(&world, "mia").channels.into_iter().find(|channel| channel.name.starts_with("branch"));
    let branch = branch.expect("a channel");
    let copy = branch.messages.iter().find(|message| message.bot).expect("a copy");
    assert!(copy.text.contains("It is replaced."), "{}", copy.text);
    assert_eq!(branch.messages.iter().filter(|message| message.bot).count(), 1, "threads notify nobody else");
    desk.end().await;
}

#[tokio::test]
async fn the_card_shows_how_far_an_announcement_has_come() {
    const CHANNELS: usize = 400;
    for platform in PlatformName::ALL {
        let desk = Desk::open_with(Setup { destinations: CHANNELS, ..Setup::default() }).await;
        let world = if platform == PlatformName::Slack { desk.slack() } else { desk.discord() };
        all_follow(&desk, platform).await;
        write(&desk, &world, &[("services", "vpn")]).await;
        let since = desk.stage.journal.len();
        desk.press(&world, "mia", "random", "Announce it now").await;
        desk.pass(Duration::from_secs(11)).await;
        let cards: Vec<(i64, String)> = desk
            .stage
            .journal
            .since(since)
            .into_iter()
            .filter(|entry| {
                entry.platform == world.platform()
                    && entry.text("channel") == "desk-triage"
                    && ["posted", "updated"].contains(&entry.kind)
            })
            .map(|entry| (entry.at_ms, entry.text("text").to_owned()))
            .collect();
        let last = &cards.last().expect("a card").1;
        assert!(last.contains(&format!("It has been posted in {CHANNELS} channels.")), "{platform}: {last}");
        if platform == PlatformName::Slack {
            assert!(cards.iter().any(|(_, text)| text.contains("have the latest · about")), "{cards:?}");
        }
        // The card is due every ten seconds. A call that the clock overtakes is counted late, but less than a second.
        let gaps: Vec<i64> = cards.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(gaps.iter().all(|gap| *gap >= 9_000), "{platform}: {gaps:?}");
        let (passed, count) = (gaps.iter().sum::<i64>(), i64::try_from(gaps.len()).expect("few"));
        assert!(passed > count * 10_000 - 1_000, "{platform}: {gaps:?}");
        // The clock is moved in large steps during calls, so a few calls are refused by limits.
        desk.end_with_refusals().await;
    }
}

#[tokio::test]
async fn a_channel_that_is_deleted_under_way_stops_nobody_else() {
    on_each(Setup::default(), async |desk, world| {
        for channel in ["sales", "general"] {
            subscribe(&desk, &world, channel, "vpn").await;
        }
        write(&desk, &world, &[("services", "vpn")]).await;
        desk.press(&world, "mia", "random", "Announce it now").await;
        world.inject(Fault::DeleteChannel { channel: "sales".to_owned() });
        desk.settle().await;
        let update = by_platform(&world, "outage update MI-1 monitoring", "outage update outage:MI-1 phase:monitoring");
        desk.command(&world, "mia", update).await;
        let general = public_texts(&world, "general");
        assert!(
            general.len() == 1 && general[0].contains("we're keeping an eye on it"),
            "{}: {general:?}",
            world.platform()
        );
        write(&desk, &world, &[("services", "vpn")]).await;
        let preview = shown(&desk, &world, "mia");
        assert!(preview.contains("It goes to 1 channel"), "{}: {preview}", world.platform());
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn a_bot_that_is_put_out_of_a_guild_under_way_goes_on_elsewhere() {
    let desk = Desk::open().await;
    let (slack, discord) = (desk.slack(), desk.discord());
    for world in [&slack, &discord] {
        subscribe(&desk, world, "sales", "vpn").await;
    }
    write(&desk, &slack, &[("services", "vpn")]).await;
    desk.press(&slack, "mia", "random", "Announce it now").await;
    assert_eq!((counts(&slack, ["sales"]), counts(&discord, ["sales"])), ([1], [1]));
    discord.inject(Fault::PutOut);
    desk.settle().await;
    desk.command(&slack, "mia", "outage resolve MI-1 It works again.").await;
    assert!(public_texts(&slack, "sales")[0].contains("It works again."));
    // The next preview names the channel that cannot be reached any more.
    write(&desk, &slack, &[("services", "vpn")]).await;
    let preview = shown(&desk, &slack, "mia");
    assert!(preview.contains("It goes to 1 channel (Slack 1, Discord 0)"), "{preview}");
    assert!(
        preview.contains("1 channel can't be reached, since I may not write there: #sales on Discord"),
        "{preview}"
    );
    desk.stop_unchecked().await;
}

#[tokio::test]
async fn a_platform_that_is_away_for_an_hour_has_the_newest_once_afterwards() {
    const CHANNELS: usize = 120;
    for platform in PlatformName::ALL {
        let desk = Desk::open_with(Setup { destinations: CHANNELS, ..Setup::default() }).await;
        let world = if platform == PlatformName::Slack { desk.slack() } else { desk.discord() };
        // The outage is announced and updated on the other platform.
        let other = desk.other(&world);
        all_follow(&desk, platform).await;
        let since = desk.stage.journal.len();
        write(&desk, &other, &[("services", "vpn")]).await;
        let told = |text: &str| {
            let mut times = BTreeMap::new();
            for entry in desk.stage.journal.since(since) {
                if entry.kind == "posted"
                    && entry.text("channel").starts_with("branch")
                    && entry.text("text").contains(text)
                {
                    *times.entry(entry.text("channel_id").to_owned()).or_insert(0) += 1;
                }
            }
            times
        };
        let (message, button) = find_control(&see(&other, "mia"), "random", "Announce it now").expect("a button");
        other.press("mia", &message, &button.id, None).await.expect("pressed");
        desk.settle_until("some have it", Duration::from_secs(1), || told("Nobody gets in").len() >= 40).await;
        world.inject(Fault::Leave(Absence::Down));
        for update in [
            by_platform(&other, "outage update MI-1 identified", "outage update outage:MI-1 phase:identified"),
            by_platform(
                &other,
                "outage update MI-1 monitoring Now it is watched.",
                "outage update outage:MI-1 phase:monitoring known:Now it is watched.",
            ),
        ] {
            let told = || desk.transcript(&other).matches("is on its way").count();
            let before = told();
            other.command("mia", &Spot::channel("random"), update).await.expect("given");
            let is_told = || told() > before;
            desk.settle_until("she is told that they are on their way", Duration::from_secs(60), is_told).await;
            desk.stage.clock.advance(Duration::from_secs(1800));
        }
        world.inject(Fault::Return);
        let newest = || {
            let channels = see(&world, "mia").channels;
            let is_new = |channel: &&ChannelView| {
                channel.messages.iter().any(|message| message.bot && message.text.contains("Now it is watched."))
            };
            channels.iter().filter(|channel| channel.name.starts_with("branch")).filter(is_new).count()
        };
        desk.settle_until("all have the newest", Duration::from_secs(60), || newest() == CHANNELS).await;
        let times = told("");
        assert_eq!(times.len(), CHANNELS, "{platform}");
        assert!(times.values().all(|times| *times == 1), "{platform}: each once: {times:?}");
        desk.stop_unchecked().await;
    }
}
