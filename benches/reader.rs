//! Measures how many messages one core reads and finds not to concern the desk, without sockets.
//!
//! Each message is a payload as it comes over the wire, with the fields and length of a real one. The adapters' own
//! code reads it.
//! `cargo bench --bench reader`

#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use deskbell::platform::{discord, slack};

const MESSAGES: usize = 2_000;
const AT_LEAST: Duration = Duration::from_secs(3);

/// A platform's name, its payloads, and its function that says whether a payload may concern the desk.
type Reading = (&'static str, Vec<Vec<u8>>, fn(&[u8]) -> Option<bool>);

fn main() {
    let readings: [Reading; 2] = [
        ("Slack", (0..MESSAGES).map(on_slack).collect(), slack::parsers::may_concern),
        ("Discord", (0..MESSAGES).map(on_discord).collect(), discord::parsers::may_concern),
    ];
    for (platform, messages, may_concern) in readings {
        let (began, mut read) = (Instant::now(), 0_u32);
        while began.elapsed() < AT_LEAST {
            for message in &messages {
                assert_eq!(black_box(may_concern(black_box(message))), Some(false), "chatter is not for the desk");
            }
            read += u32::try_from(messages.len()).unwrap_or_default();
        }
        let bytes: usize = messages.iter().map(Vec::len).sum::<usize>() / messages.len();
        let a_second = f64::from(read) / began.elapsed().as_secs_f64();
        println!("{platform}: {a_second:.0} messages a second, of {bytes} bytes");
    }
}

fn words(number: usize) -> String {
    format!("has anybody seen the cable of the beamer in room {number}? It was here yesterday :thinking_face:")
}

fn on_slack(number: usize) -> Vec<u8> {
    let words = words(number);
    format!(
        r#"{{"token":"XXYYZZ","team_id":"T0LOAD","context_team_id":"T0LOAD","context_enterprise_id":null,"api_app_id":"A0LOAD","event":{{"user":"U{number:08}","type":"message","ts":"1760000000.{number:06}","client_msg_id":"c0ffee00-1234-4321-8765-{number:012}","text":"{words}","team":"T0LOAD","blocks":[{{"type":"rich_text","block_id":"b{number}","elements":[{{"type":"rich_text_section","elements":[{{"type":"text","text":"{words}"}}]}}]}}],"channel":"C0SALES","event_ts":"1760000000.{number:06}","channel_type":"channel"}},"type":"event_callback","event_id":"Ev{number:010}","event_time":1760000000,"authorizations":[{{"enterprise_id":null,"team_id":"T0LOAD","user_id":"U0BOT","is_bot":true,"is_enterprise_install":false}}],"is_ext_shared_channel":false,"event_context":"4-eyJldCI6Im1lc3NhZ2UiLCJ0aWQiOiJUMExPQUQifQ"}}"#
    )
    .into_bytes()
}

fn on_discord(number: usize) -> Vec<u8> {
    let (words, id) = (words(number), 1_443_036_000_000_000_000 + number);
    format!(
        r#"{{"t":"MESSAGE_CREATE","s":{number},"op":0,"d":{{"type":0,"tts":false,"timestamp":"2026-11-21T10:00:00.000000+00:00","pinned":false,"nonce":"{id}","mentions":[],"mention_roles":[],"mention_everyone":false,"member":{{"roles":["391000816929632204"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2025-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}},"id":"{id}","flags":0,"embeds":[],"edited_timestamp":null,"content":"{words}","components":[],"channel_type":0,"channel_id":"20","author":{{"username":"jeff{number}","public_flags":0,"primary_guild":null,"id":"{id}","global_name":"Jeff Park","discriminator":"0","collectibles":null,"clan":null,"avatar_decoration_data":null,"avatar":"0123456789abcdef0123456789abcdef"}},"attachments":[],"guild_id":"10"}}}}"#
    )
    .into_bytes()
}
