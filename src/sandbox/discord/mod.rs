//! A Discord guild.
