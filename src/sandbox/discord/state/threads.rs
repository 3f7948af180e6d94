//! Threads: their start, their archiving for inactivity, and their unarchiving.

use super::Place;
use super::State;
use super::Thread;
use crate::domain::limits::discord as platform;
use crate::sandbox::discord::errors::ApiError;
use crate::sandbox::discord::gateway::Happening;
use crate::sandbox::discord::gateway::intents;
use serde_json::json;

impl State {
    /// The threads of a guild that are not archived.
    pub fn active_threads(&self, guild: u64) -> impl Iterator<Item = u64> + '_ {
        self.expiries.iter().map(|(_, id)| *id).filter(move |id| self.guild_of(*id) == Some(guild))
    }

    /// Whether the guild of this channel can hold another active thread.
    fn has_room_for_a_thread(&self, channel: u64) -> bool {
        let of_guild = |guild| self.active_threads(guild).count();
        self.expiries.len() < platform::ACTIVE_THREADS
            || self.guild_of(channel).map_or(0, of_guild) < platform::ACTIVE_THREADS
    }

    /// Starts the thread under a message.
    pub fn start_thread(
        &mut self,
        parent: u64,
        root: u64,
        owner: u64,
        name: &str,
        auto_archive_minutes: i64,
    ) -> Result<(), ApiError> {
        if !matches!(self.channel(parent)?.place, Place::Text { .. }) {
            return Err(ApiError::wrong_channel_type());
        }
        self.message(parent, root)?;
        if self.channels.contains_key(&root) {
            return Err(ApiError::thread_exists());
        }
        if !self.has_room_for_a_thread(parent) {
            return Err(ApiError::too_many_threads());
        }
        let now_ms = self.now_ms();
        let thread = Thread {
            parent,
            owner,
            archived: false,
            locked: false,
            auto_archive_minutes,
            turned_ms: now_ms,
            expires_ms: 0,
            joined: owner == self.bot,
        };
        self.add_channel(root, name.to_owned(), Place::Thread(thread));
        self.keep_alive(root);
        let mut data = self.channel_json(root);
        data["newly_created"] = json!(true);
        self.dispatch_in(root, Happening::new("THREAD_CREATE", intents::GUILDS, data));
        self.announce_update(parent, root);
        self.touch();
        Ok(())
    }

    /// Restarts the time after which an active thread is archived for inactivity.
    pub fn keep_alive(&mut self, id: u64) {
        let now_ms = self.now_ms();
        let Some(thread) = self.thread_mut(id) else { return };
        let before = (thread.expires_ms, id);
        thread.expires_ms = now_ms.saturating_add(thread.auto_archive_minutes * 60_000);
        let after = (thread.expires_ms, id);
        self.expiries.remove(&before);
        self.expiries.insert(after);
    }

    /// Archives or unarchives a thread. The caller announces the change.
    pub fn set_archived(&mut self, id: u64, archived: bool) -> Result<(), ApiError> {
        let now_ms = self.now_ms();
        let has_room = self.has_room_for_a_thread(id);
        let Some(thread) = self.thread_mut(id) else { return Err(ApiError::wrong_channel_type()) };
        if thread.archived == archived {
            return Ok(());
        }
        if !archived && !has_room {
            return Err(ApiError::too_many_threads());
        }
        thread.archived = archived;
        thread.turned_ms = now_ms;
        if archived {
            let expiry = (thread.expires_ms, id);
            self.expiries.remove(&expiry);
        } else {
            self.keep_alive(id);
        }
        self.touch();
        Ok(())
    }

    /// Changes the properties of a thread. The caller announces the change; nothing happens if there is no such thread.
    pub fn change_thread(&mut self, id: u64, change: impl FnOnce(&mut Thread)) {
        if let Some(thread) = self.thread_mut(id) {
            change(thread);
        }
    }

    /// Sends THREAD_UPDATE with the present properties of a thread, if the bot sees it.
    pub fn announce_thread(&mut self, id: u64) {
        let data = self.channel_json(id);
        self.dispatch_in(id, Happening::new("THREAD_UPDATE", intents::GUILDS, data));
    }

    /// Archives the threads that were inactive for too long, and announces it.
    pub fn archive_idle_threads(&mut self) {
        let now_ms = self.now_ms();
        while let Some((expires_ms, id)) = self.expiries.first().copied()
            && expires_ms <= now_ms
        {
            self.expiries.pop_first();
            self.change_thread(id, |thread| {
                thread.archived = true;
                thread.turned_ms = expires_ms;
            });
            self.announce_thread(id);
        }
    }
}
