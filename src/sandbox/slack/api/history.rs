//! `conversations.history`, `conversations.replies`.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{Call, Outcome, Refusal};
use crate::sandbox::slack::args::cursor_for;
use crate::sandbox::slack::ids::Ts;
use crate::sandbox::slack::message;

/// `conversations.history`: messages newest first, with pages that go back in time.
pub(in crate::sandbox::slack) fn history(call: &mut Call<'_>) -> Outcome {
    let at = readable(call)?;
    let limit = call.args.limit(100, 999)?;
    let (oldest, mut latest) = bounds(call)?;
    if let Some(place) = call.args.cursor()? {
        latest = Bound::Included(Ts::parse(&place).ok_or_else(|| Refusal::of("invalid_cursor"))?);
    }
    let shown = shown(call);
    let channel = &call.state.channels[at];
    let mut found = within(&channel.tops, oldest, latest)
        .filter(|ts| **ts <= shown)
        .rev()
        .filter_map(|ts| channel.messages.get(ts));
    let with_metadata = call.args.flag("include_all_metadata");
    let page = found.by_ref().take(limit);
    let messages: Vec<Value> = page.map(|m| message::json(call.state, channel, m, with_metadata)).collect();
    let next = found.next().map(|message| cursor_for(&message.ts.to_string()));
    let mut out = json!({"messages": messages, "has_more": next.is_some(), "pin_count": 0});
    if let Some(cursor) = next {
        out["response_metadata"] = json!({"next_cursor": cursor});
    }
    Ok(out)
}

/// `conversations.replies`: the root first on every page, then its replies, oldest first.
pub(in crate::sandbox::slack) fn replies(call: &mut Call<'_>) -> Outcome {
    let at = readable(call)?;
    let limit = call.args.limit(1000, 1000)?;
    let ts = Ts::parse(&call.args.required("ts")?).ok_or_else(|| Refusal::of("thread_not_found"))?;
    let (mut oldest, latest) = bounds(call)?;
    if let Some(place) = call.args.cursor()? {
        oldest = Bound::Included(Ts::parse(&place).ok_or_else(|| Refusal::of("invalid_cursor"))?);
    }
    let shown = shown(call);
    let channel = &call.state.channels[at];
    let root = channel.messages.get(&ts).ok_or_else(|| Refusal::of("thread_not_found"))?;
    let none = std::collections::BTreeSet::new();
    let all = channel.replies.get(&ts).unwrap_or(&none);
    let mut found = within(all, oldest, latest).filter(|ts| **ts <= shown).filter_map(|ts| channel.messages.get(ts));
    let page: Vec<_> = found.by_ref().take(limit.saturating_sub(1).max(1)).collect();
    let next = found.next().map(|message| cursor_for(&message.ts.to_string()));
    let with_metadata = call.args.flag("include_all_metadata");
    let page = std::iter::once(root).chain(page).map(|m| message::json(call.state, channel, m, with_metadata));
    let mut out = json!({"messages": page.collect::<Vec<_>>(), "has_more": next.is_some()});
    if let Some(cursor) = next {
        out["response_metadata"] = json!({"next_cursor": cursor});
    }
    Ok(out)
}

/// Returns the time stamp up to which histories show messages, given the injected lag.
fn shown(call: &Call<'_>) -> Ts {
    let lag_us = i64::try_from(call.state.lag.as_micros()).unwrap_or(i64::MAX);
    match lag_us {
        0 => Ts(i64::MAX),
        lag_us => Ts(call.state.clock.now().as_microsecond().saturating_sub(lag_us)),
    }
}

fn readable(call: &Call<'_>) -> Result<usize, Refusal> {
    let at = call.channel()?;
    call.need(&format!("{}:history", call.state.channels[at].family()))?;
    if !call.state.channels[at].bot {
        return Err(Refusal::of("not_in_channel"));
    }
    Ok(at)
}

fn bounds(call: &Call<'_>) -> Result<(Bound<Ts>, Bound<Ts>), Refusal> {
    let inclusive = call.args.flag("inclusive");
    let bound = |key: &str, error| match call.args.text(key) {
        None => Ok(Bound::Unbounded),
        Some(text) => match Ts::parse_bound(&text) {
            Some(ts) if inclusive => Ok(Bound::Included(ts)),
            Some(ts) => Ok(Bound::Excluded(ts)),
            None => Err(Refusal::of(error)),
        },
    };
    Ok((bound("oldest", "invalid_ts_oldest")?, bound("latest", "invalid_ts_latest")?))
}

/// Returns the time stamps within the bounds; none if the bounds are reversed.
fn within(
    all: &std::collections::BTreeSet<Ts>,
    oldest: Bound<Ts>,
    latest: Bound<Ts>,
) -> impl DoubleEndedIterator<Item = &Ts> {
    let from = match oldest {
        Bound::Included(ts) => ts,
        Bound::Excluded(ts) => Ts(ts.0.saturating_add(1)),
        Bound::Unbounded => Ts(i64::MIN),
    };
    let to = match latest {
        Bound::Included(ts) => Ts(ts.0.saturating_add(1)),
        Bound::Excluded(ts) => ts,
        Bound::Unbounded => Ts(i64::MAX),
    };
    all.range(from..to.max(from))
}
