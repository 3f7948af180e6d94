//! The replay of a transcript, checked against a second implementation of the rules, which was written from their
//! description and not from the program. The rules say which starts (messages that mention the bot) are requests, small
//! talk, commands, or part of a request that their author opened shortly before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use deskbell::app::App;
use deskbell::clock::Clock;
use deskbell::domain::ids::PlatformName;
use deskbell::sandbox::replay::{self, Fate, Line, Part, Replay};
use deskbell::sandbox::stage::{Platforms, Stage, StageOptions};
use jiff::Timestamp;

/// The number of lines of the real transcript that are played, unless `DESKBELL_REPLAY_LINES` sets another.
const LINES: usize = 700;

/// Made-up messages of a help channel, on one day and the next. Every fate of a message occurs, and so do cases that
/// are hard to tell apart.
fn made_up() -> Vec<Line> {
    let rows: [(i64, &str, &str, Option<usize>); 16] = [
        (0, "p1", "my screen is black", None),
        (0, "p2", "did you plug it in?", Some(0)),
        (1, "p1", "and the mouse is gone", None),
        (1, "p3", "hello all", None),
        (1, "p3", "my badge does not open door 4", Some(3)),
        (2, "p1", "now a third thing, two minutes later", None),
        (3, "p4", "help", None),
        (3, "p2", "ask away", Some(6)),
        (4, "p4", "thanks a lot", None),
        (5, "p5", "/etc/fstab is broken on host <@p1>", None),
        (5, "p6", "resolve my dns problem", None),
        (6, "p6", "hi", Some(10)),
        (1440, "p1", ":-)", None),
        (1440, "p1", "good morning", None),
        (1441, "p1", "printer", None),
        (1441, "p2", "which one?", Some(14)),
    ];
    let line = |(n, (minute, who, text, answers)): (usize, (i64, &str, &str, Option<usize>))| Line {
        n,
        day: minute / 1440,
        minute: minute % 1440,
        who: who.to_owned(),
        text: text.to_owned(),
        replies_to: answers.into_iter().collect(),
        starts: answers.is_none(),
    };
    rows.into_iter().enumerate().map(line).collect()
}

#[tokio::test]
async fn a_made_up_day_is_read_as_the_rules_say() {
    let lines = made_up();
    let fates = play(&lines, true).await;
    for (platform, fates) in &fates {
        use Fate::{Command, Merged, Recorded, Skipped, Ticket, Unrecorded};
        let expected = [
            Ticket, Recorded, Merged, Ticket, Recorded, Ticket, Command, Unrecorded, Skipped, Ticket, Ticket, Recorded,
            Skipped, Skipped, Ticket, Recorded,
        ];
        assert_eq!(fates, &expected, "{platform}");
    }
    let unfiltered = play(&lines, false).await;
    assert_eq!(unfiltered["slack"].iter().filter(|fate| **fate == Fate::Ticket).count(), 10);
    assert_eq!(unfiltered["slack"], unfiltered["discord"]);
}

#[tokio::test]
async fn a_real_help_channel_is_read_as_the_rules_say_message_by_message() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/eval/dev/transcripts/ubuntu-irc.jsonl");
    if !file.exists() {
        println!("NOT CHECKED: there is no transcript at {}; only the made-up day was played", file.display());
        return;
    }
    let wanted = std::env::var("DESKBELL_REPLAY_LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(LINES);
    let mut lines = replay::read(&file).expect("a transcript");
    lines.truncate(wanted);
    for filter in [true, false] {
        let window = if filter { Duration::from_secs(120) } else { Duration::ZERO };
        let expected = by_the_rules(&lines, window, filter);
        for (platform, fates) in play(&lines, filter).await {
            for (line, (fate, expected)) in lines.iter().zip(fates.iter().zip(&expected)) {
                assert_eq!(fate, expected, "{platform}, message {}: {}", line.n, line.text);
            }
        }
    }
}

/// Plays `lines` on both platforms, and returns each message's fate.
async fn play(lines: &[Line], filter: bool) -> BTreeMap<&'static str, Vec<Fate>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Clock::starting_at("2026-01-06T00:00:00Z".parse::<Timestamp>().expect("a time"), 0.0);
    let options = StageOptions { linked: false, patience: Duration::from_secs(60), ..StageOptions::by(clock.clone()) };
    let stage = Stage::open(options).await.expect("the stage opens");
    let folder = tempfile::TempDir::new().expect("a folder");
    let more = if filter { "" } else { "[intake]\ngreeting_filter = false\nburst_window = \"0s\"" };
    let mut config = stage.config(&folder.path().join("desk.db"), more, Platforms::BOTH).expect("the settings fit");
    config.desk.auto_close_days = 0;
    let app = App::start(&config, clock).await.expect("the program starts");
    let replay = Replay { lines, platforms: PlatformName::ALL.to_vec(), seed: 7, progress: &|_| {} };
    let (reports, listed) = replay::play(&stage, &app, &replay).await.expect("played");
    for (platform, report) in &reports {
        assert_eq!(report.errors, 0, "{platform}");
        assert_eq!(report.messages, lines.len());
        assert!(report.answer_ms.is_some());
    }
    app.stop().await;
    stage.close().await;
    let mut fates: BTreeMap<&'static str, Vec<Fate>> = BTreeMap::new();
    for line in listed {
        fates.entry(line.platform).or_default().push(line.fate);
    }
    fates
}

/// The second implementation of the rules. A bare `help` is always the command. Any other start is merged into the
/// ticket that its author opened less than `window` before. Without such a ticket, small talk is skipped. A reply of
/// the author under their own skipped start or `help` opens a ticket as of that start, unless the reply is small talk.
fn by_the_rules(lines: &[Line], window: Duration, filter: bool) -> Vec<Fate> {
    let parts = replay::parts(lines);
    let seconds: Vec<f64> = replay::times(lines, Timestamp::UNIX_EPOCH)
        .iter()
        .map(|at| at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64())
        .collect();
    let mut opened: HashMap<&str, (f64, usize)> = HashMap::new();
    let mut on_ticket: BTreeSet<usize> = BTreeSet::new();
    let mut fates: Vec<Fate> = Vec::new();
    for line in lines {
        let now = seconds[line.n];
        let recent = opened.get(line.who.as_str()).copied().filter(|(at, _)| now - at < window.as_secs_f64());
        let fate = match parts[line.n] {
            Part::Chatter => Fate::Unrecorded,
            Part::Reply(start) if on_ticket.contains(&start) => Fate::Recorded,
            Part::Reply(start)
                if lines[start].who == line.who
                    && fates[start] != Fate::Merged
                    && !(filter && says_nothing(&line.text)) =>
            {
                on_ticket.insert(start);
                // Later starts are merged into the newest ticket of their author.
                if opened.get(line.who.as_str()).is_none_or(|(at, _)| *at < seconds[start]) {
                    opened.insert(&line.who, (seconds[start], start));
                }
                fates[start] = Fate::Ticket;
                Fate::Recorded
            }
            Part::Reply(_) => Fate::Unrecorded,
            Part::Start if line.text.trim().to_lowercase() == "help" => Fate::Command,
            // Replies under a merged start are on no record, since no line of the bot is there.
            Part::Start if recent.is_some() => Fate::Merged,
            Part::Start if filter && says_nothing(&line.text) => Fate::Skipped,
            Part::Start => {
                on_ticket.insert(line.n);
                opened.insert(&line.who, (now, line.n));
                Fate::Ticket
            }
        };
        fates.push(fate);
    }
    fates
}

/// Whether a text is small talk: it has no words (besides mentions of people and emoji codes), or it only greets or
/// thanks. A text that greets or thanks has at least one word of greeting or thanks, and otherwise only words that go
/// with them.
fn says_nothing(text: &str) -> bool {
    let mention = regex::Regex::new(r"<@\w+>").expect("a pattern");
    let emoji = regex::Regex::new(r"(^|\s):[a-z0-9_+:-]*[a-z][a-z0-9_+:-]*:(\s|$)").expect("a pattern");
    let word = regex::Regex::new(r"[\p{L}\p{N}']+").expect("a pattern");
    let text = text.to_lowercase();
    let text = mention.replace_all(&text, " ");
    let text = emoji.replace_all(&text, "  ");
    let words: Vec<&str> =
        word.find_iter(&text).map(|found| found.as_str().trim_matches('\'')).filter(|word| !word.is_empty()).collect();
    let hello = "hi hii hello helo hullo hey heya hiya howdy yo greetings morning afternoon evening hallo hola salut moin bonjour";
    let with_hello = "good day there all everyone everybody everbody folks guys people team again to you and desk ppl y'all peeps room channel";
    let thanks = "thanks thank thankyou thx thnx tnx ty tysm cheers merci danke gracias appreciated";
    let with_thanks = "you so very much many a lot for the your help again all guys everyone man mate and ok okay great perfect \
                       cool nice super works worked working fixed solved now it it's its that that's is did anyway anyways \
                       though bye team desk to yes yep alright good day";
    let of = |list: &str, word: &str| list.split_whitespace().any(|known| known == word);
    let greets =
        words.iter().any(|word| of(hello, word)) && words.iter().all(|word| of(hello, word) || of(with_hello, word));
    let gives_thanks = words.iter().any(|word| of(thanks, word))
        && words.iter().all(|word| of(thanks, word) || of(with_thanks, word) || of(hello, word));
    words.is_empty() || greets || gives_thanks
}

#[test]
fn a_transcript_beyond_all_time_is_refused() {
    let line = |day: i64, minute: i64| {
        format!(r#"{{"n":0,"day":{day},"minute":{minute},"who":"p001","text":"x","replies_to":[],"starts":true}}"#)
    };
    for (day, minute) in [(i64::MAX, 0), (9_000_000_000_000, 0), (-1, 0), (0, 1_440), (0, -1)] {
        let refused = replay::parse(&line(day, minute)).expect_err("no such moment");
        assert!(refused.to_string().contains("line 1: days count from 0"), "{refused}");
    }
    let last = replay::parse(&line(36_500, 1_439)).expect("a transcript");
    assert_eq!(replay::times(&last, jiff::Timestamp::from_second(1_700_000_000).expect("a moment")).len(), 1);
}
