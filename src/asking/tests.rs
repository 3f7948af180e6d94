use super::*;

fn classifier() -> Classifier {
    Classifier::built_in().expect("the model fits")
}

#[test]
fn requests_are_told_from_talk() {
    let classifier = classifier();
    for request in [
        "<@U1> my laptop does not start any more, can you help me?",
        "hi, does anyone know how I can reset my password?",
        "how do i install the vpn client on ubuntu?",
        "I'm getting an error when I try to open the shared drive, any ideas?",
        "<@U1> kannst du mir bitte helfen, mein Passwort funktioniert nicht mehr?",
    ] {
        let reading = classifier.read(request);
        assert!(reading.asks, "{request}: {reading:?}");
        assert!(reading.why.iter().any(|reason| reason.weight > 0.0), "{reading:?}");
    }
    for talk in [
        "<@U1> thanks, that worked!",
        "you can find it under settings, then accounts",
        "<@U1> the meeting is at three in the small room.",
        "lol",
        "<@U1> danke, läuft wieder",
        "",
        "🎉🎉🎉",
        "<@U1> ????????",
    ] {
        let reading = classifier.read(talk);
        assert!(!reading.asks, "{talk}: {reading:?}");
    }
}

/// Returns how many requests and how many other messages are classified as requests, from a file of `examples/asking/`
/// that the model has not learned from. The figures are in docs/architecture/guard.md.
fn taken_for_requests(messages: &str) -> (usize, usize) {
    let classifier = classifier();
    let labelled = messages.lines().map(|line| line.split_once('\t').expect("a label and a message"));
    let asks = labelled.filter(|(_, text)| classifier.read(text).asks);
    let (requests, others): (Vec<_>, Vec<_>) = asks.partition(|(label, _)| *label == "1");
    (requests.len(), others.len())
}

#[test]
fn german_requests_are_told_from_talk() {
    let (hits, alarms) = taken_for_requests(include_str!("../../examples/asking/german-to-measure.tsv"));
    assert!(hits >= 55 && alarms <= 8, "{hits} of 100 requests, {alarms} of 100 others");
}

#[test]
fn what_colleagues_ask_each_other_is_told_from_what_they_ask_a_desk() {
    let (hits, alarms) = taken_for_requests(include_str!("../../examples/asking/english-to-measure.tsv"));
    assert!(hits >= 24 && alarms <= 5, "{hits} of 30 requests, {alarms} of 30 others");
}

#[test]
fn what_was_said_before_counts() {
    let classifier = classifier();
    let alone = classifier.read("<@U1> does the mail server run again?");
    let in_talk = Context {
        mentioned_spoke: true,
        of_mentioned: 5,
        of_writer: 5,
        writer_was_mentioned: true,
        ..Context::default()
    };
    let fresh = classifier.within(&alone, &Context { quiet_minutes: 60, ..Context::default() });
    let within = classifier.within(&alone, &in_talk);
    assert!(within.probability < fresh.probability / 2.0, "{within:?} {fresh:?}");
    assert!(within.why.iter().any(|reason| reason.name == "of_mentioned" || reason.name == "of_writer"));
}

#[test]
fn every_number_says_what_it_shows() {
    for name in features::names().into_iter().chain(context::NAMES).filter(|name| *name != context::ALONE) {
        assert_ne!(describe_reason(name), describe_reason("moon"), "{name}");
    }
}

#[test]
fn long_and_odd_texts_are_read_in_bounds() {
    let classifier = classifier();
    for text in ["a".repeat(40_000), "`".repeat(40_000), "<@U1> ".repeat(8_000), "\u{202e}?\0\u{feff}".repeat(9_000)] {
        let reading = classifier.read(&text);
        assert!(reading.probability.is_finite() && (0.0..=1.0).contains(&reading.probability));
    }
    assert!(plain(&"x".repeat(40_000)).len() <= READ_CHARS);
}

#[test]
fn a_table_of_words_is_read_as_it_was_written() {
    let weights: Vec<f32> = (0..usage::PLACES).map(|place| (place as f32).sin()).collect();
    let table = Usage::new(&weights);
    assert_eq!(Usage::read(&table.written()), Some(table));
    assert_eq!(Usage::read(b"short"), None);
}

#[test]
fn a_model_of_other_numbers_is_refused() {
    let usage = Usage::new(&vec![0.0; usage::PLACES]);
    assert!(Classifier::new(Model::default(), usage).is_err());
}
