//! The memory of unfinished deliveries: the parts that are posted, and the interactions that have their first answer.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use serde_json::Value;
use serenity::model::id::InteractionId;

use crate::domain::ids::EffectId;
use crate::platform::discord::Shared;

/// The size at which such a memory is cleared.
const REMEMBERED: usize = 4_096;

/// The posted parts of unfinished deliveries, and the interactions that have their first answer.
#[derive(Default)]
pub(in crate::platform::discord) struct Unfinished {
    parts: HashMap<EffectId, Vec<Value>>,
    answered: HashSet<InteractionId>,
}

impl Shared {
    pub(super) fn parts_done(&self, effect: &EffectId) -> usize {
        let unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.parts.get(effect).map_or(0, Vec::len)
    }

    pub(super) fn note_part(&self, effect: &EffectId, sent: Value) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        if unfinished.parts.len() >= REMEMBERED {
            unfinished.parts.clear();
        }
        unfinished.parts.entry(effect.clone()).or_default().push(sent);
    }

    pub(super) fn forget_parts(&self, effect: &EffectId) -> Vec<Value> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).parts.remove(effect).unwrap_or_default()
    }

    pub(super) fn is_answered(&self, interaction: InteractionId) -> bool {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).answered.contains(&interaction)
    }

    pub(super) fn note_answered(&self, interaction: InteractionId) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        if unfinished.answered.len() >= REMEMBERED {
            unfinished.answered.clear();
        }
        unfinished.answered.insert(interaction);
    }
}
