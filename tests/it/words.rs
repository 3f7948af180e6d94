//! Words survive the way through, whatever they are.

use deskbell::sandbox::Spot;

use crate::harness::Desk;

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
    for index in 0..2 {
        let desk = Desk::open().await;
        let world = desk.worlds()[index].clone();
        for text in odd {
            let ask = desk.ask(&world, "ana", &format!("@desk {text}")).await;
            let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
            let records = desk.store().records(ticket.id).await.expect("records");
            assert_eq!(records.last().map(|record| record.text.as_str()), Some(text), "{}", world.platform());
            desk.pass(std::time::Duration::from_secs(180)).await;
            // And back: a reply with the same words reaches the requester whole.
            desk.command(&world, "mia", &format!("reply {} {}", ticket.key, text.replace('\n', " "))).await;
            let view = crate::harness::see(&world, "ana");
            let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("the channel");
            let root = sales.messages.iter().find(|message| message.id == ask.id).expect("the message");
            let seen: String = root.thread.iter().map(|message| crate::harness::normal(&message.text)).collect();
            let wanted: String = text.split_whitespace().collect();
            let seen: String = seen.split_whitespace().collect();
            assert!(seen.contains(&wanted.replace('*', "")), "{}: {wanted} not in {seen}", world.platform());
        }
        desk.end().await;
    }
}

#[tokio::test]
async fn a_direct_message_of_emoji_alone_is_answered_and_opens_nothing() {
    for index in 0..2 {
        let desk = Desk::open().await;
        let world = desk.worlds()[index].clone();
        desk.say(&world, "ana", &Spot::direct(), "🔥🔥🔥").await;
        assert!(desk.last_private(&world, "ana").starts_with("I can't read that as a request."));
        assert_eq!(desk.store().total().await.expect("a number"), 0);
        desk.end().await;
    }
}
