//! Switches for trials of the promises: what the program does without one of its safeguards, and where it stops halfway.
//!
//! A checker that has never reported a fault proves nothing. With de-duplication, reconciliation or fencing switched off
//! it must report some; and a process that is frozen at the worst moment, past its leases, is how fencing is tried. Both
//! need a hand inside the program, which is this module: `DESKBELL_TRIAL_WITHOUT=dedupe,reconcile,fencing` switches
//! safeguards off, `DESKBELL_TRIAL_FREEZE_AT=deciding|before_write|in_flight|before_settle` stops the process (SIGSTOP) the first
//! time that it comes to that point.
//!
//! Release builds hold none of it: there the environment is not read, every safeguard is on, and no point is one.

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
    /// How long a request gets to leave this process before it is frozen.
    const LEAVING: Duration = Duration::from_millis(5);
    /// How long it may take until the signal is heard: the system lets one thread hear it first, and the others go on
    /// until then.
    const HEARD_WITHIN: Duration = Duration::from_millis(200);

    /// Whether this safeguard (`dedupe`, `reconcile` or `fencing`) is switched off.
    #[must_use]
    pub fn without(safeguard: &str) -> bool {
        WITHOUT.split(',').any(|name| name.trim() == safeguard)
    }

    /// Stops the process here, once, if it was asked to: it goes on when somebody sends SIGCONT.
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

    /// There are no such points in a release build.
    #[inline(always)]
    pub const fn point(_name: &str) {}

    /// The call itself.
    #[inline(always)]
    pub async fn in_flight<T>(call: impl Future<Output = T>) -> T {
        call.await
    }
}
