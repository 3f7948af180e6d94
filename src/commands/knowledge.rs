//! `deskbell knowledge`: imports, exports and lists articles.

pub mod files;
pub mod import;

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use walkdir::WalkDir;

use self::files::Filed;
use self::import::{Import, Imported, import};
use super::terminal::say;
use crate::app;
use crate::cli::KnowledgeCommand;
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::knowledge::record;
use crate::desk::knowledge::state::{Article, LONGEST_BODY, Numbers, Report};
use crate::domain::ids::ArticleId;
use crate::domain::plain::one_line;

/// The reason for skipping a file that is no Markdown. Such files do not stop `--prune`.
const NO_MARKDOWN: &str = "it is no Markdown (.md)";
/// How many articles are read at once.
const PAGE: u32 = 200;

/// Runs a command on articles.
///
/// # Errors
/// If the database or a file cannot be read or written.
pub async fn run(config: &Config, command: KnowledgeCommand) -> anyhow::Result<ExitCode> {
    match command {
        KnowledgeCommand::Import { from, prune, overwrite, below, dry_run } => {
            let clock = Clock::system();
            let prefix = config.knowledge.key_prefix.clone();
            let how = Import { prefix, prune, overwrite, dry_run, now: clock.now() };
            bring_in(config, &from, below.as_deref(), how, clock).await
        }
        KnowledgeCommand::Export { to, overwrite } => export(config, &to, overwrite).await,
        KnowledgeCommand::Report { days, quiet_days, json } => report(config, days, quiet_days, json).await,
        KnowledgeCommand::List { json } => list(config, json).await,
    }
}

/// The articles in a folder, or in one file.
#[derive(Debug, Default)]
pub struct Read {
    pub files: Vec<Filed>,
    /// The paths that were not read as articles, each with the reason.
    pub unread: Vec<(String, String)>,
}

/// Reads the articles in a folder and its folders, or one file. Paths are relative to `below`; without it, to the
/// folder that is read, or to the folder of the file.
///
/// # Errors
/// If `from` does not exist, or is not below `below`.
pub fn read(from: &Path, below: Option<&Path>) -> anyhow::Result<Read> {
    let about = fs::metadata(from).with_context(|| format!("{} cannot be read", from.display()))?;
    let below = match below {
        Some(below) if !from.starts_with(below) => bail!("{} is not below {}", from.display(), below.display()),
        Some(below) => below,
        None if about.is_dir() => from,
        None => from.parent().unwrap_or(Path::new("")),
    };
    let mut read = Read::default();
    // Two files whose paths differ only in upper and lower case would be the same file on some systems.
    let mut known: HashMap<String, String> = HashMap::new();
    let is_hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let entries = WalkDir::new(from).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name())) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().map_or_else(|| from.display().to_string(), |path| path.display().to_string());
                read.unread.push((path, error.io_error().map_or_else(|| error.to_string(), ToString::to_string)));
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let Some(path) = named(entry.path(), below) else {
            read.unread.push((entry.path().display().to_string(), "its name is not in UTF-8".to_owned()));
            continue;
        };
        match one(entry.path(), &path, entry.file_type().is_symlink()) {
            Ok(filed) => match known.insert(path.to_lowercase(), path.clone()) {
                Some(other) => read.unread.push((path, format!("it has the same name as {other}"))),
                None => read.files.push(filed),
            },
            Err(why) => read.unread.push((path, why)),
        }
    }
    Ok(read)
}

/// Returns the path of a file relative to a folder, with `/` between its parts on every system.
fn named(file: &Path, below: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        file.strip_prefix(below).unwrap_or(file).components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

fn one(file: &Path, path: &str, is_link: bool) -> Result<Filed, String> {
    if is_link {
        return Err("it is a symbolic link, and these are not followed".to_owned());
    }
    let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
    if !matches!(extension.as_deref(), Some("md" | "markdown")) {
        return Err(NO_MARKDOWN.to_owned());
    }
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    // A file that is too long is not read into memory.
    if size > 8 * LONGEST_BODY as u64 {
        return Err(format!(
            "it has {size} bytes, and an article {LONGEST_BODY} at most: split it, or make it a link (url:)"
        ));
    }
    files::read(path, &fs::read(file).map_err(|error| error.to_string())?)
}

async fn bring_in(
    config: &Config,
    from: &Path,
    below: Option<&Path>,
    how: Import,
    clock: Clock,
) -> anyhow::Result<ExitCode> {
    let Import { prune, dry_run, .. } = how;
    if prune && !from.is_dir() {
        bail!("--prune retires articles whose files are not in the folder: name a folder, not a file");
    }
    if prune && below.is_some_and(|below| below != from) {
        bail!("--prune retires articles whose files are not in the folder: leave out --below");
    }
    let Read { files, unread } = read(from, below)?;
    if prune && unread.iter().any(|(path, why)| why != NO_MARKDOWN && !path.is_empty()) {
        for (path, why) in unread.iter().filter(|(_, why)| why != NO_MARKDOWN) {
            say!("  {}: {}", one_line(path), one_line(why));
        }
        bail!(
            "--prune would retire articles whose files are there and cannot be read: mend these first. Nothing was written."
        );
    }
    if prune && files.is_empty() {
        bail!("there is no article in {}: --prune would retire all of them", from.display());
    }
    let store = app::open_beside(config, clock).await?;
    let bar = ProgressBar::new(files.len() as u64)
        .with_style(ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {pos}/{len} files, {eta} left")?);
    let ignored: Vec<(String, String)> = files
        .iter()
        .filter(|filed| !filed.ignored.is_empty())
        .map(|filed| (filed.path.clone(), filed.ignored.join(", ")))
        .collect();
    let imported = import(&store, files, &how, &|done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    store.close().await;
    tell(&imported, &unread, &ignored, dry_run);
    Ok(if unread.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(imported: &Imported, unread: &[(String, String)], ignored: &[(String, String)], dry_run: bool) {
    let Imported { new, changed, same, pruned, stay_retired, stay_edited } = imported;
    let would = if dry_run { "would be " } else { "" };
    say!("{new} {would}new, {changed} {would}changed, {same} the same.");
    for (key, path) in pruned {
        say!("  {key} {}retired: {} is gone", if dry_run { "would be " } else { "" }, one_line(path));
    }
    for path in stay_retired {
        say!("  {} is retired and stays so: write status: published in it to bring it back", one_line(path));
    }
    for path in stay_edited {
        say!("  {} was edited in chat since, and stays so: export it, or import with --overwrite", one_line(path));
    }
    for (path, keys) in ignored {
        say!("  {}: what nobody here understands is left out ({})", one_line(path), one_line(keys));
    }
    if !unread.is_empty() {
        say!("Not read:");
        for (path, why) in unread {
            say!("  {}: {}", one_line(path), one_line(why));
        }
    }
    if dry_run {
        say!("Nothing was written.");
    }
}

async fn export(config: &Config, to: &Path, overwrite: bool) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let (mut count, mut after) = (0_u64, ArticleId(0));
    loop {
        let page = record::page(&mut *store.reader().await?, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for article in &page {
            let path = path_of(article);
            let file = to.join(&path);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            }
            write(&file, &files::write(article, &path)?, overwrite)?;
            count += 1;
        }
    }
    store.close().await;
    say!("{count} articles are in {}.", to.display());
    Ok(ExitCode::SUCCESS)
}

/// Returns the path to which an article is exported: the path that it was imported from, if that stays below the
/// folder, otherwise a file named by its key.
fn path_of(article: &Article) -> String {
    let is_below =
        |path: &&String| Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_)));
    article.path.as_ref().filter(is_below).cloned().unwrap_or_else(|| format!("{}.md", article.key))
}

fn write(file: &PathBuf, text: &str, overwrite: bool) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let opened = options.open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} is there already: name another folder, or give --overwrite", file.display())
        }
        _ => anyhow::Error::new(error).context(format!("{} cannot be written", file.display())),
    });
    std::io::Write::write_all(&mut opened?, text.as_bytes())
        .with_context(|| format!("{} cannot be written", file.display()))
}

async fn report(config: &Config, days: u32, quiet_days: u32, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let now = Clock::system().now();
    let ago = |days: u32| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
    let report = record::report(&mut *store.reader().await?, ago(days), ago(quiet_days)).await?;
    store.close().await;
    if as_json {
        say!("{}", serde_json::to_string(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    let Report { observed, shown, confirmed, escalated, worked, abandoned, open } = report;
    say!("Requests of the last {days} days that were shown an article: {shown}");
    for (count, name, means) in [
        (confirmed, "confirmed", "the requester said that it solved the request, which is done still"),
        (escalated, "escalated", "the requester asked for a person, said that it does not help, or wrote on"),
        (worked, "worked", "the desk took or ended it before the requester said anything"),
        (abandoned, "abandoned", "nobody said or did anything for some days: whether it helped is not known"),
        (open, "open", "none of these yet"),
    ] {
        say!("  {count:>6}  {name:<10} {means}");
    }
    say!("Requests that would have been shown one (observe): {observed}");
    Ok(ExitCode::SUCCESS)
}

async fn list(config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let (mut after, mut is_any) = (ArticleId(0), false);
    loop {
        let mut reader = store.reader().await?;
        let page = record::page(&mut *reader, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        if !is_any && !as_json {
            say!(
                "{:<8} {:<10} {:<9} {:>6} {:>6} {:>11} title",
                "key",
                "stands",
                "audience",
                "shown",
                "solved",
                "not helpful"
            );
        }
        (after, is_any) = (last.id, true);
        for article in &page {
            let numbers = record::numbers(&mut *reader, article.id).await?;
            let Numbers { shown, solved, unhelpful, .. } = numbers;
            let content = &article.content;
            if as_json {
                let line = json!({
                    "key": article.key, "status": article.status, "title": content.title, "summary": content.summary,
                    "url": content.url, "language": content.language, "service": content.service, "tags": content.tags,
                    "audience": content.audience, "owner": article.owner.as_ref().map(|owner| &owner.who),
                    "source": article.source, "review_at": content.review_at, "path": article.path, "version": article.version,
                    "created_at": article.created_at, "changed_at": article.changed_at,
                    "checked": article.checked, "numbers": numbers,
                });
                say!("{line}");
            } else {
                let (key, status) = (article.key.to_string(), article.status.as_str());
                let audience = content.audience.as_str();
                say!(
                    "{key:<8} {status:<10} {audience:<9} {shown:>6} {solved:>6} {unhelpful:>11} {}",
                    one_line(&content.title)
                );
            }
        }
    }
    if !is_any && !as_json {
        say!("There are no articles yet: deskbell knowledge import DIR brings them in.");
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
