//! A database that was restored from a copy gives no ticket key twice.

use std::time::Duration;

use deskbell::desk::outages;
use deskbell::sandbox::Spot;
use deskbell::store::COPY;
use deskbell::store::sqlite::SqliteStore;

use crate::harness::{Desk, Setup};
use crate::looks::ReadRecord as _;
use crate::postgres;

/// Draws the number of an outage, which is then never announced.
async fn outage(desk: &Desk) -> i64 {
    let drawn = desk.store().within(|tx| Box::pin(outages::record::next(tx, "MI"))).await;
    drawn.expect("a number").0.0
}

async fn newest(desk: &Desk) -> i64 {
    desk.store().tickets(None, 1).await.expect("tickets")[0].key.number()
}

#[tokio::test]
async fn a_copy_that_is_put_back_skips_numbers_each_time() {
    let mut desk = Desk::open().await;
    let world = desk.slack();
    desk.ask(&world, "jeff", "@desk the printer jams").await;
    let file = desk.config.database.url.sqlite_path().expect("a file").to_owned();
    let copy = file.with_file_name("copy.db");
    SqliteStore::backup(&file, &copy).await.expect("a copy");
    assert_eq!(desk.store().remembered(COPY).await.expect("a database"), None, "the original is not marked as a copy");
    desk.say(&world, "ana", &Spot::channel("sales"), "@desk my screen is black").await;
    let mut last = newest(&desk).await;
    assert_eq!(last, 1002);
    let mut last_outage = outage(&desk).await;
    for _ in 0..2 {
        desk.pass(Duration::from_secs(60)).await;
        desk.stop().await;
        for end in ["", "-wal", "-shm"] {
            let mut name = file.as_os_str().to_owned();
            name.push(end);
            let _ = std::fs::remove_file(name);
        }
        std::fs::copy(&copy, &file).expect("put back");
        desk.stage.clock.advance(Duration::from_secs(5 * 3600));
        // The limits of the last minute have passed.
        desk.start().await;
        // Messages from after the copy are read again, and their tickets get other numbers.
        desk.say(&world, "sam", &Spot::channel("sales"), "@desk no sound").await;
        let now = newest(&desk).await;
        assert!(now > last, "{now} after {last}");
        last = now;
        let now = outage(&desk).await;
        assert!(now > last_outage, "{now} after {last_outage}");
        last_outage = now;
        // The next start skips no numbers.
        desk.pass(Duration::from_secs(60)).await;
        desk.stop().await;
        desk.start().await;
        desk.say(&world, "ada", &Spot::channel("sales"), "@desk no light").await;
        assert_eq!(newest(&desk).await, last + 1);
        last += 1;
    }
    desk.end().await;
}

#[tokio::test]
async fn so_does_a_database_that_lies_elsewhere_than_it_did() {
    let Some(database) = postgres::database().await else { return };
    let mut desk = Desk::open_with(Setup { database: Some(database), ..Setup::default() }).await;
    let world = desk.discord();
    desk.ask(&world, "jeff", "@desk the printer jams").await;
    desk.pass(Duration::from_secs(60)).await;
    desk.stop().await;
    desk.start().await;
    desk.say(&world, "ana", &Spot::channel("sales"), "@desk my screen is black").await;
    let before = newest(&desk).await;
    assert!(before < 1100, "{before}");
    desk.pass(Duration::from_secs(60)).await;
    desk.store().keep_in_mind("lies_in", "on another server").await.expect("kept");
    desk.stop().await;
    desk.start().await;
    desk.say(&world, "sam", &Spot::channel("sales"), "@desk no sound").await;
    assert!(newest(&desk).await > before + 1_000);
    desk.end().await;
}
