//! Forms that are not finished: a person's words are not lost when a field is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use deskbell::sandbox::{World, WorldError};
use expect_test::expect;

use crate::harness::{Desk, normal, on_both, see};
use crate::looks::ReadRecord as _;

/// Fills in these fields of the open form, found by the beginning of their labels, and sends it. Returns the faults
/// that the platform shows at fields.
async fn send(
    desk: &Desk,
    world: &Arc<dyn World>,
    who: &str,
    fields: &[(&str, &str)],
) -> Result<(), BTreeMap<String, String>> {
    let form = see(world, who).form.expect("a form");
    // Fields that nobody touched are sent with their present values.
    let mut values: BTreeMap<_, _> = form.fields.iter().map(|field| (field.id.clone(), field.value.clone())).collect();
    for (asks, words) in fields {
        let field = form.fields.iter().find(|field| field.label.starts_with(asks)).expect("such a field");
        values.insert(field.id.clone(), (*words).to_owned());
    }
    let sent = match world.submit(who, &form.id, &values).await {
        Ok(()) => Ok(()),
        Err(WorldError::Fields(faults)) => Err(faults),
        Err(error) => panic!("{who} sends the form: {error}"),
    };
    desk.settle().await;
    sent
}

/// Returns the status of the only ticket.
async fn status(desk: &Desk) -> &'static str {
    desk.store().tickets(None, 10).await.expect("tickets").remove(0).status.name()
}

/// Returns the values in the fields of the open form.
fn begun(world: &Arc<dyn World>, who: &str) -> Vec<String> {
    see(world, who).form.expect("a form").fields.into_iter().map(|field| field.value).collect()
}

const REASON: &str = "the plumber has to come first";

#[tokio::test]
async fn a_field_that_cannot_be_taken_is_corrected_and_nothing_is_typed_twice() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the sink leaks").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Pending…").await;
        for (wrong, says) in [("soonish", "can't read"), ("2020-01-01 9:00", "has already passed")] {
            let sent = send(desk, world, "mia", &[("What does", REASON), ("Until", wrong)]).await;
            if world.platform() == "slack" {
                // Slack says so at the field, and the form stays open.
                let faults = sent.expect_err("it cannot be taken");
                assert!(faults.len() == 1 && faults.values().all(|fault| fault.contains(says)), "{faults:?}");
            } else {
                sent.expect("Discord closes the form");
                let told = desk.last_private(world, "mia");
                assert!(told.contains(says) && told.contains("Nothing has been sent"), "{told}");
                desk.press(world, "mia", "desk-triage", "Correct it").await;
                assert_eq!(begun(world, "mia"), [REASON, wrong], "what was typed is still there");
            }
            assert_eq!(status(desk).await, "new");
        }
        send(desk, world, "mia", &[("Until", "in 2 h")]).await.expect("it can be taken");
        assert_eq!(status(desk).await, "pending");
        assert!(desk.last_private(world, "mia").starts_with("Done: IT-1001 is pending until "));
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_is_kept_for_an_hour() {
    on_both(async |desk, world| {
        // On Slack the form stays open with the fault at its field, so there is nothing to correct later.
        if world.platform() == "slack" {
            return;
        }
        desk.ask(world, "jeff", "@desk the sink leaks").await;
        let begin = async || {
            desk.press(world, "mia", "desk-triage", "More…").await;
            desk.press(world, "mia", "desk-triage", "Pending…").await;
            send(desk, world, "mia", &[("What does", REASON), ("Until", "soonish")]).await.expect("it is sent");
        };
        begin().await;
        desk.pass(Duration::from_secs(59 * 60)).await;
        desk.press(world, "mia", "desk-triage", "Correct it").await;
        assert_eq!(begun(world, "mia"), [REASON, "soonish"]);
        send(desk, world, "mia", &[("Until", "sooner")]).await.expect("it is sent");
        desk.pass(Duration::from_secs(61 * 60)).await;
        desk.press(world, "mia", "desk-triage", "Correct it").await;
        assert!(see(world, "mia").form.is_none(), "there is nothing to show");
        let told = desk.last_private(world, "mia");
        assert!(told.contains("more than an hour old"), "{told}");
        desk.press(world, "mia", "desk-triage", "Pending…").await;
        assert_eq!(begun(world, "mia"), ["", ""], "it begins again");
        send(desk, world, "mia", &[("What does", "parts")]).await.expect("it is sent");
        assert_eq!(status(desk).await, "pending");
    })
    .await;
}

#[tokio::test]
async fn what_waits_until_a_moment_goes_on_by_itself() {
    let script = on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the sink leaks").await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Pending…").await;
        send(desk, world, "mia", &[("What does", REASON), ("Until", "in 2 h")]).await.expect("it can be taken");
        let mut script = String::new();
        let mut note = |what: &str| {
            let _ = writeln!(script, "{what}\n{}", in_words(&desk.transcript(world)));
        };
        note("for two hours");
        desk.pass(Duration::from_secs(3_600)).await;
        assert_eq!(status(desk).await, "pending", "not before");
        desk.pass(Duration::from_secs(3_700)).await;
        note("then");
        script
    })
    .await;
    expect![[r#"
        for two hours
        #sales
         Jeff Park: @Desk the sink leaks
         └ Desk: Got it, Jeff: IT-1001. It is on hold until (moment): the plumber has to come first. The desk can see what's written in this thread. [Add details] [Cancel] [Desk…]
         └ Desk: Mia is on it.
         └ Desk: IT-1001 is on hold until (moment): the plumber has to come first ⏎ I'll write here when there's news.
        #desk-triage
         Desk: IT-1001  the sink leaks ⏎ Jeff Park in #sales · open ⏎ pending · @Mia Wong has it · P3 · (age) ⏎ On hold until (moment): the plumber has to come first [Reply to requester] [Not a request] [More…]
        ▸ mia in #desk-triage: Desk: Done: IT-1001 is pending until (moment), P3, with Mia. ⏎ IT-1001  the sink leaks ⏎ pending · P3 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        then
        #sales
         Jeff Park: @Desk the sink leaks
         └ Desk: Got it, Jeff: IT-1001. Mia has it and will answer here. The desk can see what's written in this thread. [Add details] [Cancel] [Desk…]
         └ Desk: Mia is on it.
         └ Desk: IT-1001 is on hold until (moment): the plumber has to come first ⏎ I'll write here when there's news.
         └ Desk: IT-1001 is no longer on hold: Mia has it.
        #desk-triage
         Desk: IT-1001  the sink leaks ⏎ Jeff Park in #sales · open ⏎ in progress · @Mia Wong has it · P3 · (age) [Reply to requester] [Not a request] [More…]
         └ Desk: The wait is over: @Mia Wong has it. (pings mia)
        ▸ mia in #desk-triage: Desk: Done: IT-1001 is pending until (moment), P3, with Mia. ⏎ IT-1001  the sink leaks ⏎ pending · P3 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
    "#]].assert_eq(&script);
}

/// Replaces moments by `(moment)`, since each platform shows them in its own way.
fn in_words(line: &str) -> String {
    let slack = regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").expect("a pattern");
    let discord = regex::Regex::new(r"\d{1,2} \w+ \d{4} \d\d:\d\d").expect("a pattern");
    let line = normal(line).replace("until (age)", "until (moment)");
    discord.replace_all(&slack.replace_all(&line, "(moment)"), "(moment)").into_owned()
}

#[tokio::test]
async fn words_after_desk_that_are_no_command_can_be_sent_as_a_request() {
    // Discord shows the commands that there are, and takes no others.
    let desk = Desk::open().await;
    let slack = desk.slack();
    desk.command(&slack, "jeff", "my printer is broken").await;
    assert!(desk.last_private(&slack, "jeff").starts_with("I don't know that command."));
    assert!(desk.store().tickets(None, 10).await.expect("tickets").is_empty(), "nothing is opened by chance");
    desk.press(&slack, "jeff", "random", "Ask the desk").await;
    assert_eq!(begun(&slack, "jeff"), ["my printer is broken"]);
    send(&desk, &slack, "jeff", &[]).await.expect("it can be sent");
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    assert_eq!((ticket.title.as_str(), ticket.is_private()), ("my printer is broken", true));
    desk.command(&slack, "jeff", "guard").await;
    let told = desk.last_private(&slack, "jeff");
    assert!(told.starts_with("Almost there. There is: /desk guard"), "{told}");
    desk.end().await;
}

#[tokio::test]
async fn a_form_about_a_request_of_somebody_else_is_refused_before_anything_is_typed() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the sink leaks").await;
        desk.press(world, "sam", "sales", "Add details").await;
        let is_told = || desk.last_private(world, "sam").contains("'s request, so only they or the desk can do that.");
        desk.settle_until_true("sam is told", is_told).await;
        assert!(see(world, "sam").form.is_none(), "{}", world.platform());
        desk.press(world, "jeff", "sales", "Add details").await;
        desk.form(world, "jeff").await;
    })
    .await;
}
