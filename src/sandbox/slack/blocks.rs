//! Checks of Block Kit, as strict as Slack's (<https://docs.slack.dev/reference/block-kit/>).

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::ids::Mint;
use crate::domain::limits::slack;

/// The surface that blocks are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Message,
    Modal,
}

/// Checks `blocks`, and gives ids to the blocks and elements that have none.
///
/// # Errors
/// Slack's messages about the errors, each with its place.
pub(super) fn check(blocks: &Value, surface: Surface, mint: &mut Mint) -> Result<Vec<Value>, Vec<String>> {
    let mut checker = Checker { problems: Vec::new(), surface };
    let Some(blocks) = blocks.as_array() else {
        return Err(vec!["[ERROR] must be an array [json-pointer:/blocks]".to_owned()]);
    };
    let most = if surface == Surface::Modal { slack::MODAL_BLOCKS } else { slack::BLOCKS };
    if blocks.len() > most {
        checker.problem("/blocks", &format!("no more than {most} items allowed"));
    }
    let mut block_ids = HashSet::new();
    for (i, block) in blocks.iter().enumerate() {
        let at = format!("/blocks/{i}");
        checker.block(block, &at);
        if let Some(id) = block.get("block_id").and_then(Value::as_str)
            && !block_ids.insert(id)
        {
            checker.problem(&at, &format!("block_id `{id}` already exists"));
        }
    }
    let tables: Vec<&Value> = blocks.iter().filter(|block| block["type"] == "data_table").collect();
    if tables.iter().map(|table| text_chars(&table["rows"])).sum::<usize>() > slack::TABLE_CHARS {
        checker.problem("/blocks", &format!("tables have more than {} characters", slack::TABLE_CHARS));
    }
    if checker.problems.is_empty() {
        Ok(blocks.iter().map(|b| with_ids(b, mint)).collect())
    } else {
        Err(checker.problems)
    }
}

/// Checks a modal, and gives ids to the blocks and elements that have none.
///
/// # Errors
/// Slack's messages about the errors, each with its place.
pub(super) fn check_modal(view: &Value, mint: &mut Mint) -> Result<Value, Vec<String>> {
    const KEYS: &[&str] = &[
        "type",
        "title",
        "blocks",
        "close",
        "submit",
        "private_metadata",
        "callback_id",
        "clear_on_close",
        "notify_on_close",
        "external_id",
        "submit_disabled",
    ];
    let mut checker = Checker { problems: Vec::new(), surface: Surface::Modal };
    let Some(fields) = view.as_object() else {
        return Err(vec!["[ERROR] must be an object [json-pointer:/view]".into()]);
    };
    checker.keys(fields, KEYS, "/view");
    if fields.get("type").and_then(Value::as_str) != Some("modal") {
        checker.problem("/view/type", "must be `modal`");
    }
    checker.plain(fields.get("title"), slack::MODAL_TITLE_CHARS, true, "/view/title");
    let blocks = fields.get("blocks").cloned().unwrap_or_default();
    let has_input = blocks.as_array().is_some_and(|all| all.iter().any(|b| b["type"] == "input"));
    checker.plain(fields.get("submit"), slack::MODAL_TITLE_CHARS, has_input, "/view/submit");
    checker.plain(fields.get("close"), slack::MODAL_TITLE_CHARS, false, "/view/close");
    checker.string(fields.get("private_metadata"), slack::PRIVATE_METADATA_CHARS, "/view/private_metadata");
    checker.string(fields.get("callback_id"), slack::ACTION_ID_CHARS, "/view/callback_id");
    match check(&blocks, Surface::Modal, mint) {
        Ok(blocks) if checker.problems.is_empty() => {
            let mut view = fields.clone();
            view.insert("blocks".to_owned(), Value::Array(blocks));
            Ok(Value::Object(view))
        }
        Ok(_) => Err(checker.problems),
        Err(more) => Err(checker.problems.into_iter().chain(more).collect()),
    }
}

/// Returns the number of characters of all texts in these blocks.
pub(super) fn text_chars(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(text_chars).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) if key == "text" => text.chars().count(),
                value => text_chars(value),
            })
            .sum(),
        _ => 0,
    }
}

/// Returns the interactive elements of a block.
pub(super) fn elements(block: &Value) -> Vec<&Value> {
    match block["type"].as_str() {
        Some("actions" | "context_actions") => {
            block["elements"].as_array().map(|all| all.iter().collect()).unwrap_or_default()
        }
        Some("section") => block.get("accessory").into_iter().filter(|a| a.get("action_id").is_some()).collect(),
        Some("input") => block.get("element").into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns the options of a select, also those in groups.
pub(super) fn options(element: &Value) -> Vec<&Value> {
    let plain = element["options"].as_array().into_iter().flatten();
    let grouped = element["option_groups"].as_array().into_iter().flatten();
    plain.chain(grouped.flat_map(|group| group["options"].as_array().into_iter().flatten())).collect()
}

fn with_ids(block: &Value, mint: &mut Mint) -> Value {
    let mut block = block.clone();
    if block.get("block_id").is_none() {
        block["block_id"] = json!(mint.random("", 5));
    }
    let mut give = |element: &mut Value| {
        if element.is_object() && element["type"] != "image" && element.get("action_id").is_none() {
            element["action_id"] = json!(mint.random("", 5));
        }
    };
    match block["type"].as_str() {
        Some("actions" | "context_actions") => {
            block["elements"].as_array_mut().into_iter().flatten().for_each(give);
        }
        Some("section") => block.get_mut("accessory").into_iter().for_each(give),
        Some("input") => block.get_mut("element").into_iter().for_each(&mut give),
        _ => {}
    }
    block
}

struct Checker {
    problems: Vec<String>,
    surface: Surface,
}

impl Checker {
    fn problem(&mut self, at: &str, what: &str) {
        self.problems.push(format!("[ERROR] {what} [json-pointer:{at}]"));
    }

    fn keys(&mut self, fields: &Map<String, Value>, known: &[&str], at: &str) {
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            self.problem(at, &format!("invalid additional property: {key}"));
        }
    }

    fn string(&mut self, value: Option<&Value>, most: usize, at: &str) {
        match value {
            None => {}
            Some(Value::String(text)) if text.chars().count() <= most => {}
            Some(Value::String(_)) => self.problem(at, &format!("must be no more than {most} characters")),
            Some(_) => self.problem(at, "must be a string"),
        }
    }

    /// Checks a `plain_text` object.
    fn plain(&mut self, value: Option<&Value>, most: usize, required: bool, at: &str) {
        match value {
            None if required => self.problem(at, "missing required field"),
            None => {}
            Some(value) if value["type"] != "plain_text" => self.problem(at, "must be a plain_text object"),
            Some(value) => self.text(value, most, at),
        }
    }

    /// Checks a `plain_text` or `mrkdwn` object.
    fn text(&mut self, value: &Value, most: usize, at: &str) {
        let Some(fields) = value.as_object() else { return self.problem(at, "must be an object") };
        match fields.get("type").and_then(Value::as_str) {
            Some("plain_text") => self.keys(fields, &["type", "text", "emoji"], at),
            Some("mrkdwn") => self.keys(fields, &["type", "text", "verbatim"], at),
            _ => return self.problem(at, "unsupported type of text"),
        }
        match fields.get("text").and_then(Value::as_str) {
            None => self.problem(at, "missing required field: text"),
            Some("") => self.problem(at, "must be more than 0 characters"),
            Some(text) if text.chars().count() > most => {
                self.problem(at, &format!("must be less than {} characters", most + 1));
            }
            Some(_) => {}
        }
    }

    fn block(&mut self, block: &Value, at: &str) {
        let Some(fields) = block.as_object() else { return self.problem(at, "must be an object") };
        self.string(fields.get("block_id"), slack::ACTION_ID_CHARS, &format!("{at}/block_id"));
        match fields.get("type").and_then(Value::as_str).unwrap_or_default() {
            "section" => self.section(fields, at),
            "context" => {
                self.keys(fields, &["type", "block_id", "elements"], at);
                for (i, element) in self.array(fields, "elements", 10, at).iter().enumerate() {
                    let at = format!("{at}/elements/{i}");
                    if element["type"] == "image" { self.image(element, &at) } else { self.text(element, 3000, &at) }
                }
            }
            "header" => {
                self.keys(fields, &["type", "block_id", "text"], at);
                self.plain(fields.get("text"), 150, true, &format!("{at}/text"));
            }
            "divider" => self.keys(fields, &["type", "block_id"], at),
            "image" => self.image(block, at),
            "actions" => {
                self.keys(fields, &["type", "block_id", "elements"], at);
                let elements = self.array(fields, "elements", slack::ACTIONS, at);
                let mut ids = HashSet::new();
                for (i, element) in elements.iter().enumerate() {
                    let at = format!("{at}/elements/{i}");
                    self.element(element, &at);
                    if let Some(id) = element["action_id"].as_str()
                        && !ids.insert(id)
                    {
                        self.problem(&at, &format!("action_id `{id}` already exists"));
                    }
                }
            }
            "context_actions" if self.surface == Surface::Message => {
                self.keys(fields, &["type", "block_id", "elements"], at);
                for (i, element) in self.array(fields, "elements", slack::CONTEXT_ACTIONS, at).iter().enumerate() {
                    self.feedback(element, &format!("{at}/elements/{i}"));
                }
            }
            "data_table" if self.surface == Surface::Message => self.table(fields, at),
            "rich_text" => {
                self.keys(fields, &["type", "block_id", "elements"], at);
                const PARTS: &[&str] =
                    &["rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"];
                for (i, part) in self.array(fields, "elements", usize::MAX, at).iter().enumerate() {
                    if !part["type"].as_str().is_some_and(|kind| PARTS.contains(&kind)) || !part["elements"].is_array()
                    {
                        self.problem(&format!("{at}/elements/{i}"), "unsupported rich text element");
                    }
                }
            }
            "markdown" if self.surface == Surface::Message => {
                self.keys(fields, &["type", "block_id", "text"], at);
                self.string(fields.get("text").or(Some(&Value::Null)), 12_000, &format!("{at}/text"));
            }
            "input" => self.input(fields, at),
            other => self.problem(at, &format!("unsupported block type: {other}")),
        }
    }

    fn array<'a>(&mut self, fields: &'a Map<String, Value>, key: &str, most: usize, at: &str) -> &'a [Value] {
        let items = fields.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if items.is_empty() {
            self.problem(&format!("{at}/{key}"), "no fewer than 1 items required");
        } else if items.len() > most {
            self.problem(&format!("{at}/{key}"), &format!("no more than {most} items allowed"));
        }
        items
    }

    fn section(&mut self, fields: &Map<String, Value>, at: &str) {
        self.keys(fields, &["type", "block_id", "text", "fields", "accessory", "expand"], at);
        match (fields.get("text"), fields.contains_key("fields")) {
            (Some(text), _) => self.text(text, slack::BLOCK_TEXT_CHARS, &format!("{at}/text")),
            (None, false) => self.problem(at, "either text or fields is required"),
            (None, true) => {}
        }
        if fields.contains_key("fields") {
            for (i, field) in self.array(fields, "fields", 10, at).iter().enumerate() {
                self.text(field, 2000, &format!("{at}/fields/{i}"));
            }
        }
        if let Some(accessory) = fields.get("accessory") {
            let at = format!("{at}/accessory");
            if accessory["type"] == "image" { self.image(accessory, &at) } else { self.element(accessory, &at) }
        }
    }

    /// Checks feedback buttons (<https://docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element>).
    fn feedback(&mut self, element: &Value, at: &str) {
        let Some(fields) = element.as_object() else { return self.problem(at, "must be an object") };
        if fields.get("type").and_then(Value::as_str) != Some("feedback_buttons") {
            return self.problem(at, "unsupported type of element");
        }
        self.keys(fields, &["type", "action_id", "positive_button", "negative_button"], at);
        self.string(fields.get("action_id"), slack::ACTION_ID_CHARS, &format!("{at}/action_id"));
        for half in ["positive_button", "negative_button"] {
            let at = format!("{at}/{half}");
            let Some(button) = fields.get(half).and_then(Value::as_object) else {
                self.problem(&at, "missing required field");
                continue;
            };
            self.keys(button, &["text", "value", "accessibility_label"], &at);
            self.plain(button.get("text"), slack::BUTTON_CHARS, true, &format!("{at}/text"));
            self.string(button.get("value").or(Some(&Value::Null)), 2000, &format!("{at}/value"));
            self.string(button.get("accessibility_label"), 75, &format!("{at}/accessibility_label"));
        }
    }

    /// Checks a table (<https://docs.slack.dev/reference/block-kit/blocks/data-table-block>). Where the page gives two
    /// limits, the stricter one applies.
    fn table(&mut self, fields: &Map<String, Value>, at: &str) {
        self.keys(fields, &["type", "block_id", "caption", "rows", "page_size", "row_header_column_index"], at);
        match fields.get("caption").and_then(Value::as_str) {
            Some(caption) if !caption.is_empty() => {}
            _ => self.problem(at, "missing required field: caption"),
        }
        if fields.get("page_size").is_some_and(|size| size.as_u64().is_none_or(|size| !(1..=100).contains(&size))) {
            self.problem(&format!("{at}/page_size"), "must be between 1 and 100");
        }
        let rows = self.array(fields, "rows", slack::TABLE_ROWS, at);
        let width = rows.first().and_then(Value::as_array).map_or(0, Vec::len);
        for (i, row) in rows.iter().enumerate() {
            let at = format!("{at}/rows/{i}");
            let cells = row.as_array().map(Vec::as_slice).unwrap_or_default();
            if cells.is_empty() || cells.len() > slack::TABLE_COLUMNS || cells.len() != width {
                self.problem(&at, "every row must have as many cells, 1 to 20");
            }
            for (i, cell) in cells.iter().enumerate() {
                let is_number = cell["value"].is_number();
                let is_cell = match cell["type"].as_str() {
                    Some("raw_text") => true,
                    Some("raw_number") => is_number,
                    Some("rich_text") => true,
                    _ => false,
                };
                let is_said = cell["type"] == "rich_text" || cell["text"].as_str().is_some_and(|text| !text.is_empty());
                if !is_cell || !is_said {
                    self.problem(&format!("{at}/{i}"), "must be a cell with at least 1 character");
                }
            }
        }
    }

    fn input(&mut self, fields: &Map<String, Value>, at: &str) {
        self.keys(fields, &["type", "block_id", "label", "element", "hint", "optional", "dispatch_action"], at);
        self.plain(fields.get("label"), 2000, true, &format!("{at}/label"));
        self.plain(fields.get("hint"), 2000, false, &format!("{at}/hint"));
        match fields.get("element") {
            None => self.problem(at, "missing required field: element"),
            Some(element) if matches!(element["type"].as_str(), Some("button" | "overflow")) => {
                self.problem(&format!("{at}/element"), "unsupported type of element in an input block");
            }
            Some(element) => self.element(element, &format!("{at}/element")),
        }
    }

    fn image(&mut self, image: &Value, at: &str) {
        if !image["image_url"].is_string() && !image["slack_file"].is_object() {
            self.problem(at, "missing required field: image_url");
        }
        match image.get("alt_text") {
            None => self.problem(at, "missing required field: alt_text"),
            alt => self.string(alt, 2000, &format!("{at}/alt_text")),
        }
    }

    fn element(&mut self, element: &Value, at: &str) {
        let Some(fields) = element.as_object() else { return self.problem(at, "must be an object") };
        self.string(fields.get("action_id"), slack::ACTION_ID_CHARS, &format!("{at}/action_id"));
        self.plain(fields.get("placeholder"), 150, false, &format!("{at}/placeholder"));
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "button" => {
                let known = ["type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"];
                self.keys(fields, &known, at);
                self.plain(fields.get("text"), slack::BUTTON_CHARS, true, &format!("{at}/text"));
                self.string(fields.get("value"), 2000, &format!("{at}/value"));
                self.string(fields.get("url"), 3000, &format!("{at}/url"));
                if fields.get("style").is_some_and(|style| style != "primary" && style != "danger") {
                    self.problem(&format!("{at}/style"), "must be one of: primary, danger");
                }
            }
            "static_select" | "multi_static_select" => {
                if fields.contains_key("option_groups") {
                    for (i, group) in self.array(fields, "option_groups", 100, at).iter().enumerate() {
                        let at = format!("{at}/option_groups/{i}");
                        self.plain(group.get("label"), 75, true, &format!("{at}/label"));
                        if let Some(group) = group.as_object() {
                            self.options(group, 100, &at);
                        }
                    }
                } else {
                    self.options(fields, 100, at);
                }
            }
            "overflow" => self.options(fields, 5, at),
            "radio_buttons" | "checkboxes" => self.options(fields, 10, at),
            "plain_text_input" => {
                if at.contains("/elements/") || at.ends_with("/accessory") {
                    self.problem(at, "unsupported outside of an input block");
                }
                self.string(fields.get("initial_value"), 3000, &format!("{at}/initial_value"));
                for key in ["min_length", "max_length"] {
                    if fields.get(key).is_some_and(|n| n.as_u64().is_none_or(|n| n > 3000)) {
                        self.problem(&format!("{at}/{key}"), "must be between 0 and 3000");
                    }
                }
            }
            "file_input" => {
                if !at.ends_with("/element") {
                    self.problem(at, "unsupported outside of an input block");
                }
                if fields.get("max_files").is_some_and(|n| n.as_u64().is_none_or(|n| !(1..=10).contains(&n))) {
                    self.problem(&format!("{at}/max_files"), "must be between 1 and 10");
                }
            }
            "users_select"
            | "multi_users_select"
            | "conversations_select"
            | "multi_conversations_select"
            | "channels_select"
            | "multi_channels_select"
            | "external_select"
            | "multi_external_select"
            | "datepicker"
            | "timepicker"
            | "datetimepicker" => {}
            "number_input" | "email_text_input" | "url_text_input" | "rich_text_input" if at.ends_with("/element") => {}
            other => self.problem(at, &format!("unsupported type of element: {other}")),
        }
    }

    fn options(&mut self, fields: &Map<String, Value>, most: usize, at: &str) {
        for (i, option) in self.array(fields, "options", most, at).iter().enumerate() {
            let at = format!("{at}/options/{i}");
            if option["text"].is_object() {
                self.text(&option["text"], 75, &format!("{at}/text"));
            } else {
                self.problem(&at, "missing required field: text");
            }
            match option.get("value") {
                None => self.problem(&at, "missing required field: value"),
                value => self.string(value, 150, &format!("{at}/value")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(blocks: Value) -> Vec<String> {
        check(&blocks, Surface::Message, &mut Mint::new(1)).err().unwrap_or_default()
    }

    #[test]
    fn good_blocks_get_their_ids() {
        let blocks = json!([{"type": "actions", "elements": [
            {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Take it"}},
            {"type": "users_select", "action_id": "b"}]}]);
        let checked = check(&blocks, Surface::Message, &mut Mint::new(1)).expect("good");
        assert!(checked[0]["block_id"].is_string());
    }

    #[test]
    fn what_slack_refuses_is_refused() {
        let button = |id: &str, text: &str| json!({"type": "button", "action_id": id, "text": {"type": "plain_text", "text": text}});
        assert_eq!(problems(json!([{"type": "actions", "elements": [button("a", "x"), button("a", "y")]}])).len(), 1);
        assert_eq!(problems(json!([{"type": "actions", "elements": [button("a", &"x".repeat(76))]}])).len(), 1);
        assert_eq!(
            problems(json!([{"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(3001)}}])).len(),
            1
        );
        assert_eq!(
            problems(json!([{"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "colour": "red"}])).len(),
            1
        );
        assert_eq!(problems(json!([{"type": "sections"}])).len(), 1);
        let table = |rows: Value| json!([{"type": "data_table", "caption": "Articles", "rows": rows}]);
        let raw = |text: &str| json!({"type": "raw_text", "text": text});
        let number = json!({"type": "raw_number", "value": 3, "text": "3"});
        assert_eq!(problems(table(json!([[raw("Key"), raw("Shown")], [raw("KB-1"), number]]))).len(), 0);
        assert_eq!(problems(table(json!([[raw("Key"), raw("Shown")], [raw("KB-1")]]))).len(), 1);
        assert_eq!(problems(table(json!([[raw("")]]))).len(), 1);
        assert_eq!(problems(table(Value::Array(vec![json!([raw("x")]); 101]))).len(), 1);
        assert_eq!(problems(table(Value::Array(vec![json!([raw(&"x".repeat(200))]); 51]))).len(), 1);
        let half = |value: &str| json!({"text": {"type": "plain_text", "text": "Good"}, "value": value});
        let feedback = |element: Value| json!([{"type": "context_actions", "elements": [element]}]);
        let both = json!({"type": "feedback_buttons", "action_id": "a", "positive_button": half("1"), "negative_button": half("2")});
        assert_eq!(problems(feedback(both)).len(), 0);
        assert_eq!(problems(feedback(json!({"type": "feedback_buttons", "positive_button": half("1")}))).len(), 1);
        assert_eq!(problems(feedback(button("a", "x"))).len(), 1);
        assert_eq!(problems(Value::Array(vec![json!({"type": "divider"}); 51])).len(), 1);
    }
}
