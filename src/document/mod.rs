//! The documents privet writes for machines: what `--json` prints, and what a run directory holds.
//!
//! They are plain data. Nothing here computes a model; the subcommands fill these values in from what the engine
//! told them. `docs/json.md` lists every field with its unit, and a test holds that page and these types together.
//!
//! Conventions: rates are fractions in 0..=1 (never percent), times are seconds of wall clock, volumes are bytes of
//! message bodies, the budget is counted in example-gradients (one example's gradient computed once). A value that
//! does not exist is `null`; a field that does not concern this kind of run is left out.

pub(crate) mod compare;
pub(crate) mod estimate;
pub(crate) mod evaluate;
pub(crate) mod explanation;
pub(crate) mod metrics;
pub(crate) mod model;
pub(crate) mod origin;
pub(crate) mod privacy;
pub(crate) mod round;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod tune;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod schema;
