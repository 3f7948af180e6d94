//! JSON Schemas, made stricter: a key that a description does not name is refused.

use std::collections::BTreeMap;
use std::path::Path;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::Finding;

/// A file of descriptions.
pub struct Spec {
    name: &'static str,
    document: Value,
    /// The key of the descriptions that others refer to.
    shared: &'static str,
    built: BTreeMap<String, Validator>,
}

impl Spec {
    /// Reads a file of `folder`; objects are closed to keys that they do not name.
    pub fn read(folder: &Path, name: &'static str) -> Self {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shared = if document.get("components").is_some() { "components" } else { "definitions" };
        close(&mut document);
        Self { name, document, shared, built: BTreeMap::new() }
    }

    /// The content of the file, with closed objects.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Replaces the description called `name`.
    pub fn replace(&mut self, name: &str, description: Value) {
        self.document[self.shared][name] = description;
    }

    /// Whether something of that name is described.
    pub fn describes(&self, name: &str) -> bool {
        self.document[self.shared].get(name).is_some()
    }

    /// Checks `body` against the description called `name`. The places of findings begin with `place`.
    pub fn check_named(&mut self, name: &str, place: &str, body: &Value, findings: &mut Vec<Finding>) {
        let schema = self.document[self.shared][name].clone();
        assert!(schema.is_object(), "{} has no {name}", self.name);
        self.check(name, &schema, place, body, findings);
    }

    /// Checks `body` against a schema, which is built once for each `key`.
    pub fn check(&mut self, key: &str, schema: &Value, place: &str, body: &Value, findings: &mut Vec<Finding>) {
        if !self.built.contains_key(key) {
            let mut whole = schema.as_object().cloned().unwrap_or_default();
            whole.insert(self.shared.to_owned(), self.document[self.shared].clone());
            if let Some(dialect) = self.document.get("$schema") {
                whole.insert("$schema".to_owned(), dialect.clone());
            }
            let validator = jsonschema::validator_for(&Value::Object(whole))
                .unwrap_or_else(|error| panic!("{} {key}: no schema: {error}", self.name));
            self.built.insert(key.to_owned(), validator);
        }
        for error in self.built[key].iter_errors(body) {
            for cause in causes(&error) {
                let path = general(cause.instance_path.as_str());
                let keys = match &cause.kind {
                    ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.clone(),
                    ValidationErrorKind::Required { property: Value::String(property) } => vec![property.clone()],
                    _ => {
                        findings.push(Finding::new(self.name, &format!("{place} {path}"), &short(&cause.to_string())));
                        continue;
                    }
                };
                let said = short(&cause.to_string());
                findings
                    .extend(keys.iter().map(|key| Finding::new(self.name, &format!("{place} {path}/{key}"), &said)));
            }
        }
    }

    /// Returns the finding that this file does not describe `place`.
    pub fn undescribed(&self, place: &str) -> Finding {
        Finding::new(self.name, place, "not described")
    }
}

/// Adds `additionalProperties: false` wherever properties are listed without a rule for others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(is_properties) && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Whether the value of a key `properties` lists properties, and is not itself the description of a property of that
/// name.
fn is_properties(value: &Value) -> bool {
    let described = |field: &Value| field.is_object() || field.is_boolean();
    value.as_object().is_some_and(|fields: &Map<String, Value>| !fields.is_empty() && fields.values().all(described))
}

/// Returns the errors that caused an error. Of several alternatives, only those of the one that was most likely meant.
fn causes<'a>(error: &'a ValidationError<'a>) -> Vec<&'a ValidationError<'a>> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = &error.kind else {
        return vec![error];
    };
    let branches = context.iter().map(|branch| branch.iter().flat_map(causes).collect::<Vec<_>>());
    branches.min_by_key(|branch| strangeness(branch)).filter(|branch| !branch.is_empty()).unwrap_or_else(|| vec![error])
}

/// How unlikely it is that an alternative was meant: the number of errors that show another kind (a type or
/// discriminator differs), then the number of all errors.
fn strangeness(branch: &[&ValidationError<'_>]) -> (usize, usize) {
    let is_other_kind = |error: &&&ValidationError<'_>| {
        let path = error.instance_path.as_str();
        let discriminates = ["/type", "/op", "/t", "/component_type"].iter().any(|end| path.ends_with(end));
        let is_fixed = matches!(error.kind, ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. });
        (discriminates && is_fixed) || matches!(error.kind, ValidationErrorKind::Type { .. })
    };
    (branch.iter().filter(is_other_kind).count(), branch.len())
}

/// Returns a path with `*` for positions and ids.
pub fn general(path: &str) -> String {
    let part = |part: &str| {
        let is_id = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_id { "*".to_owned() } else { part.to_owned() }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn short(text: &str) -> String {
    const CHARS: usize = 240;
    if text.chars().count() <= CHARS {
        return text.to_owned();
    }
    let start: String = text.chars().take(CHARS / 2).collect();
    let end: String = text.chars().skip(text.chars().count() - CHARS / 2).collect();
    format!("{start} […] {end}")
}
