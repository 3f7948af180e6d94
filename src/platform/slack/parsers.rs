//! Entry points for the fuzz targets (`fuzz/`): the parsers of Slack's payloads, without a workspace.
//!
//! Nothing is parsed here. These functions call the adapter's own parsers, with fixed names and a fixed bot account.

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

/// A use of a button, menu or form.
#[derive(Clone, Debug, PartialEq)]
pub enum Interaction {
    /// A button or menu was used.
    Click {
        /// The act, if the button or menu is the bot's own.
        does: Option<ActRef>,
        /// The time of the use, if Slack's time stamp is valid.
        at: Option<Timestamp>,
        /// The chosen value or account.
        choice: Option<String>,
    },
    /// A form was sent.
    Form {
        /// The act, if the form is the bot's own.
        form: Option<ActRef>,
        given: Given,
        /// The names of the fields with faults.
        faulty: Vec<String>,
    },
}

/// Reads a body of the Events API, or a Socket Mode frame with one. `None` if it is not about a person's message.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event> {
    let body = payload(lenient::json(body)?);
    let me = me();
    me.event(&inbound::news(&body["event"], &me)?, &names())
}

/// Whether a body of the Events API may concern the desk; `None` if it is not about a message.
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
            let faults =
                |spec: &'static Spec| spec.check(&form.as_ref()?.with_carried(spec, given.clone()), &now).err();
            let faults: Vec<Fault> = spec.and_then(faults).unwrap_or_default();
            let faulty = forms::at_fields(&faults).into_iter().map(|(field, _)| field).collect();
            Some(Interaction::Form { form, given, faulty })
        }
        _ => None,
    }
}

/// Reads the body of a slash command. Returns its words and the people mentioned in them.
#[must_use]
pub fn command(body: &[u8]) -> (String, Vec<Person>) {
    let form = http::form(body);
    let raw = form.get("text").and_then(Value::as_str).unwrap_or_default();
    let words = words::read(raw, &me().user, &names());
    (words.text, words.mentions)
}

/// Whether an HTTP request is signed by Slack and recent.
#[must_use]
pub fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    http::is_signed(&SecretString::from(secret), headers, body, &Clock::starting_at(now, 0.0))
}

/// Returns the payload of a Socket Mode frame; any other value is returned unchanged.
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
        listened_bots: HashSet::from(["B777".to_owned()]),
    }
}

fn names() -> Names {
    let named = |id: &str, name: &str| HashMap::from([(id.to_owned(), name.to_owned())]);
    Names { people: named("U1", "Mia Wong"), channels: named("C1", "it-help"), groups: named("S1", "desk") }
}
