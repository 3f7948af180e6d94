//! The test harness: the real program, connected to the sandbox's Slack and Discord, on a clock that only the test
//! moves.
//!
//! Every test ends with [`Desk::end`]. It fails the test if anything is left over: a person without an answer, an event
//! without acknowledgement, a call that does not exist, an unexpected refusal, a dead event, an orphan or a logged
//! error. A [`Desk`] that is dropped without its end panics.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deskbell::app::App;
use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::domain::act::Takes;
use deskbell::domain::effect::Outlet;
use deskbell::domain::ids::PlatformName;
use deskbell::intake::acts;
use deskbell::sandbox::stage::{CAST, Platforms, Stage, StageOptions};
use deskbell::sandbox::{
    ControlKind, ControlView, FormView, Journal, MessageAt, MessageView, OptionView, Spot, View, World, WorldError,
};
use deskbell::store::{Listed, Store};
use jiff::Timestamp;
use regex::Regex;
use tempfile::TempDir;

use crate::errors::{Errors, catch_errors};
use crate::orphans;

/// How long a test waits, in real time, for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How far [`Desk::settle`] moves the clock at once, at most, while effects wait for rate limits. A task that sleeps
/// for longer is not woken by it.
const STEP: Duration = Duration::from_secs(6);
/// Settings of every test. A search waits long, since a busy machine is slow. Effects are not gathered: to `settle`, an
/// effect that is being gathered would look like one that waits for a limit, so it would move the clock.
const SETTINGS: [[&str; 2]; 2] = [["DESKBELL__KNOWLEDGE__SEARCH_WITHIN", "10s"], ["DESKBELL__TIMING__GATHER", "0s"]];

/// The program and the stage (both simulated platforms) that it is connected to.
pub struct Desk {
    pub stage: Stage,
    pub app: Option<App>,
    pub config: Config,
    pub folder: TempDir,
    expected_refusals: usize,
    errors: Errors,
    end: End,
    _log: tracing::subscriber::DefaultGuard,
}

/// Panics when it is dropped, unless [`Desk::end`] or [`Desk::stop_unchecked`] was called.
struct End {
    is_reached: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        assert!(self.is_reached || std::thread::panicking(), "a desk was dropped without its end: see Desk::end");
    }
}

/// The options of a [`Desk`].
#[derive(Clone)]
pub struct Setup {
    /// TOML that is added to the settings.
    pub extra_settings: &'static str,
    pub platforms: Platforms,
    /// Whether the settings name the two accounts of each person as one person.
    pub linked: bool,
    /// Whether Discord grants the bot the content of messages that do not address it.
    pub message_content: bool,
    /// Number of additional channels for notices on each platform. On Discord they are in guilds of their own.
    pub destinations: usize,
    /// The URL of a database that is used instead of an SQLite file.
    pub database: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            extra_settings: "",
            platforms: Platforms::BOTH,
            linked: true,
            message_content: true,
            destinations: 0,
            database: None,
        }
    }
}

/// Runs a scene on Slack and on Discord, each at a new [`Desk`] that is ended afterwards. Checks that both runs return
/// the same value, and returns it.
pub async fn on_both<T: PartialEq + Debug>(scene: impl AsyncFn(&mut Desk, &Arc<dyn World>) -> T) -> T {
    on_both_with(Setup::default(), scene).await
}

/// Like [`on_both`], at desks with this setup.
pub async fn on_both_with<T: PartialEq + Debug>(
    setup: Setup,
    scene: impl AsyncFn(&mut Desk, &Arc<dyn World>) -> T,
) -> T {
    let mut given = Vec::new();
    for index in 0..2 {
        let mut desk = Desk::open_with(setup.clone()).await;
        let world = desk.worlds()[index].clone();
        given.push(scene(&mut desk, &world).await);
        desk.end().await;
    }
    assert_eq!(given[0], given[1], "Slack (left) and Discord (right) differ");
    given.swap_remove(0)
}

/// Runs a scene on Slack and on Discord, each at a new [`Desk`] that the scene must end itself.
pub async fn on_each(setup: Setup, scene: impl AsyncFn(Desk, Arc<dyn World>)) {
    for index in 0..2 {
        let desk = Desk::open_with(setup.clone()).await;
        let world = desk.worlds()[index].clone();
        scene(desk, world).await;
    }
}

/// Returns the first text on Slack, and the second on Discord.
pub fn by_platform<'n>(world: &Arc<dyn World>, slack: &'n str, discord: &'n str) -> &'n str {
    if world.platform() == "slack" { slack } else { discord }
}

/// Translates the text of a `/desk` command for this platform's client. On Discord the key of a ticket and the free
/// words go into named fields.
pub fn as_typed(world: &Arc<dyn World>, text: &str) -> String {
    let act = acts().find(|spec| text.split(' ').next() == Some(spec.name));
    let words =
        act.and_then(|spec| spec.takes.iter().find(|param| matches!(param.takes, Takes::Text | Takes::Article)));
    let Some(field) = words.map(|param| param.name) else { return text.to_owned() };
    match text.splitn(3, ' ').collect::<Vec<_>>()[..] {
        [verb, key] if world.platform() == "discord" && key.starts_with("IT-") => format!("{verb} key:{key}"),
        [verb, key, words] if world.platform() == "discord" && key.starts_with("IT-") => {
            format!("{verb} key:{key} {field}:{words}")
        }
        _ => text.to_owned(),
    }
}

impl Desk {
    pub async fn open() -> Self {
        Self::open_with(Setup::default()).await
    }

    pub async fn open_with(setup: Setup) -> Self {
        let (errors, log) = catch_errors();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a time");
        let clock = Clock::starting_at(start, 0.0);
        let options = StageOptions {
            journal: Journal::in_memory(),
            linked: setup.linked,
            message_content: setup.message_content,
            destinations: setup.destinations,
            // Long, so that no act counts as unanswered because the machine is slow.
            patience: PATIENCE,
            ..StageOptions::by(clock)
        };
        let stage = Stage::open(options).await.expect("the stage opens");
        let folder = TempDir::new().expect("a folder");
        let mut settings = stage.settings(&folder.path().join("desk.db"), setup.extra_settings, setup.platforms);
        if let Some(database) = &setup.database {
            let file = format!("sqlite://{}", folder.path().join("desk.db").display());
            settings = settings.replace(&file, database);
        }
        let config = Config::from_text(&settings, SETTINGS.map(|setting| setting.map(str::to_owned).into()))
            .expect("the settings fit");
        let mut desk = Self {
            stage,
            app: None,
            config,
            folder,
            expected_refusals: 0,
            errors,
            end: End { is_reached: false },
            _log: log,
        };
        desk.start().await;
        desk
    }

    /// Starts the program (again), and settles, so that it catches up.
    pub async fn start(&mut self) {
        self.begin().await;
        self.settle().await;
    }

    /// Starts the program (again), and waits until it is connected.
    pub async fn begin(&mut self) {
        let app = App::start(&self.config, self.stage.clock.clone()).await.expect("the program starts");
        if self.config.slack.as_ref().is_some_and(|slack| slack.connection.is_http()) {
            self.stage.slack.set_http_target(format!("http://{}", app.address()));
        }
        patiently("everything is connected", app.health().wait()).await;
        self.app = Some(app);
    }

    /// Stops the program as SIGTERM would.
    pub async fn stop(&mut self) {
        self.app.take().expect("it runs").stop().await;
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().expect("it runs")
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        self.app().store()
    }

    /// Returns the other platform.
    pub fn other(&self, world: &Arc<dyn World>) -> Arc<dyn World> {
        if world.platform() == "slack" { self.discord() } else { self.slack() }
    }

    pub fn slack(&self) -> Arc<dyn World> {
        Arc::clone(&self.stage.slack) as Arc<dyn World>
    }

    pub fn discord(&self) -> Arc<dyn World> {
        Arc::clone(&self.stage.discord) as Arc<dyn World>
    }

    pub fn worlds(&self) -> Vec<Arc<dyn World>> {
        let has = |world: &Arc<dyn World>| match world.platform() {
            "slack" => self.config.slack.is_some(),
            _ => self.config.discord.is_some(),
        };
        self.stage.worlds().into_iter().filter(has).collect()
    }

    /// Waits until the program has nothing left to do. The clock is moved only where effects wait for rate limits.
    pub async fn settle(&self) {
        patiently("the program has nothing left to do", self.settling(STEP, || false)).await;
    }

    /// Like [`Self::settle`], but returns as soon as `done` returns true. The clock is moved by `step` at once at most.
    pub async fn settle_until(&self, what: &str, step: Duration, done: impl Fn() -> bool) {
        patiently(what, self.settling(step, &done)).await;
        assert!(done(), "the program has nothing left to do, but this did not happen: {what}");
    }

    /// Settles again and again until `done` returns true. For work that the program does beside an acknowledgement: no
    /// queue or counter shows it before it is done.
    pub async fn settle_until_true(&self, what: &str, done: impl Fn() -> bool) {
        patiently(what, async {
            while !done() {
                self.settle().await;
            }
        })
        .await;
    }

    async fn settling(&self, step: Duration, done: impl Fn() -> bool) {
        let store = Arc::clone(self.store());
        let mut changed = store.changed();
        let mut grown = self.stage.journal.grown();
        loop {
            changed.mark_unchanged();
            grown.mark_unchanged();
            if done() {
                return;
            }
            if let Some(moment) = self.next_rate_limited_due().await {
                self.stage.clock.advance_to(moment);
                continue;
            }
            if self.is_quiet().await {
                // Work that one part of the program is handing to another soon changes the store or the journal.
                tokio::task::yield_now().await;
                if !changed.has_changed().unwrap_or(true)
                    && !grown.has_changed().unwrap_or(true)
                    && self.is_quiet().await
                {
                    return;
                }
                continue;
            }
            let soon = self.stage.clock.now() + step;
            let waits_for_clock = self.only_waits_for_limits().await;
            if waits_for_clock && let Some(wake) = self.stage.clock.next_wake().filter(|wake| *wake <= soon) {
                self.stage.clock.advance_to(wake);
            }
            let _ = tokio::time::timeout(Duration::from_millis(5), async {
                tokio::select! {
                    _ = changed.changed() => {}
                    _ = grown.changed() => {}
                }
            })
            .await;
        }
    }

    /// Returns when the next effect is due that was put off by a rate limit of one second, if it is due within a
    /// second. This happens if the clock was moved during a call: the platform then counts the call in a later window
    /// than the bot.
    async fn next_rate_limited_due(&self) -> Option<Timestamp> {
        let soon = self.stage.clock.now() + Duration::from_secs(1);
        let waits = self.store().listed(Listed::Waiting, None, None, u32::MAX).await.expect("a list");
        let refused = waits.into_iter().filter(|effect| effect.error == "rate limited for 1s");
        refused.filter_map(|effect| effect.due_at).filter(|due| *due > self.stage.clock.now() && *due <= soon).min()
    }

    /// Whether nothing is on its way to the bot, in it, or on its way out.
    async fn is_quiet(&self) -> bool {
        for world in self.worlds() {
            if world.undelivered() > 0 {
                return false;
            }
        }
        // `sent` counts the events of the open sessions, `received` all events since the program's start. So `received`
        // is the larger one after a new session.
        if self.app().is_behind() || self.stage.discord.sent() > self.app().received(PlatformName::Discord) {
            return false;
        }
        self.store().counts().await.expect("counts").leased == 0 && !self.is_anything_due().await
    }

    async fn is_anything_due(&self) -> bool {
        if !self.store().due_timers(self.stage.clock.now(), 1).await.expect("timers").is_empty() {
            return true;
        }
        for outlet in Outlet::ALL {
            let due = self.store().due(outlet, self.stage.clock.now(), None, &[], 1).await.expect("due");
            if !due.ready.is_empty() || !due.unreadable.is_empty() {
                return true;
            }
        }
        false
    }

    /// Whether the effects that are due wait for nothing but the clock.
    async fn only_waits_for_limits(&self) -> bool {
        self.dispatchers_wait().await && self.is_anything_due().await && self.dispatchers_wait().await
    }

    /// Moves the clock by `duration`, and settles.
    pub async fn pass(&self, duration: Duration) {
        self.stage.clock.advance(duration);
        self.settle().await;
    }

    /// Posts a message as somebody, settles, and returns the message.
    pub async fn say(&self, world: &Arc<dyn World>, who: &str, spot: &Spot, text: &str) -> MessageAt {
        let said = world.say(who, spot, text, None).await.unwrap_or_else(|error| panic!("{who} says {text}: {error}"));
        self.settle().await;
        said
    }

    /// Posts a message into #sales as somebody, settles, and returns the message.
    pub async fn ask(&self, world: &Arc<dyn World>, who: &str, text: &str) -> MessageAt {
        self.say(world, who, &Spot::channel("sales"), text).await
    }

    /// Presses the newest button with this label that somebody sees in `channel` (`desk` is the direct conversation),
    /// and settles.
    pub async fn press(&self, world: &Arc<dyn World>, who: &str, channel: &str, label: &str) {
        self.choose(world, who, channel, label, None).await;
    }

    /// Like [`Self::press`], with a choice from a menu: an option's value, or the beginning of its label.
    pub async fn choose(&self, world: &Arc<dyn World>, who: &str, channel: &str, label: &str, value: Option<&str>) {
        let Some((at, control)) = find_control(&see(world, who), channel, label) else {
            let waits = self.store().listed(Listed::Waiting, None, None, u32::MAX).await.expect("a list");
            let (seen, now) = (self.transcript(world), self.stage.clock.now());
            panic!("{who} sees no {label} in {channel} at {now}:\n{seen}\nWaiting effects: {waits:#?}");
        };
        // People see the labels of options, not their values.
        let says = |wanted: &&str| control.options.iter().find(|option| option.label.starts_with(*wanted));
        let value = if control.kind == ControlKind::Feedback { Some(label) } else { value };
        let value = value.map(|value| says(&value).map_or(value, |option| option.value.as_str()));
        world
            .press(who, &at, &control.id, value)
            .await
            .unwrap_or_else(|error| panic!("{who} presses {label}: {error}"));
        self.settle().await;
    }

    /// Waits for the form that somebody is to have open, and returns it. The program may open it after it has
    /// acknowledged the act.
    pub async fn form(&self, world: &Arc<dyn World>, who: &str) -> FormView {
        self.settle_until_true("a form is open", || see(world, who).form.is_some()).await;
        see(world, who).form.expect("a form")
    }

    /// Writes `text` into the first field of the open form and into all others that must not be empty, submits the
    /// form, and settles.
    pub async fn fill(&self, world: &Arc<dyn World>, who: &str, text: &str) {
        let form = self.form(world, who).await;
        let rest = form.fields.iter().skip(1);
        let needed = rest.filter(|field| !field.optional && field.value.is_empty() && field.options.is_empty());
        let fields = form.fields.iter().take(1).chain(needed).map(|field| (field.id.as_str(), text));
        self.fill_in(world, who, &fields.collect::<Vec<_>>()).await;
    }

    /// Fills in these fields of the open form, submits the form, and settles.
    pub async fn fill_in(&self, world: &Arc<dyn World>, who: &str, fields: &[(&str, &str)]) {
        let form = self.form(world, who).await;
        let values = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        world.submit(who, &form.id, &values).await.unwrap_or_else(|error| panic!("{who} sends the form: {error}"));
        self.settle().await;
    }

    /// Gives the command `/desk text` in #random, and settles.
    pub async fn command(&self, world: &Arc<dyn World>, who: &str, text: &str) {
        self.command_in(world, who, "random", &as_typed(world, text)).await;
    }

    /// Gives a command in this channel, and settles. `text` is as this platform's client takes it (see [`as_typed`]).
    pub async fn command_in(&self, world: &Arc<dyn World>, who: &str, channel: &str, text: &str) {
        let given = world.command(who, &Spot::channel(channel), text).await;
        given.unwrap_or_else(|error| panic!("{who}: /desk {text}: {error}"));
        self.settle().await;
    }

    /// Returns the text of the last message that was shown to this person alone, whispered or in the direct
    /// conversation.
    pub fn last_private(&self, world: &Arc<dyn World>, who: &str) -> String {
        let entries = self.stage.journal.since(0);
        let private = entries.iter().rev().find(|entry| {
            let alone = entry.fields.get("visible_to").and_then(|to| to.as_array());
            entry.platform == world.platform()
                && ["whispered", "posted", "updated"].contains(&entry.kind)
                && alone.is_some_and(|to| to.len() == 1 && to[0] == who)
                && !entry.text("text").is_empty()
        });
        private.map(|entry| normal(entry.text("text"))).unwrap_or_default()
    }

    /// Returns all messages of a platform as text, place by place: first those that everybody sees, then each person's
    /// private ones.
    pub fn transcript(&self, world: &Arc<dyn World>) -> String {
        let mut out = String::new();
        let open = see(world, "ada");
        for channel in open.channels.iter().filter(|channel| !channel.direct && !channel.messages.is_empty()) {
            let mut lines = String::new();
            for message in &channel.messages {
                show(&mut lines, message, " ", |message| !message.only_you);
            }
            if !lines.is_empty() {
                let _ = write!(out, "#{}\n{lines}", channel.name);
            }
        }
        for (handle, ..) in CAST {
            let view = see(world, handle);
            for channel in &view.channels {
                for message in channel.messages.iter().flat_map(|one| std::iter::once(one).chain(&one.thread)) {
                    if message.only_you {
                        let _ = writeln!(out, "▸ {handle} in #{}: {}", channel.name, line_of(message));
                    }
                }
            }
            for channel in view.channels.iter().filter(|channel| channel.direct && !channel.messages.is_empty()) {
                let _ = writeln!(out, "{handle} ↔ Desk");
                for message in &channel.messages {
                    show(&mut out, message, " ", |message| !message.only_you);
                }
            }
        }
        out
    }

    /// Sets how many calls of the bot the platforms are expected to refuse in this test.
    pub fn expect_refusals(&mut self, count: usize) {
        self.expected_refusals = count;
    }

    /// Stops without the checks of [`Self::end`], for a test at whose end work is left over.
    pub async fn stop_unchecked(mut self) {
        self.end.is_reached = true;
        if self.app.is_some() {
            self.stop().await;
        }
        self.stage.close().await;
    }

    /// Settles, checks that nothing is left over (see the head of this file), and stops.
    pub async fn end(self) {
        let errors = self.errors.clone();
        self.end_with_errors().await;
        assert_eq!(errors.all(), Vec::<String>::new(), "errors were logged");
    }

    /// Like [`Self::end`], but allows logged errors, and returns them.
    pub async fn end_with_errors(mut self) -> Vec<String> {
        self.end.is_reached = true;
        self.settle().await;
        for world in self.worlds() {
            assert_eq!(world.unanswered(), 0, "{}: acts without an answer", world.platform());
            assert_eq!(world.faults_seen(), Vec::<String>::new(), "{}: calls that do not exist", world.platform());
            assert_eq!(world.undelivered(), 0, "{}: events without acknowledgement", world.platform());
        }
        let refused: Vec<String> = self
            .stage
            .journal
            .since(0)
            .iter()
            .filter(|entry| entry.kind == "refused")
            .map(|entry| format!("{} {}: {}", entry.platform, entry.text("method"), entry.text("error")))
            .collect();
        assert_eq!(refused.len(), self.expected_refusals, "refused calls: {refused:#?}");
        let counts = self.store().counts().await.expect("counts");
        assert_eq!(counts.dead, 0, "dead events");
        self.stop().await;
        self.stage.close().await;
        let orphans = orphans::of(&self.config.database.url).await;
        assert_eq!(orphans, Vec::<String>::new(), "rows about subjects that do not exist");
        self.errors.all()
    }
}

/// Returns the view of a person. Panics if there is none.
pub fn see(world: &Arc<dyn World>, who: &str) -> View {
    world.view(who).unwrap_or_else(|error: WorldError| panic!("{who} sees nothing: {error}"))
}

/// Finds the newest control with this label in a channel of the view.
pub fn find_control(view: &View, channel: &str, label: &str) -> Option<(MessageAt, ControlView)> {
    let channel = view.channels.iter().find(|known| known.name == channel)?;
    let mut found: Vec<(i64, MessageAt, ControlView)> = Vec::new();
    for message in channel.messages.iter().flat_map(|message| std::iter::once(message).chain(&message.thread)) {
        let is_it = |control: &&ControlView| {
            let is_half = |option: &OptionView| control.kind == ControlKind::Feedback && option.label == label;
            control.label == label || control.options.iter().any(is_half)
        };
        if let Some(control) = message.controls.iter().find(is_it) {
            let at = MessageAt { channel: message.channel.clone(), id: message.id.clone() };
            found.push((message.at_ms, at, control.clone()));
        }
    }
    found.into_iter().max_by_key(|(at, ..)| *at).map(|(_, at, control)| (at, control))
}

fn show(out: &mut String, message: &MessageView, indent: &str, wanted: impl Fn(&MessageView) -> bool + Copy) {
    if wanted(message) {
        let _ = writeln!(out, "{indent}{}", line_of(message));
    }
    for answer in message.thread.iter().filter(|answer| wanted(answer)) {
        let _ = writeln!(out, "{indent}└ {}", line_of(answer));
    }
}

fn line_of(message: &MessageView) -> String {
    let mut line = format!("{}: {}", message.author, normal(&message.text).replace('\n', " ⏎ "));
    if let Some((columns, rows)) = message.table.split_first() {
        let cell = |(column, cell): (&String, &String)| match cell.parse::<u64>() {
            Ok(number) => format!("{} {number}", column.to_lowercase()),
            Err(_) => cell.clone(),
        };
        for row in rows {
            let cells = columns.iter().zip(row).filter(|(_, cell)| *cell != "–").map(cell);
            let _ = write!(line, " ⏎ {}", cells.collect::<Vec<_>>().join(" · "));
        }
    }
    for control in &message.controls {
        // Of the two feedback buttons, Discord shows the second alone.
        let label = if control.kind == ControlKind::Feedback { &control.options[1].label } else { &control.label };
        let _ = write!(line, " [{label}]");
    }
    if !message.pings.is_empty() && message.bot {
        let _ = write!(line, " (pings {})", message.pings.join(", "));
    }
    if message.edited && !message.bot {
        line.push_str(" (edited)");
    }
    line
}

/// Makes texts of both platforms comparable: removes emphasis, zero-width spaces and links, and writes `(age)` for
/// ages.
pub fn normal(text: &str) -> String {
    static AGE: OnceLock<Regex> = OnceLock::new();
    static LINK: OnceLock<Regex> = OnceLock::new();
    let age = AGE.get_or_init(|| {
        Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC|\d{1,2} [A-Z][a-z]+ \d{4} \d\d:\d\d|(a few|an?|\d+) (second|minute|hour|day)s? ago|just now|\bnow\b|in (a few|\d+) seconds?").expect("a pattern")
    });
    let link = LINK.get_or_init(|| Regex::new(r" <https?://[^>]*>").expect("a pattern"));
    let text = text.replace(['\u{200b}', '*'], "");
    let text = link.replace_all(&text, "");
    let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
    for line in lines.iter_mut().filter(|line| line.contains(" · ")) {
        *line = age.replace_all(line, "(age)").replace("open in Slack", "open").replace("open in Discord", "open");
    }
    lines.join("\n")
}

/// Awaits `future`, and fails the test if it takes longer than [`PATIENCE`]. No result depends on how long it takes.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}
