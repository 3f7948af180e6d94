//! The tags in people's texts. From these alone, journal and export show which texts belong together.

use std::fmt;

/// `[r-000123]` is request 123; `[l-000124/000123]` is a line about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    pub kind: Kind,
    /// Its own number: no two texts have the same.
    pub number: u32,
    /// The number of the request that it belongs to.
    pub about: u32,
}

/// The purpose of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Asks the desk for something.
    Request,
    /// Adds to a request, where it was asked.
    Line,
    /// A note of the desk, under a card.
    Note,
    /// An agent's answer, by the form.
    Answer,
    /// How something was resolved.
    Resolution,
    /// Does not concern the desk.
    Chatter,
    /// Pings an agent with a request. The guard passes it on once, or not at all if it is heard too late.
    Ping,
}

const KINDS: [(Kind, char); 7] = [
    (Kind::Request, 'r'),
    (Kind::Line, 'l'),
    (Kind::Note, 'n'),
    (Kind::Answer, 'y'),
    (Kind::Resolution, 'x'),
    (Kind::Chatter, 'c'),
    (Kind::Ping, 'p'),
];

impl Tag {
    /// Returns the first tag in a text.
    pub fn in_text(text: &str) -> Option<Self> {
        Self::all(text).next()
    }

    /// Returns the tags in a text, in order.
    pub fn all(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.match_indices('[').filter_map(|(at, _)| Self::read(&text[at + 1..]))
    }

    fn read(rest: &str) -> Option<Self> {
        let (inside, _) = rest.split_once(']')?;
        let (letter, numbers) = inside.split_once('-')?;
        let kind = KINDS.iter().find(|(_, known)| letter.chars().eq([*known]))?.0;
        let (number, about) = numbers.split_once('/').unwrap_or((numbers, numbers));
        Some(Self { kind, number: number.parse().ok()?, about: about.parse().ok()? })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or('?', |(_, letter)| *letter);
        if self.number == self.about {
            write!(f, "[{letter}-{:06}]", self.number)
        } else {
            write!(f, "[{letter}-{:06}/{:06}]", self.number, self.about)
        }
    }
}

#[test]
fn marks_are_read_as_they_are_written() {
    for (kind, _) in KINDS {
        for about in [7, 12] {
            let tag = Tag { kind, number: 12, about };
            assert_eq!(Tag::in_text(&format!("@Desk [file: a] {tag} words [not one]")), Some(tag));
        }
    }
    assert_eq!(Tag::in_text("[r-x] [z-1] [r 1]"), None);
}
