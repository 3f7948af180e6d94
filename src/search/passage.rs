//! Finds the passage of a text that answers a question best.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::Question;
use super::analysis::Analyzer;
use super::language::Language;

/// The weight of a word of the question's title, compared with a word of the rest.
const TITLE_COUNTS: f32 = 2.0;

/// The part of a text that contains the most of the question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// The text of the passage.
    pub text: String,
    /// The ranges of bytes in `text` that match words of the question.
    pub highlights: Vec<Range<usize>>,
}

/// A sentence of a text, with those of its words that match the question.
struct Sentence {
    at: Range<usize>,
    words: Vec<(String, Range<usize>)>,
}

/// Returns the adjacent sentences of `text` that contain most of the question, with at most `chars` characters. A
/// single longer sentence is cut. If no sentence contains any of the question, returns the first ones.
#[must_use]
pub fn passage(text: &str, question: &Question<'_>, language: Language, chars: usize) -> Passage {
    let mut analyzer = Analyzer::default();
    let mut asked: HashMap<String, f32> = HashMap::new();
    for (part, weight) in [(question.title, TITLE_COUNTS), (question.text, 1.0)] {
        for word in analyzer.words(part, language) {
            asked.entry(word.term).or_insert(weight);
        }
    }
    let sentences: Vec<Sentence> = text
        .split_sentence_bound_indices()
        .flat_map(|(at, sentence)| lines(at, sentence))
        .map(|(from, sentence)| {
            let words = analyzer.words(sentence, language).into_iter().filter(|word| asked.contains_key(&word.term));
            let words = words.map(|word| (word.term, word.from..word.to)).collect();
            Sentence { at: from..from + sentence.len(), words }
        })
        .collect();
    let mut best: (f32, Range<usize>) = (-1.0, 0..0);
    for first in 0..sentences.len() {
        // A passage begins with a sentence that matches, or with the first one, and continues while there is room.
        if sentences[first].words.is_empty() && first > 0 {
            continue;
        }
        let (mut has, mut worth, mut upto) = (HashSet::new(), 0.0, first);
        for sentence in &sentences[first..] {
            let length = text[sentences[first].at.start..sentence.at.end].chars().count();
            if length > chars && upto > first {
                break;
            }
            upto += 1;
            for (term, _) in &sentence.words {
                if has.insert(term) {
                    worth += asked.get(term).copied().unwrap_or_default();
                }
            }
        }
        if worth > best.0 {
            best = (worth, first..upto);
        }
    }
    // A headline at the end is dropped, since the text below it is missing.
    let ends = |sentence: &Sentence| text[sentence.at.clone()].ends_with(['.', '!', '?', '…', ':', '"', '”', ')']);
    while best.1.len() > 1 && sentences.get(best.1.end - 1).is_some_and(|last| last.words.is_empty() && !ends(last)) {
        best.1.end -= 1;
    }
    let Some(chosen) = sentences.get(best.1.clone()).filter(|chosen| !chosen.is_empty()) else {
        return Passage::default();
    };
    let from = chosen[0].at.start;
    let whole = &text[from..chosen[chosen.len() - 1].at.end];
    let end = whole.char_indices().nth(chars).map_or(whole.len(), |(at, _)| at);
    let part = whole[..end].trim_end();
    let highlights = chosen.iter().flat_map(|sentence| {
        sentence.words.iter().map(move |(_, at)| sentence.at.start - from + at.start..sentence.at.start - from + at.end)
    });
    Passage { text: part.to_owned(), highlights: highlights.filter(|at| at.end <= part.len()).collect() }
}

/// Returns the lines of a sentence that are not blank, trimmed, each with its position in the text. `at`: the position
/// of the sentence.
fn lines(at: usize, sentence: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = at;
    sentence.split_inclusive('\n').filter_map(move |line| {
        let begins = from + (line.len() - line.trim_start().len());
        from += line.len();
        let said = line.trim();
        (!said.is_empty()).then_some((begins, said))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passage_holds_what_was_asked_for() {
        let text = "Check the cable first. Then look at the light on the router. If the tunnel drops every few minutes, turn off band \
                    steering in the router's menu. Then dial in again and wait for a minute.";
        let question = Question { title: "why does the tunnel keep dropping", ..Question::default() };
        let found = passage(text, &question, Language::ENGLISH, 120);
        assert_eq!(found.text, "If the tunnel drops every few minutes, turn off band steering in the router's menu.");
        assert_eq!(
            found.highlights.iter().map(|range| &found.text[range.clone()]).collect::<Vec<_>>(),
            ["tunnel", "drops"]
        );
    }

    #[test]
    fn no_passage_ends_with_a_headline() {
        let question = Question { title: "tunnel", ..Question::default() };
        let found = passage("The tunnel drops.\nFind the cause\nLook at the light.", &question, Language::ENGLISH, 35);
        assert_eq!(found.text, "The tunnel drops.");
    }

    #[test]
    fn a_long_sentence_is_cut_and_lines_stay_apart() {
        let question = Question { title: "steering", ..Question::default() };
        let text = format!("Headline\n  Turn off band steering {}\nEnd", "and on and ".repeat(50));
        let found = passage(&text, &question, Language::ENGLISH, 40);
        assert_eq!(found.text, "Turn off band steering and on and and on");
        assert_eq!(found.highlights, vec![14..22]);
    }

    #[test]
    fn a_text_with_nothing_of_it_is_shown_from_its_beginning() {
        let question = Question { title: "zebra", ..Question::default() };
        assert_eq!(passage("Ärger mit dem Drucker. Und mehr.", &question, Language::GERMAN, 5).text, "Ärger");
        assert_eq!(passage("", &question, Language::GERMAN, 5), Passage::default());
        assert_eq!(passage("\n \n", &question, Language::GERMAN, 5), Passage::default());
    }
}
