//! Forms: building Slack's modals, and reading the submitted values.
//!
//! Source: <https://docs.slack.dev/reference/block-kit/block-elements>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::inbound::{files, text_of};
use super::render::{cut, plain, plain_text};
use crate::domain::act::{Fault, Given, MOST_FILES, Takes, Value as Arg};
use crate::domain::form::{Field, Form};
use crate::domain::ids::{Person, Place};
use crate::domain::limits::slack as limits;
use crate::intake::text;

/// The largest number of characters of a field's label and of its hint.
const LABEL_CHARS: usize = 2_000;
const HINT_CHARS: usize = 150;
/// The largest number of characters of a choice.
const OPTION_CHARS: usize = 75;
/// The value of a ticked checkbox.
const SET: &str = "yes";
/// The `callback_id` of this program's forms.
const CALLBACK_ID: &str = "deskbell";

/// The place where a form was opened, and its act. Slack keeps it in the form's `private_metadata`. It contains a
/// secret: never print it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The form's act, as the text of an [`ActRef`](crate::domain::act::ActRef).
    pub form: String,
    /// The `response_url` of the private message in which it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default)]
    pub channel: Option<String>,
    #[serde(default)]
    pub thread: Option<String>,
    #[serde(default)]
    pub direct: bool,
}

pub(super) fn view(form: &Form, place: &Place, url: Option<String>) -> Value {
    let origin = Origin {
        form: form.does.to_string(),
        url,
        channel: Some(place.channel().to_owned()),
        thread: place.root().map(str::to_owned),
        direct: place.is_direct(),
    };
    let blocks: Vec<Value> = form
        .fields
        .iter()
        .map(|field| {
            json!({
                "type": "input", "block_id": field.id, "optional": !field.required || field.takes == Takes::Flag,
                "label": plain_text(&field.label, LABEL_CHARS), "element": element(field),
            })
        })
        .collect();
    json!({
        "type": "modal", "callback_id": CALLBACK_ID,
        "private_metadata": serde_json::to_string(&origin).unwrap_or_default(),
        "title": plain_text(&form.title, limits::MODAL_TITLE_CHARS),
        "submit": plain_text(&form.submit, limits::MODAL_TITLE_CHARS),
        "blocks": blocks,
    })
}

/// Returns the input element of a field.
fn element(field: &Field) -> Value {
    let option = |(value, label): &(&str, &str)| json!({"text": plain_text(label, OPTION_CHARS), "value": value});
    let mut element = match field.takes {
        Takes::Choice(options) => {
            let mut element =
                json!({"type": "static_select", "options": options.iter().map(option).collect::<Vec<_>>()});
            if let Some(chosen) = options.iter().find(|(value, _)| *value == field.words()) {
                element["initial_option"] = option(chosen);
            }
            element
        }
        Takes::Person => match field.value.as_ref().and_then(Arg::person) {
            Some(person) => json!({"type": "users_select", "initial_user": person.who.id}),
            None => json!({"type": "users_select"}),
        },
        Takes::Flag => {
            let yes = option(&(SET, if field.hint.is_empty() { "Yes" } else { field.hint.as_str() }));
            match field.value {
                Some(Arg::Flag(true)) => {
                    json!({"type": "checkboxes", "options": [yes.clone()], "initial_options": [yes]})
                }
                _ => json!({"type": "checkboxes", "options": [yes]}),
            }
        }
        Takes::Files => json!({"type": "file_input", "max_files": MOST_FILES}),
        Takes::Text | Takes::Date | Takes::Future | Takes::Ticket | Takes::Message | Takes::Article | Takes::Outage => {
            let most = field.max_chars.clamp(1, limits::BLOCK_TEXT_CHARS);
            let mut element = json!({
                "type": "plain_text_input", "multiline": field.takes == Takes::Text, "max_length": most,
            });
            if !field.words().is_empty() {
                element["initial_value"] = json!(cut(field.words(), most));
            }
            element
        }
    };
    element["action_id"] = json!(field.id);
    if !field.hint.trim().is_empty() && !matches!(field.takes, Takes::Flag | Takes::Files) {
        element["placeholder"] = plain_text(&field.hint, HINT_CHARS);
    }
    element
}

/// Returns the origin of a submitted form; an empty one if the form is not this program's.
pub(super) fn origin(view: &Value) -> Origin {
    match text_of(&view["private_metadata"]).map(serde_json::from_str) {
        Some(Ok(origin)) if view["callback_id"] == CALLBACK_ID => origin,
        _ => Origin::default(),
    }
}

/// Returns the submitted values by field. `named` turns an account's id into a person.
pub(super) fn given(view: &Value, named: impl Fn(&str) -> Person) -> Given {
    // Slack sends an empty field as null. It is given as empty text, so that it replaces a value of the draft.
    let text = |value: &Value| Arg::text(value.as_str().unwrap_or_default());
    let mut given = Given::new();
    for block in view["state"]["values"].as_object().into_iter().flat_map(Map::values) {
        for (field, entered) in block.as_object().into_iter().flatten() {
            let value = match entered["type"].as_str().unwrap_or_default() {
                "static_select" => text(&entered["selected_option"]["value"]),
                "file_input" => Arg::Files(files(&entered["files"])),
                "users_select" => {
                    text_of(&entered["selected_user"]).map_or_else(|| Arg::text(""), |user| Arg::Person(named(user)))
                }
                "checkboxes" => {
                    let chosen = entered["selected_options"].as_array().into_iter().flatten();
                    Arg::Flag(chosen.into_iter().any(|option| option["value"] == SET))
                }
                _ => text(&entered["value"]),
            };
            given.insert(field.clone(), value);
        }
    }
    given
}

/// Returns the ids of the people who are selected in a submitted form.
pub(super) fn people_in(view: &Value) -> Vec<String> {
    let blocks = view["state"]["values"].as_object().into_iter().flat_map(Map::values);
    let fields = blocks.filter_map(Value::as_object).flat_map(Map::values);
    fields.filter_map(|entered| text_of(&entered["selected_user"])).map(str::to_owned).collect()
}

/// Returns, by field, the texts that Slack shows beside faulty fields. (Slack's own check of a required field demands
/// only one character.)
pub(super) fn at_fields(faults: &[Fault]) -> Map<String, Value> {
    faults.iter().map(|fault| (fault.param.to_owned(), json!(plain(&text::faulty_field(fault))))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::inbound::person;
    use super::*;
    use crate::domain::ids::{Conversation, PlatformName, Tenant, TicketKey, TicketTag};
    use crate::domain::when::Now;
    use crate::intake;

    #[test]
    fn a_form_comes_back_to_where_it_was_opened() {
        let spec = intake::acts().find(|spec| spec.name == "resolve").expect("it is an act");
        let does = spec.on(TicketTag::from(TicketKey::new("IT", 7)));
        let begun = Given::from([("resolution".to_owned(), Arg::text("it <was> the fuser"))]);
        let form = Form::of(spec, &does, &begun).expect("it has a form");
        let place = Place {
            tenant: Tenant { platform: PlatformName::Slack, id: "T1".to_owned() },
            at: Conversation::Thread { channel: "C1".to_owned(), root: "5.000001".to_owned() },
        };
        let mut view = view(&form, &place, None);
        let origin: Origin = serde_json::from_str(view["private_metadata"].as_str().expect("text")).expect("an origin");
        assert_eq!(origin.form.parse(), Ok(does));
        assert_eq!((origin.channel.as_deref(), origin.thread.as_deref()), (Some("C1"), Some("5.000001")));
        let element = &view["blocks"][0]["element"];
        assert_eq!(element["initial_value"], "it <was> the fuser");

        let field = form.fields[0].id;
        view["state"] = json!({"values": {field: {field: {"type": "plain_text_input", "value": " \n "}}}});
        let now = Now::named(jiff::Timestamp::UNIX_EPOCH, "UTC");
        let faults = spec.check(&given(&view, |user| person(user, None)), &now).expect_err("it is empty");
        assert!(at_fields(&faults).contains_key(field));
        let file =
            json!({"id": "F1", "name": "a.png", "permalink": "https://acme.slack.com/files/U1/F1/a.png", "size": 12});
        view["state"]["values"]["log"] = json!({"log": {"type": "file_input", "files": [file]}});
        let named = given(&view, |user| person(user, None));
        assert!(
            matches!(&named["log"], Arg::Files(files) if files.len() == 1 && files[0].name == "a.png"),
            "{named:?}"
        );
        view["state"]["values"][field][field]["value"] = json!(" done ");
        assert_eq!(
            spec.check(&given(&view, |user| person(user, None)), &now).expect("it is filled in").text(field),
            "done"
        );
    }
}
