//! Articles, their versions, suggestions of them, and the marks of their usefulness.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::event::ReplyHandle;
use crate::domain::ids::{ArticleId, ArticleKey, Person, PersonRef, Place, TicketId, TicketKey};

/// The greatest length of a title, in characters.
pub const LONGEST_TITLE: usize = 150;
/// The greatest length of a summary, in characters.
pub const LONGEST_SUMMARY: usize = 300;
/// The greatest length of a body, in bytes.
pub const LONGEST_BODY: usize = 200_000;

/// A knowledge article: what the desk knows about one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Its id in the database.
    pub id: ArticleId,
    /// The key that people quote.
    pub key: ArticleKey,
    pub status: ArticleStatus,
    /// The content of its current version.
    pub content: Content,
    /// The person responsible for it.
    pub owner: Option<Person>,
    /// The ticket that it was written from.
    pub source: Option<TicketKey>,
    /// The last review in which somebody found it correct.
    pub checked: Option<Checked>,
    /// The path of the file that it was imported from, relative to the folder of the import.
    pub path: Option<String>,
    /// The state of that file when it was last imported.
    pub imported: Option<Imported>,
    /// The number of its current version. Each version is kept.
    pub version: i64,
    /// When the article was first written.
    pub created_at: Timestamp,
    /// When anything about the article was last changed.
    pub changed_at: Timestamp,
}

/// The content of an article, and its audience. Each version of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The title, on one line.
    pub title: String,
    /// A summary of the problem that it solves, on one line. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Its text, in Markdown.
    pub body: String,
    /// The address of the original, if the article is a link to another knowledge base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its language as an ISO 639-1 code. `None`: the language is detected from the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The service that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Further words that name its topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who may find it.
    #[serde(default)]
    pub audience: Audience,
    /// When the article is due for review. A change of this date alone makes no new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
}

/// The state of a file when it was last imported. An import whose file has not changed since does not undo changes made
/// in chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// A digest of the content, without the date of its review.
    pub digest: String,
    /// The status that the file asked for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ArticleStatus>,
    /// The date of review that the file asked for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
    /// The version of the article after the import.
    pub version: i64,
}

/// A review in which somebody found an article correct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The person who checked it.
    pub by: Person,
    pub at: Timestamp,
}

/// One version of an article's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number of the version, from 1.
    pub number: i64,
    pub content: Content,
    /// The author. `None` if it was imported.
    pub by: Option<Person>,
    /// When the version was written.
    pub at: Timestamp,
}

/// Returns the version number of an article with this content. A change of the review date alone makes no new version.
#[must_use]
pub fn version_after(before: &Article, content: &Content) -> i64 {
    let same = Content { review_at: before.content.review_at, ..content.clone() };
    before.version + i64::from(before.content != same)
}

impl Article {
    /// Whether the article is found by searches and suggested.
    #[must_use]
    pub const fn is_published(&self) -> bool {
        matches!(self.status, ArticleStatus::Published)
    }
}

/// An article that a search has found, with the passage to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    pub article: ArticleId,
    /// The key that people quote.
    pub key: ArticleKey,
    pub title: String,
    /// The passage that answers the question best. May be empty.
    pub passage: String,
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Articles that everybody may read, the best first.
    pub offered: Vec<Offered>,
    /// Articles that agents may read, those for agents alone included, the best first.
    pub fits: Vec<Offered>,
    /// The probability that one of `offered` answers the question, in percent.
    pub likely: u32,
}

/// A suggestion to the requester of a ticket. It is also kept if it was not shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    pub ticket: TicketId,
    pub found: Answered,
    /// Whether the requester was shown an article.
    pub is_shown: bool,
    /// When the search ended.
    pub at: Timestamp,
    /// The article that solved the request, according to the requester.
    pub solved_by: Option<ArticleKey>,
    /// When the requester asked for a person, wrote again, or said that the article does not help.
    pub escalated_at: Option<Timestamp>,
}

impl Suggestion {
    /// Returns the article that was shown, as long as the requester has not said whether it helps.
    #[must_use]
    pub fn open(&self) -> Option<&Offered> {
        let is_open = self.is_shown && self.solved_by.is_none() && self.escalated_at.is_none();
        self.found.offered.first().filter(|_| is_open)
    }

    /// Returns the offered article of this key.
    #[must_use]
    pub fn offered(&self, key: &ArticleKey) -> Option<&Offered> {
        self.found.offered.iter().find(|offered| offered.key == *key)
    }
}

/// A mark of an article on a ticket: one outcome, counted once for each ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The article was offered first, or sent by an agent.
    Shown,
    Read,
    /// The requester says that it solved the request.
    Solved,
    /// The requester says that it helps, but not that it solved the request.
    Helpful,
    /// The requester says that it does not help.
    Unhelpful,
}

impl Mark {
    /// Returns the mark's name in the database.
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

/// The number of tickets with each mark of an article.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// Tickets on which it was offered first, or sent by an agent.
    pub shown: u64,
    /// Tickets whose requester opened it.
    pub read: u64,
    /// Tickets whose requester says that it solved the request.
    pub solved: u64,
    /// Tickets whose requester says that it helps.
    pub helpful: u64,
    /// Tickets whose requester says that it does not help.
    pub unhelpful: u64,
}

/// A report about the suggestions of a period. Each request that was shown an article counts once, for the first of
/// these fields that applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Requests that would have been shown an article in places where nothing is shown (`observe`).
    pub observed: u64,
    /// Requests that were shown an article.
    pub shown: u64,
    /// Requests whose requester said that the article solved it, and that are still resolved or closed.
    pub confirmed: u64,
    /// Requests whose requester asked for a person, said that the article does not help, wrote again, or reopened the
    /// request after the article had solved it.
    pub escalated: u64,
    /// Requests that were taken, answered or ended before the requester reacted to the article.
    pub worked: u64,
    /// Requests without any activity for some days. Whether the article helped is not known.
    pub abandoned: u64,
    /// The other requests that were shown an article.
    pub open: u64,
}

/// A request whose requester says that an article did not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub ticket: TicketKey,
    /// The ticket's title, in the requester's words.
    pub title: String,
    /// When the requester said so.
    pub at: Timestamp,
}

/// An article as it was read from the database, with the number of its last change. An update conflicts if the number
/// is no longer the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub article: Article,
    /// The number of its last change, from one sequence for all articles.
    pub change: i64,
}

/// An article with its figures, for people who may edit articles.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    pub kept: Kept,
    /// The counts of its marks.
    pub numbers: Numbers,
    /// The latest requests for which it did not help, newest first.
    pub complaints: Vec<Complaint>,
}

/// A list of articles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Articles that are not published yet.
    Drafts,
    /// Published articles whose review is due.
    Review,
    /// Published articles that did not help several requesters since their last review.
    Unhelpful,
    All,
}

/// An article in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub article: Article,
    /// The list that it is shown in.
    pub as_one_of: Listing,
    /// The counts of its marks.
    pub numbers: Numbers,
}

/// A search by a person, answered privately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The words to look for.
    pub words: String,
    /// The person who searches.
    pub who: PersonRef,
    /// Whether articles for agents alone may be found.
    pub by_agent: bool,
    /// The place from which the person searches.
    pub near: Option<Place>,
    /// The handle of the command, by which the person is answered.
    pub via: Option<ReplyHandle>,
}
