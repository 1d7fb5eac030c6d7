//! Fixed point: the form in which updates are added.
//!
//! Sums of floats depend on their order; sums of integers do not. Every update is therefore put on a grid of
//! integers before it leaves its participant, and only a finished sum becomes floats again. This is what makes a
//! model independent of threads, of the order of arrival and of masks.

mod fixed_point;
mod rounding;
mod update;

pub use fixed_point::{EncodingError, FixedPoint};
pub use rounding::Rounding;
pub use update::Update;
