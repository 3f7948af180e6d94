//! Renders the live messages of an outage: its copies, its news and its card.

use super::state::{Ledger, Outage};
use super::text;
use crate::domain::ids::MessageRef;
use crate::domain::message::Tone;
use crate::domain::outage::{Phase, Severity};
use crate::domain::rules::OutageSettings;
use crate::domain::view::RenderedView;

/// Renders the copy of an outage in one of its channels. `is_first`: the copy is posted there for the first time.
/// `is_to_hear`: the channel still belongs to the audience. `None` for a first post after the outage has ended, or in a
/// channel outside of the audience.
pub(in crate::desk) fn copy(outage: &Outage, is_first: bool, is_to_hear: bool) -> Option<RenderedView> {
    let is_late = is_first && (!outage.phase.is_running() || !is_to_hear);
    if outage.phase == Phase::Drafted || is_late {
        return None;
    }
    let tone = if outage.severity == Severity::Low { Tone::Silent } else { Tone::Usual };
    // After the first change of the outage, nobody is mentioned: a first post then goes to a channel that joined late,
    // or whose copy was deleted.
    let is_announced_now = outage.changed_at == outage.opened_at;
    let copy = match is_first && is_announced_now && outage.content.mentions_all {
        true => text::to_everybody(outage),
        false => text::copy(outage),
    };
    Some(copy.in_tone(tone).into())
}

/// Renders the latest news of an outage beside one of its copies. If [`Outage::ends_anew`], the whole channel sees
/// them; otherwise they notify nobody.
pub(in crate::desk) fn news(
    outage: &Outage,
    copy: Option<&MessageRef>,
    settings: &OutageSettings,
) -> Option<RenderedView> {
    let message = match outage.phase {
        Phase::Investigating | Phase::Identified | Phase::Monitoring => text::news(outage).in_tone(Tone::Silent),
        Phase::Resolved | Phase::Retracted => match copy.filter(|_| outage.ends_anew(settings)) {
            Some(copy) => text::copy(outage).in_tone(Tone::Anew(Box::new(copy.clone()))),
            None => text::copy(outage).in_tone(Tone::Silent),
        },
        Phase::Drafted => return None,
    };
    Some(RenderedView { message, is_last: true })
}

/// Renders the card of an outage in a channel of the desk.
pub(in crate::desk) fn card(outage: &Outage, ledger: &Ledger) -> RenderedView {
    text::card(outage, ledger).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::outages::state::Content;
    use crate::domain::ids::{OutageId, OutageKey, Person, PersonRef, PlatformName};
    use crate::domain::message::Span;
    use jiff::Timestamp;

    fn outage(severity: Severity, phase: Phase, changed_s: i64) -> Outage {
        let at = |seconds| Timestamp::from_second(seconds).expect("a moment");
        Outage {
            id: OutageId(1),
            key: OutageKey::new("MI", 1),
            phase,
            severity,
            content: Content { title: "Nobody gets in".to_owned(), mentions_all: true, ..Content::default() },
            owner: Person::new(PersonRef::new(PlatformName::Slack, "U1"), "Mia"),
            version: 2,
            opened_at: at(0),
            changed_at: at(changed_s),
            ended_at: None,
        }
    }

    fn mentions(shown: Option<RenderedView>) -> Option<bool> {
        shown.map(|shown| shown.message.lines.iter().any(|line| line.0.contains(&Span::Everybody)))
    }

    #[test]
    fn everybody_is_mentioned_as_it_is_announced_and_never_again() {
        let announced = outage(Severity::High, Phase::Investigating, 0);
        assert_eq!(mentions(copy(&announced, true, true)), Some(true));
        assert_eq!(mentions(copy(&announced, false, true)), Some(false), "an update mentions nobody");
        let later = outage(Severity::High, Phase::Identified, 60);
        assert_eq!(mentions(copy(&later, true, true)), Some(false), "a late first post mentions nobody");
        assert_eq!(mentions(copy(&announced, true, false)), None, "the channel is not in the audience");
        assert_eq!(mentions(copy(&outage(Severity::High, Phase::Resolved, 60), true, true)), None);
    }

    #[test]
    fn low_severity_and_news_beside_a_copy_notify_nobody() {
        let tone = |shown: Option<RenderedView>| shown.map(|shown| shown.message.tone);
        let first = |severity| tone(copy(&outage(severity, Phase::Investigating, 0), true, true));
        assert_eq!(first(Severity::Low), Some(Tone::Silent));
        assert_eq!(first(Severity::Medium), Some(Tone::Usual));
        let settings = OutageSettings::default();
        let copy = MessageRef {
            tenant: crate::domain::ids::Tenant { platform: PlatformName::Slack, id: "T1".to_owned() },
            channel: "C1".to_owned(),
            id: "1".to_owned(),
        };
        let beside = |severity, phase, settings: &OutageSettings| {
            tone(news(&outage(severity, phase, 60), Some(&copy), settings))
        };
        assert_eq!(beside(Severity::High, Phase::Identified, &settings), Some(Tone::Silent));
        assert_eq!(beside(Severity::Medium, Phase::Resolved, &settings), Some(Tone::Silent));
        let anew = Some(Tone::Anew(Box::new(copy.clone())));
        assert_eq!(beside(Severity::High, Phase::Resolved, &settings), anew);
        let quiet = OutageSettings { ends_anew: false, ..settings };
        assert_eq!(beside(Severity::High, Phase::Resolved, &quiet), Some(Tone::Silent));
    }
}
