//! The model: puts documents in order by their numbers, and computes the probability that one of the first three
//! answers the question.
//!
//! Both parts are weighted sums, since there are only some hundreds of examples to learn from. `examples/train.rs`
//! writes their weights into `models/`.

use serde::{Deserialize, Serialize};

use super::features::{Features, NAMES};

/// The kind of documents to rank. Each kind has its own model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Articles: a document should answer the question.
    Articles,
    /// Tickets: a document should be about the same matter as the question.
    Tickets,
}

/// A trained model for documents of one [`Kind`], as a file in `models/` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The weights of the score by which documents are put in order.
    pub order: Weights,
    /// The weights of the probability that one of the first three documents answers, for the numbers of [`Confidence`].
    pub confidence: Weights,
    /// The default probability from which documents of this kind are shown.
    pub shown_from: f32,
}

/// The weights of a linear model. Each number is first scaled to the mean 0 and the standard deviation 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// The constant term of the sum.
    pub constant: f32,
    /// For each number its name, its mean, its standard deviation and its weight.
    pub numbers: Vec<(String, f32, f32, f32)>,
}

/// The numbers from which the probability is computed.
pub type Confidence = [f32; CONFIDENCE.len()];

/// The names of the numbers of [`Confidence`], in order.
pub const CONFIDENCE: [&str; 11] = [
    "share_of_first",
    "share_of_three",
    "fit_of_possible",
    "share",
    "titles_alike",
    "title_covered",
    "pairs",
    "passage_share",
    "asked_title_words",
    "documents",
    "found",
];

/// The model cannot be read, or its numbers are not those of this version.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the model cannot be read: {0}")]
pub struct BadModel(String);

impl Model {
    /// Returns the built-in model of this kind.
    ///
    /// # Errors
    /// If it cannot be read or does not fit this version. A test makes sure that it does.
    pub fn of(kind: Kind) -> Result<Self, BadModel> {
        let text = match kind {
            Kind::Articles => include_str!("models/articles.json"),
            Kind::Tickets => include_str!("models/tickets.json"),
        };
        let model: Self = serde_json::from_str(text).map_err(|error| BadModel(error.to_string()))?;
        model.order.fit(&NAMES)?;
        model.confidence.fit(&CONFIDENCE)?;
        Ok(model)
    }

    /// Puts the described documents in order, and computes the probability that one of the first three answers.
    /// `documents`: the number of documents in the index.
    #[must_use]
    pub fn rank(&self, described: &[&Features], documents: usize) -> Ranked {
        let mut order: Vec<(usize, f32)> =
            described.iter().enumerate().map(|(place, features)| (place, self.order.of(&features[..]))).collect();
        order.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let probability = confidence(described, &order, documents).map_or(0.0, |numbers| {
            let likely = self.confidence.of(&numbers);
            1.0 / (1.0 + (-likely).exp())
        });
        Ranked { order, probability }
    }
}

/// The result of [`Model::rank`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    /// For each document its position among the described ones, and its score, the best first.
    pub order: Vec<(usize, f32)>,
    /// The probability that one of the first three answers, from 0 to 1.
    pub probability: f32,
}

/// Returns the numbers for the probability, in the order of [`CONFIDENCE`]; `None` if nothing was found. `documents`:
/// the number of documents in the index.
#[must_use]
pub fn confidence(described: &[&Features], order: &[(usize, f32)], documents: usize) -> Option<Confidence> {
    let (first, best) = order.first()?;
    let features = described.get(*first)?;
    let number = |name: &str| NAMES.iter().position(|other| *other == name).map_or(0.0, |place| features[place]);
    // The scores as shares of one whole (a softmax): a first document far ahead of the others has nearly all of it.
    let parts: Vec<f32> = order.iter().map(|(_, score)| (score - best).exp()).collect();
    let whole: f32 = parts.iter().sum();
    let of_whole = |count: usize| {
        let part = (parts.iter().take(count).sum::<f32>() / whole).clamp(1e-4, 1.0 - 1e-4);
        (part / (1.0 - part)).ln()
    };
    Some([
        of_whole(1),
        of_whole(3),
        number("fit_of_possible"),
        number("share"),
        number("titles_alike"),
        number("title_covered"),
        number("pairs"),
        number("passage_share"),
        // Both are logarithms: their sum is the logarithm of the length of the question's title.
        number("title_length_ratio") + number("title_length"),
        logarithm(documents),
        logarithm(described.len()),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a logarithm needs no more")]
fn logarithm(count: usize) -> f32 {
    (count as f32 + 1.0).ln()
}

impl Weights {
    /// Returns the weighted sum of these numbers, which are in the order of the weights.
    #[must_use]
    pub fn of(&self, numbers: &[f32]) -> f32 {
        let weighed = self
            .numbers
            .iter()
            .zip(numbers)
            .map(|((_, mean, deviation, weight), number)| (number - mean) / deviation * weight);
        self.constant + weighed.sum::<f32>()
    }

    fn fit(&self, names: &[&str]) -> Result<(), BadModel> {
        let own: Vec<&str> = self.numbers.iter().map(|(name, ..)| name.as_str()).collect();
        if own != names {
            return Err(BadModel(format!("it weighs {own:?}, but this version computes {names:?}")));
        }
        let is_sound = |number: &f32| number.is_finite();
        let all = self.numbers.iter().flat_map(|(_, mean, deviation, weight)| [mean, deviation, weight]);
        if !all.chain([&self.constant]).all(is_sound)
            || self.numbers.iter().any(|(_, _, deviation, _)| *deviation <= 0.0)
        {
            return Err(BadModel("a number is not finite, or a deviation is not positive".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_that_come_with_the_program_fit() {
        for kind in [Kind::Articles, Kind::Tickets] {
            let model = Model::of(kind);
            assert!(model.as_ref().is_ok_and(|model| (0.0..1.0).contains(&model.shown_from)), "{kind:?}: {model:?}");
        }
    }
}
