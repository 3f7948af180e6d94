//! Articles as files: Markdown, with other properties before it as YAML between two lines of `---` (front matter).

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::{FlowSeq, SerializerOptions};

use crate::desk::knowledge::state::{Article, Content, LONGEST_BODY, LONGEST_SUMMARY, LONGEST_TITLE};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::ids::{Key, PersonRef};
use crate::domain::markdown;
use crate::domain::plain::one_line;
use crate::search::Language;

/// The content of an article's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// The path of the file, relative to the given folder.
    pub path: String,
    pub content: Content,
    /// The key of the article that the file was exported from, if that article was written in chat.
    pub key: Option<Key>,
    pub status: Option<ArticleStatus>,
    pub owner: Option<PersonRef>,
    /// The key of the ticket that the article was written from.
    pub source: Option<Key>,
    /// The names of the properties that the program does not know.
    pub ignored: Vec<String>,
}

/// The front matter as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Matter {
    key: Option<String>,
    title: Option<String>,
    summary: Option<String>,
    url: Option<String>,
    service: Option<String>,
    tags: Tags,
    language: Option<String>,
    audience: Option<String>,
    status: Option<String>,
    owner: Option<String>,
    source: Option<String>,
    review: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Tags, written as a list or as words separated by commas.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tags {
    List(Vec<String>),
    Words(String),
}

impl Default for Tags {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Tags {
    fn into_list(self) -> Vec<String> {
        let list = match self {
            Self::List(list) => list,
            Self::Words(words) => words.split(',').map(str::to_owned).collect(),
        };
        list.iter().map(|tag| one_line(tag.trim())).filter(|tag| !tag.is_empty()).collect()
    }
}

/// Reads a file.
///
/// # Errors
/// The reason why the file is no article, for its author.
pub fn read(path: &str, bytes: &[u8]) -> Result<Filed, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8")?;
    if text.contains('\0') {
        return Err("it is no text: there are zero bytes in it".to_owned());
    }
    if text.len() > LONGEST_BODY {
        return Err(format!(
            "it has {} bytes, and an article {LONGEST_BODY} at most: split it, or make it a link (url:)",
            text.len()
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let (matter, body) = split(&text)?;
    let matter: Matter = match matter {
        Some(yaml) if !yaml.trim().is_empty() => serde_saphyr::from_str(yaml)
            .map_err(|error| format!("its front matter cannot be read: {}", first_line(&error.to_string())))?,
        _ => Matter::default(),
    };
    filed(path, matter, body)
}

/// Returns the first line of a parser's error: its message, without the excerpt of the file.
fn first_line(error: &str) -> String {
    one_line(error.lines().next().unwrap_or_default().trim_start_matches("error: "))
}

/// Splits a file into its front matter (between two lines of `---` at the beginning), if any, and the text after it.
fn split(text: &str) -> Result<(Option<&str>, &str), &'static str> {
    let Some(rest) = text.strip_prefix("---\n") else { return Ok((None, text)) };
    if let Some(body) = rest.strip_prefix("---\n") {
        return Ok((None, body));
    }
    match rest.find("\n---\n") {
        Some(at) => Ok((Some(&rest[..=at]), &rest[at + 5..])),
        None => match rest.strip_suffix("\n---") {
            Some(yaml) => Ok((Some(yaml), "")),
            None => Err("its front matter begins with --- and has no end: write --- on a line of its own behind it"),
        },
    }
}

fn filed(path: &str, matter: Matter, body: &str) -> Result<Filed, String> {
    let body = body.trim_matches('\n');
    let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    let (title, body) = match markdown::titled(body) {
        _ if is_given(&matter.title) => (matter.title.unwrap_or_default(), body.to_owned()),
        Some((title, rest)) => (title, rest.to_owned()),
        None => {
            return Err(
                "it has no title: write title: in its front matter, or begin it with # and its title".to_owned()
            );
        }
    };
    let title = one_line(title.trim());
    let summary = one_line(matter.summary.unwrap_or_default().trim());
    let too_long = |what: &str, text: &str, most: usize| {
        let has = text.chars().count();
        if has > most { Err(format!("its {what} has {has} characters, and may have {most}")) } else { Ok(()) }
    };
    too_long("title", &title, LONGEST_TITLE)?;
    too_long("summary", &summary, LONGEST_SUMMARY)?;
    let url = matter.url.map(|url| address(&url)).transpose()?;
    if body.trim().is_empty() && summary.is_empty() {
        return Err("it says nothing: write a text, or with url: a summary".to_owned());
    }
    let language = match matter.language.filter(|letters| !letters.trim().is_empty()) {
        Some(letters) => {
            Some(letters.parse::<Language>().map_err(|error| format!("language: {error}"))?.code().to_owned())
        }
        None => None,
    };
    let audience = named::<Audience>("audience", matter.audience, "everyone or agents")?.unwrap_or_default();
    let status = named::<ArticleStatus>("status", matter.status, "draft, published or retired")?;
    let owner = named::<PersonRef>("owner", matter.owner, "an account, like slack:U0123456789 or discord:42")?;
    let key = named::<Key>("key", matter.key, "the key of an article, like KB-7")?;
    let source = named::<Key>("source", matter.source, "the key of a ticket, like IT-1042")?;
    let review_at = matter.review.map(|day| {
        let day: Date = day.trim().parse().map_err(|_| format!("review: {day:?} is no day, like 2027-06-30"))?;
        let moment = day.to_zoned(TimeZone::UTC).map_err(|_| format!("review: {day} is too far away"))?;
        Ok::<_, String>(moment.timestamp())
    });
    let review_at = review_at.transpose()?;
    let mut tags = folders(path);
    tags.extend(matter.tags.into_list());
    let mut seen = std::collections::HashSet::new();
    tags.retain(|tag| seen.insert(tag.to_lowercase()));
    let content = Content {
        title,
        summary,
        body,
        url,
        language,
        service: matter.service.map(|service| one_line(service.trim())).filter(|service| !service.is_empty()),
        tags,
        audience,
        review_at,
    };
    Ok(Filed { path: path.to_owned(), content, key, status, owner, source, ignored: matter.rest.into_keys().collect() })
}

/// Checks an address for a link.
fn address(url: &str) -> Result<String, String> {
    let url = url::Url::parse(url.trim()).map_err(|error| format!("url: {url:?} is no address: {error}"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(format!("url: an address begins with https://, and not with {}:", url.scheme()));
    }
    Ok(url.to_string())
}

fn named<T: std::str::FromStr>(key: &str, text: Option<String>, what: &str) -> Result<Option<T>, String> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| format!("{key}: {text:?} is none: it is {what}"))
}

/// Returns the folders of a path, which become tags of the articles in them.
fn folders(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    parts.pop();
    parts
}

/// The front matter to write, in this order.
#[derive(Debug, Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<FlowSeq<Vec<&'a str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<String>,
}

/// Returns the file text of an article.
///
/// # Errors
/// If the front matter cannot be written as YAML, which is a fault of the program.
pub fn write(article: &Article, path: &str) -> anyhow::Result<String> {
    let content = &article.content;
    let folders = folders(path);
    let own: Vec<&str> = content.tags.iter().filter(|tag| !folders.contains(tag)).map(String::as_str).collect();
    let written = Written {
        // An article without a path was written in chat. Its key finds it again when this file is imported.
        key: article.path.is_none().then(|| article.key.to_string()),
        title: &content.title,
        summary: &content.summary,
        url: content.url.as_deref(),
        service: content.service.as_deref(),
        tags: (!own.is_empty()).then_some(FlowSeq(own)),
        language: content.language.as_deref(),
        audience: (content.audience != Audience::default()).then(|| content.audience.as_str()),
        status: (article.status != ArticleStatus::Published).then(|| article.status.as_str()),
        owner: article.owner.as_ref().map(|owner| owner.who.to_string()),
        source: article.source.as_ref().map(ToString::to_string),
        review: content.review_at.map(|at| at.to_zoned(TimeZone::UTC).date().to_string()),
    };
    // One line per property, however long, so that a changed property is one line of a diff.
    let mut options = SerializerOptions::default();
    options.prefer_block_scalars = false;
    let yaml = serde_saphyr::to_string_with_options(&written, options).context("front matter cannot be written")?;
    Ok(format!("---\n{}\n---\n\n{}\n", yaml.trim_end(), content.body))
}

#[cfg(test)]
mod tests;
