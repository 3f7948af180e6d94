//! Tests of the sandbox with the real SDK, a plain HTTP client and a plain websocket.

mod shards;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use serenity::all::{
    ChannelId, Client, Context, CreateActionRow, CreateAllowedMentions, CreateButton, CreateInteractionResponse,
    CreateInteractionResponseMessage, CreateMessage, CreateModal, CreateThread, EventHandler, GatewayIntents, GuildId,
    Http, HttpBuilder, InputTextStyle, Interaction, Message, Nonce, UserId,
};
use serenity::all::{CommandOptionType, CreateCommand, CreateCommandOption, CreateInputText, EditInteractionResponse};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{ChannelSetup, DiscordSandbox, DiscordSetup, GuildSetup, Member, RoleSetup};
use crate::clock::Clock;
use crate::sandbox::{Fault, Journal, MessageAt, Spot, World, WorldError};

fn setup() -> DiscordSetup {
    let member = |handle: &str, name: &str| Member {
        handle: handle.to_owned(),
        name: name.to_owned(),
        part: "employee".to_owned(),
    };
    let start: Timestamp = "2026-11-20T09:00:00Z".parse().expect("a time");
    DiscordSetup {
        people: vec![member("jeff", "Jeff"), member("mia", "Mia")],
        channels: vec![
            ChannelSetup { name: "sales".to_owned(), private: false, members: Vec::new(), bot: true },
            ChannelSetup { name: "triage".to_owned(), private: true, members: vec!["mia".to_owned()], bot: true },
        ],
        roles: vec![RoleSetup { name: "agents".to_owned(), members: vec!["mia".to_owned()] }],
        clock: Clock::starting_at(start, 0.0),
        interaction_deadline: Duration::from_secs(10),
        ..DiscordSetup::default()
    }
}

fn http(guild: &DiscordSandbox) -> Http {
    let http = HttpBuilder::new(guild.token()).proxy(guild.api_url()).ratelimiter_disabled(true).build();
    http.set_application_id(guild.application_id().into());
    http
}

fn channel(guild: &DiscordSandbox, name: &str) -> ChannelId {
    id(&guild.channel_id(name).expect("known")).into()
}

fn id(text: &str) -> u64 {
    text.parse().expect("an id")
}

/// Returns the code of Discord's refusal.
fn code(error: &serenity::Error) -> isize {
    match error {
        serenity::Error::Http(serenity::http::HttpError::UnsuccessfulRequest(refusal)) => refusal.error.code,
        other => panic!("not a refusal: {other}"),
    }
}

#[tokio::test]
async fn a_question_gets_its_thread_once_and_a_nonce_posts_once() {
    let guild = DiscordSandbox::start(setup()).await.expect("starts");
    let http = http(&guild);
    let asked = guild.say("jeff", &Spot::channel("sales"), "@desk printer is dead, @mia", None).await.expect("said");
    let (sales, root) = (channel(&guild, "sales"), id(&asked.id));

    let read = http.get_message(sales, root.into()).await.expect("reads");
    assert_eq!(read.mentions.len(), 2);
    let thread = sales.create_thread_from_message(&http, root, CreateThread::new("IT-1")).await.expect("a thread");
    assert_eq!(thread.id.get(), root);
    let again = sales.create_thread_from_message(&http, root, CreateThread::new("IT-1")).await;
    assert_eq!(code(&again.expect_err("refused")), 160_004);

    let post = || {
        CreateMessage::new()
            .content("got it <@1> [card](https://desk.example/1) <t:1795161600:R>")
            .nonce(Nonce::String("abc".to_owned()))
            .enforce_nonce(true)
            .allowed_mentions(CreateAllowedMentions::new())
    };
    let first = thread.id.send_message(&http, post()).await.expect("posts");
    let second = thread.id.send_message(&http, post()).await.expect("answers");
    assert_eq!(first.id, second.id);
    assert!(first.nonce.is_some());
    assert!(thread.id.message(&http, first.id).await.expect("reads").nonce.is_none());

    let view = guild.view("jeff").expect("a view");
    let message = &view.channels[0].messages[0];
    assert_eq!(message.text, "@Desk printer is dead, @Mia");
    assert_eq!(message.pings, ["mia"]);
    let texts: Vec<&str> = message.thread.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["got it <@1> card <https://desk.example/1> 1 hour ago"]);
    assert_eq!(guild.faults_seen(), Vec::<String>::new());
    guild.shut_down().await;
}

#[tokio::test]
async fn closed_direct_messages_and_bad_bodies_are_refused() {
    let guild = DiscordSandbox::start(setup()).await.expect("starts");
    let http = http(&guild);
    let jeff: UserId = id(&guild.person_id("jeff").expect("known")).into();
    let direct = jeff.create_dm_channel(&http).await.expect("opens");
    direct.id.say(&http, "hello").await.expect("sent");
    guild.close_direct("jeff", true);
    assert_eq!(code(&direct.id.say(&http, "hello?").await.expect_err("refused")), 50_007);

    let sales = channel(&guild, "sales");
    let buttons = |id: &str| CreateActionRow::Buttons(vec![CreateButton::new(id).label("x")]);
    let twice = CreateMessage::new().content("x").components(vec![buttons("a"), buttons("a")]);
    assert_eq!(code(&sales.send_message(&http, twice).await.expect_err("refused")), 50_035);
    assert!(guild.faults_seen()[0].contains("COMPONENT_CUSTOM_ID_DUPLICATED"), "{:?}", guild.faults_seen());
    let empty = sales.send_message(&http, CreateMessage::new().content(" ")).await;
    assert_eq!(code(&empty.expect_err("refused")), 50_006);

    guild.inject(Fault::CloseChannel { channel: "sales".to_owned() });
    assert_eq!(code(&sales.say(&http, "x").await.expect_err("refused")), 50_001);
    let gone = reqwest::get(format!("{}/api/v10/users/@me", guild.api_url())).await.expect("answers");
    assert_eq!(gone.status(), 401);
    guild.shut_down().await;
}

#[tokio::test]
async fn limits_are_told_and_kept_and_faults_do_what_they_say() {
    let guild = DiscordSandbox::start(setup()).await.expect("starts");
    let client = reqwest::Client::new();
    let url = format!("{}/api/v10/channels/{}/messages", guild.api_url(), channel(&guild, "sales"));
    let post = || {
        let request = client.post(&url).header("Authorization", format!("Bot {}", guild.token()));
        request.json(&json!({ "content": "x" })).send()
    };
    for left in (0..5).rev() {
        let answer = post().await.expect("answers");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-ratelimit-remaining"], left.to_string());
    }
    let refused = post().await.expect("answers");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "5");
    assert_eq!(refused.headers()["x-ratelimit-scope"], "user");
    let body: Value = refused.json().await.expect("json");
    assert_eq!(body["retry_after"], 5.0);

    guild.shared.with(|state| state.clock.advance(Duration::from_secs(6)));
    let method = "POST /channels/{channel}/messages".to_owned();
    guild.inject(Fault::LoseAnswer { method: method.clone(), times: 1 });
    post().await.expect_err("the answer is lost");
    guild.inject(Fault::Fail { method: method.clone(), status: 502, times: 1 });
    assert_eq!(post().await.expect("answers").status(), 502);
    guild.inject(Fault::Hang { method, times: 1 });
    tokio::time::timeout(Duration::from_millis(50), post()).await.expect_err("hangs");
    assert_eq!(guild.view("jeff").expect("a view").channels[0].messages.len(), 6);
    guild.shut_down().await;
}

#[tokio::test]
async fn an_archived_thread_is_not_edited_but_wakes_for_a_post() {
    let guild = DiscordSandbox::start(setup()).await.expect("starts");
    let http = http(&guild);
    let asked = guild.say("jeff", &Spot::channel("sales"), "@desk x", None).await.expect("said");
    let thread: ChannelId = id(&asked.id).into();
    let hour = CreateThread::new("t").auto_archive_duration(serenity::all::AutoArchiveDuration::OneHour);
    channel(&guild, "sales").create_thread_from_message(&http, id(&asked.id), hour).await.expect("a thread");
    let posted = thread.say(&http, "hello").await.expect("posts");
    guild.shared.with(|state| state.clock.advance(Duration::from_secs(3_601)));
    let edit = || serenity::all::EditMessage::new().content("changed");
    assert_eq!(code(&thread.edit_message(&http, posted.id, edit()).await.expect_err("refused")), 50_083);
    guild.say("jeff", &Spot::thread("sales", &asked.id), "still there?", None).await.expect("said");
    thread.edit_message(&http, posted.id, edit()).await.expect("edits");
    guild.shut_down().await;
}

/// A plain Gateway client.
struct Socket(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

impl Socket {
    async fn connect(guild: &DiscordSandbox) -> Self {
        let url = format!("{}/?v=10&encoding=json", guild.api_url().replace("http", "ws"));
        let mut socket = Self(tokio_tungstenite::connect_async(url).await.expect("connects").0);
        assert_eq!(socket.next().await.expect("a frame")["op"], 10);
        socket
    }

    async fn identified(guild: &DiscordSandbox, intents: GatewayIntents) -> Self {
        Self::identified_as(guild, intents, Value::Null).await
    }

    async fn identified_as(guild: &DiscordSandbox, intents: GatewayIntents, shard: Value) -> Self {
        let mut socket = Self::connect(guild).await;
        let properties = json!({ "os": "linux", "browser": "x", "device": "x" });
        let intents = intents.bits();
        let data = json!({ "token": guild.token(), "intents": intents, "properties": properties, "shard": shard });
        socket.send(json!({ "op": 2, "d": data })).await;
        socket
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Frame::text(frame.to_string())).await.expect("sends");
    }

    /// The next frame, or the code with which the socket was closed (0 if it was cut).
    async fn next(&mut self) -> Result<Value, u16> {
        match self.0.next().await {
            Some(Ok(Frame::Text(text))) => Ok(serde_json::from_str(&text).expect("json")),
            Some(Ok(Frame::Close(Some(close)))) => Err(close.code.into()),
            _ => Err(0),
        }
    }

    async fn until(&mut self, name: &str) -> Value {
        loop {
            let frame = self.next().await.expect("open");
            if frame["t"] == name {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn content_is_hidden_without_its_intent_and_missed_events_are_replayed() {
    let guild = DiscordSandbox::start(setup()).await.expect("starts");
    let plain = GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::DIRECT_MESSAGES;
    let mut bare = Socket::identified(&guild, plain).await;
    let mut full = Socket::identified(&guild, plain | GatewayIntents::MESSAGE_CONTENT).await;
    let ready = bare.until("READY").await;
    bare.until("GUILD_CREATE").await;
    full.until("GUILD_CREATE").await;

    guild.say("jeff", &Spot::channel("sales"), "chatter", None).await.expect("said");
    assert_eq!(bare.until("MESSAGE_CREATE").await["d"]["content"], "");
    assert_eq!(full.until("MESSAGE_CREATE").await["d"]["content"], "chatter");
    guild.say("jeff", &Spot::channel("sales"), "@desk help me", None).await.expect("said");
    let heard = bare.until("MESSAGE_CREATE").await;
    assert!(heard["d"]["content"].as_str().expect("text").ends_with("> help me"));
    assert_eq!(guild.undelivered(), 0);

    guild.inject(Fault::DropSockets);
    assert_eq!(bare.next().await, Err(0));
    while full.next().await.is_ok() {}
    let mut links = guild.shared.links.subscribe();
    links.wait_for(|links| *links == 0).await.expect("unlinked");
    guild.say("jeff", &Spot::direct(), "are you there", None).await.expect("said");
    let mut resumed = Socket::connect(&guild).await;
    let data = json!({ "token": guild.token(), "session_id": ready["d"]["session_id"], "seq": heard["s"] });
    resumed.send(json!({ "op": 6, "d": data })).await;
    assert_eq!(resumed.until("MESSAGE_CREATE").await["d"]["content"], "are you there");
    resumed.until("RESUMED").await;

    let mut lost = Socket::connect(&guild).await;
    lost.send(json!({ "op": 6, "d": { "token": guild.token(), "session_id": "unknown", "seq": 1 } })).await;
    assert_eq!(lost.next().await.expect("a frame"), json!({ "op": 9, "d": false }));
    guild.shut_down().await;
}

#[tokio::test]
async fn events_come_late_and_out_of_order_on_demand() {
    let guild = DiscordSandbox::start(setup()).await.expect("starts");
    let intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::MESSAGE_CONTENT;
    let mut socket = Socket::identified(&guild, intents).await;
    socket.until("GUILD_CREATE").await;
    // A late event holds up later ones: the Gateway keeps its order.
    let late = Fault::Late { by: Duration::from_millis(50), times: 1 };
    for (fault, comes) in [(late, ["one", "two"]), (Fault::OutOfOrder { times: 1 }, ["two", "one"])] {
        guild.inject(fault);
        for text in ["one", "two"] {
            guild.say("jeff", &Spot::channel("sales"), text, None).await.expect("said");
        }
        let mut seq = 0;
        for text in comes {
            let heard = socket.until("MESSAGE_CREATE").await;
            assert_eq!(heard["d"]["content"], text);
            assert!(heard["s"].as_u64() > Some(seq), "the frames are counted as they are sent");
            seq = heard["s"].as_u64().unwrap_or_default();
        }
    }
    guild.inject(Fault::OutOfOrder { times: 1 });
    guild.say("jeff", &Spot::channel("sales"), "nobody overtakes me", None).await.expect("said");
    assert_eq!(guild.undelivered(), 1);
    assert_eq!(socket.until("MESSAGE_CREATE").await["d"]["content"], "nobody overtakes me");
    for fault in [Fault::OutOfOrder { times: 1 }, Fault::DeliverTwice { times: 1 }, Fault::Calm] {
        guild.inject(fault);
    }
    for text in ["one", "two"] {
        guild.say("jeff", &Spot::channel("sales"), text, None).await.expect("said");
    }
    for text in ["one", "two"] {
        assert_eq!(socket.until("MESSAGE_CREATE").await["d"]["content"], text);
    }
    guild.shut_down().await;
}

#[tokio::test]
async fn a_privileged_intent_that_is_not_granted_closes_the_socket() {
    let guild = DiscordSandbox::start(DiscordSetup { message_content_intent: false, ..setup() }).await.expect("starts");
    let mut socket = Socket::identified(&guild, GatewayIntents::MESSAGE_CONTENT).await;
    assert_eq!(socket.next().await, Err(4014));
    let mut socket = Socket::connect(&guild).await;
    socket.send(json!({ "op": 2, "d": { "token": "x", "intents": 1, "properties": {} } })).await;
    assert_eq!(socket.next().await, Err(4004));
    guild.shut_down().await;
}

/// A bot that answers the presses, forms and commands of the tests.
struct Bot {
    heard: mpsc::UnboundedSender<Message>,
}

#[serenity::async_trait]
impl EventHandler for Bot {
    async fn message(&self, _: Context, message: Message) {
        let _ = self.heard.send(message);
    }

    async fn interaction_create(&self, context: Context, interaction: Interaction) {
        let http = &context.http;
        match interaction {
            Interaction::Component(press) if press.data.custom_id == "slow" => {}
            Interaction::Component(press) => {
                let input = CreateInputText::new(InputTextStyle::Short, "Why", "why").max_length(10);
                let modal = CreateModal::new("form", "Tell").components(vec![CreateActionRow::InputText(input)]);
                press.create_response(http, CreateInteractionResponse::Modal(modal)).await.expect("opens");
            }
            Interaction::Modal(modal) => {
                let answer = CreateInteractionResponseMessage::new().content("noted").ephemeral(true);
                modal.create_response(http, CreateInteractionResponse::Message(answer)).await.expect("answers");
            }
            Interaction::Command(command) => {
                command.defer_ephemeral(http).await.expect("defers");
                let text = serde_json::to_string(&command.data.options).expect("json");
                command.edit_response(http, EditInteractionResponse::new().content(text)).await.expect("edits");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_sdk_connects_hears_and_answers_presses_forms_and_commands() {
    let journal = Journal::in_memory();
    let guild = DiscordSandbox::start(DiscordSetup { journal: journal.clone(), ..setup() }).await.expect("starts");
    let (heard, mut messages) = mpsc::unbounded_channel();
    let intents = GatewayIntents::non_privileged() | GatewayIntents::MESSAGE_CONTENT;
    let mut client = serenity::all::ClientBuilder::new_with_http(http(&guild), intents)
        .event_handler_arc(Arc::new(Bot { heard }))
        .await
        .expect("a client");
    let shards = Arc::clone(&client.shard_manager);
    let running = tokio::spawn(async move { Client::start(&mut client).await });
    guild.connected().await;

    let http = http(&guild);
    let commands = vec![
        CreateCommand::new("desk").description("The desk").add_option(
            CreateCommandOption::new(CommandOptionType::SubCommand, "assign", "Assign")
                .add_sub_option(CreateCommandOption::new(CommandOptionType::User, "to", "Whom").required(true))
                .add_sub_option(CreateCommandOption::new(CommandOptionType::String, "key", "Ticket").required(true))
                .add_sub_option(CreateCommandOption::new(CommandOptionType::String, "note", "Why")),
        ),
    ];
    let guild_id = GuildId::new(id(&guild.guild_id()));
    guild_id.set_commands(&http, commands).await.expect("registers");

    guild.say("jeff", &Spot::channel("sales"), "@desk hello", None).await.expect("said");
    assert!(messages.recv().await.expect("heard").mentions_user_id(UserId::new(guild.application_id())));

    let buttons = vec![CreateButton::new("why").label("Why?"), CreateButton::new("slow").label("Slow")];
    let offer = CreateMessage::new().content("ask").components(vec![CreateActionRow::Buttons(buttons)]);
    let sent = channel(&guild, "sales").send_message(&http, offer).await.expect("posts");
    let at = MessageAt { channel: sent.channel_id.to_string(), id: sent.id.to_string() };
    guild.press("jeff", &at, "why", None).await.expect("answered");
    let form = guild.view("jeff").expect("a view").form.expect("open");
    let answer = |text: &str| [("why".to_owned(), text.to_owned())].into();
    let refused = guild.submit("jeff", &form.id, &answer("far too long a reason")).await;
    assert!(matches!(refused, Err(WorldError::NotAllowed(_))));
    guild.submit("jeff", &form.id, &answer("because")).await.expect("answered");

    guild.command("mia", &Spot::channel("sales"), "assign to:@jeff key:IT-7 why:he knows it").await.expect("answered");
    let mut changes = guild.changes();
    let told = loop {
        let view = guild.view("mia").expect("a view");
        let last = view.channels[0].messages.last().cloned().expect("a message");
        if last.text != "thinking …" {
            break last;
        }
        changes.changed().await.expect("alive");
    };
    assert!(told.only_you && told.text.contains("he knows it") && told.text.contains("IT-7"), "{}", told.text);

    let jeff = guild.view("jeff").expect("a view");
    assert!(jeff.form.is_none());
    let texts: Vec<_> = jeff.channels[0].messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["@Desk hello", "ask", "noted"]);
    let unknown = guild.command("mia", &Spot::channel("sales"), "dance").await;
    assert!(matches!(unknown, Err(WorldError::NotAllowed(_))));
    assert_eq!(guild.faults_seen(), Vec::<String>::new());
    let kinds: Vec<_> = journal.since(0).into_iter().map(|entry| entry.kind).collect();
    for kind in ["said", "delivered", "pressed", "acked", "opened", "submitted", "whispered", "commanded"] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
    shards.shutdown_all().await;
    running.await.expect("ends").expect("ends well");
    guild.shut_down().await;
}

#[tokio::test]
async fn an_interaction_runs_out_at_its_deadline_and_its_token_after_fifteen_minutes() {
    let short = DiscordSetup { interaction_deadline: Duration::from_millis(30), ..setup() };
    let guild = DiscordSandbox::start(short).await.expect("starts");
    let mut socket = Socket::identified(&guild, GatewayIntents::GUILDS).await;
    let client = reqwest::Client::new();
    let api = format!("{}/api/v10", guild.api_url());
    let button = CreateActionRow::Buttons(vec![CreateButton::new("b").label("b")]);
    let offer = CreateMessage::new().content("x").components(vec![button]);
    let sent = channel(&guild, "sales").send_message(http(&guild), offer).await.expect("posts");
    let at = MessageAt { channel: sent.channel_id.to_string(), id: sent.id.to_string() };

    assert_eq!(guild.press("jeff", &at, "b", None).await, Err(WorldError::NoAnswer));
    assert_eq!(guild.view("jeff").expect("a view").notices, ["This interaction failed"]);
    let event = socket.until("INTERACTION_CREATE").await["d"].clone();
    let callback = |event: &Value| {
        let (id, token) = (event["id"].as_str().expect("id"), event["token"].as_str().expect("token"));
        client.post(format!("{api}/interactions/{id}/{token}/callback")).json(&json!({ "type": 6 })).send()
    };
    let late: Value = callback(&event).await.expect("answers").json().await.expect("json");
    assert_eq!(late["code"], 10_062);

    let pressing = tokio::spawn({
        let (guild, at) = (Arc::clone(&guild), at.clone());
        async move { guild.press("jeff", &at, "b", None).await }
    });
    let event = socket.until("INTERACTION_CREATE").await["d"].clone();
    assert_eq!(callback(&event).await.expect("answers").status(), 204);
    pressing.await.expect("ends").expect("answered");
    let again: Value = callback(&event).await.expect("answers").json().await.expect("json");
    assert_eq!(again["code"], 40_060);

    let follow_up = format!("{api}/webhooks/{}/{}", guild.application_id(), event["token"].as_str().expect("token"));
    let follow = || client.post(&follow_up).json(&json!({ "content": "later" })).send();
    assert_eq!(follow().await.expect("answers").status(), 200);
    guild.shared.with(|state| state.clock.advance(Duration::from_secs(15 * 60)));
    let expired: Value = follow().await.expect("answers").json().await.expect("json");
    assert_eq!(expired["code"], 10_015);
    guild.shut_down().await;
}

#[tokio::test]
async fn the_bot_is_in_several_guilds_each_with_its_own_channels() {
    let branch = |number: usize, channels: usize| GuildSetup {
        name: format!("Branch {number}"),
        channels: (0..channels)
            .map(|channel| ChannelSetup {
                name: format!("floor{number}{channel}"),
                private: false,
                members: Vec::new(),
                bot: true,
            })
            .collect(),
    };
    let more_guilds = vec![branch(1, 2), branch(2, 500)];
    let guild = DiscordSandbox::start(DiscordSetup { more_guilds, ..setup() }).await.expect("starts");
    let mut socket = Socket::identified(&guild, GatewayIntents::non_privileged()).await;
    let ready = socket.until("READY").await;
    let announced = ready["d"]["guilds"].as_array().expect("guilds").clone();
    assert_eq!(announced.len(), 3);
    let mut created = Vec::new();
    for unavailable in &announced {
        let whole = socket.until("GUILD_CREATE").await["d"].clone();
        assert_eq!(whole["id"], unavailable["id"]);
        assert_eq!(whole["roles"][0]["id"], whole["id"], "everybody's role has the guild's id");
        created.push(whole["channels"].as_array().expect("channels").len());
    }
    assert_eq!(created, [2, 2, 500]);

    let elsewhere = guild.channel_id("floor11").expect("known");
    let theirs = guild.guild_of_channel(&elsewhere).expect("in a guild");
    assert_eq!(announced[1]["id"], theirs);
    channel(&guild, "floor11").say(http(&guild), "hello, branch").await.expect("posts");
    let heard = socket.until("MESSAGE_CREATE").await["d"].clone();
    assert_eq!((&heard["guild_id"], &heard["channel_id"]), (&json!(theirs), &json!(elsewhere)));
    let listed = http(&guild).get_guilds(None, None).await.expect("lists");
    assert_eq!(listed.len(), 3);
    let theirs = GuildId::new(id(&theirs));
    assert_eq!(theirs.channels(http(&guild)).await.expect("lists").len(), 2);
    assert_eq!(guild.faults_seen(), Vec::<String>::new());
    guild.shut_down().await;

    let too_many = DiscordSandbox::start(DiscordSetup { more_guilds: vec![branch(3, 501)], ..setup() }).await;
    assert!(too_many.is_err_and(|error| error.to_string().contains("500")));
}
