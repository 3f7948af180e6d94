//! Reads which act a person asks for, and with which arguments.

use super::acts::{Act, find};
use super::drafts::state::Draft;
use crate::domain::act::{ActRef, Args, Fault, Given, KEY, Read, Spec, SubjectRef, Value, Where, Why};
use crate::domain::act::{key_of, parse};
use crate::domain::event::{Acted, Asks, Way};
use crate::domain::ids::{MessageRef, Person, TicketKey, TicketTag};
use crate::domain::when::Now;

/// What an interaction or command asks for: an act with its arguments, or the reason why none could be read.
#[derive(Clone, Debug)]
pub(in crate::desk) enum Meant {
    /// An act with its arguments.
    Act(Meaning),
    /// An act whose form has another page to fill in.
    Unfinished(Unfinished),
    /// An act whose form has another page, which could not be opened in time.
    Late(Unfinished),
    /// An act whose form has fields that are empty or not valid.
    ToCorrect(Vec<Fault>, Unfinished),
    /// An act whose form has no draft any more: the form was submitted, or the draft has expired.
    DraftExpired(&'static Spec, ActRef),
    /// An act whose arguments, not given by a form, are incomplete or wrong.
    Faulty(&'static Spec, Vec<Fault>),
    /// A command with a syntax error.
    Malformed(&'static Spec),
    /// A text in the place of a ticket's key that is no key.
    InvalidKey,
    /// A `/desk` command without any words.
    Nothing,
    /// No act that this version of the program knows.
    Unknown,
}

/// An act with its target and its arguments.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Meaning {
    pub(in crate::desk) act: &'static Act,
    pub(in crate::desk) target: Target,
    pub(in crate::desk) args: Args,
}

impl Meaning {
    /// Returns the person that the act is about, if it takes a person and was given one.
    pub(in crate::desk) fn person(&self) -> Option<&Person> {
        self.act.spec.person().and_then(|param| self.args.person(param.name))
    }
}

/// The ways to say which ticket an act is done to.
#[derive(Clone, Debug, Default)]
pub(in crate::desk) struct Target {
    /// A ticket named by its key.
    pub(in crate::desk) key: Option<TicketKey>,
    /// A ticket carried by a button or form.
    pub(in crate::desk) tag: Option<TicketTag>,
    /// The message that the act is done on. The ticket is then that of the message.
    pub(in crate::desk) at: Option<MessageRef>,
}

/// An act whose form is not finished.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Unfinished {
    pub(in crate::desk) spec: &'static Spec,
    pub(in crate::desk) target: Target,
    /// The act and its subject, with the id of the draft if there is one already.
    pub(in crate::desk) does: ActRef,
    /// What was filled in so far, on all pages.
    pub(in crate::desk) given: Given,
    /// The page that is to be filled in next, from 0.
    pub(in crate::desk) page: u8,
}

impl Meant {
    /// Reads the act that a button, menu, form or command asks for. `draft` holds the values that the person had filled
    /// in before. Only keys with this `prefix` are ticket keys. Dates are read relative to `now`.
    pub(in crate::desk) fn of(acted: &Acted, draft: Option<&Draft>, prefix: &str, now: &Now<'_>) -> Self {
        let (does, given, page, is_last) = match &acted.asks {
            Asks::Unknown => return Self::Unknown,
            Asks::Words { words, .. } if words.trim().is_empty() => return Self::Nothing,
            Asks::Words { words, mentions } => return Self::of_words(words, mentions, Where::Slash, prefix, now),
            Asks::Act { does, given } => (does, given, 0, true),
            Asks::Page { does, given, page, is_last } => (does, given, *page, *is_last),
        };
        let Some(act) = find(&does.act) else { return Self::Unknown };
        let key = match given.get(KEY) {
            Some(Value::Text(text)) if !text.trim().is_empty() => match key_of(text.trim(), prefix) {
                Some(key) => Some(key),
                None => return Self::InvalidKey,
            },
            _ => None,
        };
        let tag = does.on.as_ref().map(|SubjectRef::Ticket(tag)| tag.clone());
        let target = Target { key, tag, at: acted.at.clone() };
        if acted.way == Way::Form {
            return of_form(act, target, does, given, (page, is_last), draft, now);
        }
        // A button that carries a draft only opens the form again. Its click arrives here if the form could not be
        // opened in time.
        if does.draft.is_some() {
            return match draft {
                Some(Draft { given, page, .. }) => {
                    let (spec, does, given) = (&act.spec, does.clone(), given.clone());
                    Self::Late(Unfinished { spec, target, does, given, page: *page })
                }
                None => Self::DraftExpired(&act.spec, does.clone()),
            };
        }
        match act.spec.check(&does.with_carried(&act.spec, given.clone()), now) {
            Ok(args) => Self::Act(Meaning { act, target, args }),
            Err(faults) => Self::Faulty(&act.spec, faults),
        }
    }

    /// Reads the act that words ask for. `place` is where the words were written.
    pub(in crate::desk) fn of_words(
        words: &str,
        mentions: &[Person],
        place: Where,
        prefix: &str,
        now: &Now<'_>,
    ) -> Self {
        match parse(super::acts::specs(), words, mentions, place, prefix, now) {
            Read::Act { spec, key, given } => match (find(&spec.act()), spec.check(&given, now)) {
                (Some(act), Ok(args)) => Self::Act(Meaning { act, target: Target { key, ..Target::default() }, args }),
                (_, Err(faults)) => Self::Faulty(spec, faults),
                (None, _) => Self::Unknown,
            },
            Read::Malformed(spec) => Self::Malformed(spec),
            Read::Words => Self::Unknown,
        }
    }
}

/// Reads a submitted form, or one page of it (its number, and whether it is the last).
fn of_form(
    act: &'static Act,
    target: Target,
    does: &ActRef,
    sent: &Given,
    (page, is_last): (u8, bool),
    draft: Option<&Draft>,
    now: &Now<'_>,
) -> Meant {
    let spec = &act.spec;
    if page > 0 && draft.is_none() {
        return Meant::DraftExpired(spec, does.clone());
    }
    let mut given = draft.map(|draft| draft.given.clone()).unwrap_or_default();
    // A field that was emptied on this page counts as empty, even if the draft has a value for it.
    given.extend(sent.clone());
    let unfinished = |given, page| Unfinished { spec, target: target.clone(), does: does.clone(), given, page };
    let checked = spec.check(&does.with_carried(spec, given.clone()), now);
    // Fields of later pages do not count as missing yet.
    let is_due = |fault: &Fault| is_last || fault.why != Why::Missing || sent.contains_key(fault.param);
    match checked {
        Ok(args) if is_last => Meant::Act(Meaning { act, target, args }),
        Ok(_) => Meant::Unfinished(unfinished(given, page + 1)),
        Err(faults) => match faults.into_iter().filter(is_due).collect::<Vec<_>>() {
            faults if faults.is_empty() => Meant::Unfinished(unfinished(given, page + 1)),
            faults => Meant::ToCorrect(faults, unfinished(given, page)),
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::act::{ActRef, FormWords, Param, Takes};
    use crate::domain::event::DedupeKey;
    use crate::domain::ids::{DraftId, PersonRef, PlatformName};

    const fn param(name: &'static str, takes: Takes, is_required: bool) -> Param {
        Param { name, takes, is_required, ..Param::BASE }
    }

    /// An act whose form has two pages: `title`, `until` and `level` on the first, `more` and `due` on the second.
    static TOY: Act = Act::alone(
        Spec {
            name: "toy",
            form: Some(FormWords { title: "A toy", submit: "Send" }),
            takes: &[
                param("title", Takes::Text, true),
                param("until", Takes::Date, false),
                param("level", Takes::Choice(&[("P1", "critical")]), false),
                param("more", Takes::Text, true),
                param("due", Takes::Date, true),
            ],
            ..Spec::BASE
        },
        |plan, _, _, _| plan.end(crate::domain::outcome::Outcome::Ignored),
    );

    fn given<const N: usize>(of: [(&str, &str); N]) -> Given {
        of.into_iter().map(|(name, text)| (name.to_owned(), Value::text(text))).collect()
    }

    fn does(has_draft: bool) -> ActRef {
        let id = DraftId::of(&DedupeKey::stored("i:1".to_owned()));
        ActRef { draft: Some(id).filter(|_| has_draft), ..ActRef::bare(TOY.spec.act()) }
    }

    /// Returns how this page is read, as a word, with the values in the draft or in the arguments.
    fn sent(given: &Given, page: (u8, bool), kept: Option<Given>) -> (String, Vec<(String, String)>) {
        let does = does(kept.is_some());
        let draft = kept.map(|given| Draft {
            id: does.draft.clone().expect("a draft has an id"),
            who: PersonRef::new(PlatformName::Discord, "1"),
            does: does.clone(),
            given,
            page: 1,
            at: Timestamp::UNIX_EPOCH,
        });
        let now = Now::named(Timestamp::UNIX_EPOCH, "UTC");
        let words = |given: &Given| {
            let text = |(name, value): (&String, &Value)| match value {
                Value::Text(text) => Some((name.clone(), text.clone())),
                _ => None,
            };
            given.iter().filter_map(text).collect()
        };
        match of_form(&TOY, Target::default(), &does, given, page, draft.as_ref(), &now) {
            Meant::Act(meaning) => {
                let text = |name: &str| (name.to_owned(), meaning.args.text(name).to_owned());
                ("done".to_owned(), ["title", "level", "more"].map(text).to_vec())
            }
            Meant::Unfinished(next) => (format!("page {}", next.page), words(&next.given)),
            Meant::ToCorrect(faults, next) => {
                let at: Vec<_> = faults.iter().map(|fault| fault.param).collect();
                (format!("page {} again: {}", next.page, at.join(", ")), words(&next.given))
            }
            Meant::DraftExpired(spec, _) => (format!("{} is gone", spec.name), Vec::new()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_form_of_several_pages_is_done_once_all_of_them_are_there() {
        let first = given([("title", "VPN"), ("until", "tomorrow 9")]);
        let (what, kept) = sent(&first, (0, false), None);
        assert_eq!((what.as_str(), kept.len()), ("page 1", 2), "fields of later pages do not count as missing yet");
        for (second, page) in [
            (given([("more", "since nine"), ("due", "soon")]), "page 1 again: due"),
            (given([("more", " "), ("due", "10:30")]), "page 1 again: more"),
            (given([("more", "since nine")]), "page 1 again: due"),
        ] {
            let (what, kept) = sent(&second, (1, true), Some(first.clone()));
            assert_eq!((what.as_str(), kept.len()), (page, 2 + second.len()));
        }
        let second = given([("more", "since nine"), ("due", "10:30")]);
        let (what, args) = sent(&second, (1, true), Some(first));
        let expected = [("title", "VPN"), ("level", ""), ("more", "since nine")];
        assert_eq!(what, "done");
        assert_eq!(args, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        assert_eq!(sent(&second, (1, true), None).0, "toy is gone", "without a draft the act is not done");
    }

    #[test]
    fn a_page_that_is_sent_again_replaces_what_it_said() {
        for (first, page) in [
            (given([("title", " \n"), ("until", "")]), "page 0 again: title"),
            (given([("title", "VPN"), ("until", "soonish")]), "page 0 again: until"),
            (given([("title", "VPN"), ("level", "P9")]), "page 0 again: level"),
        ] {
            let (what, kept) = sent(&first, (0, false), None);
            assert_eq!((what.as_str(), kept.len()), (page, 2), "all typed values are kept");
            // The person sends the page again, with the menu unset and the field `until` emptied.
            let again = given([("title", "VPN is down"), ("until", ""), ("level", "")]);
            let kept = kept.into_iter().map(|(name, text)| (name, Value::Text(text))).collect();
            let (what, now) = sent(&again, (0, false), Some(kept));
            assert_eq!(what, "page 1");
            let expected = [("level", ""), ("title", "VPN is down"), ("until", "")];
            assert_eq!(now, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        }
    }
}
