//! Collects the errors that a desk logs: a test fails if there is one.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// The errors that were logged, each with its fields as one text.
#[derive(Clone, Default)]
pub struct Errors(Arc<Mutex<Vec<String>>>);

impl Errors {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            let mut text = String::new();
            event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
                let _ = write!(text, "{field}={value:?} ");
            });
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
}

/// Collects the errors that this test logs until the guard is dropped. The subscriber is set for this
/// thread: each test runs on a thread of its own, with all tasks that it starts. `DESKBELL_TEST_LOG` is a filter for
/// printing the log.
pub fn catch_errors() -> (Errors, tracing::subscriber::DefaultGuard) {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
    let errors = Errors::default();
    let filter = EnvFilter::try_from_env("DESKBELL_TEST_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    let print = tracing_subscriber::fmt::layer().with_test_writer().with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(print).with(errors.clone());
    (errors, tracing::subscriber::set_default(subscriber))
}
