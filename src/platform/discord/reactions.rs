//! Reactions that trigger acts.

use jiff::Timestamp;
use serde_json::Value;
use serenity::model::id::{ChannelId, GuildId, MessageId};

use super::payload::{Account, Member, id};
use crate::domain::act::{ActRef, Given, Spec};
use crate::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, ReplyHandle, Way};
use crate::domain::ids::{MessageRef, Person, Place};
use crate::intake;

/// A reaction that triggers an act. Only reactions in guilds do: in direct conversations Discord names the reacting
/// account only by its id.
#[derive(Clone, Debug)]
pub(super) struct Reaction {
    pub(super) guild: GuildId,
    pub(super) channel: ChannelId,
    pub(super) user: Account,
    pub(super) spec: &'static Spec,
    message: MessageId,
    /// When the reaction was received; Discord does not say when it was made.
    at: Timestamp,
}

impl Reaction {
    /// Reads a reaction; `None` if it triggers no act.
    pub(super) fn read(data: &Value, now: Timestamp) -> Option<Self> {
        let emoji = data["emoji"]["name"].as_str().filter(|_| data["emoji"]["id"].is_null())?;
        let spec = intake::acts().find(|spec| spec.sign.is_some_and(|sign| sign.discord == emoji))?;
        let member = &data["member"];
        let mut user = Account::read(&member["user"])?;
        user.member = Member::read(member);
        let (guild, channel) = (id(&data["guild_id"])?, id(&data["channel_id"])?);
        Some(Self { guild, channel, user, spec, message: id(&data["message_id"])?, at: now })
    }

    /// Returns the reaction as an event.
    pub(super) fn event(&self, actor: Person, place: Place) -> Event {
        let message = MessageRef {
            tenant: place.tenant.clone(),
            channel: self.channel.to_string(),
            id: self.message.to_string(),
        };
        // Discord gives a reaction no id. The minute tells a new reaction from a repeated delivery by a resumed
        // session.
        let minute = self.at.as_second().div_euclid(60).to_string();
        let key = DedupeKey::reaction(&message, &actor.who, self.spec.name, &minute);
        let does = ActRef::at_message(self.spec.act(), message.id.as_str());
        let acted = Acted {
            actor,
            place: Some(place),
            way: Way::Reaction,
            at: Some(message),
            asks: Asks::Act { does, given: Given::new() },
            in_private: false,
            reply: ReplyHandle(String::new()),
        };
        Event { key, at: self.at, what: EventKind::Acted(acted) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_does_something_is_a_reaction() {
        let data = |emoji: Value| {
            json!({
                "user_id": "5", "guild_id": "1", "channel_id": "2", "message_id": "3", "emoji": emoji, "type": 0,
                "member": { "user": { "id": "5", "username": "mia" }, "roles": [] },
            })
        };
        let read =
            Reaction::read(&data(json!({ "id": null, "name": "👀" })), Timestamp::UNIX_EPOCH).expect("it claims");
        assert_eq!((read.spec.name, read.message.get(), read.channel.get()), ("claim", 3, 2));
        for other in [json!({ "id": null, "name": "🎉" }), json!({ "id": "9", "name": "👀" }), Value::Null] {
            assert!(Reaction::read(&data(other), Timestamp::UNIX_EPOCH).is_none());
        }
    }
}
