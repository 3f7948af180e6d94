//! A cache of names: people, channels and groups, direct conversations, and threads with replies.
//!
//! Everything in it can be looked up again. An event waits for names only for a moment: Slack waits three seconds for
//! the acknowledgement, and later events wait, too. So each name is looked up by a task beside the event (user groups
//! by one call for all), at most twenty names per message and a limited number per minute. If names do not arrive in
//! time, events do not wait for names for a while.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, join_all};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::api::{Api, CallError};
use crate::clock::real;
use crate::domain::words::is_blank;

/// How long an event waits for names.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long events do not wait for names after names did not arrive in time.
const IMPATIENT_FOR: Duration = Duration::from_secs(60);
/// The largest number of names to look up per message.
const ASKED_AT_ONCE: usize = 20;
/// The largest number of look-ups of one kind (people, channels, groups) per minute. Slack allows at least fifty calls
/// of a method.
const ASKED_A_MINUTE: usize = 40;
const MINUTE: Duration = Duration::from_secs(60);
/// How long a known name is used before it is looked up again.
const FRESH: Duration = Duration::from_secs(3600);
/// How long a name that was not found is not looked up again.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How many threads with replies are remembered before all are forgotten.
const THREADS: usize = 20_000;
/// The number of pages of people to read at the start, of a thousand each.
const PAGES: usize = 10;

/// The caches of names, time zones, direct conversations, threads with replies, and shared channels.
pub(super) struct Directory {
    api: Arc<Api>,
    people: Arc<Cache>,
    /// The time zones in people's profiles, by account.
    zones: Arc<Mutex<HashMap<String, String>>>,
    channels: Arc<Cache>,
    groups: Arc<Cache>,
    /// Until when events do not wait for names.
    impatient_until: Mutex<Option<Instant>>,
    directs: Mutex<HashMap<String, String>>,
    threads: Mutex<HashSet<(String, String)>>,
    /// Channels that are known to be shared with another organisation.
    shared: Mutex<HashSet<String>>,
}

/// The known names, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub people: HashMap<String, String>,
    pub channels: HashMap<String, String>,
    pub groups: HashMap<String, String>,
}

/// The ids whose names are to be looked up.
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
            people: Arc::default(),
            zones: Arc::default(),
            channels: Arc::default(),
            groups: Arc::default(),
            impatient_until: Mutex::default(),
            directs: Mutex::default(),
            threads: Mutex::default(),
            shared: Mutex::default(),
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
                    learn_zone(&self.zones, user);
                }
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return;
            }
        }
    }

    /// Returns the names that are known or arrive within [`PATIENCE`]. At most [`ASKED_AT_ONCE`] of them are looked up.
    pub(super) async fn names(&self, asked: &Asked) -> Names {
        let mut left = ASKED_AT_ONCE;
        let mut first = |cache: &Cache, ids: &[String]| -> Vec<String> {
            let unknown: Vec<String> = ids.iter().filter(|id| cache.wants(id)).take(left).cloned().collect();
            left -= unknown.len();
            unknown
        };
        // The author is last in the list, but is needed first.
        let (author, others) =
            asked.people.split_last().map_or((&[][..], &[][..]), |(_, others)| (&asked.people[others.len()..], others));
        let mut flights: Vec<Flight> = Vec::new();
        for ids in [author, others] {
            flights.extend(first(&self.people, ids).iter().filter_map(|id| self.person(id)));
        }
        flights.extend(first(&self.channels, &asked.channels).iter().filter_map(|id| self.channel(id)));
        let groups = first(&self.groups, &asked.groups);
        if !groups.is_empty() {
            flights.extend(self.all_groups(groups));
        }
        self.wait_for(flights).await;
        Names {
            people: self.people.known(&asked.people),
            channels: self.channels.known(&asked.channels),
            groups: self.groups.known(&asked.groups),
        }
    }

    /// Returns one person's name, if it is known or arrives within [`PATIENCE`].
    pub(super) async fn name(&self, id: &str) -> Option<String> {
        if self.people.wants(id) {
            self.wait_for(self.person(id).into_iter().collect()).await;
        }
        self.people.name(id)
    }

    /// Returns one person's time zone, if it is known.
    pub(super) fn zone(&self, id: &str) -> Option<String> {
        lock(&self.zones).get(id).cloned()
    }

    /// Returns one channel's name, if it is known or arrives within [`PATIENCE`].
    pub(super) async fn channel_name(&self, id: &str) -> Option<String> {
        let asked = Asked { channels: vec![id.to_owned()], ..Asked::default() };
        self.names(&asked).await.channels.remove(id)
    }

    /// Whether a channel is known to be shared with another organisation.
    pub(super) fn is_shared(&self, channel: &str) -> bool {
        lock(&self.shared).contains(channel)
    }

    /// Remembers that a channel is shared.
    pub(super) fn learn_shared(&self, channel: &str) {
        lock(&self.shared).insert(channel.to_owned());
    }

    /// Forgets that a channel is shared, since it may not be shared any more.
    pub(super) fn forget_shared(&self, channel: &str) {
        lock(&self.shared).remove(channel);
    }

    /// Waits for these look-ups, for [`PATIENCE`] at most, and not at all while names arrive slowly.
    async fn wait_for(&self, flights: Vec<Flight>) {
        let is_impatient = lock(&self.impatient_until).is_some_and(|until| until > real::now());
        if flights.is_empty() || is_impatient {
            return;
        }
        if timeout(PATIENCE, join_all(flights)).await.is_err() {
            tracing::warn!("Slack is slow to look up names: for a minute, events do not wait for unknown names");
            *lock(&self.impatient_until) = Some(real::now() + IMPATIENT_FOR);
        }
    }

    /// Returns the direct conversation of this person with the bot.
    pub(super) async fn direct(&self, user: &str, deadline: Instant) -> Result<String, CallError> {
        if let Some(channel) = lock(&self.directs).get(user) {
            return Ok(channel.clone());
        }
        let answer = self.api.post("conversations.open", &json!({"users": user}), deadline).await?;
        let channel = answer["channel"]["id"].as_str().ok_or(CallError::Unreadable)?;
        self.learn_direct(user, channel);
        Ok(channel.to_owned())
    }

    /// Remembers the direct conversation of this person with the bot.
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

    /// Whether a thread has replies. An ephemeral message in a thread without replies is visible to nobody.
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

    fn person(&self, id: &str) -> Option<Flight> {
        let (api, id_asked, zones) = (Arc::clone(&self.api), id.to_owned(), Arc::clone(&self.zones));
        self.people.ask(id, async move {
            let user = api.get("users.info", &[("user", id_asked)], api.deadline()).await?;
            learn_zone(&zones, &user["user"]);
            Ok(display_name(&user["user"]))
        })
    }

    fn channel(&self, id: &str) -> Option<Flight> {
        let (api, id_asked) = (Arc::clone(&self.api), id.to_owned());
        self.channels.ask(id, async move {
            let channel = api.get("conversations.info", &[("channel", id_asked)], api.deadline()).await?;
            Ok(channel["channel"]["name"].as_str().map(str::to_owned))
        })
    }

    /// Looks up all user groups at once, since Slack has no call for a single one.
    fn all_groups(&self, wanted: Vec<String>) -> Option<Flight> {
        const ALL: &str = "";
        let (api, groups) = (Arc::clone(&self.api), Arc::clone(&self.groups));
        self.groups.ask(ALL, async move {
            let answer = api.get("usergroups.list", &[], api.deadline()).await?;
            for group in answer["usergroups"].as_array().into_iter().flatten() {
                if let (Some(found), Some(handle)) = (group["id"].as_str(), group["handle"].as_str()) {
                    groups.put(found, Some(handle.to_owned()));
                }
            }
            for id in wanted.iter().filter(|id| groups.wants(id)) {
                groups.put(id, None);
            }
            Ok(None)
        })
    }
}

fn learn_zone(zones: &Mutex<HashMap<String, String>>, user: &Value) {
    if let (Some(id), Some(zone)) = (user["id"].as_str(), user["tz"].as_str()) {
        lock(zones).insert(id.to_owned(), zone.to_owned());
    }
}

/// Returns the name that Slack shows for a person.
pub(super) fn display_name(user: &Value) -> Option<String> {
    let profile = &user["profile"];
    let names = [&profile["display_name"], &profile["real_name"], &user["real_name"], &user["name"]];
    names.into_iter().filter_map(Value::as_str).map(str::trim).find(|name| !is_blank(name)).map(str::to_owned)
}

/// A look-up that is under way. All its clones end with it.
type Flight = Shared<BoxFuture<'static, ()>>;

#[derive(Default)]
struct Cache {
    entries: Mutex<HashMap<String, Entry>>,
    flights: Mutex<HashMap<String, Flight>>,
    /// The times of the look-ups in the last minute.
    asked: Mutex<VecDeque<Instant>>,
}

struct Entry {
    name: Option<String>,
    asked: Instant,
}

impl Cache {
    fn put(&self, id: &str, name: Option<String>) {
        lock(&self.entries).insert(id.to_owned(), Entry { name, asked: real::now() });
    }

    fn name(&self, id: &str) -> Option<String> {
        lock(&self.entries).get(id)?.name.clone()
    }

    fn known(&self, ids: &[String]) -> HashMap<String, String> {
        ids.iter().filter_map(|id| Some((id.clone(), self.name(id)?))).collect()
    }

    /// Whether a name must be looked up: it is unknown, or was looked up too long ago.
    fn wants(&self, id: &str) -> bool {
        let entries = lock(&self.entries);
        let Some(entry) = entries.get(id) else { return true };
        entry.asked.elapsed() >= if entry.name.is_some() { FRESH } else { UNKNOWN_FOR }
    }

    /// Looks up a name, with one call for all callers that want it. If the call fails, the old name is kept. Returns
    /// `None` if there were too many look-ups in the last minute.
    fn ask(
        self: &Arc<Self>,
        id: &str,
        ask: impl Future<Output = Result<Option<String>, CallError>> + Send + 'static,
    ) -> Option<Flight> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(id) {
            return Some(flight.clone());
        }
        {
            let mut asked = lock(&self.asked);
            while asked.front().is_some_and(|first| first.elapsed() >= MINUTE) {
                asked.pop_front();
            }
            if asked.len() >= ASKED_A_MINUTE {
                return None;
            }
            asked.push_back(real::now());
        }
        let (this, id) = (Arc::clone(self), id.to_owned());
        let key = id.clone();
        let flight = async move {
            let old = this.name(&id);
            let name = match ask.await {
                Ok(name) => name.or(old),
                Err(error) => {
                    tracing::debug!(id, %error, "a name could not be read");
                    old
                }
            };
            this.put(&id, name);
            lock(&this.flights).remove(&id);
        };
        let flight = flight.boxed().shared();
        flights.insert(key, flight.clone());
        drop(flights);
        tokio::spawn(flight.clone());
        Some(flight)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T>
where
    T: Sized,
{
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the ids in order, each once.
pub(super) fn once<T: Clone + Eq + Hash>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}
