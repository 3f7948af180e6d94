//! Whether a message asks for help, or is talk between people: pure, and explained.
//!
//! A message is described by numbers: its signs (`signs`), counts, and how much its words are like those that start a
//! conversation in a help channel ([`usage`]). A logistic model weighs them, and what was said before it if that is known.
//! `examples/train_asking.rs` learns the weights of `models/`; what it is given is not part of the program.

pub mod context;
pub mod features;
pub mod language;
mod signs;
pub mod usage;

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

pub use self::context::Context;
pub use self::features::Features;
use self::usage::Usage;

/// Characters of a message that are read: a request is clear by then, and the time is bounded.
pub const READ_CHARS: usize = 2_000;

/// Weights of numbers, each of which is brought to the mean 0 and the deviation 1 first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// What does not depend on any number.
    pub constant: f32,
    /// For each number its name, its mean, its deviation and its weight.
    pub numbers: Vec<(String, f32, f32, f32)>,
}

/// What a model knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Weighs the numbers of an English message, and of one in any other language but German.
    pub english: Weights,
    /// Weighs the numbers of a German message.
    pub german: Weights,
    /// Weighs what the message alone says, and what was said before it.
    pub context: Weights,
    /// From which probability on a message is taken for a request.
    pub asks_from: f32,
}

/// A model says something of numbers that there are not.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the model cannot be read: {0}")]
pub struct BadModel(String);

/// Tells requests for help from other talk.
#[derive(Clone, Debug)]
pub struct Classifier {
    model: Model,
    usage: Usage,
}

/// What a message was taken for, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The weighted sum from which the probability follows.
    pub logit: f32,
    /// How likely it asks for help, from 0 to 1.
    pub probability: f32,
    /// Whether that is likely enough.
    pub asks: bool,
    /// What spoke most for or against it, the weightiest first.
    pub why: Vec<Reason>,
}

/// Something that spoke for a request, or against one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The name of the number.
    pub name: String,
    /// How much it moved the logit: above 0 for a request.
    pub weight: f32,
}

/// Reasons that a reading keeps.
const REASONS: usize = 5;

impl Classifier {
    /// The classifier that comes with the program.
    ///
    /// # Errors
    /// If its model does not fit to the program: a test reads it.
    pub fn built_in() -> Result<Self, BadModel> {
        let model: Model =
            serde_json::from_str(include_str!("models/asking.json")).map_err(|error| BadModel(error.to_string()))?;
        let usage = Usage::read(include_bytes!("models/usage.bin")).ok_or_else(|| BadModel("usage.bin".to_owned()))?;
        Self::new(model, usage)
    }

    /// A classifier with these weights.
    ///
    /// # Errors
    /// If they name other numbers than there are.
    pub fn new(model: Model, usage: Usage) -> Result<Self, BadModel> {
        model.english.fit(&features::names())?;
        model.german.fit(&features::names())?;
        model.context.fit(&context::NAMES)?;
        Ok(Self { model, usage })
    }

    /// Judges a message alone.
    #[must_use]
    pub fn read(&self, text: &str) -> Reading {
        let plain = plain(text);
        let weights = if language::is_german(&plain) { &self.model.german } else { &self.model.english };
        // Where there are no words, nothing is asked.
        if !plain.contains(char::is_alphabetic) {
            return Reading { logit: f32::MIN, probability: 0.0, asks: false, why: Vec::new() };
        }
        let numbers = features::describe(text, &self.usage);
        self.reading(weights.of(&numbers), weights.reasons(&numbers))
    }

    /// Judges a message that was read alone, with what was said before it.
    #[must_use]
    pub fn within(&self, alone: &Reading, context: &Context) -> Reading {
        if alone.logit == f32::MIN {
            return alone.clone();
        }
        let numbers = context.numbers(alone.logit);
        // The first number is what the message alone says: its own reasons stand for it.
        let before = self.model.context.reasons(&numbers).into_iter().filter(|reason| reason.name != context::ALONE);
        self.reading(self.model.context.of(&numbers), alone.why.iter().cloned().chain(before).collect())
    }

    fn reading(&self, logit: f32, mut why: Vec<Reason>) -> Reading {
        why.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()));
        why.truncate(REASONS);
        let probability = 1.0 / (1.0 + (-logit).exp());
        Reading { logit, probability, asks: probability >= self.model.asks_from, why }
    }
}

impl Weights {
    fn fit(&self, names: &[&str]) -> Result<(), BadModel> {
        let known = self.numbers.iter().map(|(name, ..)| name.as_str());
        if known.eq(names.iter().copied()) { Ok(()) } else { Err(BadModel("other numbers than there are".to_owned())) }
    }

    /// The weighted sum of these numbers.
    #[must_use]
    pub fn of(&self, numbers: &[f32]) -> f32 {
        let parts = self.numbers.iter().zip(numbers);
        parts.fold(self.constant, |sum, ((_, mean, deviation, weight), number)| {
            sum + weight * (number - mean) / deviation.max(1e-6)
        })
    }

    /// What each number that is there moved, counted from 0.
    fn reasons(&self, numbers: &[f32]) -> Vec<Reason> {
        let parts = self.numbers.iter().zip(numbers).filter(|(_, number)| **number != 0.0);
        parts
            .map(|((name, _, deviation, weight), number)| Reason {
                name: name.clone(),
                weight: weight * number / deviation.max(1e-6),
            })
            .collect()
    }
}

/// What a reason shows, in words for whoever asks why.
#[must_use]
pub fn says(name: &str) -> &'static str {
    let sign = signs::SIGNS.iter().find(|sign| sign.name == name).map(|sign| sign.says);
    sign.or_else(|| features::says(name)).or_else(|| context::says(name)).unwrap_or("something else about it")
}

static MENTION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<[@#!][^<>\s]{0,80}>|(?:^|\s)@\w[\w.-]*").ok());
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<?https?://[^\s>]+>?|\bwww\.\S+").ok());
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)```.*?(?:```|$)|`[^`\n]+`").ok());

/// The plain form of a message, in which signs are looked for: lower case, mentions as `@`, links as `§`, code as `¤`, straight
/// apostrophes.
#[must_use]
pub fn plain(text: &str) -> String {
    let start: String = text.chars().take(READ_CHARS).collect();
    let mut plain = start;
    for (pattern, by) in [(&CODE, " ¤ "), (&LINK, " § "), (&MENTION, " @ ")] {
        if let Some(pattern) = pattern.as_ref() {
            plain = pattern.replace_all(&plain, by).into_owned();
        }
    }
    plain.to_lowercase().replace(['’', '`', '´'], "'").trim().to_owned()
}

#[cfg(test)]
mod tests;
