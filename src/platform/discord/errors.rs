//! Translates errors of calls to Discord for the dispatcher.
//!
//! Source: <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>.

use super::rest::RestError;
use crate::domain::effect::Undeliverable;
use crate::platform::{Absence, DeliveryError};

/// The error codes of Discord that are handled here.
pub(super) mod code {
    pub const UNKNOWN_CHANNEL: u64 = 10_003;
    pub const UNKNOWN_GUILD: u64 = 10_004;
    pub const UNKNOWN_MESSAGE: u64 = 10_008;
    pub const UNKNOWN_USER: u64 = 10_013;
    pub const UNKNOWN_WEBHOOK: u64 = 10_015;
    pub const UNKNOWN_INTERACTION: u64 = 10_062;
    pub const MISSING_ACCESS: u64 = 50_001;
    pub const CANNOT_MESSAGE_USER: u64 = 50_007;
    pub const MISSING_PERMISSIONS: u64 = 50_013;
    pub const INVALID_WEBHOOK_TOKEN: u64 = 50_027;
    pub const ARCHIVED: u64 = 50_083;
    pub const NO_MUTUAL_GUILDS: u64 = 50_278;
    pub const THREAD_EXISTS: u64 = 160_004;
    pub const THREAD_LOCKED: u64 = 160_005;
    pub const TOO_MANY_THREADS: u64 = 160_006;
}

/// The kind of call, which decides what an error means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// A call that must not be made twice, and whose result can be looked for.
    Posting,
    /// A call that must not be made twice, and whose result cannot be looked for.
    Whispering,
    /// A call that may be repeated without harm.
    Repeatable,
}

/// Whether an interaction cannot be answered any more, since its token has expired.
pub(super) fn is_expired(error: &RestError) -> bool {
    [code::UNKNOWN_WEBHOOK, code::UNKNOWN_INTERACTION, code::INVALID_WEBHOOK_TOKEN]
        .into_iter()
        .any(|expired| error.is(expired))
}

/// Returns a call's error as the result of a delivery.
pub(super) fn failed(error: RestError, doing: Doing) -> DeliveryError {
    let detail = error.to_string();
    let reason = match error {
        RestError::RateLimited { retry_after, global } => return DeliveryError::RateLimited { retry_after, global },
        RestError::Unauthorized => return DeliveryError::Away { cause: Absence::Token, detail },
        RestError::Away { cause, detail } => return DeliveryError::Away { cause, detail },
        RestError::Unknown { cause, detail } => {
            return match (doing, cause) {
                (Doing::Repeatable, _) | (Doing::Whispering, Absence::Between) => DeliveryError::Away { cause, detail },
                (Doing::Posting | Doing::Whispering, _) => DeliveryError::Unknown { cause, detail },
            };
        }
        RestError::Refused { status, code, .. } => match (code, status) {
            (code::CANNOT_MESSAGE_USER | code::NO_MUTUAL_GUILDS, _) => Undeliverable::DirectClosed,
            (code::MISSING_ACCESS, _) => Undeliverable::ChannelClosed,
            (code::UNKNOWN_CHANNEL | code::UNKNOWN_GUILD, _) => Undeliverable::ChannelGone,
            (code::MISSING_PERMISSIONS | code::THREAD_LOCKED | code::ARCHIVED, _) => Undeliverable::NotPermitted,
            (code::UNKNOWN_WEBHOOK | code::UNKNOWN_INTERACTION | code::INVALID_WEBHOOK_TOKEN, _) => {
                Undeliverable::Expired
            }
            (code::UNKNOWN_MESSAGE | code::UNKNOWN_USER, _) | (_, 404) => Undeliverable::Gone,
            (_, 403) => Undeliverable::NotPermitted,
            (_, 400 | 405 | 413) => Undeliverable::Invalid,
            _ => return DeliveryError::Temporary(detail),
        },
    };
    DeliveryError::Permanent { reason, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_the_core_why() {
        let refused = |status, code| RestError::Refused { status, code, message: "no".to_owned() };
        let reason = |status, code, doing| match failed(refused(status, code), doing) {
            DeliveryError::Permanent { reason, .. } => Some(reason),
            _ => None,
        };
        assert_eq!(reason(403, 50_007, Doing::Posting), Some(Undeliverable::DirectClosed));
        assert_eq!(reason(403, 50_001, Doing::Posting), Some(Undeliverable::ChannelClosed));
        assert_eq!(reason(403, 50_013, Doing::Repeatable), Some(Undeliverable::NotPermitted));
        assert_eq!(reason(404, 10_003, Doing::Posting), Some(Undeliverable::ChannelGone));
        assert_eq!(reason(404, 10_008, Doing::Repeatable), Some(Undeliverable::Gone));
        assert_eq!(reason(400, 50_035, Doing::Posting), Some(Undeliverable::Invalid));
        let unknown = |cause| RestError::Unknown { cause, detail: "cut".to_owned() };
        let is_unsure = |error| matches!(error, DeliveryError::Unknown { .. });
        assert!(is_unsure(failed(unknown(Absence::Failing), Doing::Posting)));
        assert!(is_unsure(failed(unknown(Absence::Between), Doing::Posting)));
        assert!(is_unsure(failed(unknown(Absence::Failing), Doing::Whispering)));
        assert!(!is_unsure(failed(unknown(Absence::Between), Doing::Whispering)));
        assert!(!is_unsure(failed(unknown(Absence::Failing), Doing::Repeatable)));
        let token = failed(RestError::Unauthorized, Doing::Posting);
        assert!(matches!(token, DeliveryError::Away { cause: Absence::Token, .. }));
    }
}
