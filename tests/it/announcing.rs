//! Announcements of outages: which channels hear of an outage, and what they are told.

use std::sync::Arc;
use std::time::Duration;

use deskbell::domain::channel::{Access, Channel};
use deskbell::domain::ids::{PlatformName, Tenant};
use deskbell::sandbox::{Fault, Spot, World};
use expect_test::expect;

use crate::harness::{Desk, Setup, by_platform, on_both, on_both_with, on_each, see};
use crate::outages::{public_texts, shown, subscribe};

/// Gives agents, such as Mia, every right about outages.
const ALL_RIGHTS: &str = "[rights]\noutage_announce_high = [\"agents\"]\noutage_mention_all = [\"agents\"]\n";

/// Fills in Mia's open form of an announcement, which has two pages on Discord.
async fn fill_in(desk: &Desk, world: &Arc<dyn World>, channel: &str, fields: &[(&str, &str)]) {
    let is_first = |name: &str| ["title", "services", "severity", "known", "next"].contains(&name);
    let (first, second): (Vec<_>, Vec<_>) = fields.iter().copied().partition(|(name, _)| is_first(name));
    if world.platform() == "discord" {
        desk.fill_in(world, "mia", &first).await;
        desk.press(world, "mia", channel, "Next").await;
        desk.fill_in(world, "mia", &second).await;
    } else {
        desk.fill_in(world, "mia", &[&first[..], &second[..]].concat()).await;
    }
}

/// Mia opens the form of an announcement by the command and fills it in. The fields replace the defaults. Nothing is
/// announced yet.
pub async fn write(desk: &Desk, world: &Arc<dyn World>, fields: &[(&str, &str)]) {
    desk.command(world, "mia", "outage announce").await;
    let base = [("title", "Nobody gets in"), ("severity", "medium")];
    let base = base.iter().filter(|(name, _)| fields.iter().all(|(other, _)| other != name)).copied();
    let all: Vec<(&str, &str)> = base.chain(fields.iter().copied()).collect();
    fill_in(desk, world, "random", &all).await;
}

/// Returns the number of the bot's public messages in each channel.
pub fn counts<const N: usize>(world: &Arc<dyn World>, channels: [&str; N]) -> [usize; N] {
    channels.map(|channel| public_texts(world, channel).len())
}

#[tokio::test]
async fn channels_are_named_besides_those_that_follow_and_each_hears_once() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, &[("services", "vpn"), ("also", "#general, sales, moon")]).await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("I can't find a channel called moon"), "{}: {told}", world.platform());
        write(desk, world, &[("services", "vpn"), ("also", "#General, sales")]).await;
        let told = shown(desk, world, "mia");
        assert!(told.contains("It goes to 4 channels (Slack 2, Discord 2)"), "{}: {told}", world.platform());
        write(desk, world, &[("services", "vpn"), ("also", &format!("{0}:#General, {0}: sales", world.platform()))])
            .await;
        let told = shown(desk, world, "mia");
        assert!(told.contains("It goes to 2 channels"), "{}: {told}", world.platform());
        desk.press(world, "mia", "random", "Announce it now").await;
        assert_eq!(counts(world, ["sales", "general", "random"]), [1, 1, 0], "{}", world.platform());
        assert_eq!(counts(&desk.other(world), ["sales", "general"]), [0, 0], "{}", world.platform());
        // News reaches the named channels, too; the next outage does not.
        desk.command(
            world,
            "mia",
            by_platform(world, "outage resolve MI-3 Fixed.", "outage resolve outage:MI-3 known:Fixed."),
        )
        .await;
        assert!(public_texts(world, "general")[0].contains("Fixed."), "{}", world.platform());
        write(desk, world, &[("services", "vpn")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        assert_eq!(counts(world, ["sales", "general", "random"]), [2, 1, 0], "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn everywhere_needs_a_right_and_reaches_every_channel_once() {
    on_both(async |desk, world| {
        write(desk, world, &[("services", "vpn"), ("also", "everywhere")]).await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("outage_announce_high"), "{}: {told}", world.platform());
    })
    .await;
    on_each(Setup { extra_settings: ALL_RIGHTS, ..Setup::default() }, async |desk, world| {
        subscribe(&desk, &world, "sales", "vpn").await;
        write(&desk, &world, &[("services", "vpn"), ("also", "everywhere")]).await;
        let since = desk.stage.journal.len();
        desk.press(&world, "mia", "random", "Announce it now").await;
        let heard = counts(&world, ["sales", "general", "random"]);
        assert_eq!(heard, [1, 1, 1], "{}", world.platform());
        // The channels that follow the affected service come first.
        let first = desk.stage.journal.since(since).into_iter().find(|entry| {
            entry.kind == "posted" && entry.text("channel") != "desk-triage" && entry.text("channel") != "random"
        });
        assert_eq!(first.expect("it was posted").text("channel"), "sales", "{}", world.platform());
        desk.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_before_and_after_and_can_be_tried_again() {
    on_each(Setup::default(), async |desk, world| {
        subscribe(&desk, &world, "sales", "vpn").await;
        subscribe(&desk, &world, "general", "vpn").await;
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
        desk.settle().await;
        write(&desk, &world, &[("services", "vpn")]).await;
        let told = shown(&desk, &world, "mia");
        assert!(told.contains("It goes to 1 channel"), "{}: {told}", world.platform());
        assert!(
            told.contains("1 channel can't be reached, since I may not write there: #sales"),
            "{}: {told}",
            world.platform()
        );
        desk.press(&world, "mia", "random", "Announce it now").await;
        assert_eq!(counts(&world, ["sales", "general"]), [0, 1], "{}", world.platform());
        desk.pass(Duration::from_secs(11)).await;
        let card = public_texts(&world, "desk-triage").pop().expect("a card");
        assert!(card.contains("It has been posted in 1 channel, 1 refused."), "{}: {card}", world.platform());
        desk.press(&world, "mia", "desk-triage", "Where it went").await;
        let told = shown(&desk, &world, "mia");
        assert!(told.contains("#sales: the channel cannot be written to"), "{}: {told}", world.platform());
        world.inject(Fault::OpenChannel { channel: "sales".to_owned() });
        desk.settle().await;
        desk.press(&world, "mia", "desk-triage", "Try again").await;
        desk.pass(Duration::from_secs(11)).await;
        assert_eq!(counts(&world, ["sales", "general"]), [1, 1], "{}", world.platform());
        let card = public_texts(&world, "desk-triage").pop().expect("a card");
        assert!(card.contains("It has been posted in 2 channels."), "{}: {card}", world.platform());
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_given_up_is_not_said_when_the_channel_opens_and_the_next_news_are() {
    on_each(Setup::default(), async |desk, world| {
        subscribe(&desk, &world, "sales", "vpn").await;
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
        write(&desk, &world, &[("services", "vpn")]).await;
        desk.press(&world, "mia", "random", "Announce it now").await;
        desk.press(&world, "mia", "desk-triage", "Where it went").await;
        desk.press(&world, "mia", "desk-triage", "Give up").await;
        world.inject(Fault::OpenChannel { channel: "sales".to_owned() });
        desk.pass(Duration::from_secs(3600)).await;
        assert_eq!(counts(&world, ["sales"]), [0], "{}", world.platform());
        assert_eq!(desk.store().counts().await.expect("counts").held, 0, "{}", world.platform());
        let update = by_platform(&world, "outage update MI-1 monitoring", "outage update outage:MI-1 phase:monitoring");
        desk.command(&world, "mia", update).await;
        assert_eq!(counts(&world, ["sales"]), [1], "{}", world.platform());
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_is_shared_with_others_hears_nothing_unless_it_is_allowed() {
    let share = |desk: &Desk| desk.slack().inject(Fault::ShareChannel { channel: "sales".to_owned() });
    let desk = Desk::open().await;
    let world = desk.slack();
    subscribe(&desk, &world, "sales", "vpn").await;
    subscribe(&desk, &world, "general", "vpn").await;
    // The channel becomes shared between the preview and the post; the second time it is shared before the preview.
    for (is_before, told) in [(false, "It goes to 2 channels"), (true, "It goes to 1 channel")] {
        if is_before {
            let channels = desk.store().channels(&tenant(&desk)).await.expect("channels");
            let sales = channels.iter().find(|channel| channel.name == "sales").expect("it is known");
            assert_eq!(sales.access, Access::Shared);
        }
        write(&desk, &world, &[("services", "vpn")]).await;
        let preview = shown(&desk, &world, "mia");
        assert!(preview.contains(told), "{preview}");
        assert_eq!(preview.contains("people from other organisations read there: #sales"), is_before, "{preview}");
        share(&desk);
        desk.settle().await;
        desk.press(&world, "mia", "random", "Announce it now").await;
        assert_eq!(counts(&world, ["sales"]), [0]);
    }
    assert_eq!(counts(&world, ["general"]), [2]);
    assert_eq!(desk.store().counts().await.expect("counts").failed, 0);
    desk.end().await;

    // The list of channels at the start shows the sharing, too.
    let mut desk = Desk::open().await;
    share(&desk);
    desk.stop().await;
    desk.start().await;
    let channels = desk.store().channels(&tenant(&desk)).await.expect("channels");
    assert!(channels.iter().any(|channel| channel.name == "sales" && channel.access == Access::Shared));
    let sales = channels.iter().find(|channel| channel.name == "sales").expect("it is known").id.clone();
    let allowed = format!("[outages]\nshared_channels = [\"slack:{sales}\"]\n");
    desk.end().await;
    let desk = Desk::open_with(Setup { extra_settings: allowed.leak(), ..Setup::default() }).await;
    let world = desk.slack();
    subscribe(&desk, &world, "sales", "vpn").await;
    share(&desk);
    desk.settle().await;
    write(&desk, &world, &[("services", "vpn")]).await;
    desk.press(&world, "mia", "random", "Announce it now").await;
    assert_eq!(counts(&world, ["sales"]), [1]);
    desk.end().await;
}

fn tenant(desk: &Desk) -> Tenant {
    Tenant { platform: PlatformName::Slack, id: desk.stage.slack.team_id() }
}

#[tokio::test]
async fn everybody_is_mentioned_by_a_choice_with_a_right_of_its_own_and_once() {
    let tick = |world: &Arc<dyn World>| [("services", "vpn"), ("mention", by_platform(world, "yes", "true"))];
    on_both(async |desk, world| {
        write(desk, world, &tick(world)).await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("outage_mention_all"), "{}: {told}", world.platform());
        // Mentions in the words that a person types ping nobody.
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, &[("services", "vpn"), ("known", "@everyone @channel <!channel> <!here>")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        assert_eq!(mentions(world), 0, "{}", world.platform());
    })
    .await;
    on_both_with(Setup { extra_settings: ALL_RIGHTS, ..Setup::default() }, async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, &tick(world)).await;
        assert_eq!(mentions(world), 0, "{}: the preview mentions nobody", world.platform());
        desk.press(world, "mia", "random", "Announce it now").await;
        assert_eq!(mentions(world), 1, "{}", world.platform());
        let update = by_platform(world, "outage update MI-1 monitoring", "outage update outage:MI-1 phase:monitoring");
        desk.command(world, "mia", update).await;
        assert_eq!(mentions(world), 1, "{}", world.platform());
    })
    .await;
}

/// Returns the number of the bot's messages that ping Jeff. None names him, so these mention everybody.
fn mentions(world: &Arc<dyn World>) -> usize {
    let view = see(world, "jeff");
    let all = view.channels.iter().flat_map(|channel| &channel.messages);
    all.filter(|message| message.bot && message.pings.iter().any(|who| who == "jeff")).count()
}

#[tokio::test]
async fn what_an_outage_is_about_can_be_changed() {
    let told = on_both(async |desk, world| {
        subscribe(desk, world, "general", "vpn").await;
        subscribe(desk, world, "sales", "mail").await;
        write(desk, world, &[("services", "vpn"), ("known", "We look into it.")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        assert_eq!(counts(world, ["general", "sales"]), [1, 0], "{}", world.platform());
        desk.press(world, "mia", "desk-triage", "Change…").await;
        let begun: Vec<String> = desk.form(world, "mia").await.fields.into_iter().map(|field| field.value).collect();
        desk.fill_in(world, "mia", &[("services", "mail"), ("title", "Nobody gets mail")]).await;
        let mut told = vec![begun.join(" | ")];
        told.extend(public_texts(world, "general"));
        assert_eq!(public_texts(world, "general"), public_texts(world, "sales"), "{}", world.platform());
        // A channel that begins to follow the former service does not hear of the outage. Channels that have heard of
        // it hear of its end.
        subscribe(desk, world, "random", "vpn").await;
        let high = by_platform(world, "outage change MI-1 high", "outage change outage:MI-1 severity:high");
        desk.command(world, "mia", high).await;
        told.push(desk.last_private(world, "mia"));
        desk.command(world, "mia", by_platform(world, "outage resolve MI-1", "outage resolve outage:MI-1")).await;
        assert_eq!(counts(world, ["general", "sales", "random"]), [1, 1, 0], "{}", world.platform());
        told.extend(public_texts(world, "general"));
        told.join("\n\n")
    })
    .await;
    expect![[r#"
        medium | vpn | Nobody gets in

        🟠 Email: Nobody gets mail
        MI-1 · we are looking into it · since (age)
        We look into it.

        To make an outage high severity, or lower one that is, you need the right outage_announce_high. Choose a lower one, or leave the severity to an admin.

        ✅ It's over: Email: Nobody gets mail
        From (age) to (age) · thanks for your patience"#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn words_of_a_command_leave_out_what_stays_and_the_settings_say_what_nobody_wrote() {
    let more = "[outages]\ninvestigating = \"We look into it.\"\nresolved = \"Thank you for your patience.\"\n";
    let told = on_both_with(Setup { extra_settings: more, ..Setup::default() }, async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, &[("services", "vpn"), ("workaround", "Use the web version.")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        let mut told = public_texts(world, "sales");
        let update = by_platform(
            world,
            "outage update MI-1 identified Tomorrow the certificate is replaced.",
            "outage update outage:MI-1 phase:identified known:Tomorrow the certificate is replaced.",
        );
        desk.command(world, "mia", update).await;
        told.extend(public_texts(world, "sales"));
        desk.command(world, "mia", by_platform(world, "outage resolve MI-1", "outage resolve outage:MI-1")).await;
        told.extend(public_texts(world, "sales"));
        desk.command(world, "mia", by_platform(world, "outage retract MI-1", "outage retract outage:MI-1")).await;
        told.push(desk.last_private(world, "mia"));
        desk.command(world, "jeff", by_platform(world, "outage retract MI-1", "outage retract outage:MI-1")).await;
        told.push(desk.last_private(world, "jeff"));
        told.join("\n\n")
    })
    .await;
    expect![[r#"
        🟠 VPN: Nobody gets in
        MI-1 · we are looking into it · since (age)
        We look into it.
        Meanwhile: Use the web version.

        🟠 VPN: Nobody gets in
        MI-1 · we know what it is and are fixing it · since (age)
        Tomorrow the certificate is replaced.
        Meanwhile: Use the web version.

        ✅ It's over: VPN: Nobody gets in
        From (age) to (age) · thanks for your patience
        Thank you for your patience.

        MI-1 is over.

        Sorry, only the desk can do that; /desk help shows what you can do."#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn how_a_grave_outage_ended_is_said_anew_to_whoever_heard_of_it() {
    on_each(Setup { extra_settings: ALL_RIGHTS, ..Setup::default() }, async |desk, world| {
        subscribe(&desk, &world, "sales", "vpn").await;
        write(&desk, &world, &[("services", "vpn"), ("severity", "high")]).await;
        desk.press(&world, "mia", "random", "Announce it now").await;
        let end = by_platform(&world, "outage resolve MI-1 Fixed.", "outage resolve outage:MI-1 known:Fixed.");
        desk.command(&world, "mia", end).await;
        let sales = public_texts(&world, "sales");
        assert_eq!(sales.len(), 2, "{}: {sales:?}", world.platform());
        assert!(sales.iter().all(|text| text.contains("It's over: VPN: Nobody gets in")), "{sales:?}");
        let view = see(&world, "mia");
        let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("a channel");
        let anew = sales.messages.iter().rfind(|message| message.bot).expect("a message");
        let answers = anew.reply_to.is_some() || sales.messages.iter().any(|message| !message.thread.is_empty());
        assert!(answers, "{}: it answers the copy", world.platform());
        desk.end().await;
    })
    .await;
    // The end of an outage of lower severity changes the copies and posts nothing.
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, &[("services", "vpn")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        desk.command(world, "mia", by_platform(world, "outage resolve MI-1", "outage resolve outage:MI-1")).await;
        assert_eq!(counts(world, ["sales"]), [1], "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn news_that_are_overdue_are_told_to_the_admins_after_the_owner() {
    on_both(async |desk, world| {
        write(desk, world, &[("services", "vpn"), ("next", "in 30 min")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        let told = || public_texts(world, "desk-triage").iter().filter(|text| text.contains("is overdue")).count();
        desk.pass(Duration::from_secs(40 * 60)).await;
        assert_eq!(told(), 0, "{}", world.platform());
        desk.pass(Duration::from_secs(10 * 60)).await;
        assert_eq!(told(), 1, "{}", world.platform());
        desk.pass(Duration::from_secs(24 * 3600)).await;
        assert_eq!(told(), 1, "{}", world.platform());
        // If the next news comes in time, the admins are not told.
        desk.press(world, "mia", "desk-triage", "Update…").await;
        desk.fill_in(world, "mia", &[("phase", "identified"), ("next", "in 30 min")]).await;
        desk.pass(Duration::from_secs(35 * 60)).await;
        let resolve = by_platform(world, "outage resolve MI-1", "outage resolve outage:MI-1");
        desk.command(world, "mia", resolve).await;
        desk.pass(Duration::from_secs(3600)).await;
        assert_eq!(told(), 1, "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn an_alert_of_a_monitoring_system_is_announced_from_its_menu() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "mail").await;
        let alert =
            desk.say(world, "sam", &Spot::channel("general"), "\nCRITICAL mx-01: queue 48,112\nsee the wiki").await;
        world.choose_menu("mia", &alert, "Announce an outage").await.expect("it is in the menu");
        let title = desk.form(world, "mia").await.fields[0].value.clone();
        assert_eq!(title, "CRITICAL mx-01: queue 48,112", "{}", world.platform());
        fill_in(desk, world, "general", &[("title", "Mail is slow"), ("services", "mail"), ("severity", "low")]).await;
        desk.press(world, "mia", "general", "Announce it now").await;
        assert_eq!(counts(world, ["sales"]), [1], "{}", world.platform());
        // A person who may not announce is told so, and no form opens.
        world.choose_menu("jeff", &alert, "Announce an outage").await.expect("it is in the menu");
        let is_told = || shown(desk, world, "jeff").contains("Sorry, only the desk can do that");
        desk.settle_until_true("he is told", is_told).await;
        assert!(see(world, "jeff").form.is_none(), "{}", world.platform());
        assert_eq!(counts(world, ["sales"]), [1], "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn of_two_who_tell_news_at_once_one_is_told_to_look_again() {
    let told = on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, &[("services", "vpn")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        // Both have the form open.
        desk.press(world, "mia", "desk-triage", "Update…").await;
        desk.press(world, "omar", "desk-triage", "It is over…").await;
        desk.fill_in(world, "mia", &[("phase", "identified"), ("known", "A certificate has expired.")]).await;
        desk.fill_in(world, "omar", &[("known", "It works again.")]).await;
        let mut told = vec![desk.last_private(world, "omar")];
        told.extend(public_texts(world, "sales"));
        told.join("\n\n")
    })
    .await;
    expect![[r#"
        MI-1 has changed in the meantime, so I didn't send anything. Please look at it again.
        Nothing was sent. Your words: It works again.

        🟠 VPN: Nobody gets in
        MI-1 · we know what it is and are fixing it · since (age)
        A certificate has expired."#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn a_message_that_is_far_too_long_is_refused_with_its_words_kept() {
    on_both(async |desk, world| {
        let long = "lorem ipsum ".repeat(240);
        write(desk, world, &[("services", "vpn"), ("known", long.trim())]).await;
        let told = desk.transcript(world);
        assert!(told.contains("too long for one message"), "{}: {told}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn what_is_changed_after_the_reminder_keeps_the_promise_of_news() {
    on_both(async |desk, world| {
        write(desk, world, &[("services", "vpn"), ("next", "in 30 min")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        desk.pass(Duration::from_secs(31 * 60)).await;
        let change = by_platform(world, "outage change MI-1 low", "outage change outage:MI-1 severity:low");
        desk.command(world, "mia", change).await;
        desk.pass(Duration::from_secs(15 * 60)).await;
        let overdue = public_texts(world, "desk-triage").into_iter().filter(|text| text.contains("is overdue"));
        assert_eq!(overdue.count(), 1, "{}", world.platform());
        desk.pass(Duration::from_secs(3600)).await;
        let due = desk.store().due_timers(desk.stage.clock.now(), 9).await.expect("timers");
        assert_eq!(due, [], "{}: nothing is left that fires for ever", world.platform());
    })
    .await;
}

#[tokio::test]
async fn to_make_a_grave_outage_less_so_needs_the_right_to_announce_it() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        desk.command(world, "ada", "outage announce").await;
        let fields = [("title", "Nobody gets in"), ("services", "vpn"), ("severity", "high")];
        desk.fill_in(world, "ada", &fields).await;
        if world.platform() == "discord" {
            desk.press(world, "ada", "random", "Next").await;
            desk.fill_in(world, "ada", &[]).await;
        }
        desk.press(world, "ada", "random", "Announce it now").await;
        let lower = by_platform(world, "outage change MI-1 low", "outage change outage:MI-1 severity:low");
        desk.command(world, "mia", lower).await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("outage_announce_high"), "{}: {told}", world.platform());
        assert!(public_texts(world, "sales")[0].starts_with("🔴"), "{}", world.platform());
        // The services of the outage may be changed by an agent without that right, since there may be no admin at
        // night.
        let about = by_platform(world, "outage change MI-1 mail", "outage change outage:MI-1 services:mail");
        desk.command(world, "mia", about).await;
        assert!(public_texts(world, "sales")[0].contains("Email: Nobody gets in"), "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn everywhere_is_also_where_others_read_if_the_settings_say_so() {
    let desk = Desk::open().await;
    let sales = desk.stage.slack.channel_id("sales").expect("a channel");
    desk.end().await;
    for (is_allowed, heard) in [(true, [1, 1]), (false, [0, 1])] {
        let listed =
            if is_allowed { format!("[outages]\nshared_channels = [\"slack:{sales}\"]\n") } else { String::new() };
        let more = format!("{ALL_RIGHTS}{listed}");
        let desk = Desk::open_with(Setup { extra_settings: more.leak(), ..Setup::default() }).await;
        let world = desk.slack();
        world.inject(Fault::ShareChannel { channel: "sales".to_owned() });
        desk.settle().await;
        write(&desk, &world, &[("services", "vpn"), ("also", "Everywhere")]).await;
        let preview = shown(&desk, &world, "mia");
        assert_eq!(preview.contains("people from other organisations read there: #sales"), !is_allowed, "{preview}");
        desk.press(&world, "mia", "random", "Announce it now").await;
        assert_eq!(counts(&world, ["sales", "general"]), heard);
        desk.end().await;
    }
}

#[tokio::test]
async fn what_is_known_of_channels_is_the_newest_that_was_told_and_of_served_guilds_alone() {
    let desk = Desk::open_with(Setup { extra_settings: ALL_RIGHTS, ..Setup::default() }).await;
    let (intake, now) = (desk.app().intake(), desk.stage.clock.now());
    let left = Tenant { platform: PlatformName::Discord, id: "77".to_owned() };
    let known = |id: &str, access| Channel { id: id.to_owned(), name: format!("C{id}"), access };
    let at = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
    let all = async || {
        let mut all: Vec<(String, String, Access)> = Vec::new();
        for channel in desk.store().channels(&left).await.expect("channels") {
            all.push((channel.id, channel.name, channel.access));
        }
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    let row = |id: &str, access| (id.to_owned(), format!("c{id}"), access);
    let listed = vec![known("1", Access::Open), known("2", Access::Open), known("3", Access::Closed)];
    intake.channels_are(&left, listed, at(10)).await.expect("kept");
    // Channel 1 becomes shared, told without its name, and channel 4 is new. A list that was begun earlier changes
    // neither.
    intake
        .channel_is(&left, Channel { name: String::new(), ..known("1", Access::Shared) }, at(20))
        .await
        .expect("kept");
    intake.channel_is(&left, known("4", Access::Open), at(20)).await.expect("kept");
    intake.channels_are(&left, vec![known("1", Access::Open), known("3", Access::Open)], at(15)).await.expect("kept");
    let rows = [("1", Access::Shared), ("2", Access::Closed), ("3", Access::Open), ("4", Access::Open)];
    assert_eq!(all().await, rows.map(|(id, access)| row(id, access)));
    intake.channel_is_gone(&left, "2").await.expect("kept");
    // A later list replaces what was told before it.
    intake.channels_are(&left, vec![known("3", Access::Open), known("1", Access::Open)], at(30)).await.expect("kept");
    let rows = [("1", Access::Open), ("3", Access::Open), ("4", Access::Closed)];
    assert_eq!(all().await, rows.map(|(id, access)| row(id, access)));
    // The guild is not served any more, so "everywhere" leaves it out.
    let world = desk.slack();
    let reach = async || {
        write(&desk, &world, &[("services", "vpn"), ("also", "everywhere")]).await;
        let preview = shown(&desk, &world, "mia");
        let (_, reach) = preview.split_once(", Discord ").expect("a preview");
        reach.split(')').next().and_then(|count| count.parse::<u32>().ok()).expect("a number")
    };
    let before = reach().await;
    intake.only_served(PlatformName::Discord, |tenant| *tenant == left, &[]).await.expect("kept");
    desk.stage.clock.advance(Duration::from_secs(60));
    intake.only_served(PlatformName::Discord, |tenant| *tenant == left, &[]).await.expect("kept");
    assert_eq!(reach().await, before - 2);
    desk.end().await;
}

#[tokio::test]
async fn what_was_filled_in_is_kept_to_be_corrected_and_to_be_edited() {
    on_both(async |desk, world| {
        let values = async || -> Vec<(String, String)> {
            let form = desk.form(world, "mia").await;
            form.fields
                .into_iter()
                .map(|field| (field.id, field.value))
                .filter(|(_, value)| !value.is_empty())
                .collect()
        };
        let all = [("services", "vpn, mial"), ("known", "Since nine."), ("workaround", "Use the web.")];
        write(desk, world, &all).await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("I don't know a service called mial"), "{}: {told}", world.platform());
        desk.press(world, "mia", "random", "Correct it").await;
        let kept = values().await;
        let has = |name: &str, value: &str| kept.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("title", "Nobody gets in") && has("severity", "medium"), "{}: {kept:?}", world.platform());
        fill_in(desk, world, "random", &[("services", "vpn, mail")]).await;
        let preview = shown(desk, world, "mia");
        assert!(preview.contains("VPN, Email: Nobody gets in"), "{}: {preview}", world.platform());
        assert!(preview.contains("Since nine.") && preview.contains("Meanwhile: Use the web."), "{preview}");
        // Mia sees a mistake in the preview.
        desk.press(world, "mia", "random", "Edit…").await;
        fill_in(desk, world, "random", &[("title", "Some do not get in")]).await;
        let preview = shown(desk, world, "mia");
        assert!(preview.contains("VPN, Email: Some do not get in"), "{}: {preview}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn what_was_told_to_the_desk_alone_is_no_headline() {
    on_both(async |desk, world| {
        desk.say(world, "sam", &Spot::direct(), "my manager must not know, but mail does not work").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Declare an outage…").await;
        let title = desk.form(world, "mia").await.fields[0].value.clone();
        assert_eq!(title, "", "{}", world.platform());
    })
    .await;
}
