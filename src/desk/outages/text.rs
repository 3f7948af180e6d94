//! What the bot says of outages.

use super::acts::{
    ANNOUNCE, CHANGE_OUTAGE, GIVE_UP_OUTAGE, OUTAGE_SHOWN, RESOLVE_OUTAGE, RETRACT_OUTAGE, RETRY_OUTAGE, SEND_OUTAGE,
    UPDATE_OUTAGE,
};
use super::state::{Delivered, Ledger, Outage, Reach, Seen};
use crate::domain::act::{ActRef, Spec};
use crate::domain::channel::Access;
use crate::domain::ids::{KeyRef, PersonRef, Place};
use crate::domain::limits::{self, Rate};
use crate::domain::message::{Control, Line, Message, Span, quoted, said, strong};
use crate::domain::outage::{Phase, Service, Severity};

/// A button of an act about an outage as it is now.
fn button(spec: &Spec, outage: &Outage) -> Control {
    let with = KeyRef { key: outage.key.clone(), version: Some(outage.version) };
    Control::button(spec.label, ActRef { with: Some(with.to_string()), ..ActRef::bare(spec.act()) }).styled(spec.style)
}

/// A button that shows an outage as it is then.
fn open(label: &str, outage: &Outage) -> Control {
    Control::button(label, ActRef { with: Some(outage.key.to_string()), ..ActRef::bare(OUTAGE_SHOWN.spec.act()) })
}

fn written(text: impl Into<String>) -> Span {
    Span::Written(text.into())
}

fn services_of(outage: &Outage) -> String {
    outage.content.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What stands before an announcement.
const fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "🔴 ",
        Severity::Medium => "🟠 ",
        Severity::Low => "🟡 ",
    }
}

/// How bad it is, for the desk.
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

/// What every channel reads of an outage.
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
    if !content.known.is_empty() {
        lines.push(Line(vec![written(content.known.clone())]));
    }
    if !content.workaround.is_empty() && outage.phase != Phase::Resolved {
        lines.push(Line(vec![said("Meanwhile: "), written(content.workaround.clone())]));
    }
    Message::new(lines)
}

/// The same, for whoever hears of it first where everybody is mentioned.
#[must_use]
pub fn to_everybody(outage: &Outage) -> Message {
    let mut message = copy(outage);
    if let Some(first) = message.lines.first_mut() {
        first.0.splice(0..0, [Span::Everybody, said(" ")]);
    }
    message
}

/// What is new of an outage, beside a copy that is not changed yet: what it is about may be new, too.
#[must_use]
pub fn news(outage: &Outage) -> Message {
    let mut message = copy(outage);
    if let Some(first) = message.lines.first_mut() {
        first.0.insert(0, said("News: "));
    }
    message
}

/// The longest of what is said of an outage, wherever that is.
#[must_use]
pub fn longest(outage: &Outage) -> Message {
    let most = Delivered { stands: MOST, waiting: MOST, held: MOST, failed: MOST };
    let mut message = card(outage, &Ledger { slack: most, ..Ledger::default() });
    message.lines.push(Line(vec![Span::Everybody]));
    message
}

/// More channels than anybody has.
const MOST: u64 = 9_999_999;

/// What the desk reads of an outage.
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

/// How far an announcement has come.
fn where_it_went(outage: &Outage, ledger: &Ledger) -> String {
    let Delivered { stands, waiting, held, failed } = ledger.total();
    let mut line = match (ledger.is_spreading, waiting) {
        (true, _) => "It's on its way".to_owned(),
        (false, 0) => format!("It has been posted in {}", channels(stands)),
        (false, _) => {
            // At first what waits is to be posted; with news, what stands is changed.
            let total = if is_first(outage) { stands + waiting } else { stands.max(waiting) };
            let reached = total.saturating_sub(waiting + held);
            format!("{reached} of {} have the latest · about {} left", channels(total), span(left(outage, ledger)))
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

/// Whether it has no news yet.
fn is_first(outage: &Outage) -> bool {
    outage.changed_at == outage.opened_at
}

/// How long what waits takes, in seconds.
fn left(outage: &Outage, ledger: &Ledger) -> f64 {
    let (post, change) = match is_first(outage) {
        true => (limits::slack::POST_PER_WORKSPACE, limits::discord::REQUESTS),
        false => (limits::slack::BROADCAST_UPDATE, limits::discord::REQUESTS),
    };
    seconds(ledger.slack.waiting, post).max(seconds(ledger.discord.waiting, change))
}

/// How long so many calls take, in seconds.
#[must_use]
pub fn seconds(count: u64, rate: Rate) -> f64 {
    count as f64 * rate.per.as_secs_f64() / f64::from(rate.count)
}

/// “12 s”, “3 min”, “2 h”.
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

/// “1 channel”, “12 channels”.
fn channels(count: u64) -> String {
    if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") }
}

/// How many channels, how long the first wave and an update take, and what is not reached.
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

/// So many channels are not reached, some of them by name.
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

/// A channel, wherever it is read.
fn channel(place: &Place, name: &str) -> Span {
    let platform = place.platform().title();
    let label = if name.is_empty() { format!("a channel on {platform}") } else { format!("#{name} on {platform}") };
    Span::In { place: place.clone(), label }
}

/// What somebody who writes an announcement sees before anybody else does.
#[must_use]
pub fn preview(outage: &Outage, edit: Option<ActRef>) -> Message {
    let mut lines = vec![Line::said("This is how it will look. Nobody has seen it yet:"), Line::default()];
    lines.extend(copy(outage).lines);
    lines.push(Line::default());
    lines.extend(how_many(outage));
    Message::new(lines).with(controls(outage)).with(edit.map(|does| Control::button("Edit…", does)))
}

/// An outage is being announced.
#[must_use]
pub fn is_sent(outage: &Outage, is_late: bool) -> Message {
    let to = match outage.content.reach.total() {
        0 => "to the desk only, since no channel that I can write in follows this".to_owned(),
        total => format!("to {}", channels(total)),
    };
    let late = if is_late { " The time you gave for the next news has passed, so I left it out." } else { "" };
    Message::said(format!("{} is on its way {to}.{late}", outage.key)).with(controls(outage))
}

/// News is on its way.
#[must_use]
pub fn is_updated(outage: &Outage) -> Message {
    Message::said(format!("The news about {} is on its way.", outage.key)).with(controls(outage))
}

/// There is nothing new in it.
#[must_use]
pub fn nothing_to_change(outage: &Outage) -> Message {
    Message::said(format!("{} already says that, so nothing was changed.", outage.key))
}

/// It is over.
#[must_use]
pub fn is_resolved(outage: &Outage) -> Message {
    Message::said(format!("Good. Wherever {} was announced, it will now say that it's over.", outage.key))
}

/// It is taken back.
#[must_use]
pub fn is_retracted(outage: &Outage) -> Message {
    Message::said(format!(
        "{} is taken back. Wherever it was announced, it will be struck through, and nobody else will hear of it.",
        outage.key
    ))
}

/// How an outage stands, and where it went.
#[must_use]
pub fn shown(seen: &Seen) -> Message {
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

/// What was refused is tried again.
#[must_use]
pub fn is_tried_again(outage: &Outage) -> Message {
    Message::said(format!("I'm trying again. The card of {} shows how it goes.", outage.key))
}

/// What was refused is given up.
#[must_use]
pub fn is_given_up(outage: &Outage) -> Message {
    Message::said(format!(
        "I've stopped trying to post {} where it was refused. I'll try there again with the next news.",
        outage.key
    ))
}

/// The outages that are announced.
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

/// How each service is. `names_owners`: and who looks after it.
#[must_use]
pub fn services(all: &[Service], running: &[Outage], names_owners: bool) -> Message {
    if all.is_empty() {
        return Message::said("No services are listed here yet. If something isn't working, mention me and say what.");
    }
    let line = |service: &Service| {
        let of = |outage: &&Outage| outage.content.services.iter().any(|named| named.key == service.key);
        let mut line = vec![written(service.name.clone())];
        match running.iter().find(of) {
            None => line.push(said(": no outage announced")),
            Some(outage) => {
                line.extend([said(": "), written(outage.content.title.clone()), said(" ("), strong(&outage.key)]);
                line.push(said(format!(", {})", phase(outage.phase))));
                if let Some(next) = outage.content.next_at {
                    line.extend([said(" · next news "), Span::At(next)]);
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

/// A channel hears of these services from now on, or no more. `is_left_out`: people of other organisations read there. `is_in`: the bot
/// can certainly write there.
#[must_use]
pub fn subscribed(services: &[&Service], is_on: bool, is_left_out: bool, is_in: bool) -> Message {
    let names = services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
    let (before, behind) = match (is_on, is_left_out) {
        (true, false) if is_in => ("From now on, this channel hears about outages of ", "."),
        (true, false) => {
            ("From now on, this channel hears about outages of ", ". I have to be in it for that: add me if I'm not.")
        }
        (true, true) => (
            "Noted: outages of ",
            ". But people from other organisations read here, so I won't post anything until whoever runs this bot lists this \
             channel (outages.shared_channels).",
        ),
        (false, _) => ("This channel no longer hears about new outages of ", "."),
    };
    Message::new([Line(vec![said(before), written(names), said(behind)])])
}

/// Only a channel with messages of everybody can follow services.
#[must_use]
pub fn only_in_text_channels() -> Message {
    Message::said("Only a text channel can follow outages. Please give this command in one.")
}

/// Only a channel can follow services.
#[must_use]
pub fn only_in_channels() -> Message {
    Message::said("Please give this command in the channel that should hear about outages.")
}

fn names(all: &[Service]) -> String {
    all.iter().map(|service| service.key.as_str()).collect::<Vec<_>>().join(", ")
}

/// A word means no service.
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

/// No service was named.
#[must_use]
pub fn which_service(all: &[Service]) -> Message {
    match all.is_empty() {
        true => Message::said(
            "No services are listed in the settings yet. Whoever runs this bot can add them ([[services]]).",
        ),
        false => Message::said(format!("Which services? There are: {}.", names(all))),
    }
}

/// Outages are not announced here.
#[must_use]
pub fn is_off() -> Message {
    Message::said("I don't announce outages here (outages.enabled in the settings).")
}

/// Whoever may announce may not announce everything.
#[must_use]
pub fn not_so_bad() -> Message {
    Message::said(
        "To make an outage high severity, or lower one that is, you need the right outage_announce_high. Choose a lower one, or \
         leave the severity to an admin.",
    )
}

/// Whoever may announce may not announce everywhere.
#[must_use]
pub fn not_everywhere() -> Message {
    Message::said(
        "To announce it everywhere, you need the right outage_announce_high. Name channels instead, or ask an admin.",
    )
}

/// Whoever may announce may not mention everybody.
#[must_use]
pub fn not_everybody() -> Message {
    Message::said(
        "To mention everybody, you need the right outage_mention_all, which nobody has by default. Announce it without that.",
    )
}

/// No channel has this name.
#[must_use]
pub fn unknown_channel(name: &str) -> Message {
    Message::new([Line(vec![
        said("I can't find a channel called "),
        quoted(name),
        said(". Is it spelled right, and am I in it? Write it like #sales, or slack:#sales for one platform."),
    ])])
}

/// Something is too long.
#[must_use]
pub fn too_long() -> Message {
    Message::said("That is too long for one message (about 1,800 characters with everything). Please shorten it.")
}

/// There is no such outage.
#[must_use]
pub fn unknown(key: &str) -> Message {
    Message::new([Line(vec![said("I can't find an outage "), quoted(key), said(". /desk outages lists them.")])])
}

/// Somebody else changed it meanwhile.
#[must_use]
pub fn changed_meanwhile(outage: &Outage) -> Message {
    Message::said(format!(
        "{} has changed in the meantime, so I didn't send anything. Please look at it again.",
        outage.key
    ))
    .with([open("Look at it", outage)])
}

/// It is announced already.
#[must_use]
pub fn is_announced_already(outage: &Outage) -> Message {
    Message::said(format!("{} has already been announced.", outage.key)).with([open("Look at it", outage)])
}

/// It is over.
#[must_use]
pub fn is_over(outage: &Outage) -> Message {
    let how = match outage.phase {
        Phase::Drafted => "is not announced yet",
        Phase::Retracted => "was taken back",
        _ => "is over",
    };
    Message::said(format!("{} {how}.", outage.key)).with([open("Look at it", outage)])
}

/// News was promised, and nobody has told any: for these, and for whoever else reads the desk's channel.
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

/// News were promised for now.
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
