//! Hours of the week, as they are written in the settings: `mon-fri 18:00-08:00`, `sat-sun`, `12:00-13:00`.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::ids::UnknownName;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// Hours on some days of the week. Hours past midnight belong to the day on which they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    first: Weekday,
    last: Weekday,
    /// The first minute, counted from midnight. If `to` is not later, the hours end on the next day.
    from: u16,
    to: u16,
}

impl Hours {
    /// Whether the hours contain this moment, in the time zone of this IANA name (UTC if there is no such zone).
    #[must_use]
    pub fn contains(&self, at: Timestamp, zone: &str) -> bool {
        let local = at.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC));
        let (day, time) = (local.weekday(), local.time());
        let minute = u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or_default();
        if self.from < self.to {
            return self.is_on(day) && (self.from..self.to).contains(&minute);
        }
        (self.is_on(day) && minute >= self.from) || (self.is_on(day.previous()) && minute < self.to)
    }

    fn is_on(&self, day: Weekday) -> bool {
        self.first.until(day) <= self.first.until(self.last)
    }
}

impl FromStr for Hours {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let text = text.trim().to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, times) = match words.as_slice() {
            [days, times] => (*days, *times),
            [times] if times.contains(':') => ("mon-sun", *times),
            [days] => (*days, "00:00-24:00"),
            _ => return Err(UnknownName),
        };
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (from, to) = times.split_once('-').ok_or(UnknownName)?;
        let (from, to) = (minute(from)?, minute(to)?);
        if from == to || from == MINUTES_OF_A_DAY {
            return Err(UnknownName);
        }
        Ok(Self { first: day(first)?, last: day(last)?, from, to })
    }
}

fn day(name: &str) -> Result<Weekday, UnknownName> {
    DAYS.iter().find(|(day, _)| *day == name).map(|(_, day)| *day).ok_or(UnknownName)
}

/// Reads a time such as "08:00" (up to "24:00") as minutes since midnight.
fn minute(text: &str) -> Result<u16, UnknownName> {
    let (hours, minutes) = text.split_once(':').ok_or(UnknownName)?;
    let number = |text: &str| match text.len() {
        2 => text.parse::<u16>().map_err(|_| UnknownName),
        _ => Err(UnknownName),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    if minutes < 60 && minute <= MINUTES_OF_A_DAY { Ok(minute) } else { Err(UnknownName) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_hold_on_their_days_in_their_zone() {
        // Saturday, 28 November 2026; Berlin is an hour ahead of UTC.
        let table = [
            ("sat-sun", "2026-11-28T12:00:00Z", true),
            ("sat-sun", "2026-11-27T22:59:00Z", false),
            ("sat-sun", "2026-11-27T23:00:00Z", true),
            ("sat-sun", "2026-11-29T22:59:00Z", true),
            ("sat-sun", "2026-11-29T23:00:00Z", false),
            ("mon-fri 18:00-08:00", "2026-11-27T17:00:00Z", true),
            ("mon-fri 18:00-08:00", "2026-11-28T06:59:00Z", true),
            ("mon-fri 18:00-08:00", "2026-11-28T07:00:00Z", false),
            ("mon-fri 18:00-08:00", "2026-11-29T23:30:00Z", false),
            ("12:00-13:00", "2026-11-28T11:30:00Z", true),
            ("12:00-13:00", "2026-11-28T12:00:00Z", false),
            ("fri-mon 20:00-24:00", "2026-11-29T22:59:00Z", true),
            ("fri-mon 20:00-24:00", "2026-11-26T22:00:00Z", false),
            ("SUN", "2026-11-29T12:00:00Z", true),
        ];
        for (hours, at, expected) in table {
            let hours_read: Hours = hours.parse().expect("hours");
            assert_eq!(hours_read.contains(at.parse().expect("a time"), "Europe/Berlin"), expected, "{hours} at {at}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for junk in ["", "always", "mon-", "8:00-9:00", "08:00", "08:00-08:00", "24:00-08:00", "08:00-25:00", "mon 1 2"]
        {
            assert!(junk.parse::<Hours>().is_err(), "{junk}");
        }
    }
}
