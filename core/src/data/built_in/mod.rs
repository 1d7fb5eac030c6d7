//! The data sets that live in the binary, compressed. `scripts/built-in-data.py` makes them from the originals.

mod digits;

pub use digits::digits;
