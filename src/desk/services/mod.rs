//! Services: which channels follow which service, to hear of its outages.

pub mod record;
