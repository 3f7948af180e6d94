//! Buttons, menus and forms: checks of Discord's rules, and the views of people.
//!
//! Source: <https://docs.discord.com/developers/components/reference>.

use std::collections::HashSet;

use serde_json::Value;

use super::errors::Wrong;
use crate::domain::limits::discord as platform;
use crate::sandbox::{ControlKind, ControlView, FormField, OptionView};

/// Checks the rows of a message.
pub fn check_rows(rows: &[Value], wrong: &mut Wrong) {
    if rows.len() > platform::ROWS {
        wrong.add("components", "BASE_TYPE_BAD_LENGTH", "Must be 5 or fewer in length.");
    }
    let mut seen = HashSet::new();
    for (at, row) in rows.iter().enumerate() {
        let path = format!("components.{at}");
        if row["type"] != 1 {
            wrong.add(&format!("{path}.type"), "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,).");
            continue;
        }
        let Some(inner) = row["components"].as_array().filter(|inner| !inner.is_empty()) else {
            wrong.add(&format!("{path}.components"), "BASE_TYPE_REQUIRED", "This field is required");
            continue;
        };
        let selects = inner.iter().filter(|component| component["type"] != 2).count();
        if inner.len() > platform::BUTTONS_PER_ROW || (selects > 0 && inner.len() > 1) {
            let most = if selects > 0 { 1 } else { platform::BUTTONS_PER_ROW };
            let message = format!("Must be between 1 and {most} in length.");
            wrong.add(&format!("{path}.components"), "BASE_TYPE_BAD_LENGTH", &message);
        }
        for (at, component) in inner.iter().enumerate() {
            let path = format!("{path}.components.{at}");
            check_component(component, &path, wrong);
            if let Some(id) = component["custom_id"].as_str()
                && !seen.insert(id)
            {
                let message = "Component custom id cannot be duplicated";
                wrong.add(&format!("{path}.custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
            }
        }
    }
}

fn check_component(component: &Value, path: &str, wrong: &mut Wrong) {
    match component["type"].as_u64() {
        Some(2) => check_button(component, path, wrong),
        Some(kind @ (3 | 5 | 6 | 7 | 8)) => check_select(component, kind, path, wrong),
        _ => {
            let message = "Value of field \"type\" must be one of (2, 3, 5, 6, 7, 8).";
            wrong.add(&format!("{path}.type"), "UNION_TYPE_CHOICES", message);
        }
    }
}

fn check_button(button: &Value, path: &str, wrong: &mut Wrong) {
    let label = button["label"].as_str();
    if let Some(label) = label {
        wrong.length(&format!("{path}.label"), chars(label), 0, platform::BUTTON_CHARS);
    }
    if label.is_none_or(str::is_empty) && !button["emoji"].is_object() {
        let message = "A button must have a label or an emoji.";
        wrong.add(path, "BUTTON_COMPONENT_INVALID_LABEL_AND_EMOJI", message);
    }
    match button["style"].as_u64() {
        Some(1..=4) => {
            check_custom_id(button, path, wrong);
            if button["url"].is_string() {
                let message = "A custom id and url cannot both be specified";
                wrong.add(&format!("{path}.url"), "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message);
            }
        }
        Some(5) => {
            let url = button["url"].as_str().unwrap_or_default();
            if url.is_empty() {
                wrong.add(&format!("{path}.url"), "BUTTON_COMPONENT_URL_REQUIRED", "A url is required");
            } else if !["http://", "https://", "discord://"].iter().any(|scheme| url.starts_with(scheme)) {
                let message = "Scheme must be one of ('http', 'https', 'discord').";
                wrong.add(&format!("{path}.url"), "URL_TYPE_INVALID_SCHEME", message);
            }
            if button["custom_id"].is_string() {
                let message = "A custom id and url cannot both be specified";
                wrong.add(&format!("{path}.url"), "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message);
            }
        }
        _ => wrong.add(&format!("{path}.style"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6)."),
    }
}

fn check_select(select: &Value, kind: u64, path: &str, wrong: &mut Wrong) {
    check_custom_id(select, path, wrong);
    if let Some(placeholder) = select["placeholder"].as_str() {
        wrong.length(&format!("{path}.placeholder"), chars(placeholder), 0, 150);
    }
    let least = select["min_values"].as_u64().unwrap_or(1);
    let most = select["max_values"].as_u64().unwrap_or(1);
    if least > 25 || !(1..=25).contains(&most) || least > most {
        let message = "Must be between 1 and 25, and not below min_values.";
        wrong.add(&format!("{path}.max_values"), "NUMBER_TYPE_MAX", message);
    }
    if kind != 3 {
        return;
    }
    let options = select["options"].as_array().map_or(&[][..], Vec::as_slice);
    wrong.length(&format!("{path}.options"), options.len(), 1, platform::OPTIONS);
    let mut seen = HashSet::new();
    for (at, option) in options.iter().enumerate() {
        let path = format!("{path}.options.{at}");
        let value = option["value"].as_str().unwrap_or_default();
        wrong.length(&format!("{path}.label"), option["label"].as_str().map_or(0, chars), 1, 100);
        wrong.length(&format!("{path}.value"), chars(value), 1, 100);
        wrong.length(&format!("{path}.description"), option["description"].as_str().map_or(0, chars), 0, 100);
        if !seen.insert(value) {
            let message = "The specified option value is already used";
            wrong.add(&format!("{path}.value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message);
        }
    }
}

/// Checks a modal against Discord's limits: its title, its `custom_id`, and its one to five components.
pub fn check_modal(modal: &Value, wrong: &mut Wrong) {
    check_custom_id(modal, "data", wrong);
    let title = modal["title"].as_str().map_or(0, chars);
    wrong.length("data.title", title, 1, platform::MODAL_TITLE_CHARS);
    let rows = modal["components"].as_array().map_or(&[][..], Vec::as_slice);
    wrong.length("data.components", rows.len(), 1, platform::MODAL_INPUTS);
    let mut seen = HashSet::new();
    for (at, row) in rows.iter().enumerate() {
        let path = format!("data.components.{at}");
        let (input, path) = match row["type"].as_u64() {
            Some(1) => {
                let inner = row["components"].as_array().map_or(&[][..], Vec::as_slice);
                if inner.len() != 1 || inner[0]["type"] != 4 {
                    let message = "A form's row holds exactly one text input here.";
                    wrong.add(&format!("{path}.components"), "UNION_TYPE_CHOICES", message);
                    continue;
                }
                wrong.length(
                    &format!("{path}.components.0.label"),
                    text_chars(&inner[0]["label"]),
                    1,
                    platform::MODAL_TITLE_CHARS,
                );
                (&inner[0], format!("{path}.components.0"))
            }
            Some(18) => {
                wrong.length(&format!("{path}.label"), text_chars(&row["label"]), 1, platform::MODAL_TITLE_CHARS);
                if !row["description"].is_null() {
                    wrong.length(&format!("{path}.description"), text_chars(&row["description"]), 1, 100);
                }
                (&row["component"], format!("{path}.component"))
            }
            Some(10) => {
                wrong.length(&format!("{path}.content"), text_chars(&row["content"]), 1, platform::INPUT_CHARS);
                continue;
            }
            _ => {
                let message = "Value of field \"type\" must be one of (1, 10, 18).";
                wrong.add(&format!("{path}.type"), "UNION_TYPE_CHOICES", message);
                continue;
            }
        };
        check_in_modal(input, &path, wrong);
        if let Some(id) = input["custom_id"].as_str()
            && !seen.insert(id)
        {
            let message = "Component custom id cannot be duplicated";
            wrong.add(&format!("{path}.custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
        }
    }
}

/// Checks one input of a form.
fn check_in_modal(input: &Value, path: &str, wrong: &mut Wrong) {
    match input["type"].as_u64() {
        Some(4) => check_input(input, path, wrong),
        Some(kind @ (3 | 5 | 6 | 7 | 8)) => check_select(input, kind, path, wrong),
        Some(21 | 22) => {
            check_custom_id(input, path, wrong);
            let options = input["options"].as_array().map_or(0, Vec::len);
            let least = if input["type"] == 21 { 2 } else { 1 };
            wrong.length(&format!("{path}.options"), options, least, 10);
        }
        Some(19) => {
            check_custom_id(input, path, wrong);
            let (least, most) = (input["min_values"].as_u64().unwrap_or(1), input["max_values"].as_u64().unwrap_or(1));
            if least > 10 || !(1..=10).contains(&most) || least > most {
                let message = "Must be between 1 and 10, and not below min_values.";
                wrong.add(&format!("{path}.max_values"), "NUMBER_TYPE_MAX", message);
            }
        }
        Some(23) => check_custom_id(input, path, wrong),
        _ => {
            let message = "Value of field \"type\" must be one of (3, 4, 5, 6, 7, 8, 19, 21, 22, 23).";
            wrong.add(&format!("{path}.type"), "UNION_TYPE_CHOICES", message);
        }
    }
}

fn text_chars(text: &Value) -> usize {
    text.as_str().map_or(0, chars)
}

fn check_input(input: &Value, path: &str, wrong: &mut Wrong) {
    check_custom_id(input, path, wrong);
    wrong.length(&format!("{path}.placeholder"), input["placeholder"].as_str().map_or(0, chars), 0, 100);
    if !matches!(input["style"].as_u64(), Some(1 | 2)) {
        wrong.add(&format!("{path}.style"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2).");
    }
    let (least, most) = input_bounds(input);
    if least > platform::INPUT_CHARS || !(1..=platform::INPUT_CHARS).contains(&most) || least > most {
        let message = "Must be between 1 and 4000, and not below min_length.";
        wrong.add(&format!("{path}.max_length"), "NUMBER_TYPE_MAX", message);
    }
    wrong.length(&format!("{path}.value"), input["value"].as_str().map_or(0, chars), 0, most);
}

/// Returns the fewest and the most characters that a text input takes.
pub fn input_bounds(input: &Value) -> (usize, usize) {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    (number(&input["min_length"]).unwrap_or(0), number(&input["max_length"]).unwrap_or(platform::INPUT_CHARS))
}

fn check_custom_id(component: &Value, path: &str, wrong: &mut Wrong) {
    let id = component["custom_id"].as_str().map_or(0, chars);
    wrong.length(&format!("{path}.custom_id"), id, 1, platform::CUSTOM_ID_CHARS);
}

/// Returns the length of a text in Unicode code points, as the sandbox counts Discord's limits.
pub fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Returns the components of all rows.
pub fn flat(rows: &[Value]) -> impl Iterator<Item = &Value> {
    rows.iter().flat_map(|row| row["components"].as_array().into_iter().flatten())
}

/// Returns the buttons and menus as people see them, without disabled ones.
pub fn controls(rows: &[Value]) -> Vec<ControlView> {
    let enabled = flat(rows).filter(|component| component["disabled"] != true);
    enabled.map(control).collect()
}

fn control(component: &Value) -> ControlView {
    let text = |field: &str| component[field].as_str().unwrap_or_default().to_owned();
    match component["type"].as_u64() {
        Some(2) => {
            let link = component["style"] == 5;
            let style = match component["style"].as_u64() {
                Some(1 | 3) => "primary",
                Some(4) => "danger",
                _ => "",
            };
            let emoji = component["emoji"]["name"].as_str().map(|emoji| format!("{emoji} ")).unwrap_or_default();
            ControlView {
                id: text(if link { "url" } else { "custom_id" }),
                label: format!("{emoji}{}", text("label")).trim().to_owned(),
                style: style.to_owned(),
                kind: if link { ControlKind::Link } else { ControlKind::Button },
                options: Vec::new(),
            }
        }
        kind => {
            let options = component["options"].as_array().into_iter().flatten().map(|option| OptionView {
                label: option["label"].as_str().unwrap_or_default().to_owned(),
                value: option["value"].as_str().unwrap_or_default().to_owned(),
            });
            ControlView {
                id: text("custom_id"),
                label: text("placeholder"),
                style: String::new(),
                kind: if kind == Some(3) { ControlKind::Select } else { ControlKind::PersonSelect },
                options: options.collect(),
            }
        }
    }
}

/// Returns the inputs of a form, each with its label.
pub fn inputs(rows: &[Value]) -> impl Iterator<Item = (&Value, &Value)> {
    rows.iter().filter_map(|row| match row["type"].as_u64() {
        Some(18) => Some((&row["component"], &row["label"])),
        Some(1) => row["components"].get(0).map(|input| (input, &input["label"])),
        _ => None,
    })
}

/// Returns the fields of a form as people see them.
pub fn fields(rows: &[Value]) -> Vec<FormField> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let field = |(input, label): (&Value, &Value)| {
        let options = input["options"].as_array().map_or(&[][..], Vec::as_slice);
        let preset = options.iter().find(|option| option["default"] == true).map(|option| &option["value"]);
        let mut options: Vec<OptionView> = options
            .iter()
            .map(|option| OptionView { label: text(&option["label"]), value: text(&option["value"]) })
            .collect();
        if input["type"] == 23 {
            options = [("Yes", "true"), ("No", "false")]
                .map(|(label, value)| OptionView { label: label.to_owned(), value: value.to_owned() })
                .to_vec();
        }
        FormField {
            id: text(&input["custom_id"]),
            label: text(label),
            multiline: input["style"] == 2,
            optional: input["required"] == false || input["type"] == 23,
            value: text(preset.unwrap_or(&input["value"])),
            options,
            person: input["type"] == 5,
            error: None,
        }
    };
    inputs(rows).map(field).collect()
}
