//! Plays Slack towards the bot: sends signed events over connections that stay open.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bot::SIGNING_SECRET;
use crate::stub::{self, BOT, TEAM, content_length, find};

/// One connection to the bot.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    mac: Hmac<Sha256>,
}

/// A message of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub number: u64,
    pub author: String,
    pub channel: String,
    pub ts: String,
    /// Time stamp of the request to which this is a reply.
    pub root: Option<String>,
    /// Whether the message does not concern the desk: people talk to each other.
    pub is_chatter: bool,
    /// The member of staff whom the message pings with a question.
    pub pings: Option<String>,
}

/// Chooses author and channel of each message. Requests come from every person in turn in one channel, then in the
/// next, so that no two requests of a person in a channel fall into one burst. Replies stand in the threads of
/// requests.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    pub people: usize,
    pub channels: usize,
    /// How many of the people are staff (the last ones), whom the guard protects.
    pub staff: usize,
    /// Percentage of chatter that pings a member of staff.
    pub pings: u64,
}

impl Cast {
    /// Returns request `number`: a mention of the bot in a channel.
    pub fn request(self, number: u64) -> Message {
        let index = usize::try_from(number).unwrap_or_default();
        let authors = self.people - self.staff;
        let (author, channel) = (index % authors, index / authors % self.channels);
        let (author, channel) = (stub::person(author), stub::channel(channel));
        Message { number, author, channel, ts: now(number), root: None, is_chatter: false, pings: None }
    }

    /// Returns a message between people in a channel, which may ping staff.
    pub fn chatter(self, number: u64) -> Message {
        let index = usize::try_from(number).unwrap_or_default();
        let pings = self.staff > 0 && number % 100 < self.pings;
        let pings = pings.then(|| stub::person(self.people - 1 - index / 100 % self.staff));
        Message { is_chatter: true, pings, ..self.request(number) }
    }

    /// Returns a reply by the author of `request` in its thread, without a mention.
    pub fn reply(self, number: u64, request: &Message) -> Message {
        Message { number, ts: now(number), root: Some(request.ts.clone()), ..request.clone() }
    }
}

impl Connection {
    /// Opens a connection to the bot.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn open(to: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let mac = Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes())?;
        Ok(Self { stream, buffer: Vec::with_capacity(1024), mac })
    }

    /// Sends a message as an event and waits for the acknowledgement. Returns the moment at which it came.
    ///
    /// # Errors
    /// If it is not acknowledged.
    pub async fn send(&mut self, message: &Message) -> anyhow::Result<Instant> {
        let body = payload(message);
        let stamp = since_epoch().as_secs().to_string();
        let mut mac = self.mac.clone();
        for part in ["v0:", &stamp, ":", &body] {
            mac.update(part.as_bytes());
        }
        let signature = hex::encode(mac.finalize().into_bytes());
        let request = format!(
            "POST /slack/events HTTP/1.1\r\nHost: desk\r\nUser-Agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n\
             Accept: */*\r\nContent-Type: application/json\r\nX-Slack-Request-Timestamp: {stamp}\r\n\
             X-Slack-Signature: v0={signature}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the bot closed the connection");
            if let Some(end) = find(&self.buffer, b"\r\n\r\n")
                && self.buffer.len() >= end + 4 + content_length(&self.buffer[..end + 4])
            {
                break;
            }
        }
        let acknowledged = Instant::now();
        ensure!(
            self.buffer.starts_with(b"HTTP/1.1 200"),
            "not acknowledged: {}",
            String::from_utf8_lossy(&self.buffer).lines().next().unwrap_or_default()
        );
        Ok(acknowledged)
    }
}

/// Returns the payload that Slack would send for a message, with the fields and length of a real one.
fn payload(message: &Message) -> String {
    let Message { number, author, channel, ts, root, is_chatter, pings } = message;
    let names_bot = root.is_none() && !is_chatter;
    let (mention, words) = if let Some(staff) = pings {
        (format!("<@{staff}> "), format!("my laptop does not start any more, can you help me? number {number}"))
    } else if names_bot {
        (format!("<@{BOT}> "), format!("the printer on our floor prints nothing but stripes, number {number}"))
    } else {
        (String::new(), format!("it was off and on again since, and it is still the same, number {number}"))
    };
    let elements = if let Some(staff) = pings {
        format!(r#"{{"type":"user","user_id":"{staff}"}},{{"type":"text","text":" {words}"}}"#)
    } else if names_bot {
        format!(r#"{{"type":"user","user_id":"{BOT}"}},{{"type":"text","text":" {words}"}}"#)
    } else {
        format!(r#"{{"type":"text","text":"{words}"}}"#)
    };
    let thread = root.as_ref().map(|root| format!(r#""thread_ts":"{root}","parent_user_id":"{author}","#));
    let thread = thread.unwrap_or_default();
    let seconds = ts.split('.').next().unwrap_or_default();
    format!(
        r#"{{"token":"XXYYZZ","team_id":"{TEAM}","context_team_id":"{TEAM}","context_enterprise_id":null,"api_app_id":"A0LOAD","event":{{"user":"{author}","type":"message","ts":"{ts}","client_msg_id":"c0ffee00-1234-4321-8765-{number:012}","text":"{mention}{words}","team":"{TEAM}",{thread}"blocks":[{{"type":"rich_text","block_id":"b{number}","elements":[{{"type":"rich_text_section","elements":[{elements}]}}]}}],"channel":"{channel}","event_ts":"{ts}","channel_type":"channel"}},"type":"event_callback","event_id":"Ev{number:010}","event_time":{seconds},"authorizations":[{{"enterprise_id":null,"team_id":"{TEAM}","user_id":"{BOT}","is_bot":true,"is_enterprise_install":false}}],"is_ext_shared_channel":false,"event_context":"4-eyJldCI6Im1lc3NhZ2UiLCJ0aWQiOiJUMExPQUQiLCJhaWQiOiJBMExPQUQiLCJjaWQiOiJDMSJ9"}}"#
    )
}

/// Returns the current time as a Slack time stamp that no other message has.
fn now(number: u64) -> String {
    let now = since_epoch();
    // The last five digits are taken from the number, so that two messages of one moment differ.
    format!("{}.{:06}", now.as_secs(), (u64::from(now.subsec_micros()) / 100_000 * 100_000) + number % 100_000)
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
