//! Acts on other people's tickets: each act, by people who may not do it, or may not know of the ticket.

use expect_test::expect;

use super::acts::{act, to_tickets};
use super::*;

/// The actors are a bystander in the request's own thread, and an agent who does not have the ticket.
#[test]
fn each_act_of_others() {
    let mut table = Table::default();
    for who in ["Sam", "Omar", "Ada"] {
        table.head(who);
        for one in to_tickets() {
            act(&mut table, &format!("  {}", one.spec.name), one, who, &with_status(Status::InProgress));
        }
    }
    expect![[r#"
        Sam
          claim: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reply: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          resolve: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          pending: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
          release: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
          reopen: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          show: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          not_a_request: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
          assign: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
          priority: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
          cancel: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          details: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          new_request: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: refused · tell Sam: “Sorry, only the desk can do that; /desk help shows what you can do.”
          undo: refused · tell Sam: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        Omar
          claim: refused · tell Omar: “Mia already has IT-1007. To take it over, press More…, then Assign to….”
          reply: done IT-1007 · say in C1/7.1: “Omar (IT): a new cable”
          resolve: done IT-1007 · IT-1007 is resolved, P3, Mia · auto_close in 168 h · audit: resolved by Omar · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: a new cable ⏎ Not right? Just write here.”
          pending: done IT-1007 · IT-1007 is pending, P3, Mia · wait_over in 48 h · audit: set to pending by Omar · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
          release: done IT-1007 · IT-1007 is new, P3 · audit: released by Omar · cards · confirm anew · say in C1/7.1: “It's with the desk again: someone will take it over and answer here.” · tell Omar: “Done: IT-1007 is new, P3, and nobody has it yet.”
          reopen: refused · tell Omar: “IT-1007 is already open (in progress), so nothing was changed. The desk…”
          show: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ It is in progress; Mia has it. Asked by Jeff…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          not_a_request: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Omar · cards · confirm anew · say in C1/7.1: “Omar closed IT-1007, since there was nothing in it for the desk to do.…” [Ask again]
          assign: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: assigned by Omar · cards · confirm anew · say in C1/7.1: “Omar has it now.”
          priority: done IT-1007 · IT-1007 is in_progress, P1, Mia · audit: prioritised by Omar · cards
          cancel: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Omar · cards · confirm anew · say in C1/7.1: “Omar closed IT-1007, since there was nothing in it for the desk to do.…” [Ask again]
          details: done IT-1007 · record note «a new cable» · IT-1007 is in_progress, P3, Mia · audit: details added by Omar · under the cards: “Omar noted: a new cable” · tell Omar: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Omar: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Omar: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Omar: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Omar: “IT-1007  printer smokes ⏎ in progress · P3 · Mia has it” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          undo: refused · tell Omar: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        Ada
          claim: refused · tell Ada: “Mia already has IT-1007. To take it over, press More…, then Assign to….”
          reply: done IT-1007 · say in C1/7.1: “Ada (IT): a new cable”
          resolve: done IT-1007 · IT-1007 is resolved, P3, Mia · auto_close in 168 h · audit: resolved by Ada · cards · confirm anew · say in C1/7.1: “IT-1007 is resolved: a new cable ⏎ Not right? Just write here.”
          pending: done IT-1007 · IT-1007 is pending, P3, Mia · wait_over in 48 h · audit: set to pending by Ada · cards · confirm anew · say in C1/7.1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
          release: done IT-1007 · IT-1007 is new, P3 · audit: released by Ada · cards · confirm anew · say in C1/7.1: “It's with the desk again: someone will take it over and answer here.” · tell Ada: “Done: IT-1007 is new, P3, and nobody has it yet.”
          reopen: refused · tell Ada: “IT-1007 is already open (in progress), so nothing was changed. The desk…”
          show: done IT-1007 · tell Ada: “IT-1007  printer smokes ⏎ It is in progress; Mia has it. Asked by Jeff…” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          not_a_request: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Ada · cards · confirm anew · say in C1/7.1: “Ada closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          assign: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: assigned by Ada · cards · confirm anew · say in C1/7.1: “Omar has it now.” · under the cards: “Ada gave this to @U9.” · under the cards: “Ada gave this to Omar.”
          priority: done IT-1007 · IT-1007 is in_progress, P1, Mia · audit: prioritised by Ada · cards
          cancel: done IT-1007 · IT-1007 is cancelled, P3, Mia · audit: found to be no request by Ada · cards · confirm anew · say in C1/7.1: “Ada closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          details: done IT-1007 · record note «a new cable» · IT-1007 is in_progress, P3, Mia · audit: details added by Ada · under the cards: “Ada noted: a new cable” · tell Ada: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Ada: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Ada: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Ada: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Ada: “IT-1007  printer smokes ⏎ in progress · P3 · Mia has it” [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          undo: refused · tell Ada: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
    "#]].assert_eq(&table.0);
}

/// Only the requester and the desk may know of a private request.
#[test]
fn each_act_on_a_private_request() {
    let mut table = Table::default();
    for who in ["Jeff", "Sam", "Mia"] {
        table.head(who);
        for one in to_tickets() {
            act(&mut table, &format!("  {}", one.spec.name), one, who, &private_ticket());
        }
    }
    expect![[r#"
        Jeff
          claim: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reply: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          resolve: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          pending: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          release: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          reopen: refused · tell Jeff: “IT-1007 is already open (new), so nothing was changed. The desk can see…”
          show: done IT-1007 · tell Jeff: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Add details] [Cancel]
          not_a_request: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          assign: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          priority: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          cancel: done IT-1007 · IT-1007 is cancelled, P3 · audit: cancelled by Jeff · cards · confirm anew · say in D1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again]
          details: done IT-1007 · record requester «a new cable» · IT-1007 is new, P3 · audit: details added by Jeff · under the cards: “Jeff: a new cable” [Reply to requester] · tell Jeff: “Added to IT-1007. The desk can see it.”
          new_request: opened IT-1042 · open «a new cable» for Jeff · record requester «a new cable» · audit: opened by Jeff · confirm in D1 · cards
          own_request: opened IT-1042 · open «and my badge is lost» for Jeff · part · IT-1007 is new, P3 · audit: opened by Jeff · audit: message made a request of its own by Jeff · confirm in D1 · cards · lines anew · sign off · tell Jeff: “Done: that's IT-1042 now, separate from IT-1007.”
          belongs_to: done IT-1008 · IT-1007 is cancelled, P3 · move all to 8 · IT-1008 is new, P3 · audit: joined to another by Jeff · cards · confirm anew · under the cards: “Jeff says that IT-1007 is part of this: press More…, then Show.” · tell Jeff: “Done: that's part of IT-1008 now.”
          menu: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          undo: done IT-1007 · IT-1007 is cancelled, P3 · audit: cancelled by Jeff · cards · confirm anew · say in D1: “IT-1007 is cancelled, as you asked. Changed your mind?” [Ask again] · sign off
        Sam
          claim: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          reply: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          resolve: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          pending: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          release: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          reopen: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          show: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          not_a_request: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          assign: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          priority: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          cancel: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          details: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          new_request: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          own_request: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          belongs_to: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          menu: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
          undo: refused · tell Sam: “I can't find the request that this belongs to, perhaps because my recor…”
        Mia
          claim: done IT-1007 · IT-1007 is in_progress, P3, Mia · audit: claimed by Mia · cards · confirm anew · say in D1: “Mia is on it: IT-1007.”
          reply: done IT-1007 · say in D1: “Mia (IT): a new cable”
          resolve: done IT-1007 · IT-1007 is resolved, P3 · auto_close in 168 h · audit: resolved by Mia · cards · confirm anew · say in D1: “IT-1007 is resolved: a new cable ⏎ Not right? Press Add details.” [Add details]
          pending: done IT-1007 · IT-1007 is pending, P3 · wait_over in 48 h · audit: set to pending by Mia · cards · confirm anew · say in D1: “IT-1007 is on hold until 02 Dec 10:00: a new cable ⏎ I'll write here wh…”
          release: refused · tell Mia: “Nobody has IT-1007, so there's nothing to release.”
          reopen: refused · tell Mia: “IT-1007 is already open (new), so nothing was changed. The desk can see…”
          show: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a…” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          not_a_request: done IT-1007 · IT-1007 is cancelled, P3 · audit: found to be no request by Mia · cards · confirm anew · say in D1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          assign: done IT-1007 · IT-1007 is in_progress, P3, Omar · audit: assigned by Mia · cards · confirm anew · say in D1: “Omar has it now: IT-1007.” · under the cards: “Mia gave this to @U9.” · under the cards: “Mia gave this to Omar.”
          priority: done IT-1007 · IT-1007 is new, P1 · audit: prioritised by Mia · cards
          cancel: done IT-1007 · IT-1007 is cancelled, P3 · audit: found to be no request by Mia · cards · confirm anew · say in D1: “Mia closed IT-1007, since there was nothing in it for the desk to do. S…” [Ask again]
          details: done IT-1007 · record note «a new cable» · IT-1007 is new, P3 · audit: details added by Mia · under the cards: “Mia noted: a new cable” · tell Mia: “Added to IT-1007. The desk can see it.”
          new_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          own_request: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          belongs_to: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          menu: done IT-1007 · tell Mia: “IT-1007  printer smokes ⏎ new · P3 · nobody yet” [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
          undo: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
    "#]].assert_eq(&table.0);
}
