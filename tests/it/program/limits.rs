//! After a 429 the bot waits as long as the platform asks, in the clock's time, and posts nothing twice.

use std::time::Duration;

use deskbell::sandbox::Fault;

use crate::harness::{Desk, by_platform, on_both};

#[tokio::test]
async fn a_429_is_obeyed_and_the_answer_given_once() {
    on_both(async |desk, world| {
        let method = by_platform(world, "chat.postMessage", "POST /channels/{id}/messages");
        let retry_after = Duration::from_secs(7);
        // One for the answer, one for the card.
        world.inject(Fault::RateLimit { method: method.to_owned(), retry_after, times: 2 });
        let began = desk.stage.clock.now_ms();
        let from = desk.stage.journal.len();
        desk.ask(world, "jeff", "@desk the printer is jammed").await;
        let posted = |desk: &Desk| -> Vec<i64> {
            let entries = desk.stage.journal.since(from);
            let posted = entries.iter().filter(|entry| entry.kind == "posted" && entry.platform == world.platform());
            posted.map(|entry| entry.at_ms - began).collect()
        };
        desk.pass(Duration::from_millis(6_900)).await;
        assert_eq!(posted(desk), Vec::<i64>::new(), "{method}: not before");
        desk.pass(Duration::from_secs(10)).await;
        let times = posted(desk);
        assert_eq!(times.len(), 2, "{method}: the answer and the card, once each");
        assert!(times.iter().all(|at| *at >= 7_000), "{method}: {times:?}");
        desk.pass(Duration::from_secs(60)).await;
        assert_eq!(posted(desk).len(), 2, "{method}: and not again");
        desk.expect_refusals(2);
    })
    .await;
}
