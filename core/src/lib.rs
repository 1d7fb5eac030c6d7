//! Everything of privet that is mathematics or protocol.

pub mod data;
pub mod nn;
pub mod params;
pub mod random;
