//! Texts of every kind arrive whole at the other side.

use deskbell::sandbox::Spot;

use crate::harness::on_both;
use crate::looks::ReadRecord as _;

#[tokio::test]
async fn long_and_odd_texts_survive_both_ways() {
    let long = format!("{} the end", "word ".repeat(790)).trim().to_owned();
    let odd = [
        long.as_str(),
        "שלום, המדפסת לא עובדת",
        "```\nfn main() { panic!(\"<&>\") }\n```",
        "line one\nline two\n\nline four",
        "a & b < c > d \\ _e_ ~f~ |g|",
        "🖨️🔥 it burns 👩‍👩‍👧‍👧",
    ];
    on_both(async |desk, world| {
        for text in odd {
            let ask = desk.ask(world, "ana", &format!("@desk {text}")).await;
            let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
            let records = desk.store().records(ticket.id).await.expect("records");
            assert_eq!(records.last().map(|record| record.text.as_str()), Some(text), "{}", world.platform());
            desk.pass(std::time::Duration::from_secs(180)).await;
            // A reply with the same words reaches the requester whole, too.
            desk.command(world, "mia", &format!("reply {} {}", ticket.key, text.replace('\n', " "))).await;
            let view = crate::harness::see(world, "ana");
            let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("the channel");
            let root = sales.messages.iter().find(|message| message.id == ask.id).expect("the message");
            let unmarked = |line: &str| line.strip_prefix("> ").unwrap_or(line).to_owned();
            let lines = root.thread.iter().flat_map(|message| message.text.lines().map(unmarked).collect::<Vec<_>>());
            let seen: String = lines.map(|line| crate::harness::normal(&line)).collect();
            let wanted: String = text.split_whitespace().collect();
            let seen: String = seen.split_whitespace().collect();
            assert!(seen.contains(&wanted.replace('*', "")), "{}: {wanted} not in {seen}", world.platform());
        }
    })
    .await;
}

#[tokio::test]
async fn a_direct_message_of_emoji_alone_is_answered_and_opens_nothing() {
    on_both(async |desk, world| {
        desk.say(world, "ana", &Spot::direct(), "🔥🔥🔥").await;
        assert!(desk.last_private(world, "ana").starts_with("I'm not sure what you need."));
        assert_eq!(desk.store().total().await.expect("a number"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_request_of_which_nothing_is_to_be_seen_is_opened_and_asked_about() {
    on_both(async |desk, world| {
        desk.say(world, "jeff", &Spot::channel("sales"), "@desk \u{3164}").await;
        let tickets = desk.store().tickets(None, 10).await.expect("tickets");
        assert_eq!(tickets.iter().map(|ticket| ticket.title.as_str()).collect::<Vec<_>>(), ["(no words)"]);
        assert!(
            desk.transcript(world).contains("I can't see any words in what you sent"),
            "{}",
            desk.transcript(world)
        );
    })
    .await;
}

#[tokio::test]
async fn a_very_long_message_is_cut_under_the_card_and_leads_to_where_it_is_whole() {
    on_both(async |desk, world| {
        let at = desk.say(world, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
        let thread = Spot::thread("sales", &at.id);
        let posts = || desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "posted").count();
        let before = posts();
        // 40,000 characters are one message on Slack and twenty on Discord.
        let most = if world.platform() == "slack" { 40_000 } else { 2_000 };
        let long = "word ".repeat(most / 5 - 1);
        for _ in 0..(40_000 / most) {
            desk.say(world, "jeff", &thread, &long).await;
        }
        // Each message is shown under the cards of both platforms. Only Slack's very long one may take more than three
        // posts.
        let (written, made) = (40_000 / most, posts() - before);
        assert!(made <= written * if most > 2_000 { 7 } else { 3 }, "{made} posts");
        let records = desk.store().records(desk.store().tickets(None, 1).await.expect("tickets")[0].id).await;
        let kept = records.expect("records").iter().filter(|record| record.text == long.trim_end()).count();
        assert_eq!(kept, 40_000 / most, "all of it is on record");
        assert_eq!(desk.transcript(world).contains("There's more"), world.platform() == "slack");
    })
    .await;
}
