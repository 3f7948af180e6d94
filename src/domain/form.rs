//! Forms, as data: which fields, which limits. The adapters open them; what is sent is an event.

use super::act::{ActRef, Given, Param, Spec, SubjectRef, Takes, Value};

/// The most characters of a field.
const MAX_FIELD_CHARS: usize = 3_000;

/// A form to open: texts are the bot's own, but for the `value`s, which may be people's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Comes back when it is sent.
    pub does: ActRef,
    /// Its title, at most 24 characters (Slack).
    pub title: String,
    /// What the sending button says, at most 24 characters.
    pub submit: String,
    /// Its fields, at most five (Discord).
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Names it among what is given.
    pub id: &'static str,
    /// What it takes; what no field can take is not asked for.
    pub takes: Takes,
    /// What it asks, at most 45 characters (Discord).
    pub label: String,
    /// Grey words in the empty field, at most 100 characters.
    pub hint: String,
    /// Must be filled in.
    pub required: bool,
    /// The words, or the value of the choice, that stand in it at first.
    pub value: String,
    /// Most characters, at most 3,000 (Slack) and 4,000 (Discord).
    pub max_chars: usize,
}

impl Form {
    /// The form of an act, if it has one. `begun` is what stands in its fields at first.
    #[must_use]
    pub fn of(spec: &Spec, does: &ActRef, begun: &Given) -> Option<Self> {
        let words = spec.form?;
        // Opened at a message, it is not known yet which ticket it is about.
        let title = match &does.on {
            Some(SubjectRef::Ticket(tag)) => words.title.replace("{key}", &tag.key.to_string()),
            None => spec.menu.unwrap_or(spec.label).to_owned(),
        };
        let field = |param: &Param| Field {
            id: param.name,
            label: param.asks.to_owned(),
            takes: param.takes,
            hint: param.hint.to_owned(),
            required: param.is_required,
            value: match begun.get(param.name) {
                Some(Value::Text(text)) => text.chars().take(MAX_FIELD_CHARS).collect(),
                _ => String::new(),
            },
            max_chars: MAX_FIELD_CHARS,
        };
        Some(Self {
            does: does.clone(),
            title,
            submit: words.submit.to_owned(),
            fields: spec.takes.iter().filter(|param| param.takes.is_field()).map(field).collect(),
        })
    }
}
