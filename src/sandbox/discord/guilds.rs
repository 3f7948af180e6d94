//! The guilds that the bot is in: one with the desk and the roles, and others with nothing but channels.

use anyhow::ensure;

use super::GuildSetup;
use super::ids::fixed;
use super::state::{Place, State};
use crate::domain::limits::discord as platform;
use crate::sandbox::setup::ChannelSetup;

/// A guild. All people are members of every guild, unless they were removed.
#[derive(Debug)]
pub struct Guild {
    pub id: u64,
    pub name: String,
    /// The role that Discord made for the bot there.
    pub bot_role: u64,
    /// Its text channels, in their order.
    pub channels: Vec<u64>,
}

impl State {
    /// Adds the guilds besides the first.
    ///
    /// # Errors
    /// If one of them has more channels than Discord allows.
    pub fn add_guilds(&mut self, guilds: Vec<GuildSetup>) -> anyhow::Result<()> {
        for setup in guilds {
            let name = setup.name;
            let id = fixed(self.seed, "guild", &format!("guild {name}"));
            let bot_role = fixed(self.seed, "role", &format!("\u{0}desk {name}"));
            self.guilds.push(Guild { id, name: name.clone(), bot_role, channels: Vec::new() });
            self.add_text_channels(id, setup.channels, &format!("{name}/"))?;
        }
        Ok(())
    }

    /// Adds text channels to a guild. `prefix` gives channels of the same name in several guilds different ids.
    pub fn add_text_channels(&mut self, guild: u64, channels: Vec<ChannelSetup>, prefix: &str) -> anyhow::Result<()> {
        let most = platform::CHANNELS;
        ensure!(channels.len() <= most, "a guild holds {most} channels at most, and not {}", channels.len());
        for channel in channels {
            let members = channel.members.iter().filter_map(|handle| self.person(handle).ok()).collect();
            let place = Place::Text { private: channel.private, members, bot: channel.bot };
            let id = fixed(self.seed, "channel", &format!("{prefix}{}", channel.name));
            self.channel_order.push(id);
            self.channel_names.entry(channel.name.clone()).or_insert(id);
            self.add_channel(id, channel.name, place);
            if let Some(guild) = self.guilds.iter_mut().find(|known| known.id == guild) {
                let position = guild.channels.len();
                guild.channels.push(id);
                if let Some(channel) = self.channels.get_mut(&id) {
                    (channel.guild, channel.position) = (Some(guild.id), position);
                }
            }
        }
        Ok(())
    }

    /// Returns the guild with this id, if the bot is in it.
    pub fn guild_with(&self, id: u64) -> Option<&Guild> {
        self.guilds.iter().find(|guild| guild.id == id)
    }

    /// Returns the guild that a channel or thread is in; `None` for a direct conversation.
    pub fn guild_of(&self, channel: u64) -> Option<u64> {
        self.channels.get(&channel)?.guild
    }
}
