//! The workspace as its people use it.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use async_trait::async_trait;
use tokio::sync::watch;

use super::state::Kind;
use super::{SlackSandbox, people, view};
use crate::sandbox::world::{ChannelInfo, Fault, MessageAt, PersonInfo, Spot, View, World, WorldError};

#[async_trait]
impl World for SlackSandbox {
    fn platform(&self) -> &'static str {
        "slack"
    }

    fn people(&self) -> Vec<PersonInfo> {
        let state = self.core.lock();
        let info = |person: &super::state::Person| PersonInfo {
            handle: person.handle.clone(),
            name: person.name.clone(),
            id: person.id.clone(),
            part: person.part.clone(),
        };
        state.people.iter().map(info).collect()
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        let state = self.core.lock();
        let listed =
            state.channels.iter().filter(|channel| !channel.deleted && !matches!(channel.kind, Kind::Direct(_)));
        listed
            .map(|channel| ChannelInfo {
                name: channel.name.clone(),
                id: channel.id.clone(),
                private: channel.kind == Kind::Private,
            })
            .collect()
    }

    fn add_person(&self, handle: &str, name: &str) -> String {
        let mut state = self.core.lock();
        let at = state.add_person(handle, name, "");
        let id = state.people[at].id.clone();
        drop(state);
        self.core.touch();
        id
    }

    async fn say(&self, who: &str, spot: &Spot, text: &str, reply_to: Option<&str>) -> Result<MessageAt, WorldError> {
        if reply_to.is_some() {
            return Err(WorldError::NotAllowed("Slack replies in threads".to_owned()));
        }
        self.core.say(who, spot, text)
    }

    async fn edit(&self, who: &str, message: &MessageAt, text: &str) -> Result<(), WorldError> {
        self.core.edit(who, message, text)
    }

    async fn delete(&self, who: &str, message: &MessageAt) -> Result<(), WorldError> {
        self.core.delete(who, message)
    }

    async fn react(&self, who: &str, message: &MessageAt, emoji: &str, add: bool) -> Result<(), WorldError> {
        self.core.react(who, message, emoji, add)
    }

    async fn press(
        &self,
        who: &str,
        message: &MessageAt,
        control: &str,
        value: Option<&str>,
    ) -> Result<(), WorldError> {
        self.core.press(who, message, control, value).await
    }

    fn unanswered(&self) -> usize {
        // Slack has no deferred answers.
        0
    }

    async fn choose_menu(&self, who: &str, message: &MessageAt, name: &str) -> Result<(), WorldError> {
        self.core.choose_menu(who, message, name).await
    }

    async fn submit(&self, who: &str, form: &str, values: &BTreeMap<String, String>) -> Result<(), WorldError> {
        self.core.submit(who, form, values).await
    }

    async fn dismiss(&self, who: &str, form: &str) -> Result<(), WorldError> {
        self.core.dismiss(who, form)
    }

    async fn command(&self, who: &str, spot: &Spot, text: &str) -> Result<(), WorldError> {
        self.core.command(who, spot, text).await
    }

    fn close_direct(&self, who: &str, closed: bool) {
        let mut state = self.core.lock();
        if let Some(at) = state.person(who) {
            state.people[at].closed = closed;
        }
    }

    fn inject(&self, fault: Fault) {
        self.core.inject(fault);
    }

    fn view(&self, who: &str) -> Result<View, WorldError> {
        let state = self.core.lock();
        Ok(view::view(&state, people::person(&state, who)?))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.core.changed.subscribe()
    }

    fn undelivered(&self) -> usize {
        self.core.hub.undelivered()
    }

    fn faults_seen(&self) -> Vec<String> {
        self.core.faults_seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn connected(&self) {
        let mut connected = self.core.hub.connected();
        let _ = connected.wait_for(|connected| *connected).await;
    }
}
