//! Sorts the gateway's events: some are handled at once, others are put into a lane. Missing or unreadable data is
//! requested by REST.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use serenity::model::id::{ChannelId, GuildId, MessageId};

use super::directory;
use super::interact;
use super::lanes::{CountOnDrop, GuildOrUnreadable, Item, Pump};
use super::link::{Dispatch, Received};
use super::payload::{Message, Unreadable, channels_of, guild_of, id, ids, list};
use super::reactions::Reaction;
use super::rest::RestError;
use super::watch::shard_of;
use crate::clock::real;
use crate::domain::channel::Channel;
use crate::domain::ids::{PlatformName, Tenant};
use crate::intake::StoreError;
use crate::metrics::{self, Gap};

/// The wait before asking for a missing guild again, the first and the longest.
const ASK_FIRST: Duration = Duration::from_secs(1);
const ASK_LONGEST: Duration = Duration::from_secs(60);
/// The shortest time between two readings of all guilds because of unreadable events.
const REREAD_EVERY: Duration = Duration::from_secs(60);
/// How long after a change of the bot's rights a guild's channels are read again, in the clock's time. Changes often
/// come together.
const JUDGE_AFTER: Duration = Duration::from_secs(5);
/// How many times storing channels is tried. The wait grows by one second each time.
const STORED_TRIES: u32 = 60;

/// Stores the state of a guild's channels, with repeated tries.
async fn persist<F: Future<Output = Result<(), StoreError>>>(guild: GuildId, store: impl Fn() -> F) {
    for tried in 1..=STORED_TRIES {
        match store().await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%guild, %error, tried, "the state of a guild's channels cannot be stored; trying again")
            }
        }
        real::sleep(Duration::from_secs(u64::from(tried))).await;
    }
    tracing::error!(
        %guild,
        "the state of a guild's channels is not stored: it is stored after the next change of one, or after a restart"
    );
}

impl Pump {
    /// Handles a frame of a shard. It must return soon, since the shard's frames are handled one after another.
    pub(super) fn take(self: &Arc<Self>, received: &Received, shard: u32) {
        let counted = CountOnDrop(Some(Arc::clone(&self.shared)));
        match received {
            Received::Dispatch(dispatch) => {
                if self.take_in(dispatch, shard, counted).is_err() {
                    self.shared.count_unreadable(&dispatch.name);
                    self.reread(shard);
                }
            }
            Received::Unreadable => {
                self.shared.count_unreadable("a frame of the gateway");
                self.reread(shard);
            }
        }
    }

    /// Handles a dispatch. Fails if it cannot be read and does not name the message or guild that could be asked for.
    fn take_in(
        self: &Arc<Self>,
        Dispatch { name, data, .. }: &Dispatch,
        shard: u32,
        counted: CountOnDrop,
    ) -> Result<(), Unreadable> {
        let shared = &self.shared;
        match name.as_str() {
            "READY" => {
                tracing::info!(shard, "connected to Discord");
                let named: Vec<GuildId> = list(&data["guilds"]).iter().filter_map(|guild| id(&guild["id"])).collect();
                self.awaits(&named);
                self.note_guilds_of(shard, &named);
                shared.note_guilds(|membership| membership.named(shard, shared.shards, named));
                // Direct messages come through the first shard.
                if shard == 0 {
                    self.missed(None, None, Vec::new(), counted);
                }
            }
            "RESUMED" => tracing::info!(shard, "connected to Discord again; nothing was missed"),
            "GUILD_CREATE" => {
                let guild = id(&data["id"]).ok_or(Unreadable)?;
                if data["unavailable"] != true && self.shared.serves(Some(guild)) {
                    if !data["channels"].is_array() || !data["roles"].is_array() {
                        shared.asks_for("a guild");
                        self.has_come(guild);
                        self.ask_for(guild);
                        return Ok(());
                    }
                    self.guild(guild, data, counted);
                }
                self.has_come(guild);
            }
            "GUILD_DELETE" => {
                let guild = id(&data["id"]).ok_or(Unreadable)?;
                self.has_come(guild);
                // An unavailable guild is still the bot's: Discord has an outage.
                if data["unavailable"] != true {
                    shared.hear_of_members(name, data, &self.intake);
                    shared.directory.forget_guild(guild);
                    self.note_channels(guild, Vec::new());
                    shared.note_guilds(|membership| membership.left(guild));
                }
            }
            "MESSAGE_CREATE" => match Message::read(data) {
                Ok(message) => self.posted(message, counted),
                Err(Unreadable) => {
                    let (home, channel, message) = self.whereabouts(data)?;
                    shared.asks_for("a message");
                    self.unread(home, channel, message, counted);
                }
            },
            // An update without an edit time is an added preview, or a pin.
            "MESSAGE_UPDATE" if !data["edited_timestamp"].is_null() => {
                let (home, channel, message) = self.whereabouts(data)?;
                if home.is_ok_and(|guild| !self.shared.serves(guild)) {
                    return Ok(());
                }
                let whole = Message::read(data).ok().filter(|_| data["content"].is_string() && !self.is_full(channel));
                let item = match whole {
                    Some(whole) => Item::Edited(Box::new(Message { guild: home.ok().flatten(), ..whole })),
                    None => Item::Changed(home, channel, message),
                };
                self.put(channel, item, counted);
            }
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
                let channel = id(&data["channel_id"]).ok_or(Unreadable)?;
                let guild = self.home(data, channel).unwrap_or_default();
                let messages =
                    if name == "MESSAGE_DELETE" { vec![id(&data["id"]).ok_or(Unreadable)?] } else { ids(&data["ids"]) };
                if self.shared.serves(guild) {
                    self.put(channel, Item::Deleted(guild, channel, messages), counted);
                }
            }
            "MESSAGE_REACTION_ADD" => {
                // A full lane keeps its room for messages.
                if let Some(reaction) = Reaction::read(data, shared.clock.now())
                    && shared.serves(Some(reaction.guild))
                    && reaction.user.id != shared.me
                    && !self.is_full(reaction.channel)
                {
                    self.put(reaction.channel, Item::Reacted(Box::new(reaction)), counted);
                }
            }
            "INTERACTION_CREATE" => {
                let read = interact::Interaction::read(data);
                let Ok(interaction) = read else {
                    // Discord neither shows an interaction again nor sends it again. It tells the person that the
                    // interaction failed.
                    shared.count_unreadable("a click, command or form");
                    return Ok(());
                };
                let Some(interaction) = interaction else { return Ok(()) };
                let (shared, intake) = (Arc::clone(&self.shared), self.intake.clone());
                self.tracker.spawn(async move {
                    interact::take(&shared, &intake, &interaction).await;
                    drop(counted);
                });
            }
            other => {
                shared.hear_of_members(other, data, &self.intake);
                shared.directory.take(other, data);
                self.note_channel(other, data);
                self.note_rights(other, data);
            }
        }
        Ok(())
    }

    /// Returns the guild, channel and id of the message that a payload is about.
    fn whereabouts(&self, data: &Value) -> Result<(GuildOrUnreadable, ChannelId, MessageId), Unreadable> {
        let (channel, message) = (id(&data["channel_id"]).ok_or(Unreadable)?, id(&data["id"]).ok_or(Unreadable)?);
        Ok((self.home(data, channel), channel, message))
    }

    /// Returns the guild of a payload about a channel.
    fn home(&self, data: &Value, channel: ChannelId) -> GuildOrUnreadable {
        match guild_of(data) {
            Ok(Some(guild)) => Ok(Some(guild)),
            // A message in a known guild channel is not private just because the payload lacks the guild.
            told => self.shared.directory.guild_of(channel).map_or(told, |known| Ok(Some(known))),
        }
    }

    /// Stores a guild as it is now, and starts reading the messages missed in it.
    fn guild(&self, guild: GuildId, told: &Value, counted: CountOnDrop) {
        self.shared.note_guilds(|membership| membership.joined(guild));
        let listed = self.shared.directory.take_guild(guild, told);
        self.note_channels(guild, channels_of(told, guild, self.shared.me));
        self.register_commands(guild);
        let joined_at = told["joined_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        self.missed(Some(guild), joined_at, listed, counted);
    }

    /// Runs a task beside the events, until the program stops.
    fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let halt = self.halt.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = halt.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Stores the channels of a guild, and whether the bot can write there, with repeated tries.
    fn note_channels(&self, guild: GuildId, channels: Vec<Channel>) {
        let (intake, since) = (self.intake.clone(), self.shared.clock.now());
        self.beside(async move {
            let tenant = directory::tenant(Some(guild));
            persist(guild, || intake.channels_are(&tenant, channels.clone(), since)).await;
        });
    }

    /// Stores that a channel was created, deleted or changed.
    fn note_channel(&self, event: &str, told: &Value) {
        let is_here = match event {
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" => true,
            "CHANNEL_DELETE" => false,
            _ => return,
        };
        let Some(guild) = guild_of(told).ok().flatten().filter(|guild| self.shared.serves(Some(*guild))) else {
            return;
        };
        let whole = self.shared.directory.as_told(guild, told);
        let (tenant, at) = (directory::tenant(Some(guild)), self.shared.clock.now());
        for channel in channels_of(&whole, guild, self.shared.me) {
            let (intake, tenant) = (self.intake.clone(), tenant.clone());
            self.beside(async move {
                persist(guild, || async {
                    match is_here {
                        true => intake.channel_is(&tenant, channel.clone(), at).await,
                        false => intake.channel_is_gone(&tenant, &channel.id).await,
                    }
                })
                .await;
            });
        }
    }

    /// Reads a guild's channels again if this event may have changed the bot's rights there; once for changes that come
    /// together.
    fn note_rights(&self, event: &str, told: &Value) {
        let is_role = matches!(event, "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" | "GUILD_ROLE_DELETE");
        let is_me = event == "GUILD_MEMBER_UPDATE" && id(&told["user"]["id"]) == Some(self.shared.me);
        let Some(guild) = guild_of(told).ok().flatten().filter(|guild| self.shared.serves(Some(*guild))) else {
            return;
        };
        if (!is_role && !is_me) || !self.judging.lock().unwrap_or_else(PoisonError::into_inner).insert(guild) {
            return;
        }
        let (shared, intake, judging) = (Arc::clone(&self.shared), self.intake.clone(), Arc::clone(&self.judging));
        self.beside(async move {
            shared.clock.sleep(JUDGE_AFTER).await;
            judging.lock().unwrap_or_else(PoisonError::into_inner).remove(&guild);
            let since = shared.clock.now();
            match shared.whole_guild(guild).await {
                Ok(whole) => {
                    shared.directory.take_rights(guild, &whole);
                    let channels = channels_of(&whole, guild, shared.me);
                    let tenant = directory::tenant(Some(guild));
                    persist(guild, || intake.channels_are(&tenant, channels.clone(), since)).await;
                }
                Err(error) => tracing::warn!(
                    %guild, %error,
                    "the bot's rights in a guild cannot be read; the ones known so far count"
                ),
            }
        });
    }

    /// Stores the guilds of a shard. From now on, nothing is announced in other guilds of that shard.
    fn note_guilds_of(&self, shard: u32, guilds: &[GuildId]) {
        let served: Vec<Tenant> = guilds
            .iter()
            .filter(|guild| self.shared.serves(Some(**guild)))
            .map(|guild| directory::tenant(Some(*guild)))
            .collect();
        let (intake, shards) = (self.intake.clone(), self.shared.shards);
        self.beside(async move {
            let is_ours = |tenant: &Tenant| id(&json!(tenant.id)).is_some_and(|guild| shard_of(guild, shards) == shard);
            if let Err(error) = intake.only_served(PlatformName::Discord, is_ours, &served).await {
                tracing::warn!(
                    shard, %error,
                    "the list of served guilds cannot be stored; news may be sent to guilds that the bot has left"
                );
            }
        });
    }

    fn awaits(&self, guilds: &[GuildId]) {
        let served = guilds.iter().filter(|guild| self.shared.serves(Some(**guild)));
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).extend(served);
    }

    fn has_come(&self, guild: GuildId) {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(&guild);
    }

    /// Asks for the guilds of a shard that READY has named and that have not arrived.
    pub(super) fn ask_for_missing(self: &Arc<Self>, shard: u32) {
        let shards = self.shared.shards;
        let missing: Vec<GuildId> = {
            let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
            awaited.extract_if(|guild| shard_of(*guild, shards) == shard).collect()
        };
        for guild in missing {
            tracing::warn!(%guild, "a guild that Discord has named did not arrive; it is requested by REST");
            metrics::gap(Gap::Guild);
            self.ask_for(guild);
        }
    }

    /// Reads all guilds of a shard again, at most once a minute, because an event could not be read and it is unknown
    /// which message it was about.
    fn reread(self: &Arc<Self>, shard: u32) {
        {
            let mut reread_at = self.reread_at.lock().unwrap_or_else(PoisonError::into_inner);
            if reread_at.is_some_and(|at| at.elapsed() < REREAD_EVERY) {
                return;
            }
            *reread_at = Some(real::now());
        }
        let mut guilds: HashSet<GuildId> = self.shared.directory.guilds().into_iter().collect();
        guilds.extend(self.awaited.lock().unwrap_or_else(PoisonError::into_inner).drain());
        let of_shard = guilds.into_iter().filter(|guild| shard_of(*guild, self.shared.shards) == shard);
        of_shard.for_each(|guild| self.ask_for(guild));
        if shard == 0 {
            self.missed(None, None, Vec::new(), CountOnDrop::uncounted());
        }
    }

    /// Asks Discord for a guild, as often as necessary.
    fn ask_for(self: &Arc<Self>, guild: GuildId) {
        let this = Arc::clone(self);
        self.tracker.spawn(async move {
            let mut wait = ASK_FIRST;
            while !this.halt.is_cancelled() {
                match this.shared.whole_guild(guild).await {
                    Ok(told) => return this.guild(guild, &told, CountOnDrop::uncounted()),
                    Err(error @ RestError::Refused { .. }) => {
                        tracing::error!(
                            %guild, %error,
                            "Discord does not show a guild to the bot: its events are not handled; run `deskbell check`"
                        );
                        return;
                    }
                    Err(error) => tracing::warn!(%guild, %error, "a guild cannot be read yet; trying again"),
                }
                tokio::select! {
                    () = real::sleep(wait) => wait = (wait * 2).min(ASK_LONGEST),
                    () = this.halt.cancelled() => {}
                }
            }
        });
    }
}
