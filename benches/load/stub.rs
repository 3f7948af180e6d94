//! A stub of Slack's Web API that accepts every call at once and remembers the posts.
//!
//! The stub shares the machine with the measured bot, so it does as little work as possible: no HTTP library, no JSON
//! parser, one thread.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub const TEAM: &str = "T0LOAD";
/// The account of the bot's user.
pub const BOT: &str = "U0LOADBOT";
/// The account of the desk's only agent.
pub const AGENT: &str = "U0LOADAGENT";
/// The desk's channel, for the cards.
pub const TRIAGE: &str = "C0TRIAGE";

/// People per page of `users.list`.
const PAGE: usize = 1_000;

/// A message that the bot posted.
#[derive(Clone, Debug)]
pub struct Post {
    pub channel: String,
    pub thread: Option<String>,
    /// The time stamp that the stub gave the message.
    pub ts: String,
    /// The effect's id, from the metadata.
    pub effect: String,
    /// The first ticket key in the text.
    pub key: Option<String>,
}

/// The calls and posts so far. Clones share them.
#[derive(Clone, Default)]
pub struct Calls {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    people: usize,
    posted: AtomicU64,
    stamp: AtomicU64,
    by_method: Mutex<BTreeMap<String, u64>>,
    posts: Mutex<Vec<Post>>,
}

impl Calls {
    /// How many messages were posted.
    pub fn posted(&self) -> u64 {
        self.inner.posted.load(Ordering::Acquire)
    }

    /// Returns how often each method was called.
    pub fn by_method(&self) -> BTreeMap<String, u64> {
        lock(&self.inner.by_method).clone()
    }

    /// Returns the posts, in the order of posting.
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.inner.posts).clone()
    }

    fn answer(&self, method: &str, query: &str, body: &[u8]) -> String {
        let inner = &self.inner;
        {
            let mut by_method = lock(&inner.by_method);
            match by_method.get_mut(method) {
                Some(count) => *count += 1,
                None => drop(by_method.insert(method.to_owned(), 1)),
            }
        }
        match method {
            "chat.postMessage" => {
                let stamp = inner.stamp.fetch_add(1, Ordering::Relaxed);
                let ts = format!("{}.{:06}", 1_800_000_000 + stamp / 1_000_000, stamp % 1_000_000);
                let body = String::from_utf8_lossy(body);
                let channel = after(&body, "\"channel\":\"").unwrap_or_default().to_owned();
                let answer = format!(r#"{{"ok":true,"channel":"{channel}","ts":"{ts}"}}"#);
                let thread = after(&body, "\"thread_ts\":\"").map(str::to_owned);
                let effect = after(&body, "\"effect\":\"").unwrap_or_default().to_owned();
                lock(&inner.posts).push(Post { channel, thread, ts, effect, key: key(&body) });
                inner.posted.fetch_add(1, Ordering::Release);
                answer
            }
            "auth.test" => format!(
                r#"{{"ok":true,"url":"https://load.slack.com/","team":"Load","team_id":"{TEAM}","user":"deskbell","user_id":"{BOT}","bot_id":"B0LOADBOT"}}"#
            ),
            "users.list" => self.people(query),
            "users.info" => {
                let id = parameter(query, "user").unwrap_or(BOT);
                format!(r#"{{"ok":true,"user":{}}}"#, user(id))
            }
            "conversations.info" => {
                let id = parameter(query, "channel").unwrap_or(TRIAGE);
                format!(r#"{{"ok":true,"channel":{{"id":"{id}","name":"channel-{id}","is_member":true}}}}"#)
            }
            "conversations.open" => r#"{"ok":true,"channel":{"id":"D0LOAD"}}"#.to_owned(),
            // `inclusive` is sent for a look at one message: the one that pings somebody.
            "conversations.history" if parameter(query, "inclusive").is_some() => {
                let (ts, author) = (parameter(query, "latest").unwrap_or_default(), person(0));
                format!(
                    r#"{{"ok":true,"messages":[{{"type":"message","user":"{author}","ts":"{ts}","text":"can you help me?"}}],"has_more":false}}"#
                )
            }
            "conversations.history" | "conversations.replies" => {
                r#"{"ok":true,"messages":[],"has_more":false}"#.to_owned()
            }
            "usergroups.list" => r#"{"ok":true,"usergroups":[]}"#.to_owned(),
            "usergroups.users.list" => format!(r#"{{"ok":true,"users":["{AGENT}"]}}"#),
            "apps.connections.open" => r#"{"ok":true,"url":"ws://127.0.0.1:9/"}"#.to_owned(),
            _ => r#"{"ok":true}"#.to_owned(),
        }
    }

    fn people(&self, query: &str) -> String {
        let first: usize = parameter(query, "cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or_default();
        let end = (first + PAGE).min(self.inner.people);
        let mut members = String::new();
        for number in first..end {
            let comma = if number == first { "" } else { "," };
            let _ = write!(members, "{comma}{}", user(&person(number)));
        }
        let next = if end < self.inner.people { end.to_string() } else { String::new() };
        format!(r#"{{"ok":true,"members":[{members}],"response_metadata":{{"next_cursor":"{next}"}}}}"#)
    }
}

/// Returns the account of an employee.
pub fn person(number: usize) -> String {
    format!("U1{number:08}")
}

/// Returns a channel that employees write in.
pub fn channel(number: usize) -> String {
    format!("C1{number:06}")
}

/// Starts the stub with `people` employees, on a thread of its own. Returns its address and its calls.
///
/// # Errors
/// If no loopback port is free.
pub fn start(people: usize) -> anyhow::Result<(SocketAddr, Calls)> {
    let calls = Calls { inner: Arc::new(Inner { people, ..Inner::default() }) };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no loopback port is free")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = calls.clone();
    std::thread::Builder::new().name("stub".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                let calls = served.clone();
                // The bot notices a broken connection by itself.
                tokio::spawn(async move { serve(stream, &calls).await });
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            std::io::Result::Ok(())
        })
    })?;
    Ok((address, calls))
}

async fn serve(mut stream: TcpStream, calls: &Calls) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        let (head, length) = loop {
            if let Some(head) = find(&buffer, b"\r\n\r\n") {
                let head = head + 4;
                break (head, content_length(&buffer[..head]));
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let line = buffer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let target = line.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let method = path.rsplit('/').next().unwrap_or_default();
        let body = calls.answer(method, query, &buffer[head..head + length]);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        buffer.drain(..head + length);
    }
}

/// Returns the position of `needle`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Returns the `Content-Length` of a request's or answer's header; 0 if there is none.
pub fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    lengths.next_back().unwrap_or_default()
}

fn user(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"{id}","real_name":"Employee {id}","profile":{{"display_name":"Employee {id}","real_name":"Employee {id}"}}}}"#
    )
}

fn after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(mark)?;
    rest.split('"').next()
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).filter(|value| !value.is_empty())
}

fn key(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("IT-")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("IT-{digits}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
