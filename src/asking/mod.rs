//! Decides whether a message asks for help or is talk between people: pure, with reasons.
//!
//! A message is described by numbers: its signs (`signs`), counts, and how much its words resemble those that start a
//! conversation in a help channel ([`usage`]). A logistic model weighs them, and the messages before it if they are
//! known. `examples/train_asking.rs` learns the weights of `models/`; its examples are not part of the program.

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

/// How many characters of a message are read at most. A request is clear by then, and long texts would take long.
pub const READ_CHARS: usize = 2_000;

/// The weights of a linear model. Each number is first scaled to the mean 0 and the standard deviation 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// The constant term of the sum.
    pub constant: f32,
    /// For each number its name, its mean, its standard deviation and its weight.
    pub numbers: Vec<(String, f32, f32, f32)>,
}

/// A trained model, as `models/asking.json` holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Weighs the numbers of a message in English, or in any other language except German.
    pub english: Weights,
    /// Weighs the numbers of a German message.
    pub german: Weights,
    /// Weighs the score of the message alone and the numbers of the messages before it.
    pub context: Weights,
    /// The probability from which a message counts as a request.
    pub asks_from: f32,
}

/// The model cannot be read, or its numbers are not those of this version.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the model cannot be read: {0}")]
pub struct BadModel(String);

/// The classifier: tells requests for help from other talk.
#[derive(Clone, Debug)]
pub struct Classifier {
    model: Model,
    usage: Usage,
}

/// The judgement of a message, with reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The weighted sum from which the probability follows.
    pub logit: f32,
    /// The probability that it asks for help, from 0 to 1.
    pub probability: f32,
    /// Whether the message counts as a request: the probability is at least [`Model::asks_from`].
    pub asks: bool,
    /// The reasons that moved the logit most, for and against a request, the strongest first.
    pub why: Vec<Reason>,
}

/// A reason for or against a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The name of the number.
    pub name: String,
    /// How much it moved the logit: above 0 for a request.
    pub weight: f32,
}

/// How many reasons a reading keeps at most.
const REASONS: usize = 5;

impl Classifier {
    /// Returns the built-in classifier.
    ///
    /// # Errors
    /// If its model cannot be read or does not fit this version. A test makes sure that it does.
    pub fn built_in() -> Result<Self, BadModel> {
        let model: Model =
            serde_json::from_str(include_str!("models/asking.json")).map_err(|error| BadModel(error.to_string()))?;
        let usage = Usage::read(include_bytes!("models/usage.bin")).ok_or_else(|| BadModel("usage.bin".to_owned()))?;
        Self::new(model, usage)
    }

    /// Creates a classifier with these weights.
    ///
    /// # Errors
    /// If the numbers of the model are not exactly those that this version computes.
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
        // A message without letters is never a request.
        if !plain.contains(char::is_alphabetic) {
            return Reading { logit: f32::MIN, probability: 0.0, asks: false, why: Vec::new() };
        }
        let numbers = features::describe(text, &self.usage);
        self.reading(weights.of(&numbers), weights.reasons(&numbers))
    }

    /// Judges a message that was already read alone, with the messages before it.
    #[must_use]
    pub fn within(&self, alone: &Reading, context: &Context) -> Reading {
        if alone.logit == f32::MIN {
            return alone.clone();
        }
        let numbers = context.numbers(alone.logit);
        // The first number is the score of the message alone. The reasons of that score are listed instead of it.
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
        if known.eq(names.iter().copied()) { Ok(()) } else { Err(BadModel("its numbers do not fit".to_owned())) }
    }

    /// Returns the weighted sum of these numbers.
    #[must_use]
    pub fn of(&self, numbers: &[f32]) -> f32 {
        let parts = self.numbers.iter().zip(numbers);
        parts.fold(self.constant, |sum, ((_, mean, deviation, weight), number)| {
            sum + weight * (number - mean) / deviation.max(1e-6)
        })
    }

    /// Returns how much each number other than 0 moved the sum.
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

/// Returns the words for a reason of this name, for people who ask about a ruling.
#[must_use]
pub fn describe_reason(name: &str) -> &'static str {
    let sign = signs::SIGNS.iter().find(|sign| sign.name == name).map(|sign| sign.says);
    sign.or_else(|| features::describe_reason(name))
        .or_else(|| context::describe_reason(name))
        .unwrap_or("something else about it")
}

static MENTION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<[@#!][^<>\s]{0,80}>|(?:^|\s)@\w[\w.-]*").ok());
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<?https?://[^\s>]+>?|\bwww\.\S+").ok());
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)```.*?(?:```|$)|`[^`\n]+`").ok());

/// Returns the plain form of a message, in which signs are searched: at most [`READ_CHARS`] characters in lower case,
/// with mentions as `@`, links as `§`, code as `¤`, and straight apostrophes.
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
