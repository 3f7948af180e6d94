//! Switches for tests of the guarantees: they turn a safeguard off, or stop the process at a named point.
//!
//! `DESKBELL_TRIAL_WITHOUT=dedupe,reconcile,fencing` turns safeguards off. A checker that has never reported a fault
//! proves nothing, so it must report faults while one of them is off.
//!
//! `DESKBELL_TRIAL_FREEZE_AT=deciding|before_write|in_flight|before_settle` stops the process (SIGSTOP) the first time
//! that it reaches that point. Tests of fencing keep it stopped until its leases have ended.
//!
//! Release builds contain none of this: they do not read the environment, and every safeguard is on.

pub use switches::{in_flight, point, without};

#[cfg(debug_assertions)]
mod switches {
    use std::pin::pin;
    use std::process::Command;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    static WITHOUT: LazyLock<String> = LazyLock::new(|| std::env::var("DESKBELL_TRIAL_WITHOUT").unwrap_or_default());
    static FREEZE_AT: LazyLock<String> =
        LazyLock::new(|| std::env::var("DESKBELL_TRIAL_FREEZE_AT").unwrap_or_default());
    static FROZEN: AtomicBool = AtomicBool::new(false);
    /// The time that a request gets to leave this process before the process is stopped.
    const LEAVING: Duration = Duration::from_millis(5);
    /// How long the calling thread waits for the signal to stop it. The system stops one thread first, and the others
    /// run on for a moment.
    const SIGNAL_TIME: Duration = Duration::from_millis(200);

    /// Whether this safeguard (`dedupe`, `reconcile` or `fencing`) is switched off.
    #[must_use]
    pub fn without(safeguard: &str) -> bool {
        WITHOUT.split(',').any(|name| name.trim() == safeguard)
    }

    /// Stops the process (SIGSTOP) if `name` is the requested point, at the first call only. It continues after
    /// SIGCONT.
    pub fn point(name: &str) {
        if FREEZE_AT.as_str() != name || FROZEN.swap(true, Ordering::SeqCst) {
            return;
        }
        eprintln!("trial: frozen at {name}");
        let own = std::process::id().to_string();
        if let Err(error) = Command::new("kill").args(["-STOP", &own]).status() {
            eprintln!("trial: cannot stop itself: {error}");
        }
        #[expect(clippy::disallowed_methods, reason = "the whole process is to stand still")]
        std::thread::sleep(SIGNAL_TIME);
    }

    /// Makes a call to a platform. The point `in_flight` comes when the request has left, and before the answer is
    /// used.
    pub async fn in_flight<T>(call: impl Future<Output = T>) -> T {
        if FREEZE_AT.as_str() != "in_flight" || FROZEN.load(Ordering::SeqCst) {
            return call.await;
        }
        let mut call = pin!(call);
        let early = tokio::select! {
            biased;
            answer = &mut call => Some(answer),
            () = crate::clock::real::sleep(LEAVING) => None,
        };
        point("in_flight");
        match early {
            Some(answer) => answer,
            None => call.await,
        }
    }
}

#[cfg(not(debug_assertions))]
mod switches {
    /// No safeguard can be switched off in a release build.
    #[inline(always)]
    #[must_use]
    pub const fn without(_safeguard: &str) -> bool {
        false
    }

    /// Does nothing in a release build.
    #[inline(always)]
    pub const fn point(_name: &str) {}

    /// Makes the call. A release build does not stop in it.
    #[inline(always)]
    pub async fn in_flight<T>(call: impl Future<Output = T>) -> T {
        call.await
    }
}
