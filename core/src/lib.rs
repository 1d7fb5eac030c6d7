//! Everything of privet that is mathematics or protocol.

pub mod aggregation;
pub mod data;
pub mod encoding;
pub mod nn;
pub mod params;
pub mod participant;
pub mod plan;
pub mod privacy;
pub mod protocol;
pub mod random;
pub mod round;
pub mod simulation;
