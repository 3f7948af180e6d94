//! Trains a model of `src/search/models/` on questions with known answers, and prints how well it ranks questions that
//! it was not trained on (cross-validation with five folds; neighbouring questions stay in one fold).
//!
//! ```text
//! cargo run --release --example train -- kb_retrieval --corpus corpus.jsonl.gz --queries queries.jsonl \
//!     --right qrels.jsonl --out src/search/models/articles.json
//! ```

mod corpus;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clap::Parser;
use deskbell::search::{
    CONFIDENCE, Confidence, Document, Engine, Features, Model, NAMES, Ranked, SHOWN, Weights, confidence,
};
use serde::Deserialize;

/// Folds of the cross-validation.
const FOLDS: usize = 5;
/// Number of neighbouring questions that stay in one fold.
const BLOCK: usize = 8;
/// Strength of the L2 regularisation.
const L2: f64 = 20.0;
/// Sizes of the simulated small desks, in documents.
const SIZES: [usize; 4] = [60, 300, 1_000, 5_000];
/// Steps of the gradient descent.
const STEPS: usize = 800;

#[derive(Debug, Parser)]
#[command(about = "Learns the weights of a ranking model")]
struct Args {
    /// The task to train for
    #[arg(value_enum)]
    task: corpus::Task,
    /// The documents
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// The questions
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// The right answers: {"query", "relevant": [ids]}, one a line
    #[arg(long, value_name = "FILE")]
    right: PathBuf,
    /// Features that the ranking leaves out, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    without: Vec<String>,
    /// Precision that the shown documents must reach: it determines the threshold of the probability
    #[arg(long, value_name = "SHARE", default_value_t = 0.7)]
    precision: f64,
    /// Where to write the model
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A question as the model sees it.
struct Example {
    described: Vec<Features>,
    is_right: Vec<bool>,
    /// Number of right answers among the documents, whether the search found them or not.
    right: usize,
    /// Number of documents that were searched.
    documents: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let documents = corpus::documents(&args.corpus)?;
    let right = right_answers(&args.right)?;
    let mut asked = corpus::lines::<corpus::Asked>(&args.queries)?;
    asked.sort_by(|one, other| one.id.cmp(&other.id));
    let examples =
        describe(&corpus::engine(args.task, &documents, folder.path().join("all"))?, &documents, &asked, &right)?;
    let used: Vec<bool> = NAMES.iter().map(|name| !args.without.iter().any(|left| left == name)).collect();
    // Each question is ranked by a model that was not trained on it.
    let fold_of = |place: usize| place / BLOCK % FOLDS;
    let mut ranked: Vec<Ranked> = examples.iter().map(|_| Ranked::default()).collect();
    let mut orders = Vec::new();
    for fold in 0..FOLDS {
        let seen: Vec<&Example> = examples
            .iter()
            .enumerate()
            .filter(|(place, _)| fold_of(*place) != fold)
            .map(|(_, example)| example)
            .collect();
        let order = learn_order(&seen, &used);
        let model = Model { order, confidence: Weights::default(), shown_from: 0.0 };
        for (place, example) in examples.iter().enumerate().filter(|(place, _)| fold_of(*place) == fold) {
            ranked[place] = model.rank(&example.described.iter().collect::<Vec<_>>(), example.documents);
        }
        orders.push(model);
    }
    report("in the order of the first pass", &examples, &examples.iter().map(first_pass).collect::<Vec<_>>());
    report("ranked", &examples, &ranked);
    let mut judged: Vec<Judged> = Vec::new();
    let mut judge = |examples: &[Example], ranked: &[Ranked]| {
        judged.extend(
            examples
                .iter()
                .zip(ranked)
                .enumerate()
                .filter_map(|(place, (example, ranked))| Judged::of(place, example, ranked)),
        );
    };
    judge(&examples, &ranked);
    // Most desks have fewer documents and get more questions without an answer. So the ranking is trained on all
    // documents, but the confidence is also trained on subsets, in which half of the questions have no answer.
    for (number, size) in SIZES.into_iter().enumerate() {
        let subset = subset(&documents, &asked, &right, size, number);
        let examples = describe(
            &corpus::engine(args.task, &subset, folder.path().join(size.to_string()))?,
            &subset,
            &asked,
            &right,
        )?;
        let ranked: Vec<Ranked> = examples
            .iter()
            .enumerate()
            .map(|(place, example)| {
                orders[fold_of(place)].rank(&example.described.iter().collect::<Vec<_>>(), example.documents)
            })
            .collect();
        report(&format!("{size} documents"), &examples, &ranked);
        judge(&examples, &ranked);
    }
    // The probabilities, too, are predicted by weights that were not trained on the question.
    let mut predictions: Vec<Prediction> = Vec::new();
    for fold in 0..FOLDS {
        let seen: Vec<&Judged> = judged.iter().filter(|one| fold_of(one.question) != fold).collect();
        let weights = learn_confidence(&seen);
        predictions.extend(judged.iter().filter(|one| fold_of(one.question) == fold).map(|one| Prediction {
            probability: sigmoid(f64::from(weights.of(&one.numbers))),
            is_right: one.is_right,
            has_answer: one.has_answer,
            documents: one.documents,
        }));
    }
    let shown_from = threshold(&mut predictions, args.precision, documents.len());
    let order = learn_order(&examples.iter().collect::<Vec<_>>(), &used);
    for (name, _, _, weight) in &order.numbers {
        println!("{name:<28} {weight:>8.3}");
    }
    let confidence = learn_confidence(&judged.iter().collect::<Vec<_>>());
    for (name, _, _, weight) in &confidence.numbers {
        println!("confidence: {name:<16} {weight:>8.3}");
    }
    if let Some(out) = args.out {
        let model = Model { order, confidence, shown_from };
        std::fs::write(&out, format!("{}\n", serde_json::to_string_pretty(&model)?))?;
        println!("written to {}", out.display());
    }
    Ok(())
}

/// Returns the right answers of each question, by the question's id.
fn right_answers(path: &Path) -> anyhow::Result<HashMap<String, Vec<String>>> {
    #[derive(Deserialize)]
    struct Right {
        query: String,
        relevant: Vec<String>,
    }
    Ok(corpus::lines::<Right>(path)?.into_iter().map(|right| (right.query, right.relevant)).collect())
}

fn first_pass(example: &Example) -> Ranked {
    Ranked { order: (0..example.described.len()).map(|place| (place, -(place as f32))).collect(), probability: 0.0 }
}

/// A ranked question, as an example for the confidence.
struct Judged {
    question: usize,
    numbers: Confidence,
    is_right: bool,
    has_answer: bool,
    documents: usize,
}

impl Judged {
    fn of(question: usize, example: &Example, ranked: &Ranked) -> Option<Self> {
        let described: Vec<&Features> = example.described.iter().collect();
        Some(Self {
            question,
            numbers: confidence(&described, &ranked.order, example.documents)?,
            is_right: ranked.order.iter().take(SHOWN).any(|(place, _)| example.is_right[*place]),
            has_answer: example.right > 0,
            documents: example.documents,
        })
    }
}

/// A predicted probability, and whether a right answer was among the first [`SHOWN`] documents.
struct Prediction {
    probability: f64,
    is_right: bool,
    has_answer: bool,
    documents: usize,
}

/// Asks an engine all questions. Returns one example for each.
fn describe(
    engine: &Engine,
    documents: &[Document],
    asked: &[corpus::Asked],
    right: &HashMap<String, Vec<String>>,
) -> anyhow::Result<Vec<Example>> {
    let there: HashSet<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    let mut examples = Vec::new();
    for asked in asked {
        let relevant = right.get(&asked.id).map_or(&[][..], Vec::as_slice);
        let found = engine.described(&asked.question())?;
        let is_right: Vec<bool> = found.iter().map(|(id, _)| relevant.contains(id)).collect();
        let right = relevant.iter().filter(|id| there.contains(id.as_str())).count();
        examples.push(Example {
            described: found.into_iter().map(|(_, numbers)| numbers).collect(),
            is_right,
            right,
            documents: there.len(),
        });
    }
    Ok(examples)
}

/// Returns a subset of `size` documents: answers of every other question (even or odd by `number`), then other
/// documents in an order that is derived from their ids. The answers of the other half of the questions are left out.
fn subset(
    documents: &[Document],
    asked: &[corpus::Asked],
    right: &HashMap<String, Vec<String>>,
    size: usize,
    number: usize,
) -> Vec<Document> {
    let answered = asked.iter().skip(number % 2).step_by(2).filter_map(|asked| right.get(&asked.id)).flatten();
    let missing: HashSet<&String> =
        asked.iter().skip(1 - number % 2).step_by(2).filter_map(|asked| right.get(&asked.id)).flatten().collect();
    let answers: HashSet<&String> = answered.filter(|id| !missing.contains(id)).collect();
    let mut others: Vec<(u64, &Document)> = documents
        .iter()
        .filter(|document| !missing.contains(&document.id))
        .map(|document| (hash(&document.id, number), document))
        .collect();
    others.sort_by_key(|(hash, document)| (!answers.contains(&document.id), *hash));
    // A small subset has no room for all answers: they fill half of it at most.
    let (answers, rest): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(_, document)| answers.contains(&document.id));
    let half = answers.len().min(size / 2);
    answers.into_iter().take(half).chain(rest).take(size).map(|(_, document)| document.clone()).collect()
}

fn hash(id: &str, number: usize) -> u64 {
    let seed = 0xcbf2_9ce4_8422_2325 ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = id.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash ^ (hash >> 29)
}

/// Prints nDCG@10, hit@3, and how well the best score tells whether there is an answer (AUC).
fn report(name: &str, examples: &[Example], ranked: &[Ranked]) {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let (mut ndcg, mut hits, mut questions) = (0.0, 0.0, 0.0);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for (example, ranked) in examples.iter().zip(ranked) {
        let best = ranked.order.first().map_or(f32::MIN, |(_, score)| *score);
        if example.right == 0 {
            without.push(best);
            continue;
        }
        with.push(best);
        questions += 1.0;
        let found = ranked.order.iter().take(10).enumerate().filter(|(_, (place, _))| example.is_right[*place]);
        let found: f64 = found.map(|(rank, _)| gain(rank)).sum();
        ndcg += found / (0..example.right.min(10)).map(gain).sum::<f64>();
        hits += f64::from(u8::from(ranked.order.iter().take(3).any(|(place, _)| example.is_right[*place])));
    }
    let above = with.iter().map(|one| without.iter().filter(|other| one > other).count()).sum::<usize>() as f64;
    let auc = if without.is_empty() {
        String::new()
    } else {
        format!("  auc {:.3}", above / (with.len() * without.len()) as f64)
    };
    println!("{name:<32} ndcg@10 {:.4}  hit@3 {:.4}{auc}", ndcg / questions, hits / questions);
}

/// Returns the lowest probability from which on the shown documents reach this precision, over all documents (1 if
/// there is none). Prints the figures at this threshold, for all documents and for the subsets.
fn threshold(predictions: &mut [Prediction], precision: f64, all: usize) -> f32 {
    predictions.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    let (mut shown, mut right, mut from) = (0.0, 0.0, 1.0);
    for one in predictions.iter().filter(|one| one.documents == all) {
        shown += 1.0;
        right += f64::from(u8::from(one.is_right));
        if shown >= 10.0 && right / shown >= precision {
            from = one.probability;
        }
    }
    println!("shown from {from:.3}");
    for size in SIZES.into_iter().chain([all]) {
        let of_size = || predictions.iter().filter(move |one| one.documents == size);
        let shown = of_size().filter(|one| one.probability >= from).count();
        let right = of_size().filter(|one| one.probability >= from && one.is_right).count();
        let without = of_size().filter(|one| !one.has_answer);
        let alarms = without.clone().filter(|one| one.probability >= from).count();
        let parts = [
            (right, shown),
            (right, of_size().filter(|one| one.has_answer).count()),
            (alarms, without.count()),
            (shown, of_size().count()),
        ];
        let [precision, recall, alarms, shown] = parts.map(|(part, of)| part as f64 / of.max(1) as f64);
        println!(
            "  {size:>6} documents: precision {precision:.3}, recall {recall:.3}, shown without an answer {alarms:.3}, shown {shown:.3}"
        );
    }
    for tenth in predictions.chunks(predictions.len().div_ceil(10)) {
        let mean = tenth.iter().map(|one| one.probability).sum::<f64>() / tenth.len() as f64;
        let right = tenth.iter().filter(|one| one.is_right).count() as f64 / tenth.len() as f64;
        println!("  said {mean:.3}, was {right:.3}");
    }
    from as f32
}

/// Returns the mean and the standard deviation of each column.
fn mean_and_deviation<'e>(rows: impl Iterator<Item = &'e [f32]> + Clone, names: usize) -> Vec<(f64, f64)> {
    let count = rows.clone().count().max(1) as f64;
    let mean = |place: usize| rows.clone().map(|row| f64::from(row[place])).sum::<f64>() / count;
    (0..names)
        .map(|place| {
            let mean = mean(place);
            let spread = rows.clone().map(|row| (f64::from(row[place]) - mean).powi(2)).sum::<f64>() / count;
            (mean, spread.sqrt().max(1e-3))
        })
        .collect()
}

/// Learns the weights of the ranking: they minimise the cross-entropy between a softmax over the found documents and
/// the right answers.
fn learn_order(examples: &[&Example], used: &[bool]) -> Weights {
    let examples: Vec<&&Example> = examples.iter().filter(|example| example.is_right.contains(&true)).collect();
    let rows = examples.iter().flat_map(|example| example.described.iter().map(|row| &row[..]));
    let scales = mean_and_deviation(rows, NAMES.len());
    let scaled = |row: &Features| -> Vec<f64> {
        row.iter()
            .zip(&scales)
            .zip(used)
            .map(|((number, (mean, spread)), used)| if *used { (f64::from(*number) - mean) / spread } else { 0.0 })
            .collect()
    };
    let questions: Vec<(Vec<Vec<f64>>, Vec<f64>)> = examples
        .iter()
        .map(|example| {
            let right = example.is_right.iter().filter(|is_right| **is_right).count() as f64;
            let target = example.is_right.iter().map(|is_right| f64::from(u8::from(*is_right)) / right).collect();
            (example.described.iter().map(scaled).collect(), target)
        })
        .collect();
    let weights = descend(NAMES.len(), |weights, slope| {
        for (rows, target) in &questions {
            let scores: Vec<f64> = rows.iter().map(|row| dot(row, weights)).collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let whole: f64 = scores.iter().map(|score| (score - most).exp()).sum();
            for ((row, score), target) in rows.iter().zip(&scores).zip(target) {
                let off = (score - most).exp() / whole - target;
                for (slope, number) in slope.iter_mut().zip(row) {
                    *slope += off * number;
                }
            }
        }
        for (slope, weight) in slope.iter_mut().zip(weights) {
            *slope += L2 * weight;
        }
    });
    to_weights(0.0, &NAMES, &scales, &weights)
}

/// Learns the weights of the confidence by logistic regression.
fn learn_confidence(examples: &[&Judged]) -> Weights {
    let scales = mean_and_deviation(examples.iter().map(|one| &one.numbers[..]), CONFIDENCE.len());
    let rows: Vec<(Vec<f64>, f64)> = examples
        .iter()
        .map(|one| {
            let scaled =
                one.numbers.iter().zip(&scales).map(|(number, (mean, spread))| (f64::from(*number) - mean) / spread);
            (scaled.chain([1.0]).collect(), f64::from(u8::from(one.is_right)))
        })
        .collect();
    let weights = descend(CONFIDENCE.len() + 1, |weights, slope| {
        for (row, is_right) in &rows {
            let off = sigmoid(dot(row, weights)) - is_right;
            for (slope, number) in slope.iter_mut().zip(row) {
                *slope += off * number;
            }
        }
        for (slope, weight) in slope.iter_mut().zip(weights).take(CONFIDENCE.len()) {
            *slope += L2 / 4.0 * weight;
        }
    });
    to_weights(weights[CONFIDENCE.len()], &CONFIDENCE, &scales, &weights)
}

fn to_weights(constant: f64, names: &[&str], scales: &[(f64, f64)], weights: &[f64]) -> Weights {
    let rounded = |number: f64| ((number * 1e5).round() / 1e5) as f32;
    let numbers = names.iter().zip(scales).zip(weights);
    let numbers = numbers.map(|((name, (mean, spread)), weight)| {
        ((*name).to_owned(), rounded(*mean), rounded(*spread), rounded(*weight))
    });
    Weights { constant: rounded(constant), numbers: numbers.collect() }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn sigmoid(number: f64) -> f64 {
    1.0 / (1.0 + (-number).exp())
}

/// Minimises by gradient descent from 0 (Adam, <https://arxiv.org/abs/1412.6980>, with a decreasing step). Returns the
/// weights.
fn descend(count: usize, slope_at: impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
    let (mut weights, mut mean, mut square) = (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
    for step in 1..=STEPS {
        let mut slope = vec![0.0; count];
        slope_at(&weights, &mut slope);
        let pace = 0.05 * (1.0 - step as f64 / STEPS as f64);
        for place in 0..count {
            mean[place] = 0.9 * mean[place] + 0.1 * slope[place];
            square[place] = 0.999 * square[place] + 0.001 * slope[place] * slope[place];
            let (mean, square) =
                (mean[place] / (1.0 - 0.9_f64.powi(step as i32)), square[place] / (1.0 - 0.999_f64.powi(step as i32)));
            weights[place] -= pace * mean / (square.sqrt() + 1e-8);
        }
    }
    weights
}
