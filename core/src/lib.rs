//! Everything of privet that is mathematics or protocol.

pub mod params;
pub mod random;
