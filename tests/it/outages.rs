//! Outages: announced once to every channel that follows a service, and followed to their end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deskbell::desk::outages::record;
use deskbell::desk::outages::state::{Audience, Content, Named, Outage};
use deskbell::desk::services::record as services;
use deskbell::domain::ids::{OutageId, OutageKey, Person, PersonRef, PlatformName};
use deskbell::domain::outage::{Phase, Severity};
use deskbell::domain::rules::Rules;
use deskbell::intake::erase;
use deskbell::sandbox::{Spot, World};
use deskbell::store::{Store, StoreError, Tx};
use expect_test::expect;

use crate::announcing;
use crate::harness::{Desk, Setup, by_platform, on_both, on_each, see};
use crate::operate::accounts;
use crate::store_contract::kit::{at, channel};

/// An outage of these services, announced at this second.
fn outage(number: i64, services: &[&str], opened_s: i64) -> Outage {
    let named = |key: &&str| Named { key: (*key).to_owned(), name: (*key).to_uppercase() };
    Outage {
        id: OutageId(number),
        key: OutageKey::new("MI", number),
        phase: Phase::Investigating,
        severity: Severity::Low,
        content: Content { services: services.iter().map(named).collect(), ..Content::default() },
        owner: Person::new(PersonRef::new(PlatformName::Slack, "UMIA"), "Mia"),
        version: 1,
        opened_at: at(opened_s),
        changed_at: at(opened_s),
        ended_at: None,
    }
}

/// Runs `does` in a transaction.
async fn within(
    store: &Arc<dyn Store>,
    does: impl Fn(&mut dyn Tx) -> Result<(), StoreError> + Send + Sync + 'static,
) -> Result<(), StoreError> {
    let does = Arc::new(does);
    store
        .within(move |tx| {
            let does = Arc::clone(&does);
            Box::pin(async move { does(tx) })
        })
        .await
}

pub async fn each_follower_of_several_services_is_met_once_however_it_is_paged(store: Arc<dyn Store>) {
    // Of 40 channels every second follows vpn, every third mail, and every sixth both. One left before the
    // announcement, one after it.
    within(&store, |tx| {
        for number in 0..40 {
            let place = channel(&format!("C{number}"));
            for (service, every) in [("mail", 3), ("vpn", 2), ("wifi", 5)] {
                if number % every == 0 {
                    services::follow(tx, service, &place, at(0))?;
                }
            }
        }
        for (number, left) in [(2, 5), (3, 15)] {
            services::unfollow(
                tx,
                if number == 2 { "vpn" } else { "mail" },
                &channel(&format!("C{number}")),
                at(left),
            )?;
        }
        Ok(())
    })
    .await
    .expect("written");
    let wanted: BTreeSet<String> =
        (0..40).filter(|n| (n % 2 == 0 || n % 3 == 0) && *n != 2).map(|n| format!("C{n}")).collect();
    let both = outage(1, &["vpn", "mail"], 10);
    let mut reader = store.reader().await.expect("a reader");
    for limit in [1, 2, 7, 100] {
        let (mut after, mut met) = (0, Vec::new());
        loop {
            let page = record::audience(&mut *reader, &both, after, limit).await.expect("a page");
            let Some((last, _)) = page.last() else { break };
            assert!(page.len() <= limit && *last > after, "{limit}");
            after = *last;
            met.extend(page.into_iter().map(|(_, place)| place.channel().to_owned()));
        }
        assert_eq!(met.len(), wanted.len(), "{limit}: each once");
        assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), wanted, "{limit}");
    }
    // A channel that left is not counted for a new outage.
    let keys = ["vpn".to_owned(), "mail".to_owned()];
    let reach = record::reach(&mut *reader, &keys, &Audience::default(), &Rules::default()).await.expect("a number");
    assert_eq!((reach.slack, reach.discord), (wanted.len() as u64 - 1, 0));
    drop(reader);
    within(&store, |tx| services::follow(tx, "vpn", &channel("C2"), at(20))).await.expect("written");
    let mut reader = store.reader().await.expect("a reader");
    assert_eq!(
        record::reach(&mut *reader, &keys, &Audience::default(), &Rules::default()).await.expect("a number").slack,
        wanted.len() as u64
    );
}

pub async fn of_two_who_change_an_outage_at_once_one_decides_again(store: Arc<dyn Store>) {
    let first = outage(1, &["vpn"], 0);
    let written = first.clone();
    within(&store, move |tx| record::insert(tx, &written)).await.expect("written");
    let change = |phase| Outage { phase, version: 2, ..first.clone() };
    let (one, other) = (change(Phase::Identified), change(Phase::Monitoring));
    within(&store, move |tx| record::update(tx, &one)).await.expect("changed");
    let refused = within(&store, move |tx| record::update(tx, &other)).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let mut reader = store.reader().await.expect("a reader");
    let kept = record::by_id(&mut *reader, OutageId(1)).await.expect("an answer").expect("an outage");
    assert_eq!((kept.phase, kept.version), (Phase::Identified, 2));
    assert_eq!(record::running(&mut *reader, 9).await.expect("a list"), [kept]);
}

pub async fn an_announcement_that_is_never_sent_is_forgotten(store: Arc<dyn Store>) {
    for (number, phase) in [(1, Phase::Drafted), (2, Phase::Investigating)] {
        let written = Outage { phase, ..outage(number, &["vpn"], 0) };
        within(&store, move |tx| record::insert(tx, &written)).await.expect("written");
    }
    for (hours, is_there) in [(23, true), (25, false)] {
        within(&store, move |tx| record::tidy(tx, at(hours * 3_600))).await.expect("tidied");
        let mut reader = store.reader().await.expect("a reader");
        let draft = record::by_id(&mut *reader, OutageId(1)).await.expect("an answer");
        assert_eq!(draft.is_some(), is_there, "after {hours} hours");
        assert!(record::by_id(&mut *reader, OutageId(2)).await.expect("an answer").is_some());
    }
}

/// Returns the last line of the transcript that only this person sees, with its buttons.
pub fn shown(desk: &Desk, world: &Arc<dyn World>, who: &str) -> String {
    let mine = format!("▸ {who} ");
    desk.transcript(world).lines().rfind(|line| line.starts_with(&mine)).unwrap_or_default().to_owned()
}

/// The texts of the bot in a channel that everybody sees, without threads.
pub fn public_texts(world: &Arc<dyn World>, channel: &str) -> Vec<String> {
    let view = see(world, "mia");
    let channel = view.channels.iter().find(|known| known.name == channel).expect("a channel");
    let bots = channel.messages.iter().filter(|message| message.bot && !message.only_you);
    bots.map(|message| crate::harness::normal(&message.text)).collect()
}

/// Makes a channel follow these services.
pub async fn subscribe(desk: &Desk, world: &Arc<dyn World>, channel: &str, services: &str) {
    world
        .command("mia", &Spot::channel(channel), &format!("subscribe {}", named(world, services)))
        .await
        .expect("given");
    desk.settle().await;
}

pub fn named(world: &Arc<dyn World>, services: &str) -> String {
    if world.platform() == "discord" { format!("services:{services}") } else { services.to_owned() }
}

/// Mia writes an announcement, whose form has two pages on Discord.
pub async fn write(desk: &Desk, world: &Arc<dyn World>, severity: &str, services: &str) {
    desk.command(world, "mia", "outages").await;
    desk.press(world, "mia", "random", "Announce an outage…").await;
    let first = [
        ("title", "New connections fail"),
        ("services", services),
        ("severity", severity),
        ("known", "Whoever is connected stays so."),
        ("next", "in 30 min"),
    ];
    let second = [("workaround", "Use the web version."), ("internal", "The certificate has expired.")];
    if world.platform() == "discord" {
        desk.fill_in(world, "mia", &first).await;
        desk.press(world, "mia", "random", "Next").await;
        desk.fill_in(world, "mia", &second).await;
    } else {
        desk.fill_in(world, "mia", &[&first[..], &second[..]].concat()).await;
    }
}

#[tokio::test]
async fn an_outage_is_announced_updated_and_over() {
    let told = on_both(async |desk, world| {
        let mut told = Vec::new();
        subscribe(desk, world, "sales", "network").await;
        subscribe(desk, world, "general", "vpn, mail").await;
        write(desk, world, "medium", "VPN, outlook").await;
        told.push(shown(desk, world, "mia"));
        assert_eq!(public_texts(world, "sales"), Vec::<String>::new(), "nobody has seen it yet");
        desk.press(world, "mia", "random", "Announce it now").await;
        told.push(shown(desk, world, "mia"));
        told.extend(public_texts(world, "sales"));
        assert_eq!(public_texts(world, "sales"), public_texts(world, "general"), "each channel once");
        assert_eq!(public_texts(world, "random"), Vec::<String>::new(), "this channel does not follow the service");
        told.extend(public_texts(world, "desk-triage"));
        desk.command(world, "jeff", "services").await;
        told.push(desk.last_private(world, "jeff"));
        assert!(!desk.last_private(world, "jeff").contains("looked after by"), "only agents see owners");
        desk.command(world, "mia", "services").await;
        assert!(desk.last_private(world, "mia").contains("looked after by the network team"));
        desk.press(world, "mia", "desk-triage", "Update…").await;
        desk.fill_in(world, "mia", &[("phase", "identified"), ("known", "A certificate has expired."), ("next", "")])
            .await;
        told.extend(public_texts(world, "sales"));
        desk.press(world, "mia", "desk-triage", "Where it went").await;
        told.push(shown(desk, world, "mia"));
        desk.press(world, "mia", "desk-triage", "It is over…").await;
        desk.fill_in(world, "mia", &[("known", "Everything works again.")]).await;
        told.extend(public_texts(world, "sales"));
        // After a minute the card says where the outage was posted.
        desk.pass(Duration::from_secs(60)).await;
        told.extend(public_texts(world, "desk-triage"));
        let told = told.join("\n\n");
        told.replace("Slack 2, Discord 0", "2 here, 0 there")
            .replace("Slack 0, Discord 2", "2 here, 0 there")
            // Slack's limit for changes of messages is lower.
            .replace("takes about 5 s", "takes about 1 s")
            // Where a channel is named by its label, the platform is named, too.
            .replace(" on Slack", "")
    })
    .await;
    expect![[r#"
        ▸ mia in #random: Desk: This is how it will look. Nobody has seen it yet: ⏎  ⏎ 🟠 VPN, Email: New connections fail ⏎ MI-1 · we are looking into it · since (age) · next news (age) ⏎ Whoever is connected stays so. ⏎ Meanwhile: Use the web version. ⏎  ⏎ It goes to 2 channels (2 here, 0 there) in about 1 s; changing it everywhere takes about 1 s. [Announce it now] [Edit…]

        ▸ mia in #random: Desk: MI-1 is on its way to 2 channels. [Update…] [It is over…] [Change…] [Retract] [Where it went]

        🟠 VPN, Email: New connections fail
        MI-1 · we are looking into it · since (age) · next news (age)
        Whoever is connected stays so.
        Meanwhile: Use the web version.

        MI-1  outage, medium severity · announced by Mia Wong
        🟠 VPN, Email: New connections fail
        MI-1 · we are looking into it · since (age) · next news (age)
        Whoever is connected stays so.
        Meanwhile: Use the web version.
        Only for the desk: The certificate has expired.
        It's on its way.

        VPN: New connections fail (MI-1, we are looking into it) · next news (age)
        Office Wi-Fi: no known problems
        Email: New connections fail (MI-1, we are looking into it) · next news (age)
        Printing: no known problems

        🟠 VPN, Email: New connections fail
        MI-1 · we know what it is and are fixing it · since (age)
        A certificate has expired.
        Meanwhile: Use the web version.

        ▸ mia in #desk-triage: Desk: MI-1  outage, medium severity · announced by Mia Wong ⏎ 🟠 VPN, Email: New connections fail ⏎ MI-1 · we know what it is and are fixing it · since (age) ⏎ A certificate has expired. ⏎ Meanwhile: Use the web version. ⏎ Only for the desk: The certificate has expired. ⏎ It has been posted in 2 channels. ⏎ In #sales, #general [Update…] [It is over…] [Change…] [Retract] [Where it went]

        ✅ It's over: VPN, Email: New connections fail
        From (age) to (age) · thanks for your patience
        Everything works again.

        MI-1  outage, medium severity · announced by Mia Wong
        ✅ It's over: VPN, Email: New connections fail
        From (age) to (age) · thanks for your patience
        Everything works again.
        Only for the desk: The certificate has expired.
        It has been posted in 2 channels."#]].assert_eq(&told);
}

#[tokio::test]
async fn what_was_announced_by_mistake_is_taken_back() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        desk.press(world, "mia", "desk-triage", "Retract").await;
        let sales = public_texts(world, "sales");
        assert_eq!(
            sales,
            [format!(
                "{0}VPN: New connections fail{0}\nThis was announced by mistake. Please ignore it.",
                by_platform(world, "~", "~~")
            )],
            "{}",
            world.platform()
        );
        // A channel that begins to follow later hears nothing of an outage that is over.
        subscribe(desk, world, "general", "vpn").await;
        assert_eq!(public_texts(world, "general"), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_joins_later_hears_the_next_news_and_one_that_left_no_new_outage() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        subscribe(desk, world, "general", "vpn").await;
        assert_eq!(public_texts(world, "general"), Vec::<String>::new());
        desk.press(world, "mia", "desk-triage", "Update…").await;
        desk.fill_in(world, "mia", &[("phase", "monitoring")]).await;
        assert_eq!(public_texts(world, "general"), public_texts(world, "sales"), "{}", world.platform());
        assert!(public_texts(world, "general")[0].contains("we're keeping an eye on it"));
        desk.press(world, "mia", "desk-triage", "It is over…").await;
        desk.fill_in(world, "mia", &[]).await;
        let unsubscribe = format!("unsubscribe {}", named(world, "vpn"));
        world.command("mia", &Spot::channel("general"), &unsubscribe).await.expect("given");
        desk.settle().await;
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        assert_eq!(
            (public_texts(world, "sales").len(), public_texts(world, "general").len()),
            (2, 1),
            "{}",
            world.platform()
        );
    })
    .await;
}

#[tokio::test]
async fn whoever_announced_is_reminded_once_of_news_that_are_due() {
    on_both(async |desk, world| {
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        let reminders = || {
            let direct = see(world, "mia").channels.into_iter().find(|channel| channel.direct);
            direct.map_or(0, |direct| {
                direct.messages.iter().filter(|message| message.text.contains("People were promised")).count()
            })
        };
        desk.pass(Duration::from_secs(29 * 60)).await;
        assert_eq!(reminders(), 0, "{}", world.platform());
        desk.pass(Duration::from_secs(2 * 60)).await;
        assert_eq!(reminders(), 1, "{}", world.platform());
        desk.pass(Duration::from_secs(24 * 60 * 60)).await;
        assert_eq!(reminders(), 1, "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_announced_is_told_with_what_to_do() {
    let told = on_both(async |desk, world| {
        let mut told = Vec::new();
        write(desk, world, "low", "vpn, moon").await;
        told.push(desk.last_private(world, "mia"));
        write(desk, world, "high", "vpn").await;
        told.push(desk.last_private(world, "mia"));
        write(desk, world, "low", " , ").await;
        told.push(desk.last_private(world, "mia"));
        desk.command(world, "jeff", "outages").await;
        told.push(desk.last_private(world, "jeff"));
        desk.command(world, "mia", "outage show MI-99").await;
        told.push(desk.last_private(world, "mia"));
        // An announcement for no channel goes to the desk alone.
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        told.push(desk.last_private(world, "mia"));
        told.join("\n")
    })
    .await;
    expect![[r#"
        I don't know a service called moon. There are: vpn, wifi, mail, printing.
        Nothing has been sent, and what you typed is still there: press Correct it.
        To make an outage high severity, or lower one that is, you need the right outage_announce_high. Choose a lower one, or leave the severity to an admin.
        Nothing has been sent, and what you typed is still there: press Correct it.
        Which services? There are: vpn, wifi, mail, printing.
        Nothing has been sent, and what you typed is still there: press Correct it.
        Sorry, only the desk can do that; /desk help shows what you can do.
        I can't find an outage MI-99. /desk outages lists them.
        MI-4 is on its way to the desk only, since no channel that I can write in follows this."#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn outages_can_be_switched_off() {
    let setup = Setup { extra_settings: "[outages]\nenabled = false\n", ..Setup::default() };
    on_each(setup, async |desk, world| {
        desk.command(&world, "mia", "outages").await;
        assert!(desk.last_private(&world, "mia").contains("I don't announce outages here"), "{}", world.platform());
        desk.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_leaves_while_an_outage_runs_hears_how_it_ends() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        world
            .command("mia", &Spot::channel("sales"), &format!("unsubscribe {}", named(world, "vpn")))
            .await
            .expect("given");
        desk.settle().await;
        desk.press(world, "mia", "desk-triage", "It is over…").await;
        desk.fill_in(world, "mia", &[]).await;
        assert!(public_texts(world, "sales")[0].starts_with("✅ It's over: VPN"), "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn whoever_has_not_heard_of_it_before_it_ended_hears_nothing_and_nothing_failed() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        subscribe(desk, world, "general", "vpn").await;
        desk.press(world, "mia", "desk-triage", "Retract").await;
        assert_eq!(public_texts(world, "general"), Vec::<String>::new(), "{}", world.platform());
        let counts = desk.store().counts().await.expect("counts");
        assert_eq!((counts.failed, counts.held, counts.waiting), (0, 0, 0), "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_its_authors_alone_and_is_sent_once() {
    on_both(async |desk, world| {
        write(desk, world, "low", "vpn").await;
        desk.command(world, "omar", "outage show MI-1").await;
        assert!(desk.last_private(world, "omar").contains("I can't find an outage MI-1"), "{}", world.platform());
        desk.command(world, "mia", "outage show MI-1").await;
        let shown = desk.last_private(world, "mia");
        assert!(shown.contains("not announced yet · written by"), "{}: {shown}", world.platform());
        // There are two buttons, in the preview and in the answer to `outage show`. The second press is refused.
        desk.press(world, "mia", "random", "Announce it now").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("MI-1 has already been announced"), "{}: {told}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn who_is_erased_stands_on_no_card_of_an_outage() {
    on_both(async |desk, world| {
        write(desk, world, "low", "vpn").await;
        desk.press(world, "mia", "random", "Announce it now").await;
        assert!(public_texts(world, "desk-triage")[0].contains("announced by Mia Wong"));
        erase::person(desk.store(), &desk.stage.clock, &accounts(desk, "mia"), false).await.expect("erased");
        desk.settle().await;
        let card = public_texts(world, "desk-triage");
        assert!(card[0].contains("New connections fail") && !card[0].contains("Mia"), "{}: {card:?}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn an_outage_is_declared_from_a_ticket_with_its_title() {
    on_both(async |desk, world| {
        subscribe(desk, world, "general", "vpn").await;
        desk.ask(world, "jeff", "@desk nobody on floor 3 gets into the vpn").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Declare an outage…").await;
        let title = desk.form(world, "mia").await.fields[0].value.clone();
        assert_eq!(title, "nobody on floor 3 gets into the vpn", "{}", world.platform());
        desk.fill_in(world, "mia", &[("services", "vpn"), ("severity", "medium")]).await;
        if world.platform() == "discord" {
            desk.press(world, "mia", "desk-triage", "Next").await;
            desk.fill_in(world, "mia", &[]).await;
        }
        desk.press(world, "mia", "desk-triage", "Announce it now").await;
        let general = public_texts(world, "general");
        assert!(general[0].contains("VPN: nobody on floor 3 gets into the vpn"), "{general:?}");
    })
    .await;
}

#[tokio::test]
async fn a_time_that_was_promised_stands_in_the_forms_and_an_update_of_nothing_is_none() {
    on_both(async |desk, world| {
        subscribe(desk, world, "sales", "vpn").await;
        announcing::write(desk, world, &[("services", "vpn"), ("next", "in 3 h")]).await;
        let next = (desk.stage.clock.now() + jiff::SignedDuration::from_hours(3)).to_string();
        // To the minute, as "2026-12-01 14:30".
        let next = next[..16].replace('T', " ");
        let field = |id: &str| {
            let form = see(world, "mia").form.expect("a form");
            form.fields.into_iter().find(|field| field.id == id).expect("such a field").value
        };
        desk.press(world, "mia", "random", "Edit…").await;
        assert_eq!(field("next"), next, "{}", world.platform());
        desk.press(world, "mia", "random", "Announce it now").await;
        let before = public_texts(world, "sales");
        desk.press(world, "mia", "random", "Update…").await;
        assert_eq!(field("next"), next, "{}", world.platform());
        let form = see(world, "mia").form.expect("a form");
        let same: Vec<_> = form.fields.iter().map(|field| (field.id.as_str(), field.value.as_str())).collect();
        desk.fill_in(world, "mia", &same).await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("MI-1 already says that, so nothing was changed."), "{}: {told}", world.platform());
        assert_eq!(public_texts(world, "sales"), before, "{}", world.platform());
        // Whoever empties the field promises nothing any more.
        desk.press(world, "mia", "random", "Correct it").await;
        desk.fill_in(world, "mia", &[("phase", "identified"), ("next", "")]).await;
        let after = public_texts(world, "sales").join(" ");
        assert!(!after.contains("next news"), "{}: {after}", world.platform());
    })
    .await;
}
