//! Prints the output of commands. People's words in it cannot move the cursor, set colours or forge lines.

use std::io::Write as _;

use crate::domain::plain::is_bidi_control;

/// Returns a text that is safe for a terminal: control characters and changes of the writing direction are escaped as
/// in JSON, so that JSON stays valid. Line ends and tabs stay, since callers have escaped or removed those in people's
/// words.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_harmless = matches!(c, '\n' | '\t') || !(c.is_control() || is_bidi_control(c) || is_separator(c));
        if is_harmless {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

const fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Prints a line. If the output is closed (`deskbell tickets | head`), ends the program.
pub fn print(line: &str) {
    if writeln!(std::io::stdout(), "{}", shown(line)).is_err() {
        std::process::exit(0);
    }
}

/// Prints a line like `println!`, after making it safe for a terminal ([`shown`](super::shown)).
macro_rules! say {
    ($($what:tt)*) => {
        $crate::commands::terminal::print(&format!($($what)*))
    };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_raw() {
        let nasty = "\u{1b}[31mred\u{1b}[0m\r\u{9b}2J \u{1b}]0;title\u{7} \u{202e}gnp\u{2069} \u{7f}\u{2028}";
        let plain = shown(nasty);
        assert!(plain.chars().all(|c| !c.is_control() && !is_bidi_control(c)), "{plain:?}");
        assert!(plain.starts_with("\\u001b[31mred"), "{plain}");
        assert_eq!(shown("IT-1001\tdone\nשלום 🔥"), "IT-1001\tdone\nשלום 🔥");
        let json = serde_json::to_string(&nasty).expect("is written");
        assert_eq!(serde_json::from_str::<String>(&shown(&json)).expect("is JSON still"), nasty);
    }
}
