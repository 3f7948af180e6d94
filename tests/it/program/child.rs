//! Runs the binary without the environment of the test.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::harness::patiently;

/// The exit code and output of a run of the program.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Returns itself. Panics if the exit code is not 0.
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }
}

/// A running program. It is killed when this is dropped.
pub struct Child {
    process: std::process::Child,
    out: Output,
    err: Output,
    readers: Vec<JoinHandle<()>>,
}

/// The text that the program has written to one of its outputs.
#[derive(Clone)]
struct Output {
    text: Arc<Mutex<String>>,
    grown: watch::Sender<()>,
}

/// Runs the program to its end.
pub async fn run(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Ended {
    Child::spawn(folder, line, environment).ended().await
}

/// Returns the HTTP status of a GET, or 0 if nobody answers.
pub async fn get(url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.get(url).send().await.map_or(0, |answer| answer.status().as_u16())
}

/// Whether a program answers that it is ready and that every part of it works.
pub async fn works(address: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let Ok(answer) = client.get(format!("http://{address}/readyz")).send().await else { return false };
    let is_ready = answer.status() == 200;
    let said: serde_json::Value = answer.json().await.unwrap_or_default();
    let mut checks = said["checks"].as_array().into_iter().flatten();
    is_ready && said["checks"].is_array() && checks.all(|check| check["ready"] == true)
}

impl Child {
    /// Resident memory in KiB, where the system tells (Linux).
    pub fn memory_kib(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory that it ever had, in KiB, where the system tells (Linux).
    pub fn peak_kib(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn status(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Returns what the program has logged so far.
    pub fn log(&self) -> String {
        self.err.all()
    }

    /// Returns what the program logged, if it has ended by itself.
    pub fn ended_early(&mut self) -> Option<String> {
        let ended = self.process.try_wait().expect("a child can be asked");
        ended.map(|_| self.log())
    }

    pub fn spawn(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Self {
        Self::spawn_by(Command::new(env!("CARGO_BIN_EXE_deskbell")), folder, line, environment)
    }

    /// Like [`Self::spawn`], by another command that runs the program.
    pub fn spawn_by(mut command: Command, folder: &Path, line: &str, environment: &[(&str, &str)]) -> Self {
        command
            .args(line.split_whitespace())
            .current_dir(folder)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("the binary runs");
        let (out, err) = (Output::new(), Output::new());
        let readers =
            vec![out.fill(process.stdout.take().expect("piped")), err.fill(process.stderr.take().expect("piped"))];
        Self { process, out, err, readers }
    }

    /// Waits until the program logs the address that it listens at, and returns it.
    pub async fn address(&self) -> String {
        patiently("it says where it listens", self.err.find(address_in)).await
    }

    /// Returns the address of health and metrics. If it differs from [`Self::address`], it is logged before that.
    pub async fn health_address(&self) -> String {
        let address = self.address().await;
        let log = self.log();
        let own = log.split("\"health_address\":\"").nth(1).and_then(|rest| rest.split('"').next());
        own.map_or(address, str::to_owned)
    }

    /// Waits until the program answers that it is ready and that every part of it works (see [`works`]).
    pub async fn ready(&self) {
        let address = self.health_address().await;
        let ready = async {
            while !works(&address).await {
                tokio::task::yield_now().await
            }
        };
        patiently("it is ready", ready).await;
    }

    /// Waits until the program has logged these words.
    pub async fn says(&self, words: &str) {
        patiently(words, self.err.find(|text| text.contains(words).then_some(()))).await;
    }

    /// Continues the process after it was frozen by a signal.
    pub fn thaw(&self) {
        let sent = Command::new("kill").args(["-CONT", &self.process.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Sends SIGTERM, and waits for the end.
    pub async fn terminate(self) -> Ended {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        self.ended().await
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Ended {
        for reader in std::mem::take(&mut self.readers) {
            let read = tokio::task::spawn_blocking(move || reader.join());
            patiently("it ends", read).await.expect("no panic").expect("no panic");
        }
        // Both outputs are closed, so the process is ending.
        let status = self.process.wait().expect("it ends");
        Ended { code: status.code(), out: self.out.all(), err: self.err.all() }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // This fails if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Output {
    fn new() -> Self {
        Self { text: Arc::default(), grown: watch::channel(()).0 }
    }

    fn all(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fill(&self, mut pipe: impl std::io::Read + Send + 'static) -> JoinHandle<()> {
        let output = self.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let mut text = output.text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&String::from_utf8_lossy(&bytes[..count]));
                drop(text);
                output.grown.send_replace(());
            }
        })
    }

    async fn find<T>(&self, look: impl Fn(&str) -> Option<T>) -> T {
        let mut grown = self.grown.subscribe();
        loop {
            if let Some(found) = look(&self.all()) {
                return found;
            }
            grown.changed().await.expect("the output is there");
        }
    }
}

fn address_in(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("\"listening\"") && line.ends_with('}'))?;
    let entry: serde_json::Value = serde_json::from_str(line).expect("the log is JSON");
    entry["address"].as_str().map(str::to_owned)
}
