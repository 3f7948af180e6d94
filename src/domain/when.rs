//! Dates and times as people write them: "14:30", "tomorrow 9", "in 30 min", "fri 10:00", "2026-12-01 14:30".

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// The time and zone that a date is read relative to: now, in the zone of its author. The zone is looked up only if
/// there is a date to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now<'z> {
    at: Timestamp,
    zone: &'z str,
}

impl<'z> Now<'z> {
    /// Returns now in the zone of this IANA name ("Europe/Berlin"), or in UTC if there is no such zone.
    #[must_use]
    pub const fn named(at: Timestamp, zone: &'z str) -> Self {
        Self { at, zone }
    }

    /// Whether this moment is in the future.
    #[must_use]
    pub fn is_before(&self, moment: Timestamp) -> bool {
        self.at < moment
    }
}

/// Reads a date and time. A time without a day means today, or tomorrow if it has passed. A day of the week means the
/// next such day, at nine if no time is given. A time that the change to summer time skips becomes an hour later.
/// `None` if the text is no date and time.
#[must_use]
pub fn read(text: &str, now: &Now<'_>) -> Option<Timestamp> {
    let now = &now.at.to_zoned(TimeZone::get(now.zone).unwrap_or(TimeZone::UTC));
    let text = text.trim().to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let moment = |day: Date, time: Time| {
        let at = DateTime::from_parts(day, time).to_zoned(now.time_zone().clone()).ok()?;
        Some(at.timestamp())
    };
    match words.as_slice() {
        ["now"] => Some(now.timestamp()),
        ["in", rest @ ..] => now.timestamp().checked_add(span(&rest.concat())?).ok(),
        [single] => match (clock(single), day(single, now)) {
            (Some(time), _) => {
                let today = moment(now.date(), time)?;
                if today > now.timestamp() { Some(today) } else { moment(now.date().tomorrow().ok()?, time) }
            }
            (None, Some(day)) => moment(day, NINE),
            (None, None) => None,
        },
        [first, "at", time] | [first, time] => moment(day(first, now)?, clock(time).or_else(|| hour(time))?),
        _ => None,
    }
}

/// Writes a date and time to the minute, so that [`read`] reads it.
#[must_use]
pub fn written(at: Timestamp, now: &Now<'_>) -> String {
    at.to_zoned(TimeZone::get(now.zone).unwrap_or(TimeZone::UTC)).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Whether two moments are in the same minute, which [`written`] does not tell apart.
#[must_use]
pub fn is_same_minute(one: Timestamp, other: Timestamp) -> bool {
    one.as_second().div_euclid(60) == other.as_second().div_euclid(60)
}

/// The time of a day without a time: when the desk opens.
const NINE: Time = jiff::civil::time(9, 0, 0, 0);

/// Reads "14:30", "9am", "9:15pm".
fn clock(text: &str) -> Option<Time> {
    let (text, offset) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(text), _) => (text, Some(0)),
        (_, Some(text)) => (text, Some(12)),
        (None, None) => (text, None),
    };
    let (hours, minutes) = match (text.split_once(':'), offset) {
        (Some((hours, minutes)), _) if minutes.len() == 2 => (number(hours)?, number(minutes)?),
        (None, Some(_)) => (number(text)?, 0),
        _ => return None,
    };
    let hours = match offset {
        Some(offset) if (1..=12).contains(&hours) => hours % 12 + offset,
        Some(_) => return None,
        None => hours,
    };
    Time::new(hours, minutes, 0, 0).ok()
}

/// Reads "9", after a day.
fn hour(text: &str) -> Option<Time> {
    Time::new(number(text)?, 0, 0, 0).ok()
}

fn number(text: &str) -> Option<i8> {
    let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Reads "today", "tomorrow", "fri", "friday", "2026-12-01".
fn day(text: &str, now: &Zoned) -> Option<Date> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    match text {
        "today" => Some(now.date()),
        "tomorrow" => now.date().tomorrow().ok(),
        name if name.len() >= 3 => match DAYS.iter().find(|(day, _)| day.starts_with(name)) {
            Some((_, day)) => now.date().nth_weekday(1, *day).ok(),
            None => name.parse::<Date>().ok().filter(|_| name.len() == "2026-12-01".len()),
        },
        _ => None,
    }
}

/// Reads "30min", "2h", "3days": a length of time, a year at most.
fn span(text: &str) -> Option<SignedDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: i64 = count.parse().ok()?;
    let minutes = match unit {
        "m" | "min" | "mins" | "minute" | "minutes" => 1,
        "h" | "hr" | "hour" | "hours" => 60,
        "d" | "day" | "days" => 24 * 60,
        "w" | "week" | "weeks" => 7 * 24 * 60,
        _ => return None,
    };
    let all = count.checked_mul(minutes).filter(|minutes| (1..=366 * 24 * 60).contains(minutes))?;
    Some(SignedDuration::from_mins(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saturday, 28 November 2026, 15:00 in Berlin (14:00 UTC).
    fn now() -> Now<'static> {
        Now::named("2026-11-28T14:00:00Z".parse().expect("a time"), "Europe/Berlin")
    }

    #[test]
    fn moments_are_read_in_the_zone_of_whoever_writes_them() {
        let table = [
            ("now", "2026-11-28T14:00:00Z"),
            ("16:30", "2026-11-28T15:30:00Z"),
            ("14:30", "2026-11-29T13:30:00Z"),
            ("9am", "2026-11-29T08:00:00Z"),
            ("12am", "2026-11-28T23:00:00Z"),
            ("9:15PM", "2026-11-28T20:15:00Z"),
            ("tomorrow", "2026-11-29T08:00:00Z"),
            (" tomorrow 9 ", "2026-11-29T08:00:00Z"),
            ("tomorrow at 14:30", "2026-11-29T13:30:00Z"),
            ("today 9:00", "2026-11-28T08:00:00Z"),
            ("in 30 min", "2026-11-28T14:30:00Z"),
            ("in 2h", "2026-11-28T16:00:00Z"),
            ("in 3 days", "2026-12-01T14:00:00Z"),
            ("fri", "2026-12-04T08:00:00Z"),
            ("Monday 10:00", "2026-11-30T09:00:00Z"),
            ("sat 9", "2026-12-05T08:00:00Z"),
            ("2026-12-01 14:30", "2026-12-01T13:30:00Z"),
            ("2027-03-28 02:30", "2027-03-28T01:30:00Z"),
        ];
        for (text, expected) in table {
            assert_eq!(read(text, &now()).map(|at| at.to_string()).as_deref(), Some(expected), "{text}");
        }
        let junk = [
            "",
            "9",
            "soon",
            "25:00",
            "14:3",
            "13pm",
            "0am",
            "in",
            "in 5",
            "in x min",
            "in 99999 days",
            "mo",
            "tomorrow x",
        ];
        for text in junk {
            assert_eq!(read(text, &now()), None, "{text}");
        }
    }

    #[test]
    fn a_zone_that_is_none_is_utc() {
        let now = Now::named("2026-11-28T14:00:00Z".parse().expect("a time"), "Mars/Base");
        assert_eq!(read("16:30", &now).map(|at| at.to_string()).as_deref(), Some("2026-11-28T16:30:00Z"));
    }
}
