//! If the settings name other base addresses, no connection goes to the real platforms, whatever the servers at these
//! addresses answer or leave out.
//!
//! The program runs with a proxy in its environment that counts connections. Where `strace` works, every connection of
//! the program is recorded, too: none may leave this machine, and none may go to a name server.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use axum::routing::{get, post};
use axum::{Json, Router};
use deskbell::sandbox::Fault;
use deskbell::sandbox::stage::Platforms;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::Site;
use super::child::{self, Child};
use crate::harness::patiently;

#[tokio::test]
async fn everyday_calls_stay_here() {
    let site = Site::open(Platforms::BOTH, "").await;
    let trap = Trap::set().await;
    let child = trap.spawn(site.folder.path(), "serve");
    child.ready().await;
    assert_eq!(child.terminate().await.code, Some(0));
    trap.assert_nothing_left(site.folder.path());
    let checked = trap.spawn(site.folder.path(), "check").ended().await;
    checked.succeeded();
    trap.assert_nothing_left(site.folder.path());
}

#[tokio::test]
async fn without_an_address_of_the_gateway_it_asks_again_at_the_same_place() {
    let site = Site::open(Platforms { slack: false, ..Platforms::BOTH }, "").await;
    for method in ["GET /gateway", "GET /gateway/bot"] {
        site.stage.worlds()[1].inject(Fault::Fail { method: method.to_owned(), status: 500, times: 1000 });
    }
    let trap = Trap::set().await;
    let child = trap.spawn(site.folder.path(), "serve");
    child.says("Discord answers 500").await;
    let address = child.address().await;
    assert_eq!(child::get(&format!("http://{address}/healthz")).await, 200);
    assert!(!child::works(&address).await);
    assert_eq!(child.terminate().await.code, Some(0));
    trap.assert_nothing_left(site.folder.path());
}

#[tokio::test]
async fn without_an_address_for_socket_mode_it_asks_again_at_the_same_place() {
    let site = Site::open(Platforms { discord: false, ..Platforms::BOTH }, "").await;
    let method = "apps.connections.open".to_owned();
    site.stage.worlds()[0].inject(Fault::Fail { method, status: 500, times: 1000 });
    let trap = Trap::set().await;
    let child = trap.spawn(site.folder.path(), "serve");
    let mut grown = site.stage.journal.grown();
    let asked_thrice = grown.wait_for(|_| {
        let entries = site.stage.journal.since(0);
        entries.iter().filter(|entry| entry.text("method") == "apps.connections.open").count() >= 3
    });
    patiently("it asks three times", asked_thrice).await.map(|count| *count).expect("the journal is there");
    let address = child.address().await;
    assert_eq!(child::get(&format!("http://{address}/healthz")).await, 200);
    assert!(!child::works(&address).await);
    assert_eq!(child.terminate().await.code, Some(0));
    trap.assert_nothing_left(site.folder.path());
}

#[tokio::test]
async fn a_gateway_elsewhere_is_refused() {
    let discord = Router::new()
        .route("/api/v10/users/@me", get(|| async { Json(json!({"id": "1", "username": "desk"})) }))
        .route("/api/v10/applications/@me", get(|| async { Json(json!({"id": "1", "flags": 0})) }))
        .route("/api/v10/gateway", get(|| async { Json(json!({"url": "wss://gateway.discord.gg"})) }))
        .route(
            "/api/v10/gateway/bot",
            get(|| async {
                Json(json!({"url": "wss://gateway.discord.gg", "shards": 1,
                    "session_start_limit": {"total": 9, "remaining": 9, "reset_after": 0, "max_concurrency": 1}}))
            }),
        );
    let base = stand_in(discord).await;
    let settings = format!(
        "[discord]\ntoken = \"{}\"\napi_url = \"{base}\"\nguild = \"1\"\ntriage_channel = \"2\"\n",
        "q".repeat(60)
    );
    let (trap, folder) = (Trap::set().await, TempDir::new().expect("a folder"));
    write(folder.path(), &settings);
    let ended = trap.spawn(folder.path(), "serve").ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("is not on the host of discord.api_url"), "{}", ended.err);
    trap.assert_nothing_left(folder.path());
}

#[tokio::test]
async fn a_socket_elsewhere_is_refused() {
    let slack = Router::new().route(
        "/api/{method}",
        post(|axum::extract::Path(method): axum::extract::Path<String>| async move { Json(slack(&method)) }),
    );
    let base = stand_in(slack).await;
    let settings = format!(
        "[slack]\nbot_token = \"xoxb-1-2-x\"\napp_token = \"xapp-1-A-1-x\"\napi_url = \"{base}/api\"\n\
         triage_channel = \"C0123\"\n[http]\nlisten = \"127.0.0.1:0\"\n"
    );
    let (trap, folder) = (Trap::set().await, TempDir::new().expect("a folder"));
    write(folder.path(), &settings);
    let child = trap.spawn(folder.path(), "serve");
    child.says("is not on the host of slack.api_url").await;
    let address = child.address().await;
    assert!(!child::works(&address).await);
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains("very-secret"), "{}", ended.err);
    trap.assert_nothing_left(folder.path());
}

fn slack(method: &str) -> Value {
    match method {
        "auth.test" => json!({"ok": true, "url": "https://sandbox.slack.com/", "team": "Sandbox", "user": "desk",
            "team_id": "T1", "user_id": "U1", "bot_id": "B1", "is_enterprise_install": false}),
        "apps.connections.open" => json!({"ok": true, "url": "wss://wss-primary.slack.com/link/?ticket=very-secret"}),
        _ => json!({"ok": false, "error": "unknown_method"}),
    }
}

/// Serves `router` in a platform's place until the test ends. Returns its base address.
async fn stand_in(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn write(folder: &Path, settings: &str) {
    std::fs::write(folder.join("deskbell.toml"), settings).expect("the settings are written");
}

/// Notices connections that leave this machine.
struct Trap {
    proxy: String,
    came: Arc<Mutex<usize>>,
    strace: Option<&'static str>,
}

const STRACE: &str = "/usr/bin/strace";
const CALLS: &str = "connections.txt";

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let proxy = format!("http://{}", listener.local_addr().expect("it is bound"));
        let came = Arc::new(Mutex::new(0));
        tokio::spawn({
            let came = Arc::clone(&came);
            async move {
                while listener.accept().await.is_ok() {
                    *came.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                }
            }
        });
        // `strace` may be missing or not permitted.
        let tried = Command::new(STRACE).args(["-o", "/dev/null", "-e", "trace=connect", "/bin/true"]).output();
        let strace = tried.is_ok_and(|tried| tried.status.success()).then_some(STRACE);
        Self { proxy, came, strace }
    }

    fn spawn(&self, folder: &Path, line: &str) -> Child {
        let proxy = self.proxy.as_str();
        let names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"];
        let environment = names.map(|name| (name, proxy));
        match self.strace {
            Some(strace) => {
                let mut command = Command::new(strace);
                // With -D our child is the program, not strace.
                command.args(["-D", "-f", "-qq", "-e", "trace=connect", "-o", CALLS, env!("CARGO_BIN_EXE_deskbell")]);
                Child::spawn_by(command, folder, line, &environment)
            }
            None => Child::spawn(folder, line, &environment),
        }
    }

    /// Asserts that no connection has left this machine.
    fn assert_nothing_left(&self, folder: &Path) {
        assert_eq!(*self.came.lock().unwrap_or_else(PoisonError::into_inner), 0, "the proxy was asked");
        if self.strace.is_none() {
            return;
        }
        let calls = std::fs::read_to_string(folder.join(CALLS)).expect("strace wrote it");
        assert!(calls.contains("127.0.0.1"), "{calls}");
        for call in calls.lines().filter(|call| call.contains("connect(")) {
            let here = call.contains("inet_addr(\"127.0.0.1\")") && !call.contains("htons(53)");
            assert!(here, "a connection leaves this machine: {call}");
        }
    }
}
