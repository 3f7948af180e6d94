//! Detects a deaf session: it is open and its heartbeats are answered, but it receives nothing.
//!
//! Silence alone proves nothing, since there may be no messages. So after some silence Discord is asked for the newest
//! messages of the served guilds. Only a message that exists and did not arrive makes the session count as deaf.

use std::time::Duration;

use serde_json::Value;
use serenity::http::{LightMethod, Route};
use serenity::model::gateway::ShardInfo;
use serenity::model::id::{ChannelId, GuildId, MessageId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Shared, id};
use crate::clock::real;

/// The largest number of direct conversations to check, the most recent first.
const DIRECTS: usize = 10;
/// How long a message may take to arrive through the gateway.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Returns once a session was silent for the configured time although there were messages for it.
pub(super) async fn until_deaf(shared: &Shared, shard: ShardInfo, hearing: watch::Receiver<Instant>) {
    let mut looked = *hearing.borrow();
    loop {
        let heard = *hearing.borrow();
        let doubtful = heard.max(looked) + shared.silence;
        if doubtful > real::now() {
            real::sleep_until(doubtful).await;
            continue;
        }
        if is_ahead(shared, shard).await {
            real::sleep(ON_ITS_WAY.min(shared.silence)).await;
            if *hearing.borrow() == heard && is_ahead(shared, shard).await {
                return;
            }
        }
        looked = real::now();
    }
}

/// Whether Discord has a message that did not arrive. If Discord does not answer, it counts as having none.
async fn is_ahead(shared: &Shared, shard: ShardInfo) -> bool {
    let served = |guild: &GuildId| shared.serves(Some(*guild)) && shard_of(*guild, shard.total) == shard.id.0;
    for guild in shared.directory.guilds().into_iter().filter(served) {
        let seen = shared.directory.seen_in(guild);
        for (channel, last) in newest(shared, guild).await {
            if let Some(seen) = seen.get(&channel).filter(|seen| last > **seen)
                && is_there(shared, channel, *seen).await
            {
                return true;
            }
        }
    }
    if shard.id.0 != 0 {
        return false;
    }
    for (channel, seen) in shared.directory.directs_seen().into_iter().take(DIRECTS) {
        let found = ask(shared, Route::Channel { channel_id: channel }, &[]).await;
        let last = found["last_message_id"].as_str().and_then(id::<MessageId>);
        if last.is_some_and(|last| last > seen) && is_there(shared, channel, seen).await {
            return true;
        }
    }
    false
}

/// Returns the newest message of each channel and active thread.
async fn newest(shared: &Shared, guild: GuildId) -> Vec<(ChannelId, MessageId)> {
    let channels = ask(shared, Route::GuildChannels { guild_id: guild }, &[]).await;
    let threads = ask(shared, Route::GuildThreadsActive { guild_id: guild }, &[]).await;
    let all = channels.as_array().into_iter().chain(threads["threads"].as_array()).flatten();
    all.filter_map(|it| Some((id(it["id"].as_str()?)?, id(it["last_message_id"].as_str()?)?))).collect()
}

/// Whether a channel has a message after this one. The newest message that Discord names may be deleted.
async fn is_there(shared: &Shared, channel: ChannelId, after: MessageId) -> bool {
    let query = [("after", after.to_string()), ("limit", "1".to_owned())];
    let found = ask(shared, Route::ChannelMessages { channel_id: channel }, &query).await;
    found.as_array().is_some_and(|found| !found.is_empty())
}

async fn ask(shared: &Shared, route: Route<'_>, query: &[(&str, String)]) -> Value {
    match shared.rest.call_patiently(LightMethod::Get, route, query, None).await {
        Ok(found) => found,
        Err(error) => {
            let path = route.path();
            tracing::debug!(%path, %error, "Discord does not say whether messages were missed: none count as missed");
            Value::Null
        }
    }
}

/// Returns the shard through which a guild's events come.
pub(super) fn shard_of(guild: GuildId, shards: u32) -> u32 {
    u32::try_from((guild.get() >> 22) % u64::from(shards.max(1))).unwrap_or_default()
}
