//! The data sets that live in the binary, compressed. `scripts/built-in-data.py` makes them from the originals.

mod digits;
mod heart;

pub use digits::digits;
pub use heart::heart;

pub(super) use digits::pixels;
pub(super) use heart::{HEART_REFERENCES, heart_schema};
