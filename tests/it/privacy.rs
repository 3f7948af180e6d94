//! Private words stay private, whatever happens, and people's words ping nobody.

use deskbell::sandbox::{Fault, Spot};

use crate::harness::{Desk, on_both, see};

#[tokio::test]
async fn a_reply_to_closed_direct_messages_is_never_shown_as_sent_nor_said_in_public() {
    let mut desk = Desk::open().await;
    let discord = desk.discord();
    desk.say(&discord, "ana", &Spot::direct(), "I think I clicked on something bad").await;
    desk.press(&discord, "mia", "desk-triage", "Take it").await;
    discord.close_direct("ana", true);
    desk.press(&discord, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(&discord, "mia", "The mail was a trap.").await;
    let transcript = desk.transcript(&discord);
    assert!(transcript.contains("Not delivered: Ana's direct messages are closed."), "{transcript}");
    assert!(!transcript.contains("Mia to Ana"), "not shown as sent: {transcript}");
    for who in ["jeff", "sam", "ana"] {
        let seen = format!("{:?}", see(&discord, who));
        assert!(!seen.contains("The mail was a trap"), "{who} sees it");
    }
    desk.expect_refusals(1);
    desk.end().await;
}

#[tokio::test]
async fn a_reply_into_an_archived_channel_is_told_to_the_agent() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
        desk.press(world, "mia", "desk-triage", "Reply to requester").await;
        desk.fill(world, "mia", "I'm on my way.").await;
        let transcript = desk.transcript(world);
        assert!(transcript.contains("Not delivered: I can't write in that channel any more"), "{transcript}");
        assert!(!transcript.contains("Mia to Jeff"), "{transcript}");
        let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        desk.expect_refusals(refused);
    })
    .await;
}

#[tokio::test]
async fn nobody_is_pinged_by_what_people_write() {
    on_both(async |desk, world| {
        let evil = "@desk <!channel> <!here> @everyone @here <@U123> <@123456789012345678> <@&1> \
                    [innocent](https://evil.example) <https://evil.example|innocent> ```unclosed";
        desk.ask(world, "jeff", evil).await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        desk.press(world, "mia", "desk-triage", "Reply to requester").await;
        desk.fill(world, "mia", "@everyone <!channel> look at <@U123>").await;
        for who in ["jeff", "ana", "mia", "sam"] {
            for channel in see(world, who).channels {
                for message in channel.messages.iter().flat_map(|one| std::iter::once(one).chain(&one.thread)) {
                    if message.bot {
                        let only_mia = message.pings.iter().all(|pinged| pinged == "mia");
                        assert!(only_mia, "{} pings {:?}", message.text, message.pings);
                        assert!(
                            !message.text.contains("innocent <https://evil"),
                            "a link shows another address: {}",
                            message.text
                        );
                    }
                }
            }
        }
    })
    .await;
}
