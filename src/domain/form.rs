//! Forms as data: their fields and limits. The adapters open them; a submission is an event.

use std::fmt;
use std::str::FromStr;

use super::act::{ActRef, Given, Param, Spec, SubjectRef, Takes, Value};
use super::ids::UnknownName;

/// The greatest number of characters in a field.
pub const MAX_FIELD_CHARS: usize = 3_000;

/// A form to open. Its texts are the bot's own, except the initial values, which may be people's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The act, which comes back with the submission.
    pub does: ActRef,
    /// Its title: at most 24 characters (Slack) before a page number is added.
    pub title: String,
    /// The label of the submit button, at most 24 characters.
    pub submit: String,
    /// Its fields, or those of one page.
    pub fields: Vec<Field>,
    /// Which page this is, if the platform shows the form in several pages.
    pub page: Option<Page>,
}

/// A page of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its number, from 0.
    pub number: u8,
    /// The number of pages.
    pub of: u8,
}

/// One input of a [`Form`], with its texts and its initial value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name of the act's parameter that the field fills.
    pub id: &'static str,
    /// The kind of value that it takes.
    pub takes: Takes,
    /// The label, at most 45 characters (Discord).
    pub label: String,
    /// The placeholder in the empty field, at most 100 characters.
    pub hint: String,
    pub required: bool,
    pub value: Option<Value>,
    /// The greatest number of characters. The platforms allow 3,000 (Slack) and 4,000 (Discord).
    pub max_chars: usize,
}

impl Field {
    /// Returns the initial text, or the initial choice. Empty if there is none.
    #[must_use]
    pub fn words(&self) -> &str {
        match &self.value {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }
}

impl Page {
    /// Whether this is the last page.
    #[must_use]
    pub const fn is_last(self) -> bool {
        self.number.saturating_add(1) >= self.of
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Page {
    type Err = UnknownName;

    /// Reads the text of a [`Page`].
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (number, of) = text.split_once('/').ok_or(UnknownName)?;
        let read = |text: &str| text.parse().map_err(|_| UnknownName);
        Ok(Self { number: read(number)?, of: read(of)? })
    }
}

impl Form {
    /// Returns the form of an act, if it has one. `begun` are the initial values of its fields.
    #[must_use]
    pub fn of(spec: &Spec, does: &ActRef, begun: &Given) -> Option<Self> {
        let words = spec.form?;
        // If the form is opened from a message, its ticket is not known yet.
        let title = match &does.on {
            Some(SubjectRef::Ticket(tag)) => words.title.replace("{key}", &tag.key.to_string()),
            None if words.title.contains("{key}") => spec.menu.unwrap_or(spec.label).to_owned(),
            None => words.title.to_owned(),
        };
        let field = |param: &Param| Field {
            id: param.name,
            label: param.label.to_owned(),
            takes: param.takes,
            hint: param.hint.to_owned(),
            required: param.is_required,
            value: begun.get(param.name).map(|value| match value {
                Value::Text(text) => Value::Text(text.chars().take(MAX_FIELD_CHARS).collect()),
                other => other.clone(),
            }),
            max_chars: MAX_FIELD_CHARS,
        };
        // The form does not ask for an article or outage that the button carries.
        let is_asked = |param: &Param| {
            let is_carried = matches!(param.takes, Takes::Article | Takes::Outage) && does.carried.is_some();
            param.takes.is_field() && !is_carried
        };
        Some(Self {
            does: does.clone(),
            title,
            submit: words.submit.to_owned(),
            fields: spec.takes.iter().filter(|param| is_asked(param)).map(field).collect(),
            page: None,
        })
    }

    /// Returns the page of this number, from 0, with `fields` fields on a page. Returns the last page if the number is
    /// too great, and the whole form if it fits on one page.
    #[must_use]
    pub fn page(mut self, number: u8, fields: usize) -> Self {
        let of = u8::try_from(self.fields.len().div_ceil(fields)).unwrap_or(u8::MAX);
        if of > 1 {
            let number = number.min(of - 1);
            self.fields = self.fields.into_iter().skip(usize::from(number) * fields).take(fields).collect();
            self.title = format!("{} ({} of {of})", self.title, number + 1);
            self.page = Some(Page { number, of });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::act::FormWords;
    use super::*;

    const fn param(name: &'static str) -> Param {
        Param { name, ..Param::BASE }
    }

    const SEVEN: Spec = Spec {
        name: "toy",
        label: "Toy",
        form: Some(FormWords { title: "A toy", submit: "Send" }),
        takes: &[
            param("a"),
            param("b"),
            Param { name: "message", takes: Takes::Message, ..Param::BASE },
            param("c"),
            param("d"),
            param("e"),
            param("f"),
            param("g"),
        ],
        ..Spec::BASE
    };

    #[test]
    fn what_does_not_fit_on_a_page_stands_on_the_next() {
        let begun = Given::from([("f".to_owned(), Value::text("begun"))]);
        let form = Form::of(&SEVEN, &ActRef::bare(SEVEN.act()), &begun).expect("it has a form");
        let shown = |number, fields| {
            let page = form.clone().page(number, fields);
            let ids: String = page.fields.iter().map(|field| field.id).collect();
            (page.title, ids, page.page)
        };
        assert_eq!(shown(0, 7), ("A toy".to_owned(), "abcdefg".to_owned(), None), "it fits");
        let first = Some(Page { number: 0, of: 2 });
        assert_eq!(shown(0, 5), ("A toy (1 of 2)".to_owned(), "abcde".to_owned(), first));
        let last = Some(Page { number: 1, of: 2 });
        assert_eq!(shown(1, 5), ("A toy (2 of 2)".to_owned(), "fg".to_owned(), last));
        assert_eq!(shown(9, 5).2, last, "there are not so many");
        assert_eq!(form.page(1, 5).fields[0].words(), "begun");
        for page in [first, last].into_iter().flatten() {
            assert_eq!(page.to_string().parse(), Ok(page));
            assert_eq!(page.is_last(), Some(page) == last);
        }
    }
}
