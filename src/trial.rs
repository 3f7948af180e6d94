//! Switches for testing the guarantees: the program without one of its safeguards, or stopped halfway.
//!
//! A checker that has never reported a fault proves nothing. With deduplication, reconciliation or fencing switched off
//! it must report some. Fencing is tested with a process that is frozen at the worst moment, past its leases. Both need
//! a hand inside the program, which is this module: `DESKBELL_TRIAL_WITHOUT=dedupe,reconcile,fencing` switches
//! safeguards off, and `DESKBELL_TRIAL_FREEZE_AT=deciding|before_write|in_flight|before_settle` stops the process
//! (SIGSTOP) the first time that it reaches that point.
//!
//! Release builds contain none of this: the environment is not read, and every safeguard is on.

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
    /// How long a request has to leave this process before the freeze.
    const LEAVING: Duration = Duration::from_millis(5);
    /// How long the signal may take: the system delivers it to one thread first, and the others run until then.
    const HEARD_WITHIN: Duration = Duration::from_millis(200);

    /// Whether this safeguard (`dedupe`, `reconcile` or `fencing`) is switched off.
    #[must_use]
    pub fn without(safeguard: &str) -> bool {
        WITHOUT.split(',').any(|name| name.trim() == safeguard)
    }

    /// Stops the process here, once, if this was requested. It continues after SIGCONT.
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
        std::thread::sleep(HEARD_WITHIN);
    }

    /// Carries out a call to a platform, with the point `in_flight` right after its request has left.
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

    /// Makes the call.
    #[inline(always)]
    pub async fn in_flight<T>(call: impl Future<Output = T>) -> T {
        call.await
    }
}
