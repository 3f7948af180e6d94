//! The article, and what may become of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::event::ReplyHandle;
use crate::domain::ids::{ArticleId, ArticleKey, Person, PersonRef, Place, TicketId, TicketKey};

/// How many characters a title and a summary have at most, and how many bytes a text.
pub const LONGEST_TITLE: usize = 150;
/// See [`LONGEST_TITLE`].
pub const LONGEST_SUMMARY: usize = 300;
/// See [`LONGEST_TITLE`].
pub const LONGEST_BODY: usize = 200_000;

/// What the desk knows about one matter, written for those who have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// The database's number of it.
    pub id: ArticleId,
    /// What people quote.
    pub key: ArticleKey,
    /// How it stands.
    pub status: ArticleStatus,
    /// What it says.
    pub content: Content,
    /// Who answers for it.
    pub owner: Option<Person>,
    /// The ticket that it was written from.
    pub source: Option<TicketKey>,
    /// Who found it right, and when.
    pub checked: Option<Checked>,
    /// The file that it was imported from, below the folder that was named.
    pub path: Option<String>,
    /// What that file said when it was last imported.
    pub imported: Option<Imported>,
    /// Counts what it has said: each version is kept.
    pub version: i64,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When anything of it was last changed.
    pub changed_at: Timestamp,
}

/// What an article says, and for whom. Each version of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What it is called, on one line.
    pub title: String,
    /// What it solves, on one line. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Its text, in Markdown.
    pub body: String,
    /// Where it really stands, if it is a link to another knowledge base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its language, by the letters of ISO 639-1; else its text tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The service that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Further words that name what it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who may find it.
    #[serde(default)]
    pub audience: Audience,
    /// When somebody is to look whether it is still right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
}

/// What a file said when it was last imported: what it has not changed since does not undo what was done in chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// A digest of the content, but for the day of its review.
    pub digest: String,
    /// How the article was to stand, if the file said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ArticleStatus>,
    /// When it was to be reviewed, if the file said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
    /// The version of the article that it became.
    pub version: i64,
}

/// Who found an article right, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
}

/// One version of what an article said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which, counted from 1.
    pub number: i64,
    /// What it said.
    pub content: Content,
    /// Who wrote it; nobody where it was imported.
    pub by: Option<Person>,
    /// When.
    pub at: Timestamp,
}

/// The version of an article once it says this: when it is to be reviewed is no other text.
#[must_use]
pub fn version_after(before: &Article, content: &Content) -> i64 {
    let same = Content { review_at: before.content.review_at, ..content.clone() };
    before.version + i64::from(before.content != same)
}

impl Article {
    /// Whether it is found and suggested.
    #[must_use]
    pub const fn is_published(&self) -> bool {
        matches!(self.status, ArticleStatus::Published)
    }
}

/// An article as it is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Which.
    pub article: ArticleId,
    /// What people quote of it.
    pub key: ArticleKey,
    /// What it is called.
    pub title: String,
    /// The part of it that answers.
    pub passage: String,
}

/// What was found for a question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// What everybody may read, the best first.
    pub offered: Vec<Offered>,
    /// What fits for agents, what is for them alone included.
    pub fits: Vec<Offered>,
    /// How likely it is that one of `offered` answers, in hundredths.
    pub likely: u32,
}

/// What was suggested to the requester of a ticket, or would have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// On which ticket.
    pub ticket: TicketId,
    /// What was found.
    pub found: Answered,
    /// Whether the requester was shown anything.
    pub is_shown: bool,
    /// When.
    pub at: Timestamp,
    /// The article that solved it, as the requester says.
    pub solved_by: Option<ArticleKey>,
    /// When the requester asked for a person, or wrote on.
    pub escalated_at: Option<Timestamp>,
}

impl Suggestion {
    /// The article that is offered first, as long as it is still open whether it helps.
    #[must_use]
    pub fn open(&self) -> Option<&Offered> {
        let is_open = self.is_shown && self.solved_by.is_none() && self.escalated_at.is_none();
        self.found.offered.first().filter(|_| is_open)
    }

    /// What was offered under this key.
    #[must_use]
    pub fn offered(&self, key: &ArticleKey) -> Option<&Offered> {
        self.found.offered.iter().find(|offered| offered.key == *key)
    }
}

/// What became of an article on a ticket, to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It was offered first.
    Shown,
    /// It was read.
    Read,
    /// The requester says that it solved the request.
    Solved,
    /// The requester says that it helps, if not that it solved the request.
    Helpful,
    /// The requester says that it does not help.
    Unhelpful,
}

impl Mark {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Read => "read",
            Self::Solved => "solved",
            Self::Helpful => "helpful",
            Self::Unhelpful => "unhelpful",
        }
    }
}

/// On how many tickets something became of an article.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// It was offered first, or sent by an agent.
    pub shown: u64,
    /// It was read.
    pub read: u64,
    /// The requester says that it solved the request.
    pub solved: u64,
    /// The requester says that it helps.
    pub helpful: u64,
    /// The requester says that it does not help.
    pub unhelpful: u64,
}

/// What became of the suggestions of a while. Each request that was shown an article is counted once, as the first of these that
/// is true of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Requests that would have been shown an article, where nothing is shown (`observe`).
    pub observed: u64,
    /// Requests that were shown an article.
    pub shown: u64,
    /// Its requester said that the article solved it, and it is done still: the request was met by knowledge.
    pub confirmed: u64,
    /// Its requester asked for a person, said that the article does not help, or wrote on.
    pub escalated: u64,
    /// The desk took it or ended it before its requester said anything.
    pub worked: u64,
    /// Nobody said or did anything for so many days: whether the article helped is not known.
    pub abandoned: u64,
    /// None of these yet.
    pub open: u64,
}

/// A request for which an article did not help, as its requester says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The ticket.
    pub ticket: TicketKey,
    /// What it is called: the requester's words.
    pub title: String,
    /// When the requester said so.
    pub at: Timestamp,
}

/// An article with the number of its last change, by which it is seen whether somebody else changed it meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The article.
    pub article: Article,
    /// The number of its last change.
    pub change: i64,
}

/// What those who keep articles see of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// The article.
    pub kept: Kept,
    /// How it does.
    pub numbers: Numbers,
    /// The last requests for which it did not help, newest first.
    pub complaints: Vec<Complaint>,
}

/// Which articles are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Those that are written and not published.
    Drafts,
    /// Those whose review is due.
    Review,
    /// Those that did not help several requesters since they were last checked.
    Unhelpful,
    /// All of them.
    All,
}

/// An article in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The article.
    pub article: Article,
    /// Why it is listed.
    pub as_one_of: Listing,
    /// How it does.
    pub numbers: Numbers,
}

/// What is asked of the search, and answered privately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What is looked for.
    pub words: String,
    /// Who asks.
    pub who: PersonRef,
    /// Whether what is for agents alone may be found.
    pub by_agent: bool,
    /// Where.
    pub near: Option<Place>,
    /// How they are answered.
    pub via: Option<ReplyHandle>,
}
