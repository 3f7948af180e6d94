//! The events that really happened, from the platforms' journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::crash::tag::Tag;

/// The place of a message: platform, channel's id, message's id.
pub type At = (String, String, String);

/// The longest time from the delivery of an event to its commit. If the connection breaks sooner, the bot may not have
/// committed the event.
const COMMIT_WITHIN_US: u64 = 5_000_000;

/// What the journal says that happened, sorted by kind.
#[derive(Default)]
pub struct Journal {
    pub said: Vec<Said>,
    pub posts: Vec<Post>,
    pub whispers: Vec<Whisper>,
    pub acts: Vec<Act>,
    /// Platforms on which the bot has posted.
    pub platforms: BTreeSet<String>,
    /// The moments at which connections broke, by platform, in microseconds.
    breaks: BTreeMap<String, Vec<u64>>,
}

/// A message of a person.
pub struct Said {
    pub at: At,
    pub channel: String,
    pub thread: Option<String>,
    pub who: String,
    pub tag: Option<Tag>,
    /// The text after the last edit.
    pub text: String,
    pub edits: u32,
    pub deleted: bool,
    pub seq: u64,
    /// Each delivery to the bot: number of the entry, moment in microseconds, number of connections that had broken
    /// before.
    pub delivered: Vec<(u64, u64, usize)>,
    /// The bot's first acknowledgement: number of the entry, number of connections that had broken before.
    pub acked: Option<(u64, usize)>,
}

impl Said {
    pub fn platform(&self) -> &str {
        &self.at.0
    }

    pub fn is_direct(&self) -> bool {
        self.channel == "desk" || self.channel.starts_with("direct:")
    }

    /// Returns the text without the mention of the bot.
    pub fn words(&self) -> &str {
        self.text.trim().strip_prefix("@Desk").unwrap_or(&self.text).trim()
    }
}

/// A message of the bot in a channel or a direct conversation.
pub struct Post {
    pub at: At,
    pub channel: String,
    pub thread: Option<String>,
    /// The text after the last edit.
    pub text: String,
    pub removed: bool,
    pub seq: u64,
}

/// An ephemeral message of the bot to one person.
pub struct Whisper {
    pub platform: String,
    pub to: String,
    pub text: String,
}

/// A press, a form or a command.
pub struct Act {
    pub kind: ActKind,
    pub platform: String,
    pub who: String,
    /// The id of the pressed control, the words in the form, or the command.
    pub text: String,
    /// The message that it was pressed on.
    pub on: At,
    pub acked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActKind {
    Pressed,
    Submitted,
    Commanded,
}

impl Journal {
    /// Reads the lines of a journal.
    pub fn read(lines: &str) -> Self {
        let mut reader = Reader::default();
        for line in lines.lines() {
            // A line that was cut off at the end is skipped.
            if let Ok(entry) = serde_json::from_str::<Value>(line) {
                reader.take(&entry);
            }
        }
        reader.journal
    }

    /// Whether the bot may have been unable to commit this message: it never acknowledged it, and each delivery (if
    /// there was one) was followed by a broken connection within [`COMMIT_WITHIN_US`].
    pub fn was_missed(&self, said: &Said) -> bool {
        let breaks = self.breaks.get(said.platform()).map_or(&[][..], Vec::as_slice);
        said.acked.is_none()
            && said.delivered.iter().all(|(_, at_us, _)| {
                breaks.iter().any(|broken_us| broken_us >= at_us && broken_us - at_us < COMMIT_WITHIN_US)
            })
    }

    /// Whether the bot had to handle `first` before `second`: it acknowledged `first` before `second` was delivered, or
    /// it got both in order on one connection, or neither was delivered.
    pub fn is_bound_before(&self, first: &Said, second: &Said) -> bool {
        if first.seq >= second.seq || first.at.0 != second.at.0 {
            return false;
        }
        match (first.delivered.first(), second.delivered.first()) {
            (Some((one, _, one_epoch)), Some((other, _, other_epoch))) => {
                let acked_before = first.acked.is_some_and(|(acked, _)| acked < *other);
                let acked_on = |said: &Said| said.acked.is_none_or(|(_, epoch)| epoch == *one_epoch);
                let on_one_line = one < other && one_epoch == other_epoch && acked_on(first) && acked_on(second);
                acked_before || on_one_line
            }
            // Both were read later, in order.
            (None, None) => true,
            _ => false,
        }
    }
}

#[derive(Default)]
struct Reader {
    journal: Journal,
    said: HashMap<At, usize>,
    posts: HashMap<At, usize>,
    acts: HashMap<String, usize>,
}

impl Reader {
    fn take(&mut self, entry: &Value) {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let at = (text("platform"), text("channel_id"), text("message"));
        let thread = Some(text("thread")).filter(|thread| !thread.is_empty());
        let (seq, wall_us) = (entry["seq"].as_u64().unwrap_or(0), entry["wall_us"].as_u64().unwrap_or(0));
        let plain = readable(&text("text"));
        let journal = &mut self.journal;
        let epoch = journal.breaks.get(&at.0).map_or(0, Vec::len);
        match entry["kind"].as_str().unwrap_or_default() {
            "said" => {
                self.said.insert(at.clone(), journal.said.len());
                journal.said.push(Said {
                    tag: Tag::in_text(&plain),
                    at,
                    channel: text("channel"),
                    thread,
                    who: text("who"),
                    text: plain,
                    edits: 0,
                    deleted: false,
                    seq,
                    delivered: Vec::new(),
                    acked: None,
                });
            }
            "edited" => {
                if let Some(said) = self.said.get(&at) {
                    journal.said[*said].text = plain;
                    journal.said[*said].edits += 1;
                }
            }
            "deleted" => {
                if let Some(said) = self.said.get(&at) {
                    journal.said[*said].deleted = true;
                }
            }
            "delivered" if is_posting(entry) => {
                if let Some(said) = self.said.get(&at) {
                    journal.said[*said].delivered.push((seq, wall_us, epoch));
                }
            }
            "acked" => {
                if let Some(act) = self.acts.get(&text("event")) {
                    journal.acts[*act].acked = true;
                } else if let Some(said) = self.said.get(&at).filter(|_| is_posting(entry)) {
                    journal.said[*said].acked.get_or_insert((seq, epoch));
                }
            }
            "disconnected" => journal.breaks.entry(at.0).or_default().push(wall_us),
            "posted" => {
                journal.platforms.insert(at.0.clone());
                self.posts.insert(at.clone(), journal.posts.len());
                journal.posts.push(Post { at, channel: text("channel"), thread, text: plain, removed: false, seq });
            }
            "updated" => {
                if let Some(post) = self.posts.get(&at) {
                    journal.posts[*post].text = plain;
                }
            }
            "removed" => {
                if let Some(post) = self.posts.get(&at) {
                    journal.posts[*post].removed = true;
                }
            }
            "whispered" => {
                let to = Some(text("to")).filter(|to| !to.is_empty());
                let to = to.or_else(|| entry["visible_to"][0].as_str().map(str::to_owned)).unwrap_or_default();
                journal.whispers.push(Whisper { platform: at.0, to, text: plain });
            }
            kind @ ("pressed" | "submitted" | "commanded") => {
                let kind = match kind {
                    "pressed" => ActKind::Pressed,
                    "submitted" => ActKind::Submitted,
                    _ => ActKind::Commanded,
                };
                let event = text("event");
                self.acts.insert(event, journal.acts.len());
                let typed = entry["values"].as_object().and_then(|values| values.values().next()?.as_str());
                let text = match kind {
                    ActKind::Pressed => text("control"),
                    ActKind::Submitted => typed.unwrap_or_default().to_owned(),
                    ActKind::Commanded => plain,
                };
                let who = entry["who"].as_str().unwrap_or_default().to_owned();
                journal.acts.push(Act { kind, platform: at.0.clone(), who, text, on: at, acked: false });
            }
            _ => {}
        }
    }
}

/// Whether a delivery or acknowledgement is about a new message, and not its edit or deletion.
fn is_posting(entry: &Value) -> bool {
    let subtype = entry["subtype"].as_str().unwrap_or_default();
    match entry["type"].as_str().unwrap_or_default() {
        "message" => !["message_changed", "message_deleted"].contains(&subtype),
        "MESSAGE_CREATE" => true,
        _ => false,
    }
}

/// Returns the text without emphasis, escapes and zero-width spaces.
fn readable(text: &str) -> String {
    text.replace(['\u{200b}', '*', '\\'], "")
}
