//! Articles that are written and kept in chat, and how people use them there.

use std::sync::Arc;
use std::time::Duration;

use deskbell::desk::knowledge::record;
use deskbell::domain::article::Audience;
use deskbell::domain::ids::{ArticleId, ArticleKey};
use deskbell::sandbox::{Fault, Spot, World};
use expect_test::expect;

use crate::harness::{Desk, Setup, find_control, on_both, on_each, patiently, see};
use crate::knowledge::knowing;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the last line of the transcript that only this person sees in a channel, with its buttons.
fn shown(desk: &Desk, world: &Arc<dyn World>, who: &str) -> String {
    let mine = format!("▸ {who} ");
    let transcript = desk.transcript(world);
    transcript.lines().rfind(|line| line.starts_with(&mine)).unwrap_or_default().to_owned()
}

/// Returns the key of an article for agents only.
async fn article_for_agents(desk: &Desk) -> String {
    let mut reader = desk.store().reader().await.expect("a reader");
    let all = record::page(&mut *reader, ArticleId(0), 100).await.expect("articles");
    let one = all.into_iter().find(|article| article.content.audience == Audience::Agents).expect("there is one");
    one.key.to_string()
}

/// Searches for these words until `finds` accepts the answer.
async fn until_found(desk: &Desk, world: &Arc<dyn World>, words: &str, finds: impl Fn(&str) -> bool) {
    patiently("the index follows", async {
        loop {
            desk.command(world, "jeff", &format!("search {words}")).await;
            if finds(&desk.last_private(world, "jeff")) {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_article_is_written_published_found_reviewed_and_retired() {
    let told = on_both(async |desk, world| {
        let mut told = Vec::new();
        desk.command(world, "mia", "articles").await;
        told.push(shown(desk, world, "mia"));
        desk.press(world, "mia", "random", "Write an article…").await;
        let fields = [
            ("title", "The badge reader blinks red"),
            ("summary", "Makes the door open again"),
            ("body", "1. Hold the badge for *two* seconds.\n2. <!channel> @everyone: ask reception."),
            ("tags", "door, turnstile"),
        ];
        desk.fill_in(world, "mia", &fields).await;
        told.push(shown(desk, world, "mia"));
        desk.command(world, "mia", "articles drafts").await;
        told.push(shown(desk, world, "mia"));
        // A draft is found by nobody and read by the desk alone.
        desk.command(world, "jeff", "read KB-1").await;
        told.push(shown(desk, world, "jeff"));
        desk.press(world, "mia", "random", "KB-1").await;
        told.push(shown(desk, world, "mia"));
        desk.press(world, "mia", "random", "Publish").await;
        told.push(shown(desk, world, "mia"));
        until_found(desk, world, "badge blinks red", |told| told.contains("KB-1")).await;
        desk.press(world, "jeff", "random", "Read KB-1").await;
        told.push(shown(desk, world, "jeff"));
        // After half a year the article is due for a review.
        desk.pass(181 * DAY).await;
        desk.command(world, "mia", "articles").await;
        told.push(shown(desk, world, "mia"));
        desk.command(world, "mia", "article KB-1").await;
        desk.press(world, "mia", "random", "Mark as checked…").await;
        desk.fill_in(world, "mia", &[("again", "in 90 days")]).await;
        told.push(shown(desk, world, "mia"));
        desk.press(world, "mia", "random", "Retire").await;
        told.push(shown(desk, world, "mia"));
        until_found(desk, world, "badge blinks red", |told| !told.contains("KB-1")).await;
        told.push(desk.last_private(world, "jeff"));
        told.join("\n")
    })
    .await;
    expect![[r#"
        ▸ mia in #random: Desk: No article needs anybody right now: no drafts, none due for a review, none that let several people down. /desk articles all lists every article. [Write an article…]
        ▸ mia in #random: Desk: KB-1 “The badge reader blinks red” is saved as a draft. Nobody will find it until it's published. [Read] [Edit…] [Publish]
        ▸ mia in #random: Desk: Drafts: ⏎ KB-1 · The badge reader blinks red · draft since 2026-03-02 · Mia Wong · shown 0 · solved 0 · not helpful 0 [Write an article…] [KB-1]
        ▸ jeff in #random: Desk: I can't find an article KB-1 that you can read. /desk search looks for articles by words.
        ▸ mia in #random: Desk: KB-1 “The badge reader blinks red” ⏎ Makes the door open again ⏎ Draft, not found in searches yet · version 1 · kept by Mia Wong ⏎ Requests: shown on 0, read on 0, solved 0, helpful on 0, not helpful on 0. [Read] [Edit…] [Publish] [Retire]
        ▸ mia in #random: Desk: Published. In a few seconds, everybody can find it. ⏎ KB-1 “The badge reader blinks red” ⏎ Makes the door open again ⏎ Published · version 1 · kept by Mia Wong · checked by Mia Wong (age) · next review (age) ⏎ Requests: shown on 0, read on 0, solved 0, helpful on 0, not helpful on 0. [Read] [Edit…] [Mark as checked…] [Retire]
        ▸ jeff in #random: Desk: KB-1  The badge reader blinks red ⏎ Makes the door open again ⏎  ⏎ 1. Hold the badge for two seconds. ⏎ 2. <!channel> @everyone: ask reception.
        ▸ mia in #random: Desk: These articles need somebody: ⏎ KB-1 · The badge reader blinks red · due for a review since 2026-08-29 · Mia Wong · shown 0 · solved 0 · not helpful 0 [Write an article…] [KB-1]
        ▸ mia in #random: Desk: Thank you. I've noted that you checked it. ⏎ KB-1 “The badge reader blinks red” ⏎ Makes the door open again ⏎ Published · version 1 · kept by Mia Wong · checked by Mia Wong (age) · next review (age) ⏎ Requests: shown on 0, read on 0, solved 0, helpful on 0, not helpful on 0. [Read] [Edit…] [Mark as checked…] [Retire]
        ▸ mia in #random: Desk: Retired. In a few seconds, nobody will find it any more; publishing it brings it back. ⏎ KB-1 “The badge reader blinks red” ⏎ Makes the door open again ⏎ Retired, no longer found in searches · version 1 · kept by Mia Wong · checked by Mia Wong (age) ⏎ Requests: shown on 0, read on 0, solved 0, helpful on 0, not helpful on 0. [Read] [Edit…] [Publish]
        I found nothing for badge blinks red."#]].assert_eq(&told);
}

#[tokio::test]
async fn two_who_edit_an_article_at_once_do_not_overwrite_each_other() {
    let told = on_both(async |desk, world| {
        knowing(desk).await;
        for who in ["ada", "mia", "omar"] {
            desk.command(world, who, "article KB-26").await;
        }
        for who in ["mia", "omar"] {
            desk.press(world, who, "random", "Edit…").await;
        }
        let begun = desk.form(world, "mia").await.fields[0].value.clone();
        desk.fill_in(world, "omar", &[("title", "The printer takes the job and prints nothing")]).await;
        desk.fill_in(world, "mia", &[("title", "My own words")]).await;
        let refused = desk.last_private(world, "mia");
        let mut reader = desk.store().reader().await.expect("a reader");
        let kept = record::by_key(&mut *reader, &ArticleKey::new("KB", 26)).await.expect("an answer").expect("it");
        let versions = record::versions(&mut *reader, kept.article.id, 9).await.expect("versions");
        let by: Vec<_> = versions.iter().map(|version| version.by.as_ref().map(|by| by.name.as_str())).collect();
        // An edit replaces the version that the person saw: a button from before a change opens no form.
        desk.press(world, "ada", "random", "Edit…").await;
        // The program looks for the form's content beside the acknowledgement, so the answer comes later.
        patiently("she is told", async {
            while !desk.last_private(world, "ada").contains("open that form") {
                tokio::task::yield_now().await;
            }
        })
        .await;
        desk.settle().await;
        assert!(see(world, "ada").form.is_none(), "{}: the form shows an older text", world.platform());
        let refused = refused.lines().take(3).collect::<Vec<_>>().join("\n");
        format!("{begun}\n{refused}\n{}\n{by:?}\n{}", kept.article.content.title, desk.last_private(world, "ada"))
    })
    .await;
    expect![[r#"
        Printer prints nothing
        KB-26 “The printer takes the job and prints nothing” has changed in the meantime, so I didn't save anything. Please open it and look again.
        Nothing was sent. Your words:
        > My own words
        The printer takes the job and prints nothing
        [Some("Omar Haddad"), None]
        I couldn't open that form: what it shows has changed, or I couldn't read it just now. Please look it up again and retry."#]].assert_eq(&told);
}

#[tokio::test]
async fn the_owner_of_a_draft_hears_of_it_once() {
    on_both(async |desk, world| {
        desk.command(world, "mia", "articles").await;
        desk.press(world, "mia", "random", "Write an article…").await;
        desk.fill_in(world, "mia", &[("title", "A screen stays black"), ("body", "Plug it in.")]).await;
        let reminders = || {
            let direct = see(world, "mia").channels.into_iter().find(|channel| channel.direct);
            direct.map_or(0, |direct| {
                direct.messages.iter().filter(|message| message.text.contains("still a draft of yours")).count()
            })
        };
        desk.pass(6 * DAY).await;
        assert_eq!(reminders(), 0, "{}", world.platform());
        desk.pass(2 * DAY).await;
        assert_eq!(reminders(), 1, "{}", world.platform());
        desk.pass(30 * DAY).await;
        assert_eq!(reminders(), 1, "{}: reminded once", world.platform());
    })
    .await;
}

#[tokio::test]
async fn an_agent_sends_an_article_and_the_requester_says_whether_it_helps() {
    let transcript = on_both(async |desk, world| {
        knowing(desk).await;
        desk.ask(world, "jeff", "@desk the coffee machine on 4 leaks, who takes care of that?").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Send article…").await;
        desk.fill(world, "mia", "kb-26").await;
        desk.press(world, "jeff", "sales", "Not helpful").await;
        desk.command(world, "mia", "article KB-26").await;
        let card = shown(desk, world, "mia");
        // An article for agents only, and one that does not exist, are not sent.
        let for_agents = article_for_agents(desk).await;
        for key in [for_agents.as_str(), "KB-999"] {
            desk.command(world, "mia", &format!("send IT-1001 {key}")).await;
        }
        desk.press(world, "jeff", "sales", "This solved it").await;
        format!("{}\n{card}\n{}", desk.transcript(world), desk.last_private(world, "mia"))
    })
    .await;
    expect![[r#"
        #sales
         Jeff Park: @Desk the coffee machine on 4 leaks, who takes care of that?
         └ Desk: Got it, Jeff: IT-1001. It is resolved. Not right? Just write here. The desk can see what's written in this thread. [Add details] [Desk…]
         └ Desk: Mia thinks this may help: KB-26 “Printer prints nothing” ⏎ Your job does not come out of the printer? Check the badge reader, clear the queue and get printing again. [This solved it] [Read] [Not helpful]
        #desk-triage
         Desk: IT-1001  the coffee machine on 4 leaks, who takes care of that? ⏎ Jeff Park in #sales · open ⏎ resolved · P3 · (age) ⏎ Resolved: solved by KB-26 Printer prints nothing [More…]
         └ Desk: Mia Wong sent KB-26 “Printer prints nothing”.
        ▸ jeff in #sales: Desk: Thanks for telling me. The people who look after that article will see it. ⏎ IT-1001 is with the desk, and someone there will answer you.
        ▸ mia in #random: Desk: KB-26 “Printer prints nothing” ⏎ Your job does not come out of the printer? Check the badge reader, clear the queue and get printing again. ⏎ Published · version 1 · kept by nobody · next review (age) ⏎ Requests: shown on 1, read on 0, solved 0, helpful on 0, not helpful on 1. ⏎ • did not help: IT-1001 the coffee machine on 4 leaks, who takes care of that? · (age) ⏎ Imported from printing/printer-prints-nothing.md. Once it has been edited here, importing leaves it alone. [Read] [Edit…] [Mark as checked…] [Retire]
        ▸ mia in #random: Desk: KB-5 “Unlock an account in the directory” is only for the desk's agents, so I can't send it. Reply in your own words with what they may know.
        ▸ mia in #random: Desk: I can't find an article KB-999 that you can read. /desk search looks for articles by words.
        ▸ mia in #desk-triage: Desk: KB-26 is on its way to the requester of IT-1001. ⏎ IT-1001  the coffee machine on 4 leaks, who takes care of that? ⏎ new · P3 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]

        ▸ mia in #desk-triage: Desk: KB-26 is on its way to the requester of IT-1001. ⏎ IT-1001  the coffee machine on 4 leaks, who takes care of that? ⏎ new · P3 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        I can't find an article KB-999 that you can read. /desk search looks for articles by words."#]].assert_eq(&transcript);
}

#[tokio::test]
async fn what_a_search_does_not_find_is_asked_with_the_same_words() {
    let transcript = on_both(async |desk, world| {
        knowing(desk).await;
        desk.command(world, "sam", "search my zither is out of tune").await;
        desk.press(world, "sam", "random", "Ask the desk with these words").await;
        let begun = desk.form(world, "sam").await.fields[0].value.clone();
        assert_eq!(begun, "my zither is out of tune", "{}", world.platform());
        desk.fill(world, "sam", "my zither is out of tune, since monday").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Reply to requester").await;
        desk.fill(world, "mia", "bring it to us").await;
        desk.say(world, "sam", &Spot::direct(), "thank you, I will").await;
        desk.transcript(world)
    })
    .await;
    expect![[r#"
        #desk-triage
         Desk: IT-1001  my zither is out of tune, since monday ⏎ Sam Reyes in private ⏎ new · nobody yet · P3 · (age) [Take it] [Not a request] [More…]
         └ Desk: Mia to Sam: bring it to us
         └ Desk: Sam: thank you, I will [Reply to requester]
        ▸ mia in #desk-triage: Desk: On its way to Sam. You'll see it under the card once it's delivered. ⏎ IT-1001  my zither is out of tune, since monday ⏎ new · P3 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        ▸ sam in #random: Desk: Your request IT-1001 is with the desk. You'll get the answer in your direct messages with me; if nothing shows up there, please allow them. You asked: ⏎ my zither is out of tune, since monday
        sam ↔ Desk
         Desk: Got it, Sam: IT-1001. Only you and the desk can see this; you'll get the answer here. ⏎ You asked: “my zither is out of tune, since monday” [Add details] [Cancel] [New request]
         Desk: Mia (IT): bring it to us
         Sam Reyes: thank you, I will
    "#]].assert_eq(&transcript);
}

#[tokio::test]
async fn who_cannot_be_written_to_has_their_words_back() {
    // On Slack a bot can write to everybody who is not gone, so the scope is taken away instead.
    on_each(Setup::default(), async |desk, world| {
        if world.platform() == "slack" {
            world.inject(Fault::RevokeScope { scope: "im:write".to_owned() });
        } else {
            world.close_direct("sam", true);
        }
        desk.command(&world, "sam", "ask my zither is out of tune").await;
        let told = desk.last_private(&world, "sam");
        let is_theirs = told.contains("my zither is out of tune");
        assert!(is_theirs, "{}: {told}", world.platform());
        // Discord refuses only when the bot posts the direct message. By then the desk has the request, and the answer
        // to the command says what to do.
        let expected = if world.platform() == "slack" { "I can't write to you directly" } else { "please allow them" };
        assert!(told.contains(expected), "{told}");
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn a_workspace_that_takes_no_tables_has_lines() {
    let desk = Desk::open().await;
    let slack = desk.slack();
    slack.inject(Fault::OldBlocks);
    knowing(&desk).await;
    desk.command(&slack, "mia", "articles all").await;
    let shown = shown(&desk, &slack, "mia");
    assert!(shown.contains("KB-35 · ") && shown.contains(" · shown 0 · solved 0 · not helpful 0"), "{shown}");
    assert!(find_control(&see(&slack, "mia"), "random", "KB-35").is_some(), "{shown}");
    desk.end_with_refusals().await;
}
