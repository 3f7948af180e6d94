//! The bodies that the bot sends, and those that the sandboxes send to it, are checked against the platforms' own
//! descriptions, so that neither can drift from the real platforms unnoticed.
//!
//! The descriptions are not part of this repository. `DESKBELL_SPECS` names their folder, by default `../shared/specs`.
//! Without them nothing is checked, with a line on standard error.

mod scene;
mod schema;
mod shape;
mod waivers;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use deskbell::sandbox::{Direction, Record};
use serde_json::{Value, json};

use self::schema::Spec;
use self::shape::Shape;
use self::waivers::WAIVERS;

const WEB_API: &str = "slack_web_api_requests_from_types.schema.json";
const BLOCK_KIT: &str = "slack_block_kit_from_types.schema.json";
const MANIFEST: &str = "slack_manifest.schema.2.0.0.json";
const FRAMES: &str = "slack_socket_mode_frames.json";
const SAMPLES: &str = "slack_samples.tar.gz";
const REST: &str = "discord_openapi.json";
const GATEWAY: &str = "discord_gateway_from_types.schema.json";

/// Types whose description lists single bits, while the platform sends sums of them.
const BIT_FIELDS: [&str; 8] = [
    "ApplicationFlags",
    "ChannelFlags",
    "GuildMemberFlags",
    "GuildSystemChannelFlags",
    "MessageFlags",
    "RoleFlags",
    "ThreadMemberFlags",
    "UserFlags",
];

/// Something that does not fit its description.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    spec: &'static str,
    place: String,
    said: String,
}

impl Finding {
    fn new(spec: &'static str, place: &str, said: &str) -> Self {
        Self { spec, place: place.trim_end().to_owned(), said: said.to_owned() }
    }
}

/// A difference that is known and accepted.
struct Waiver {
    spec: &'static str,
    /// The method or kind, and the path in it, with `*` for positions and ids.
    place: &'static str,
    reason: &'static str,
}

#[tokio::test]
async fn slack_requests_fit() {
    let Some(folder) = folder() else { return };
    assert_fit(slack_requests(&folder).await);
}

#[tokio::test]
async fn slack_envelopes_have_the_recorded_shape() {
    let Some(folder) = folder() else { return };
    assert_fit(slack_shapes(&folder).await);
}

#[test]
fn slack_manifest_fits() {
    let Some(folder) = folder() else { return };
    let schema = std::fs::read_to_string(folder.join(MANIFEST)).expect("the manifest's schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let manifest = deskbell::platform::slack::manifest();
    let problems: Vec<String> = schema.iter_errors(&manifest).map(|problem| problem.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test]
async fn discord_requests_fit() {
    let Some(folder) = folder() else { return };
    assert_fit(discord_requests(&folder).await);
}

#[tokio::test]
async fn discord_gateway_frames_fit() {
    let Some(folder) = folder() else { return };
    assert_fit(discord_frames(&folder).await);
}

#[tokio::test]
async fn every_waiver_is_still_needed() {
    let Some(folder) = folder() else { return };
    let mut findings = slack_requests(&folder).await;
    findings.extend(slack_shapes(&folder).await);
    findings.extend(discord_requests(&folder).await);
    findings.extend(discord_frames(&folder).await);
    let is_needed = |waiver: &&Waiver| findings.iter().any(|finding| is_waived_by(finding, waiver));
    let idle: Vec<String> =
        WAIVERS.iter().filter(|waiver| !is_needed(waiver)).map(|w| format!("{} {}", w.spec, w.place)).collect();
    assert_eq!(idle, Vec::<String>::new(), "waivers that nothing needs any more");
    let unexplained = WAIVERS.iter().filter(|waiver| waiver.reason.len() < 10).count();
    assert_eq!(unexplained, 0, "waivers without a reason");
}

#[tokio::test]
async fn what_does_not_fit_is_found() {
    let Some(folder) = folder() else { return };
    let traffic = scene::traffic().await;
    let broken = |records: &[Record], name: &str, break_it: &dyn Fn(&mut Value)| {
        let mut record = records.iter().rfind(|record| record.name == name && has_button(&record.body)).cloned();
        let record = record.as_mut().unwrap_or_else(|| panic!("no {name} with buttons"));
        break_it(&mut record.body);
        vec![record.clone()]
    };
    let places = |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.place).collect::<BTreeSet<_>>();

    let misspelt = broken(&traffic.slack, "chat.postMessage", &|body| body["thread"] = json!("1.1"));
    assert!(places(held_against_slack(&folder, &misspelt)).contains("chat.postMessage /thread"));
    let nameless = broken(&traffic.slack, "chat.postMessage", &|body| {
        body["blocks"] = json!([{"type": "actions", "elements": [{"type": "button", "action_id": "a"}]}]);
    });
    assert!(places(held_against_slack(&folder, &nameless)).contains("chat.postMessage blocks /elements/*/text"));

    let create = "POST /channels/{id}/messages";
    let misspelt = broken(&traffic.discord, create, &|body| body["allowed_mention"] = json!({}));
    assert!(places(held_against_discord(&folder, &misspelt)).contains(&format!("{create} /allowed_mention")));
    let long = broken(&traffic.discord, create, &|body| body["content"] = json!("x".repeat(4001)));
    assert!(places(held_against_discord(&folder, &long)).contains(&format!("{create} /content")));
    let styleless = broken(&traffic.discord, create, &|body| {
        body["components"][0]["components"][0].as_object_mut().expect("a button").shift_remove("style");
    });
    assert_ne!(held_against_discord(&folder, &styleless), []);
}

fn has_button(body: &Value) -> bool {
    let text = body.to_string();
    text.contains("\"button\"") || text.contains("\"custom_id\"")
}

/// Returns the folder of the descriptions, if it exists.
fn folder() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let usual = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/specs");
    let folder = std::env::var_os("DESKBELL_SPECS").map_or_else(usual, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    SAID.call_once(|| {
        // Not by `eprintln!`, whose output the test runner captures.
        let _ = writeln!(
            std::io::stderr(),
            "\n!!! NOTHING WAS CHECKED against the platforms' descriptions: there is no folder {}\n",
            folder.display()
        );
    });
    None
}

fn assert_fit(findings: Vec<Finding>) {
    let waived = |finding: &Finding| WAIVERS.iter().any(|waiver| is_waived_by(finding, waiver));
    let mut places = BTreeMap::new();
    for finding in findings.into_iter().filter(|finding| !waived(finding)) {
        places.entry((finding.spec, finding.place)).or_insert(finding.said);
    }
    let lines: Vec<String> = places.iter().map(|((spec, place), said)| format!("{spec}: {place}: {said}")).collect();
    assert!(lines.is_empty(), "{} places do not fit:\n{}", lines.len(), lines.join("\n"));
}

fn is_waived_by(finding: &Finding, waiver: &Waiver) -> bool {
    finding.spec == waiver.spec && finding.place == waiver.place
}

/// Checks every call, answer and acknowledgement of the bot on Slack, with their blocks, views and metadata.
async fn slack_requests(folder: &Path) -> Vec<Finding> {
    let traffic = scene::traffic().await;
    let seen: BTreeSet<&str> = of(&traffic.slack, Direction::FromBot).map(|record| record.name.as_str()).collect();
    for method in ["chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "conversations.open"] {
        assert!(seen.contains(method), "the scenes never call {method}, only {seen:?}");
    }
    held_against_slack(folder, &traffic.slack)
}

fn held_against_slack(folder: &Path, traffic: &[Record]) -> Vec<Finding> {
    let mut api = Spec::read(folder, WEB_API);
    let mut kit = Spec::read(folder, BLOCK_KIT);
    for spec in [&mut api, &mut kit] {
        // `AnyBlock` also describes blocks that are not known yet, so any object with a type would pass.
        spec.replace("AnyBlock", json!({"$ref": "#/definitions/KnownBlock"}));
    }
    let mut findings = Vec::new();
    for Record { name, body, .. } in of(traffic, Direction::FromBot) {
        match name.as_str() {
            "chat.postMessage" => api.check_named("ChatPostMessageArguments", name, body, &mut findings),
            "chat.update" => like_posting(&mut api, name, body, &["ts"], &[], &mut findings),
            "chat.delete" => {
                // The file does not describe it. The method needs just these two; `as_user` is for user tokens.
                let keys: Vec<&str> = body.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
                assert_eq!(keys, ["channel", "ts"], "chat.delete");
            }
            "chat.postEphemeral" => like_posting(&mut api, name, body, &["user"], &[], &mut findings),
            "response_url" => {
                let own = ["response_type", "replace_original", "delete_original"];
                like_posting(&mut api, name, body, &own, &["channel"], &mut findings);
            }
            "conversations.open" => api.check_named("ConversationsOpenArguments", name, body, &mut findings),
            "views.open" => api.check_named("ViewsOpenArguments", name, body, &mut findings),
            _ => findings.push(api.undescribed(name)),
        }
        for (key, definition) in [("view", "ModalView"), ("metadata", "MessageMetadata")] {
            if let Some(part) = body.get(key) {
                kit.check_named(definition, &format!("{name} {key}"), part, &mut findings);
            }
        }
        for (key, definition) in [("blocks", "KnownBlock"), ("attachments", "MessageAttachment")] {
            for part in body.get(key).and_then(Value::as_array).into_iter().flatten() {
                kit.check_named(definition, &format!("{name} {key}"), part, &mut findings);
            }
        }
    }
    findings
}

/// Checks a call that has no description against that of `chat.postMessage`. They differ only by the keys `own`, which
/// only this call has, and `others`, which it does not need.
fn like_posting(api: &mut Spec, name: &str, body: &Value, own: &[&str], others: &[&str], findings: &mut Vec<Finding>) {
    let mut posting = body.clone();
    if let Some(fields) = posting.as_object_mut() {
        fields.retain(|key, _| !own.contains(&key.as_str()));
        fields.extend(others.iter().map(|key| ((*key).to_owned(), json!(""))));
    }
    api.check_named("ChatPostMessageArguments", name, &posting, findings);
}

/// Checks the shapes of what the Slack sandbox sends, by kind, against recordings and samples of Slack, and its blocks
/// against Block Kit.
async fn slack_shapes(folder: &Path) -> Vec<Finding> {
    let frames = std::fs::read_to_string(folder.join(FRAMES)).expect("the recorded frames");
    let frames: Value = serde_json::from_str(&frames).expect("JSON");
    let (mut recorded, mut sampled, mut sent) = (Shapes::new(), Shapes::new(), Shapes::new());
    let greetings = [&frames["socket_mode_hello_message"], &frames["socket_mode_disconnect_message"]];
    for frame in frames["socket_mode_envelopes"].as_array().into_iter().flatten().chain(greetings) {
        add_parts(&mut recorded, frame);
    }
    for (name, sample) in shape::files_of(&folder.join(SAMPLES)) {
        if !name.contains("/api/") {
            add_parts(&mut sampled, &sample);
        }
    }
    let mut kit = Spec::read(folder, BLOCK_KIT);
    let mut findings = Vec::new();
    for Record { body, .. } in of(&scene::traffic().await.slack, Direction::ToBot) {
        add_parts(&mut sent, body);
        check_blocks(&mut kit, body, &mut findings);
    }
    for (kind, shape) in &sent {
        let known = match (recorded.get(kind), sampled.get(kind)) {
            (Some(recorded), Some(sampled)) => recorded.clone().with(sampled),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => {
                findings.push(Finding::new(SAMPLES, kind, "never recorded"));
                continue;
            }
        };
        let spec = if sampled.contains_key(kind) { SAMPLES } else { FRAMES };
        let mut note = |spec, found: Vec<(String, String)>| {
            findings.extend(found.iter().map(|(path, said)| Finding::new(spec, &format!("{kind} {path}"), said)));
        };
        note(spec, shape.beyond(&known));
        // A sample lists every possible key. Only a recording shows which keys must be there.
        if let Some(recorded) = recorded.get(kind) {
            note(FRAMES, shape.lacking(recorded));
        }
    }
    for kind in ["hello", "message", "message.message_changed", "block_actions", "view_submission", "slash_command"] {
        assert!(sent.contains_key(kind), "the scenes bring no {kind}, only {:?}", sent.keys());
    }
    findings
}

/// The shapes of frames, by the kind of frame.
type Shapes = BTreeMap<String, Shape>;

/// Adds the shapes of the envelope, of the payload in it and of the event in the payload, each as a kind of its own.
fn add_parts(shapes: &mut Shapes, frame: &Value) {
    let mut rest = frame.clone();
    let inner =
        rest.as_object_mut().and_then(|rest| rest.shift_remove("payload").or_else(|| rest.shift_remove("event")));
    // The samples leave the callback's own type empty.
    let kind = if rest.get("event_id").is_some() { "event_callback".to_owned() } else { kind_of(&rest) };
    shapes.entry(kind).or_default().add(&rest);
    if let Some(inner) = inner {
        add_parts(shapes, &inner);
    }
}

/// Checks every block anywhere in `value` against Block Kit.
fn check_blocks(kit: &mut Spec, value: &Value, findings: &mut Vec<Finding>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::Array(blocks) if key == "blocks" => {
                        for block in blocks {
                            kit.check_named("KnownBlock", "echoed blocks", block, findings);
                        }
                    }
                    _ => check_blocks(kit, field, findings),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_blocks(kit, item, findings)),
        _ => {}
    }
}

/// Returns the kind of a part: its type and subtype. A part without a type is a slash command.
fn kind_of(part: &Value) -> String {
    match (part["type"].as_str(), part["subtype"].as_str().filter(|subtype| !subtype.is_empty())) {
        (Some(kind), Some(subtype)) => format!("{kind}.{subtype}"),
        (Some(kind), None) => kind.to_owned(),
        (None, _) => "slash_command".to_owned(),
    }
}

/// Checks every call of the bot on Discord against the description of its operation.
async fn discord_requests(folder: &Path) -> Vec<Finding> {
    let traffic = scene::traffic().await;
    let seen: BTreeSet<&str> = of(&traffic.discord, Direction::FromBot).map(|record| record.name.as_str()).collect();
    for call in [
        "PUT /applications/{id}/guilds/{gid}/commands",
        "POST /channels/{id}/messages",
        "PATCH /channels/{id}/messages/{mid}",
        "POST /channels/{id}/messages/{mid}/threads",
        "POST /interactions/{id}/{token}/callback",
        "POST /users/@me/channels",
    ] {
        assert!(seen.contains(call), "the scenes never call {call}, only {seen:?}");
    }
    held_against_discord(folder, &traffic.discord)
}

fn held_against_discord(folder: &Path, traffic: &[Record]) -> Vec<Finding> {
    let mut rest = Spec::read(folder, REST);
    let paths = rest.document()["paths"].as_object().cloned().unwrap_or_default();
    let mut findings = Vec::new();
    for Record { name, body, .. } in of(traffic, Direction::FromBot).filter(|record| record.name != "gateway") {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let operation = paths.iter().find(|(known, _)| shape_of(known) == shape_of(path));
        let Some(operation) = operation.and_then(|(_, item)| item.get(method.to_ascii_lowercase())) else {
            findings.push(rest.undescribed(name));
            continue;
        };
        match (operation.pointer("/requestBody/content/application~1json/schema"), body) {
            (Some(_), Value::Null) if operation["requestBody"]["required"] == true => {
                findings.push(Finding::new(REST, name, "a body is required"));
            }
            (_, Value::Null) => {}
            (Some(schema), body) => rest.check(name, schema, name, body, &mut findings),
            (None, _) => findings.push(Finding::new(REST, name, "a body where none is described")),
        }
    }
    findings
}

/// A path without the names of its variable parts.
fn shape_of(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Checks the frames of Discord's gateway in both directions.
async fn discord_frames(folder: &Path) -> Vec<Finding> {
    let mut gateway = Spec::read(folder, GATEWAY);
    for name in BIT_FIELDS {
        assert!(gateway.describes(name), "{GATEWAY} has no {name}");
        gateway.replace(name, json!({"type": "integer", "minimum": 0}));
    }
    let definitions = gateway.document()["definitions"].as_object().cloned().unwrap_or_default();
    let fixed = |definition: &Value, key: &str, wanted: &Value| {
        let value = &definition["properties"][key];
        value["const"] == *wanted || value["enum"].as_array().is_some_and(|values| values.contains(wanted))
    };
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for Record { name, body, direction } in &scene::traffic().await.discord {
        if name != "gateway" {
            continue;
        }
        let kind = body["t"].as_str().map_or_else(|| format!("op {}", body["op"]), str::to_owned);
        if *direction == Direction::FromBot {
            gateway.check_named("GatewaySendPayload", &format!("from the bot {kind}"), body, &mut findings);
            continue;
        }
        if body["op"] == 11 {
            // The acknowledgement of a heartbeat is not described. It cannot be waived: the first heartbeat comes at a
            // random time, so the acknowledgement may not come within the scene.
            assert_eq!(body.get("d").unwrap_or(&Value::Null), &Value::Null, "an acknowledgement has no data");
            continue;
        }
        seen.insert(kind.clone());
        let described = match (body["op"].as_u64(), &body["t"]) {
            (Some(0), Value::String(_)) => definitions
                .iter()
                .find(|(_, definition)| fixed(definition, "t", &body["t"]))
                .map(|(name, _)| name.as_str()),
            (Some(7), _) => Some("GatewayReconnect"),
            (Some(9), _) => Some("GatewayInvalidSession"),
            (Some(10), _) => Some("GatewayHello"),
            _ => None,
        };
        match described.filter(|name| gateway.describes(name)) {
            Some(described) => gateway.check_named(described, &kind, body, &mut findings),
            None => findings.push(gateway.undescribed(&kind)),
        }
    }
    for kind in ["op 10", "READY", "GUILD_CREATE", "MESSAGE_CREATE", "MESSAGE_UPDATE", "INTERACTION_CREATE"] {
        assert!(seen.contains(kind), "the scenes bring no {kind}, only {seen:?}");
    }
    findings
}

fn of(traffic: &[Record], direction: Direction) -> impl Iterator<Item = &Record> {
    traffic.iter().filter(move |record| record.direction == direction)
}
