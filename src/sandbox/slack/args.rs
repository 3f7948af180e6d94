//! The arguments of a call, from its query, form or JSON.

use axum::http::{HeaderMap, Method, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::api::Refusal;

/// The arguments and the token of a call.
#[derive(Default)]
pub(super) struct Args {
    fields: Map<String, Value>,
    pub token: Option<String>,
}

impl Args {
    /// Reads the arguments of a request.
    ///
    /// # Errors
    /// Slack's error for a body that cannot be read.
    pub(super) fn read(method: &Method, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let mut args = Self::default();
        args.form(query.as_bytes());
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if method == Method::POST && !body.is_empty() {
            match content_type.as_str() {
                "application/json" => match serde_json::from_slice::<Value>(body) {
                    Ok(Value::Object(fields)) => {
                        args.fields.extend(fields.into_iter().filter(|(key, _)| key != "token"))
                    }
                    Ok(_) => return Err(Refusal::of("json_not_object")),
                    Err(_) => return Err(Refusal::of("invalid_json")),
                },
                "application/x-www-form-urlencoded" => args.form(body),
                "" => return Err(Refusal::of("missing_post_type")),
                _ => return Err(Refusal::of("invalid_post_type")),
            }
        }
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
            args.token = Some(token.trim().to_owned());
        }
        Ok(args)
    }

    fn form(&mut self, encoded: &[u8]) {
        for (key, value) in form_urlencoded::parse(encoded) {
            if key == "token" {
                self.token = Some(value.into_owned());
            } else {
                self.fields.insert(key.into_owned(), Value::String(value.into_owned()));
            }
        }
    }

    /// Creates arguments from the answer in an acknowledgement.
    pub(super) fn of(fields: Map<String, Value>) -> Self {
        Self { fields, token: None }
    }

    /// Returns all arguments as they came.
    pub(super) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Returns an argument as text, also a number or a yes or no; `None` if it is absent or empty.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.fields.get(key)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// Returns the text of an argument that must be there.
    ///
    /// # Errors
    /// `invalid_arguments`, if it is absent or empty.
    pub(super) fn required(&self, key: &str) -> Result<String, Refusal> {
        self.text(key)
            .ok_or_else(|| Refusal::of("invalid_arguments").saying([format!("[ERROR] missing required field: {key}")]))
    }

    /// Returns a yes or no; no if it is absent.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.text(key).is_some_and(|value| value == "true" || value == "1")
    }

    /// Returns a list that was given as an array or separated by commas.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        match self.fields.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns a JSON value that was given as such or as text; `None` if it is absent or empty, `Some(Null)` if the
    /// text cannot be parsed.
    pub(super) fn json(&self, key: &str) -> Option<Value> {
        match self.fields.get(key)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
            value => Some(value.clone()),
        }
    }

    /// Returns the number of items of a page; `default` if it is absent or 0.
    ///
    /// # Errors
    /// `invalid_limit`.
    pub(super) fn limit(&self, default: usize, most: usize) -> Result<usize, Refusal> {
        match self.text("limit") {
            None => Ok(default),
            Some(text) => match text.parse::<usize>() {
                Ok(0) => Ok(default),
                Ok(limit) if limit <= most => Ok(limit),
                _ => Err(Refusal::of("invalid_limit")),
            },
        }
    }

    /// Returns the place at which the page begins; `None` for the first page.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub(super) fn cursor(&self) -> Result<Option<String>, Refusal> {
        let Some(cursor) = self.text("cursor") else { return Ok(None) };
        let bytes = hex::decode(cursor.strip_suffix("==").unwrap_or_default()).ok();
        let place = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|place| !place.is_empty());
        place.map(Some).ok_or_else(|| Refusal::of("invalid_cursor"))
    }
}

/// Returns an opaque cursor for a place.
pub(super) fn cursor_for(place: &str) -> String {
    format!("{}==", hex::encode(place))
}
