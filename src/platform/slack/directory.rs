//! Who is who: names of people, channels and groups, direct conversations, and which threads have replies.
//!
//! All of it can be asked for again, so it is only a cache. A name is worth waiting for, but not for long.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Api, CallError};

/// How long an event waits for names.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a name is taken to be right.
const FRESH: Duration = Duration::from_secs(3600);
/// How long a name that was not found is not asked for again.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How many threads with replies are remembered.
const THREADS: usize = 20_000;
/// How many pages of people are read at the start, of a thousand each.
const PAGES: usize = 10;

/// The caches.
pub(super) struct Directory {
    api: Arc<Api>,
    people: Cache,
    channels: Cache,
    groups: Cache,
    directs: Mutex<HashMap<String, String>>,
    threads: Mutex<HashSet<(String, String)>>,
}

/// Names by id, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub people: HashMap<String, String>,
    pub channels: HashMap<String, String>,
    pub groups: HashMap<String, String>,
}

/// Whose names are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub people: Vec<String>,
    pub channels: Vec<String>,
    pub groups: Vec<String>,
}

impl Directory {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self {
            api,
            people: Cache::default(),
            channels: Cache::default(),
            groups: Cache::default(),
            directs: Mutex::default(),
            threads: Mutex::default(),
        }
    }

    /// Reads everybody's names, so that the first messages do not wait for them.
    pub(super) async fn warm_up(&self) {
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let params = [("limit", "1000".to_owned()), ("cursor", cursor)];
            let params = if params[1].1.is_empty() { &params[..1] } else { &params[..] };
            let page = match self.api.get("users.list", params, self.api.deadline()).await {
                Ok(page) => page,
                Err(error) => return tracing::debug!(%error, "the list of people could not be read"),
            };
            for user in page["members"].as_array().into_iter().flatten() {
                if let (Some(id), Some(name)) = (user["id"].as_str(), display_name(user)) {
                    self.people.put(id, Some(name));
                }
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return;
            }
        }
    }

    /// The names that can be had within a second.
    pub(super) async fn names(&self, asked: &Asked) -> Names {
        let deadline = Instant::now() + PATIENCE;
        let people = join_all(asked.people.iter().map(|id| self.person(id, deadline)));
        let channels = join_all(asked.channels.iter().map(|id| self.channel(id, deadline)));
        let (people, channels) = futures_util::join!(people, channels);
        let mut groups = Vec::with_capacity(asked.groups.len());
        for id in &asked.groups {
            groups.push(self.group(id, deadline).await);
        }
        Names {
            people: known(&asked.people, people),
            channels: known(&asked.channels, channels),
            groups: known(&asked.groups, groups),
        }
    }

    /// One person's name, if it can be had within a second.
    pub(super) async fn name(&self, id: &str) -> Option<String> {
        self.person(id, Instant::now() + PATIENCE).await
    }

    /// The direct conversation of this person with the bot.
    pub(super) async fn direct(&self, user: &str, deadline: Instant) -> Result<String, CallError> {
        if let Some(channel) = lock(&self.directs).get(user) {
            return Ok(channel.clone());
        }
        let answer = self.api.post("conversations.open", &json!({"users": user}), deadline).await?;
        let channel = answer["channel"]["id"].as_str().ok_or(CallError::Unreadable)?;
        self.learn_direct(user, channel);
        Ok(channel.to_owned())
    }

    /// Remembers where this person and the bot talk.
    pub(super) fn learn_direct(&self, user: &str, channel: &str) {
        lock(&self.directs).insert(user.to_owned(), channel.to_owned());
    }

    /// Remembers that a thread has replies.
    pub(super) fn learn_thread(&self, channel: &str, root: &str) {
        let mut threads = lock(&self.threads);
        if threads.len() >= THREADS {
            threads.clear();
        }
        threads.insert((channel.to_owned(), root.to_owned()));
    }

    /// Whether a thread has replies: what is shown to one person in a thread without any is seen by nobody.
    pub(super) async fn has_replies(&self, channel: &str, root: &str, deadline: Instant) -> bool {
        if lock(&self.threads).contains(&(channel.to_owned(), root.to_owned())) {
            return true;
        }
        let params = [("channel", channel.to_owned()), ("ts", root.to_owned()), ("limit", "2".to_owned())];
        let Ok(answer) = self.api.get("conversations.replies", &params, deadline).await else { return false };
        let messages = answer["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = messages.len() > 1 || messages.iter().any(|root| root["reply_count"].as_u64() > Some(0));
        if found {
            self.learn_thread(channel, root);
        }
        found
    }

    async fn person(&self, id: &str, deadline: Instant) -> Option<String> {
        self.people
            .get_or(id, async {
                let user = self.api.get("users.info", &[("user", id.to_owned())], deadline).await?;
                Ok(display_name(&user["user"]))
            })
            .await
    }

    async fn channel(&self, id: &str, deadline: Instant) -> Option<String> {
        self.channels
            .get_or(id, async {
                let channel = self.api.get("conversations.info", &[("channel", id.to_owned())], deadline).await?;
                Ok(channel["channel"]["name"].as_str().map(str::to_owned))
            })
            .await
    }

    async fn group(&self, id: &str, deadline: Instant) -> Option<String> {
        self.groups
            .get_or(id, async {
                let answer = self.api.get("usergroups.list", &[], deadline).await?;
                let mut wanted = None;
                for group in answer["usergroups"].as_array().into_iter().flatten() {
                    if let (Some(found), Some(handle)) = (group["id"].as_str(), group["handle"].as_str()) {
                        self.groups.put(found, Some(handle.to_owned()));
                        if found == id {
                            wanted = Some(handle.to_owned());
                        }
                    }
                }
                Ok(wanted)
            })
            .await
    }
}

/// The name that Slack shows for a person.
pub(super) fn display_name(user: &Value) -> Option<String> {
    let profile = &user["profile"];
    let names = [&profile["display_name"], &profile["real_name"], &user["real_name"], &user["name"]];
    names.into_iter().filter_map(Value::as_str).map(str::trim).find(|name| !name.is_empty()).map(str::to_owned)
}

#[derive(Default)]
struct Cache(Mutex<HashMap<String, Entry>>);

struct Entry {
    name: Option<String>,
    asked: Instant,
}

impl Cache {
    fn put(&self, id: &str, name: Option<String>) {
        lock(&self.0).insert(id.to_owned(), Entry { name, asked: Instant::now() });
    }

    /// What is known, else what `ask` says; a name that cannot be asked for again stays what it was.
    async fn get_or(&self, id: &str, ask: impl Future<Output = Result<Option<String>, CallError>>) -> Option<String> {
        let old = {
            let entries = lock(&self.0);
            let entry = entries.get(id);
            if let Some(entry) = entry
                && entry.asked.elapsed() < if entry.name.is_some() { FRESH } else { UNKNOWN_FOR }
            {
                return entry.name.clone();
            }
            entry.and_then(|entry| entry.name.clone())
        };
        let name = match ask.await {
            Ok(name) => name.or(old),
            Err(error) => {
                tracing::debug!(id, %error, "a name could not be read");
                old
            }
        };
        self.put(id, name.clone());
        name
    }
}

fn known(ids: &[String], names: Vec<Option<String>>) -> HashMap<String, String> {
    ids.iter().cloned().zip(names).filter_map(|(id, name)| Some((id, name?))).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T>
where
    T: Sized,
{
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ids in order, each once.
pub(super) fn once<T: Clone + Eq + Hash>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}
