//! Differential privacy: what a release may reveal, how that is bounded, and how much was spent.

pub mod accounting;
mod event;

pub use event::{Event, EventError, MAX_COUNT, Mechanism, NOISE_RANGE, Neighbouring, Sampling, Shares};
