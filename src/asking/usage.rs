//! How much the words of a message resemble the words of messages that start a conversation. Words and pairs of words
//! are hashed to places in a table of learned weights.

/// The number of places in the table.
pub const PLACES: usize = 1 << 13;

/// The table of weights, each in one byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// The weight for which a byte of 1 stands.
    scale: f32,
    weights: Vec<i8>,
}

impl Usage {
    /// Creates a table of these weights.
    #[must_use]
    pub fn new(weights: &[f32]) -> Self {
        let most = weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
        let scale = most.max(1e-6) / f32::from(i8::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "between -127 and 127")]
        let weights = weights.iter().map(|weight| (weight / scale).round() as i8).collect();
        Self { scale, weights }
    }

    /// Reads the output of [`Usage::written`]. `None` if it does not have the right length.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (scale, weights) = bytes.split_first_chunk::<4>()?;
        let weights: Vec<i8> = weights.iter().map(|byte| byte.cast_signed()).collect();
        (weights.len() == PLACES).then_some(Self { scale: f32::from_le_bytes(*scale), weights })
    }

    /// Returns the table as bytes: the scale, then the weights.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        let weights = self.weights.iter().map(|weight| weight.cast_unsigned());
        self.scale.to_le_bytes().into_iter().chain(weights).collect()
    }

    /// Returns how much a message in its plain form resembles the start of a conversation, positive if it does: the sum
    /// of the weights of its words and pairs, divided by the square root of their number.
    #[must_use]
    pub fn of(&self, plain: &str) -> f32 {
        let places = places(plain);
        let sum: f32 = places.iter().map(|(place, sign)| sign * f32::from(self.weights[*place])).sum();
        sum * self.scale / (places.len() as f32).sqrt().max(1.0)
    }
}

/// Returns the places of a message's words, pairs of words and first word, each once. Each has a sign (1 or -1), so
/// that accidental collisions of hashes tend to cancel out.
#[must_use]
pub fn places(plain: &str) -> Vec<(usize, f32)> {
    let words: Vec<String> = plain
        .split(|letter: char| !(letter.is_alphanumeric() || "@§¤?'".contains(letter)))
        .flat_map(|word| match word.strip_suffix('?') {
            Some(asked) => vec![asked.trim_matches(['?', '\'']).to_owned(), "?".to_owned()],
            None => vec![word.trim_matches('\'').to_owned()],
        })
        .filter(|word| !word.is_empty() && word != "@")
        .collect();
    let mut places = Vec::with_capacity(2 * words.len() + 2);
    let mut add = |kind: &str, parts: &[&str]| {
        let hash = hash(kind, parts);
        let place = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        let place = (place, if hash >> 63 == 0 { 1.0 } else { -1.0 });
        if !places.contains(&place) {
            places.push(place);
        }
    };
    let mut before = "^";
    for word in &words {
        add("1", &[word]);
        add("2", &[before, word]);
        before = word;
    }
    add("2", &[before, "$"]);
    if let Some(first) = words.first() {
        add("f", &[first]);
    }
    places
}

/// The FNV-1a hash: the same on every machine and in every version, unlike the standard library's.
fn hash(kind: &str, parts: &[&str]) -> u64 {
    let bytes = kind.bytes().chain(parts.iter().flat_map(|part| std::iter::once(0).chain(part.bytes())));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    // Mixes the bits again, since the upper bits of short texts would be alike.
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
