//! The stored form of each kind of event and effect. Waiting effects and dead events are read by the next version of
//! the program and, during an update, by the version before. So a text that is written today must be readable for ever.
//! A new field may be left out of the text where it holds nothing.

use deskbell::domain::act::{ActRef, Given, Value};
use deskbell::domain::effect::{Awaited, Call, Destination, EffectKind, Lane, Post, Sign, SilentAct, Undeliverable};
use deskbell::domain::event::{
    Acted, Asks, DedupeKey, DeliverySettled, DirectRequest, Event, EventKind, File, Found, Look, LookFor, ReplyHandle,
    Said, Timer, TimerKind, Way,
};
use deskbell::domain::ids::{
    Conversation, EffectId, MessageRef, Person, PersonRef, PingId, Place, PlatformName, Tenant, TicketId,
};
use deskbell::domain::message::{Cell, Control, Line, Message, Span, Style, Table};
use deskbell::domain::subject::Subject;
use deskbell::domain::view::View;
use expect_test::{Expect, expect};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Checks that each value is written as this text, and read back as it was.
fn assert_golden<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(all: &[T], written: &Expect) {
    let mut lines = String::new();
    for one in all {
        lines.push_str(&serde_json::to_string(one).expect("it can be written"));
        lines.push('\n');
    }
    written.assert_eq(&lines);
    let read =
        lines.lines().map(|line| serde_json::from_str::<T>(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    for (read, one) in read.zip(all) {
        assert_eq!(read, *one);
    }
}

fn at() -> Timestamp {
    "2026-11-30T10:00:00.125Z".parse().expect("a time")
}

fn person() -> Person {
    let mut person = Person::new(PersonRef::new(PlatformName::Discord, "5"), "Mia \"W\" 🦊");
    person.groups = vec!["42".to_owned()];
    person.guild = Some("1".to_owned());
    person.zone = Some("Europe/Berlin".to_owned());
    person
}

fn thread() -> Place {
    let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
    Place { tenant, at: Conversation::Thread { channel: "C1".to_owned(), root: "5.1".to_owned() } }
}

fn direct() -> Place {
    let tenant = Tenant { platform: PlatformName::Discord, id: "@me".to_owned() };
    Place { tenant, at: Conversation::Direct { channel: "7".to_owned() } }
}

fn message() -> MessageRef {
    MessageRef { tenant: thread().tenant, channel: "C1".to_owned(), id: "5.2".to_owned() }
}

fn said() -> Said {
    Said {
        author: person(),
        place: thread(),
        message: message(),
        at: at(),
        text: "the printer\nsmokes".to_owned(),
        mentions: vec![Person::new(PersonRef::new(PlatformName::Slack, "U2"), "Omar")],
        groups: Vec::new(),
        notifies: None,
        mentions_bot: true,
        reply_to: Some(message()),
        files: vec![File { name: "a.png".to_owned(), url: "https://x/a".to_owned(), bytes: 12 }],
    }
}

fn bare() -> Said {
    Said { mentions: Vec::new(), reply_to: None, files: Vec::new(), place: direct(), ..said() }
}

fn look() -> Look {
    let ping = PingId::stored("0123456789abcdef").expect("an id");
    let why = LookFor::Request { ping, by: person().who, via: Some(ReplyHandle("{}".to_owned())), urgent: None };
    Look { message: message(), place: thread(), before: 15, at: at(), why }
}

fn does(text: &str) -> ActRef {
    text.parse().expect("an act")
}

/// Samples of every kind. The `match` makes the compiler ask for each new kind.
fn events() -> Vec<EventKind> {
    let kinds = |kind: &EventKind| match kind {
        EventKind::MessagePosted(_)
        | EventKind::MessageEdited(_)
        | EventKind::MessageDeleted { .. }
        | EventKind::Acted(_)
        | EventKind::ThreadRead { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::CallEnded { .. }
        | EventKind::DirectOpened { .. }
        | EventKind::Looked { .. }
        | EventKind::TimerFired(_) => kind.name(),
    };
    let given = Given::from([
        ("text".to_owned(), Value::text("it smells")),
        ("to".to_owned(), Value::Person(person())),
        ("loud".to_owned(), Value::Flag(true)),
        ("until".to_owned(), Value::Date(at())),
        ("log".to_owned(), Value::Files(said().files)),
    ]);
    let acted = |way, asks| Acted {
        actor: person(),
        place: Some(thread()),
        way,
        at: None,
        asks,
        in_private: false,
        reply: ReplyHandle("{\"url\":\"x\"}".to_owned()),
    };
    let on = "details:IT-7~u0123456789abcdef~m5.2~dfedcba9876543210";
    let mut all = vec![
        EventKind::MessagePosted(said()),
        EventKind::MessagePosted(bare()),
        EventKind::MessageEdited(said()),
        EventKind::MessageDeleted { message: message() },
        EventKind::ThreadRead { about: TicketId(7).into(), messages: vec![bare()], truncated: true },
        EventKind::DeliverySettled(DeliverySettled {
            effect: EffectId("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
            about: TicketId(7).into(),
            awaited: Awaited::Reply { by: person(), text: "on my way".to_owned() },
            result: Ok(message()),
        }),
        EventKind::DeliverySettled(DeliverySettled {
            effect: EffectId("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
            about: Subject::Notice("maintenance".to_owned()),
            awaited: Awaited::Notice,
            result: Err(Undeliverable::DirectClosed),
        }),
        EventKind::Looked {
            look: look(),
            found: Some(Box::new(Found { message: Some(said()), before: vec![bare()] })),
        },
        EventKind::CallEnded { about: Subject::Desk, call: call(), found: Some(serde_json::json!(["a"])) },
        EventKind::CallEnded { about: Subject::Person(person().who), call: call(), found: None },
        EventKind::DirectOpened { request: direct_request(), place: Ok(direct()) },
        EventKind::DirectOpened {
            request: DirectRequest { near: None, via: None, ..direct_request() },
            place: Err(Undeliverable::DirectClosed),
        },
        EventKind::Acted(Acted {
            at: Some(message()),
            in_private: true,
            ..acted(Way::Form, Asks::Act { does: does(on), given: given.clone() })
        }),
        EventKind::Acted(acted(Way::Form, Asks::Page { does: does("help:"), given, page: 1, is_last: false })),
        EventKind::Acted(acted(
            Way::Command,
            Asks::Words { words: "assign @Omar".to_owned(), mentions: said().mentions },
        )),
        EventKind::Acted(acted(Way::Reaction, Asks::Unknown)),
    ];
    let ways =
        Way::ALL.map(|way| EventKind::Acted(acted(way, Asks::Act { does: does("claim:IT-7"), given: Given::new() })));
    all.extend(ways);
    let timers = TimerKind::ALL.iter().map(|kind| Timer { on: TicketId(7).into(), kind: *kind, slot: 0, due: at() });
    all.extend(timers.map(EventKind::TimerFired));
    assert!(all.iter().all(|event| !kinds(event).is_empty()));
    all
}

fn direct_request() -> DirectRequest {
    DirectRequest {
        by: person(),
        words: "my mouse is dead".to_owned(),
        at: at(),
        near: Some(thread()),
        via: Some(ReplyHandle("{\"url\":\"x\"}".to_owned())),
        passed_on: None,
    }
}

fn call() -> Call {
    Call { name: "search".to_owned(), input: serde_json::json!({ "words": "vpn" }), within_ms: 200 }
}

/// A message with every control, every cell of a table, and every span. The `match` makes the compiler ask for each new
/// span.
fn whole() -> Message {
    let who = PersonRef::new(PlatformName::Slack, "U2");
    let spans = [
        Span::Said("The ".to_owned()),
        Span::Strong("IT-7".to_owned()),
        Span::Quoted("<!channel>".to_owned()),
        Span::Ping(who),
        Span::Link { to: message(), label: "open".to_owned() },
        Span::In { place: direct(), label: "in private".to_owned() },
        Span::Ago(at()),
        Span::At(at()),
        Span::Written("vpn".to_owned()),
        Span::Struck("old".to_owned()),
        Span::Code("ping x".to_owned()),
        Span::Web { to: "https://x/a".to_owned(), label: "the page".to_owned() },
        Span::Everybody,
    ];
    let is_known = |span: &Span| match span {
        Span::Said(_)
        | Span::Strong(_)
        | Span::Quoted(_)
        | Span::Written(_)
        | Span::Struck(_)
        | Span::Code(_)
        | Span::Web { .. }
        | Span::Ping(_)
        | Span::Link { .. }
        | Span::In { .. }
        | Span::Ago(_)
        | Span::At(_)
        | Span::Everybody => true,
    };
    assert!(spans.iter().all(is_known));
    let button =
        |style| Control::Button { label: "Take it".to_owned(), does: does("claim:IT-7~u0123456789abcdef"), style };
    let table = Table {
        columns: vec!["Key".to_owned(), "Article".to_owned(), "Shown".to_owned()],
        rows: vec![vec![Cell::Key("KB-7".to_owned()), Cell::Words("VPN".to_owned()), Cell::Number(3)]],
    };
    Message::new([Line(spans.to_vec())]).with_table(table).with([
        button(Style::Plain),
        button(Style::Primary),
        button(Style::Danger),
        Control::Choice {
            label: "Priority…".to_owned(),
            does: does("priority:IT-7"),
            options: vec![("P1 critical".to_owned(), "P1".to_owned())],
        },
        Control::People { label: "Assign to…".to_owned(), does: does("assign:IT-7") },
        Control::Feedback {
            praise: "Helpful".to_owned(),
            does: does("helpful:IT-7~mKB-7"),
            blame: "Not helpful".to_owned(),
            else_does: does("unhelpful:IT-7~mKB-7"),
        },
    ])
}

/// Samples of every kind. The `match` makes the compiler ask for each new kind.
fn effects() -> Vec<EffectKind> {
    let is_known = |kind: &EffectKind| match kind {
        EffectKind::Say(_)
        | EffectKind::Show { .. }
        | EffectKind::Refresh { .. }
        | EffectKind::Silent(SilentAct::React { .. } | SilentAct::Remove { .. } | SilentAct::ReadThread { .. })
        | EffectKind::Silent(SilentAct::OpenDirect { .. })
        | EffectKind::Silent(SilentAct::Look(_))
        | EffectKind::Whisper { .. }
        | EffectKind::Hint { .. }
        | EffectKind::Spread { .. }
        | EffectKind::Do(_) => true,
    };
    let mut all = vec![
        EffectKind::Say(Post::new(Destination::Place(direct()), whole(), Lane::Answer)),
        EffectKind::Say(Post {
            awaited: Some(Awaited::Reply { by: person(), text: "on my way".to_owned() }),
            thread_title: Some("IT-7".to_owned()),
            ..Post::new(Destination::UnderCard(thread()), Message::said("Noted."), Lane::Note)
        }),
        EffectKind::Show {
            view: View::Confirmation,
            at: Destination::Place(thread()),
            awaited: Some(Awaited::Notice),
            thread_title: Some("IT-7".to_owned()),
        },
        EffectKind::Show {
            view: View::Lines { of: vec![message()], room: 120 },
            at: Destination::UnderCard(thread()),
            awaited: None,
            thread_title: None,
        },
        EffectKind::Silent(SilentAct::React { message: message(), sign: Sign::Joined, is_on: true }),
        EffectKind::Silent(SilentAct::Remove { message: message() }),
        EffectKind::Silent(SilentAct::ReadThread { place: thread(), before: message() }),
        EffectKind::Silent(SilentAct::OpenDirect { request: Box::new(direct_request()) }),
        EffectKind::Silent(SilentAct::Look(Box::new(look()))),
        EffectKind::Whisper {
            to: person().who,
            near: Some(thread()),
            via: Some(ReplyHandle("{\"url\":\"x\"}".to_owned())),
            message: Message::said("Done."),
        },
        EffectKind::Whisper { to: person().who, near: None, via: None, message: Message::said("Done.") },
        EffectKind::Hint { to: person().who, place: thread(), reply_to: message(), message: Message::said("Hello!") },
        EffectKind::Spread { view: View::Notice, after: 200 },
        EffectKind::Do(call()),
    ];
    let news = View::OutageNews { version: 3, through: 250 };
    all.extend(
        [View::Card, View::Confirmation, View::DeadEvents, View::Notice, View::Outage, View::OutageCard, news]
            .map(|view| EffectKind::Refresh { view, at: thread() }),
    );
    all.extend(
        [Lane::Act, Lane::Card, Lane::Broadcast]
            .map(|urgency| EffectKind::Say(Post::new(Destination::Place(thread()), Message::said("Noted."), urgency))),
    );
    assert!(all.iter().all(is_known));
    all
}

#[test]
fn events_are_written_as_they_were() {
    let event = |what| Event { key: DedupeKey::stored("m:1".to_owned()), at: at(), what };
    assert_golden(
        &events().into_iter().map(event).collect::<Vec<_>>(),
        &expect![[r#"
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"message_posted":{"author":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"at":"2026-11-30T10:00:00.125Z","text":"the printer\nsmokes","mentions":[{"who":"slack:U2","name":"Omar"}],"mentions_bot":true,"reply_to":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"files":[{"name":"a.png","url":"https://x/a","bytes":12}]}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"message_posted":{"author":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"discord","id":"@me"},"at":{"direct":{"channel":"7"}}},"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"at":"2026-11-30T10:00:00.125Z","text":"the printer\nsmokes","mentions":[],"mentions_bot":true,"reply_to":null,"files":[]}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"message_edited":{"author":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"at":"2026-11-30T10:00:00.125Z","text":"the printer\nsmokes","mentions":[{"who":"slack:U2","name":"Omar"}],"mentions_bot":true,"reply_to":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"files":[{"name":"a.png","url":"https://x/a","bytes":12}]}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"message_deleted":{"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"}}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"thread_read":{"about":"ticket:7","messages":[{"author":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"discord","id":"@me"},"at":{"direct":{"channel":"7"}}},"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"at":"2026-11-30T10:00:00.125Z","text":"the printer\nsmokes","mentions":[],"mentions_bot":true,"reply_to":null,"files":[]}],"truncated":true}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"delivery_settled":{"effect":"01ARZ3NDEKTSV4RRFFQ69G5FAV","about":"ticket:7","awaited":{"reply":{"by":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"text":"on my way"}},"result":{"Ok":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"}}}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"delivery_settled":{"effect":"01ARZ3NDEKTSV4RRFFQ69G5FAV","about":"notice:maintenance","awaited":"notice","result":{"Err":"direct_closed"}}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"looked":{"look":{"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"before":15,"at":"2026-11-30T10:00:00.125Z","why":{"request":{"ping":"0123456789abcdef","by":"discord:5","via":"{}"}}},"found":{"message":{"author":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"at":"2026-11-30T10:00:00.125Z","text":"the printer\nsmokes","mentions":[{"who":"slack:U2","name":"Omar"}],"mentions_bot":true,"reply_to":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"files":[{"name":"a.png","url":"https://x/a","bytes":12}]},"before":[{"author":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"discord","id":"@me"},"at":{"direct":{"channel":"7"}}},"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"at":"2026-11-30T10:00:00.125Z","text":"the printer\nsmokes","mentions":[],"mentions_bot":true,"reply_to":null,"files":[]}]}}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"call_ended":{"about":"desk:","call":{"name":"search","input":{"words":"vpn"},"within_ms":200},"found":["a"]}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"call_ended":{"about":"person:discord:5","call":{"name":"search","input":{"words":"vpn"},"within_ms":200},"found":null}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"direct_opened":{"request":{"by":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"words":"my mouse is dead","at":"2026-11-30T10:00:00.125Z","near":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"via":"{\"url\":\"x\"}"},"place":{"Ok":{"tenant":{"platform":"discord","id":"@me"},"at":{"direct":{"channel":"7"}}}}}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"direct_opened":{"request":{"by":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"words":"my mouse is dead","at":"2026-11-30T10:00:00.125Z","near":null,"via":null},"place":{"Err":"direct_closed"}}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"form","at":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"asks":{"act":{"does":"details:IT-7~u0123456789abcdef~m5.2~dfedcba9876543210","given":{"log":{"files":[{"name":"a.png","url":"https://x/a","bytes":12}]},"loud":{"flag":true},"text":{"text":"it smells"},"to":{"person":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"}},"until":{"date":"2026-11-30T10:00:00.125Z"}}}},"in_private":true,"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"form","asks":{"page":{"does":"help:","given":{"log":{"files":[{"name":"a.png","url":"https://x/a","bytes":12}]},"loud":{"flag":true},"text":{"text":"it smells"},"to":{"person":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"}},"until":{"date":"2026-11-30T10:00:00.125Z"}},"page":1,"is_last":false}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"command","asks":{"words":{"words":"assign @Omar","mentions":[{"who":"slack:U2","name":"Omar"}]}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"reaction","asks":"unknown","reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"button","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"menu","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"form","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"command","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"message_menu","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"person_menu","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"acted":{"actor":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"way":"reaction","asks":{"act":{"does":"claim:IT-7"}},"reply":"{\"url\":\"x\"}"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"timer_fired":{"on":"ticket:7","kind":"auto_close","slot":0,"due":"2026-11-30T10:00:00.125Z"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"timer_fired":{"on":"ticket:7","kind":"wait_over","slot":0,"due":"2026-11-30T10:00:00.125Z"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"timer_fired":{"on":"ticket:7","kind":"outage_news","slot":0,"due":"2026-11-30T10:00:00.125Z"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"timer_fired":{"on":"ticket:7","kind":"outage_progress","slot":0,"due":"2026-11-30T10:00:00.125Z"}}}
            {"key":"m:1","at":"2026-11-30T10:00:00.125Z","what":{"timer_fired":{"on":"ticket:7","kind":"article_draft","slot":0,"due":"2026-11-30T10:00:00.125Z"}}}
        "#]],
    );
}

#[test]
fn effects_are_written_as_they_were() {
    assert_golden(
        &effects(),
        &expect![[r#"
            {"say":{"to":{"place":{"tenant":{"platform":"discord","id":"@me"},"at":{"direct":{"channel":"7"}}}},"message":{"lines":[[{"said":"The "},{"strong":"IT-7"},{"quoted":"<!channel>"},{"ping":"slack:U2"},{"link":{"to":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"label":"open"}},{"in":{"place":{"tenant":{"platform":"discord","id":"@me"},"at":{"direct":{"channel":"7"}}},"label":"in private"}},{"ago":"2026-11-30T10:00:00.125Z"},{"at":"2026-11-30T10:00:00.125Z"},{"written":"vpn"},{"struck":"old"},{"code":"ping x"},{"web":{"to":"https://x/a","label":"the page"}},"everybody"]],"table":{"columns":["Key","Article","Shown"],"rows":[[{"key":"KB-7"},{"words":"VPN"},{"number":3}]]},"controls":[{"button":{"label":"Take it","does":"claim:IT-7~u0123456789abcdef","style":"plain"}},{"button":{"label":"Take it","does":"claim:IT-7~u0123456789abcdef","style":"primary"}},{"button":{"label":"Take it","does":"claim:IT-7~u0123456789abcdef","style":"danger"}},{"choice":{"label":"Priority…","does":"priority:IT-7","options":[["P1 critical","P1"]]}},{"people":{"label":"Assign to…","does":"assign:IT-7"}},{"feedback":{"praise":"Helpful","does":"helpful:IT-7~mKB-7","blame":"Not helpful","else_does":"unhelpful:IT-7~mKB-7"}}]},"urgency":"answer"}}
            {"say":{"to":{"under_card":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}},"message":{"lines":[[{"said":"Noted."}]]},"awaited":{"reply":{"by":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"text":"on my way"}},"thread_title":"IT-7","urgency":"note"}}
            {"show":{"view":"confirmation","at":{"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}},"awaited":"notice","thread_title":"IT-7"}}
            {"show":{"view":{"lines":{"of":[{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"}],"room":120}},"at":{"under_card":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}}
            {"silent":{"react":{"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"sign":"joined","is_on":true}}}
            {"silent":{"remove":{"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"}}}}
            {"silent":{"read_thread":{"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"before":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"}}}}
            {"silent":{"open_direct":{"request":{"by":{"who":"discord:5","name":"Mia \"W\" 🦊","groups":["42"],"guild":"1","zone":"Europe/Berlin"},"words":"my mouse is dead","at":"2026-11-30T10:00:00.125Z","near":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"via":"{\"url\":\"x\"}"}}}}
            {"silent":{"look":{"message":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"before":15,"at":"2026-11-30T10:00:00.125Z","why":{"request":{"ping":"0123456789abcdef","by":"discord:5","via":"{}"}}}}}
            {"whisper":{"to":"discord:5","near":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"via":"{\"url\":\"x\"}","message":{"lines":[[{"said":"Done."}]]}}}
            {"whisper":{"to":"discord:5","near":null,"via":null,"message":{"lines":[[{"said":"Done."}]]}}}
            {"hint":{"to":"discord:5","place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}},"reply_to":{"tenant":{"platform":"slack","id":"T1"},"channel":"C1","id":"5.2"},"message":{"lines":[[{"said":"Hello!"}]]}}}
            {"spread":{"view":"notice","after":200}}
            {"do":{"name":"search","input":{"words":"vpn"},"within_ms":200}}
            {"refresh":{"view":"card","at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"refresh":{"view":"confirmation","at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"refresh":{"view":"dead_events","at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"refresh":{"view":"notice","at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"refresh":{"view":"outage","at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"refresh":{"view":"outage_card","at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"refresh":{"view":{"outage_news":{"version":3,"through":250}},"at":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}}}
            {"say":{"to":{"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}},"message":{"lines":[[{"said":"Noted."}]]},"urgency":"act"}}
            {"say":{"to":{"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}},"message":{"lines":[[{"said":"Noted."}]]},"urgency":"card"}}
            {"say":{"to":{"place":{"tenant":{"platform":"slack","id":"T1"},"at":{"thread":{"channel":"C1","root":"5.1"}}}},"message":{"lines":[[{"said":"Noted."}]]},"urgency":"broadcast"}}
        "#]],
    );
}
