//! The bot's own record, as `deskbell export` prints it.

use serde_json::Value;

use super::journal::At;

/// One ticket of the export.
pub struct Ticket {
    pub key: String,
    pub status: String,
    pub platform: String,
    /// Channel and root (in a thread) of the place where the requester is answered.
    pub origin: (String, Option<String>),
    pub title: String,
    /// The message that opened it.
    pub opener: Option<At>,
    pub messages: Vec<Recorded>,
    /// The acts in the audit, oldest first.
    pub acts: Vec<String>,
}

/// One message of a ticket.
pub struct Recorded {
    /// `None` if the words do not stand in a message.
    pub at: Option<At>,
    pub voice: String,
    pub text: String,
    pub deleted: bool,
}

/// Reads the lines of an export. Returns the tickets, and a fault for each line that cannot be read.
pub fn read(lines: &str) -> (Vec<Ticket>, Vec<String>) {
    let (mut tickets, mut faults) = (Vec::new(), Vec::new());
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value["ticket"]["key"].is_string() => tickets.push(ticket(&value)),
            _ => faults.push(format!("a line of the export cannot be read: {line}")),
        }
    }
    (tickets, faults)
}

fn ticket(value: &Value) -> Ticket {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let head = &value["ticket"];
    let opener = &head["origin_message"];
    let list = |name: &str| value[name].as_array().cloned().unwrap_or_default();
    let message = |message: &Value| Recorded {
        at: message["id"]
            .is_string()
            .then(|| (text(&message["platform"]), text(&message["channel"]), text(&message["id"]))),
        voice: text(&message["voice"]),
        text: text(&message["text"]),
        deleted: !message["deleted_at"].is_null(),
    };
    Ticket {
        key: text(&head["key"]),
        status: text(&head["status"]),
        platform: text(&head["platform"]),
        origin: (text(&head["origin"]["channel"]), head["origin"]["root"].as_str().map(str::to_owned)),
        title: text(&head["title"]),
        opener: opener["id"]
            .is_string()
            .then(|| (text(&head["platform"]), text(&opener["channel"]), text(&opener["id"]))),
        messages: list("messages").iter().map(message).collect(),
        acts: list("audit").iter().map(|entry| text(&entry["act"])).collect(),
    }
}
