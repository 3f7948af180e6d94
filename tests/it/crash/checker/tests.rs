//! Tests of the checker: a story without faults, made by hand, passes, and each kind of fault in it is reported.

use serde_json::{Value, json};

use super::{Report, check};

/// A journal and an export that fit together.
struct Story {
    journal: Vec<Value>,
    export: Vec<Value>,
}

impl Story {
    /// Jeff asks on Slack, adds two lines and changes one. Mia notes something, takes the request, answers and resolves
    /// it. Ana chats, and Jeff asks to be shown the request.
    fn faultless() -> Self {
        let mut story = Self { journal: Vec::new(), export: Vec::new() };
        story.said("1.0", None, "jeff", "@Desk [r-000001] no sound");
        story.posted("1.1", Some("1.0"), "sales", "Got it, Jeff: *IT-1001*. Someone from the desk will answer here.");
        story.posted(
            "2.0",
            None,
            "desk-triage",
            "*IT-1001*  [r-000001] no sound\nJeff Park in #sales\nnew · nobody yet · P3",
        );
        for (id, text) in [("1.2", "[l-000002/000001] still the same"), ("1.3", "[l-000003/000001] the blue one")] {
            story.said(id, Some("1.0"), "jeff", text);
        }
        for (id, text) in
            [("2.1", "Jeff: [l-000002/000001] still the same"), ("2.2", "Jeff: [l-000003/000001] the blue one")]
        {
            story.posted(id, Some("2.0"), "desk-triage", text);
        }
        story.entry(
            "edited",
            json!({"message": "1.2", "channel_id": "C1", "text": "[l-000002/000001] still the same v2"}),
        );
        let text = "Jeff: [l-000002/000001] still the same v2 (edited)";
        story.entry("updated", json!({"message": "2.1", "channel_id": "C2", "text": text}));
        story.said_in("desk-triage", "2.3", Some("2.0"), "mia", "[n-000004/000001] a bad cable");
        story.said("1.4", Some("1.0"), "mia", "@Desk claim");
        story.posted("1.5", Some("1.0"), "sales", "Mia is on it.");
        story
            .entry("submitted", json!({"who": "mia", "event": "f", "values": {"text": "[y-000005/000001] on my way"}}));
        story.entry("acked", json!({"event": "f"}));
        story.posted("1.6", Some("1.0"), "sales", "Mia (IT): [y-000005/000001] on my way");
        story.posted("2.4", Some("2.0"), "desk-triage", "Mia to Jeff: [y-000005/000001] on my way");
        story.said("1.7", Some("1.0"), "mia", "@Desk resolve [x-000006/000001] new cable");
        story.posted(
            "1.8",
            Some("1.0"),
            "sales",
            "IT-1001 is resolved: [x-000006/000001] new cable\nNot right? Just write here.",
        );
        let card = "*IT-1001*  [r-000001] no sound\nJeff Park in #sales\nresolved · Mia Wong had it · P3\nResolved: [x-000006/000001] new cable";
        story.entry("updated", json!({"message": "2.0", "channel_id": "C2", "text": card}));
        story.said("3.0", None, "ana", "[c-000007] lunch?");
        story.entry("commanded", json!({"who": "jeff", "event": "c", "text": "/desk show IT-1001"}));
        story.entry("acked", json!({"event": "c"}));
        story.whispered("IT-1001  [r-000001] no sound\nIt is resolved; Mia has it. Asked by Jeff a moment ago.");
        let message = |channel: &str, id: &str, voice: &str, text: &str| json!({"platform": "slack", "tenant": "T", "channel": channel, "id": id, "voice": voice, "text": text, "deleted_at": null});
        story.export.push(json!({
            "ticket": {"key": "IT-1001", "status": "resolved", "platform": "slack", "title": "[r-000001] no sound",
                "origin": {"tenant": "T", "channel": "C1", "root": "1.0"}},
            "messages": [
                message("C1", "1.0", "requester", "[r-000001] no sound"),
                message("C1", "1.2", "requester", "[l-000002/000001] still the same v2"),
                message("C1", "1.3", "requester", "[l-000003/000001] the blue one"),
                message("C2", "2.3", "note", "[n-000004/000001] a bad cable"),
                message("C1", "1.6", "agent", "[y-000005/000001] on my way"),
            ],
            "audit": [{"act": "opened"}, {"act": "claimed"}, {"act": "replied"}, {"act": "resolved"}, {"act": "words changed"}],
        }));
        story
    }

    fn entry(&mut self, kind: &str, more: Value) {
        let seq = self.journal.len();
        let mut entry = json!({"seq": seq, "at_ms": seq, "wall_us": seq * 1_000, "platform": "slack", "kind": kind});
        let (Value::Object(fields), Value::Object(more)) = (&mut entry, more) else { unreachable!("both are objects") };
        fields.extend(more);
        self.journal.push(entry);
    }

    /// Said in #sales, delivered and acknowledged.
    fn said(&mut self, id: &str, thread: Option<&str>, who: &str, text: &str) {
        self.said_in("sales", id, thread, who, text);
    }

    fn said_in(&mut self, channel: &str, id: &str, thread: Option<&str>, who: &str, text: &str) {
        let at = if channel == "sales" { "C1" } else { "C2" };
        self.entry(
            "said",
            json!({"channel": channel, "channel_id": at, "message": id, "thread": thread, "who": who, "text": text}),
        );
        for kind in ["delivered", "acked"] {
            self.entry(kind, json!({"type": "message", "channel_id": at, "message": id, "event": format!("E{id}")}));
        }
    }

    fn posted(&mut self, id: &str, thread: Option<&str>, channel: &str, text: &str) {
        let at = if channel == "sales" { "C1" } else { "C2" };
        self.entry(
            "posted",
            json!({"channel": channel, "channel_id": at, "message": id, "thread": thread, "text": text}),
        );
    }

    fn whispered(&mut self, text: &str) {
        self.entry("whispered", json!({"to": "jeff", "text": text}));
    }

    /// Removes the bot's post with this id.
    fn without_post(mut self, id: &str) -> Self {
        let before = self.journal.len();
        self.journal.retain(|entry| {
            !(entry["message"] == id && ["posted", "updated"].contains(&entry["kind"].as_str().unwrap_or_default()))
        });
        assert!(self.journal.len() < before, "there is no such post");
        self
    }

    /// Posts the same once more, under another id.
    fn with_post_again(mut self, id: &str) -> Self {
        let mut again =
            self.journal.iter().rfind(|entry| entry["message"] == id).cloned().expect("there is such a post");
        (again["kind"], again["message"]) = (json!("posted"), json!("9.9"));
        if again["channel"].is_null() {
            let first = self.journal.iter().find(|entry| entry["message"] == id).expect("it was posted");
            (again["channel"], again["thread"]) = (first["channel"].clone(), first["thread"].clone());
        }
        again["seq"] = json!(self.journal.len());
        self.journal.push(again);
        self
    }

    /// Swaps the order of two posts.
    fn with_posts_swapped(mut self, one: &str, other: &str) -> Self {
        let posted =
            |id: &str| self.journal.iter().position(|entry| entry["message"] == id && entry["kind"] == "posted");
        let (first, second) = (posted(one).expect("a post"), posted(other).expect("a post"));
        let seqs = (self.journal[first]["seq"].clone(), self.journal[second]["seq"].clone());
        self.journal.swap(first, second);
        (self.journal[first]["seq"], self.journal[second]["seq"]) = seqs;
        self
    }

    fn with_export(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.export[0]);
        self
    }

    fn checked(&self) -> Report {
        let lines = |values: &[Value]| values.iter().map(|value| format!("{value}\n")).collect::<String>();
        check(&lines(&self.journal), &lines(&self.export))
    }
}

#[track_caller]
fn assert_found(findings: &[String], words: &str, report: &Report) {
    assert!(findings.iter().any(|finding| finding.contains(words)), "nothing about {words}:\n{report}");
}

#[test]
fn a_story_in_which_all_went_well_passes() {
    let report = Story::faultless().checked();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.tickets, report.messages, report.overtaken), (1, 1, 5, 0));
    assert_eq!(report.unrecoverable.len(), 0, "{report}");
}

#[test]
fn what_is_lost_is_reported() {
    for (id, words) in [
        ("1.1", "the confirmation of IT-1001"),
        ("2.0", "the card of IT-1001"),
        ("2.2", "[l-000003/000001] under the card"),
        ("1.5", "IT-1001 was claimed 1 times, and told so 0"),
        ("1.6", "the answer [y-000005/000001]"),
        ("2.4", "the answer [y-000005/000001] on IT-1001 is not under the card"),
    ] {
        let report = Story::faultless().without_post(id).checked();
        assert_found(&report.lost, words, &report);
    }
    for (at, tag) in ["[r-000001]", "[l-000002/000001]", "[l-000003/000001]", "[n-000004/000001]", "[y-000005/000001]"]
        .into_iter()
        .enumerate()
    {
        let report = Story::faultless()
            .with_export(|ticket| drop(ticket["messages"].as_array_mut().expect("messages").remove(at)))
            .checked();
        assert_found(&report.lost, tag, &report);
    }
    let mut story = Story::faultless();
    story.export.clear();
    let report = story.checked();
    assert_found(&report.lost, "[r-000001]", &report);
    let report = Story::faultless()
        .with_export(|ticket| drop(ticket["audit"].as_array_mut().expect("audit").remove(1)))
        .checked();
    assert_found(&report.lost, "IT-1001 was claimed 0 times", &report);
}

#[test]
fn what_is_doubled_is_reported() {
    for (id, words) in [
        ("1.1", "IT-1001 is confirmed 2 times"),
        ("2.0", "2 cards of IT-1001"),
        ("2.2", "[l-000003/000001] stands 2 times"),
        ("1.5", "IT-1001 was claimed 1 times, and told so 2"),
        ("1.6", "the answer [y-000005/000001] on IT-1001 stands 2 times"),
    ] {
        let report = Story::faultless().with_post_again(id).checked();
        assert_found(&report.doubled, words, &report);
    }
    let mut story = Story::faultless();
    let mut second = story.export[0].clone();
    second["ticket"]["key"] = json!("IT-1002");
    story.export.push(second.clone());
    let report = story.checked();
    assert_found(&report.doubled, "request 1 has several tickets", &report);
    assert_found(&report.doubled, "is on record in IT-1001, IT-1002", &report);
    story.export[1]["messages"] = json!([]);
    let report = story.checked();
    assert_found(&report.doubled, "IT-1002 belongs to no request", &report);
    let mut story = Story::faultless();
    story.whispered("IT-1001  [r-000001] no sound\nIt is resolved; Mia has it. Asked by Jeff a moment ago.");
    let report = story.checked();
    assert_found(&report.doubled, "jeff asked for IT-1001 1 times", &report);
    let audit = |ticket: &mut Value| ticket["audit"].as_array_mut().expect("audit").push(json!({"act": "resolved"}));
    let report = Story::faultless().with_export(audit).checked();
    assert_found(&report.doubled, "IT-1001 was resolved 2 times", &report);
}

#[test]
fn what_is_out_of_order_is_reported() {
    let report = Story::faultless().with_posts_swapped("2.1", "2.2").checked();
    assert_found(&report.disordered, "[l-000003/000001] stands before [l-000002/000001]", &report);
    let report = Story::faultless().with_posts_swapped("1.5", "1.8").checked();
    assert_found(&report.disordered, "IT-1001 is told as", &report);
    let report = Story::faultless().with_posts_swapped("1.1", "1.5").checked();
    assert_found(&report.disordered, "IT-1001 is confirmed after", &report);
}

#[test]
fn lines_may_share_a_post_each_once_and_in_order() {
    let (one, other) = ("Jeff: [l-000002/000001] still the same v2 (edited)", "Jeff: [l-000003/000001] the blue one");
    let shared = |lines: &[&str]| {
        let mut story = Story::faultless().without_post("2.2");
        story.entry("updated", json!({"message": "2.1", "channel_id": "C2", "text": lines.join("\n")}));
        story.checked()
    };
    let report = shared(&[one, other]);
    assert!(report.is_clean(), "{report}");
    let report = shared(&[other, one]);
    assert_found(&report.disordered, "[l-000003/000001] stands before [l-000002/000001]", &report);
    let report = shared(&[one, other, other]);
    assert_found(&report.doubled, "[l-000003/000001] stands 2 times", &report);
    let report = shared(&[one]);
    assert_found(&report.lost, "[l-000003/000001] under the card", &report);
    let mut story = Story::faultless();
    let both = [one, other].join("\n");
    story.entry("updated", json!({"message": "2.1", "channel_id": "C2", "text": both}));
    let report = story.checked();
    assert_found(&report.doubled, "[l-000003/000001] stands 2 times", &report);
}

#[test]
fn what_overtook_on_its_way_to_the_bot_is_no_fault_of_the_bot() {
    let mut story = Story::faultless().with_posts_swapped("2.1", "2.2");
    // The first line was delivered only after the second one was dealt with.
    let late: Vec<usize> = (0..story.journal.len())
        .filter(|at| {
            story.journal[*at]["message"] == "1.2"
                && ["delivered", "acked"].contains(&story.journal[*at]["kind"].as_str().unwrap_or_default())
        })
        .collect();
    for at in late {
        story.journal[at]["seq"] = json!(story.journal[at]["seq"].as_u64().unwrap_or_default() + 1_000);
    }
    let report = story.checked();
    assert_eq!((report.disordered.len(), report.overtaken), (0, 1), "{report}");
}

#[test]
fn stale_misplaced_and_leaked_words_are_reported() {
    let report = Story::faultless()
        .with_export(|ticket| ticket["messages"][1]["text"] = json!("[l-000002/000001] still the same"))
        .checked();
    assert_found(&report.lost, "an edit: IT-1001 holds", &report);
    let mut story = Story::faultless();
    story.entry("deleted", json!({"message": "1.3", "channel_id": "C1"}));
    let report = story.checked();
    assert_found(&report.lost, "the deletion of [l-000003/000001]", &report);
    assert_found(&report.doubled, "under the card of IT-1001 on slack although it was deleted", &report);
    let mut story = Story::faultless();
    story.posted("3.1", None, "sales", "Mia noted: [n-000004/000001] a bad cable");
    let report = story.checked();
    assert_found(&report.wrong, "[n-000004/000001] stands in #sales", &report);
    let chatter = json!({"platform": "slack", "channel": "C1", "id": "3.0", "voice": "third", "text": "[c-000007] lunch?", "deleted_at": null});
    let report = Story::faultless()
        .with_export(|ticket| ticket["messages"].as_array_mut().expect("messages").push(chatter))
        .checked();
    assert_found(&report.wrong, "[c-000007]", &report);
    let report = Story::faultless().with_export(|ticket| ticket["ticket"]["status"] = json!("new")).checked();
    assert_found(&report.lost, "an update of the card of IT-1001", &report);
}

#[test]
fn only_what_the_platforms_do_not_give_again_is_excused() {
    let direct = |platform: &str, is_delivered: bool| {
        let mut story = Story { journal: Vec::new(), export: Vec::new() };
        let at =
            json!({"channel": "desk", "channel_id": "D1", "message": "5", "who": "pat", "text": "[r-000009] help me"});
        story.entry("said", at);
        if is_delivered {
            story.entry(
                "delivered",
                json!({"type": "MESSAGE_CREATE", "channel_id": "D1", "message": "5", "event": "5"}),
            );
        }
        story.journal.iter_mut().for_each(|entry| entry["platform"] = json!(platform));
        story.checked()
    };
    let away = direct("discord", false);
    assert!(away.is_clean() && away.unrecoverable.len() == 1, "{away}");
    for report in [direct("discord", true), direct("slack", false)] {
        assert_found(&report.lost, "[r-000009]", &report);
    }
}
