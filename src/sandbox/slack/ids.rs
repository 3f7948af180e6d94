//! Ids and time stamps in Slack's form.

use std::collections::HashSet;
use std::fmt;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// A message's `ts`: microseconds since the epoch, written `seconds.micros`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ts(pub i64);

impl Ts {
    /// Reads `1700000000.000100`, with exactly six digits after the point, as Slack writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (seconds, micros) = text.split_once('.')?;
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty();
        (digits(seconds) && digits(micros) && micros.len() == 6)
            .then(|| Some(Self(seconds.parse::<i64>().ok()?.checked_mul(1_000_000)? + micros.parse::<i64>().ok()?)))?
    }

    /// Reads a bound of `oldest` or `latest`, where Slack also takes `0`, `1700000000` and `1700000000.1`.
    pub(super) fn parse_bound(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let seconds: i64 = seconds.parse().ok()?;
        let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        Some(Self(seconds.checked_mul(1_000_000)? + micros))
    }

    /// Returns the time in milliseconds since the epoch.
    pub(super) fn millis(self) -> i64 {
        self.0 / 1_000
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Makes ids that are unique in the workspace, and the same in every run with the same seed.
pub(super) struct Mint {
    rng: StdRng,
    taken: HashSet<String>,
    events: u64,
}

impl Mint {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), taken: HashSet::new(), events: 0 }
    }

    /// Returns an id made from a name, such as `U0000JEFF` for `jeff`. If the name is not just up to twelve lower-case
    /// letters and digits, part of its hash is added.
    pub(super) fn named(&mut self, prefix: char, name: &str) -> String {
        let letters: String =
            name.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>().to_ascii_uppercase();
        let mut wanted = if letters.to_ascii_lowercase() == name {
            format!("{prefix}{letters:0>8}")
        } else {
            format!("{prefix}{letters:0>4}Z{}", short_hash(name))
        };
        while !self.taken.insert(wanted.clone()) {
            wanted.push('X');
        }
        wanted
    }

    /// Returns a random id of `len` characters after `prefix`.
    pub(super) fn random(&mut self, prefix: &str, len: usize) -> String {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut id = prefix.to_owned();
        id.extend((0..len).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])));
        id
    }

    /// Returns the id of the next event.
    pub(super) fn event(&mut self) -> String {
        self.events += 1;
        format!("Ev{:09}", self.events)
    }

    /// Returns a random UUID (version 4).
    pub(super) fn uuid(&mut self) -> String {
        let bits: u128 = self.rng.random();
        let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

fn short_hash(name: &str) -> String {
    hex::encode_upper(&Sha256::digest(name.as_bytes())[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_from_names_and_never_clash() {
        let mut mint = Mint::new(1);
        assert_eq!(mint.named('U', "jeff"), "U0000JEFF");
        assert_ne!(mint.named('U', "0jeff"), "U0000JEFF");
        assert_ne!(mint.named('U', "_stink_"), mint.named('U', "stink__"));
    }

    #[test]
    fn time_stamps_are_read_strictly_and_bounds_leniently() {
        assert_eq!(Ts::parse("1700000000.000100").map(|ts| ts.to_string()).as_deref(), Some("1700000000.000100"));
        assert_eq!(Ts::parse("1700000000.1"), None);
        assert_eq!(Ts::parse_bound("1700000000.1"), Some(Ts(1_700_000_000_100_000)));
        assert_eq!(Ts::parse_bound("0"), Some(Ts(0)));
    }
}
