//! `/readyz` answers 200 if this process can store a request now, as a load balancer expects. Other conditions that
//! keep people from being answered or seen are in the body of the answer, in the answer to `?platform=`, and in a
//! metric.

use std::time::Duration;

use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Absence, Fault, Spot};
use serde_json::Value;
use sqlx::Connection as _;

use crate::away::{ask, confirmed};
use crate::harness::{Desk, Setup, on_each, patiently};
use crate::program::Site;

/// Returns status and body of `/readyz` with this query.
async fn asked(address: &str, query: &str) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(format!("http://{address}/readyz{query}")).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// Waits until `/readyz` answers with this status.
async fn becomes(address: &str, query: &str, status: u16) {
    let what = format!("{query}: {status}");
    patiently(&what, async {
        while asked(address, query).await.0 != status {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn kinds(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = body["conditions"].as_array().expect("a list");
    conditions.iter().map(|one| (text(&one["platform"]), text(&one["kind"]))).collect()
}

#[tokio::test]
async fn it_is_ready_if_and_only_if_something_can_be_stored() {
    let desk = Desk::open().await;
    let address = desk.app().address().to_string();
    let (status, body) = asked(&address, "").await;
    assert_eq!((status, &body["ready"]), (200, &Value::Bool(true)), "{body}");
    assert_eq!(body["conditions"], Value::Array(Vec::new()));
    // Another connection holds the write lock: the database can be read, but nothing can be stored.
    let file = desk.folder.path().join("desk.db");
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opened");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut raw).await.expect("it is free");
    becomes(&address, "", 503).await;
    let (status, body) = asked(&address, "?platform=slack").await;
    assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)), "{body}");
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.expect("it ends");
    becomes(&address, "", 200).await;
    raw.close().await.expect("closed");
    desk.end_with_errors().await;
}

#[tokio::test]
async fn a_platform_that_is_away_takes_the_other_ones_requests_from_nobody() {
    on_each(Setup::default(), async |desk, world| {
        let other = desk.other(&world);
        let address = desk.app().address().to_string();
        let of = |platform: &str| format!("?platform={platform}");
        assert_eq!(asked(&address, "?platform=slack,discord").await.0, 200);
        world.inject(Fault::Leave(Absence::Down));
        becomes(&address, &of(world.platform()), 503).await;
        assert_eq!(asked(&address, "").await.0, 200, "it can store what people say elsewhere");
        assert_eq!(asked(&address, &of(other.platform())).await.0, 200);
        assert_eq!(asked(&address, "?platform=slack,discord").await.0, 503);
        assert_eq!(asked(&address, "?platform=teams").await.0, 503, "nobody serves that");
        desk.stage.clock.advance(Duration::from_secs(120));
        let told = (world.platform().to_owned(), "connection".to_owned());
        patiently("it is told", async {
            while !kinds(&asked(&address, "").await.1).contains(&told) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        world.inject(Fault::Return);
        becomes(&address, &of(world.platform()), 200).await;
        assert!(kinds(&asked(&address, "").await.1).is_empty());
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn whatever_keeps_people_from_being_heard_or_seen_is_told_in_the_body_and_in_one_metric() {
    let site = Site::open(Platforms { slack_http: true, ..Platforms::BOTH }, "").await;
    let platforms = Platforms { slack_http: true, ..Platforms::BOTH };
    let settings = site.stage.settings(&site.path("desk.db"), "", platforms);
    site.write_settings(&settings.replace(&site.stage.slack.signing_secret(), "not-the-secret-of-this-app"));
    let child = site.serve();
    site.stage.slack.set_http_target(format!("http://{}", child.address().await));
    let address = child.health_address().await;
    child.ready().await;
    let [slack, discord] = site.stage.worlds();
    for text in ["the printer is jammed", "still jammed", "it burns"] {
        ask(&slack, "jeff", "sales", text).await;
    }
    discord.inject(Fault::DeleteChannel { channel: "desk-triage".to_owned() });
    ask(&discord, "jeff", "sales", "no sound").await;
    confirmed(&discord, "sales", "no sound").await;
    discord.say("ana", &Spot::channel("general"), "lunch?", None).await.expect("said");
    discord.inject(Fault::PutOut);
    let wanted = [("slack", "door"), ("discord", "guild"), ("discord", "triage")];
    let wanted = wanted.map(|(platform, kind)| (platform.to_owned(), kind.to_owned()));
    patiently("all is told", async {
        loop {
            let known = kinds(&asked(&address, "").await.1);
            if wanted.iter().all(|one| known.contains(one)) {
                break;
            }
        }
    })
    .await;
    let (status, body) = asked(&address, "").await;
    assert_eq!(status, 200, "what is said can be stored: {body}");
    for platform in ["slack", "discord"] {
        assert_eq!(asked(&address, &format!("?platform={platform}")).await.0, 503, "{platform}");
    }
    assert!(body.to_string().contains("slack.signing_secret"), "it says what to look at: {body}");
    for hidden in ["jeff", "jammed", "not-the-secret", &site.stage.slack.bot_token(), &site.stage.discord.token()] {
        assert!(!body.to_string().contains(hidden), "{hidden} is public: {body}");
    }
    let metrics = async || {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("http://{address}/metrics")).send().await.expect("an answer");
        answer.text().await.expect("text")
    };
    let shown =
        wanted.map(|(platform, kind)| format!("deskbell_condition{{platform=\"{platform}\",kind=\"{kind}\"}} 1"));
    let refusals = "deskbell_door_refusals_total{platform=\"slack\",why=\"forged\"}";
    patiently("the numbers follow", async {
        loop {
            let text = metrics().await;
            if shown.iter().all(|line| text.contains(line)) && text.contains(refusals) {
                break;
            }
        }
    })
    .await;
    child.says("the signature is wrong").await;
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}
