//! Tests of the page's interface, with a fake workspace.

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder};
use tokio::sync::watch;

use super::*;
use crate::sandbox::world::{ChannelView, Fault, MessageView};

struct Fake {
    said: Mutex<Vec<MessageView>>,
    changed: watch::Sender<u64>,
}

#[async_trait]
impl World for Fake {
    fn platform(&self) -> &'static str {
        "slack"
    }
    fn people(&self) -> Vec<PersonInfo> {
        let person = |handle: &str, name: &str| PersonInfo {
            handle: handle.into(),
            name: name.into(),
            id: format!("U{handle}"),
            part: "employee".into(),
        };
        vec![person("jeff", "Jeff"), person("mia", "Mia")]
    }
    fn channels(&self) -> Vec<ChannelInfo> {
        vec![ChannelInfo { name: "sales".into(), id: "C1".into(), private: false }]
    }
    fn add_person(&self, handle: &str, _name: &str) -> String {
        handle.to_owned()
    }
    async fn say(&self, who: &str, spot: &Spot, text: &str, _reply_to: Option<&str>) -> Result<MessageAt, WorldError> {
        if *spot != Spot::channel("sales") {
            return Err(WorldError::Unknown("channel".into()));
        }
        let mut said = self.said.lock().expect("not poisoned");
        let message = MessageAt { channel: "C1".into(), id: format!("{}", said.len()) };
        let (channel, id) = (message.channel.clone(), message.id.clone());
        said.push(MessageView { channel, id, author: who.into(), text: text.into(), ..MessageView::default() });
        self.changed.send_modify(|count| *count += 1);
        Ok(message)
    }
    async fn edit(&self, _who: &str, _message: &MessageAt, _text: &str) -> Result<(), WorldError> {
        Err(WorldError::NotAllowed("not yours".into()))
    }
    async fn delete(&self, _who: &str, _message: &MessageAt) -> Result<(), WorldError> {
        Ok(())
    }
    async fn react(&self, _who: &str, _message: &MessageAt, _emoji: &str, _add: bool) -> Result<(), WorldError> {
        Ok(())
    }
    async fn press(
        &self,
        _who: &str,
        _message: &MessageAt,
        control: &str,
        _value: Option<&str>,
    ) -> Result<(), WorldError> {
        if control == "deaf" { Err(WorldError::NoAnswer) } else { Ok(()) }
    }
    async fn choose_menu(&self, _who: &str, _message: &MessageAt, _name: &str) -> Result<(), WorldError> {
        Ok(())
    }
    async fn submit(&self, _who: &str, _form: &str, values: &BTreeMap<String, String>) -> Result<(), WorldError> {
        Err(WorldError::Fields(values.keys().map(|field| (field.clone(), "too short".to_owned())).collect()))
    }
    async fn dismiss(&self, _who: &str, _form: &str) -> Result<(), WorldError> {
        Ok(())
    }
    async fn command(&self, _who: &str, _spot: &Spot, _text: &str) -> Result<(), WorldError> {
        Ok(())
    }
    fn unanswered(&self) -> usize {
        0
    }
    fn close_direct(&self, _who: &str, _closed: bool) {}
    fn inject(&self, _fault: Fault) {}
    fn view(&self, who: &str) -> Result<View, WorldError> {
        if !self.people().iter().any(|person| person.handle == who) {
            return Err(WorldError::Unknown("person".into()));
        }
        let messages = self.said.lock().expect("not poisoned").clone();
        let sales = ChannelView { name: "sales".into(), id: "C1".into(), messages, ..ChannelView::default() };
        Ok(View { channels: vec![sales], ..View::default() })
    }
    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
    fn undelivered(&self) -> usize {
        0
    }
    fn faults_seen(&self) -> Vec<String> {
        Vec::new()
    }
    async fn connected(&self) {}
}

struct Served {
    client: Client,
    base: String,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Served {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = CancellationToken::new();
        let fake = Fake { said: Mutex::default(), changed: watch::channel(0).0 };
        let task = tokio::spawn(serve(listener, vec![Arc::new(fake)], vec!["Say hello".into()], shutdown.clone()));
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { client, base, shutdown, task }
    }
    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }
    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).json(body)
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.expect("a body")).unwrap_or(Value::Null))
}

fn hello(text: &str) -> Value {
    json!({ "who": "jeff", "spot": { "kind": "channel", "channel": "sales" }, "text": text })
}

#[tokio::test]
async fn what_one_says_another_sees_at_once() {
    let served = Served::start().await;
    let (_, worlds) = answer(served.get("/api/worlds")).await;
    assert_eq!(worlds["worlds"][0]["people"][1]["handle"], "mia");
    assert_eq!(worlds["tips"][0], "Say hello");

    let mut changes = served.get("/api/slack/changes?who=mia&since=0").send().await.expect("a stream");
    let (status, at) = answer(served.post("/api/slack/say", &hello("<b>hi</b>"))).await;
    assert_eq!((status, &at["channel"], &at["id"]), (200, &json!("C1"), &json!("0")));
    let event = changes.chunk().await.expect("the stream stands").expect("an event");
    assert_eq!(&event[..], b"id: 1\ndata: 1\n\n");

    let (_, view) = answer(served.get("/api/slack/view?who=mia")).await;
    assert_eq!(view["version"], 1);
    assert_eq!(view["channels"][0]["messages"][0]["text"], "<b>hi</b>");

    // An open stream does not keep the server from stopping.
    served.shutdown.cancel();
    assert!(changes.chunk().await.expect("the stream ends in order").is_none());
    served.task.await.expect("no panic").expect("served to the end");
}

#[tokio::test]
async fn refusals_are_told_with_their_own_status() {
    let served = Served::start().await;
    let message = json!({ "channel": "C1", "id": "0" });
    let press = json!({ "who": "jeff", "message": message, "control": "deaf" });
    let (status, body) = answer(served.post("/api/slack/press", &press)).await;
    assert_eq!((status, body), (424, json!({ "error": "the app did not answer in time" })));

    let form = json!({ "who": "jeff", "form": "F1", "values": { "reason": "" } });
    let (status, body) = answer(served.post("/api/slack/submit", &form)).await;
    assert_eq!((status, body), (422, json!({ "fields": { "reason": "too short" } })));

    let edit = json!({ "who": "jeff", "message": message, "text": "x" });
    assert_eq!(answer(served.post("/api/slack/edit", &edit)).await.0, 403);
    assert_eq!(answer(served.get("/api/slack/view?who=nobody")).await.0, 404);
    assert_eq!(answer(served.get("/api/slack/changes?who=nobody")).await.0, 404);
    assert_eq!(answer(served.get("/api/irc/view?who=jeff")).await.0, 404);
    let (status, body) = answer(served.post("/api/slack/say", &json!({ "who": "jeff" }))).await;
    assert!(status == 400 && body["error"].as_str().is_some_and(|error| error.contains("spot")), "{status} {body}");
    let mut close = json!({ "who": "jeff", "closed": true });
    assert_eq!(answer(served.post("/api/slack/close_direct", &close)).await.0, 204);
    assert_eq!(answer(served.get("/api/slack/view?who=jeff")).await.1["direct_closed"], true);
    close["who"] = "nobody".into();
    assert_eq!(answer(served.post("/api/slack/close_direct", &close)).await.0, 404);
}

#[tokio::test]
async fn only_this_machines_own_page_gets_in() {
    let served = Served::start().await;
    let index = served.get("/").send().await.expect("an answer");
    let policy = index.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
    for path in ["/page.css", "/page.js", "/dom.js", "/messages.js", "/composer.js"] {
        assert_eq!(served.get(path).send().await.expect("an answer").status(), 200, "{path}");
    }

    assert_eq!(answer(served.get("/").header("host", "evil.example")).await.0, 403);
    assert_eq!(answer(served.get("/").header("host", "localhost:80")).await.0, 200);
    let say = || served.post("/api/slack/say", &hello("hi"));
    assert_eq!(answer(say().header("origin", "http://evil.example")).await.0, 403);
    assert_eq!(answer(say().header("sec-fetch-site", "cross-site")).await.0, 403);
    assert_eq!(answer(say().header("origin", &served.base)).await.0, 200);
    let plain = served.client.post(format!("{}/api/slack/say", served.base)).header("content-type", "text/plain");
    assert_eq!(answer(plain.body(hello("hi").to_string())).await.0, 415);
}

#[test]
fn loopback_names() {
    for host in ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "[::1]", "[::1]:8080"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost:x", "[::1]x"] {
        assert!(!is_loopback(host), "{host}");
    }
}
