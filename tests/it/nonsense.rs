//! Connections that bring frames that no platform would send: the program goes on and hears requests, logs that it
//! could not read them, and writes nothing of their content into the log.

use std::sync::Arc;

use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, Nonsense, Spot, World};
use serde_json::json;

use crate::harness::{patiently, see};
use crate::program::Site;
use crate::program::child::Child;

/// A word in the frames, which must not get into the log.
const MARK: &str = "very-strange";
/// Much longer than any real frame.
const HUGE_BYTES: usize = 4 * 1024 * 1024;
const CHANNELS: [&str; 3] = ["sales", "general", "random"];

/// A running program on one platform, which people talk to.
struct Scene {
    site: Site,
    child: Child,
    world: Arc<dyn World>,
    asked: usize,
}

impl Scene {
    async fn open(platforms: Platforms) -> Self {
        let site = Site::open(platforms, "[intake]\nburst_window = \"0s\"\n").await;
        let child = site.serve();
        child.ready().await;
        let mut worlds = site.stage.worlds().into_iter();
        let world = worlds.find(|world| platforms.has(world.platform())).expect("one of them");
        Self { site, child, world, asked: 0 }
    }

    /// Sends these frames one after the other, and checks that a request is answered afterwards.
    async fn survives(&mut self, what: &str, nonsense: impl IntoIterator<Item = Nonsense>) {
        nonsense.into_iter().for_each(|one| self.world.inject(Fault::Nonsense(one)));
        self.answers(what).await;
    }

    /// Posts a new request, and waits for the answer with its key.
    async fn answers(&mut self, after: &str) {
        self.asked += 1;
        let (channel, text) = (CHANNELS[self.asked % CHANNELS.len()], format!("trouble number {} of mine", self.asked));
        self.world.say("jeff", &Spot::channel(channel), &format!("@desk {text}"), None).await.expect("said");
        let mut changes = self.world.changes();
        let answered = changes.wait_for(|_| {
            let view = see(&self.world, "ada");
            let channel = view.channels.iter().find(|known| known.name == channel).expect("a channel");
            let asked = channel.messages.iter().filter(|message| message.text.contains(&text));
            asked.flat_map(|message| &message.thread).any(|answer| answer.bot && answer.text.contains("IT-10"))
        });
        drop(patiently(&format!("an answer after {after}"), answered).await.expect("the workspace is there"));
    }

    /// Stops the program. Checks that every request has one ticket, and that the log holds these words but no secret,
    /// no panic and no words of people.
    async fn end(self, words: &[&str]) {
        let Self { site, child, asked, .. } = self;
        let ended = child.terminate().await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{word}: {}", ended.err);
        }
        let secrets = site.stage.slack.secrets_issued().into_iter().chain(site.stage.discord.secrets_issued());
        for hidden in secrets.chain([MARK, "panicked", "trouble number"].map(str::to_owned)) {
            assert!(!ended.err.contains(&hidden), "{hidden} is in the log: {}", ended.err);
        }
        assert_eq!(site.run("tickets --json").await.succeeded().out.lines().count(), asked);
        site.stage.close().await;
    }
}

fn text(text: impl Into<String>) -> Nonsense {
    Nonsense::Text(text.into())
}

#[tokio::test]
async fn a_socket_of_slack_that_brings_nonsense_is_survived() {
    let mut scene = Scene::open(Platforms { discord: false, ..Platforms::BOTH }).await;
    let token = scene.site.stage.slack.bot_token();
    scene.survives("no JSON", ["", "{", MARK, "<html></html>"].map(text)).await;
    scene.survives("another shape", ["null", "[]", "7", "{}", r#"{"type":7,"envelope_id":[]}"#].map(text)).await;
    let of_kind = |kind: &str| json!({"type": kind, "envelope_id": "e-1", "strange": MARK, "token": token}).to_string();
    let kinds = ["events_api", "interactive", "slash_commands", MARK, ""].map(|kind| text(of_kind(kind)));
    scene.survives("envelopes without payload", kinds).await;
    for payload in [json!(null), json!([]), json!(MARK), json!({"event": 7}), json!({"event": {"type": "message"}})] {
        let with = |kind: &str| text(json!({"type": kind, "envelope_id": "e-2", "payload": payload}).to_string());
        scene.survives("payloads", ["events_api", "interactive", "slash_commands"].map(with)).await;
    }
    let huge = json!({"type": "events_api", "envelope_id": "e-3", "payload": {"event": MARK.repeat(HUGE_BYTES / 12)}});
    let binary = [Nonsense::Binary(b"\x00\xff".to_vec()), Nonsense::Binary(vec![7; HUGE_BYTES])];
    scene.survives("huge and binary frames", [text(huge.to_string())].into_iter().chain(binary)).await;
    scene.survives("an offended farewell", [text(r#"{"type":"disconnect","reason":7}"#)]).await;
    for code in [None, Some(1000), Some(1011), Some(4999)] {
        scene.survives("an end", [Nonsense::Close(code)]).await;
    }
    for greeting in [r#"{"type":"disconnect","reason":"too_many_websockets"}"#, MARK] {
        scene.world.inject(Fault::Greeting { text: greeting.to_owned(), times: 1 });
        scene.survives("another greeting", [Nonsense::Close(None)]).await;
    }
    let words = [
        "a frame from Slack cannot be read",
        "an envelope without a payload",
        "not known",
        "has brought an unreadable frame",
        "Slack refuses a connection",
    ];
    scene.end(&words).await;
}

#[tokio::test]
async fn a_gateway_of_discord_that_brings_nonsense_is_survived() {
    let mut scene = Scene::open(Platforms { slack: false, ..Platforms::BOTH }).await;
    let token = scene.site.stage.discord.token();
    scene.survives("no JSON", ["", "{", MARK, "<html></html>"].map(text)).await;
    scene.survives("another shape", ["null", "[]", "7", "{}", r#"{"op":"very-strange"}"#].map(text)).await;
    scene.survives("unknown opcodes", [3, 4, 99, 255, 70_000, -1].map(|op| text(json!({"op": op}).to_string()))).await;
    let dispatch =
        |name: &str, data: serde_json::Value| text(json!({"op": 0, "t": name, "s": 5, "d": data}).to_string());
    for data in [json!(null), json!(7), json!({"id": MARK, "token": token}), json!([MARK])] {
        let names = ["MESSAGE_CREATE", "INTERACTION_CREATE", "GUILD_CREATE", "THREAD_CREATE", "VERY_STRANGE"];
        scene.survives("dispatches", names.map(|name| dispatch(name, data.clone()))).await;
    }
    scene.survives("no data", [text(r#"{"op":0,"t":"MESSAGE_CREATE","s":6}"#), text(r#"{"op":0,"s":6}"#)]).await;
    let huge = dispatch("TYPING_START", json!(MARK.repeat(HUGE_BYTES / 12)));
    let binary = [Nonsense::Binary(b"\x00\xff".to_vec()), Nonsense::Binary(vec![7; HUGE_BYTES])];
    scene.survives("huge and binary frames", [huge].into_iter().chain(binary)).await;
    for odd in [r#"{"op":9,"d":"no"}"#, r#"{"op":9,"d":true}"#, r#"{"op":9,"d":false}"#, r#"{"op":7,"d":[]}"#] {
        scene.survives(odd, [text(odd)]).await;
    }
    scene.survives("a second hello", [text(r#"{"op":10,"d":{"heartbeat_interval":0}}"#)]).await;
    for code in [1000, 1011, 4000, 4004, 4007, 4009, 4999] {
        scene.survives(&format!("the end {code}"), [Nonsense::Close(Some(code))]).await;
    }
    let greetings = [json!({"heartbeat_interval": 0}), json!({"interval": MARK})];
    for data in greetings.map(|data| json!({"op": 10, "d": data}).to_string()) {
        scene.world.inject(Fault::Forget);
        scene.world.inject(Fault::Greeting { text: data.clone(), times: 1 });
        scene.survives(&format!("the greeting {data}"), [Nonsense::Close(Some(4009))]).await;
    }
    scene.end(&["Discord sent something that cannot be read", "connecting to Discord again"]).await;
}
