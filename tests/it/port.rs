//! The port that Slack calls, while somebody tries to block it or to fill the program's memory.

use std::time::Duration;

use deskbell::clock::real;
use deskbell::sandbox::Spot;
use deskbell::sandbox::stage::Platforms;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{patiently, see};
use crate::program::Site;
use crate::program::child::Child;

const HTTP: Platforms = Platforms { slack: true, discord: false, slack_http: true };
/// More connections than the port keeps open at once.
const IDLE: usize = 3_000;

async fn open() -> (Site, Child, String) {
    rlimit::increase_nofile_limit(u64::MAX).expect("descriptors for many connections");
    let site = Site::open(HTTP, "").await;
    let child = site.serve();
    let address = child.address().await;
    site.stage.slack.set_http_target(format!("http://{address}"));
    child.ready().await;
    (site, child, address)
}

/// Posts a request on Slack, and waits for the answer with its key.
async fn is_heard(site: &Site, text: &str) {
    let world = &site.stage.worlds()[0];
    world.say("jeff", &Spot::channel("sales"), &format!("@desk {text}"), None).await.expect("said");
    let mut changes = world.changes();
    let answered = changes.wait_for(|_| {
        let view = see(world, "jeff");
        let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("a channel");
        let asked = sales.messages.iter().filter(|message| message.text.contains(text));
        asked.flat_map(|message| &message.thread).any(|answer| answer.bot && answer.text.contains("IT-10"))
    });
    drop(patiently(text, answered).await.expect("the workspace is there"));
}

#[tokio::test]
async fn connections_that_say_nothing_keep_nobody_out() {
    let (site, child, address) = open().await;
    let mut idle = Vec::new();
    for number in 0..IDLE {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        if number % 2 == 0 {
            stream.write_all(b"POST /slack/events HTTP/1.1\r\nHost: x\r\n").await.expect("half of a head");
        }
        idle.push(stream);
    }
    is_heard(&site, "the printer is jammed").await;
    // The connections that waited longest were closed to make room.
    let mut nothing = [0; 1];
    let ended = patiently("it is closed", idle[1].read(&mut nothing)).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}

#[tokio::test]
async fn a_connection_has_ten_seconds_for_its_head() {
    let (site, child, address) = open().await;
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.expect("half of a head");
    let mut said = Vec::new();
    let _ = patiently("it is closed", stream.read_to_end(&mut said)).await;
    assert!(!String::from_utf8_lossy(&said).contains("200"));
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}

#[tokio::test]
async fn bodies_take_no_more_room_than_there_is() {
    let (site, child, address) = open().await;
    let now = real::epoch_ms() / 1_000;
    let length = 1024 * 1024 - 6;
    let mut streams = Vec::new();
    for number in 0..400 {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        // Half of the requests look as if Slack had signed them.
        let proof = format!("X-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: v0={}\r\n", "ab".repeat(32));
        let proof = if number % 2 == 0 { proof.as_str() } else { "" };
        let head = format!("POST /slack/events HTTP/1.1\r\nHost: x\r\n{proof}Content-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("a head");
        // The body without its last byte, as far as the port reads it.
        let body = vec![b'x'; length - 1];
        let _ = tokio::time::timeout(Duration::from_millis(50), stream.write_all(&body)).await;
        streams.push(stream);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let peak_kb: u64 = peak.split_whitespace().next().expect("a number").parse().expect("a number");
    assert!(peak_kb < 100 * 1024, "{peak_kb} KiB");
    // Slack's request is heard although the other bodies are not complete.
    is_heard(&site, "the printer is jammed").await;
    drop(streams);
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("too much is under way"), "{}", ended.err);
    site.stage.close().await;
}
