//! Snowflakes: ids that contain their time, and ids that are the same in every run.

/// Milliseconds from the Unix epoch to the first second of 2015, from which snowflakes count.
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

/// Gives out strictly increasing ids.
#[derive(Debug, Default)]
pub struct Snowflakes {
    last: u64,
}

impl Snowflakes {
    /// Returns an id for the time `now_ms` (Unix epoch), greater than all before.
    pub fn next(&mut self, now_ms: i64) -> u64 {
        let since = u64::try_from(now_ms - DISCORD_EPOCH_MS).unwrap_or(0);
        self.last = (since << 22).max(self.last + 1);
        self.last
    }
}

/// Returns an id that depends only on the arguments. Its time lies in the years 2017 to 2021.
pub fn fixed(seed: u64, kind: &str, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in kind.bytes().chain([0]).chain(name.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    300_000_000_000_000_000 + hash % 500_000_000_000_000_000
}

/// Returns a bot token of the usual form, whose first part is the user's id.
pub fn token(seed: u64, bot: u64) -> String {
    let secret = format!("{:020}{:020}", fixed(seed, "token", "a"), fixed(seed, "token", "b"));
    format!("{}.{}.{}", base64url(bot.to_string().as_bytes()), base64url(b"\x00\x5e\x0b\xe1"), &secret[..38])
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * at)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflakes_rise_even_where_the_clock_stands_still() {
        let mut ids = Snowflakes::default();
        let first = ids.next(1_760_000_000_000);
        let second = ids.next(1_760_000_000_000);
        assert!(second > first);
        assert_eq!(i64::try_from(second >> 22).expect("small") + DISCORD_EPOCH_MS, 1_760_000_000_000);
    }
}
