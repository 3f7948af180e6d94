//! Words of people.

use expect_test::expect;

use super::*;
use crate::desk::acts::specs;
use crate::desk::hear::{ActData, Command, NewWords};
use crate::desk::meant::Meant;
use crate::domain::act::Where;
use crate::domain::rules::IntakeSettings;
use crate::domain::when::Now;

fn without(change: impl FnOnce(&mut Rules)) -> Desk {
    let desk = desk();
    let mut rules = (*desk.rules).clone();
    change(&mut rules);
    Desk { rules: Arc::new(rules), ..desk }
}

/// Words to the desk in a place that belongs to no ticket.
#[test]
fn new_words() {
    let mut table = Table::default();
    let nothing = NewWords::default();
    let mut case = |name: &str, desk: &Desk, said: &Said, new: &NewWords| {
        table.case(name, desk, &Heard::NewWords(said, Box::new(new.clone())));
    };
    let (sales, desk) = (channel("C1"), desk());
    let in_channel = |text: &str| post("Jeff", &sales, text);
    for (name, text) in [
        ("a mention with words", "@desk the printer smokes"),
        ("several lines", "@desk the printer smokes\nsince nine"),
        ("words that merely look like a command", "@desk resolve my dns problem"),
        ("a mention without words", "@desk"),
        ("nothing but white space", "@desk \u{a0} \n"),
        ("a greeting", "@desk hello all!"),
        ("a greeting and a need", "@desk hi, my printer is on fire"),
        ("thanks", "@desk thanks, works!"),
        ("an emoji", "@desk 🔥"),
        ("punctuation", "@desk ???"),
        ("words that cannot be seen", "@desk \u{3164}"),
    ] {
        case(name, &desk, &in_channel(text), &nothing);
    }
    case("a file without words", &desk, &with_file(in_channel("@desk")), &nothing);
    case("a greeting with a file", &desk, &with_file(in_channel("@desk hello")), &nothing);
    let blunt = without(|rules| rules.intake = IntakeSettings { greeting_filter: false, ..rules.intake.clone() });
    case("a greeting, without the filter", &blunt, &in_channel("@desk hello"), &nothing);
    case("an emoji, without the filter", &blunt, &in_channel("@desk 🔥"), &nothing);
    let alone = without(|rules| rules.triage.clear());
    case("where no channel of the desk is known", &alone, &in_channel("@desk the printer smokes"), &nothing);
    case("by an agent", &desk, &post("Mia", &sales, "@desk the printer smokes"), &nothing);
    case(
        "in a conversation of others",
        &desk,
        &post("Jeff", &thread("C1", "30.1"), "@desk the printer smokes"),
        &nothing,
    );
    case("in private", &desk, &post("Jeff", &direct(), "my salary is wrong"), &nothing);
    case("a greeting in private", &desk, &post("Jeff", &direct(), "hello"), &nothing);

    let kept = NewWords { skipped: Some(skipped("hello")), ..NewWords::default() };
    let under = |text: &str| post("Jeff", &thread("C1", "40.1"), text);
    case("under a greeting of one's own", &desk, &under("the printer smokes"), &kept);
    case("under it, with a mention", &desk, &under("@desk the printer smokes"), &kept);
    case("under it, another greeting", &desk, &under("anybody there?"), &kept);
    case("under it, thanks", &desk, &under("thanks"), &kept);
    case("under it, thanks with a mention", &desk, &under("@desk thanks"), &kept);
    case("under it, nothing", &desk, &under(""), &kept);
    case("under it, a file", &desk, &with_file(under("")), &kept);
    let bare = NewWords { skipped: Some(skipped("")), ..NewWords::default() };
    case("under a bare mention of one's own", &desk, &under("the printer smokes"), &bare);

    let burst = NewWords { burst: Some(ticket()), ..NewWords::default() };
    case("a moment after a request", &desk, &in_channel("@desk and it smells"), &burst);
    case("a greeting a moment after it", &desk, &in_channel("@desk hello"), &burst);
    case("nothing a moment after it", &desk, &in_channel("@desk"), &burst);
    let (_, pending) = statuses()[2].clone();
    let waiting = NewWords { burst: Some(with_status(pending)), ..NewWords::default() };
    case("a moment after one that waits already", &desk, &in_channel("@desk and it smells"), &waiting);

    let private = private_ticket();
    let talk = NewWords { direct: Some(private.clone()), ..NewWords::default() };
    let in_private = |text: &str| post("Jeff", &direct(), text);
    case("in private, about what was asked there", &desk, &in_private("now it is worse"), &talk);
    case("in private, thanks for it", &desk, &in_private("thanks"), &talk);
    let both = NewWords { direct: Some(private.clone()), burst: Some(private), ..NewWords::default() };
    case("in private, a moment after it", &desk, &in_private("and my badge is lost"), &both);
    case("in private, thanks a moment after it", &desk, &in_private("thanks"), &both);
    let reply = Said { reply_to: Some(message("D1", "7.1")), ..in_private("and my badge is lost") };
    case("in private, as an answer to it", &desk, &reply, &both);
    expect![[r#"
        a mention with words: opened IT-1042 · open «the printer smokes» for Jeff · bind C1/50.1 as request · record requester «the printer smokes» · audit: opened by Jeff · confirm in C1/50.1 · cards
        several lines: opened IT-1042 · open «the printer smokes» for Jeff · bind C1/50.1 as request · record requester «the printer smokes ⏎ since nine» · audit: opened by Jeff · confirm in C1/50.1 · cards · lines under the cards
        words that merely look like a command: opened IT-1042 · open «resolve my dns problem» for Jeff · bind C1/50.1 as request · record requester «resolve my dns problem» · audit: opened by Jeff · confirm in C1/50.1 · cards
        a mention without words: skipped · keep «» · hint Jeff: “Tell me what's wrong in one sentence, and I'll pass it to the desk.”
        nothing but white space: skipped · keep «» · hint Jeff: “Tell me what's wrong in one sentence, and I'll pass it to the desk.”
        a greeting: skipped · keep «hello all!» · hint Jeff: “Hello! Mention me again with what you need, in one sentence, and I'll p…”
        a greeting and a need: opened IT-1042 · open «hi, my printer is on fire» for Jeff · bind C1/50.1 as request · record requester «hi, my printer is on fire» · audit: opened by Jeff · confirm in C1/50.1 · cards
        thanks: skipped · keep «thanks, works!» · hint Jeff: “You're welcome! If there's anything else, just mention me.”
        an emoji: skipped · keep «🔥» · hint Jeff: “I'm not sure what you need. Mention me again with it, in one sentence,…”
        punctuation: skipped · keep «???» · hint Jeff: “I'm not sure what you need. Mention me again with it, in one sentence,…”
        words that cannot be seen: opened IT-1042 · open «(no words)» for Jeff · bind C1/50.1 as request · record requester «ㅤ» · audit: opened by Jeff · confirm in C1/50.1 · cards · lines under the cards · hint Jeff: “I've opened IT-1042, but I can't see any words in what you sent. Please…”
        a file without words: opened IT-1042 · open «[file: a.png https://x/a]» for Jeff · bind C1/50.1 as request · record requester «[file: a.png https://x/a]» · audit: opened by Jeff · confirm in C1/50.1 · cards
        a greeting with a file: opened IT-1042 · open «hello» for Jeff · bind C1/50.1 as request · record requester «hello ⏎ [file: a.png https://x/a]» · audit: opened by Jeff · confirm in C1/50.1 · cards · lines under the cards
        a greeting, without the filter: opened IT-1042 · open «hello» for Jeff · bind C1/50.1 as request · record requester «hello» · audit: opened by Jeff · confirm in C1/50.1 · cards
        an emoji, without the filter: opened IT-1042 · open «🔥» for Jeff · bind C1/50.1 as request · record requester «🔥» · audit: opened by Jeff · confirm in C1/50.1 · cards
        where no channel of the desk is known: opened IT-1042 · open «the printer smokes» for Jeff · bind C1/50.1 as request · record requester «the printer smokes» · audit: opened by Jeff · confirm in C1/50.1
        by an agent: opened IT-1042 · open «the printer smokes» for Mia · bind C1/50.1 as request · record requester «the printer smokes» · audit: opened by Mia · confirm in C1/50.1 · cards
        in a conversation of others: opened IT-1042 · open «the printer smokes» for Jeff · bind C1/30.1 as request · record requester «the printer smokes» · audit: opened by Jeff · confirm in C1/30.1 · cards · read the thread
        in private: opened IT-1042 · open «my salary is wrong» for Jeff · record requester «my salary is wrong» · audit: opened by Jeff · confirm in D1 · cards
        a greeting in private: skipped · keep «hello» · hint Jeff: “Hello! Tell me what you need in one sentence, and I'll pass it to the d…”
        under a greeting of one's own: opened IT-1042 · forget what was kept · open «the printer smokes» for Jeff · bind C1/40.1 as request · record requester «hello» · record requester «the printer smokes» · audit: opened by Jeff · confirm in C1/40.1 · cards
        under it, with a mention: opened IT-1042 · forget what was kept · open «the printer smokes» for Jeff · bind C1/40.1 as request · record requester «hello» · record requester «the printer smokes» · audit: opened by Jeff · confirm in C1/40.1 · cards
        under it, another greeting: opened IT-1042 · forget what was kept · open «anybody there?» for Jeff · bind C1/40.1 as request · record requester «hello» · record requester «anybody there?» · audit: opened by Jeff · confirm in C1/40.1 · cards
        under it, thanks: ignored
        under it, thanks with a mention: skipped · keep «thanks» · hint Jeff: “You're welcome! If there's anything else, just mention me.”
        under it, nothing: ignored
        under it, a file: opened IT-1042 · forget what was kept · open «[file: a.png https://x/a]» for Jeff · bind C1/40.1 as request · record requester «hello» · record requester «[file: a.png https://x/a]» · audit: opened by Jeff · confirm in C1/40.1 · cards
        under a bare mention of one's own: opened IT-1042 · forget what was kept · open «the printer smokes» for Jeff · bind C1/40.1 as request · record requester «the printer smokes» · audit: opened by Jeff · confirm in C1/40.1 · cards · lines under the cards
        a moment after a request: merged IT-1007 · record requester «and it smells», joined · IT-1007 is new, P3 · audit: joined by Jeff · sign on · tell Jeff: “I've added “and it smells” to IT-1007, since it came right after it. Ca…” [Make it a request of its own] · lines under the cards
        a greeting a moment after it: merged IT-1007 · record requester «hello», joined · IT-1007 is new, P3 · audit: joined by Jeff · sign on · tell Jeff: “I've added “hello” to IT-1007, since it came right after it. Carry on t…” [Make it a request of its own] · lines under the cards
        nothing a moment after it: skipped · keep «» · hint Jeff: “Tell me what's wrong in one sentence, and I'll pass it to the desk.”
        a moment after one that waits already: merged IT-1007 · record requester «and it smells», joined · IT-1007 is in_progress, P3, Mia · audit: joined by Jeff · audit: went on by Jeff · sign on · tell Jeff: “I've added “and it smells” to IT-1007, since it came right after it. Ca…” [Make it a request of its own] · cards · confirm anew · lines under the cards
        in private, about what was asked there: merged IT-1007 · record requester «now it is worse», joined · IT-1007 is new, P3 · audit: joined by Jeff · sign on · tell Jeff: “I've added “now it is worse” to IT-1007 (“printer smokes”), which is st…” [Make it a request of its own] · lines under the cards
        in private, thanks for it: recorded IT-1007 · record requester «thanks» · IT-1007 is new, P3 · sign on · lines under the cards
        in private, a moment after it: merged IT-1007 · record requester «and my badge is lost», joined · IT-1007 is new, P3 · audit: joined by Jeff · sign on · tell Jeff: “I've added “and my badge is lost” to IT-1007, since it came right after…” [Make it a request of its own] · lines under the cards
        in private, thanks a moment after it: recorded IT-1007 · record requester «thanks» · IT-1007 is new, P3 · sign on · lines under the cards
        in private, as an answer to it: recorded IT-1007 · record requester «and my badge is lost» · IT-1007 is new, P3 · sign on · lines under the cards
    "#]].assert_eq(&table.0);
}

/// Words on the requester's side of a ticket, by different people, in each status.
#[test]
fn words_on_a_ticket() {
    let (desk, mut table) = (desk(), Table::default());
    let there = thread("C1", "7.1");
    for (name, status) in statuses() {
        table.head(name);
        let ticket = Box::new(with_status(status));
        for (who, text) in [
            ("Jeff", "it smells, too"),
            ("Jeff", "@desk it smells, too"),
            ("Jeff", "thanks!"),
            ("Mia", "I am on my way"),
            ("Sam", "mine does that, too"),
            ("Sam", "@desk mine does that, too"),
        ] {
            let said = post(who, &there, text);
            table.case(&format!("  {who} «{text}»"), &desk, &Heard::OnTicket(&said, ticket.clone()));
        }
    }
    table.head("besides");
    let (new, nothing, bare) = (Box::new(ticket()), post("Jeff", &there, ""), post("Jeff", &there, "@desk"));
    table.case("  nothing", &desk, &Heard::OnTicket(&nothing, new.clone()));
    table.case("  a bare mention", &desk, &Heard::OnTicket(&bare, new.clone()));
    let file = with_file(post("Jeff", &there, "thanks"));
    let (_, resolved) = statuses()[3].clone();
    table.case("  thanks with a file, resolved", &desk, &Heard::OnTicket(&file, Box::new(with_status(resolved))));
    let held = Box::new(Ticket { assignee: Some(person("Omar")), answered_at: Some(now()), ..ticket() });
    let again = post("Omar", &there, "one more thing");
    table.case("  an agent, who has answered before", &desk, &Heard::OnTicket(&again, held));
    expect![[r#"
        new
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is new, P3 · lines under the cards
          Jeff «@desk it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is new, P3 · sign on · lines under the cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is new, P3 · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is new, P3 · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is new, P3 · lines under the cards
          Sam «@desk mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is new, P3 · draft, page 0 · tell Sam: “I've added that to Jeff's request IT-1007, so the desk sees it. Do you…” [Ask for myself] · lines under the cards
        in progress
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is in_progress, P3, Mia · lines under the cards
          Jeff «@desk it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is in_progress, P3, Mia · sign on · lines under the cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is in_progress, P3, Mia · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is in_progress, P3, Mia · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is in_progress, P3, Mia · lines under the cards
          Sam «@desk mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is in_progress, P3, Mia · draft, page 0 · tell Sam: “I've added that to Jeff's request IT-1007, so the desk sees it. Do you…” [Ask for myself] · lines under the cards
        pending
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is in_progress, P3, Mia · audit: went on by Jeff · cards · confirm anew · lines under the cards
          Jeff «@desk it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is in_progress, P3, Mia · audit: went on by Jeff · cards · confirm anew · sign on · lines under the cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is pending, P3, Mia · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is pending, P3, Mia · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is pending, P3, Mia · lines under the cards
          Sam «@desk mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is pending, P3, Mia · draft, page 0 · tell Sam: “I've added that to Jeff's request IT-1007, so the desk sees it. Do you…” [Ask for myself] · lines under the cards
        resolved
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is in_progress, P3, Mia · no auto_close · audit: reopened by writing by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: Mia has it again.” · lines under the cards
          Jeff «@desk it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is in_progress, P3, Mia · no auto_close · audit: reopened by writing by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: Mia has it again.” · sign on · lines under the cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is resolved, P3, Mia · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is resolved, P3, Mia · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is resolved, P3, Mia · lines under the cards
          Sam «@desk mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is resolved, P3, Mia · draft, page 0 · tell Sam: “I've added that to Jeff's request IT-1007, so the desk sees it. Do you…” [Ask for myself] · lines under the cards
        closed
          Jeff «it smells, too»: opened IT-1042 · open «it smells, too» for Jeff, after IT-1007 · bind C1/7.1 as request · record requester «it smells, too» · audit: opened by Jeff · confirm in C1/7.1 · cards
          Jeff «@desk it smells, too»: opened IT-1042 · open «it smells, too» for Jeff, after IT-1007 · bind C1/7.1 as request · record requester «it smells, too» · audit: opened by Jeff · confirm in C1/7.1 · cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is closed, P3, Mia · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is closed, P3, Mia · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is closed, P3, Mia · lines under the cards
          Sam «@desk mine does that, too»: opened IT-1042 · open «mine does that, too» for Sam, after IT-1007 · bind C1/7.1 as request · record requester «mine does that, too» · audit: opened by Sam · confirm in C1/7.1 · cards
        taken back
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is cancelled, P3 · tell Jeff: “IT-1007 is cancelled, so nobody is working on it. Still need help? Pres…” [Ask again] · lines under the cards
          Jeff «@desk it smells, too»: opened IT-1042 · open «it smells, too» for Jeff, after IT-1007 · bind C1/7.1 as request · record requester «it smells, too» · audit: opened by Jeff · confirm in C1/7.1 · cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is cancelled, P3 · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is cancelled, P3 · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is cancelled, P3 · lines under the cards
          Sam «@desk mine does that, too»: opened IT-1042 · open «mine does that, too» for Sam, after IT-1007 · bind C1/7.1 as request · record requester «mine does that, too» · audit: opened by Sam · confirm in C1/7.1 · cards
        no request
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is new, P3 · no auto_close · audit: reopened by writing by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: someone from the desk will answer here.” · lines under the cards
          Jeff «@desk it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is new, P3 · no auto_close · audit: reopened by writing by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: someone from the desk will answer here.” · sign on · lines under the cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is cancelled, P3 · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is cancelled, P3 · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is cancelled, P3 · lines under the cards
          Sam «@desk mine does that, too»: opened IT-1042 · open «mine does that, too» for Sam, after IT-1007 · bind C1/7.1 as request · record requester «mine does that, too» · audit: opened by Sam · confirm in C1/7.1 · cards
        merged
          Jeff «it smells, too»: recorded IT-1007 · record requester «it smells, too» · IT-1007 is cancelled, P3 · lines under the cards
          Jeff «@desk it smells, too»: opened IT-1042 · open «it smells, too» for Jeff, after IT-1007 · bind C1/7.1 as request · record requester «it smells, too» · audit: opened by Jeff · confirm in C1/7.1 · cards
          Jeff «thanks!»: recorded IT-1007 · record requester «thanks!» · IT-1007 is cancelled, P3 · lines under the cards
          Mia «I am on my way»: recorded IT-1007 · record agent «I am on my way» · IT-1007 is cancelled, P3 · lines under the cards
          Sam «mine does that, too»: recorded IT-1007 · record third «mine does that, too» · IT-1007 is cancelled, P3 · lines under the cards
          Sam «@desk mine does that, too»: opened IT-1042 · open «mine does that, too» for Sam, after IT-1007 · bind C1/7.1 as request · record requester «mine does that, too» · audit: opened by Sam · confirm in C1/7.1 · cards
        besides
          nothing: ignored
          a bare mention: skipped · hint Jeff: “Tell me what's wrong in one sentence, and I'll pass it to the desk.”
          thanks with a file, resolved: recorded IT-1007 · record requester «thanks ⏎ [file: a.png https://x/a]» · IT-1007 is in_progress, P3, Mia · no auto_close · audit: reopened by writing by Jeff · cards · confirm anew · say in C1/7.1: “Reopened: Mia has it again.” · lines under the cards
          an agent, who has answered before: recorded IT-1007 · record agent «one more thing» · IT-1007 is new, P3, Omar · lines under the cards
    "#]].assert_eq(&table.0);
}

/// Words under a card.
#[test]
fn notes() {
    let (desk, mut table) = (desk(), Table::default());
    let under = thread("C9", "8.1");
    for (name, who, text) in [
        ("an agent", "Mia", "third time this month"),
        ("an admin", "Ada", "third time this month"),
        ("somebody else", "Sam", "what is this?"),
        ("the requester", "Jeff", "what is this?"),
        ("nothing", "Mia", ""),
    ] {
        let said = post(who, &under, text);
        table.case(name, &desk, &Heard::Note(&said, Box::new(ticket())));
    }
    let file = with_file(post("Mia", &under, ""));
    table.case("a file", &desk, &Heard::Note(&file, Box::new(ticket())));
    expect![[r#"
        an agent: recorded IT-1007 · record note «third time this month» · IT-1007 is new, P3 · lines under the cards
        an admin: recorded IT-1007 · record note «third time this month» · IT-1007 is new, P3 · lines under the cards
        somebody else: refused · tell Sam: “Only the desk's agents can leave notes under a card, so I haven't kept…”
        the requester: refused · tell Jeff: “Only the desk's agents can leave notes under a card, so I haven't kept…”
        nothing: ignored
        a file: recorded IT-1007 · record note «[file: a.png https://x/a]» · IT-1007 is new, P3 · lines under the cards
    "#]]
    .assert_eq(&table.0);
}

/// Reads a command from words that were written in a place of this kind. `home` is the ticket of the place.
fn spoken(words: &str, where_: Where, home: Option<(Ticket, Side)>) -> Option<Box<Command>> {
    match Meant::of_words(words, &[person("Omar")], where_, "IT", &Now::named(now(), "UTC")) {
        Meant::Act(meaning) => {
            let named = [ticket(), other()].into_iter().find(|ticket| Some(&ticket.key) == meaning.target.key.as_ref());
            let place_ticket = home.as_ref().filter(|_| meaning.target.key.is_none()).map(|(ticket, _)| ticket.clone());
            Some(Box::new(Command { meaning, on: named.or(place_ticket), home, data: ActData::Nothing }))
        }
        _ => None,
    }
}

/// IT-1008, Sam's, asked in another channel.
fn other() -> Ticket {
    Ticket {
        id: TicketId(8),
        key: TicketKey::new("IT", 1008),
        requester: person("Sam"),
        origin: thread("C2", "8.1"),
        origin_message: message("C2", "8.1"),
        ..ticket()
    }
}

/// Commands in words: in the request's own thread, under its card, and elsewhere.
#[test]
fn commands_in_words() {
    let (desk, mut table) = (desk(), Table::default());
    let (own, under, sales) = (thread("C1", "7.1"), thread("C9", "8.1"), channel("C1"));
    let request = || Some((ticket(), Side::Request));
    let card = || Some((ticket(), Side::Card));
    let mut case = |who: &str, at: &Place, where_: Where, home: Option<(Ticket, Side)>, text: &str| {
        let there = match &home {
            Some((_, Side::Request)) => "in the thread",
            Some((_, Side::Card)) => "under the card",
            None => "elsewhere",
        };
        let (said, name) = (post(who, at, &format!("@desk {text}")), format!("{there}, {who} «{text}»"));
        match spoken(text, where_, home) {
            Some(command) => table.case(&name, &desk, &Heard::Command(&said, command)),
            None => table.head(&format!("{name}: no command")),
        }
    };
    for text in
        ["claim", "release", "resolve new fuser", "pending parts", "assign @Omar", "priority P1", "show", "cancel"]
    {
        case("Mia", &own, Where::TicketThread, request(), text);
        case("Jeff", &own, Where::TicketThread, request(), text);
        case("Sam", &own, Where::TicketThread, request(), text);
    }
    for text in
        ["reply on my way", "reply", "resolve", "resolve IT-1008 is the same", "claim IT-1008", "requests", "help"]
    {
        case("Mia", &own, Where::TicketThread, request(), text);
        case("Jeff", &own, Where::TicketThread, request(), text);
    }
    for text in ["claim", "reply on my way", "resolve IT-1008 is the same", "claim IT-1008", "help", "third time"] {
        case("Mia", &under, Where::CardThread, card(), text);
    }
    for text in
        ["claim", "claim IT-1007", "claim IT-9999", "resolve IT-1007 done", "show IT-1007", "resolve my dns problem"]
    {
        case("Mia", &sales, Where::Elsewhere, None, text);
        case("Sam", &sales, Where::Elsewhere, None, text);
    }
    for text in ["help", "requests", "requests @Omar", "help me"] {
        case("Sam", &sales, Where::Elsewhere, None, text);
    }
    expect![[r#"
        in the thread, Mia «claim»: done IT-1007 · IT-1007 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C1/7.1: “Mia is on it.”
        in the thread, Jeff «claim»: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
        in the thread, Sam «claim»: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        in the thread, Mia «release»: refused · tell Mia: “Nobody has IT-1007, so there's nothing to release.”
        in the thread, Jeff «release»: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
        in the thread, Sam «release»: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        in the thread, Mia «resolve new fuser»: done IT-1007 · IT-1007 is resolved, P3 · auto_close in 168 h · audit: resolved by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: new fuser ⏎ Not right? Just write here.”
        in the thread, Jeff «resolve new fuser»: recorded IT-1007 · record requester «resolve new fuser» · IT-1007 is new, P3 · tell Jeff: “Only the desk can do that, so I've added your words to IT-1007.” [Add details] [Cancel] · sign on · lines under the cards
        in the thread, Sam «resolve new fuser»: recorded IT-1007 · record third «resolve new fuser» · IT-1007 is new, P3 · tell Sam: “Only the desk can do that, so I've added your words to IT-1007.” · sign on · lines under the cards
        in the thread, Mia «pending parts»: done IT-1007 · IT-1007 is pending, P3 · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold: parts ⏎ I'll write here when there's news.”
        in the thread, Jeff «pending parts»: recorded IT-1007 · record requester «pending parts» · IT-1007 is new, P3 · tell Jeff: “Only the desk can do that, so I've added your words to IT-1007.” [Add details] [Cancel] · sign on · lines under the cards
        in the thread, Sam «pending parts»: recorded IT-1007 · record third «pending parts» · IT-1007 is new, P3 · tell Sam: “Only the desk can do that, so I've added your words to IT-1007.” · sign on · lines under the cards
        in the thread, Mia «assign @Omar»: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: assigned by Mia · cards · confirm anew · say in C1/7.1: “Omar has it now.” · under the cards: “Mia gave this to @U9.” · under the cards: “Mia gave this to Omar.”
        in the thread, Jeff «assign @Omar»: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
        in the thread, Sam «assign @Omar»: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        in the thread, Mia «priority P1»: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Mia · cards · tell Mia: “Done: IT-1007 is new, P1, and nobody has it yet.”
        in the thread, Jeff «priority P1»: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
        in the thread, Sam «priority P1»: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        in the thread, Mia «show»: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        in the thread, Jeff «show»: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Add details] [Cancel]
        in the thread, Sam «show»: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        in the thread, Mia «cancel»: done IT-1007 · IT-1007 is cancelled, P3 · audit: found to be no request by Mia · cards · confirm anew · say in C1/7.1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
        in the thread, Jeff «cancel»: done IT-1007 · IT-1007 is cancelled, P3 · audit: cancelled by Jeff · cards · confirm anew · say in C1/7.1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again]
        in the thread, Sam «cancel»: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        in the thread, Mia «reply on my way»: no command
        in the thread, Jeff «reply on my way»: no command
        in the thread, Mia «reply»: no command
        in the thread, Jeff «reply»: no command
        in the thread, Mia «resolve»: no command
        in the thread, Jeff «resolve»: no command
        in the thread, Mia «resolve IT-1008 is the same»: refused · tell Mia: “I haven't done anything: this is about IT-1007, but your words begin wi…”
        in the thread, Jeff «resolve IT-1008 is the same»: recorded IT-1007 · record requester «resolve IT-1008 is the same» · IT-1007 is new, P3 · sign on · lines under the cards
        in the thread, Mia «claim IT-1008»: done IT-1008 · IT-1008 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C2/8.1: “Mia is on it.” · tell Mia: “Done: IT-1008 is in progress, P3, with Mia.”
        in the thread, Jeff «claim IT-1008»: refused · tell Jeff: “I can't find IT-1008 among the requests you can see. /desk requests lis…”
        in the thread, Mia «requests»: done · tell Mia: “You have no open requests. Need something? Mention me or write to me.”
        in the thread, Jeff «requests»: done · tell Jeff: “You have no open requests. Need something? Mention me or write to me.”
        in the thread, Mia «help»: done · hint Mia: “How to reach the desk ⏎ • Mention me and say what's wrong ("@desk the p…”
        in the thread, Jeff «help»: done · hint Jeff: “How to reach the desk ⏎ • Mention me and say what's wrong ("@desk the p…”
        under the card, Mia «claim»: done IT-1007 · IT-1007 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C1/7.1: “Mia is on it.” · tell Mia: “Done: IT-1007 is in progress, P3, with Mia.”
        under the card, Mia «reply on my way»: done IT-1007 · say in C1/7.1: “Mia (IT): on my way” · tell Mia: “On its way to Jeff. You'll see it under the card once it's delivered.”
        under the card, Mia «resolve IT-1008 is the same»: refused · tell Mia: “I haven't done anything: this is about IT-1007, but your words begin wi…”
        under the card, Mia «claim IT-1008»: done IT-1008 · IT-1008 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C2/8.1: “Mia is on it.” · tell Mia: “Done: IT-1008 is in progress, P3, with Mia.”
        under the card, Mia «help»: done · hint Mia: “How to reach the desk ⏎ • Mention me and say what's wrong ("@desk the p…”
        under the card, Mia «third time»: no command
        elsewhere, Mia «claim»: no command
        elsewhere, Sam «claim»: no command
        elsewhere, Mia «claim IT-1007»: done IT-1007 · IT-1007 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C1/7.1: “Mia is on it.” · tell Mia: “Done: IT-1007 is in progress, P3, with Mia.”
        elsewhere, Sam «claim IT-1007»: refused · tell Sam: “I can't find IT-1007 among the requests you can see. /desk requests lis…”
        elsewhere, Mia «claim IT-9999»: refused · tell Mia: “I can't find IT-9999 among the requests you can see. /desk requests lis…”
        elsewhere, Sam «claim IT-9999»: refused · tell Sam: “I can't find IT-9999 among the requests you can see. /desk requests lis…”
        elsewhere, Mia «resolve IT-1007 done»: done IT-1007 · IT-1007 is resolved, P3 · auto_close in 168 h · audit: resolved by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: done ⏎ Not right? Just write here.” · tell Mia: “Done: IT-1007 is resolved.”
        elsewhere, Sam «resolve IT-1007 done»: refused · tell Sam: “I can't find IT-1007 among the requests you can see. /desk requests lis…”
        elsewhere, Mia «show IT-1007»: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        elsewhere, Sam «show IT-1007»: refused · tell Sam: “I can't find IT-1007 among the requests you can see. /desk requests lis…”
        elsewhere, Mia «resolve my dns problem»: no command
        elsewhere, Sam «resolve my dns problem»: no command
        elsewhere, Sam «help»: done · keep «help» · hint Sam: “How to reach the desk ⏎ • Mention me and say what's wrong ("@desk the p…”
        elsewhere, Sam «requests»: done · tell Sam: “You have no open requests. Need something? Mention me or write to me.”
        elsewhere, Sam «requests @Omar»: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        elsewhere, Sam «help me»: no command
    "#]].assert_eq(&table.0);
}

/// The answer to an agent who writes an incomplete command, for every command.
#[test]
fn commands_that_are_not_written_right() {
    let (desk, mut table) = (desk(), Table::default());
    let said = post("Mia", &thread("C1", "7.1"), "@desk x");
    for spec in specs().filter(|spec| spec.command.is_some() && !spec.takes.is_empty()) {
        table.case(spec.name, &desk, &Heard::Misspelt(&said, spec, Vec::new()));
    }
    expect![[r#"
        reply: refused · tell Mia: “Almost there: write it as "@desk reply your words". /desk help lists wh…”
        resolve: refused · tell Mia: “Almost there: write it as "@desk resolve how it was solved". /desk help…”
        pending: refused · tell Mia: “Almost there: write it as "@desk pending [until when] [what it waits fo…”
        assign: refused · tell Mia: “Almost there: write it as "@desk assign @name". Pick the name from the…”
        priority: refused · tell Mia: “Almost there: write it as "@desk priority P1". Or P2, P3, P4. /desk hel…”
        ask: refused · tell Mia: “Almost there: write it as "@desk ask what you need". /desk help lists w…”
        requests: refused · tell Mia: “Almost there: write it as "@desk requests [@name]". /desk help lists wh…”
        search: refused · tell Mia: “Almost there: write it as "@desk search words". /desk help lists what I…”
        read: refused · tell Mia: “Almost there: write it as "@desk read KB-7". The key stands before the…”
        send: refused · tell Mia: “Almost there: write it as "@desk send KB-7". The key stands before the…”
        articles: refused · tell Mia: “Almost there: write it as "@desk articles [drafts]". drafts, review, un…”
        article: refused · tell Mia: “Almost there: write it as "@desk article KB-7". The key stands before t…”
        subscribe: refused · tell Mia: “Almost there: write it as "@desk subscribe services". /desk help lists…”
        unsubscribe: refused · tell Mia: “Almost there: write it as "@desk unsubscribe services". /desk help list…”
        outage announce: refused · tell Mia: “Almost there: write it as "@desk outage announce". /desk help lists wha…”
        outage show: refused · tell Mia: “Almost there: write it as "@desk outage show MI-7". The key stands on i…”
        outage update: refused · tell Mia: “Almost there: write it as "@desk outage update MI-7 identified [what is…”
        outage resolve: refused · tell Mia: “Almost there: write it as "@desk outage resolve MI-7 [what it was]". Th…”
        outage retract: refused · tell Mia: “Almost there: write it as "@desk outage retract MI-7". The key stands o…”
        outage change: refused · tell Mia: “Almost there: write it as "@desk outage change MI-7 [high] [services]".…”
        guard mode: refused · tell Mia: “Almost there: write it as "@desk guard mode nudge". Or off, observe, ro…”
        guard me: refused · tell Mia: “Almost there: write it as "@desk guard me off". Or on. /desk help lists…”
        guard away: refused · tell Mia: “Almost there: write it as "@desk guard away tomorrow 9". Times look lik…”
        guard why: refused · tell Mia: “Almost there: write it as "@desk guard why link". /desk help lists what…”
        oncall until: refused · tell Mia: “Almost there: write it as "@desk oncall until 18:00". Times look like 1…”
    "#]]
    .assert_eq(&table.0);
}
