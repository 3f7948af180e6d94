//! People's acts on both platforms while the bot is being killed. They are random from a seed, and the texts have tags,
//! so that the journal alone shows what should have followed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskbell::sandbox::stage::{CHANNELS, TRIAGE};
use deskbell::sandbox::{Absence, Fault, Journal, MessageAt, Spot, World, WorldError};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::tag::{Kind, Tag};

const EMPLOYEES: [&str; 2] = ["jeff", "ana"];
const THIRD: &str = "sam";
const AGENTS: [&str; 2] = ["mia", "omar"];
const TROUBLES: [&str; 8] = [
    "the printer prints nothing",
    "no sound in calls since noon",
    "vpn drops every 10 minutes at home",
    "please reset my badge",
    "the beamer shows nothing",
    "my disk is full",
    "need access to the wiki",
    "laptop does not wake up",
];
const MORE: [&str; 5] =
    ["it is the blue one", "still the same", "since this morning", "restarted it twice", "only in the office"];
/// Mean time between two acts in the usual traffic.
pub const PACE: Duration = Duration::from_millis(380);
/// How many of the newest requests people still deal with.
const RECENT: usize = 30;

/// Parameters of the traffic.
#[derive(Clone, Copy)]
pub struct Habits {
    pub seed: u64,
    /// Whether the platforms misbehave, too.
    pub faults: bool,
    /// Whether people add to a request before it was confirmed.
    pub hasty: bool,
    /// Mean time between two acts.
    pub pace: Duration,
    /// Number of greetings. They are used up early: on Discord the answer to a greeting is removed after a minute, and
    /// the end of a run would have to wait for that.
    pub greetings: u32,
    /// Number of pings of agents with a request. They are used up early, for the same reason.
    pub pings: u32,
}

/// The people, and what they know of their requests.
pub struct Traffic {
    worlds: Vec<Arc<dyn World>>,
    journal: Journal,
    random: StdRng,
    habits: Habits,
    read: u64,
    last_number: u32,
    asks: Vec<Ask>,
    by_place: HashMap<(&'static str, String), usize>,
    by_number: HashMap<u32, usize>,
    acting: JoinSet<(usize, String)>,
    busy: Vec<(usize, String)>,
    greetings_left: u32,
    pings_left: u32,
    /// Until when each platform takes nothing.
    away: Vec<Option<Instant>>,
}

/// A request as its people know it.
struct Ask {
    number: u32,
    world: usize,
    who: String,
    spot: Spot,
    key: Option<String>,
    cards: HashMap<&'static str, MessageAt>,
    is_confirmed: bool,
    stage: Stage,
    agent: Option<&'static str>,
    is_shown: bool,
    is_deleted: bool,
    words: Vec<Words>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    /// An agent has claimed it by words, and the bot has not told so yet.
    Taking,
    Taken,
    Resolving,
    Resolved,
}

/// What an agent writes into the form of a request.
struct Reply {
    key: String,
    words: String,
}

/// A message that its author can still edit or delete.
#[derive(Clone)]
struct Words {
    world: usize,
    who: String,
    at: MessageAt,
    text: String,
    version: u32,
}

impl Traffic {
    pub fn new(worlds: Vec<Arc<dyn World>>, journal: Journal, habits: Habits) -> Self {
        Self {
            away: vec![None; worlds.len()],
            worlds,
            journal,
            random: StdRng::seed_from_u64(habits.seed),
            habits,
            read: 0,
            last_number: 0,
            asks: Vec::new(),
            by_place: HashMap::new(),
            by_number: HashMap::new(),
            acting: JoinSet::new(),
            busy: Vec::new(),
            greetings_left: habits.greetings,
            pings_left: habits.pings,
        }
    }

    /// Lets people act until `stop`, then waits for the acts that were begun.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.learn();
            while let Some(Ok(done)) = self.acting.try_join_next() {
                self.busy.retain(|busy| *busy != done);
            }
            self.act().await;
            let pause = self.habits.pace.mul_f64(self.random.random_range(0.2..1.8));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        while self.acting.join_next().await.is_some() {}
    }

    /// Reads the new posts of the bot from the journal, and notes what they say about the requests.
    fn learn(&mut self) {
        let entries = self.journal.since(self.read);
        self.read += entries.len() as u64;
        for entry in entries.iter().filter(|entry| entry.kind == "posted") {
            let text = entry.text("text").replace(['*', '\\', '\u{200b}'], "");
            let at = MessageAt { channel: entry.text("channel_id").to_owned(), id: entry.text("message").to_owned() };
            if entry.text("channel") == TRIAGE {
                let request = Tag::in_text(&text).filter(|tag| tag.kind == Kind::Request);
                if let Some(ask) = request.and_then(|tag| self.by_number.get(&tag.number))
                    && entry.text("thread").is_empty()
                {
                    let ask = &mut self.asks[*ask];
                    ask.key = text.split_whitespace().next().map(str::to_owned);
                    ask.cards.insert(entry.platform, at);
                }
                continue;
            }
            let thread = Some(entry.text("thread")).filter(|thread| !thread.is_empty());
            let place = thread.unwrap_or(&at.channel).to_owned();
            if let Some(ask) = self.by_place.get(&(entry.platform, place)) {
                let ask = &mut self.asks[*ask];
                if text.contains(" is on it") {
                    ask.stage = Stage::Taken;
                } else if text.contains(" is resolved: ") {
                    ask.stage = Stage::Resolved;
                } else if text.starts_with("Reopened:") {
                    ask.stage = Stage::Taken;
                } else if text.contains("Got it, ") {
                    ask.is_confirmed = true;
                }
            }
        }
    }

    async fn act(&mut self) {
        self.come_back();
        match self.random.random_range(0..100) {
            0..11 => self.ask_in_channel().await,
            11..14 => self.ask_directly().await,
            14..34 => self.add().await,
            34..38 => self.third_person().await,
            38..45 => self.note().await,
            45..54 => self.edit().await,
            54..57 => self.delete().await,
            57..64 => self.claim().await,
            64..72 => self.resolve().await,
            72..77 => self.show(),
            77..80 => self.answer(),
            80..83 => self.chat().await,
            83..85 => self.greet().await,
            85..87 => self.ping().await,
            _ => self.misbehave(),
        }
    }

    fn tag(&mut self, kind: Kind, about: Option<u32>) -> Tag {
        self.last_number += 1;
        Tag { kind, number: self.last_number, about: about.unwrap_or(self.last_number) }
    }

    fn any_world(&mut self) -> usize {
        self.random.random_range(0..self.worlds.len())
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(&mut self.random).expect("there is a choice")
    }

    /// Returns one of the newest requests that fits, at random.
    fn pick_recent(&mut self, so: impl Fn(&Ask) -> bool) -> Option<usize> {
        let from = self.asks.len().saturating_sub(RECENT);
        let fitting: Vec<usize> = (from..self.asks.len()).filter(|at| so(&self.asks[*at])).collect();
        fitting.choose(&mut self.random).copied()
    }

    /// Says something. Returns `None` if the platform refuses it, such as a thread under a deleted message.
    async fn say(&self, world: usize, who: &str, spot: &Spot, text: &str) -> Option<MessageAt> {
        match self.worlds[world].say(who, spot, text, None).await {
            Ok(at) => Some(at),
            Err(WorldError::Unknown(_) | WorldError::NotAllowed(_)) => None,
            Err(error) => panic!("{who} cannot say {text}: {error}"),
        }
    }

    async fn ask_in_channel(&mut self) {
        let (world, who, channel) = (self.any_world(), self.one_of(&EMPLOYEES), self.one_of(&CHANNELS));
        self.ask(world, who.to_owned(), channel).await;
    }

    async fn ask_directly(&mut self) {
        let world = self.any_world();
        let who = format!("p{}", self.last_number);
        self.worlds[world].add_person(&who, &format!("Pat {}", self.last_number));
        self.ask(world, who, "").await;
    }

    /// Asks in a channel, or directly if `channel` is empty.
    async fn ask(&mut self, world: usize, who: String, channel: &str) {
        let tag = self.tag(Kind::Request, None);
        let words = format!("{tag} {}", self.one_of(&TROUBLES));
        let (spot, text) = match channel {
            "" => (Spot::direct(), words),
            channel => (Spot::channel(channel), format!("@desk {words}")),
        };
        let Some(at) = self.say(world, &who, &spot, &text).await else { return };
        let platform = self.worlds[world].platform();
        let (spot, place) = match channel {
            "" => (Spot::direct(), at.channel.clone()),
            channel => (Spot::thread(channel, &at.id), at.id.clone()),
        };
        self.by_place.insert((platform, place), self.asks.len());
        self.by_number.insert(tag.number, self.asks.len());
        let words = vec![Words { world, who: who.clone(), at, text, version: 1 }];
        self.asks.push(Ask {
            number: tag.number,
            world,
            who,
            spot,
            key: None,
            cards: HashMap::new(),
            is_confirmed: false,
            stage: Stage::New,
            agent: None,
            is_shown: false,
            is_deleted: false,
            words,
        });
    }

    async fn add(&mut self) {
        let hasty = self.habits.hasty;
        let fits = move |ask: &Ask| !ask.is_deleted && (hasty || ask.is_confirmed);
        let Some(at) = self.pick_recent(fits) else { return };
        let who = self.asks[at].who.clone();
        self.line(at, who).await;
    }

    async fn third_person(&mut self) {
        let fits = |ask: &Ask| !ask.is_deleted && ask.is_confirmed && matches!(ask.spot, Spot::Thread { .. });
        let Some(at) = self.pick_recent(fits) else { return };
        let who = self.one_of(&[THIRD, AGENTS[0], AGENTS[1]]);
        self.line(at, who.to_owned()).await;
    }

    async fn line(&mut self, at: usize, who: String) {
        let tag = self.tag(Kind::Line, Some(self.asks[at].number));
        let text = format!("{tag} {}", self.one_of(&MORE));
        let (world, spot) = (self.asks[at].world, self.asks[at].spot.clone());
        if let Some(stands) = self.say(world, &who, &spot, &text).await {
            self.asks[at].words.push(Words { world, who, at: stands, text, version: 1 });
        }
    }

    async fn note(&mut self) {
        let Some(at) = self.pick_recent(|ask| !ask.cards.is_empty() && !ask.is_deleted) else { return };
        let world = self.any_world();
        let Some(card) = self.asks[at].cards.get(self.worlds[world].platform()).cloned() else { return };
        let tag = self.tag(Kind::Note, Some(self.asks[at].number));
        let text = format!("{tag} {}", self.one_of(&MORE));
        let who = self.one_of(&AGENTS);
        if let Some(stands) = self.say(world, who, &Spot::thread(TRIAGE, &card.id), &text).await {
            self.asks[at].words.push(Words { world, who: who.to_owned(), at: stands, text, version: 1 });
        }
    }

    async fn edit(&mut self) {
        let Some(at) = self.pick_recent(|ask| !ask.words.is_empty() && !ask.is_deleted) else { return };
        let of = self.random.random_range(0..self.asks[at].words.len());
        let words = &mut self.asks[at].words[of];
        words.version += 1;
        let (words, text) = (words.clone(), format!("{} v{}", words.text, words.version));
        self.worlds[words.world].edit(&words.who, &words.at, &text).await.expect("one's own words can be edited");
    }

    async fn delete(&mut self) {
        let Some(at) = self.pick_recent(|ask| !ask.is_deleted) else { return };
        let last = self.asks[at].words.len() - 1;
        let of = if last == 0 || self.random.random_bool(0.1) { 0 } else { self.random.random_range(1..=last) };
        if of == 0 && self.random.random_bool(0.7) {
            return;
        }
        let words = self.asks[at].words.remove(of);
        self.asks[at].is_deleted |= of == 0;
        self.worlds[words.world].delete(&words.who, &words.at).await.expect("one's own words can be deleted");
    }

    /// An agent takes a request: by words, by its button or by a command.
    async fn claim(&mut self) {
        let fits = |ask: &Ask| ask.is_confirmed && ask.stage == Stage::New && ask.key.is_some() && !ask.is_deleted;
        let Some(at) = self.pick_recent(fits) else { return };
        let agent = self.one_of(&AGENTS);
        let by_words = matches!(self.asks[at].spot, Spot::Thread { .. }) && self.random.random_bool(0.5);
        if by_words {
            let (world, spot) = (self.asks[at].world, self.asks[at].spot.clone());
            if self.say(world, agent, &spot, "@desk claim").await.is_some() {
                self.asks[at].stage = Stage::Taking;
            }
        } else {
            let world = self.any_world();
            if self.random.random_bool(0.3) {
                let key = self.asks[at].key.clone().unwrap_or_default();
                self.command(world, agent, format!("claim {key}"));
            } else if let Some(card) = self.asks[at].cards.get(self.worlds[world].platform()).cloned() {
                self.press(world, agent, card, "Take it", None);
            }
            // A click or command may be lost and repeated, so the stage changes only once the bot says so.
        }
        self.asks[at].agent.get_or_insert(agent);
    }

    async fn resolve(&mut self) {
        let fits = |ask: &Ask| ask.stage == Stage::Taken && !ask.is_deleted && matches!(ask.spot, Spot::Thread { .. });
        let Some(at) = self.pick_recent(fits) else { return };
        let tag = self.tag(Kind::Resolution, Some(self.asks[at].number));
        let text = format!("@desk resolve {tag} switched it off and on");
        let (world, spot, agent) = (self.asks[at].world, self.asks[at].spot.clone(), self.one_of(&AGENTS));
        if self.say(world, agent, &spot, &text).await.is_some() {
            self.asks[at].stage = Stage::Resolving;
        }
    }

    /// The requester asks to be shown the request.
    fn show(&mut self) {
        let Some(at) = self.pick_recent(|ask| ask.key.is_some() && !ask.is_shown && !ask.is_deleted) else { return };
        self.asks[at].is_shown = true;
        let (world, who, key) = (self.asks[at].world, self.asks[at].who.clone(), self.asks[at].key.clone());
        self.command(world, &who, format!("show {}", key.unwrap_or_default()));
    }

    /// An agent answers by the form.
    fn answer(&mut self) {
        let Some(at) = self.pick_recent(|ask| ask.stage == Stage::Taken && !ask.is_deleted) else { return };
        let (world, agent) = (self.any_world(), self.one_of(&AGENTS));
        let Some(card) = self.asks[at].cards.get(self.worlds[world].platform()).cloned() else { return };
        let Some(key) = self.asks[at].key.clone() else { return };
        let tag = self.tag(Kind::Answer, Some(self.asks[at].number));
        let words = format!("{tag} {}", self.one_of(&MORE));
        self.press(world, agent, card, "Reply to requester", Some(Reply { key, words }));
    }

    async fn chat(&mut self) {
        let tag = self.tag(Kind::Chatter, None);
        let (world, who, channel) = (self.any_world(), self.one_of(&EMPLOYEES), self.one_of(&CHANNELS));
        self.say(world, who, &Spot::channel(channel), &format!("{tag} lunch at noon?")).await;
    }

    /// Asks an agent by pinging them.
    async fn ping(&mut self) {
        if self.pings_left > 0 {
            self.pings_left -= 1;
            let tag = self.tag(Kind::Ping, None);
            let (world, who, channel) = (self.any_world(), self.one_of(&EMPLOYEES), self.one_of(&CHANNELS));
            let text = format!("@{} my laptop does not start any more, can you help me? {tag}", self.one_of(&AGENTS));
            self.say(world, who, &Spot::channel(channel), &text).await;
        }
    }

    async fn greet(&mut self) {
        if self.greetings_left > 0 {
            self.greetings_left -= 1;
            let world = self.any_world();
            self.say(world, THIRD, &Spot::channel("random"), "@desk hello").await;
        }
    }

    fn command(&mut self, world: usize, who: &str, text: String) {
        let Some(busy) = self.mark_busy(world, who) else { return };
        let (acting, who) = (Arc::clone(&self.worlds[world]), who.to_owned());
        self.acting.spawn(async move {
            // The journal shows whether the command was answered.
            let _ = acting.command(&who, &Spot::channel("random"), &text).await;
            busy
        });
    }

    /// Presses a button. With `reply`, also fills in the form that opens, and sends it.
    fn press(&mut self, world: usize, who: &str, on: MessageAt, label: &'static str, reply: Option<Reply>) {
        let Some(busy) = self.mark_busy(world, who) else { return };
        let (acting, who) = (Arc::clone(&self.worlds[world]), who.to_owned());
        self.acting.spawn(async move {
            if let Some(control) = control(acting.as_ref(), &who, &on, label)
                && acting.press(&who, &on, &control, None).await.is_ok()
                && let Some(reply) = reply
            {
                submit(acting.as_ref(), &who, reply).await;
            }
            busy
        });
    }

    /// Marks a person as busy, since people do one thing after the other. Returns `None` if the person is busy already.
    fn mark_busy(&mut self, world: usize, who: &str) -> Option<(usize, String)> {
        let busy = (world, who.to_owned());
        if self.busy.contains(&busy) {
            return None;
        }
        self.busy.push(busy.clone());
        Some(busy)
    }

    fn misbehave(&mut self) {
        if !self.habits.faults {
            return;
        }
        let at = self.any_world();
        let world = Arc::clone(&self.worlds[at]);
        let methods: &[&str] = match world.platform() {
            "slack" => &["chat.postMessage", "chat.postMessage", "chat.update", "chat.postEphemeral", "*"],
            _ => &[
                "POST /channels/{id}/messages",
                "POST /channels/{id}/messages",
                "PATCH /channels/{id}/messages/{id}",
                "*",
            ],
        };
        let method = self.one_of(methods).to_owned();
        let times = self.random.random_range(1..=2);
        world.inject(match self.random.random_range(0..12) {
            0 => Fault::Late { by: Duration::from_millis(self.random.random_range(50..1_500)), times },
            1 => Fault::OutOfOrder { times },
            2 | 3 => Fault::DeliverTwice { times: times + 1 },
            4 => Fault::RateLimit { method, retry_after: Duration::from_secs(1), times },
            5 => Fault::Fail { method, status: self.one_of(&[500, 502, 503]), times },
            6 | 7 => Fault::LoseAnswer { method, times },
            8 => Fault::Hang { method, times: 1 },
            9 if self.away[at].is_none() => self.leave(at),
            // Slack's history shows posts a little later at times.
            10 if world.platform() == "slack" => Fault::Lag { by: Duration::from_secs(self.one_of(&[0, 2])) },
            _ if self.random.random_bool(0.5) => Fault::DropSockets,
            _ => Fault::AskReconnect,
        });
    }
}

impl Traffic {
    /// Returns a fault by which a platform takes nothing (or no posts) for a while, often longer than
    /// `timing.retry_limit`: it is out of reach, refuses the token, or something else answers in its place.
    fn leave(&mut self, at: usize) -> Fault {
        let is_long = self.random.random_bool(0.3);
        let away_ms =
            if is_long { self.random.random_range(8_000..20_000) } else { self.random.random_range(500..5_000) };
        self.away[at] = Some(Instant::now() + Duration::from_millis(away_ms));
        let between = |method: &str, status, body: &str| {
            Fault::Leave(Absence::Intercepted { method: method.to_owned(), status, body: body.to_owned() })
        };
        let posts =
            if self.worlds[at].platform() == "slack" { "chat.postMessage" } else { "POST /channels/{id}/messages" };
        match self.random.random_range(0..7) {
            0 => Fault::Leave(Absence::Down),
            1 => Fault::Leave(Absence::TokenRefused),
            2 => between("*", 503, ""),
            3 => between("*", 403, "<html>blocked</html>"),
            4 => between("*", 404, "{}"),
            5 => between("*", 200, "<html>please sign in</html>"),
            _ => between(posts, 400, "<h1>Bad Request</h1>"),
        }
    }

    /// Ends the absences whose time is over.
    fn come_back(&mut self) {
        for (world, away) in self.worlds.iter().zip(&mut self.away) {
            if away.is_some_and(|until| until <= Instant::now()) {
                *away = None;
                world.inject(Fault::Return);
            }
        }
    }
}

/// Returns the control with this label on a message at the desk, as this person sees it now.
fn control(world: &dyn World, who: &str, on: &MessageAt, label: &str) -> Option<String> {
    let view = world.view(who).ok()?;
    let channel = view.channels.into_iter().find(|channel| channel.name == TRIAGE)?;
    let message = channel.messages.into_iter().find(|message| message.id == on.id)?;
    message.controls.into_iter().find(|control| control.label == label).map(|control| control.id)
}

/// Fills in the open form, if it is for this request, and sends it. A form that is not sent is closed. It may be the
/// form of an earlier press that opened late.
async fn submit(world: &dyn World, who: &str, Reply { key, words }: Reply) {
    let Some(form) = world.view(who).ok().and_then(|view| view.form) else { return };
    let is_for_it = form.title.split_whitespace().any(|word| word == key);
    let values = BTreeMap::from([(form.fields[0].id.clone(), words)]);
    if !is_for_it || world.submit(who, &form.id, &values).await.is_err() {
        // The form may be closed already.
        let _ = world.dismiss(who, &form.id).await;
    }
}
