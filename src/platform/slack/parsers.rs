//! The parsers of what Slack sends, with no workspace behind them: what the fuzz targets (`fuzz/`) call.
//!
//! Nothing is parsed here: these are the adapter's own functions, with names that are known and a bot that has no token.

use std::collections::{HashMap, HashSet};

use axum::http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::directory::Names;
use super::inbound::{self, Me};
use super::{forms, http, interact, words};
use crate::clock::Clock;
use crate::domain::act::{ActRef, Fault, Given, Spec};
use crate::domain::event::Event;
use crate::domain::ids::{Person, PlatformName, Tenant};
use crate::domain::when::Now;
use crate::intake;
use crate::platform::lenient;

/// What a button, menu or form of Slack says.
#[derive(Clone, Debug, PartialEq)]
pub enum Interaction {
    /// A button or menu was used.
    Click {
        /// What it does, if it is one of ours.
        does: Option<ActRef>,
        /// When, if Slack's time stamp is one.
        at: Option<Timestamp>,
        /// What was chosen, value or account.
        choice: Option<String>,
    },
    /// A form was sent.
    Form {
        /// Which, if it is one of ours.
        form: Option<ActRef>,
        /// What was filled in.
        given: Given,
        /// The fields that cannot be taken so.
        faulty: Vec<String>,
    },
}

/// Reads a body of the Events API, or a frame of Socket Mode that holds one. `None` for what is no message of a person.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event> {
    let body = payload(lenient::json(body)?);
    let me = me();
    me.event(&inbound::news(&body["event"], &me)?, &names())
}

/// Whether a body of the Events API may concern the desk; `None` if it tells of no message.
#[must_use]
pub fn may_concern(body: &[u8]) -> Option<bool> {
    let (body, me) = (payload(lenient::json(body)?), me());
    inbound::news(&body["event"], &me).map(|news| me.may_concern(&news))
}

/// Reads the body of an interaction (a form field of HTTP), or a frame of Socket Mode that holds one.
#[must_use]
pub fn interaction(body: &[u8]) -> Option<Interaction> {
    let payload = match lenient::json(body) {
        Some(frame) => payload(frame),
        None => lenient::json(http::form(body).get("payload")?.as_str()?.as_bytes())?,
    };
    match payload["type"].as_str()? {
        "block_actions" => {
            let click = interact::click(&payload)?;
            Some(Interaction::Click {
                does: click.action_id.parse().ok(),
                at: inbound::time(&click.action_ts),
                choice: click.chosen_user.or(click.chosen_value),
            })
        }
        "view_submission" => {
            let view = &payload["view"];
            let (form, given) = (
                forms::origin(view).form.parse::<ActRef>().ok(),
                forms::given(view, |user| inbound::person(user, None)),
            );
            let spec = form.as_ref().and_then(|form| intake::act(&form.act));
            let now = Now::named(Timestamp::UNIX_EPOCH, "UTC");
            let faults = |spec: &'static Spec| spec.check(&form.as_ref()?.carried(spec, given.clone()), &now).err();
            let faults: Vec<Fault> = spec.and_then(faults).unwrap_or_default();
            let faulty = forms::at_fields(&faults).into_iter().map(|(field, _)| field).collect();
            Some(Interaction::Form { form, given, faulty })
        }
        _ => None,
    }
}

/// Reads the body of a slash command: the words after it, and who is mentioned in them.
#[must_use]
pub fn command(body: &[u8]) -> (String, Vec<Person>) {
    let form = http::form(body);
    let raw = form.get("text").and_then(Value::as_str).unwrap_or_default();
    let words = words::read(raw, &me().user, &names());
    (words.text, words.mentions)
}

/// Whether a request by HTTP is from Slack and from now.
#[must_use]
pub fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    http::is_signed(&SecretString::from(secret), headers, body, &Clock::starting_at(now, 0.0))
}

/// What a frame of Socket Mode holds; what is no frame stays as it is.
fn payload(mut frame: Value) -> Value {
    match frame.get_mut("payload") {
        Some(payload) => payload.take(),
        None => frame,
    }
}

fn me() -> Me {
    Me {
        tenant: Tenant { platform: PlatformName::Slack, id: "T111".to_owned() },
        team_url: "https://acme.slack.com/".to_owned(),
        user: "UBOT".to_owned(),
        bot: "BBOT".to_owned(),
        heeded: HashSet::from(["B777".to_owned()]),
    }
}

fn names() -> Names {
    let named = |id: &str, name: &str| HashMap::from([(id.to_owned(), name.to_owned())]);
    Names { people: named("U1", "Mia Wong"), channels: named("C1", "it-help"), groups: named("S1", "desk") }
}
