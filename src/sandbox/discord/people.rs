//! The guild as its people use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{oneshot, watch};

use super::faults::{InjectedFault, InjectedFaults};
use super::gateway::{Happening, intents};
use super::state::Place;
use super::{DiscordSandbox, Member, Shared};
use crate::clock::real;
use crate::sandbox::{ChannelInfo, Fault, MessageAt, PersonInfo, Spot, View, World, WorldError};

const FAILED: &str = "This interaction failed";
const NO_RESPONSE: &str = "The application did not respond";
/// How long an event that is to be delivered out of order waits for another to overtake it, in real time.
const OVERTAKEN_WITHIN: Duration = Duration::from_millis(250);

#[async_trait]
impl World for DiscordSandbox {
    fn platform(&self) -> &'static str {
        "discord"
    }

    fn people(&self) -> Vec<PersonInfo> {
        self.shared.with(|state| {
            let people = state.people.iter().filter_map(|id| state.users.get(id)).map(|user| PersonInfo {
                handle: user.handle.clone(),
                name: user.name.clone(),
                id: user.id.to_string(),
                part: user.part.clone(),
            });
            people.collect()
        })
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        self.shared.with(|state| {
            let channels = state.channel_order.iter().filter_map(|id| state.channels.get(id));
            let info = channels.map(|channel| ChannelInfo {
                name: channel.name.clone(),
                id: channel.id.to_string(),
                private: matches!(channel.place, Place::Text { private: true, .. }),
            });
            info.collect()
        })
    }

    fn add_person(&self, handle: &str, name: &str) -> String {
        let member = Member { handle: handle.to_owned(), name: name.to_owned(), part: "employee".to_owned() };
        self.shared.with(|state| {
            let known = state.handles.contains_key(handle);
            let id = state.add_person(&member);
            if !known {
                let guilds: Vec<u64> = state.guilds.iter().map(|guild| guild.id).collect();
                for guild in guilds {
                    let mut data = state.member_json(guild, id, true);
                    data["guild_id"] = json!(guild.to_string());
                    state.dispatch(Happening::new("GUILD_MEMBER_ADD", intents::GUILD_MEMBERS, data));
                }
            }
            id.to_string()
        })
    }

    async fn say(&self, who: &str, spot: &Spot, text: &str, reply_to: Option<&str>) -> Result<MessageAt, WorldError> {
        self.shared.with(|state| state.person_says(who, spot, text, reply_to))
    }

    async fn edit(&self, who: &str, message: &MessageAt, text: &str) -> Result<(), WorldError> {
        self.shared.with(|state| state.person_edits(who, message, text))
    }

    async fn delete(&self, who: &str, message: &MessageAt) -> Result<(), WorldError> {
        self.shared.with(|state| state.person_deletes(who, message))
    }

    async fn react(&self, who: &str, message: &MessageAt, emoji: &str, add: bool) -> Result<(), WorldError> {
        self.shared.with(|state| state.person_reacts(who, message, emoji, add))
    }

    async fn press(
        &self,
        who: &str,
        message: &MessageAt,
        control: &str,
        value: Option<&str>,
    ) -> Result<(), WorldError> {
        match self.shared.with(|state| state.person_presses(who, message, control, value))? {
            Some((interaction, answered)) => self.first_answer(interaction, answered, FAILED).await,
            None => Ok(()),
        }
    }

    fn unanswered(&self) -> usize {
        self.shared.with(|state| state.unanswered())
    }

    async fn choose_menu(&self, who: &str, message: &MessageAt, name: &str) -> Result<(), WorldError> {
        let (interaction, answered) = self.shared.with(|state| state.person_chooses_menu(who, message, name))?;
        self.first_answer(interaction, answered, NO_RESPONSE).await
    }

    async fn submit(&self, who: &str, form: &str, values: &BTreeMap<String, String>) -> Result<(), WorldError> {
        let (interaction, answered) = self.shared.with(|state| state.person_submits(who, form, values))?;
        self.first_answer(interaction, answered, FAILED).await?;
        // This fails if the bot has opened another form meanwhile, which stays.
        let _ = self.shared.with(|state| state.close_form(who, form));
        Ok(())
    }

    async fn dismiss(&self, who: &str, form: &str) -> Result<(), WorldError> {
        self.shared.with(|state| state.close_form(who, form))
    }

    async fn command(&self, who: &str, spot: &Spot, text: &str) -> Result<(), WorldError> {
        let (interaction, answered) = self.shared.with(|state| state.person_commands(who, spot, text))?;
        self.first_answer(interaction, answered, NO_RESPONSE).await
    }

    fn close_direct(&self, who: &str, closed: bool) {
        self.shared.with(|state| {
            if let Ok(person) = state.person(who)
                && let Some(user) = state.users.get_mut(&person)
            {
                user.closed = closed;
            }
        });
    }

    fn inject(&self, fault: Fault) {
        self.shared.with(|state| match fault {
            Fault::Fail { method, status, times } => state.faults.add(&method, InjectedFault::Fail(status), times),
            Fault::RateLimit { method, retry_after, times } => {
                state.faults.add(&method, InjectedFault::RateLimit(retry_after), times);
            }
            Fault::LoseAnswer { method, times } => state.faults.add(&method, InjectedFault::LoseAnswer, times),
            Fault::Hang { method, times } => state.faults.add(&method, InjectedFault::Hang, times),
            Fault::DeliverTwice { times } => state.faults.twice += times,
            Fault::Late { by, times } => state.faults.late.extend((0..times).map(|_| by)),
            Fault::OutOfOrder { times } => {
                state.faults.swaps += times;
                drop(tokio::spawn(release_in_time(Arc::downgrade(&self.shared))));
            }
            Fault::Calm => state.faults = InjectedFaults::default(),
            Fault::DropSockets => state.gateway.cut_all(),
            Fault::AskReconnect => state.gateway.ask_reconnect(),
            Fault::CloseChannel { channel } => state.let_bot_in(&channel, false),
            Fault::OpenChannel { channel } => state.let_bot_in(&channel, true),
            Fault::DeleteChannel { channel } => state.delete_channel(&channel),
            Fault::PutOut => state.put_bot_out(),
            Fault::Leave(absence) => state.leave(Some(absence)),
            Fault::Return => state.leave(None),
            Fault::Lag { by } => state.faults.lag = by,
            Fault::Forget => state.gateway.forget_all(),
            Fault::Mute => state.gateway.mute_all(),
            Fault::Nonsense(nonsense) => state.gateway.bring(&nonsense),
            Fault::Greeting { text, times } => state.faults.greetings.extend((0..times).map(|_| text.clone())),
            Fault::Odd { event, fields, times } => {
                state.faults.odd.extend((0..times).map(|_| (event.clone(), fields.clone())));
            }
            Fault::LeaveOut { event, numbered, times } => {
                state.faults.left_out.extend((0..times).map(|_| (event.clone(), numbered)));
            }
            Fault::Sessions { remaining, reset_after } => state.limit_sessions(remaining, reset_after),
            Fault::Unsteady { times } => state.faults.unsteady += times,
            Fault::HideHistory { channel } => state.show_history(&channel, false),
            Fault::ShowHistory { channel } => state.show_history(&channel, true),
            // Discord has intents and permissions instead of scopes.
            Fault::RevokeScope { .. }
            | Fault::GrantScope { .. }
            | Fault::ShareChannel { .. }
            | Fault::OldBlocks
            | Fault::DelayEvents => {}
        });
    }

    fn view(&self, who: &str) -> Result<View, WorldError> {
        self.shared.with(|state| state.view_of(who))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    fn undelivered(&self) -> usize {
        self.shared.with(|state| state.gateway.waiting())
    }

    fn faults_seen(&self) -> Vec<String> {
        self.shared.with(|state| state.faults_seen.clone())
    }

    async fn connected(&self) {
        let mut links = self.shared.links.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = links.wait_for(|links| *links > 0).await;
    }
}

impl DiscordSandbox {
    /// Waits for the bot's first answer, in real time as the client does.
    async fn first_answer(
        &self,
        interaction: u64,
        answered: oneshot::Receiver<()>,
        notice: &str,
    ) -> Result<(), WorldError> {
        if let Ok(Ok(())) = tokio::time::timeout(self.shared.interaction_deadline, answered).await {
            return Ok(());
        }
        if self.shared.with(|state| state.give_up(interaction, notice)) { Err(WorldError::NoAnswer) } else { Ok(()) }
    }
}

/// Releases the events that no other has overtaken in time, until no event is to be overtaken any more.
async fn release_in_time(shared: Weak<Shared>) {
    loop {
        real::sleep(OVERTAKEN_WITHIN).await;
        let Some(shared) = shared.upgrade() else { return };
        let is_over = shared.with(|state| {
            state.release_overtaken();
            state.faults.swaps == 0
        });
        if is_over || shared.stop.is_cancelled() {
            return;
        }
    }
}
