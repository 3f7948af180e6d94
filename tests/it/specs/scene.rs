//! The scenes whose traffic is checked. They make the bot post and ask everything on a platform at least once.

use std::sync::Arc;
use std::time::Duration;

use deskbell::sandbox::{Fault, Record, Spot, World};
use tokio::sync::OnceCell;

use crate::harness::{Desk, see};
use crate::looks::ReadRecord as _;

/// The recorded traffic of both platforms.
pub struct Traffic {
    pub slack: Vec<Record>,
    pub discord: Vec<Record>,
}

/// Plays the scenes, once for all tests.
pub async fn traffic() -> &'static Traffic {
    static PLAYED: OnceCell<Traffic> = OnceCell::const_new();
    PLAYED.get_or_init(play).await
}

async fn play() -> Traffic {
    let mut traffic = Traffic { slack: Vec::new(), discord: Vec::new() };
    for index in 0..2 {
        let mut desk = Desk::open().await;
        desk.stop().await;
        desk.stage.slack.keep_traffic();
        desk.stage.discord.keep_traffic();
        desk.start().await;
        let world = desk.worlds()[index].clone();
        one_request(&desk, &world).await;
        other_doors(&desk, &world).await;
        direct(&desk, &world).await;
        workspace(&desk, &world).await;
        closed_channel(&mut desk, &world).await;
        traffic.slack.extend(desk.stage.slack.traffic());
        traffic.discord.extend(desk.stage.discord.traffic());
        desk.end().await;
    }
    traffic
}

/// A request's whole life, by buttons, menus and forms.
async fn one_request(desk: &Desk, world: &Arc<dyn World>) {
    let ask = desk.ask(world, "jeff", "@desk printer on 3 prints *blank* pages & <nothing>, ask @ana").await;
    desk.ask(world, "jeff", "@desk and it smells").await;
    let thread = Spot::thread("sales", &ask.id);
    desk.press(world, "jeff", "sales", "Add details").await;
    let form = desk.form(world, "jeff").await;
    world.dismiss("jeff", &form.id).await.expect("closed");
    desk.press(world, "jeff", "sales", "Add details").await;
    desk.fill(world, "jeff", "it is the big Ricoh").await;
    world.edit("jeff", &ask, "@desk printer on 4 prints blank pages").await.expect("edited");
    desk.settle().await;
    desk.press(world, "sam", "sales", "Desk…").await;
    desk.press(world, "mia", "desk-triage", "Take it").await;
    desk.press(world, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(world, "mia", "I've moved you to the printer next door: RICOH-3B.").await;
    desk.press(world, "mia", "desk-triage", "More…").await;
    let priority = label_of(world, "mia", "Priority");
    desk.choose(world, "mia", "desk-triage", &priority, Some("P1")).await;
    desk.press(world, "mia", "desk-triage", "More…").await;
    desk.choose(world, "mia", "desk-triage", "Assign to…", Some("omar")).await;
    desk.press(world, "omar", "desk-triage", "More…").await;
    desk.press(world, "omar", "desk-triage", "Pending…").await;
    desk.fill(world, "omar", "waiting for a fuser").await;
    desk.press(world, "omar", "sales", "Desk…").await;
    desk.press(world, "omar", "sales", "Show").await;
    desk.press(world, "omar", "sales", "Desk…").await;
    desk.press(world, "omar", "sales", "Resolve…").await;
    desk.fill(world, "omar", &"A new fuser was put in, and the tray was cleaned. ".repeat(20)).await;
    let late = desk.say(world, "jeff", &thread, "hm, now it prints everything twice").await;
    desk.say(world, "omar", &thread, &format!("@desk resolve {}", "driver updated, ".repeat(80))).await;
    world.delete("jeff", &late).await.expect("deleted");
    desk.settle().await;
}

/// Greetings, threads that began without the desk, commands, cancelling, notes.
async fn other_doors(desk: &Desk, world: &Arc<dyn World>) {
    desk.pass(Duration::from_secs(600)).await;
    desk.ask(world, "jeff", "@desk hello!").await;
    desk.pass(Duration::from_secs(600)).await;
    let talk = desk.ask(world, "ana", "is anybody's badge working today?").await;
    let thread = Spot::thread("sales", &talk.id);
    desk.say(world, "jeff", &thread, "mine is dead too").await;
    desk.say(world, "ana", &thread, "@desk badge readers on 2 are down").await;
    desk.say(world, "jeff", &thread, "@desk claim").await;
    let newest = desk.store().tickets(None, 10).await.expect("tickets")[0].key.to_string();
    for command in ["help".to_owned(), format!("show {newest}"), format!("claim {newest}"), "show IT-9999".to_owned()] {
        desk.command(world, "mia", &command).await;
    }
    desk.command(world, "jeff", "help").await;
    let view = see(world, "mia");
    let triage = view.channels.iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
    let card = triage.messages.iter().rfind(|message| message.bot).expect("a card");
    desk.say(world, "omar", &Spot::thread("desk-triage", &card.id), "third time this month").await;
    desk.press(world, "ana", "sales", "Cancel").await;
    desk.press(world, "ana", "sales", "Ask again").await;
    desk.press(world, "mia", "desk-triage", "Not a request").await;
}

/// A direct conversation with two requests that turn out to be one.
async fn direct(desk: &Desk, world: &Arc<dyn World>) {
    desk.say(world, "ana", &Spot::direct(), "my disk is full").await;
    let first = desk.store().tickets(None, 10).await.expect("tickets")[0].key.to_string();
    desk.press(world, "mia", "desk-triage", "Take it").await;
    desk.press(world, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(world, "mia", "Please empty the bin.").await;
    desk.pass(Duration::from_secs(13 * 3600)).await;
    desk.say(world, "ana", &Spot::direct(), "it is full again").await;
    desk.choose(world, "ana", "desk", "Add to another request…", Some(&first)).await;
    desk.say(world, "ana", &Spot::direct(), "done").await;
    desk.press(world, "ana", "desk", "New request").await;
    desk.fill(world, "ana", "and a lamp").await;
}

/// Changes of the workspace: a reaction, members of the desk's group, a name, a reconnection.
async fn workspace(desk: &Desk, world: &Arc<dyn World>) {
    let ask = desk.say(world, "sam", &Spot::channel("general"), "@desk coffee machine leaks").await;
    world.react("sam", &ask, "eyes", true).await.expect("reacted");
    desk.stage.slack.set_group("it-desk", &["omar"]);
    desk.stage.slack.rename_person("sam", "Samuel Reyes");
    desk.stage.discord.set_role("it-desk", &["omar".to_owned()]);
    desk.settle().await;
    world.inject(Fault::AskReconnect);
    desk.ask(world, "sam", "@desk and so does the tap").await;
}

/// The bot loses a channel before it has answered there: the answer goes to the person directly.
async fn closed_channel(desk: &mut Desk, world: &Arc<dyn World>) {
    desk.pass(Duration::from_secs(600)).await;
    let refused = |desk: &Desk| desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    assert_eq!(refused(desk), 0);
    world.say("jeff", &Spot::channel("general"), "@desk hello!", None).await.expect("said");
    world.inject(Fault::CloseChannel { channel: "general".to_owned() });
    desk.settle().await;
    desk.expect_refusals(refused(desk));
}

/// The label of a menu that begins with these words.
fn label_of(world: &Arc<dyn World>, who: &str, start: &str) -> String {
    let view = see(world, who);
    let messages = view.channels.iter().flat_map(|channel| &channel.messages);
    let messages = messages.flat_map(|message| std::iter::once(message).chain(&message.thread));
    let mut labels = messages.flat_map(|message| &message.controls).map(|control| control.label.clone());
    labels.find(|label| label.starts_with(start)).unwrap_or_else(|| panic!("{who} sees no {start}"))
}
