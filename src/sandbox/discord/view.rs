//! The view of one person.

use super::acts::{MENU_OF_MESSAGE, MENU_OF_PERSON};
use super::components::controls;
use super::state::{Channel, Message, Place, State};
use crate::sandbox::{ChannelView, MessageView, View, WorldError};

/// The number of newest messages of a channel or thread that a view shows.
const SHOWN_MESSAGES: usize = 200;

impl State {
    /// Returns all that this person sees now, or [`WorldError::Unknown`] if there is no such person.
    pub fn view_of(&self, who: &str) -> Result<View, WorldError> {
        let person = self.person(who)?;
        let visible = self.channel_order.iter().copied().filter(|channel| self.sees(person, *channel));
        let places = visible.chain(self.directs.get(&person).copied());
        let channels = places.filter_map(|id| self.channels.get(&id)).map(|channel| self.channel_view(person, channel));
        let channels = channels.collect();
        let user = self.users.get(&person);
        let menus = |kind| {
            let offered = self.menus_in(Some(self.guild), kind);
            offered.filter_map(|menu| menu["name"].as_str()).map(str::to_owned).collect()
        };
        Ok(View {
            channels,
            menus: menus(MENU_OF_MESSAGE),
            person_menus: menus(MENU_OF_PERSON),
            form: user.and_then(|user| user.form.as_ref()).map(super::interactions::Form::view),
            notices: user.map(|user| user.notices.clone()).unwrap_or_default(),
        })
    }

    fn channel_view(&self, person: u64, channel: &Channel) -> ChannelView {
        let (name, private, direct) = match &channel.place {
            Place::Text { private, .. } => (channel.name.clone(), *private, false),
            Place::Direct { .. } => ("desk".to_owned(), true, true),
            Place::Thread(_) => (channel.name.clone(), false, false),
        };
        ChannelView { name, id: channel.id.to_string(), private, direct, messages: self.messages(person, channel) }
    }

    /// The messages of a channel or thread, oldest first, with those that only this person sees.
    fn messages(&self, person: u64, channel: &Channel) -> Vec<MessageView> {
        let public = channel.messages.values().rev().take(SHOWN_MESSAGES);
        let private = self.private.get(&person).into_iter().flat_map(|messages| messages.values());
        let private = private.filter(|message| message.channel == channel.id);
        let mut shown: Vec<&Message> = public.chain(private).collect();
        shown.sort_by_key(|message| message.id);
        shown.into_iter().map(|message| self.message_view(person, message)).collect()
    }

    fn message_view(&self, person: u64, message: &Message) -> MessageView {
        let only_you = message.is_ephemeral();
        let thread = self.thread(message.id).and_then(|_| self.channels.get(&message.id)).filter(|_| !only_you);
        let author = self.users.get(&message.author);
        MessageView {
            table: Vec::new(),
            channel: message.channel.to_string(),
            id: message.id.to_string(),
            author: author.filter(|_| !message.gone).map(|user| user.name.clone()).unwrap_or_default(),
            bot: author.is_some_and(|user| user.bot),
            text: if message.gone { "(deleted)".to_owned() } else { self.readable(message) },
            only_you,
            edited: message.edited_ms.is_some() && !message.gone,
            pings: message.pings.iter().map(|user| self.handle(*user).to_owned()).collect(),
            at_ms: message.at_ms,
            reply_to: message.reply_to.map(|id| id.to_string()),
            controls: controls(&message.components),
            reactions: message.reactions.iter().map(|(emoji, users)| (emoji.clone(), users.len())).collect(),
            thread: thread.map(|thread| self.messages(person, thread)).unwrap_or_default(),
        }
    }
}
