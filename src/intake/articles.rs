//! Whether there are articles to be looked for: this process knows it by its index, and decisions see it.

use std::sync::atomic::Ordering;

use super::Intake;

impl Intake {
    /// Says whether there are articles that can be looked for: without any, nobody waits for a search.
    pub fn knows_articles(&self, has_articles: bool) {
        self.inner.has_articles.store(has_articles, Ordering::Relaxed);
    }

    /// Whether there are any.
    #[must_use]
    pub fn has_articles(&self) -> bool {
        self.inner.has_articles.load(Ordering::Relaxed)
    }
}
