//! Positions: how far each conversation has been read.

use super::row::Row;
use super::statement::{Text, statement, texts};
use super::{Store, StoreError};
use crate::domain::ids::Tenant;

texts! {
    /// Selects the positions of a tenant.
    POSITIONS = Text::both("SELECT conversation, through FROM positions WHERE platform = $1 AND tenant = $2");
    /// Moves a position forward.
    ADVANCE = Text::both(
        "INSERT INTO positions (platform, tenant, conversation, through) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (platform, tenant, conversation) DO UPDATE SET through = excluded.through \
         WHERE length(excluded.through) > length(positions.through) \
         OR (length(excluded.through) = length(positions.through) AND excluded.through > positions.through)"
    );
}

/// How far a conversation has been read: every message up to there has been handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub tenant: Tenant,
    /// A channel (`C1`), a thread of it (`C1/17.5`), or the tenant as a whole (empty).
    pub conversation: String,
    /// The platform's id of the last message. A longer id is later; ids of equal length compare as text.
    pub through: String,
}

impl dyn Store + '_ {
    /// Returns the positions of a tenant.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn positions(&self, tenant: &Tenant) -> Result<Vec<Position>, StoreError> {
        let query = statement(POSITIONS).bind(tenant.platform.as_str()).bind(&tenant.id);
        let position = |row: &Row| {
            let (conversation, through) = (row.get("conversation")?, row.get("through")?);
            Ok(Position { tenant: tenant.clone(), conversation, through })
        };
        self.reader().await?.all(query, position).await
    }

    /// Moves positions forward, never back.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn advance(&self, positions: &[Position]) -> Result<(), StoreError> {
        if positions.is_empty() {
            return Ok(());
        }
        // Every process uses the same order, so that no deadlock arises.
        let mut positions = positions.to_vec();
        positions.sort_by(|a, b| (&a.tenant.id, &a.conversation).cmp(&(&b.tenant.id, &b.conversation)));
        self.within(move |tx| {
            let positions = positions.clone();
            Box::pin(async move {
                for Position { tenant, conversation, through } in positions {
                    let place = statement(ADVANCE).bind(tenant.platform.as_str()).bind(&tenant.id);
                    tx.write(place.bind(conversation).bind(through))?;
                }
                Ok(())
            })
        })
        .await
    }
}
