//! Forms: building Discord's modals, and reading the submitted values.
//!
//! Source: <https://docs.discord.com/developers/components/reference>.

use serde_json::{Value, json};
use serenity::model::id::UserId;

use super::payload::{id, list};
use super::render;
use crate::domain::act::{Given, MOST_FILES, Takes, Value as Arg};
use crate::domain::event::{Asks, File};
use crate::domain::form::{Field, Form, Page};
use crate::domain::ids::Person;
use crate::domain::limits::discord as limits;

// Discord's numbers for the types of components.
const MENU: u8 = 3;
const TEXT_INPUT: u8 = 4;
const PERSON_MENU: u8 = 5;
const LABEL: u8 = 18;
const FILE_UPLOAD: u8 = 19;
const CHECKBOX: u8 = 23;

/// Marks a page of a form in its `custom_id`, before the page number.
const PAGE: char = 'p';
/// The largest number of characters of a field's hint.
const HINT_CHARS: usize = 100;

/// Returns the modal for a form, or for a page of it.
pub(super) fn modal(form: &Form) -> Value {
    let page = form.page.map(|page| format!("~{PAGE}{page}")).unwrap_or_default();
    let rows = form.fields.iter().take(limits::MODAL_INPUTS).map(|field| {
        let mut label = json!({
            "type": LABEL, "label": render::shortened(&field.label, limits::MODAL_TITLE_CHARS), "component": input(field),
        });
        // Text inputs show the hint as their placeholder.
        if !field.hint.is_empty() && !matches!(field.takes, Takes::Text | Takes::Date | Takes::Future) {
            label["description"] = json!(render::shortened(&field.hint, HINT_CHARS));
        }
        label
    });
    json!({
        "custom_id": format!("{}{page}", form.does),
        "title": render::shortened(&form.title, limits::MODAL_TITLE_CHARS),
        "components": rows.collect::<Vec<_>>(),
    })
}

/// Returns the input component of a field.
fn input(field: &Field) -> Value {
    let mut input = json!({ "custom_id": field.id, "required": field.required });
    match field.takes {
        Takes::Choice(options) => {
            input["type"] = json!(MENU);
            let option = |(value, label): &(&str, &str)| json!({ "label": label, "value": value, "default": *value == field.words() });
            input["options"] = options.iter().take(limits::OPTIONS).map(option).collect();
        }
        Takes::Person => {
            input["type"] = json!(PERSON_MENU);
            if let Some(person) = field.value.as_ref().and_then(Arg::person) {
                input["default_values"] = json!([{ "id": person.who.id, "type": "user" }]);
            }
        }
        Takes::Flag => {
            let is_set = field.value == Some(Arg::Flag(true));
            return json!({ "type": CHECKBOX, "custom_id": field.id, "default": is_set });
        }
        Takes::Files => {
            input["type"] = json!(FILE_UPLOAD);
            input["min_values"] = json!(u8::from(field.required));
            input["max_values"] = json!(MOST_FILES);
        }
        Takes::Text | Takes::Date | Takes::Future | Takes::Ticket | Takes::Message | Takes::Article | Takes::Outage => {
            let max_length = field.max_chars.clamp(1, limits::INPUT_CHARS);
            input["type"] = json!(TEXT_INPUT);
            input["style"] = json!(if field.takes == Takes::Text { 2 } else { 1 });
            input["max_length"] = json!(max_length);
            if !field.hint.is_empty() {
                input["placeholder"] = json!(render::shortened(&field.hint, HINT_CHARS));
            }
            if !field.words().is_empty() {
                input["value"] = json!(render::shortened(field.words(), max_length));
            }
        }
    }
    input
}

/// Turns the act of a submitted modal into a page of its form, if the form has several pages.
pub(super) fn paged(data: &Value, asks: Asks) -> Asks {
    let Asks::Act { does, given } = asks else { return asks };
    let mut marks = data["custom_id"].as_str().unwrap_or_default().split('~').skip(1);
    match marks.find_map(|mark| mark.strip_prefix(PAGE)?.parse::<Page>().ok()) {
        Some(page) => Asks::Page { does, given, page: page.number, is_last: page.is_last() },
        None => Asks::Act { does, given },
    }
}

/// Looks up people and files that an interaction names by their ids.
pub(super) trait Named {
    /// Returns a person whom the interaction names.
    fn person(&self, user: UserId) -> Option<Person>;
    /// Returns a file that was sent with the interaction.
    fn file(&self, id: &Value) -> Option<File>;
}

/// Adds the values of a form's inputs to `given`. The inputs may be nested in rows and labels.
pub(super) fn gather(components: &Value, named: &impl Named, given: &mut Given) {
    for component in list(components) {
        if let (Some(name), Some(value)) = (component["custom_id"].as_str(), entered(component, named)) {
            given.insert(name.to_owned(), value);
        }
        gather(&component["components"], named, given);
        if component["component"].is_object() {
            gather(&Value::Array(vec![component["component"].clone()]), named, given);
        }
    }
}

/// Returns the value of one input.
fn entered(component: &Value, named: &impl Named) -> Option<Arg> {
    // An empty choice is a value, too: it replaces an earlier choice.
    let nothing = || Some(Arg::text(""));
    let values = list(&component["values"]);
    let chosen = values.first();
    match component["type"].as_u64().and_then(|kind| u8::try_from(kind).ok())? {
        PERSON_MENU => {
            chosen.map_or_else(nothing, |chosen| id(chosen).and_then(|user| named.person(user)).map(Arg::Person))
        }
        FILE_UPLOAD => Some(Arg::Files(values.iter().filter_map(|id| named.file(id)).collect())),
        MENU => chosen.map_or_else(nothing, |chosen| chosen.as_str().map(Arg::text)),
        CHECKBOX => component["value"].as_bool().map(Arg::Flag),
        _ => component["value"].as_str().map(Arg::text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory;
    use super::super::interact::carried;
    use super::*;

    /// Knows every user as this person, and this file by the id 7.
    struct Known(Person, File);

    impl Named for Known {
        fn person(&self, _: UserId) -> Option<Person> {
            Some(self.0.clone())
        }

        fn file(&self, id: &Value) -> Option<File> {
            (id == "7").then(|| self.1.clone())
        }
    }

    #[test]
    fn a_form_fits_discords_limits() {
        let field = |id, takes| Field {
            id,
            takes,
            label: "x".repeat(60),
            hint: "Say it".to_owned(),
            required: true,
            value: None,
            max_chars: 9_000,
        };
        let form = Form {
            does: "reply:IT-7".parse().expect("an act"),
            title: "Reply".to_owned(),
            submit: "Send".to_owned(),
            fields: vec![
                field("text", Takes::Text),
                field("level", Takes::Choice(&[("P1", "critical"), ("P2", "high")])),
                field("to", Takes::Person),
                field("loud", Takes::Flag),
                field("log", Takes::Files),
            ],
            page: None,
        };
        let seven = Form { fields: [form.fields.clone(), form.fields[..2].to_vec()].concat(), ..form.clone() };
        let second = modal(&seven.page(1, limits::MODAL_INPUTS));
        assert_eq!((&second["custom_id"], &second["title"]), (&json!("reply:IT-7~p1/2"), &json!("Reply (2 of 2)")));
        assert_eq!(second["components"].as_array().map(Vec::len), Some(2));
        let Asks::Page { does, page, is_last, .. } = paged(&second, carried(&second, Given::new())) else {
            panic!("no page");
        };
        assert_eq!((does, page, is_last), (form.does.clone(), 1, true), "the page is read back");
        let modal = modal(&form);
        assert_eq!(modal["custom_id"], "reply:IT-7");
        assert!(matches!(paged(&modal, carried(&modal, Given::new())), Asks::Act { .. }), "a whole form is no page");
        let labels = modal["components"].as_array().expect("labels");
        assert_eq!(labels[0]["label"].as_str().map(|label| label.chars().count()), Some(45));
        let types: Vec<_> = labels.iter().map(|label| label["component"]["type"].as_u64()).collect();
        assert_eq!(types, [4, 3, 5, 23, 19].map(Some));
        let input = &labels[0]["component"];
        assert_eq!((&input["max_length"], input.get("value")), (&json!(4_000), None));
        assert_eq!(labels[1]["description"], "Say it");
    }

    #[test]
    fn what_was_filled_in_is_read_from_whatever_it_lies_in() {
        let sent = json!([
            { "type": 18, "id": 1, "component": { "type": 4, "id": 2, "custom_id": "text", "value": " words " } },
            { "type": 18, "id": 3, "component": { "type": 3, "id": 4, "custom_id": "level", "values": ["P2"] } },
            { "type": 18, "id": 5, "component": { "type": 5, "id": 6, "custom_id": "to", "values": ["5"] } },
            { "type": 18, "id": 7, "component": { "type": 23, "id": 8, "custom_id": "loud", "value": true } },
            { "type": 18, "id": 9, "component": { "type": 3, "id": 10, "custom_id": "none", "values": [] } },
            { "type": 18, "id": 11, "component": { "type": 19, "id": 12, "custom_id": "log", "values": ["7", "8"] } },
            { "type": 1, "components": [{ "type": 4, "custom_id": "old", "value": "row" }] },
        ]);
        let mut given = Given::new();
        let mia = directory::person(UserId::new(5), "Mia", None, None);
        let sheet = File { name: "a.png".to_owned(), url: "https://x/a".to_owned(), bytes: 12 };
        gather(&sent, &Known(mia.clone(), sheet.clone()), &mut given);
        let expected = [
            ("text", Arg::text(" words ")),
            ("level", Arg::text("P2")),
            ("to", Arg::Person(mia)),
            ("loud", Arg::Flag(true)),
            ("none", Arg::text("")),
            ("log", Arg::Files(vec![sheet])),
            ("old", Arg::text("row")),
        ];
        assert_eq!(given, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }
}
