//! Tests of search results, and of damaged indexes.

use std::fs;
use std::path::Path;

use super::*;
use crate::domain::article::Audience;

/// A way to damage a file of an index.
type Spoils = fn(&Path) -> std::io::Result<()>;
type Tried = Result<(), Box<dyn std::error::Error>>;

fn setup(folder: &Path) -> Setup {
    Setup {
        folder: folder.join("index"),
        kind: Kind::Articles,
        languages: vec![Language::ENGLISH, Language::GERMAN],
        synonyms: Synonyms::common().unwrap_or_default(),
        source: "desk".to_owned(),
    }
}

fn document(id: &str, title: &str, body: &str) -> Document {
    Document { id: id.to_owned(), title: title.to_owned(), body: body.to_owned(), ..Document::default() }
}

fn articles() -> Vec<Document> {
    vec![
        document(
            "vpn",
            "VPN drops on home routers",
            "The tunnel ends every few minutes. Turn off band steering in the router.",
        ),
        document("printer", "Printer prints nothing", "Check the queue, then switch the printer off and on again."),
        document("password", "Forgotten password", "Reset your password in the portal, and sign in again everywhere."),
        document("mail", "Mailbox is full", "Empty the folder of deleted items, and archive old mails by year."),
        Document {
            tags: vec!["unlock".to_owned()],
            audience: Audience::Agents,
            ..document(
                "unlock",
                "Unlock an account",
                "In the directory, tick unlock, and set a new password for the account.",
            )
        },
        document(
            "drucker",
            "Der Drucker druckt nicht",
            "Sieh in der Warteschlange nach, ob der Auftrag noch wartet. Schalte den Drucker aus und nach einer Minute wieder ein.",
        ),
    ]
}

fn filled(folder: &Path) -> Result<Engine, SearchError> {
    let engine = Engine::new(setup(folder))?;
    engine.write(&articles(), &[], 7)?;
    Ok(engine)
}

fn found(engine: &Engine, text: &str) -> Result<Vec<String>, SearchError> {
    let question = Question { text, ..Question::default() };
    Ok(engine.answer(&question, 10)?.found.into_iter().map(|found| found.id).collect())
}

fn first(engine: &Engine, text: &str) -> Result<String, SearchError> {
    Ok(found(engine, text)?.into_iter().next().unwrap_or_default())
}

#[test]
fn the_document_that_has_the_words_comes_first() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    for (text, expected) in [
        ("my vpn keeps dropping at home", "vpn"),
        ("PRINTING does not work", "printer"),
        ("passwort vergessen", "password"),
        ("the virtual private network is dead", "vpn"),
        ("pasword forgotten", "password"),
        ("my pritner is silent", "printer"),
        ("Warum druckt mein Drucker heute nicht mehr, obwohl er an ist?", "drucker"),
        ("mail box full, archive?", "mail"),
    ] {
        assert_eq!(first(&engine, text)?, expected, "{text}");
    }
    assert_eq!(engine.through()?, 7);
    Ok(())
}

#[test]
fn what_asks_nothing_finds_nothing() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    for text in ["", "   ", "?!?!…", "🙂🙂🙂", "what should I do about it", "xyzzyqwv"] {
        let answer = engine.answer(&Question { text, ..Question::default() }, 10)?;
        assert_eq!(answer, Answer::default(), "{text}");
        assert!(answer.shown(0.0).is_empty());
    }
    let empty = Engine::new(Setup { folder: folder.path().join("empty"), ..setup(folder.path()) })?;
    assert_eq!(found(&empty, "vpn")?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_question_of_any_length_is_answered() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    let long = format!("vpn drops {}", "lorem ipsum dolor ".repeat(4_000));
    assert_eq!(first(&engine, &long)?, "vpn");
    let unbroken = "x".repeat(10_000);
    assert_eq!(found(&engine, &unbroken)?, Vec::<String>::new());
    let different: String = (0..10_000).map(|number| format!("w{number} ")).collect();
    assert!(found(&engine, &different)?.is_empty());
    Ok(())
}

#[test]
fn what_is_for_agents_is_found_by_agents_alone() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    let question = Question { text: "unlock an account", ..Question::default() };
    let by = |by_agent| engine.answer(&Question { by_agent, ..question }, 10);
    assert_eq!(by(true)?.found.first().map(|found| found.id.as_str()), Some("unlock"));
    assert!(by(false)?.found.iter().all(|found| found.id != "unlock"));
    Ok(())
}

#[test]
fn a_later_document_takes_the_place_of_an_earlier_one_and_what_is_gone_is_not_found() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    engine.write(&[document("vpn", "Remote access", "How to dial in from elsewhere.")], &["mail".to_owned()], 9)?;
    assert_eq!(found(&engine, "band steering")?, Vec::<String>::new());
    assert_eq!(first(&engine, "dial in")?, "vpn");
    assert_eq!(found(&engine, "mailbox archive")?, Vec::<String>::new());
    assert_eq!((engine.through()?, engine.documents()?), (9, 5));
    // The next process reads the last change from the index.
    drop(engine);
    let next = Engine::new(setup(folder.path()))?;
    assert_eq!((next.through()?, first(&next, "dial in")?), (9, "vpn".to_owned()));
    Ok(())
}

#[test]
fn an_index_of_something_else_is_made_anew() -> Tried {
    let folder = tempfile::tempdir()?;
    drop(filled(folder.path())?);
    for other in [
        Setup { source: "another desk".to_owned(), ..setup(folder.path()) },
        Setup { languages: vec![Language::GERMAN], ..setup(folder.path()) },
    ] {
        let engine = Engine::new(other)?;
        assert_eq!((engine.through()?, engine.documents()?), (0, 0));
    }
    Ok(())
}

#[test]
fn a_damaged_index_is_made_anew() -> Tried {
    let folder = tempfile::tempdir()?;
    let spoil = |spoils: Spoils| -> std::io::Result<usize> {
        let mut spoilt = 0;
        for file in fs::read_dir(folder.path().join("index"))? {
            let path = file?.path();
            if path.is_file() {
                spoils(&path)?;
                spoilt += 1;
            }
        }
        Ok(spoilt)
    };
    let halved: Spoils = |path| fs::write(path, &fs::read(path)?[..fs::read(path)?.len() / 2]);
    let noise: Spoils = |path| fs::write(path, fs::read(path)?.iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>());
    let gone: Spoils = |path| if path.ends_with("meta.json") { Ok(()) } else { fs::remove_file(path) };
    let ways: [Spoils; 3] = [halved, noise, gone];
    for way in ways {
        drop(filled(folder.path())?);
        assert!(spoil(way)? > 3);
        let engine = Engine::new(setup(folder.path()))?;
        // The damage shows when the index is opened or searched. `through` then replaces the index by an empty one.
        let answered = engine.answer(&Question { text: "vpn drops", ..Question::default() }, 10);
        assert!(answered.is_err() || answered.is_ok_and(|answer| answer.found.is_empty()));
        assert_eq!(engine.through()?, 0);
        engine.write(&articles(), &[], 7)?;
        assert_eq!(first(&engine, "vpn drops")?, "vpn");
    }
    Ok(())
}

#[test]
fn an_index_that_fails_while_it_is_read_is_made_anew() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    assert!(engine.reading(|_| Err::<(), _>(SearchError::Broken("on purpose".to_owned()))).is_err());
    assert!(engine.answer(&Question { text: "vpn drops", ..Question::default() }, 10).is_err());
    assert_eq!(engine.through()?, 0);
    engine.write(&articles(), &[], 7)?;
    assert_eq!(first(&engine, "vpn drops")?, "vpn");
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_made_is_named() -> Tried {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    fs::write(&file, "x")?;
    let engine = Engine::new(Setup { folder: file.join("index"), ..setup(folder.path()) })?;
    let error = engine.through().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("file/index"), "{error}");
    Ok(())
}

#[test]
fn one_engine_writes_at_a_time_and_the_other_says_so() -> Tried {
    let folder = tempfile::tempdir()?;
    let engine = filled(folder.path())?;
    let open = engine.open()?;
    let writer: tantivy::IndexWriter = open.index.writer_with_num_threads(1, 15_000_000)?;
    let other = Engine::new(setup(folder.path()))?;
    let error = other.write(&articles(), &[], 8).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.to_lowercase().contains("lock"), "{error}");
    // What was written before is found nevertheless.
    assert_eq!(first(&other, "vpn drops")?, "vpn");
    drop(writer);
    other.write(&articles(), &[], 8)?;
    assert_eq!(other.through()?, 8);
    Ok(())
}
