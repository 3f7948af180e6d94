//! Does every act once on both platforms, as people do it. Whoever adds an act adds the line here that does it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deskbell::intake::acts;
use deskbell::sandbox::{Fault, Spot, World};

use crate::harness::{Desk, Setup, by_platform, find_control, on_both_with, see};
use crate::knowledge::knowing;
use crate::looks::ReadRecord as _;

/// The way in which a person does an act. The first field is the person.
enum By<'a> {
    /// A button: person, channel, label.
    Button(&'a str, &'a str, &'a str),
    /// A button and the form that it opens: person, channel, label, words for the form.
    Form(&'a str, &'a str, &'a str, &'a str),
    /// A menu: person, channel, label, choice.
    Menu(&'a str, &'a str, &'a str, &'a str),
    /// A command: person, words after `/desk`.
    Command(&'a str, &'a str),
}

async fn follow(desk: &Desk, world: &Arc<dyn World>, by: By<'_>) {
    match by {
        By::Button(who, channel, label) => desk.press(world, who, channel, label).await,
        By::Form(who, channel, label, words) => {
            desk.press(world, who, channel, label).await;
            desk.fill(world, who, words).await;
        }
        By::Menu(who, channel, label, choice) => desk.choose(world, who, channel, label, Some(choice)).await,
        By::Command(who, words) => desk.command(world, who, words).await,
    }
}

/// Returns the names of the acts in the audit of the newest ten tickets and of everything beside tickets.
async fn audited(desk: &Desk) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for ticket in desk.store().tickets(None, 10).await.expect("tickets") {
        names.extend(desk.store().audit(ticket.id).await.expect("an audit").into_iter().map(|entry| entry.act));
    }
    names.extend(desk.store().audit_beside_tickets().await.expect("an audit").into_iter().map(|entry| entry.act));
    names
}

#[tokio::test]
async fn every_act_is_done_once() {
    const DESK: &str = "desk-triage";
    let nudging = Setup { extra_settings: "[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\n", ..Setup::default() };
    on_both_with(nudging, async |desk, world| {
        let (mut done, mut done_by_hand) = (BTreeSet::new(), BTreeSet::new());
        // Does the act and checks that it was done: by a new name in the audit, or by a new private answer to the
        // person if the act has no name in the audit.
        let mut act = async |name: &'static str, by: By<'_>| {
            let spec = acts().find(|spec| spec.name == name).expect("it is an act");
            let who = match by {
                By::Button(who, ..) | By::Form(who, ..) | By::Menu(who, ..) | By::Command(who, ..) => who,
            };
            let (before, told) = (audited(desk).await, desk.last_private(world, who));
            let count = desk.store().total().await.expect("a count");
            follow(desk, world, by).await;
            let is_opened = desk.store().total().await.expect("a count") == count + 1;
            let new: Vec<String> = audited(desk).await.difference(&before).cloned().collect();
            // An act that opens a request is in the audit as `opened`, which is no new name: the tickets are counted.
            let is_known = (spec.audit == "opened" && is_opened) || new.iter().any(|act| act == spec.audit);
            let is_told = spec.audit.is_empty() && desk.last_private(world, who) != told;
            assert!(is_known || is_told, "{}: {name} was not done; new in the audit: {new:?}", world.platform());
            done.insert(name);
        };
        desk.ask(world, "jeff", "@desk printer smokes").await;
        act("help", By::Command("jeff", "help")).await;
        act("requests", By::Command("jeff", "requests")).await;
        act("details", By::Form("jeff", "sales", "Add details", "it is the big Ricoh")).await;
        act("claim", By::Button("mia", DESK, "Take it")).await;
        act("reply", By::Form("mia", DESK, "Reply to requester", "on my way")).await;
        act("menu", By::Button("mia", DESK, "More…")).await;
        act("priority", By::Menu("mia", DESK, "Priority…", "P1")).await;
        act("pending", By::Form("mia", DESK, "Pending…", "a fuser")).await;
        act("assign", By::Menu("mia", DESK, "Assign to…", "omar")).await;
        act("release", By::Button("mia", DESK, "Release")).await;
        act("show", By::Command("mia", "show IT-1001")).await;
        act("resolve", By::Form("mia", DESK, "Resolve…", "a new fuser")).await;
        act("reopen", By::Command("jeff", "reopen IT-1001")).await;
        act("not_a_request", By::Button("mia", DESK, "Not a request")).await;
        desk.press(world, "jeff", "sales", "Ask again").await;
        act("cancel", By::Button("jeff", "sales", "Cancel")).await;

        desk.ask(world, "ana", "@desk the scanner jams").await;
        desk.ask(world, "ana", "@desk and my badge is lost").await;
        let alone = if world.platform() == "slack" { "sales" } else { "desk" };
        act("own_request", By::Button("ana", alone, "Make it a request of its own")).await;

        desk.say(world, "sam", &Spot::direct(), "my disk is full").await;
        act("new_request", By::Form("sam", "desk", "New request", "and a lamp")).await;
        act("belongs_to", By::Menu("sam", "desk", "Add to another request…", "IT-1004")).await;
        assert!(see(world, "sam").form.is_none());

        knowing(desk).await;
        act("search", By::Command("sam", "search printer prints nothing")).await;
        act("read", By::Button("sam", "random", "Read KB-26")).await;
        desk.pass(Duration::from_secs(300)).await;
        for (who, channel) in [("jeff", "sales"), ("sam", "general"), ("ana", "random")] {
            desk.say(world, who, &Spot::channel(channel), "@desk laptop is slow and the battery runs down").await;
        }
        act("read_suggested", By::Button("jeff", "sales", "Read")).await;
        let has_praise = find_control(&see(world, "jeff"), "sales", "Helpful").is_some();
        assert_eq!(has_praise, world.platform() == "slack", "Discord has no such buttons");
        if has_praise {
            act("helpful", By::Button("jeff", "sales", "Helpful")).await;
        }
        act("more_articles", By::Button("jeff", "sales", "More")).await;
        act("unhelpful", By::Button("jeff", "sales", "Not helpful")).await;
        act("person", By::Button("sam", "general", "Get a person")).await;
        act("send", By::Command("mia", "send IT-1007 KB-7")).await;
        act("solved", By::Button("ana", "random", "This solved it")).await;
        act("ask", By::Command("sam", "ask my second screen stays black")).await;
        act("articles", By::Command("mia", "articles")).await;
        act("write_article", By::Form("mia", "random", "Write an article…", "A second screen stays black")).await;
        act("edit_article", By::Form("mia", "random", "Edit…", "The second screen stays black")).await;
        act("publish_article", By::Button("mia", "random", "Publish")).await;
        act("review_article", By::Form("mia", "random", "Mark as checked…", "")).await;
        act("retire_article", By::Button("mia", "random", "Retire")).await;
        act("article", By::Command("mia", "article KB-7")).await;
        act("services", By::Command("jeff", "services")).await;
        let services = if world.platform() == "discord" { "services:vpn" } else { "vpn" };
        act("subscribe", By::Command("mia", &format!("subscribe {services}"))).await;
        act("outages", By::Command("mia", "outages")).await;
        desk.press(world, "mia", "random", "Announce an outage…").await;
        let fields = [("title", "Nobody gets in"), ("services", "vpn"), ("severity", "low")];
        desk.fill_in(world, "mia", &fields).await;
        if world.platform() == "discord" {
            desk.press(world, "mia", "random", "Next").await;
            desk.fill_in(world, "mia", &[]).await;
        }
        done_by_hand.insert("outage announce");
        desk.press(world, "mia", DESK, "More…").await;
        desk.press(world, "mia", DESK, "Declare an outage…").await;
        desk.fill_in(world, "mia", &fields).await;
        if world.platform() == "discord" {
            desk.press(world, "mia", DESK, "Next").await;
            desk.fill_in(world, "mia", &[]).await;
        }
        done_by_hand.insert("declare");
        act("outage send", By::Button("mia", "random", "Announce it now")).await;
        act("outage show", By::Button("mia", "random", "Where it went")).await;
        desk.press(world, "mia", DESK, "Update…").await;
        desk.fill_in(world, "mia", &[("phase", "monitoring")]).await;
        done_by_hand.insert("outage update");
        desk.press(world, "mia", DESK, "Change…").await;
        desk.fill_in(world, "mia", &[("severity", "medium")]).await;
        done_by_hand.insert("outage change");
        world.inject(Fault::CloseChannel { channel: "random".to_owned() });
        desk.press(world, "mia", DESK, "Update…").await;
        desk.fill_in(world, "mia", &[("phase", "identified")]).await;
        desk.press(world, "mia", DESK, "Where it went").await;
        act("outage retry", By::Button("mia", DESK, "Try again")).await;
        desk.press(world, "mia", DESK, "Where it went").await;
        act("outage give_up", By::Button("mia", DESK, "Give up")).await;
        world.inject(Fault::OpenChannel { channel: "random".to_owned() });
        act("outage resolve", By::Form("mia", DESK, "It is over…", "A certificate had expired.")).await;
        desk.command(world, "mia", "outages").await;
        desk.press(world, "mia", "random", "Announce an outage…").await;
        desk.fill_in(world, "mia", &fields).await;
        if world.platform() == "discord" {
            desk.press(world, "mia", "random", "Next").await;
            desk.fill_in(world, "mia", &[]).await;
        }
        desk.press(world, "mia", "random", "Announce it now").await;
        act("outage retract", By::Button("mia", DESK, "Retract")).await;
        let alert = desk.say(world, "sam", &Spot::channel("general"), "ALERT: mail queue is long").await;
        world.choose_menu("mia", &alert, "Announce an outage").await.expect("it is in the menu");
        desk.fill_in(world, "mia", &fields[1..]).await;
        if world.platform() == "discord" {
            desk.press(world, "mia", "general", "Next").await;
            desk.fill_in(world, "mia", &[]).await;
        }
        done_by_hand.insert("outage seen");
        act("unsubscribe", By::Command("mia", &format!("unsubscribe {services}"))).await;
        const HELP: &str = "my laptop does not start any more, can you help me?";
        let sales = Spot::channel("sales");
        desk.pass(Duration::from_secs(3600)).await;
        desk.say(world, "jeff", &sales, &format!("@mia {HELP}")).await;
        act("guard report", By::Command("mia", "guard report")).await;
        act(
            "oncall until",
            By::Command("omar", by_platform(world, "oncall until tomorrow 9", "oncall until until:tomorrow 9")),
        )
        .await;
        act("oncall who", By::Command("mia", "oncall who")).await;
        act("pass_on", By::Button("jeff", "sales", "Make it a request")).await;
        desk.pass(Duration::from_secs(3600)).await;
        desk.say(world, "jeff", &sales, &format!("@mia {HELP}")).await;
        act("no_request", By::Button("jeff", "sales", "Not a request")).await;
        desk.pass(Duration::from_secs(3600)).await;
        desk.say(world, "jeff", &sales, &format!("@omar {HELP}")).await;
        act("why_asked", By::Button("jeff", "sales", "Why did I get this?")).await;
        act("not_here", By::Button("jeff", "sales", "Don't ask me in this channel")).await;
        desk.pass(Duration::from_secs(3600)).await;
        desk.say(world, "ana", &sales, &format!("@mia {HELP}")).await;
        act("urgent", By::Button("ana", "sales", "It's urgent")).await;
        act("call", By::Form("ana", "sales", "Call them…", "Payroll runs at noon.")).await;
        act("oncall end", By::Command("omar", "oncall end")).await;
        let mode = by_platform(world, "guard mode observe", "guard mode mode:observe");
        desk.command_in(world, "ada", "sales", mode).await;
        done_by_hand.insert("guard mode");
        desk.command_in(world, "mia", "sales", by_platform(world, "guard me off", "guard me guarded:off")).await;
        done_by_hand.insert("guard me");
        act("guard away", By::Command("mia", by_platform(world, "guard away tomorrow", "guard away until:tomorrow")))
            .await;
        act("guard back", By::Command("mia", "guard back")).await;
        let link = "https://discord.com/channels/1/2/3";
        act("guard why", By::Command("mia", &format!("{}{link}", by_platform(world, "guard why ", "guard why link:"))))
            .await;
        let lost = desk.say(world, "jeff", &sales, "the beamer in room 4 stays dark").await;
        let count = desk.store().total().await.expect("a count");
        world.choose_menu("mia", &lost, "Send to desk").await.expect("it is in the menu");
        desk.settle().await;
        assert_eq!(desk.store().total().await.expect("a count"), count + 1);
        done_by_hand.insert("send_to_desk");
        desk.press(world, "jeff", "sales", "Undo").await;
        let ticket = desk.store().tickets(None, 1).await.expect("tickets")[0].clone();
        assert_eq!(ticket.status.name(), "cancelled");
        done_by_hand.insert("undo");
        let names = audited(desk).await;
        assert!(["outage written", "outage updated"].iter().all(|name| names.contains(*name)), "{names:?}");

        if !has_praise {
            done.insert("helpful");
        }
        done.extend(done_by_hand);
        let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        desk.expect_refusals(refused);
        let declared: BTreeSet<&str> = acts().map(|spec| spec.name).collect();
        assert_eq!(done, declared, "{}: each act has its line here", world.platform());
    })
    .await;
}
