//! Detects whether a message is German, by the most common words of German and English.

const GERMAN: [&str; 64] = [
    "ich", "und", "der", "die", "das", "ist", "nicht", "ein", "eine", "einen", "mit", "auf", "für", "fuer", "wie",
    "kann", "hat", "bei", "mir", "wir", "es", "zu", "den", "dem", "von", "im", "noch", "auch", "schon", "mal", "bitte",
    "danke", "geht", "oder", "aber", "wenn", "kein", "keine", "sich", "ihr", "du", "sie", "hallo", "moin", "seit",
    "nach", "nur", "jetzt", "heute", "wieder", "mein", "meine", "dein", "warum", "weiß", "weiss", "jemand", "haben",
    "wird", "sind", "immer", "zum", "nix", "gibt",
];
const ENGLISH: [&str; 40] = [
    "the", "is", "to", "a", "i", "you", "it", "and", "of", "that", "for", "on", "have", "my", "not", "how", "what",
    "can", "with", "this", "are", "do", "but", "or", "there", "if", "be", "i'm", "it's", "your", "any", "anyone",
    "when", "does", "why", "from", "just", "has", "we", "no",
];

/// Whether the plain form of a message has more of the common words of German than of English. If it has as many of
/// both, a German letter decides.
#[must_use]
pub fn is_german(plain: &str) -> bool {
    let (mut german, mut english) = (0, 0);
    for word in plain.split(|letter: char| !(letter.is_alphanumeric() || letter == '\'')) {
        german += usize::from(GERMAN.contains(&word));
        english += usize::from(ENGLISH.contains(&word));
    }
    german > english || (german == english && plain.contains(['ä', 'ö', 'ü', 'ß']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn german_is_told_from_english() {
        for german in ["mein vpn geht nicht", "drucker kaputt, bitte mal schauen", "kein internet", "Größe?"] {
            assert!(is_german(&german.to_lowercase()), "{german}");
        }
        for other in ["my vpn is down", "how do i format a usb stick", "lol", "", "was ist das in the box, is it a die"]
        {
            assert!(!is_german(other), "{other}");
        }
    }
}
