//! Tests of several connections that share the guilds.

use super::*;

#[tokio::test]
async fn a_shard_hears_its_guilds_and_the_first_one_direct_messages() {
    let public = |name: &str| ChannelSetup { name: name.to_owned(), private: false, members: Vec::new(), bot: true };
    let more_guilds = (0..4).map(|number| GuildSetup {
        name: format!("Branch {number}"),
        channels: vec![public(&format!("branch{number}"))],
    });
    let setup = DiscordSetup { more_guilds: more_guilds.collect(), shards: 2, max_concurrency: 16, ..setup() };
    let guild = DiscordSandbox::start(setup).await.expect("starts");
    let advised = http(&guild).get_bot_gateway().await.expect("an answer");
    assert_eq!((advised.shards, advised.session_start_limit.max_concurrency), (2, 16));

    let plain = GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::DIRECT_MESSAGES;
    let mut wrong = Socket::identified_as(&guild, plain, json!([2, 2])).await;
    assert_eq!(wrong.next().await, Err(4010));

    let mut sockets = Vec::new();
    let mut all = Vec::new();
    for number in 0..2 {
        let mut socket = Socket::identified_as(&guild, plain, json!([number, 2])).await;
        let ready = socket.until("READY").await;
        assert_eq!(ready["d"]["shard"], json!([number, 2]));
        for unavailable in ready["d"]["guilds"].as_array().expect("a list") {
            let created = socket.until("GUILD_CREATE").await;
            assert_eq!(created["d"]["id"], unavailable["id"]);
            let guild_id = id(created["d"]["id"].as_str().expect("an id"));
            assert_eq!((guild_id >> 22) % 2, number, "{guild_id}");
            all.push(guild_id);
        }
        sockets.push(socket);
    }
    assert_eq!(all.len(), 5, "each guild belongs to one shard: {all:?}");

    let channels = ["sales", "branch0", "branch1", "branch2", "branch3"];
    for channel in channels {
        guild.say("jeff", &Spot::channel(channel), channel, None).await.expect("said");
    }
    guild.say("jeff", &Spot::direct(), "direct", None).await.expect("said");
    for (number, socket) in (0..).zip(&mut sockets) {
        let mine = channels.iter().filter(|name| {
            let channel = guild.channel_id(name).expect("known");
            (id(&guild.guild_of_channel(&channel).expect("in a guild")) >> 22) % 2 == number
        });
        let direct = (number == 0).then_some("direct");
        for expected in mine.copied().chain(direct) {
            let heard = socket.until("MESSAGE_CREATE").await;
            let is_here = guild.channel_id(expected).is_none_or(|channel| heard["d"]["channel_id"] == channel.as_str());
            assert!(is_here && heard["d"].get("guild_id").is_none() == (expected == "direct"), "{expected}: {heard}");
        }
    }
    assert_eq!(guild.undelivered(), 0);

    // Events of a shard without a connection wait, whatever the others do.
    let first = sockets.remove(0);
    drop(first);
    let mut links = guild.shared.links.subscribe();
    links.wait_for(|links| *links == 1).await.expect("unlinked");
    guild.say("jeff", &Spot::direct(), "are you there", None).await.expect("said");
    assert_eq!(guild.undelivered(), 1);
    guild.shut_down().await;
}
