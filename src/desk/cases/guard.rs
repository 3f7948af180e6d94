//! Pings of staff: the guard's rulings, and the acts of their authors.

use expect_test::expect;

use super::*;
use crate::desk::guard::state::{Ping, PingContext, Ruling};
use crate::desk::hear::Looked;
use crate::desk::on_call::state::OnCall;
use crate::domain::effect::Undeliverable;
use crate::domain::event::{DirectRequest, Found, Handed, Look, LookFor, PassedOn};
use crate::domain::ids::PingId;

const HELP: &str = "@Mia my laptop does not start any more, can you help me?";

fn said(text: &str) -> Said {
    Said { mentions: vec![person("Mia")], ..post("Jeff", &channel("C1"), text) }
}

/// Returns the circumstances of a ping of Mia to which no exception of the guard applies.
fn known(mode: GuardMode) -> PingContext {
    PingContext { staff: vec!["slack:U8".to_owned()], mode, ..PingContext::default() }
}

fn ping(mode: GuardMode) -> Ping {
    Ping {
        id: PingId::stored("0123456789abcdef").expect("an id"),
        message: message("C1", "50.1"),
        place: channel("C1"),
        author: person("Jeff").who,
        staff: vec!["slack:U8".to_owned()],
        at: now(),
        mode,
        probability: Some(0.9),
        why: Vec::new(),
        ruling: Ruling::Waiting,
        asked_at: None,
        end: None,
        ticket: None,
    }
}

#[test]
fn what_is_clear_before_anything_is_read() {
    let (desk, mut table) = (desk(), Table::default());
    let hours = |hours: &str| {
        let mut rules = (*desk.rules).clone();
        rules.guard.exempt_hours = vec![hours.to_owned()];
        Desk { rules: Arc::new(rules), ..desk.clone() }
    };
    let help = said(HELP);
    let mut case = |name: &str, desk: &Desk, said: &Said, known: PingContext| {
        table.case(name, desk, &Heard::Pinged(said, Box::new(known)));
    };
    let nudge = known(GuardMode::Nudge);
    case("a request", &desk, &help, nudge.clone());
    case("thanks", &desk, &said("@Mia thanks, that worked!"), nudge.clone());
    case("an answer to whom it pings", &desk, &Said { notifies: Some(person("Mia")), ..help.clone() }, nudge.clone());
    case("of two who are left alone", &desk, &help, PingContext { is_dismissed_lately: true, ..nudge.clone() });
    case("of somebody who wants it", &desk, &help, PingContext { staff_want_pings: true, ..nudge.clone() });
    case("on call, about an outage", &desk, &help, PingContext { is_about_outage: true, ..nudge.clone() });
    case("in exempt hours", &hours("mon-fri 10:00-11:00"), &help, nudge.clone());
    case("beside exempt hours", &hours("mon-fri 11:00-12:00"), &help, nudge.clone());
    case("read back late", &desk, &Said { at: minutes_ago(5), ..help }, nudge);
    expect![[r#"
        a request: done · people in C1 are told: nudge · ping of slack:U8 is waiting · look at the message and 15 before it · say in C1: “From now on, when you ping somebody who works for the desk here and ask…”
        thanks: done · ping of slack:U8 is talk
        an answer to whom it pings: done · ping of slack:U8 is answer
        of two who are left alone: done · ping of slack:U8 is quiet
        of somebody who wants it: done · ping of slack:U8 is wanted
        on call, about an outage: done · ping of slack:U8 is on_call
        in exempt hours: done · ping of slack:U8 is hours
        beside exempt hours: done · people in C1 are told: nudge · ping of slack:U8 is waiting · look at the message and 15 before it · say in C1: “From now on, when you ping somebody who works for the desk here and ask…”
        read back late: done · ping of slack:U8 is unread
    "#]]
    .assert_eq(&table.0);
}

#[test]
fn what_is_made_of_a_ping_once_it_is_read() {
    let (desk, mut table) = (desk(), Table::default());
    let before = |who: &str, at: i64, text: &str| Said {
        at: minutes_ago(at),
        message: message("C1", "49.1"),
        ..post(who, &channel("C1"), text)
    };
    let mut case =
        |name: &str, mode: GuardMode, known: PingContext, found: Option<Found>, existing_ticket: Option<Ticket>| {
            let ping = ping(mode);
            let look = Look {
                message: ping.message.clone(),
                place: ping.place.clone(),
                before: 15,
                at: now(),
                why: LookFor::Judge(ping.id.clone()),
            };
            let looked = Looked { ping: Some(ping), known, existing_ticket };
            table.case(name, &desk, &Heard::Looked(&look, found.as_ref(), Box::new(looked)));
        };
    let help = || Some(Found { message: Some(said(HELP)), before: Vec::new() });
    for mode in [GuardMode::Observe, GuardMode::Nudge, GuardMode::Route] {
        case(&format!("a request, {}", mode.name()), mode, known(mode), help(), None);
    }
    let (mode, nudge) = (GuardMode::Nudge, known(GuardMode::Nudge));
    let mia = OnCall { who: person("Mia").who, until: None };
    case("somebody is on call", mode, PingContext { on_call: vec![mia], ..nudge.clone() }, help(), None);
    case("they are away", mode, PingContext { away_until: Some(minutes_ago(-60)), ..nudge.clone() }, help(), None);
    case(
        "told two days ago",
        mode,
        PingContext { asked_at: Some(minutes_ago(2 * 24 * 60)), ..nudge.clone() },
        help(),
        None,
    );
    case("told an hour ago", mode, PingContext { asked_at: Some(minutes_ago(60)), ..nudge.clone() }, help(), None);
    case("they want to be left alone there", mode, PingContext { has_opted_out: true, ..nudge.clone() }, help(), None);
    case("a request is there", mode, nudge.clone(), help(), Some(ticket()));
    case("it is gone", mode, nudge.clone(), Some(Found::default()), None);
    case("it cannot be read", mode, nudge.clone(), None, None);
    let talk = Said { mentions: vec![person("Jeff")], ..before("Mia", 3, "@Jeff what does it show?") };
    let talking = Found { message: Some(said(HELP)), before: vec![talk] };
    case("they talk with each other", mode, nudge.clone(), Some(talking), None);
    let edited = Found { message: Some(said("@Mia thanks, that worked!")), before: Vec::new() };
    case("it says something else by now", mode, nudge, Some(edited), None);
    expect![[r#"
        a request, observe: done · ping of slack:U8 is request
        a request, nudge: done · ping of slack:U8 is request, told · hint Jeff: “The desk can take this, and someone will see it sooner there. Shall I p…” [Make it a request] [Not a request] [Why did I get this?]
        a request, route: opened IT-1042 · open «@Mia my laptop does not start any more, can you help me?» for Jeff · bind C1/50.1 as request · record requester «@Mia my laptop does not start any more, can you help me?» · ping of slack:U8 is request, told, routed · audit: opened by Jeff · confirm in C1/50.1 · cards · sign on · hint Jeff: “I've passed this on to the desk: it's IT-1042 now, and someone there wi…” [Undo] [Why did I get this?]
        somebody is on call: done · ping of slack:U8 is request, told · hint Jeff: “The desk can take this, and someone will see it sooner there. Shall I p…” [Make it a request] [Not a request] [It's urgent] [Why did I get this?]
        they are away: done · ping of slack:U8 is request, told · hint Jeff: “The person you're asking is away until 30 Nov 11:00. The desk can help…” [Make it a request] [Not a request] [Why did I get this?]
        told two days ago: done · ping of slack:U8 is request, told · hint Jeff: “The desk can take this one, too. Shall I pass it on?” [Make it a request] [Not a request] [Why did I get this?]
        told an hour ago: done · ping of slack:U8 is recently
        they want to be left alone there: done · ping of slack:U8 is opted_out
        a request is there: done · ping of slack:U8 is with_desk
        it is gone: done · ping of slack:U8 is unread
        it cannot be read: done · ping of slack:U8 is unread
        they talk with each other: done · ping of slack:U8 is takes_part
        it says something else by now: done · ping of slack:U8 is talk
    "#]].assert_eq(&table.0);
}

#[test]
fn what_follows_from_what_its_author_says() {
    let (desk, mut table) = (desk(), Table::default());
    let mut case = |name: &str,
                    ping: Ping,
                    urgent: Option<&str>,
                    on_call: &[&str],
                    found: Option<Found>,
                    existing_ticket: Option<Ticket>| {
        let why = LookFor::Request {
            ping: ping.id.clone(),
            by: ping.author.clone(),
            via: None,
            urgent: urgent.map(str::to_owned),
        };
        let look = Look { message: ping.message.clone(), place: ping.place.clone(), before: 0, at: now(), why };
        let on_call = on_call.iter().map(|name| OnCall { who: person(name).who, until: None }).collect();
        let known = PingContext { on_call, ..known(GuardMode::Nudge) };
        let looked = Looked { ping: Some(ping), known, existing_ticket };
        table.case(name, &desk, &Heard::Looked(&look, found.as_ref(), Box::new(looked)));
    };
    let asked = || Ping { ruling: Ruling::Request, asked_at: Some(now()), ..ping(GuardMode::Nudge) };
    let help = || Some(Found { message: Some(said(HELP)), before: Vec::new() });
    case("a request", asked(), None, &[], help(), None);
    case("again", Ping { ticket: Some(ticket().key), ..asked() }, None, &[], help(), Some(ticket()));
    let of_sam = Ticket { requester: person("Sam"), ..ticket() };
    case("under a request of another", asked(), None, &[], help(), Some(of_sam));
    case("gone by now", asked(), None, &[], Some(Found::default()), None);
    case("cannot be read", asked(), None, &[], None, None);
    case("it cannot wait", asked(), Some("payroll at noon"), &["Omar", "Mia"], help(), None);
    case("it cannot wait, of a request", asked(), Some("payroll at noon"), &["Omar"], help(), Some(ticket()));
    case("it cannot wait, and is gone", asked(), Some("noon"), &["Omar"], Some(Found::default()), None);
    case("it cannot wait, and cannot be read any more", asked(), Some("noon"), &["Omar"], None, Some(ticket()));
    let cancelled = with_status(Status::Cancelled { at: now(), by: person("Jeff"), why: CancelReason::TakenBack });
    case("it cannot wait, of one that was taken back", asked(), Some("noon"), &["Omar"], help(), Some(cancelled));
    case("it cannot wait, and nobody is on call", asked(), Some("payroll at noon"), &[], help(), None);
    let called =
        Ping { end: Some(crate::desk::guard::state::PingOutcome::Urgent), ticket: Some(ticket().key), ..asked() };
    case("it cannot wait, again", called, Some("payroll at noon"), &["Omar"], help(), Some(ticket()));
    expect![[r#"
        a request: opened IT-1042 · open «@Mia my laptop does not start any more, can you help me?» for Jeff · bind C1/50.1 as request · record requester «@Mia my laptop does not start any more, can you help me?» · ping of slack:U8 is request, told, accepted · audit: opened by Jeff · confirm in C1/50.1 · cards · sign on · tell Jeff: “Your request IT-1042 is with the desk. You'll get the answer in the thr…”
        again: done · tell Jeff: “That's already your request IT-1007. You'll find everything about it in…”
        under a request of another: done · tell Jeff: “By now this thread is about somebody else's request, so the desk alread…”
        gone by now: refused · tell Jeff: “That message is gone, so there's nothing to pass on. If you still need…”
        cannot be read: refused · tell Jeff: “I can't read that message, so I couldn't pass it on. Mention me with th…”
        it cannot wait: opened IT-1042 · open «@Mia my laptop does not start any more, can you help me?» for Jeff · bind C1/50.1 as request · record requester «@Mia my laptop does not start any more, can you help me?» · ping of slack:U8 is request, told, urgent · IT-1042 is new, P1 · record requester «payroll at noon» · audit: opened by Jeff · audit: called by Jeff · confirm in C1/50.1 · cards · sign on · under the cards: “@U8 @U9 Jeff says this can't wait: ⏎ payroll at noon” · under the cards: “@88 Jeff says this can't wait: ⏎ payroll at noon” · tell Jeff: “Your request IT-1042 is with the desk, marked as urgent, and I'm callin…”
        it cannot wait, of a request: done IT-1007 · ping of slack:U8 is request, told, urgent · IT-1007 is new, P1 · record requester «payroll at noon» · audit: called by Jeff · cards · under the cards: “@U9 Jeff says this can't wait: ⏎ payroll at noon” · under the cards: “Jeff says this can't wait: ⏎ payroll at noon” · tell Jeff: “Your request IT-1007 is with the desk, marked as urgent, and I'm callin…”
        it cannot wait, and is gone: refused · tell Jeff: “That message is gone, so there's nothing to pass on. If you still need…”
        it cannot wait, and cannot be read any more: done IT-1007 · ping of slack:U8 is request, told, urgent · IT-1007 is new, P1 · record requester «noon» · audit: called by Jeff · cards · under the cards: “@U9 Jeff says this can't wait: ⏎ noon” · under the cards: “Jeff says this can't wait: ⏎ noon” · tell Jeff: “Your request IT-1007 is with the desk, marked as urgent, and I'm callin…”
        it cannot wait, of one that was taken back: done · tell Jeff: “That's already your request IT-1007. You'll find everything about it in…”
        it cannot wait, and nobody is on call: opened IT-1042 · open «@Mia my laptop does not start any more, can you help me?» for Jeff · bind C1/50.1 as request · record requester «@Mia my laptop does not start any more, can you help me?» · ping of slack:U8 is request, told, urgent · IT-1042 is new, P1 · record requester «payroll at noon» · audit: opened by Jeff · audit: called by Jeff · confirm in C1/50.1 · cards · sign on · under the cards: “Jeff says this can't wait (nobody is on call): ⏎ payroll at noon” · tell Jeff: “Your request IT-1042 is with the desk, marked as urgent. Nobody is on c…”
        it cannot wait, again: done · tell Jeff: “I've already called them about your request IT-1007. You'll find everyt…”
    "#]].assert_eq(&table.0);
}

#[test]
fn what_somebody_passes_on_for_another() {
    let (desk, mut table) = (desk(), Table::default());
    let mut case = |name: &str, handed: Option<(&str, &str)>, found: Option<Found>, existing_ticket: Option<Ticket>| {
        let handed = handed.map(|(who, words)| Box::new(Handed { author: person(who), words: words.to_owned() }));
        let why = LookFor::Behalf { by: person("Sam"), via: None, handed };
        let look = Look { message: message("C1", "50.1"), place: channel("C1"), before: 0, at: now(), why };
        let looked = Looked { ping: None, known: PingContext::default(), existing_ticket };
        table.case(name, &desk, &Heard::Looked(&look, found.as_ref(), Box::new(looked)));
    };
    let read =
        |who: &str, text: &str| Some(Found { message: Some(post(who, &channel("C1"), text)), before: Vec::new() });
    case("of another", None, read("Jeff", "the beamer stays dark"), None);
    case("their own", None, read("Sam", "the beamer stays dark"), None);
    case("without words", None, read("Jeff", ""), None);
    case("with the desk already", None, read("Jeff", "the beamer stays dark"), Some(ticket()));
    case("gone, or of a bot", None, Some(Found::default()), None);
    case("where the bot is not", Some(("Jeff", "the beamer stays dark")), None, None);
    case("the same, and nothing was handed over", None, None, None);
    case("the same, without words", Some(("Jeff", " ")), None, None);
    case("the same, once more", Some(("Jeff", "the beamer stays dark")), None, Some(private_ticket()));
    let request = DirectRequest {
        by: person("Jeff"),
        words: "the beamer stays dark".to_owned(),
        at: now(),
        near: Some(channel("C1")),
        via: None,
        passed_on: Some(PassedOn { by: person("Sam"), message: message("C1", "50.1") }),
    };
    for (name, place, is_known) in [
        ("then, in private", Ok(&direct()), false),
        ("then, and it is known by now", Ok(&direct()), true),
        ("then, and they cannot be written to", Err(Undeliverable::DirectClosed), false),
    ] {
        table.case(name, &desk, &Heard::DirectOpened(&request, place, is_known));
    }
    expect![[r#"
        of another: opened IT-1042 · open «the beamer stays dark» for Jeff · bind C1/50.1 as request · record requester «the beamer stays dark» · audit: opened by Sam · confirm in C1/50.1 · cards · sign on · hint Jeff: “Somebody here has passed this on to the desk for you: it's IT-1042 now,…” [Undo] · tell Sam: “Done: it's IT-1042 at the desk now, in the name of the person who wrote…”
        their own: opened IT-1042 · open «the beamer stays dark» for Sam · bind C1/50.1 as request · record requester «the beamer stays dark» · audit: opened by Sam · confirm in C1/50.1 · cards · sign on · tell Sam: “Your request IT-1042 is with the desk. You'll get the answer in the thr…”
        without words: refused · tell Sam: “I can't see any words in that message, so there's nothing to pass on.”
        with the desk already: done · tell Sam: “The desk already has that message.”
        gone, or of a bot: refused · tell Sam: “That message is gone, or wasn't written by a person, so there's nothing…”
        where the bot is not: done · open the direct conversation with Jeff for “the beamer stays dark”
        the same, and nothing was handed over: refused · tell Sam: “I can't read that message, so I couldn't pass it on. Mention me with th…”
        the same, without words: refused · tell Sam: “I can't read that message, so I couldn't pass it on. Mention me with th…”
        the same, once more: done · tell Sam: “The desk already has that message.”
        then, in private: opened IT-1042 · open «the beamer stays dark» for Jeff · record requester «the beamer stays dark» · audit: opened by Sam · say in D1: “Somebody in that conversation thought the desk could help and passed yo…” [Undo] · confirm in D1 · cards · tell Sam: “Done: it's IT-1042 at the desk now, in the name of the person who wrote…”
        then, and it is known by now: done · tell Sam: “The desk already has that message.”
        then, and they cannot be written to: refused · tell Sam: “I can't write to the person who wrote that, so the desk couldn't answer…”
    "#]].assert_eq(&table.0);
}
