//! The sandbox's page in a real browser: two people on two platforms, and a request between them.
//!
//! The tests need Chromium and its driver. `DESKBELL_TEST_NO_BROWSER=1` skips them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deskbell::sandbox::{Spot, page};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::harness::{Desk, PATIENCE, Setup, see};
use crate::knowledge::knowing;

const LEFT_OUT: &str = "DESKBELL_TEST_NO_BROWSER";
const CHROMIUM_FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
];
const REQUEST: &str = "printer on 3 prints blank pages";
const REPLY: &str = "I've moved you to the printer next door: RICOH-3B.";

#[tokio::test]
async fn a_request_is_claimed_and_answered_on_the_page() {
    if std::env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty()) {
        eprintln!("\n!!! LEFT OUT: the sandbox's page was not tried in a browser ({LEFT_OUT} is set) !!!\n");
        return;
    }
    let desk = Desk::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!(
        "http://{}/#slack=jeff/sales&discord=mia/desk-triage",
        listener.local_addr().expect("the listener has an address")
    );
    let stop = CancellationToken::new();
    let served = tokio::spawn(page::serve(listener, desk.worlds(), Vec::new(), stop.clone()));
    let browser = Browser::open(&url).await;

    let composer = browser.see("//section[@data-platform='slack']//textarea[@data-composer='main']").await;
    composer.send_keys(&format!("@desk {REQUEST}{ENTER}")).await.expect("Jeff writes");
    meanwhile(&desk, browser.see(&on_message("discord", REQUEST))).await;

    meanwhile(&desk, browser.press("//section[@data-platform='discord']//button[@data-control='Take it']")).await;
    meanwhile(&desk, browser.see(&on_message("discord", "Mia Wong has it"))).await;
    meanwhile(&desk, browser.press("//section[@data-platform='slack']//button[@data-open-thread][.//b]")).await;
    meanwhile(&desk, browser.see(&on_message("slack", "Mia is on it."))).await;

    let message = format!("{}/ancestor::li[@data-message][1]", on_message("slack", REQUEST));
    meanwhile(&desk, browser.press(&format!("{message}//button[@data-offers]"))).await;
    let offer =
        "//section[@data-platform='slack']//span[@role='group'][not(@hidden)]/button[@data-menu='Show the request']";
    meanwhile(&desk, browser.press(offer)).await;
    meanwhile(&desk, browser.see(&on_message("slack", "It is in progress"))).await;

    let reply = "//section[@data-platform='discord']//button[@data-control='Reply to requester']";
    meanwhile(&desk, browser.press(reply)).await;
    let form = "//section[@data-platform='discord']//dialog";
    let field = meanwhile(&desk, browser.see(&format!("{form}//textarea[@data-field]"))).await;
    field.send_keys(REPLY).await.expect("Mia fills in the form");
    browser.press(&format!("{form}//button[@data-submit]")).await;
    meanwhile(&desk, browser.see(&on_message("slack", REPLY))).await;
    meanwhile(&desk, browser.see(&on_message("discord", REPLY))).await;
    meanwhile(&desk, browser.see(&format!("/html[not(.{form})]"))).await;

    assert_eq!(browser.errors().await, Vec::<Value>::new(), "the page logged errors");
    browser.close().await;
    stop.cancel();
    served.await.expect("the page's task ends").expect("the page is served to its end");
    desk.end().await;
}

#[tokio::test]
async fn an_article_is_read_and_solves_it_on_the_page() {
    if std::env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty()) {
        eprintln!("\n!!! LEFT OUT: the sandbox's page was not tried in a browser ({LEFT_OUT} is set) !!!\n");
        return;
    }
    let desk = Desk::open().await;
    knowing(&desk).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the listener has an address");
    let stop = CancellationToken::new();
    let served = tokio::spawn(page::serve(listener, desk.worlds(), Vec::new(), stop.clone()));
    let browser = Browser::open(&format!("http://{address}/#slack=jeff/sales&discord=mia/desk-triage")).await;
    let half = "//section[@data-platform='slack']";
    let composer = browser.see(&format!("{half}//textarea[@data-composer='main']")).await;
    let words = format!("@desk my vpn drops every 10 minutes at home{ENTER}");
    composer.send_keys(&words).await.expect("Jeff writes");
    meanwhile(&desk, browser.press(&format!("{half}//button[@data-open-thread][.//b]"))).await;
    meanwhile(&desk, browser.see(&on_message("slack", "this may help"))).await;
    meanwhile(&desk, browser.press(&format!("{half}//button[@data-control='Read']"))).await;
    meanwhile(&desk, browser.see(&on_message("slack", "Unplug the router for 30 seconds"))).await;
    meanwhile(&desk, browser.press(&format!("{half}//button[@data-control='This solved it']"))).await;
    meanwhile(&desk, browser.see(&on_message("slack", "is solved by"))).await;
    assert_eq!(browser.errors().await, Vec::<Value>::new(), "the page logged errors");
    browser.close().await;
    stop.cancel();
    served.await.expect("the page's task ends").expect("the page is served to its end");
    desk.end().await;
}

#[tokio::test]
async fn an_outage_is_announced_updated_and_over_on_the_page() {
    if std::env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty()) {
        eprintln!("\n!!! LEFT OUT: the sandbox's page was not tried in a browser ({LEFT_OUT} is set) !!!\n");
        return;
    }
    let desk = Desk::open().await;
    for (world, services) in [(desk.slack(), "vpn"), (desk.discord(), "services:vpn")] {
        let subscribe = format!("subscribe {services}");
        world.command("mia", &Spot::channel("sales"), &subscribe).await.expect("given");
        desk.settle().await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the listener has an address");
    let stop = CancellationToken::new();
    let served = tokio::spawn(page::serve(listener, desk.worlds(), Vec::new(), stop.clone()));
    let browser = Browser::open(&format!("http://{address}/#slack=mia/desk-triage&discord=jeff/sales")).await;
    let half = "//section[@data-platform='slack']";
    let pressed = |label: &str| format!("{half}//button[@data-control='{label}']");
    let field = |name: &str| format!("{half}//dialog//*[@data-field='{name}']");
    let send = format!("{half}//dialog//button[@data-submit]");

    let composer = browser.see(&format!("{half}//textarea[@data-composer='main']")).await;
    composer.send_keys(&format!("/desk outages{ENTER}")).await.expect("Mia writes");
    meanwhile(&desk, browser.press(&pressed("Announce an outage…"))).await;
    let fields = [("title", "Nobody gets in"), ("services", "vpn"), ("known", "Since the update of last night.")];
    for (name, words) in fields {
        meanwhile(&desk, browser.see(&field(name))).await.send_keys(words).await.expect("Mia fills in the form");
    }
    browser.see(&field("severity")).await.select_by_value("low").await.expect("Mia chooses");
    browser.press(&send).await;
    meanwhile(&desk, browser.see(&on_message("slack", "Nobody has seen it yet"))).await;
    meanwhile(&desk, browser.press(&pressed("Announce it now"))).await;
    meanwhile(&desk, browser.see(&on_message("discord", "VPN: Nobody gets in"))).await;

    let card = format!("{}/ancestor::li[@data-message][1]", on_message("slack", "announced by Mia Wong"));
    meanwhile(&desk, browser.press(&format!("{card}//button[@data-control='Update…']"))).await;
    meanwhile(&desk, browser.see(&field("phase"))).await.select_by_value("monitoring").await.expect("Mia chooses");
    browser.press(&send).await;
    meanwhile(&desk, browser.see(&on_message("discord", "fixed, and we're keeping an eye on it"))).await;

    meanwhile(&desk, browser.press(&format!("{card}//button[@data-control='It is over…']"))).await;
    let known = meanwhile(&desk, browser.see(&field("known"))).await;
    known.send_keys("Everything works again.").await.expect("Mia fills in the form");
    browser.press(&send).await;
    meanwhile(&desk, browser.see(&on_message("discord", "Everything works again."))).await;
    assert_eq!(browser.errors().await, Vec::<Value>::new(), "the page logged errors");
    browser.close().await;
    stop.cancel();
    served.await.expect("the page's task ends").expect("the page is served to its end");
    desk.end().await;
}

#[tokio::test]
async fn whoever_pings_an_agent_accepts_the_desk_on_the_page_and_the_agent_stays_undisturbed() {
    if std::env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty()) {
        eprintln!("\n!!! LEFT OUT: the sandbox's page was not tried in a browser ({LEFT_OUT} is set) !!!\n");
        return;
    }
    let desk = Desk::open_with(Setup { extra_settings: "[guard]\nmode = \"nudge\"\n", ..Setup::default() }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the listener has an address");
    let stop = CancellationToken::new();
    let served = tokio::spawn(page::serve(listener, desk.worlds(), Vec::new(), stop.clone()));
    let browser = Browser::open(&format!("http://{address}/#slack=jeff/sales&discord=mia/sales")).await;
    let half = "//section[@data-platform='slack']";
    let composer = browser.see(&format!("{half}//textarea[@data-composer='main']")).await;
    let words = format!("@mia my laptop does not start any more, can you help me?{ENTER}");
    composer.send_keys(&words).await.expect("Jeff writes");
    meanwhile(&desk, browser.press(&format!("{half}//button[@data-control='Make it a request']"))).await;
    meanwhile(&desk, browser.see(&on_message("slack", "is with the desk"))).await;
    // The message has its reaction, and no message of the bot pings Mia.
    meanwhile(&desk, browser.see(&format!("{half}//button[@data-reaction='ticket']"))).await;
    for channel in see(&desk.slack(), "mia").channels {
        let all = channel.messages.iter().flat_map(|message| message.thread.iter().chain([message]));
        let pinging: Vec<_> = all.filter(|one| one.bot && one.pings.iter().any(|who| who == "mia")).collect();
        assert!(pinging.is_empty(), "{}: {pinging:?}", channel.name);
    }
    assert_eq!(browser.errors().await, Vec::<Value>::new(), "the page logged errors");
    browser.close().await;
    stop.cancel();
    served.await.expect("the page's task ends").expect("the page is served to its end");
    desk.end().await;
}

/// Waits for the result of an act on the page. The clock stands still, so the desk must be settled after each change to
/// get past the platforms' limits. A change is an entry in the journal, or one in the database alone, such as the
/// result of a search.
async fn meanwhile<T>(desk: &Desk, awaited: impl Future<Output = T>) -> T {
    let helped = async {
        loop {
            let (mut grown, mut changed) = (desk.stage.journal.grown(), desk.store().changed());
            desk.settle().await;
            let is_over = tokio::select! {
                grown = grown.changed() => grown.is_err(),
                changed = changed.changed() => changed.is_err(),
            };
            if is_over {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        done = awaited => done,
        () = helped => unreachable!("it helps for ever"),
    }
}

/// Returns the XPath of a message with these words in this platform's half of the page.
fn on_message(platform: &str, words: &str) -> String {
    format!("//section[@data-platform='{platform}']//li[@data-message]//*[@data-text][contains(., \"{words}\")]")
}

/// The Enter key in WebDriver's notation: <https://www.w3.org/TR/webdriver2/#keyboard-actions>.
const ENTER: char = '\u{e007}';
/// The name of the field that holds an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Chromium, controlled through its driver. The few calls that these tests need are written out here: a client library
/// has so many dependencies that the program itself would be compiled twice, with and without them.
struct Browser {
    http: reqwest::Client,
    /// The address of the session with the driver.
    session: String,
    _driver: Driver,
    _profile: TempDir,
}

/// An error of the driver.
#[derive(Debug, serde::Deserialize)]
struct Refused {
    error: String,
    message: String,
}

/// An element of the page.
struct Element<'b> {
    browser: &'b Browser,
    id: String,
}

impl Element<'_> {
    async fn click(&self) -> Result<(), Refused> {
        self.browser.call(&format!("element/{}/click", self.id), json!({})).await.map(drop)
    }

    /// Chooses the option with this value.
    async fn select_by_value(&self, value: &str) -> Result<(), Refused> {
        let option = json!({ "using": "css selector", "value": format!("option[value='{value}']") });
        let found = self.browser.call(&format!("element/{}/element", self.id), option).await?;
        let id = found[ELEMENT].as_str().expect("an element").to_owned();
        Element { browser: self.browser, id }.click().await
    }

    async fn send_keys(&self, words: &str) -> Result<(), Refused> {
        self.browser.call(&format!("element/{}/value", self.id), json!({ "text": words })).await.map(drop)
    }
}

impl Browser {
    async fn open(url: &str) -> Self {
        let driver = tokio::task::spawn_blocking(Driver::start).await.expect("the driver's start does not panic");
        let profile = TempDir::new().expect("a folder");
        let mut flags: Vec<String> = CHROMIUM_FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let session = format!("http://127.0.0.1:{}", driver.port);
        let mut browser = Self { http, session, _driver: driver, _profile: profile };
        let wishes = json!({
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
            // How long the driver waits for an element.
            "timeouts": { "implicit": u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX) },
        });
        let session = browser.call("session", json!({ "capabilities": { "alwaysMatch": wishes } })).await;
        let session = session.expect("Chromium starts (Debian: apt-get install chromium chromium-driver)");
        browser.session.push_str(&format!("/session/{}", session["sessionId"].as_str().expect("a session")));
        browser.call("url", json!({ "url": url })).await.expect("the page opens");
        browser
    }

    /// Makes a call of WebDriver: <https://www.w3.org/TR/webdriver2/#endpoints>.
    async fn call(&self, what: &str, how: Value) -> Result<Value, Refused> {
        let asked = self.http.post(format!("{}/{what}", self.session)).json(&how).send().await;
        let answer = asked.expect("the driver answers");
        let is_done = answer.status().is_success();
        let mut answer: Value = answer.json().await.expect("an answer of the driver's");
        let value = answer["value"].take();
        if is_done { Ok(value) } else { Err(serde_json::from_value(value).expect("a refusal")) }
    }

    /// Waits for an element and returns it.
    async fn see(&self, xpath: &str) -> Element<'_> {
        match self.call("element", json!({ "using": "xpath", "value": xpath })).await {
            Ok(found) => Element { browser: self, id: found[ELEMENT].as_str().expect("an element").to_owned() },
            Err(refused) => panic!("{xpath}: {refused:?}\n{}", self.words().await),
        }
    }

    /// Presses a button once it is there. If the page has redrawn the button meanwhile, the reference is stale, and the
    /// new button is pressed.
    async fn press(&self, xpath: &str) {
        let pressed = tokio::time::timeout(PATIENCE, async {
            while let Err(refused) = self.see(xpath).await.click().await {
                assert_eq!(refused.error, "stale element reference", "{xpath}: {}", refused.message);
            }
        });
        assert!(pressed.await.is_ok(), "{xpath} does not stay where it is");
    }

    /// Returns the text that can be read on the page.
    async fn words(&self) -> String {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        match self.call("execute/sync", script).await {
            Ok(Value::String(words)) => words,
            other => format!("{other:?}"),
        }
    }

    /// Returns the errors that the page has logged: exceptions, refused loads, violated policies. The call `se/log` is
    /// not part of the standard.
    async fn errors(&self) -> Vec<Value> {
        let logged = self.call("se/log", json!({ "type": "browser" })).await.expect("the console can be read");
        let entries = logged.as_array().expect("a list of entries");
        entries.iter().filter(|entry| entry["level"] == "SEVERE").cloned().collect()
    }

    async fn close(self) {
        self.http.delete(&self.session).send().await.expect("the browser closes");
    }
}

/// The driver's process, on a port that it chose. It is stopped when this value is dropped.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "chromedriver cannot be started ({error}). Install Chromium and its driver (Debian: apt-get install \
                     chromium chromium-driver), or set {LEFT_OUT}=1 to leave this test out."
                )
            });
        let mut driver = Self { process, port: 0 };
        let says = BufReader::new(driver.process.stdout.take().expect("its output is piped"));
        driver.port = says
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok())
            .expect("chromedriver says on which port it listens");
        driver
    }

    fn ask_to_end(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A failed test leaves its browser open. The driver closes the browser if it is asked to shut down, but not if
        // it is killed. An error means that the driver has already ended.
        let _ = self.ask_to_end();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
