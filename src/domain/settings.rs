//! Declares sections of the settings: each setting once, with its type, its default and its purpose.

use std::time::Duration;

use super::permission::Principal;
use super::right::Holder;

/// A source of settings. Its implementation reports values that are not valid; they count as not given.
pub trait Reader {
    fn text(&mut self, key: &'static str) -> Option<String>;
    /// Reads one of these texts.
    fn choice(&mut self, key: &'static str, of: &'static [&'static str]) -> Option<&'static str>;
    fn texts(&mut self, key: &'static str) -> Option<Vec<String>>;
    /// Reads yes or no.
    fn flag(&mut self, key: &'static str) -> Option<bool>;
    /// Reads a number, 0 or more.
    fn count(&mut self, key: &'static str) -> Option<u32>;
    /// Reads a length of time, 0 or more.
    fn duration(&mut self, key: &'static str) -> Option<Duration>;
    /// Reads people and groups.
    fn principals(&mut self, key: &'static str) -> Option<Vec<Principal>>;
    /// Reads the holders of a right: people, groups, `agents` and `admins`.
    fn holders(&mut self, key: &'static str) -> Option<Vec<Holder>>;
}

/// A type that a setting can have.
pub trait Setting: Sized {
    /// Reads the setting of this name, if it is given.
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self>;
}

impl Setting for String {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.text(key)
    }
}

impl Setting for Vec<String> {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.texts(key)
    }
}

impl Setting for bool {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.flag(key)
    }
}

impl Setting for u32 {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.count(key)
    }
}

impl Setting for Duration {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.duration(key)
    }
}

impl Setting for Vec<Principal> {
    fn read(key: &'static str, from: &mut dyn Reader) -> Option<Self> {
        from.principals(key)
    }
}

/// A section of the settings.
pub trait Section: Default {
    /// The names of its settings.
    const KEYS: &'static [&'static str];

    /// Reads the section. A setting that is not given, or is not valid, gets its default.
    fn read(from: &mut dyn Reader) -> Self;
}

/// Declares sections of the settings.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $key:ident: $kind:ty = $default:expr,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$of])* pub $key: $kind,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::domain::settings::Section for $name {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            fn read(from: &mut dyn $crate::domain::settings::Reader) -> Self {
                Self {
                    $($key: $crate::domain::settings::Setting::read(stringify!($key), from).unwrap_or_else(|| $default),)+
                }
            }
        }
    )+};
}

pub(crate) use sections;

/// Returns this number of minutes.
pub(crate) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
