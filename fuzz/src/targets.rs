//! What the fuzz targets run: the properties of the decoders, and a bound on what they allocate.

pub mod memory;
pub mod properties;
