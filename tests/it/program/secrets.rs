//! No log, error or debug output holds a secret, whatever the log level.

use std::collections::BTreeMap;
use std::sync::Arc;

use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, Spot, View, World};

use super::Site;
use crate::harness::{find_control, patiently, see};

/// The program and its libraries log at their most verbose level.
const LOUD: &str = "[log]\nlevel = \"trace,deskbell=trace,slack_morphism=trace,hyper=trace,\
                    hyper_util=trace,reqwest=trace,rustls=trace,tungstenite=trace,tokio_tungstenite=trace,sqlx=trace,\
                    axum=trace\"\n";

#[tokio::test]
async fn the_loudest_log_holds_no_secret() {
    for slack_http in [false, true] {
        let platforms = Platforms { slack_http, ..Platforms::BOTH };
        let site = Site::open(platforms, LOUD).await;
        let child = site.serve();
        let address = child.address().await;
        if slack_http {
            site.stage.slack.set_http_target(format!("http://{address}"));
        }
        child.ready().await;
        for world in site.stage.worlds() {
            scene(&world, slack_http).await;
        }
        let settings = site.stage.config(&site.path("desk.db"), LOUD, platforms).expect("they fit");
        let checked = site.run("check").await;
        let ended = child.terminate().await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.err.contains("\"TRACE\""), "it was loud");
        let told = [ended.out, ended.err, checked.out, checked.err, format!("{settings:?} {settings:#?}")].concat();

        let mut secrets = site.stage.slack.secrets_issued();
        let own = if slack_http { 4 } else { 5 };
        assert!(secrets.len() >= own, "the scene uses tokens, tickets and response addresses");
        secrets.extend(site.stage.discord.secrets_issued());
        for secret in secrets {
            if let Some(at) = told.find(&secret) {
                let line = told[..at].rfind('\n').map_or(0, |end| end + 1);
                panic!("a secret is in the output: {}", &told[line..at + secret.len()]);
            }
        }
        site.stage.close().await;
    }
}

/// Plays all that brings a secret: mentions, clicks, a form, a command, calls that fail and sockets that break.
async fn scene(world: &Arc<dyn World>, is_http: bool) {
    world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
    press(world, "Take it").await;
    press(world, "Reply to requester").await;
    let form = until(world, |view| view.form.clone()).await;
    let words = BTreeMap::from([(form.fields[0].id.clone(), "try the other one".to_owned())]);
    world.submit("mia", &form.id, &words).await.expect("sent");
    for method in ["response_url", "chat.postEphemeral", "POST /webhooks/{app}/{token}"] {
        world.inject(Fault::Fail { method: method.to_owned(), status: 500, times: 1 });
    }
    world.command("mia", &Spot::channel("random"), "claim IT-1001").await.expect("given");
    world.command("mia", &Spot::channel("random"), "help").await.expect("given");
    world.say("mia", &Spot::direct(), "my mouse is dead", None).await.expect("said");
    until(world, |view| {
        let direct = view.channels.iter().find(|channel| channel.direct)?;
        direct
            .messages
            .iter()
            .flat_map(|message| std::iter::once(message).chain(&message.thread))
            .find(|one| one.bot)?;
        Some(())
    })
    .await;
    if !(is_http && world.platform() == "slack") {
        world.inject(Fault::DropSockets);
        patiently("it connects again", world.connected()).await;
    }
}

async fn press(world: &Arc<dyn World>, label: &str) {
    let (at, control) = until(world, |view| find_control(view, "desk-triage", label)).await;
    world.press("mia", &at, &control.id, None).await.expect("answered");
}

/// Waits until `look` finds something in Mia's view, and returns it.
async fn until<T>(world: &Arc<dyn World>, look: impl Fn(&View) -> Option<T>) -> T {
    let mut changes = world.changes();
    patiently("Mia sees it", async {
        loop {
            changes.mark_unchanged();
            if let Some(found) = look(&see(world, "mia")) {
                return found;
            }
            changes.changed().await.expect("the workspace is there");
        }
    })
    .await
}
