//! The shape of a JSON value: which keys there are, and of which types.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

/// The types found at each path; elements of a list share one path.
#[derive(Clone, Debug, Default)]
pub struct Shape(BTreeMap<String, BTreeSet<&'static str>>);

impl Shape {
    /// Adds the paths and types of a value.
    pub fn add(&mut self, value: &Value) {
        self.walk("", value);
    }

    /// Returns the union of both shapes.
    pub fn with(mut self, other: &Self) -> Self {
        for (path, types) in &other.0 {
            self.0.entry(path.clone()).or_default().extend(types);
        }
        self
    }

    fn walk(&mut self, path: &str, value: &Value) {
        self.0.entry(path.to_owned()).or_default().insert(type_of(value));
        match value {
            Value::Object(fields) => {
                // The values of forms and menus have keys that the app itself has chosen.
                let own_ids = path.ends_with("/values") || path.ends_with("/values/*");
                // Blocks are left out: they are checked against the description of Block Kit.
                for (key, field) in fields.iter().filter(|(key, _)| *key != "blocks") {
                    self.walk(&format!("{path}/{}", if own_ids { "*" } else { key }), field);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(&format!("{path}/*"), item)),
            _ => {}
        }
    }

    /// Returns the paths at which `self` has a key or type that `known` lacks. `null` fits every type. Where an object
    /// or list of `known` is empty, every content fits.
    pub fn beyond(&self, known: &Self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (path, types) in &self.0 {
            let types: BTreeSet<_> = types.iter().filter(|kind| **kind != "null").collect();
            match known.0.get(path) {
                Some(expected) => {
                    let expected: BTreeSet<_> = expected.iter().filter(|kind| **kind != "null").collect();
                    if !expected.is_empty() && !types.is_subset(&expected) {
                        found.push((path.clone(), format!("{types:?} where {expected:?} was recorded")));
                    }
                }
                None => {
                    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                    if known.has_children(parent) {
                        found.push((path.clone(), "never recorded".to_owned()));
                    }
                }
            }
        }
        found
    }

    /// Returns the paths of `wanted` that `self` lacks, although it has their parents.
    pub fn lacking(&self, wanted: &Self) -> Vec<(String, String)> {
        let lacks = |path: &&String| {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            !self.0.contains_key(*path) && self.0.contains_key(parent)
        };
        wanted.0.keys().filter(lacks).map(|path| (path.clone(), "recorded, but not sent".to_owned())).collect()
    }

    fn has_children(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.0.range(below.clone()..).next().is_some_and(|(known, _)| known.starts_with(&below))
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The JSON files in a `.tar.gz`, by their paths.
pub fn files_of(archive: &Path) -> BTreeMap<String, Value> {
    const BLOCK: usize = 512;
    let packed = std::fs::File::open(archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut bytes).expect("the archive is whole");
    let mut files = BTreeMap::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + BLOCK).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_matches(['\0', ' ']).to_owned()
        };
        let length = usize::from_str_radix(&text(124..136), 8).expect("an octal length");
        let (name, folder) = (text(0..100), text(345..500));
        let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let content = &bytes[at + BLOCK..at + BLOCK + length];
        if name.ends_with(".json")
            && let Ok(value) = serde_json::from_slice(content)
        {
            files.insert(name, value);
        }
        at += BLOCK + length.div_ceil(BLOCK) * BLOCK;
    }
    files
}
