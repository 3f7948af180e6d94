//! Tests of joining effects.

use super::*;
use crate::domain::ids::{Conversation, Tenant};

fn place(platform: PlatformName, id: &str) -> Place {
    let tenant = Tenant { platform, id: "T1".to_owned() };
    Place { tenant, at: Conversation::Channel { channel: id.to_owned() } }
}

fn of(id: &str) -> MessageRef {
    let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
    MessageRef { tenant, channel: "C1".to_owned(), id: id.to_owned() }
}

fn line(channel: &Place, id: &str, room: usize) -> EffectKind {
    EffectKind::Show {
        view: View::Lines { of: vec![of(id)], room },
        at: Destination::UnderCard(channel.clone()),
        awaited: None,
        thread_title: None,
    }
}

fn shown(what: &EffectKind) -> Vec<&str> {
    what.view().map(View::shows).unwrap_or_default().iter().map(|of| of.id.as_str()).collect()
}

#[test]
fn lines_under_one_card_are_joined_in_order() {
    let desk = place(PlatformName::Slack, "C9");
    let joined = line(&desk, "1", 10).joined_with(&line(&desk, "2", 20)).expect("they are joined");
    let joined = joined.joined_with(&line(&desk, "3", 30)).expect("they are joined");
    assert_eq!(shown(&joined), ["1", "2", "3"]);
    assert!(matches!(joined.view(), Some(View::Lines { room: 60, .. })), "{joined:?}");
}

#[test]
fn what_is_no_line_under_the_same_card_is_not_joined() {
    let (desk, other) = (place(PlatformName::Slack, "C9"), place(PlatformName::Slack, "C8"));
    let one = line(&desk, "1", 10);
    let show =
        |view| EffectKind::Show { view, at: Destination::Place(desk.clone()), awaited: None, thread_title: None };
    let apart = [
        line(&other, "2", 10),
        EffectKind::Say(Post::new(Destination::UnderCard(desk.clone()), Message::said("no line"), Lane::Note)),
        show(View::Card),
        EffectKind::Refresh { view: View::Lines { of: vec![of("1")], room: 0 }, at: desk.clone() },
    ];
    for what in apart {
        assert_eq!(one.joined_with(&what), None, "{what:?}");
        assert_eq!(what.joined_with(&one), None, "{what:?}");
    }
}

#[test]
fn only_what_fits_into_one_message_is_joined() {
    for (platform, most) in
        [(PlatformName::Slack, limits::slack::JOINED_CHARS), (PlatformName::Discord, limits::discord::JOINED_CHARS)]
    {
        let desk = place(platform, "9");
        assert!(line(&desk, "1", most / 2).joined_with(&line(&desk, "2", most - most / 2)).is_some(), "{platform}");
        assert_eq!(line(&desk, "1", most / 2).joined_with(&line(&desk, "2", most)), None, "{platform}");
    }
    let desk = place(PlatformName::Slack, "C9");
    let mut all = line(&desk, "1", 1);
    for number in 1..limits::JOINED_LINES {
        all = all.joined_with(&line(&desk, &number.to_string(), 1)).expect("there is room");
    }
    assert_eq!(all.joined_with(&line(&desk, "99", 1)), None);
}
