//! Trains the models of `src/asking/models/` on labelled messages, and prints how well they classify messages that they
//! were not trained on (cross-validation with five folds).
//!
//! ```text
//! cargo run --release --example train_asking -- --messages messages.jsonl --labels labels.jsonl --weak weak.jsonl \
//!     --own examples/asking/german-to-learn.tsv --at-work examples/asking/english-to-learn.tsv --false-alarms 0.065 \
//!     --transcript transcript.jsonl --out src/asking/models
//! ```
//!
//! - messages: `{"id", "text", "mention", "sample"}`; labels: `{"id", "help"}` with 1 or 0. Messages with any other
//!   label are left out.
//! - weak: `{"text", "weak_help"}`. The weights of words are trained on these.
//! - transcript: `{"minute", "day", "who", "text", "starts"}`, in order. The weights of the context, the messages
//!   before a message, are trained on it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use deskbell::asking::language::is_german;
use deskbell::asking::usage::{PLACES, Usage, places};
use deskbell::asking::{Classifier, Context, Features, Model, Weights, context, features, plain};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Folds of the cross-validation.
const FOLDS: usize = 5;
/// Steps of the gradient descent.
const STEPS: usize = 400;
/// Number of earlier messages in a transcript that count as context.
const BACK: usize = 15;
/// Age in minutes beyond which an earlier message does not count as context.
const WINDOW: i64 = 30;
/// Signs whose weights are trained on messages at work.
const AT_WORK: [&str; 3] = ["sociable", "desk_matter", "tells_trouble"];

#[derive(Debug, Parser)]
#[command(about = "Learns to tell requests for help from other talk")]
struct Args {
    /// The messages
    #[arg(long, value_name = "FILE")]
    messages: PathBuf,
    /// The labels of the messages
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Many more messages, with labels that are right more often than not
    #[arg(long, value_name = "FILE")]
    weak: PathBuf,
    /// Labelled messages; the German ones train the model for German. A line is a label (1 or 0), a tab and the message
    #[arg(long, value_name = "FILE")]
    own: Option<PathBuf>,
    /// Labelled messages in the same format: what colleagues ask each other, and what they ask a desk. They train only
    /// the weights of the signs in [`AT_WORK`], which hardly occur in the other messages
    #[arg(long, value_name = "FILE")]
    at_work: Option<PathBuf>,
    /// Weight of an English message in the model for German, where a German one weighs 1
    #[arg(long, default_value_t = 0.1)]
    english_weight: f64,
    /// A conversation of many people
    #[arg(long, value_name = "FILE")]
    transcript: PathBuf,
    /// Strength of the L2 regularisation of a message's weights
    #[arg(long, default_value_t = 30.0)]
    held: f64,
    /// Strength of the L2 regularisation of the words' weights
    #[arg(long, default_value_t = 60.0)]
    words_held: f64,
    /// Weight of a weakly labelled message, where a labelled one weighs 1
    #[arg(long, default_value_t = 0.02)]
    weak_weight: f64,
    /// Largest share of messages without a request that the threshold may take for requests
    #[arg(long, value_name = "SHARE", default_value_t = 0.06)]
    false_alarms: f64,
    /// Print the messages that are classified wrongly
    #[arg(long)]
    mistakes: bool,
    /// Folder to which the models are written
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Text {
    id: String,
    text: String,
    mention: bool,
    sample: String,
}

#[derive(Deserialize)]
struct Label {
    id: String,
    help: Value,
}

#[derive(Clone, Deserialize)]
struct Weak {
    text: String,
    weak_help: u8,
}

#[derive(Deserialize)]
struct Line {
    day: i64,
    minute: i64,
    who: String,
    text: String,
    starts: bool,
}

/// A message as the model sees it.
struct Example {
    text: String,
    numbers: Features,
    helps: bool,
    mention: bool,
    natural: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let labels: HashMap<String, Value> =
        lines::<Label>(&args.labels)?.into_iter().map(|label| (label.id, label.help)).collect();
    let weak = lines::<Weak>(&args.weak)?;
    let usage = learn_usage(&weak, args.words_held);
    let more_rows = weak_rows(&weak, args.words_held, args.weak_weight);
    let mut work_rows = Vec::new();
    if let Some(at_work) = &args.at_work {
        let row =
            |(right, text): (bool, String)| Row { numbers: features::describe(&text, &usage), right, weight: 1.0 };
        work_rows.extend(read_labelled(at_work)?.into_iter().map(row));
    }
    let mut german_rows = Vec::new();
    if let Some(own) = &args.own {
        let german = read_labelled(own)?.into_iter().filter(|(_, text)| is_german(&plain(text)));
        german_rows.extend(german.map(|(right, text)| Row {
            numbers: features::describe(&text, &usage),
            right,
            weight: 1.0,
        }));
    }
    let mut examples = Vec::new();
    for text in lines::<Text>(&args.messages)? {
        let helps = match labels.get(&text.id).and_then(Value::as_u64) {
            Some(label @ 0..=1) => label == 1,
            _ => continue,
        };
        let numbers = features::describe(&text.text, &usage);
        examples.push(Example {
            numbers,
            helps,
            mention: text.mention,
            natural: text.sample == "natural",
            text: text.text,
        });
    }
    let (names, rows) = (features::names(), |of: &[&Example]| -> Vec<Row> {
        let labelled =
            of.iter().map(|example| Row { numbers: example.numbers.clone(), right: example.helps, weight: 1.0 });
        labelled.chain(more_rows.iter().cloned()).collect()
    });
    // Each message is classified by weights that were not trained on it.
    let mut logits = vec![0.0; examples.len()];
    for fold in 0..FOLDS {
        let seen: Vec<&Example> =
            examples.iter().enumerate().filter(|(at, _)| at % FOLDS != fold).map(|(_, example)| example).collect();
        let weights = learn_at_work(learn(&names, &rows(&seen), args.held), &work_rows);
        for (at, example) in examples.iter().enumerate().filter(|(at, _)| at % FOLDS == fold) {
            logits[at] = weights.of(&example.numbers);
        }
    }
    let threshold = threshold(&examples, &logits, args.false_alarms);
    println!("five folds, taken for a request from {:.3} on:", sigmoid(threshold));
    report("all", &examples, &logits, threshold, |_| true);
    report("with a mention", &examples, &logits, threshold, |example| example.mention);
    report("natural", &examples, &logits, threshold, |example| example.natural);
    let wrong =
        examples.iter().zip(&logits).filter(|(one, logit)| args.mistakes && one.helps != (**logit >= threshold));
    for (one, logit) in wrong {
        println!("{} {logit:.2}: {}", if one.helps { "missed" } else { "alarm " }, one.text);
    }
    let message = learn_at_work(learn(&names, &rows(&examples.iter().collect::<Vec<_>>()), args.held), &work_rows);
    let taken = |right: bool| {
        let of = work_rows.iter().filter(move |row| row.right == right);
        (of.clone().filter(|row| message.of(&row.numbers) >= threshold).count(), of.count())
    };
    let ((asks, requests), (alarms, talk)) = (taken(true), taken(false));
    println!(
        "at work, by what was learned from: {asks} of {requests} requests, {alarms} of {talk} others are taken for one"
    );
    let mut sorted: Vec<_> = message.numbers.iter().map(|(name, _, _, weight)| (weight, name)).collect();
    sorted.sort_by(|one, other| one.0.total_cmp(other.0));
    for (weight, name) in sorted {
        println!("{name:<20} {weight:>8.3}");
    }
    let english_rows: Vec<Row> = rows(&examples.iter().collect::<Vec<_>>())
        .into_iter()
        .map(|row| Row { weight: args.english_weight * row.weight, ..row })
        .collect();
    let german = learn_german(&names, &german_rows, &english_rows, args.held / 2.0, args.false_alarms, threshold);
    let context = learn_context(&lines::<Line>(&args.transcript)?, &message, &usage, threshold)?;
    if let Some(out) = args.out {
        let model = Model { english: message, german, context, asks_from: sigmoid(threshold) };
        std::fs::write(out.join("asking.json"), format!("{}\n", serde_json::to_string_pretty(&model)?))?;
        std::fs::write(out.join("usage.bin"), usage.written())?;
        Classifier::new(model, usage)?;
        println!("written to {}", out.display());
    }
    Ok(())
}

fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Returns the labelled messages of a file: each line is 1 or 0, a tab and the message.
fn read_labelled(path: &Path) -> anyhow::Result<Vec<(bool, String)>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let labelled = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(labelled.map(|(label, text)| (label == "1", text.to_owned())).collect())
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A training example.
#[derive(Clone)]
struct Row {
    numbers: Vec<f32>,
    right: bool,
    weight: f64,
}

/// Returns the weakly labelled messages as training examples. The word weights that describe a message were trained on
/// the other half of these messages.
fn weak_rows(weak: &[Weak], held: f64, weight: f64) -> Vec<Row> {
    let (even, odd): (Vec<_>, Vec<_>) = weak.iter().cloned().enumerate().partition(|(at, _)| at % 2 == 0);
    let texts = |half: Vec<(usize, Weak)>| half.into_iter().map(|(_, one)| one).collect::<Vec<_>>();
    let (even, odd) = (texts(even), texts(odd));
    let mut rows = Vec::new();
    for (half, other) in [(&even, &odd), (&odd, &even)] {
        let usage = learn_usage(other, held);
        rows.extend(half.iter().map(|one| Row {
            numbers: features::describe(&one.text, &usage),
            right: one.weak_help == 1,
            weight,
        }));
    }
    rows
}

/// Learns the weights for German messages. The constant is shifted, so that the threshold of the other messages holds
/// for German ones, too.
fn learn_german(
    names: &[&str],
    german: &[Row],
    english: &[Row],
    held: f64,
    false_alarms: f64,
    threshold: f32,
) -> Weights {
    let with = |some: Vec<Row>| some.into_iter().chain(english.iter().cloned()).collect::<Vec<_>>();
    let mut told: Vec<(bool, f32)> = Vec::new();
    for fold in 0..FOLDS {
        let part = |is_in: bool| -> Vec<Row> {
            german
                .iter()
                .enumerate()
                .filter(|(at, _)| (at % FOLDS == fold) == is_in)
                .map(|(_, row)| row.clone())
                .collect()
        };
        let weights = learn(names, &with(part(false)), held);
        told.extend(part(true).iter().map(|row| (row.right, weights.of(&row.numbers))));
    }
    let of = |from: f32| figures(told.iter().map(|(right, logit)| (*right, *logit >= from)));
    let fits = told.iter().map(|(_, logit)| *logit).filter(|from| of(*from).3 <= false_alarms);
    let from = fits.max_by(|one, other| of(*one).2.total_cmp(&of(*other).2)).unwrap_or_default();
    let (precision, recall, f1, alarms) = of(from);
    println!(
        "German, five folds of {}: precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}, false alarms {alarms:.3}",
        german.len()
    );
    let mut weights = learn(names, &with(german.to_vec()), held);
    weights.constant += threshold - from;
    weights
}

/// Learns the weights of words, by logistic regression.
fn learn_usage(weak: &[Weak], held: f64) -> Usage {
    let rows: Vec<(Vec<(usize, f32)>, f64)> =
        weak.iter().map(|one| (places(&plain(&one.text)), f64::from(one.weak_help))).collect();
    let mut weights = vec![0.0_f64; PLACES];
    let mut squares = vec![1e-8_f64; PLACES];
    let mut constant = 0.0;
    for _ in 0..60 {
        for (places, right) in &rows {
            let scale = 1.0 / (places.len() as f64).sqrt().max(1.0);
            let sum: f64 = places.iter().map(|(place, sign)| weights[*place] * f64::from(*sign)).sum();
            let wrong = 1.0 / (1.0 + (-(constant + sum * scale)).exp()) - right;
            constant -= 0.01 * wrong;
            for (place, sign) in places {
                let step = wrong * scale * f64::from(*sign) + held * weights[*place] / rows.len() as f64;
                squares[*place] += step * step;
                weights[*place] -= 0.15 * step / squares[*place].sqrt();
            }
        }
    }
    Usage::new(&weights.iter().map(|weight| *weight as f32).collect::<Vec<_>>())
}

/// Learns the weights of the signs in [`AT_WORK`] and leaves the other weights as they are.
fn learn_at_work(mut weights: Weights, rows: &[Row]) -> Weights {
    let is_learned = |name: &str| AT_WORK.contains(&name);
    let signs: Vec<usize> = (0..weights.numbers.len()).filter(|at| is_learned(&weights.numbers[*at].0)).collect();
    for at in (0..STEPS).flat_map(|_| signs.iter().copied()) {
        let wrong = |row: &Row| f64::from(sigmoid(weights.of(&row.numbers))) - f64::from(u8::from(row.right));
        let (_, mean, deviation, weight) = &weights.numbers[at];
        let (mean, deviation) = (*mean, *deviation);
        // Only messages that show the sign count: the others say nothing about it.
        let shows = rows.iter().filter(|row| row.numbers[at] > 0.0);
        let slope: f64 = shows.map(|row| wrong(row) * f64::from((row.numbers[at] - mean) / deviation)).sum();
        let moved = (0.5 * (slope + f64::from(*weight)) / rows.len().max(1) as f64) as f32;
        weights.numbers[at].3 -= moved;
        // The constant is adjusted, so that the score of a message without the sign does not change.
        weights.constant -= moved * mean / deviation;
    }
    weights
}

/// Learns a logistic regression of these rows, with L2 regularisation of strength `held`.
fn learn(names: &[&str], rows: &[Row], held: f64) -> Weights {
    let count = names.len();
    let of = |row: &Row, at: usize| f64::from(row.numbers[at]);
    let total: f64 = rows.iter().map(|row| row.weight).sum();
    let mean: Vec<f64> =
        (0..count).map(|at| rows.iter().map(|row| row.weight * of(row, at)).sum::<f64>() / total).collect();
    let deviation: Vec<f64> = (0..count)
        .map(|at| {
            let squares: f64 = rows.iter().map(|row| row.weight * (of(row, at) - mean[at]).powi(2)).sum();
            // The lower bound keeps the weight of a rare sign from growing beyond what few examples can support.
            (squares / total).sqrt().max(0.05)
        })
        .collect();
    let scaled: Vec<Vec<f64>> =
        rows.iter().map(|row| (0..count).map(|at| (of(row, at) - mean[at]) / deviation[at]).collect()).collect();
    let (mut weights, mut constant) = (vec![0.0; count], 0.0);
    for step in 0..STEPS {
        let mut slope = vec![0.0; count];
        let mut slope_of_constant = 0.0;
        for (numbers, row) in scaled.iter().zip(rows) {
            let logit: f64 =
                constant + numbers.iter().zip(&weights).map(|(number, weight)| number * weight).sum::<f64>();
            let wrong = row.weight * (1.0 / (1.0 + (-logit).exp()) - f64::from(u8::from(row.right)));
            slope_of_constant += wrong;
            numbers.iter().zip(&mut slope).for_each(|(number, slope)| *slope += wrong * number);
        }
        let rate = 0.8 / (1.0 + step as f64 / 100.0) / total;
        weights.iter_mut().zip(&slope).for_each(|(weight, slope)| *weight -= rate * (slope + held * *weight));
        constant -= rate * slope_of_constant;
    }
    let numbers =
        (0..count).map(|at| (names[at].to_owned(), mean[at] as f32, deviation[at] as f32, weights[at] as f32));
    Weights { constant: constant as f32, numbers: numbers.collect() }
}

/// Returns precision, recall, F1 and the share of false alarms, from pairs of label and verdict.
fn figures(judged: impl Iterator<Item = (bool, bool)>) -> (f64, f64, f64, f64) {
    let (mut hits, mut misses, mut alarms, mut quiet) = (0.0, 0.0, 0.0, 0.0);
    for (helps, told) in judged {
        match (helps, told) {
            (true, true) => hits += 1.0,
            (true, false) => misses += 1.0,
            (false, true) => alarms += 1.0,
            (false, false) => quiet += 1.0,
        }
    }
    let precision = hits / f64::max(1.0, hits + alarms);
    let recall = hits / f64::max(1.0, hits + misses);
    (
        precision,
        recall,
        2.0 * hits / f64::max(1.0, 2.0 * hits + alarms + misses),
        alarms / f64::max(1.0, alarms + quiet),
    )
}

/// Returns the threshold with the best F1 among those with at most this share of false alarms.
fn threshold(examples: &[Example], logits: &[f32], false_alarms: f64) -> f32 {
    let of = |threshold: f32| figures(examples.iter().zip(logits).map(|(one, logit)| (one.helps, *logit >= threshold)));
    let fits = logits.iter().copied().filter(|threshold| of(*threshold).3 <= false_alarms);
    fits.max_by(|one, other| of(*one).2.total_cmp(&of(*other).2)).unwrap_or_default()
}

fn report(name: &str, examples: &[Example], logits: &[f32], threshold: f32, which: impl Fn(&Example) -> bool) {
    let judged = examples.iter().zip(logits).filter(|(one, _)| which(one));
    let (precision, recall, f1, alarms) = figures(judged.map(|(one, logit)| (one.helps, *logit >= threshold)));
    println!("{name:<16} precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}, false alarms {alarms:.3}");
}

/// Returns the context of each message of a transcript.
fn contexts(transcript: &[Line]) -> Vec<Context> {
    let mentioned = |text: &str| -> Vec<String> {
        text.split("<@").skip(1).filter_map(|rest| rest.split_once('>')).map(|(who, _)| who.to_owned()).collect()
    };
    let at = |line: &Line| line.day * 1_440 + line.minute;
    (0..transcript.len())
        .map(|now| {
            let line = &transcript[now];
            let before =
                transcript[now.saturating_sub(BACK)..now].iter().filter(|other| at(line) - at(other) <= WINDOW);
            let before: Vec<&Line> = before.collect();
            let whom = mentioned(&line.text);
            let count =
                |is: &dyn Fn(&&&Line) -> bool| u8::try_from(before.iter().filter(is).count()).unwrap_or(u8::MAX);
            let of_mentioned = count(&|other| whom.contains(&other.who));
            let spoke = |who: &String| before.iter().any(|other| other.who == *who);
            let is_heard = before.iter().any(|other| {
                let whom = mentioned(&other.text);
                if other.who == line.who { whom.iter().any(spoke) } else { whom.contains(&line.who) }
            });
            Context {
                mentioned_spoke: of_mentioned > 0,
                of_mentioned,
                of_writer: if is_heard { count(&|other| other.who == line.who) } else { 0 },
                other_asked: before
                    .iter()
                    .rev()
                    .find(|other| other.who != line.who)
                    .is_some_and(|it| it.text.contains('?')),
                writer_was_mentioned: before.iter().any(|other| mentioned(&other.text).contains(&line.who)),
                goes_on: is_heard && before.last().is_some_and(|other| other.who == line.who),
                quiet_minutes: before
                    .last()
                    .map_or(60, |other| u8::try_from((at(line) - at(other)).clamp(0, 60)).unwrap_or(60)),
            }
        })
        .collect()
}

/// Learns the weights of the context. Prints how well they do on days that they were not trained on: even days are
/// measured with the weights of odd days, and odd days with those of even days.
fn learn_context(transcript: &[Line], message: &Weights, usage: &Usage, threshold: f32) -> anyhow::Result<Weights> {
    let contexts = contexts(transcript);
    let rows: Vec<Row> = transcript
        .iter()
        .zip(&contexts)
        .map(|(line, context)| {
            let alone = message.of(&features::describe(&line.text, usage));
            Row { numbers: context.numbers(alone).to_vec(), right: line.starts, weight: 1.0 }
        })
        .collect();
    let part =
        |odd: bool| -> Vec<usize> { (0..rows.len()).filter(|at| (transcript[*at].day % 2 == 1) == odd).collect() };
    let pick = |which: &[usize]| -> Vec<Row> { which.iter().map(|at| rows[*at].clone()).collect() };
    for (name, which) in [("all", false), ("with a mention", true)] {
        let (mut alone, mut with) = (Vec::new(), Vec::new());
        for odd in [false, true] {
            let weights = learn(&context::NAMES, &pick(&part(!odd)), 1.0);
            for at in part(odd).into_iter().filter(|at| !which || transcript[*at].text.contains("<@")) {
                alone.push((rows[at].right, rows[at].numbers[0] >= threshold));
                with.push((rows[at].right, weights.of(&rows[at].numbers) >= threshold));
            }
        }
        for (known, judged) in [("message alone", alone), ("with context", with)] {
            let starts = judged.iter().filter(|(starts, _)| *starts).count();
            let (precision, recall, f1, alarms) = figures(judged.iter().copied());
            println!(
                "transcript, {name}, {known}: {} messages, {starts} start; precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}, false alarms {alarms:.3}",
                judged.len()
            );
        }
    }
    let weights = learn(&context::NAMES, &rows, 1.0);
    for (name, _, _, weight) in &weights.numbers {
        println!("context: {name:<20} {weight:>8.3}");
    }
    Ok(weights)
}
