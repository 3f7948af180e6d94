//! The check of Slack's signature: it accepts a valid signature, refuses a changed bit, and whatever it accepts is
//! valid.
//!
//! Input: a time stamp, a signature and a body, a line each (the body may have several).
#![no_main]

use deskbell::platform::slack::parsers::is_signed;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const NOW: i64 = 1_700_000_000;

fuzz_target!(|data: &[u8]| {
    let now = Timestamp::from_second(NOW).expect("a moment");
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (stamp, signature, body) =
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    if let Some(headers) = headers(stamp, signature)
        && is_signed(SECRET, &headers, body, now)
    {
        let hex = std::str::from_utf8(signature).expect("hex").strip_prefix("v0=").expect("a version");
        assert_eq!(hex::decode(hex).expect("hex"), sign(stamp, body));
        let sent: i64 = std::str::from_utf8(stamp).expect("digits").parse().expect("a number");
        assert!((sent - NOW).abs() <= 300);
    }

    let stamped = |stamp: i64, body: &[u8]| {
        let stamp = stamp.to_string();
        let signature = format!("v0={}", hex::encode(sign(stamp.as_bytes(), body)));
        headers(stamp.as_bytes(), signature.as_bytes()).expect("headers")
    };
    let right = stamped(NOW, body);
    assert!(is_signed(SECRET, &right, body, now));
    assert!(!is_signed("", &right, body, now), "an empty secret accepts nothing");
    assert!(!is_signed("another", &right, body, now));
    for away in [-301, 301, -1_000_000_000, i64::MAX - NOW] {
        assert!(!is_signed(SECRET, &stamped(NOW + away, body), body, now), "{away} s away");
    }
    let bit = stamp.first().copied().unwrap_or_default() as usize;
    let mut other = body.to_vec();
    match other.is_empty() {
        true => other.push(0),
        false => {
            let at = bit % other.len();
            other[at] ^= 1 << (bit % 8);
        }
    }
    assert!(!is_signed(SECRET, &right, &other, now), "a changed body");
});

fn headers(stamp: &[u8], signature: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("x-slack-request-timestamp", HeaderValue::from_bytes(stamp).ok()?);
    headers.insert("x-slack-signature", HeaderValue::from_bytes(signature).ok()?);
    Some(headers)
}

fn sign(stamp: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    for part in [b"v0:", stamp, b":", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}
