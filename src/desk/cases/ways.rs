//! How an act is answered for each way of acting, and how unknown acts are answered.

use expect_test::expect;

use super::acts::{by_button, fitting, heard_as};
use super::*;
use crate::desk::acts::all;
use crate::desk::drafts::state::Draft;
use crate::desk::hear::{ActData, Asked};
use crate::desk::meant::Meant;
use crate::domain::act::{ActName, ActRef, Given, Value};
use crate::domain::event::{Acted, Asks, Way};
use crate::domain::when::Now;

/// An act that shows on the card or in the thread is answered only if its actor expects words.
#[test]
fn ways_in() {
    let (desk, mut table) = (desk(), Table::default());
    for name in ["claim", "priority", "show"] {
        let one = all().find(|act| act.spec.name == name).expect("it is an act");
        for way in Way::ALL {
            for in_private in [false, true] {
                let acted = by_button("Omar", one.spec.on(ticket().tag()), fitting(one));
                let acted = Acted { way, in_private, ..acted };
                let asked = heard_as(&acted, Some(ticket()), None, ActData::Nothing);
                let private = if in_private { ", from a private menu" } else { "" };
                table.case(&format!("{name} by {way:?}{private}"), &desk, &Heard::Act(&acted, Box::new(asked), now()));
            }
        }
    }
    // An act done in the direct conversation, on a request from elsewhere, changes nothing visible there.
    let claim = all().find(|act| act.spec.name == "claim").expect("it is an act");
    let direct = Acted { place: Some(direct()), ..by_button("Omar", claim.spec.on(ticket().tag()), Given::new()) };
    let asked = heard_as(&direct, Some(ticket()), None, ActData::Nothing);
    table.case("claim by Button, in a direct conversation", &desk, &Heard::Act(&direct, Box::new(asked), now()));
    expect![[r#"
        claim by Button: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.”
        claim by Button, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by Menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar.”
        claim by Menu, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by Form: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.”
        claim by Form, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by Command: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar.”
        claim by Command, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by MessageMenu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar.”
        claim by MessageMenu, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by PersonMenu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar.”
        claim by PersonMenu, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by Reaction: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.”
        claim by Reaction, from a private menu: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar. ⏎ IT-1007  printer smokes…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by Button: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet.”
        priority by Button, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by Menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet.”
        priority by Menu, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by Form: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards
        priority by Form, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by Command: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet.”
        priority by Command, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by MessageMenu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet.”
        priority by MessageMenu, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by PersonMenu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet.”
        priority by PersonMenu, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        priority by Reaction: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet.”
        priority by Reaction, from a private menu: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Omar · cards · tell Omar: “Done: IT-1007 is new, P1, and nobody has it yet. ⏎ IT-1007  printer smo…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Button: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Button, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Menu, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Form: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Form, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Command: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Command, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by MessageMenu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by MessageMenu, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by PersonMenu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by PersonMenu, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Reaction: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        show by Reaction, from a private menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        claim by Button, in a direct conversation: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: claimed by Omar · cards · confirm anew · say in C1/7.1: “Omar is on it.” · tell Omar: “Done: IT-1007 is in progress, P3, with Omar.”
    "#]].assert_eq(&table.0);
}

/// A reaction without the right to its act is ignored.
#[test]
fn reactions() {
    let (desk, mut table) = (desk(), Table::default());
    let claim = all().find(|act| act.spec.name == "claim").expect("it is an act");
    for (who, on) in [("Mia", Some(ticket())), ("Jeff", Some(ticket())), ("Sam", Some(ticket())), ("Mia", None)] {
        let acted = by_button(who, ActRef::at_message(claim.spec.act(), "7.1"), Given::new());
        let acted = Acted { way: Way::Reaction, at: Some(message("C1", "7.1")), ..acted };
        let what = if on.is_some() { "a request" } else { "nothing" };
        let asked = heard_as(&acted, on, None, ActData::Nothing);
        table.case(&format!("{who} at {what}"), &desk, &Heard::Act(&acted, Box::new(asked), now()));
    }
    expect![[r#"
        Mia at a request: done IT-1007 · IT-1007 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in C1/7.1: “Mia is on it.”
        Jeff at a request: ignored
        Sam at a request: ignored
        Mia at nothing: ignored
    "#]].assert_eq(&table.0);
}

/// Acts that cannot be read, or whose subject is unknown.
#[test]
fn what_means_nothing() {
    let (desk, mut table) = (desk(), Table::default());
    let mut case = |name: &str, acted: &Acted, on: Option<Ticket>| {
        let asked = heard_as(acted, on, None, ActData::Nothing);
        table.case(name, &desk, &Heard::Act(acted, Box::new(asked), now()));
    };
    let button = |asks: Asks| Acted { asks, ..by_button("Sam", ActRef::bare(ActName::new("x")), Given::new()) };
    let command = |asks: Asks| Acted { way: Way::Command, ..button(asks) };
    let agents =
        |acted: Acted| Acted { actor: by_button("Mia", ActRef::bare(ActName::new("x")), Given::new()).actor, ..acted };
    let words = |words: &str| Asks::Words { words: words.to_owned(), mentions: Vec::new() };
    let does = |name: &str, given: Given| Asks::Act { does: ActRef::bare(ActName::new(name)), given };
    let keyed = |key: &str| Given::from([("key".to_owned(), Value::text(key))]);
    case("a button that cannot be read", &button(Asks::Unknown), None);
    case("a button of an act that is gone", &button(does("vanish", Given::new())), None);
    case("a button without what it should carry", &agents(button(does("priority", Given::new()))), None);
    case("a command without words", &command(words(" ")), None);
    case("a command that is none", &command(words("dance")), None);
    case("a command that is not complete", &agents(command(words("resolve"))), None);
    case("a command that is not complete, by somebody else", &command(words("resolve")), None);
    case("a group of commands", &command(words("guard")), None);
    case("a command with too many words", &command(words("show nonsense")), None);
    let until = |until: &str| Given::from([("until".to_owned(), Value::text(until))]);
    case("a command with a time that cannot be read", &agents(command(does("pending", until("soonish")))), None);
    case("a command with a time that has passed", &agents(command(does("pending", until("2020-01-01")))), None);
    case("a command without a ticket", &command(words("show")), None);
    case("a command about a ticket that is not known", &command(words("show IT-9999")), None);
    case("a command about what one may not know of", &command(words("show IT-1007")), Some(private_ticket()));
    case("a field that is no key", &command(does("show", keyed("KB-7"))), None);
    case("a field with a key", &command(does("show", keyed("IT-1007"))), Some(private_ticket()));
    let gone = all().find(|act| act.spec.name == "claim").expect("it is an act").spec.on(ticket().tag());
    case("a button of a ticket that is not known", &button(Asks::Act { does: gone, given: Given::new() }), None);
    let menu = Acted {
        way: Way::MessageMenu,
        at: Some(message("C1", "99.1")),
        ..button(Asks::Act { does: ActRef::at_message(ActName::new("show"), "99.1"), given: Given::new() })
    };
    case("the menu of a message that belongs to nothing", &menu, None);
    expect![[r#"
        a button that cannot be read: refused · tell Sam: “That button is out of date. Please write to me instead, or see /desk he…”
        a button of an act that is gone: refused · tell Sam: “That button is out of date. Please write to me instead, or see /desk he…”
        a button without what it should carry: refused · tell Mia: “That button is out of date. Please write to me instead, or see /desk he…”
        a command without words: done · tell Sam: “How to reach the desk ⏎ • Mention me and say what's wrong ("@desk the p…”
        a command that is none: refused · draft, page 0 · tell Sam: “I don't know that command. /desk requests lists what you've asked for,…” [Ask the desk]
        a command that is not complete: refused · tell Mia: “Almost there: write it as "/desk resolve IT-1042 how it was solved". /d…”
        a command that is not complete, by somebody else: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
        a group of commands: refused · tell Sam: “Almost there. There is: /desk guard me off. /desk help says more.”
        a command with too many words: refused · tell Sam: “Almost there: write it as "/desk show IT-1042". /desk help lists what I…”
        a command with a time that cannot be read: refused · tell Mia: “I can't read that as a time. Write it like 14:30, tomorrow 9, in 30 min…”
        a command with a time that has passed: refused · tell Mia: “That time has already passed. Please give a later one. Nothing was done.”
        a command without a ticket: refused · tell Sam: “Which request? Add its key, like /desk show IT-1042, or say it in the r…”
        a command about a ticket that is not known: refused · tell Sam: “I can't find IT-9999 among the requests you can see. /desk requests lis…”
        a command about what one may not know of: refused · tell Sam: “I can't find IT-1007 among the requests you can see. /desk requests lis…”
        a field that is no key: refused · tell Sam: “That isn't a key. A key looks like IT-1042, and you'll find it in my an…”
        a field with a key: refused · tell Sam: “I can't find IT-1007 among the requests you can see. /desk requests lis…”
        a button of a ticket that is not known: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
        the menu of a message that belongs to nothing: refused · tell Sam: “I can't find a request for that message. If you need something, mention…”
    "#]].assert_eq(&table.0);
}

/// Forms that are not finished.
#[test]
fn drafts() {
    let (desk, mut table) = (desk(), Table::default());
    let pending = &all().find(|act| act.spec.name == "pending").expect("it is an act").spec;
    let does = pending.on(ticket().tag());
    let carried = ActRef { draft: Some(desk.next.draft.clone()), ..does.clone() };
    let kept = Draft {
        id: desk.next.draft.clone(),
        who: person("Mia").who,
        does: does.clone(),
        given: Given::from([("reason".to_owned(), Value::text("parts")), ("until".to_owned(), Value::text("soon"))]),
        page: 0,
        at: minutes_ago(5),
    };
    let mut case = |name: &str, who: &str, does: &ActRef, way: Way, until: Option<&str>, draft: Option<&Draft>| {
        let given: Given = until.map(|until| ("until".to_owned(), Value::text(until))).into_iter().collect();
        let acted = Acted { way, ..by_button(who, does.clone(), given) };
        let meant = Meant::of(&acted, draft, "IT", &Now::named(now(), "UTC"));
        let asked = Asked { meant, on: Some(ticket()), thread_ticket: None, data: ActData::Nothing };
        table.case(name, &desk, &Heard::Act(&acted, Box::new(asked), now()));
    };
    case("a time that cannot be read", "Mia", &does, Way::Form, Some("soon"), None);
    case("a time that has passed", "Mia", &does, Way::Form, Some("2020-01-01 9:00"), None);
    case("a time that cannot be read, by somebody else", "Sam", &does, Way::Form, Some("soon"), None);
    case("corrected", "Mia", &carried, Way::Form, Some("in 3 h"), Some(&kept));
    case("corrected, and wrong again", "Mia", &carried, Way::Form, Some("sooner"), Some(&kept));
    case("corrected after an hour", "Mia", &carried, Way::Form, Some("in 3 h"), None);
    case("the button, whose form could not be opened in time", "Mia", &carried, Way::Button, None, Some(&kept));
    case("the button after an hour", "Mia", &carried, Way::Button, None, None);
    let page = |page, is_last| Asks::Page { does: does.clone(), given: Given::new(), page, is_last };
    let mut paged = |name: &str, asks: Asks| {
        let acted =
            Acted { asks, ..by_button("Mia", does.clone(), Given::from([("x".to_owned(), Value::Flag(true))])) };
        let meant = Meant::of(&acted, None, "IT", &Now::named(now(), "UTC"));
        let asked = Asked { meant, on: Some(ticket()), thread_ticket: None, data: ActData::Nothing };
        table.case(name, &desk, &Heard::Act(&acted, Box::new(asked), now()));
    };
    paged("the first page of two", page(0, false));
    paged("the last page, whose first is gone", page(1, true));
    expect![[r#"
        a time that cannot be read: done · draft, page 0 · tell Mia: “I can't read one of the times. Write it like 14:30, tomorrow 9, in 30 m…” [Correct it]
        a time that has passed: done · draft, page 0 · tell Mia: “One of the times has already passed. Please give a later one. Nothing h…” [Correct it]
        a time that cannot be read, by somebody else: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
        corrected: done IT-1007 · IT-1007 is pending, P3 · wait_over in 3 h · no draft · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 30 Nov 13:00: parts ⏎ I'll write here when the…”
        corrected, and wrong again: done · draft, page 0 · tell Mia: “I can't read one of the times. Write it like 14:30, tomorrow 9, in 30 m…” [Correct it]
        corrected after an hour: done IT-1007 · IT-1007 is pending, P3 · wait_over in 3 h · no draft · audit: set to pending by Mia · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 30 Nov 13:00. I'll write here when there's new…”
        the button, whose form could not be opened in time: done · draft, page 0 · tell Mia: “I couldn't open the form in time. What you typed is still there: press…” [Go on]
        the button after an hour: refused · tell Mia: “I no longer have what you filled in there: it was sent, or it's more th…” [Pending…]
        the first page of two: done · draft, page 1 · tell Mia: “So far, so good. There's a bit more to fill in: press Next within the h…” [Next]
        the last page, whose first is gone: refused · tell Mia: “I no longer have what you filled in there: it was sent, or it's more th…” [Pending…]
    "#]].assert_eq(&table.0);
}
