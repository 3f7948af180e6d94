//! Tests of the sandbox through Slack's real protocols: the SDK, plain HTTP, a plain socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use futures_util::{SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::*;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{ChannelSetup, GroupSetup, Member, SlackSandbox, SlackSetup, http};
use crate::clock::Clock;
use crate::sandbox::world::{Fault, MessageAt, Spot, World, WorldError};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn workspace(change: impl FnOnce(&mut SlackSetup)) -> Arc<SlackSandbox> {
    let member = |handle: &str, name: &str| Member { handle: handle.into(), name: name.into(), part: String::new() };
    let mut setup = SlackSetup {
        people: vec![member("jeff", "Jeff"), member("mia", "Mia")],
        channels: vec![
            ChannelSetup { name: "sales".into(), private: false, members: Vec::new(), bot: true },
            ChannelSetup { name: "triage".into(), private: true, members: vec!["mia".into()], bot: true },
            ChannelSetup { name: "other".into(), private: false, members: Vec::new(), bot: false },
        ],
        groups: vec![GroupSetup { handle: "it".into(), name: "IT".into(), members: vec!["mia".into()] }],
        clock: Clock::starting_at(Timestamp::from_second(1_700_000_000).expect("a time"), 0.0),
        limits: false,
        ..SlackSetup::default()
    };
    change(&mut setup);
    SlackSandbox::start(setup).await.expect("it starts")
}

async fn api(slack: &SlackSandbox, method: &str, body: Value) -> Value {
    let (status, body) = api_raw(slack, method, body).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn api_raw(slack: &SlackSandbox, method: &str, body: Value) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let token = if method.starts_with("apps.") { slack.app_token() } else { slack.bot_token() };
    let url = format!("{}/{method}", slack.api_url());
    let response = client.post(url).bearer_auth(token).json(&body).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

async fn open_socket(slack: &SlackSandbox) -> Socket {
    let opened = api(slack, "apps.connections.open", json!({})).await;
    let (mut socket, _) = connect_async(opened["url"].as_str().expect("a url")).await.expect("a socket");
    let hello = frame(&mut socket).await;
    assert_eq!(hello["type"], "hello");
    socket
}

/// Returns the next frame. The SDK must be able to read its payload.
async fn frame(socket: &mut Socket) -> Value {
    loop {
        let Message::Text(text) = socket.next().await.expect("a frame").expect("a good frame") else { continue };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        let payload = frame["payload"].clone();
        match frame["type"].as_str().expect("a type") {
            "events_api" => {
                let event: SlackPushEventCallback = serde_json::from_value(payload).expect("the SDK reads it");
                if let SlackEventCallbackBody::Message(message) = event.event
                    && message.subtype.is_none()
                {
                    let text = message.content.and_then(|content| content.text);
                    assert!(text.is_some(), "the SDK lost the text: {frame}");
                }
            }
            "interactive" => {
                serde_json::from_value::<SlackInteractionEvent>(payload).expect("the SDK reads it");
            }
            "slash_commands" => {
                serde_json::from_value::<SlackCommandEvent>(payload).expect("the SDK reads it");
            }
            _ => {}
        }
        return frame;
    }
}

async fn ack(socket: &mut Socket, envelope: &Value, payload: Value) {
    let mut frame = json!({"envelope_id": envelope["envelope_id"]});
    if !payload.is_null() {
        frame["payload"] = payload;
    }
    socket.send(Message::Text(frame.to_string().into())).await.expect("sent");
}

async fn settled(slack: &SlackSandbox) {
    let mut grown = slack.core.journal.grown();
    while slack.undelivered() > 0 {
        grown.changed().await.expect("the journal lives");
    }
}

#[tokio::test]
async fn the_sdk_posts_updates_and_reads_and_gets_slacks_errors() {
    let slack = workspace(|_| {}).await;
    let connector = hyper_util::client::legacy::connect::HttpConnector::new();
    let connector = SlackClientHyperConnector::with_connector(connector).with_slack_api_url(&slack.api_url());
    let client = SlackClient::new(connector);
    let token = SlackApiToken::new(slack.bot_token().into());
    let session = client.open_session(&token);
    let who = session.auth_test().await.expect("auth.test");
    assert_eq!(who.user_id.to_string(), slack.bot_user_id());

    let sales: SlackChannelId = slack.channel_id("sales").expect("sales").into();
    let said = slack.say("jeff", &Spot::channel("sales"), "@desk help & <b>", None).await.expect("said");
    let content = SlackMessageContent::new().with_text("Got it, <@U0000JEFF>".into()).with_metadata(
        SlackMessageMetadata::new("desk".into()).with_event_payload([("id".to_owned(), "1".to_owned())].into()),
    );
    let request = SlackApiChatPostMessageRequest::new(sales.clone(), content).with_thread_ts(said.id.clone().into());
    let posted = session.chat_post_message(&request).await.expect("posted");
    let update = SlackApiChatUpdateRequest::new(
        sales.clone(),
        SlackMessageContent::new().with_text("Done".into()),
        posted.ts.clone(),
    );
    session.chat_update(&update).await.expect("updated");
    let replies = session
        .conversations_replies(&SlackApiConversationsRepliesRequest::new(sales.clone(), said.id.clone().into()))
        .await
        .expect("replies");
    let texts: Vec<_> = replies.messages.into_iter().filter_map(|message| message.content.text).collect();
    assert_eq!(texts, [format!("<@{}> help &amp; &lt;b&gt;", slack.bot_user_id()), "Done".to_owned()]);
    session.users_list(&SlackApiUsersListRequest::new()).await.expect("users");
    session.usergroups_list(&SlackApiUserGroupsListRequest::new()).await.expect("groups");
    let list = SlackApiConversationsListRequest::new();
    assert_eq!(session.conversations_list(&list).await.expect("channels").channels.len(), 2);

    let other: SlackChannelId = slack.channel_id("other").expect("other").into();
    for (channel, error) in [(other, "not_in_channel"), ("C0NOWHERE".into(), "channel_not_found")] {
        let content = SlackMessageContent::new().with_text("x".into());
        match session.chat_post_message(&SlackApiChatPostMessageRequest::new(channel, content)).await {
            Err(SlackClientError::ApiError(refused)) => assert_eq!(refused.code, error),
            other => panic!("{other:?}"),
        }
    }
    let thread = &slack.view("mia").expect("a view").channels[0].messages[0].thread;
    assert_eq!((thread[0].text.as_str(), thread[0].pings.as_slice()), ("Done", ["jeff".to_owned()].as_slice()));
    assert_eq!(slack.faults_seen(), Vec::<String>::new());
}

#[tokio::test]
async fn wrong_calls_get_the_real_errors() {
    let slack = workspace(|_| {}).await;
    let sales = slack.channel_id("sales").expect("sales");
    let said = slack.say("jeff", &Spot::channel("sales"), "hello", None).await.expect("said");
    let button = json!({"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x".repeat(76)}});
    let cases = [
        ("chat.postMessage", json!({"channel": sales}), "no_text"),
        ("chat.postMessage", json!({"channel": sales, "text": "x".repeat(40_001)}), "msg_too_long"),
        (
            "chat.postMessage",
            json!({"channel": sales, "blocks": [{"type": "actions", "elements": [button]}]}),
            "invalid_blocks",
        ),
        ("chat.update", json!({"channel": sales, "ts": said.id, "text": "x"}), "cant_update_message"),
        ("chat.delete", json!({"channel": sales, "ts": "1.000000"}), "message_not_found"),
        (
            "chat.postEphemeral",
            json!({"channel": slack.channel_id("triage"), "user": slack.person_id("jeff"), "text": "x"}),
            "user_not_in_channel",
        ),
        (
            "views.open",
            json!({"trigger_id": "1.2.x", "view": {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}]}}),
            "invalid_trigger_id",
        ),
        ("users.info", json!({"user": "U0NOBODY"}), "user_not_found"),
        ("chat.scheduleMessage", json!({}), "unknown_method"),
    ];
    for (method, body, error) in cases {
        assert_eq!(api(&slack, method, body).await["error"], error, "{method}");
    }
    assert_eq!(slack.faults_seen().len(), 4);
    slack.inject(Fault::RevokeScope { scope: "chat:write".into() });
    let refused = api(&slack, "chat.postMessage", json!({"channel": sales, "text": "x"})).await;
    assert_eq!((&refused["error"], &refused["needed"]), (&json!("missing_scope"), &json!("chat:write")));
    slack.inject(Fault::CloseChannel { channel: "sales".into() });
    assert!(matches!(slack.say("jeff", &Spot::channel("sales"), "x", None).await, Err(WorldError::NotAllowed(_))));
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() {
    let slack = workspace(|setup| setup.ack_deadline = Duration::from_millis(300)).await;
    let said = slack.say("jeff", &Spot::channel("sales"), "before anyone listens", None).await.expect("said");
    slack.say("jeff", &Spot::channel("other"), "the bot is not here", None).await.expect("said");
    assert_eq!(slack.undelivered(), 1);
    let mut socket = open_socket(&slack).await;
    slack.connected().await;
    let first = frame(&mut socket).await;
    assert_eq!((&first["payload"]["event"]["ts"], &first["retry_attempt"]), (&json!(said.id), &json!(0)));
    let second = frame(&mut socket).await;
    assert_eq!((&second["retry_attempt"], &second["retry_reason"]), (&json!(1), &json!("timeout")));
    assert_eq!(second["payload"]["event_id"], first["payload"]["event_id"]);
    slack.inject(Fault::DropSockets);
    let mut socket = open_socket(&slack).await;
    let third = frame(&mut socket).await;
    assert_eq!(third["payload"]["event_id"], first["payload"]["event_id"]);
    ack(&mut socket, &third, Value::Null).await;
    settled(&slack).await;

    slack.edit("jeff", &said, "edited").await.expect("edited");
    let changed = frame(&mut socket).await;
    assert_eq!(changed["payload"]["event"]["subtype"], "message_changed");
    ack(&mut socket, &changed, Value::Null).await;
    slack.delete("jeff", &said).await.expect("deleted");
    let deleted = frame(&mut socket).await;
    assert_eq!(deleted["payload"]["event"]["deleted_ts"], json!(said.id));
    ack(&mut socket, &deleted, Value::Null).await;
    slack.set_group("it", &["jeff"]);
    for kind in ["subteam_members_changed", "subteam_updated"] {
        let told = frame(&mut socket).await;
        assert_eq!(told["payload"]["event"]["type"], kind);
        ack(&mut socket, &told, Value::Null).await;
    }
    settled(&slack).await;
    let entries = slack.core.journal.since(0);
    let of = |kind: &str| entries.iter().filter(|e| e.kind == kind && e.text("message") == said.id).count();
    assert_eq!((of("delivered"), of("acked")), (5, 3));

    slack.inject(Fault::AskReconnect);
    assert_eq!(frame(&mut socket).await["reason"], "refresh_requested");
    let mut fresh = open_socket(&slack).await;
    slack.say("jeff", &Spot::direct(), "hello", None).await.expect("said");
    let event = frame(&mut fresh).await;
    assert_eq!(event["payload"]["event"]["channel_type"], "im");
    slack.shut_down().await;
}

#[tokio::test]
async fn events_come_late_and_out_of_order_on_demand() {
    let slack = workspace(|_| {}).await;
    let mut socket = open_socket(&slack).await;
    slack.connected().await;
    let late = Fault::Late { by: Duration::from_millis(400), times: 1 };
    for (fault, comes) in [(late.clone(), ["two", "one"]), (Fault::OutOfOrder { times: 1 }, ["two", "one"])] {
        slack.inject(fault);
        for text in ["one", "two"] {
            slack.say("jeff", &Spot::channel("sales"), text, None).await.expect("said");
        }
        for text in comes {
            let event = frame(&mut socket).await;
            assert_eq!(event["payload"]["event"]["text"], text);
            ack(&mut socket, &event, Value::Null).await;
        }
        settled(&slack).await;
    }
    slack.inject(Fault::OutOfOrder { times: 1 });
    slack.say("jeff", &Spot::channel("sales"), "nobody overtakes me", None).await.expect("said");
    assert_eq!(slack.undelivered(), 1);
    let event = frame(&mut socket).await;
    ack(&mut socket, &event, Value::Null).await;
    settled(&slack).await;
    for fault in [late, Fault::OutOfOrder { times: 1 }, Fault::DeliverTwice { times: 1 }, Fault::Calm] {
        slack.inject(fault);
    }
    slack.inject(Fault::Hang { method: "*".to_owned(), times: 1 });
    slack.inject(Fault::Calm);
    assert_eq!(api(&slack, "auth.test", json!({})).await["ok"], true);
    for text in ["one", "two"] {
        slack.say("jeff", &Spot::channel("sales"), text, None).await.expect("said");
    }
    for text in ["one", "two"] {
        assert_eq!(frame(&mut socket).await["payload"]["event"]["text"], text);
    }
    slack.shut_down().await;
}

#[tokio::test]
async fn limits_are_kept_in_the_clocks_time() {
    let slack = workspace(|setup| setup.limits = true).await;
    let sales = slack.channel_id("sales").expect("sales");
    let post = json!({"channel": sales, "text": "x"});
    assert_eq!(api_raw(&slack, "chat.postMessage", post.clone()).await.0, 200);
    let (status, body) = api_raw(&slack, "chat.postMessage", post.clone()).await;
    assert_eq!((status, &body["error"]), (429, &json!("ratelimited")));
    slack.core.clock.advance(Duration::from_secs(1));
    assert_eq!(api_raw(&slack, "chat.postMessage", post).await.0, 200);
}

#[tokio::test]
async fn an_ephemeral_in_a_thread_needs_a_reply_there() {
    let slack = workspace(|_| {}).await;
    let (sales, jeff) = (slack.channel_id("sales").expect("sales"), slack.person_id("jeff").expect("jeff"));
    let said = slack.say("jeff", &Spot::channel("sales"), "hello", None).await.expect("said");
    let whisper = json!({"channel": sales, "user": jeff, "text": "psst", "thread_ts": said.id});
    assert_eq!(api(&slack, "chat.postEphemeral", whisper.clone()).await["ok"], true);
    let thread = |who: &str| slack.view(who).expect("a view").channels[0].messages[0].thread.clone();
    assert!(thread("jeff").is_empty());
    api(&slack, "chat.postMessage", json!({"channel": sales, "text": "here", "thread_ts": said.id})).await;
    api(&slack, "chat.postEphemeral", whisper).await;
    let seen: Vec<(String, bool)> = thread("jeff").into_iter().map(|m| (m.text, m.only_you)).collect();
    assert_eq!(seen, [("here".to_owned(), false), ("psst".to_owned(), true)]);
    assert_eq!(thread("mia").len(), 1);
}

#[tokio::test]
async fn a_click_opens_a_form_and_a_command_is_answered() {
    let slack = workspace(|_| {}).await;
    let mut socket = open_socket(&slack).await;
    let sales = slack.channel_id("sales").expect("sales");
    let blocks = json!([
        {"type": "section", "text": {"type": "mrkdwn", "text": "*IT-1* <!date^1^{date}|today> <@U0000JEFF>"}},
        {"type": "actions", "block_id": "b", "elements": [
            {"type": "button", "action_id": "take", "value": "1", "text": {"type": "plain_text", "text": "Take it"}},
            {"type": "users_select", "action_id": "who"}]}]);
    let posted = api(&slack, "chat.postMessage", json!({"channel": sales, "text": "fallback", "blocks": blocks})).await;
    let told = frame(&mut socket).await;
    assert_eq!(told["payload"]["event"]["bot_id"], "BDESKBELL");
    ack(&mut socket, &told, Value::Null).await;
    let at = MessageAt { channel: sales, id: posted["ts"].as_str().expect("ts").into() };
    let view = slack.view("mia").expect("a view");
    assert_eq!(view.channels[0].messages[0].text, "*IT-1* today @Jeff");
    assert!(matches!(slack.press("mia", &at, "nothing", None).await, Err(WorldError::Unknown(_))));

    let (pressed, click) = tokio::join!(slack.press("mia", &at, "who", Some("jeff")), async {
        let click = frame(&mut socket).await;
        ack(&mut socket, &click, Value::Null).await;
        click
    });
    pressed.expect("acknowledged");
    assert_eq!(click["payload"]["state"]["values"]["b"]["who"]["selected_user"], "U0000JEFF");
    let hook = click["payload"]["response_url"].as_str().expect("a response_url").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for used in 0..6 {
        let sent = client.post(&hook).json(&json!({"text": "only you", "response_type": "ephemeral"})).send().await;
        assert_eq!(sent.expect("an answer").status().as_u16(), if used < 5 { 200 } else { 404 });
    }
    let modal = json!({"type": "modal", "callback_id": "add", "title": {"type": "plain_text", "text": "Add"},
        "submit": {"type": "plain_text", "text": "Send"}, "blocks": [{"type": "input", "block_id": "text",
            "label": {"type": "plain_text", "text": "What?"}, "element": {"type": "plain_text_input", "action_id": "text"}}]});
    let opening = json!({"trigger_id": click["payload"]["trigger_id"], "view": modal});
    assert_eq!(api(&slack, "views.open", opening.clone()).await["ok"], true);
    assert_eq!(api(&slack, "views.open", opening).await["error"], "exchanged_trigger_id");
    let form = slack.view("mia").expect("a view").form.expect("a form");
    assert!(matches!(slack.submit("mia", &form.id, &BTreeMap::new()).await, Err(WorldError::Fields(_))));
    let values = BTreeMap::from([("text".to_owned(), "a <b>".to_owned())]);
    for (answer, open) in
        [(json!({"response_action": "errors", "errors": {"text": "No."}}), true), (Value::Null, false)]
    {
        let (submitted, ()) = tokio::join!(slack.submit("mia", &form.id, &values), async {
            let submission = frame(&mut socket).await;
            assert_eq!(submission["payload"]["view"]["state"]["values"]["text"]["text"]["value"], "a <b>");
            ack(&mut socket, &submission, answer).await;
        });
        assert_eq!(submitted.is_err(), open);
        assert_eq!(slack.view("mia").expect("a view").form.is_some(), open);
    }

    let other = Spot::channel("other");
    let (done, ()) = tokio::join!(slack.command("jeff", &other, "show @mia"), async {
        let order = frame(&mut socket).await;
        assert_eq!(order["payload"]["text"], "show <@U00000MIA|mia>");
        ack(&mut socket, &order, json!({"response_type": "ephemeral", "text": "Nothing."})).await;
    });
    done.expect("answered");
    let heard = &slack.view("jeff").expect("a view").channels[1].messages;
    assert_eq!((heard[0].text.as_str(), heard[0].only_you), ("Nothing.", true));
    assert!(matches!(slack.command("mia", &Spot::thread("sales", &at.id), "x").await, Err(WorldError::NotAllowed(_))));
    drop(socket);
    assert_eq!(slack.faults_seen(), Vec::<String>::new());
}

#[tokio::test]
async fn http_deliveries_are_signed_and_lost_answers_cut_the_line() {
    let slack = workspace(|_| {}).await;
    let (sender, mut bodies) = mpsc::unbounded_channel::<(HeaderMap, String)>();
    let take = move |headers: HeaderMap, body: String| {
        let challenge = serde_json::from_str::<Value>(&body).unwrap_or_default()["challenge"].clone();
        let _ = sender.send((headers, body));
        async move { challenge.as_str().unwrap_or_default().to_owned() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/slack/events", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    slack.say("jeff", &Spot::channel("sales"), "hello", None).await.expect("said");
    slack.set_http_target(base);
    slack.connected().await;
    for kind in ["url_verification", "event_callback"] {
        let (headers, body) = bodies.recv().await.expect("a body");
        assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON")["type"], kind);
        let signature = http::signature(&slack.signing_secret(), 1_700_000_000, &body);
        assert_eq!(headers["x-slack-signature"], signature.as_str());
    }
    settled(&slack).await;

    slack.inject(Fault::LoseAnswer { method: "chat.postMessage".into(), times: 1 });
    let url = format!("{}/chat.postMessage", slack.api_url());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let form =
        [("channel", slack.channel_id("sales").expect("sales")), ("text", "x".into()), ("token", slack.bot_token())];
    let lost = client.post(url).form(&form).send().await;
    assert!(match lost {
        Ok(response) => response.text().await.is_err(),
        Err(_) => true,
    });
    assert_eq!(slack.view("jeff").expect("a view").channels[0].messages.len(), 2);
}

#[tokio::test]
async fn connections_share_the_events_and_one_too_many_is_refused() {
    let slack = workspace(|setup| setup.ack_deadline = Duration::from_millis(300)).await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(open_socket(&slack).await);
    }
    let opened = api(&slack, "apps.connections.open", json!({})).await;
    let (mut refused, _) = connect_async(opened["url"].as_str().expect("a url")).await.expect("a socket");
    let told = frame(&mut refused).await;
    assert_eq!((&told["type"], &told["reason"]), (&json!("disconnect"), &json!("too_many_websockets")));
    assert!(matches!(refused.next().await, Some(Ok(Message::Close(_)))));

    // Each event comes over one of the sockets, in turn.
    for number in 0..10 {
        slack.say("jeff", &Spot::channel("sales"), &format!("event {number}"), None).await.expect("said");
    }
    let mut heard = Vec::new();
    for socket in &mut sockets {
        let event = frame(socket).await;
        heard.push(event["payload"]["event"]["text"].as_str().expect("a text").to_owned());
        ack(socket, &event, Value::Null).await;
    }
    heard.sort();
    assert_eq!(heard, (0..10).map(|number| format!("event {number}")).collect::<Vec<_>>());
    settled(&slack).await;

    // An event without an acknowledgement comes again over another socket.
    sockets.truncate(2);
    slack.say("jeff", &Spot::channel("sales"), "again", None).await.expect("said");
    let [one, other] = &mut sockets[..] else { panic!("two sockets") };
    let (first, second) = tokio::join!(frame(one), frame(other));
    let attempts = [&first["retry_attempt"], &second["retry_attempt"]];
    assert_eq!(attempts.iter().filter(|attempt| ***attempt == json!(0)).count(), 1, "{attempts:?}");
    assert_eq!(first["payload"], second["payload"]);
    assert_ne!(first["envelope_id"], second["envelope_id"]);
    ack(one, &first, Value::Null).await;
    settled(&slack).await;
    assert_eq!(slack.faults_seen(), Vec::<String>::new());
}
