//! The bot's sentences about outages. Each function returns a message, or a part of one.

use super::acts::{
    ANNOUNCE, CHANGE_OUTAGE, GIVE_UP_OUTAGE, OUTAGE_SHOWN, RESOLVE_OUTAGE, RETRACT_OUTAGE, RETRY_OUTAGE, SEND_OUTAGE,
    UPDATE_OUTAGE,
};
use super::state::{Delivered, Ledger, Outage, OutageWithLedger, Reach};
use crate::domain::act::{ActRef, Spec};
use crate::domain::channel::Access;
use crate::domain::ids::{KeyRef, PersonRef, Place};
use crate::domain::limits::{self, Rate};
use crate::domain::message::{Control, Line, Message, Span, quoted, said, strong};
use crate::domain::outage::{Phase, Service, Severity};

/// Returns a button for an act on this version of an outage.
fn button(spec: &Spec, outage: &Outage) -> Control {
    let with = KeyRef { key: outage.key.clone(), version: Some(outage.version) };
    Control::button(spec.label, ActRef { carried: Some(with.to_string()), ..ActRef::bare(spec.act()) })
        .styled(spec.style)
}

/// Returns a button that shows an outage, in whatever version it has when the button is pressed.
fn open(label: &str, outage: &Outage) -> Control {
    Control::button(label, ActRef { carried: Some(outage.key.to_string()), ..ActRef::bare(OUTAGE_SHOWN.spec.act()) })
}

fn written(text: impl Into<String>) -> Span {
    Span::Written(text.into())
}

fn services_of(outage: &Outage) -> String {
    outage.content.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns the coloured sign at the beginning of an announcement.
const fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "🔴 ",
        Severity::Medium => "🟠 ",
        Severity::Low => "🟡 ",
    }
}

/// Returns the word for a severity, for announcers and agents.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Drafted | Phase::Investigating => "we are looking into it",
        Phase::Identified => "we know what it is and are fixing it",
        Phase::Monitoring => "fixed, and we're keeping an eye on it",
        Phase::Resolved => "it is over",
        Phase::Retracted => "announced by mistake",
    }
}

/// Returns the copy of an outage, as every channel of its audience shows it.
#[must_use]
pub fn copy(outage: &Outage) -> Message {
    let content = &outage.content;
    let named = || vec![strong(services_of(outage)), said(": "), written(content.title.clone())];
    let mut lines = Vec::new();
    match outage.phase {
        Phase::Resolved => {
            let mut line = vec![said("✅ It's over: ")];
            line.extend(named());
            lines.push(Line(line));
            let mut when = vec![said("From "), Span::At(outage.opened_at)];
            when.extend(outage.ended_at.into_iter().flat_map(|ended| [said(" to "), Span::At(ended)]));
            when.push(said(" · thanks for your patience"));
            lines.push(Line(when));
        }
        Phase::Retracted => {
            let struck = Span::Struck(format!("{}: {}", services_of(outage), content.title));
            return Message::new([Line(vec![struck]), Line::said("This was announced by mistake. Please ignore it.")]);
        }
        Phase::Drafted | Phase::Investigating | Phase::Identified | Phase::Monitoring => {
            let mut line = vec![said(sign(outage.severity))];
            line.extend(named());
            lines.push(Line(line));
            let mut line =
                vec![said(format!("{} · {} · since ", outage.key, phase(outage.phase))), Span::At(outage.opened_at)];
            if let Some(next) = content.next_at {
                line.extend([said(" · next news "), Span::At(next)]);
            }
            lines.push(Line(line));
        }
    }
    if !content.public_text.is_empty() {
        lines.push(Line(vec![written(content.public_text.clone())]));
    }
    if !content.workaround.is_empty() && outage.phase != Phase::Resolved {
        lines.push(Line(vec![said("Meanwhile: "), written(content.workaround.clone())]));
    }
    Message::new(lines)
}

/// Returns the copy of an outage with a mention of everybody in the channel.
#[must_use]
pub fn to_everybody(outage: &Outage) -> Message {
    let mut message = copy(outage);
    if let Some(first) = message.lines.first_mut() {
        first.0.splice(0..0, [Span::Everybody, said(" ")]);
    }
    message
}

/// Returns the news of an outage, for a message beside a copy that is not updated yet. It repeats the whole copy, since
/// any part of it may be new.
#[must_use]
pub fn news(outage: &Outage) -> Message {
    let mut message = copy(outage);
    if let Some(first) = message.lines.first_mut() {
        first.0.insert(0, said("News: "));
    }
    message
}

/// Returns the longest message about an outage that any channel can get, to check its length.
#[must_use]
pub fn longest(outage: &Outage) -> Message {
    let most = Delivered { stands: MOST, waiting: MOST, held: MOST, failed: MOST };
    let mut message = card(outage, &Ledger { slack: most, ..Ledger::default() });
    message.lines.push(Line(vec![Span::Everybody]));
    message
}

/// A count with more digits than any real number of channels.
const MOST: u64 = 9_999_999;

/// Returns the card of an outage, for a channel of the desk.
#[must_use]
pub fn card(outage: &Outage, ledger: &Ledger) -> Message {
    let mut lines = vec![Line(vec![
        strong(&outage.key),
        said(match outage.phase {
            Phase::Drafted => "  outage, not announced yet · written by ".to_owned(),
            _ => format!("  outage, {} severity · announced by ", severity(outage.severity)),
        }),
        quoted(&outage.owner.name),
    ])];
    lines.extend(copy(outage).lines);
    if !outage.content.internal.is_empty() {
        lines.push(Line(vec![said("Only for the desk: "), written(outage.content.internal.clone())]));
    }
    lines.push(Line::said(where_it_went(outage, ledger)));
    Message::new(lines).with(controls(outage))
}

/// Says how far an announcement has been delivered.
fn where_it_went(outage: &Outage, ledger: &Ledger) -> String {
    let Delivered { stands, waiting, held, failed } = ledger.total();
    let mut line = match (ledger.is_spreading, waiting) {
        (true, _) => "It's on its way".to_owned(),
        (false, 0) => format!("It has been posted in {}", channels(stands)),
        (false, _) => {
            // In the first wave the waiting effects are posts, each for one more channel. Later they are mostly updates
            // of copies.
            let total = if is_first(outage) { stands + waiting } else { stands.max(waiting) };
            match total.saturating_sub(waiting + held) {
                0 => "It's on its way".to_owned(),
                reached => {
                    let left = span(left(outage, ledger));
                    format!("{reached} of {} have the latest · about {left} left", channels(total))
                }
            }
        }
    };
    for (count, what) in [(held, "refused"), (failed, "failed")] {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    line.push('.');
    line
}

/// Whether the outage was not changed since its announcement.
fn is_first(outage: &Outage) -> bool {
    outage.changed_at == outage.opened_at
}

/// Returns how long the waiting posts and updates take, in seconds.
fn left(outage: &Outage, ledger: &Ledger) -> f64 {
    let (post, change) = match is_first(outage) {
        true => (limits::slack::POST_PER_WORKSPACE, limits::discord::REQUESTS),
        false => (limits::slack::BROADCAST_UPDATE, limits::discord::REQUESTS),
    };
    seconds(ledger.slack.waiting, post).max(seconds(ledger.discord.waiting, change))
}

/// Returns how long `count` calls take at this rate, in seconds.
#[must_use]
pub fn seconds(count: u64, rate: Rate) -> f64 {
    count as f64 * rate.per.as_secs_f64() / f64::from(rate.count)
}

/// Returns a time in words: “12 s”, “3 min”, “2 h”.
fn span(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{} s", seconds.ceil().max(1.0)),
        ..5400.0 => format!("{} min", (seconds / 60.0).round()),
        _ => format!("{} h", (seconds / 3600.0).round()),
    }
}

fn controls(outage: &Outage) -> Vec<Control> {
    match outage.phase {
        Phase::Drafted => vec![button(&SEND_OUTAGE.spec, outage)],
        Phase::Investigating | Phase::Identified | Phase::Monitoring => vec![
            button(&UPDATE_OUTAGE.spec, outage),
            button(&RESOLVE_OUTAGE.spec, outage),
            button(&CHANGE_OUTAGE.spec, outage),
            button(&RETRACT_OUTAGE.spec, outage),
            open(OUTAGE_SHOWN.spec.label, outage),
        ],
        Phase::Resolved | Phase::Retracted => vec![open(OUTAGE_SHOWN.spec.label, outage)],
    }
}

/// Returns a number of channels in words: “1 channel”, “12 channels”.
fn channels(count: u64) -> String {
    if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") }
}

/// Says how many channels an announcement reaches, how long the first posts and an update take, and which channels are
/// not reached.
fn how_many(outage: &Outage) -> Vec<Line> {
    let reach = &outage.content.reach;
    let Reach { slack, discord, closed, shared, ref unreached } = *reach;
    let mut lines = Vec::new();
    if reach.total() == 0 {
        lines.push(Line::said(
            "No channel that I can write in follows this: only the desk will see it, and anybody who asks /desk services.",
        ));
    } else {
        let wave = seconds(slack, limits::slack::POST_PER_WORKSPACE).max(seconds(discord, limits::discord::REQUESTS));
        let change = seconds(slack, limits::slack::BROADCAST_UPDATE).max(seconds(discord, limits::discord::REQUESTS));
        lines.push(Line::said(format!(
            "It goes to {} (Slack {slack}, Discord {discord}) in about {}; changing it everywhere takes about {}.",
            channels(reach.total()),
            span(wave),
            span(change),
        )));
    }
    if outage.content.mentions_all {
        lines.push(Line::said("The first message mentions everybody in these channels."));
    }
    if closed > 0 {
        lines.push(not_reached(closed, "can't be reached, since I may not write there", unreached, Access::Closed));
        lines.push(Line::said("Add me there, and the next news will get through."));
    }
    if shared > 0 {
        let why = "left out, since people from other organisations read there";
        lines.push(not_reached(shared, why, unreached, Access::Shared));
    }
    lines
}

/// Says how many channels are not reached, and names some of them.
fn not_reached(count: u64, why: &str, unreached: &[super::state::Unreached], access: Access) -> Line {
    let be = if count == 1 { "is" } else { "are" };
    let verb = if access == Access::Closed { String::new() } else { format!("{be} ") };
    let mut line = vec![said(format!("{} {verb}{why}: ", channels(count)))];
    let named = unreached.iter().filter(|one| one.channel.access == access);
    for (at, one) in named.enumerate() {
        if at > 0 {
            line.push(said(", "));
        }
        line.push(channel(&one.place, &one.channel.name));
    }
    Line(line)
}

/// Returns a link to a channel with its name, which can be shown on either platform.
fn channel(place: &Place, name: &str) -> Span {
    let platform = place.platform().title();
    let label = if name.is_empty() { format!("a channel on {platform}") } else { format!("#{name} on {platform}") };
    Span::In { place: place.clone(), label }
}

/// Shows the author of a draft how the announcement will look and whom it reaches. `edit`: reopens the form.
#[must_use]
pub fn preview(outage: &Outage, edit: Option<ActRef>) -> Message {
    let mut lines = vec![Line::said("This is how it will look. Nobody has seen it yet:"), Line::default()];
    lines.extend(copy(outage).lines);
    lines.push(Line::default());
    lines.extend(how_many(outage));
    Message::new(lines).with(controls(outage)).with(edit.map(|does| Control::button("Edit…", does)))
}

/// Confirms that an outage is being announced. `is_late`: the time for the next news has passed and was dropped.
#[must_use]
pub fn is_sent(outage: &Outage, is_late: bool) -> Message {
    let to = match outage.content.reach.total() {
        0 => "to the desk only, since no channel that I can write in follows this".to_owned(),
        total => format!("to {}", channels(total)),
    };
    let late = if is_late { " The time you gave for the next news has passed, so I left it out." } else { "" };
    Message::said(format!("{} is on its way {to}.{late}", outage.key)).with(controls(outage))
}

/// Confirms that the news of an outage are on their way.
#[must_use]
pub fn is_updated(outage: &Outage) -> Message {
    Message::said(format!("The news about {} is on its way.", outage.key)).with(controls(outage))
}

/// Refuses a change that changes nothing.
#[must_use]
pub fn nothing_to_change(outage: &Outage) -> Message {
    Message::said(format!("{} already says that, so nothing was changed.", outage.key))
}

/// Confirms that an outage is resolved.
#[must_use]
pub fn is_resolved(outage: &Outage) -> Message {
    Message::said(format!("Good. Wherever {} was announced, it will now say that it's over.", outage.key))
}

/// Confirms that an outage is retracted.
#[must_use]
pub fn is_retracted(outage: &Outage) -> Message {
    Message::said(format!(
        "{} is taken back. Wherever it was announced, it will be struck through, and nobody else will hear of it.",
        outage.key
    ))
}

/// Shows an announcer an outage, the channels that have it and the channels that refuse it.
#[must_use]
pub fn shown(seen: &OutageWithLedger) -> Message {
    let Delivered { stands, held, failed, .. } = seen.ledger.total();
    let mut message = card(&seen.outage, &seen.ledger);
    if !seen.copies.is_empty() {
        let mut line = vec![said("In ")];
        for (at, (place, name)) in seen.copies.iter().enumerate() {
            line.extend((at > 0).then(|| said(", ")));
            line.push(channel(place, name));
        }
        let more = stands.saturating_sub(seen.copies.len() as u64);
        line.extend((more > 0).then(|| said(format!(", and {more} more"))));
        message.lines.push(Line(line));
    }
    for trouble in &seen.troubles {
        let place = channel(&trouble.place, &trouble.name);
        message.lines.push(Line(vec![place, said(format!(": {}", trouble.why))]));
    }
    if held > 0 {
        message.lines.push(Line::said(
            "Add me there, or let me write there, and it goes out by itself; Try again sends it at once.",
        ));
        message = message.with([button(&RETRY_OUTAGE.spec, &seen.outage), button(&GIVE_UP_OUTAGE.spec, &seen.outage)]);
    }
    if held + failed > 0 {
        let why =
            format!("Whoever runs this bot can see all of it: deskbell effects --about outage:{}", seen.outage.id.0);
        message.lines.push(Line::said(why));
    }
    message
}

/// Confirms that held posts and updates are tried again.
#[must_use]
pub fn is_tried_again(outage: &Outage) -> Message {
    Message::said(format!("I'm trying again. The card of {} shows how it goes.", outage.key))
}

/// Confirms that held posts and updates are given up.
#[must_use]
pub fn is_given_up(outage: &Outage) -> Message {
    Message::said(format!(
        "I've stopped trying to post {} where it was refused. I'll try there again with the next news.",
        outage.key
    ))
}

/// Lists the running outages for an announcer.
#[must_use]
pub fn list(running: &[Outage]) -> Message {
    let announce = Control::button(ANNOUNCE.spec.label, ActRef::bare(ANNOUNCE.spec.act())).styled(ANNOUNCE.spec.style);
    let head = if running.is_empty() { "No outages are announced." } else { "Announced and not over yet:" };
    let line = |outage: &Outage| {
        Line(vec![
            strong(&outage.key),
            said(" "),
            written(services_of(outage)),
            said(": "),
            written(outage.content.title.clone()),
            said(format!(" · {} · {} · since ", severity(outage.severity), phase(outage.phase))),
            Span::At(outage.opened_at),
        ])
    };
    Message::new(std::iter::once(Line::said(head)).chain(running.iter().map(line)))
        .with(std::iter::once(announce).chain(running.iter().take(4).map(|one| open(&one.key.to_string(), one))))
}

/// Lists the services with their running outages. `names_owners`: also with their owners.
#[must_use]
pub fn services(all: &[Service], running: &[Outage], names_owners: bool, now: jiff::Timestamp) -> Message {
    if all.is_empty() {
        return Message::said("No services are listed here yet. If something isn't working, mention me and say what.");
    }
    let line = |service: &Service| {
        let of = |outage: &&Outage| outage.content.services.iter().any(|named| named.key == service.key);
        let mut line = vec![written(service.name.clone())];
        match running.iter().find(of) {
            None => line.push(said(": no known problems")),
            Some(outage) => {
                line.extend([said(": "), written(outage.content.title.clone()), said(" ("), strong(&outage.key)]);
                line.push(said(format!(", {})", phase(outage.phase))));
                match outage.content.next_at {
                    Some(next) if next > now => line.extend([said(" · next news "), Span::At(next)]),
                    Some(_) => line.push(said(" · news is due")),
                    None => {}
                }
            }
        }
        if names_owners && !service.owner.is_empty() {
            line.extend([said(" · looked after by "), written(service.owner.clone())]);
        }
        Line(line)
    };
    Message::new(all.iter().map(line))
}

/// Confirms that a channel follows these services (`is_on`), or no longer. `is_left_out`: it gets no posts, since
/// people of other organisations read there. `is_in`: the bot is known to be able to write there.
#[must_use]
pub fn subscribed(services: &[&Service], is_on: bool, is_left_out: bool, is_in: bool) -> Message {
    let names = services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
    let (before, behind) = match (is_on, is_left_out) {
        (true, false) if is_in => ("This channel hears about outages of ", " now."),
        (true, false) => {
            ("This channel hears about outages of ", " now. I have to be in it for that: add me if I'm not.")
        }
        (true, true) => (
            "Noted: outages of ",
            ". But people from other organisations read here, so I won't post anything until whoever runs this bot lists this \
             channel (outages.shared_channels).",
        ),
        (false, _) => ("This channel hears nothing about new outages of ", " now."),
    };
    Message::new([Line(vec![said(before), written(names), said(behind)])])
}

/// Refuses to make a channel follow services that is no text channel.
#[must_use]
pub fn only_in_text_channels() -> Message {
    Message::said("Only a text channel can follow outages. Please give this command in one.")
}

/// Refuses a command about a channel that was given in a direct conversation.
#[must_use]
pub fn only_in_channels() -> Message {
    Message::said("Please give this command in the channel that should hear about outages.")
}

fn names(all: &[Service]) -> String {
    all.iter().map(|service| service.key.as_str()).collect::<Vec<_>>().join(", ")
}

/// Refuses a word that names no service.
#[must_use]
pub fn unknown_service(word: &str, all: &[Service]) -> Message {
    if all.is_empty() {
        return which_service(all);
    }
    Message::new([Line(vec![
        said("I don't know a service called "),
        quoted(word),
        said(format!(". There are: {}.", names(all))),
    ])])
}

/// Asks for the services, since none was named.
#[must_use]
pub fn which_service(all: &[Service]) -> Message {
    match all.is_empty() {
        true => Message::said(
            "No services are listed in the settings yet. Whoever runs this bot can add them ([[services]]).",
        ),
        false => Message::said(format!("Which services? There are: {}.", names(all))),
    }
}

/// Refuses an act, since the settings switch outages off.
#[must_use]
pub fn is_off() -> Message {
    Message::said("I don't announce outages here (outages.enabled in the settings).")
}

/// Refuses an outage of high severity, or a change from or to it, by a person without the right.
#[must_use]
pub fn not_so_bad() -> Message {
    Message::said(
        "To make an outage high severity, or lower one that is, you need the right outage_announce_high. Choose a lower one, or \
         leave the severity to an admin.",
    )
}

/// Refuses an announcement to all channels by a person without the right.
#[must_use]
pub fn not_everywhere() -> Message {
    Message::said(
        "To announce it everywhere, you need the right outage_announce_high. Name channels instead, or ask an admin.",
    )
}

/// Refuses a mention of everybody by a person without the right.
#[must_use]
pub fn not_everybody() -> Message {
    Message::said(
        "To mention everybody, you need the right outage_mention_all, which nobody has by default. Announce it without that.",
    )
}

/// Refuses a name that no channel has.
#[must_use]
pub fn unknown_channel(name: &str) -> Message {
    Message::new([Line(vec![
        said("I can't find a channel called "),
        quoted(name),
        said(". Is it spelled right, and am I in it? Write it like #sales, or slack:#sales for one platform."),
    ])])
}

/// Refuses an outage that does not fit into one message.
#[must_use]
pub fn too_long() -> Message {
    Message::said("That is too long for one message (about 1,800 characters with everything). Please shorten it.")
}

/// Says that there is no such outage, or that it is another person's draft.
#[must_use]
pub fn unknown(key: &str) -> Message {
    Message::new([Line(vec![said("I can't find an outage "), quoted(key), said(". /desk outages lists them.")])])
}

/// Refuses an act on an outage that has changed since the actor saw it.
#[must_use]
pub fn changed_meanwhile(outage: &Outage) -> Message {
    Message::said(format!(
        "{} has changed in the meantime, so I didn't send anything. Please look at it again.",
        outage.key
    ))
    .with([open("Look at it", outage)])
}

/// Refuses to announce an outage again.
#[must_use]
pub fn is_announced_already(outage: &Outage) -> Message {
    Message::said(format!("{} has already been announced.", outage.key)).with([open("Look at it", outage)])
}

/// Refuses an act on an outage that is not running, and says why it is not.
#[must_use]
pub fn is_over(outage: &Outage) -> Message {
    let how = match outage.phase {
        Phase::Drafted => "is not announced yet",
        Phase::Retracted => "was taken back",
        _ => "is over",
    };
    Message::said(format!("{} {how}.", outage.key)).with([open("Look at it", outage)])
}

/// Tells the desk's channel that promised news are overdue, and mentions these admins.
#[must_use]
pub fn news_are_overdue<'p>(outage: &Outage, admins: impl Iterator<Item = &'p PersonRef>) -> Message {
    let mut line =
        vec![said("News about "), strong(&outage.key), said(" is overdue: "), written(outage.content.title.clone())];
    line.push(said(". People were promised some"));
    if let Some(next) = outage.content.next_at {
        line.extend([said(" by "), Span::At(next)]);
    }
    line.push(said(". Who can tell them how things stand?"));
    for admin in admins {
        line.extend([said(" "), Span::Ping(admin.clone())]);
    }
    Message::new([Line(line)]).with([open("Look at it", outage)])
}

/// Reminds the owner of an outage that news were promised for now.
#[must_use]
pub fn news_are_due(outage: &Outage) -> Message {
    Message::new([Line(vec![
        said("People were promised news about "),
        strong(&outage.key),
        said(" by now: "),
        written(outage.content.title.clone()),
        said(". Please tell them how things stand, even if nothing has changed."),
    ])])
    .with([open("Look at it", outage)])
}
