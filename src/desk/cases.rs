//! Tables of classified events and their decisions. No database is used, so that every rule can have a line. The scenes
//! in `tests/it` show what people see.
//!
//! A line names the case and its decision: the outcome, then each change, audit entry and effect. After a change of the
//! rules, `UPDATE_EXPECT=1 cargo test --lib cases` writes the tables anew. Read their changes.

mod acts;
mod articles;
mod events;
mod guard;
mod knowledge;
mod others;
mod ways;
mod words;

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::conversation::state::{Record, Side, SkippedMention, Voice};
use super::decision::{Change, Decision};
use super::hear::{Desk, Next};
use super::knowledge::state::{Answered, Offered};
use super::tickets::state::{CancelReason, Status, Ticket};
use super::{Heard, decide};
use crate::domain::effect::{Destination, EffectKind, SilentAct};
use crate::domain::event::{DedupeKey, File, Said};
use crate::domain::ids::{
    Conversation, DraftId, MessageRef, Person, PersonRef, Place, PlatformName, Tenant, TicketId, TicketKey, TicketUid,
};
use crate::domain::message::{Control, Message, Span};
use crate::domain::permission::{LinkedPerson, Principal, Roster};
use crate::domain::priority::Priority;
use crate::domain::rules::{GuardMode, Rules};
use crate::domain::view::View;
use crate::domain::words::shorten;

/// All people: Jeff is the requester, Sam is another person, Mia and Omar are agents, Ada is an admin. Mia is also on
/// Discord.
const PEOPLE: [(&str, &str); 5] = [("Jeff", "U1"), ("Sam", "U2"), ("Ada", "U7"), ("Mia", "U8"), ("Omar", "U9")];
const MIA_ON_DISCORD: &str = "88";

fn now() -> Timestamp {
    "2026-11-30T10:00:00Z".parse().expect("a time")
}

fn minutes_ago(minutes: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_mins(minutes)).expect("a time")
}

fn slack(id: &str) -> PersonRef {
    PersonRef::new(PlatformName::Slack, id)
}

fn person(name: &str) -> Person {
    let (name, id) = PEOPLE.iter().find(|(known, _)| *known == name).expect("somebody known");
    Person::new(slack(id), *name)
}

/// Returns a desk with a channel on each platform.
fn desk() -> Desk {
    let listed = |names: &[&str]| names.iter().map(|name| Principal::Person(person(name).who)).collect();
    let mia = LinkedPerson {
        name: "Mia".to_owned(),
        accounts: vec![person("Mia").who, PersonRef::new(PlatformName::Discord, MIA_ON_DISCORD)],
    };
    let roster =
        Roster { agents: listed(&["Mia", "Omar"]), admins: listed(&["Ada"]), people: vec![mia], ..Roster::default() };
    let guild = Tenant { platform: PlatformName::Discord, id: "1".to_owned() };
    let other = Place { tenant: guild, at: Conversation::Channel { channel: "9".to_owned() } };
    let rules = Rules { triage: vec![channel("C9"), other], ..Rules::default() };
    let key = DedupeKey::stored("m:42".to_owned());
    let next = Next {
        ticket: TicketId(42),
        key: TicketKey::new("IT", 1042),
        uid: TicketUid::of(&key),
        draft: DraftId::of(&key),
    };
    Desk { now: now(), rules: Arc::new(rules), roster: Arc::new(roster), next, has_articles: false }
}

fn tenant() -> Tenant {
    Tenant { platform: PlatformName::Slack, id: "T1".to_owned() }
}

fn place(at: Conversation) -> Place {
    Place { tenant: tenant(), at }
}

fn channel(name: &str) -> Place {
    place(Conversation::Channel { channel: name.to_owned() })
}

fn thread(channel: &str, root: &str) -> Place {
    place(Conversation::Thread { channel: channel.to_owned(), root: root.to_owned() })
}

fn direct() -> Place {
    place(Conversation::Direct { channel: "D1".to_owned() })
}

fn message(channel: &str, id: &str) -> MessageRef {
    MessageRef { tenant: tenant(), channel: channel.to_owned(), id: id.to_owned() }
}

/// Returns a posted message. `@desk` at its beginning mentions the bot.
fn post(who: &str, at: &Place, text: &str) -> Said {
    let words = text.strip_prefix("@desk");
    Said {
        author: person(who),
        place: at.clone(),
        message: message(at.channel(), "50.1"),
        at: now(),
        text: words.unwrap_or(text).trim().to_owned(),
        mentions: Vec::new(),
        groups: Vec::new(),
        notifies: None,
        mentions_bot: words.is_some(),
        reply_to: None,
        files: Vec::new(),
    }
}

fn with_file(said: Said) -> Said {
    let file = File { name: "a.png".to_owned(), url: "https://x/a".to_owned(), bytes: 1 };
    Said { files: vec![file], ..said }
}

/// IT-1007: Jeff's printer, asked an hour ago in a channel.
fn ticket() -> Ticket {
    Ticket {
        id: TicketId(7),
        key: TicketKey::new("IT", 1007),
        uid: TicketUid::of(&DedupeKey::stored("m:7".to_owned())),
        title: "printer smokes".to_owned(),
        titled_by: Some(message("C1", "7.1")),
        requester: person("Jeff"),
        opened_by: person("Jeff"),
        origin: thread("C1", "7.1"),
        origin_message: message("C1", "7.1"),
        opened_at: minutes_ago(60),
        status: Status::New,
        assignee: None,
        priority: Priority::default(),
        answered_at: None,
        active_at: minutes_ago(30),
        follows: None,
        merged_into: None,
        version: 3,
    }
}

/// IT-1007, asked in private.
fn private_ticket() -> Ticket {
    Ticket { origin: direct(), origin_message: message("D1", "7.1"), titled_by: None, ..ticket() }
}

fn with_status(status: Status) -> Ticket {
    let has_holder = !matches!(status, Status::New | Status::Cancelled { .. });
    let is_merged = matches!(status, Status::Cancelled { why: CancelReason::Merged, .. });
    let merged_into = Some(TicketKey::new("IT", 1005)).filter(|_| is_merged);
    Ticket { status, assignee: Some(person("Mia")).filter(|_| has_holder), merged_into, ..ticket() }
}

/// Every status of a ticket.
fn statuses() -> [(&'static str, Status); 8] {
    let (at, by) = (minutes_ago(10), person("Mia"));
    let cancelled = |why, by: &str| Status::Cancelled { at, by: person(by), why };
    [
        ("new", Status::New),
        ("in progress", Status::InProgress),
        ("pending", Status::Pending { reason: "parts".to_owned(), until: None }),
        ("resolved", Status::Resolved { at, by, resolution: "new fuser".to_owned() }),
        ("closed", Status::Closed { at, resolution: "new fuser".to_owned() }),
        ("taken back", cancelled(CancelReason::TakenBack, "Jeff")),
        ("no request", cancelled(CancelReason::NotARequest, "Mia")),
        ("merged", cancelled(CancelReason::Merged, "Jeff")),
    ]
}

fn record(author: &str, id: &str, text: &str) -> Record {
    Record {
        ticket: TicketId(7),
        message: Some(message("C1", id)),
        author: person(author),
        voice: Voice::Requester,
        at: minutes_ago(60),
        text: text.to_owned(),
        edited_at: None,
        deleted_at: None,
        joined: false,
    }
}

fn skipped(text: &str) -> SkippedMention {
    let said = post("Jeff", &channel("C1"), text);
    let message = message("C1", "40.1");
    SkippedMention { message, place: said.place, author: said.author, at: minutes_ago(5), text: said.text }
}

/// A table: a line for each case.
#[derive(Default)]
struct Table(String);

impl Table {
    fn head(&mut self, words: &str) {
        let _ = writeln!(self.0, "{words}");
    }

    fn case(&mut self, name: &str, desk: &Desk, heard: &Heard<'_>) {
        let decision = decide(desk, heard);
        assert_eq!(decide(desk, heard), decision, "{name}: two decisions about one event differ");
        let _ = writeln!(self.0, "{name}: {}", told(&decision));
    }
}

/// Returns a decision as one line.
fn told(decision: &Decision) -> String {
    let outcome = match decision.outcome.ticket() {
        Some(key) => format!("{} {key}", decision.outcome.name()),
        None => decision.outcome.name().to_owned(),
    };
    let changes = decision.changes.iter().map(change);
    let audit = decision.audit.iter().map(|entry| {
        let by = entry.actor.as_ref().map_or("the clock", |actor| actor.name.as_str());
        format!("audit: {} by {by}", entry.act)
    });
    let effects = decision.effects.iter().map(|effect| effect_of(&effect.what));
    let mut parts = vec![outcome];
    for part in changes.chain(audit).chain(effects) {
        // Effects for both channels of the desk are listed once.
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join(" · ")
}

fn change(change: &Change) -> String {
    match change {
        Change::Open(ticket) => {
            let follows = ticket.follows.as_ref().map_or_else(String::new, |before| format!(", after {before}"));
            format!("open «{}» for {}{follows}", ticket.title, ticket.requester.name)
        }
        Change::Put { after: ticket, .. } => {
            let holder = ticket.assignee.as_ref().map_or_else(String::new, |agent| format!(", {}", agent.name));
            format!("{} is {}, {}{holder}", ticket.key, ticket.status.name(), ticket.priority)
        }
        Change::Bind { place, side, .. } => {
            let side = if *side == Side::Request { "request" } else { "card" };
            format!("bind {} as {side}", at(place))
        }
        Change::Record(record) => {
            let joined = if record.joined { ", joined" } else { "" };
            format!("record {} «{}»{joined}", record.voice.as_str(), record.text.replace('\n', " ⏎ "))
        }
        Change::Rewrite { text, .. } => format!("reword «{text}»"),
        Change::Erase { .. } => "erase".to_owned(),
        Change::Separate { .. } => "part".to_owned(),
        Change::Move { to, .. } => format!("move all to {}", to.0),
        Change::StoreSkipped(kept) => format!("keep «{}»", kept.text),
        Change::DeleteSkipped { .. } => "forget what was kept".to_owned(),
        Change::KeepDraft(draft) => format!("draft, page {}", draft.page),
        Change::ForgetDraft(_) => "no draft".to_owned(),
        Change::Suggest(suggestion) => {
            let Answered { offered, fits, .. } = &suggestion.found;
            let named = |offered: &[Offered]| {
                offered.iter().map(|offered| offered.key.to_string()).collect::<Vec<_>>().join(", ")
            };
            let shown = if suggestion.is_shown { "suggest" } else { "note" };
            format!("{shown} [{}], for agents [{}]", named(offered), named(fits))
        }
        Change::SolvedBy { article, .. } => format!("solved by {article}"),
        Change::Escalate { .. } => "wants a person".to_owned(),
        Change::MarkArticle { article, mark, .. } => format!("article {} was {}", article.0, mark.as_str()),
        Change::WriteArticle { article, by } => {
            format!("write {} «{}», {}, by {}", article.key, article.content.title, article.status.as_str(), by.name)
        }
        Change::PutArticle { after, by, .. } => format!(
            "{} «{}», version {}, is {}, by {}",
            after.key,
            after.content.title,
            after.version,
            after.status.as_str(),
            by.name
        ),
        Change::WriteOutage(outage) => format!("write {} «{}»", outage.key, outage.content.title),
        Change::RetryOutage { .. } => "retry what is held of the outage".to_owned(),
        Change::GiveUpOutage { .. } => "give up what is held of the outage".to_owned(),
        Change::PutOutage(outage) => format!("{} is {}, version {}", outage.key, outage.phase.as_str(), outage.version),
        Change::FollowService { service, place, .. } => format!("{} follows {service}", at(place)),
        Change::UnfollowService { service, place, .. } => format!("{} follows {service} no more", at(place)),
        Change::KeepPing(ping) => {
            let end = ping.end.map_or_else(String::new, |end| format!(", {}", end.name()));
            let told = if ping.asked_at.is_some() { ", told" } else { "" };
            format!("ping of {} is {}{told}{end}", ping.staff.join(", "), ping.ruling.name())
        }
        Change::Mute { author, staff, until } => {
            format!("{} and {staff} are left alone for {}", author.id, hours(until.duration_since(now())))
        }
        Change::OptOut { who, place, is_out, .. } => {
            format!("{} is {} in {}", who.id, if *is_out { "not asked" } else { "asked again" }, at(place))
        }
        Change::AnnounceGuard { place, mode, .. } => format!("people in {} are told: {}", at(place), mode.name()),
        Change::EndPingByEdit(_) => "a ping of it is over".to_owned(),
        Change::SetGuard { place, mode, .. } => {
            format!("the guard in {} is {}", at(place), mode.map_or("as in the settings", GuardMode::name))
        }
        Change::WantPings { who, place, is_on, .. } => {
            format!("{} {} pinged in {}", who.id, if *is_on { "is to be" } else { "is not to be" }, at(place))
        }
        Change::BeAway { who, until } => format!("{} is {}", who.id, if until.is_some() { "away" } else { "back" }),
        Change::TellStaff { who, .. } => format!("{} is told", who.id),
        Change::BeOnCall { who, until } => {
            format!("{} is {}", who.id, if until.is_some() { "on call" } else { "on call no more" })
        }
        Change::HoldBack { view, until, .. } => {
            format!("hold back the {} until {} s from now", view.name(), until.duration_since(now()).as_secs())
        }
        Change::SetTimer(timer) => {
            format!("{} in {}", timer.kind.as_str(), hours(timer.due.duration_since(now())))
        }
        Change::ClearTimer { kind, .. } => format!("no {}", kind.as_str()),
    }
}

fn hours(duration: SignedDuration) -> String {
    match duration.as_mins() {
        minutes @ ..120 => format!("{minutes} min"),
        _ => format!("{} h", duration.as_hours()),
    }
}

fn at(place: &Place) -> String {
    place.root().map_or_else(|| place.channel().to_owned(), |root| format!("{}/{root}", place.channel()))
}

fn effect_of(what: &EffectKind) -> String {
    let name = |who: &PersonRef| PEOPLE.iter().find(|(_, id)| *id == who.id).map_or("?", |(name, _)| name);
    match what {
        EffectKind::Say(post) => match &post.to {
            Destination::Place(place) => format!("say in {}: {}", at(place), words_of(&post.message)),
            Destination::UnderCard(_) => format!("under the cards: {}", words_of(&post.message)),
        },
        EffectKind::Show { view, at: to, .. } => match view {
            View::Card => "cards".to_owned(),
            View::Lines { .. } => "lines under the cards".to_owned(),
            View::Confirmation => format!("confirm in {}", at(to.place())),
            View::OutageCard => "card of the outage".to_owned(),
            View::DeadEvents | View::Notice | View::Outage | View::OutageNews { .. } => "?".to_owned(),
        },
        EffectKind::Refresh { view, .. } => match view {
            View::Confirmation => "confirm anew".to_owned(),
            View::Lines { .. } => "lines anew".to_owned(),
            View::Card
            | View::DeadEvents
            | View::Notice
            | View::Outage
            | View::OutageNews { .. }
            | View::OutageCard => "?".to_owned(),
        },
        EffectKind::Silent(SilentAct::React { is_on, .. }) => format!("sign {}", if *is_on { "on" } else { "off" }),
        EffectKind::Silent(SilentAct::ReadThread { .. }) => "read the thread".to_owned(),
        EffectKind::Silent(SilentAct::Look(look)) => format!("look at the message and {} before it", look.before),
        EffectKind::Silent(SilentAct::OpenDirect { request }) => {
            format!("open the direct conversation with {} for “{}”", name(&request.by.who), request.words)
        }
        EffectKind::Silent(SilentAct::Remove { .. }) => "remove".to_owned(),
        EffectKind::Whisper { to, message, .. } => format!("tell {}: {}", name(to), words_of(message)),
        EffectKind::Hint { to, message, .. } => format!("hint {}: {}", name(to), words_of(message)),
        EffectKind::Spread { .. } | EffectKind::Do(_) => "?".to_owned(),
    }
}

/// Returns the words of a message, shortened, with its buttons.
fn words_of(message: &Message) -> String {
    let span = |span: &Span| match span {
        Span::Said(words)
        | Span::Strong(words)
        | Span::Quoted(words)
        | Span::Written(words)
        | Span::Struck(words)
        | Span::Code(words) => words.clone(),
        Span::Everybody => "@everybody".to_owned(),
        Span::Ping(who) => format!("@{}", who.id),
        Span::Link { label, .. } | Span::In { label, .. } | Span::Web { label, .. } => label.clone(),
        Span::Ago(_) => "(ago)".to_owned(),
        Span::At(moment) => moment.strftime("%d %b %H:%M").to_string(),
    };
    let simple = message.simplified();
    let lines = simple.lines.iter().map(|line| line.0.iter().map(span).collect::<String>());
    let words = shorten(&lines.collect::<Vec<_>>().join(" ⏎ ").replace('\n', " ⏎ "), 72);
    let label = |control: &Control| match control {
        Control::Button { label, .. } | Control::Choice { label, .. } | Control::People { label, .. } => {
            format!(" [{label}]")
        }
        Control::Feedback { praise, blame, .. } => format!(" [{praise}] [{blame}]"),
    };
    format!("“{words}”{}", message.controls.iter().map(label).collect::<String>())
}
