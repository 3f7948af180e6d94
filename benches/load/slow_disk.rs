//! A simulated disk that syncs slowly, for the bot's process alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Compiles the library that is preloaded into the bot. Returns its path.
///
/// # Errors
/// On other systems than Linux, and without a C compiler.
pub fn compile(folder: &Path) -> anyhow::Result<PathBuf> {
    ensure!(cfg!(target_os = "linux"), "--sync-delay-ms works on Linux only: it preloads a library into the bot");
    let (source, library) = (folder.join("slow_disk.c"), folder.join("slow_disk.so"));
    std::fs::write(&source, include_str!("slow_disk.c"))?;
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .context("--sync-delay-ms needs a C compiler, `cc`")?;
    ensure!(compiled.success(), "cc failed: {compiled}");
    Ok(library)
}
