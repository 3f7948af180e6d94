//! Reads JSON from other programs, even if parts of it are damaged.
//!
//! A person's message must reach the desk even if the payload around it contains something that strict parsers refuse
//! as a whole: half of a surrogate pair, a number that no float can hold, bytes that are not UTF-8, or nesting deeper
//! than a parser allows. Such places are replaced, and the rest is read as it is. Sources: RFC 8259 (§7 leaves lone
//! surrogates open, §9 limits).

use std::borrow::Cow;
use std::str::Chars;

use serde_json::Value;

/// The deepest nesting that is kept. Deeper values become `null`. The parser's own limit is 128.
const DEEPEST: usize = 100;
/// The replacement for invalid characters.
const REPLACEMENT: &str = "\\ufffd";

/// Reads a payload. Returns `None` only if it is not JSON at all.
#[must_use]
pub(super) fn json(payload: &[u8]) -> Option<Value> {
    serde_json::from_slice(payload).ok().or_else(|| {
        let text: Cow<'_, str> = String::from_utf8_lossy(payload);
        serde_json::from_str(&Mender::new(&text).mended()).ok()
    })
}

/// Rewrites JSON and replaces the parts that the parser refuses. A text that is not JSON stays invalid.
struct Mender<'t> {
    left: Chars<'t>,
    written: String,
    depth: usize,
}

impl<'t> Mender<'t> {
    fn new(text: &'t str) -> Self {
        Self { left: text.chars(), written: String::with_capacity(text.len()), depth: 0 }
    }

    fn mended(mut self) -> String {
        while let Some(next) = self.left.next() {
            match next {
                '{' | '[' => {
                    self.depth += 1;
                    match self.depth {
                        ..=DEEPEST => self.written.push(next),
                        depth if depth == DEEPEST + 1 => self.written.push_str("null"),
                        _ => {}
                    }
                }
                '}' | ']' => {
                    self.put(next);
                    self.depth = self.depth.saturating_sub(1);
                }
                '"' => self.string(),
                '-' | '+' | '.' | '0'..='9' | 'a'..='z' | 'A'..='Z' => self.word(next),
                other => self.put(other),
            }
        }
        self.written
    }

    /// Writes a character, unless it is nested too deep.
    fn put(&mut self, kept: char) {
        if self.depth <= DEEPEST {
            self.written.push(kept);
        }
    }

    fn put_all(&mut self, kept: &str) {
        if self.depth <= DEEPEST {
            self.written.push_str(kept);
        }
    }

    /// Reads a number or a literal. One that the parser refuses becomes `null`.
    fn word(&mut self, first: char) {
        let rest = self.left.as_str();
        let is_of_it = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '+' | '.');
        let (rest, after) = rest.split_at(rest.find(|it| !is_of_it(it)).unwrap_or(rest.len()));
        self.left = after.chars();
        let word = format!("{first}{rest}");
        let is_taken = serde_json::from_str::<Value>(&word).is_ok();
        self.put_all(if is_taken { &word } else { "null" });
    }

    /// Reads the rest of a string after its opening quotation mark.
    fn string(&mut self) {
        self.put('"');
        while let Some(next) = self.left.next() {
            match next {
                '"' => return self.put('"'),
                '\\' => self.escape(),
                // JSON allows control characters only as escape sequences.
                '\0'..='\x1f' => self.put_all(&format!("\\u{:04x}", u32::from(next))),
                other => self.put(other),
            }
        }
    }

    /// Reads an escape sequence after its backslash.
    fn escape(&mut self) {
        match self.left.next() {
            Some(kind @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
                self.put('\\');
                self.put(kind);
            }
            Some('u') => match self.unit() {
                Some(high @ 0xD800..=0xDBFF) => {
                    let before = self.left.clone();
                    let low = self.left.as_str().strip_prefix("\\u").and_then(|rest| {
                        self.left = rest.chars();
                        self.unit().filter(|low| (0xDC00..=0xDFFF).contains(low))
                    });
                    if let Some(low) = low {
                        self.put_all(&format!("\\u{high:04x}\\u{low:04x}"));
                    } else {
                        self.left = before;
                        self.put_all(REPLACEMENT);
                    }
                }
                Some(0xDC00..=0xDFFF) | None => self.put_all(REPLACEMENT),
                Some(unit) => self.put_all(&format!("\\u{unit:04x}")),
            },
            Some(other) => {
                self.put_all(REPLACEMENT);
                self.put(other);
            }
            None => {}
        }
    }

    /// Reads four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let rest = self.left.as_str();
        let digits = rest.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        self.left = rest[4..].chars();
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(payload: &str) -> Option<Value> {
        json(payload.as_bytes())
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_the_rest_is_read() {
        assert_eq!(
            read(r#"{"a":"x\ud83dy","b":"\ude00 \ud83d\ude00"}"#),
            Some(json!({"a":"x\u{fffd}y","b":"\u{fffd} 😀"}))
        );
        assert_eq!(
            read(r#"["\ud83d\u0041","\ud83d\ud83d\ude00","\ud83d"]"#),
            Some(json!(["\u{fffd}A", "\u{fffd}😀", "\u{fffd}"]))
        );
        assert_eq!(
            read(r#"{"\udfff":1,"words":"a \"quoted\" \\ one\n"}"#),
            Some(json!({"\u{fffd}":1,"words":"a \"quoted\" \\ one\n"}))
        );
    }

    #[test]
    fn a_number_that_no_float_holds_is_null() {
        assert_eq!(read(r#"{"a":1e999,"b":-2.5e3,"c":"1e999"}"#), Some(json!({"a":null,"b":-2500.0,"c":"1e999"})));
        assert_eq!(read("[NaN,Infinity,-Infinity,true,01]"), Some(json!([null, null, null, true, null])));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(json(b"{\"a\":\"x\xffy\"}"), Some(json!({"a":"x\u{fffd}y"})));
        assert_eq!(read("{\"a\":\"x\u{1}\\q\"}"), Some(json!({"a":"x\u{1}\u{fffd}q"})));
    }

    #[test]
    fn what_is_nested_too_deep_is_null() {
        let deep = format!(r#"{{"words":"hello","odd":{}1{},"more":[1]}}"#, "[".repeat(5_000), "]".repeat(5_000));
        let read = read(&deep).expect("is read");
        assert_eq!((&read["words"], &read["more"]), (&json!("hello"), &json!([1])));
    }

    #[test]
    fn what_is_no_json_is_none() {
        for none in ["", "<html>", "{\"a\":", "{a:1}", "]", "\"\\ud800"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
