//! Whether there are articles to search. The process knows this by its index, and tells the decisions.

use std::sync::atomic::Ordering;

use super::Intake;

impl Intake {
    /// Sets whether there are articles to search. Without articles, nothing waits for a search.
    pub fn knows_articles(&self, has_articles: bool) {
        self.inner.has_articles.store(has_articles, Ordering::Relaxed);
    }

    /// Whether there are articles to search.
    #[must_use]
    pub fn has_articles(&self) -> bool {
        self.inner.has_articles.load(Ordering::Relaxed)
    }
}
