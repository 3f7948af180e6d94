//! Describes a found document by numbers: how much of the question it contains, where, how near together, and how it
//! compares with the other documents found.
//!
//! A "share" is always a share of the question, in which each word counts by its rarity. `examples/train.rs` learns the
//! weights of the numbers.

use std::collections::HashSet;

use super::index::{RankingData, Statistics, hash};
use super::question::Form;

/// The numbers of one document.
pub type Features = [f32; NAMES.len()];

/// The names of the numbers, in order.
pub const NAMES: [&str; 17] = [
    // The fit of the whole document: compared with the best fit found, compared with the best possible fit, and by the
    // rank in the first pass.
    "fit_beside_best",
    "fit_of_possible",
    "first_rank",
    // The part of the question that the document contains: of the whole, of the question's title, of its rarest word;
    // and how well the rest of the question fits the document's title.
    "share",
    "share_of_title",
    "rarest_share",
    "text_in_title",
    // How much of the document's title the question has, and how alike the letters of both titles are.
    "title_covered",
    "titles_alike",
    // Nearness: words that are adjacent in both, distances, the best passage, the beginning.
    "pairs",
    "nearness",
    "passage_share",
    "beginning_share",
    // The lengths of the document, and the length of the question's title compared with that of the document's.
    "title_length",
    "body_length",
    "title_length_ratio",
    // Whether the document is about the question's service.
    "same_service",
];

/// The weights of a word in the title and of a word in a label, compared with a word in the body.
const TITLE_COUNTS: f32 = 3.0;
const LABEL_COUNTS: f32 = 2.0;
/// How far the weight of a repeated word grows: k1 of BM25.
const FIT_SATURATES: f32 = 2.5;
/// The number of words in a passage.
const PASSAGE: usize = 60;
/// The number of words, from the first word of the title on, that count as the document's beginning.
const BEGINNING: usize = 40;
/// The greatest distance, in words, at which two words count as near each other.
const NEAR: usize = 12;
/// Is added to the rank before its reciprocal is taken, so that the first ranks do not differ too much.
const RANKS: f32 = 5.0;

/// A found document with the data for its numbers.
pub(super) struct Candidate<'c> {
    /// The question, analysed in the document's language.
    pub(super) form: &'c Form,
    /// The stored terms of the document.
    pub(super) kept: &'c RankingData,
    /// The similarity of its title and the question's title; see [`alike`].
    pub(super) titles_alike: f32,
    /// 1 if it is about the service of the question, 0 if not, and a half if either is unknown.
    pub(super) same_service: f32,
}

/// Returns the numbers of the candidates, which must be in the order of BM25, the best first. `usual`: the averages of
/// the index.
pub(super) fn describe(candidates: &[Candidate<'_>], usual: &Statistics) -> Vec<Features> {
    let measures: Vec<Measures> = candidates.iter().map(|candidate| measure(candidate, usual)).collect();
    let best = measures.iter().map(|measures| measures.fit).fold(1e-6, f32::max);
    let numbers = candidates.iter().zip(measures).enumerate();
    numbers.map(|(rank, (candidate, measures))| measures.numbers(candidate, rank, best)).collect()
}

/// Returns the similarity of two titles by their three-letter groups, from 0 to 1: the number of common groups, divided
/// by the geometric mean of the numbers of groups. Both lists must be sorted.
pub(super) fn alike(one: &[u32], other: &[u32]) -> f32 {
    let (mut both, mut here, mut there) = (0, 0, 0);
    while let (Some(left), Some(right)) = (one.get(here), other.get(there)) {
        match left.cmp(right) {
            std::cmp::Ordering::Less => here += 1,
            std::cmp::Ordering::Greater => there += 1,
            std::cmp::Ordering::Equal => (both, here, there) = (both + 1, here + 1, there + 1),
        }
    }
    float(both) / (float(one.len()) * float(other.len())).sqrt().max(1.0)
}

/// Returns the three-letter groups of a text, each once, sorted.
pub(super) fn letters(text: &str) -> Vec<u32> {
    let mut spaced = vec![' '];
    for word in text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
        spaced.push(' ');
        spaced.extend(word.chars().flat_map(char::to_lowercase));
    }
    spaced.push(' ');
    let mut groups: Vec<u32> = spaced.windows(3).map(|three| hash(three.iter().collect::<String>().as_str())).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[expect(clippy::cast_precision_loss, reason = "numbers of words, far below what a float holds exactly")]
fn float(number: usize) -> f32 {
    number as f32
}

/// The measurements of one document, from which its numbers are made.
#[derive(Clone, Copy, Debug, Default)]
struct Measures {
    fit: f32,
    possible: f32,
    share: f32,
    share_of_title: f32,
    rarest: f32,
    text_in_title: f32,
    title_covered: f32,
    pairs: f32,
    nearness: f32,
    passage: f32,
    beginning: f32,
}

/// The greatest values that a document could reach for a question, by the rarity of the question's words.
struct Whole {
    all: f32,
    title: f32,
    rarest: f32,
    pairs: f32,
}

fn whole(form: &Form) -> Whole {
    let slots = &form.slots;
    let pairs = |sequence: &[u16]| -> f32 { sequence.windows(2).map(|pair| pair_rarity(form, pair[0], pair[1])).sum() };
    Whole {
        all: slots.iter().map(|slot| slot.weight * slot.idf).sum(),
        title: slots.iter().filter(|slot| slot.in_title > 0.0).map(|slot| slot.idf).sum(),
        rarest: slots.iter().map(|slot| slot.idf).fold(1e-6, f32::max),
        pairs: pairs(&form.title) + pairs(&form.text),
    }
}

/// Returns the rarity of two words together: that of the more frequent one.
fn pair_rarity(form: &Form, one: u16, other: u16) -> f32 {
    form.slots[usize::from(one)].idf.min(form.slots[usize::from(other)].idf)
}

fn share(part: f32, of: f32) -> f32 {
    part / of.max(1e-6)
}

fn measure(candidate: &Candidate<'_>, usual: &Statistics) -> Measures {
    let (form, kept) = (candidate.form, candidate.kept);
    let slots = &form.slots;
    let whole = whole(form);
    // For each word of the document, in order: the word of the question for which it stands, if any, and how well.
    let of = |term: &u32| form.stands_for.get(term).copied();
    let seen: Vec<Option<(u16, f32)>> = kept.title.iter().chain(&kept.labels).chain(&kept.body).map(of).collect();
    let (titled, labelled) = (kept.title.len(), kept.title.len() + kept.labels.len());
    let (mut in_title, mut in_labels, mut in_body) =
        (vec![0.0; slots.len()], vec![0.0; slots.len()], vec![0.0; slots.len()]);
    for (at, word) in seen.iter().enumerate() {
        if let Some((slot, how_well)) = word {
            let counts = if at < titled {
                &mut in_title
            } else if at < labelled {
                &mut in_labels
            } else {
                &mut in_body
            };
            counts[usize::from(*slot)] += how_well;
        }
    }
    let length = TITLE_COUNTS * float(titled) + LABEL_COUNTS * float(kept.labels.len()) + float(kept.body.len());
    let by_length = FIT_SATURATES * (0.25 + 0.75 * length / (TITLE_COUNTS * usual.title + usual.body));
    let by_title = 1.2 * (0.5 + 0.5 * float(titled) / usual.title);
    let mut measures = Measures::default();
    for (slot, word) in slots.iter().enumerate() {
        let (title, labels, body) = (in_title[slot], in_labels[slot], in_body[slot]);
        let all = TITLE_COUNTS * title + LABEL_COUNTS * labels + body;
        if all == 0.0 {
            continue;
        }
        measures.share += word.weight * word.idf;
        measures.fit += word.weight * word.idf * all * (FIT_SATURATES + 1.0) / (all + by_length);
        measures.rarest = measures.rarest.max(word.idf);
        if word.in_title > 0.0 {
            measures.share_of_title += word.idf;
        }
        if word.in_text > 0.0 {
            measures.text_in_title +=
                word.in_text * 5.0 / (word.in_text + 4.0) * word.idf * title * 2.2 / (title + by_title);
        }
    }
    measures.possible = share(measures.fit, whole.all * FIT_SATURATES);
    measures.share = share(measures.share, whole.all);
    measures.share_of_title = share(measures.share_of_title, whole.title);
    measures.rarest = share(measures.rarest, whole.rarest);
    measures.title_covered = share(float(seen[..titled].iter().flatten().count()), float(titled).max(1.0));
    measures.pairs = share(pairs(form, &seen, titled), whole.pairs);
    measures.near(form, &whole, &seen);
    measures
}

/// Returns the weight, by rarity, of the words that are adjacent both in the question and in the document.
fn pairs(form: &Form, seen: &[Option<(u16, f32)>], titled: usize) -> f32 {
    let side_by_side = |(at, pair): (usize, &[Option<(u16, f32)>])| match pair {
        [Some((one, _)), Some((other, _))] if at + 1 != titled => Some((*one, *other)),
        _ => None,
    };
    let mut found: Vec<(u16, u16)> = seen.windows(2).enumerate().filter_map(side_by_side).collect();
    found.sort_unstable();
    let asked = form.title.windows(2).chain(form.text.windows(2)).map(|pair| (pair[0], pair[1]));
    asked.filter(|pair| found.binary_search(pair).is_ok()).map(|(one, other)| pair_rarity(form, one, other)).sum()
}

impl Measures {
    /// Computes how near together the words of the question are, and how much of it one passage contains.
    fn near(&mut self, form: &Form, whole: &Whole, seen: &[Option<(u16, f32)>]) {
        let idf = |slot: u16| form.slots[usize::from(slot)].idf;
        let tells = |slot: u16| form.slots[usize::from(slot)].weight * idf(slot);
        let mut last: Option<(usize, u16)> = None;
        let (mut inside, mut now, mut best, mut nearness) = (vec![0_u32; form.slots.len()], 0.0_f32, 0.0_f32, 0.0);
        let (mut begun, mut beginning) = (HashSet::new(), 0.0);
        for (at, word) in seen.iter().enumerate() {
            if let Some((slot, _)) = *word {
                if let Some((before, other)) = last
                    && other != slot
                    && at - before <= NEAR
                {
                    nearness += idf(slot).min(idf(other)) / float((at - before) * (at - before));
                }
                last = Some((at, slot));
                if inside[usize::from(slot)] == 0 {
                    now += tells(slot);
                }
                inside[usize::from(slot)] += 1;
                if at < BEGINNING && begun.insert(slot) {
                    beginning += tells(slot);
                }
            }
            if let Some(Some((slot, _))) = at.checked_sub(PASSAGE).map(|left| seen[left]) {
                inside[usize::from(slot)] -= 1;
                if inside[usize::from(slot)] == 0 {
                    now -= tells(slot);
                }
            }
            best = best.max(now);
        }
        self.nearness = share(nearness, whole.all);
        self.passage = share(best, whole.all);
        self.beginning = share(beginning, whole.all);
    }

    fn numbers(&self, candidate: &Candidate<'_>, rank: usize, best: f32) -> Features {
        let (form, kept) = (candidate.form, candidate.kept);
        let (title, body) = (float(kept.title.len()), float(kept.body.len() + kept.labels.len()));
        [
            self.fit / best,
            self.possible,
            1.0 / (float(rank) + RANKS),
            self.share,
            self.share_of_title,
            self.rarest,
            self.text_in_title,
            self.title_covered,
            candidate.titles_alike,
            self.pairs,
            self.nearness,
            self.passage,
            self.beginning,
            (1.0 + title).ln(),
            (1.0 + body).ln(),
            ((1.0 + float(form.title.len())) / (1.0 + title)).ln(),
            candidate.same_service,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_alike_by_their_letters() {
        let like = |one: &str, other: &str| alike(&letters(one), &letters(other));
        assert!((like("VPN drops", "vpn  drops!") - 1.0).abs() < 1e-6);
        assert!(like("printer offline", "printers are offline") > 0.5);
        assert!(like("printer", "zebra") < 0.1);
        assert!(like("", "zebra") < 1e-6 && like("", "") >= 0.0);
    }
}
