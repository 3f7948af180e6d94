//! Announces outages and tells their news while the program is killed, and checks the result.
//!
//! The announcements are made in this process, on the database of the killed program, and committed as that program
//! would commit them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deskbell::app;
use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::desk::services::record as services;
use deskbell::domain::act::{ActName, ActRef, Value};
use deskbell::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, ReplyHandle, Way};
use deskbell::domain::ids::{Conversation, Person, PersonRef, Place, PlatformName, Tenant};
use deskbell::domain::outage::Service;
use deskbell::domain::outcome::Outcome;
use deskbell::domain::permission::{Principal, Roster};
use deskbell::domain::rules::Rules;
use deskbell::intake::Intake;
use deskbell::sandbox::stage::{CHANNELS, Platforms, Stage};
use deskbell::store::Store;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio_util::sync::CancellationToken;

use super::checker::Report;

/// An intake on the database of the program that is killed.
pub struct SecondIntake {
    store: Arc<dyn Store>,
    pub intake: Intake,
    /// The person who announces.
    mia: Person,
    acts: AtomicU32,
}

impl SecondIntake {
    pub async fn open(config: &Config, mia: Person) -> Self {
        let store = app::open_beside(config, Clock::system()).await.expect("the record can be changed");
        let vpn = Service {
            key: "vpn".to_owned(),
            name: "VPN".to_owned(),
            owner: String::new(),
            tags: Vec::new(),
            words: Vec::new(),
        };
        let rules = Rules { services: vec![vpn], ..Rules::default() };
        let roster = Roster { agents: vec![Principal::Person(mia.who.clone())], ..Roster::default() };
        let intake = Intake::new(store.clone(), Clock::system(), rules, roster);
        Self { store, intake, mia, acts: AtomicU32::new(0) }
    }

    pub async fn close(self) {
        self.store.close().await;
    }

    /// Makes these places follow the service, so that they hear of its outages.
    pub async fn follow(&self, places: &[Place]) {
        let (places, now) = (places.to_vec(), Clock::system().now());
        let follow = self.store.within(move |tx| {
            let places = places.clone();
            Box::pin(async move { places.iter().try_for_each(|place| services::follow(tx, "vpn", place, now)) })
        });
        follow.await.expect("they follow");
    }

    /// Announces the outage with this number. Numbers must be used in order, from 1 on.
    pub async fn announce(&self, number: u32) {
        let title = format!("Outage {number}");
        let fields = [("title", title.as_str()), ("services", "vpn"), ("severity", "low"), ("known", "news 0")];
        self.act(ActRef::bare(ActName::new("outage announce")), &fields).await;
        let send = ActRef { carried: Some(format!("MI-{number}.1")), ..ActRef::bare(ActName::new("outage send")) };
        self.act(send, &[]).await;
    }

    /// Tells the news with this number about an outage.
    pub async fn tell_news(&self, number: u32, news: u32) {
        let (key, known) = (format!("MI-{number}"), format!("news {news}"));
        let fields = [("outage", key.as_str()), ("phase", "identified"), ("known", known.as_str())];
        self.act(ActRef::bare(ActName::new("outage update")), &fields).await;
    }

    async fn act(&self, does: ActRef, fields: &[(&str, &str)]) {
        let given = fields.iter().map(|(name, text)| ((*name).to_owned(), Value::text(*text))).collect();
        let acted = Acted {
            actor: self.mia.clone(),
            place: None,
            way: Way::Command,
            at: None,
            asks: Asks::Act { does, given },
            in_private: false,
            reply: ReplyHandle("{}".to_owned()),
        };
        let number = self.acts.fetch_add(1, Ordering::Relaxed);
        let key = DedupeKey::stored(format!("act {number}"));
        let event = Event { key, at: Clock::system().now(), what: EventKind::Acted(acted) };
        // The killed program may hold the database, so a failure is tried again.
        for _ in 0..50 {
            match self.intake.handle(event.clone()).await {
                Ok(outcome) => {
                    let is_done = matches!(outcome, Outcome::Done(None) | Outcome::Repeated);
                    return assert!(is_done, "act {number}: {outcome:?}");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        panic!("act {number} cannot be stored");
    }
}

/// Returns the channels that follow the service.
pub fn followers(stage: &Stage, platforms: Platforms) -> Vec<Place> {
    let place = |platform, tenant, channel| Place {
        tenant: Tenant { platform, id: tenant },
        at: Conversation::Channel { channel },
    };
    let mut places = Vec::new();
    for name in CHANNELS {
        if platforms.slack {
            let channel = stage.slack.channel_id(name).expect("a channel");
            places.push(place(PlatformName::Slack, stage.slack.team_id(), channel));
        }
        if platforms.discord {
            let channel = stage.discord.channel_id(name).expect("a channel");
            places.push(place(
                PlatformName::Discord,
                stage.discord.guild_of_channel(&channel).expect("a guild"),
                channel,
            ));
        }
    }
    places
}

/// Returns a person who is on no platform, so that answers to them are not part of the checked traffic.
pub fn nobody(platforms: Platforms) -> Person {
    let platform = if platforms.slack { PlatformName::Slack } else { PlatformName::Discord };
    Person::new(PersonRef::new(platform, if platforms.slack { "U0NOBODY" } else { "1" }), "Mia")
}

/// Announces outages and tells their news until `stop`. Returns the number of the last news of each outage.
pub async fn announce(desk: &SecondIntake, seed: u64, stop: CancellationToken) -> Vec<u32> {
    let mut random = StdRng::seed_from_u64(seed ^ 0x6f75_7461);
    let mut told: Vec<u32> = Vec::new();
    while !stop.is_cancelled() {
        match told.last_mut() {
            Some(news) if random.random_bool(0.6) => {
                *news += 1;
                let (number, news) = (told.len(), told[told.len() - 1]);
                desk.tell_news(u32::try_from(number).expect("a few"), news).await;
            }
            _ => {
                told.push(0);
                desk.announce(u32::try_from(told.len()).expect("a few")).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(random.random_range(1_500..9_000))) => {}
            () = stop.cancelled() => {}
        }
    }
    told
}

/// Reports each follower that did not hear of an outage exactly once, was told older news after newer news, or was not
/// told the newest news last.
pub fn check(journal: &str, followers: &[Place], told: &[u32], report: &mut Report) {
    let mut heard: BTreeMap<(u32, String), BTreeMap<String, Vec<u32>>> = BTreeMap::new();
    for line in journal.lines() {
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let (kind, words) = (text("kind"), text("text"));
        let number = |before: &str| {
            let rest = words.split_once(before)?.1;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok()
        };
        let (place, message) = (format!("{}:{}", text("platform"), text("channel_id")), text("message"));
        if kind == "removed" {
            heard.iter_mut().filter(|((_, at), _)| *at == place).for_each(|(_, copies)| drop(copies.remove(&message)));
        }
        if let ("posted" | "updated", Some(outage), Some(news)) = (kind.as_str(), number("Outage "), number("news ")) {
            heard.entry((outage, place)).or_default().entry(message).or_default().push(news);
        }
    }
    for (number, last) in (1..).zip(told) {
        for place in followers {
            let at = format!("{}:{}", place.platform(), place.channel());
            let copies = heard.get(&(number, at.clone()));
            match copies.map_or(0, BTreeMap::len) {
                0 => report.lost.push(format!("outage {number} in {at}")),
                1 => {}
                times => report.doubled.push(format!("outage {number} stands {times} times in {at}")),
            }
            for news in copies.into_iter().flat_map(BTreeMap::values) {
                if !news.is_sorted() {
                    report.disordered.push(format!("outage {number} in {at} was told as {news:?}"));
                } else if news.last() != Some(last) {
                    report.lost.push(format!("the newest of outage {number} in {at}: {last}, and it says {news:?}"));
                }
            }
        }
    }
}

#[test]
fn what_is_lost_doubled_or_out_of_order_is_seen() {
    let place = |channel: &str| Place {
        tenant: Tenant { platform: PlatformName::Slack, id: "T1".to_owned() },
        at: Conversation::Channel { channel: channel.to_owned() },
    };
    let line = |kind: &str, channel: &str, message: &str, news: u32| {
        format!(
            r#"{{"kind":"{kind}","platform":"slack","channel_id":"{channel}","message":"{message}","text":"VPN: Outage 1 (low)\nnews {news}"}}"#
        )
    };
    let journal = [
        line("posted", "C1", "1", 0),
        line("updated", "C1", "1", 1),
        line("posted", "C2", "2", 1),
        line("updated", "C2", "2", 0),
        line("posted", "C3", "3", 1),
        line("posted", "C3", "4", 1),
        line("posted", "C5", "5", 1),
        line("posted", "C5", "6", 1),
        line("removed", "C5", "6", 1),
        line("posted", "C6", "7", 0),
    ];
    let mut report = Report::default();
    let places = ["C1", "C2", "C3", "C4", "C5", "C6"].map(place);
    check(&journal.join("\n"), &places, &[1], &mut report);
    assert_eq!(report.disordered, ["outage 1 in slack:C2 was told as [1, 0]"]);
    assert_eq!(report.doubled, ["outage 1 stands 2 times in slack:C3"]);
    let lost = ["outage 1 in slack:C4", "the newest of outage 1 in slack:C6: 1, and it says [0]"];
    assert_eq!(report.lost, lost);
}
