//! Everything of privet that is mathematics or protocol.
//!
//! This crate is pure: it opens no socket and no file, reads no clock, and asks no operating system for randomness.
//! Bytes, time and random streams are arguments. The coordinator's service, the client's agent and the simulator carry
//! messages to the same state machines in here, and therefore make the same model, bit for bit.
//!
//! # The map
//!
//! A module uses only those above it in this list.
//!
//! - [`random`]: named, seeded streams, one for every purpose, round and client, so that no draw depends on another.
//! - [`params`]: a model as one flat vector with a layout; the only shape in which models travel.
//! - [`instructions`]: the vector instructions that the machine has, on which the loops run that take the time.
//! - [`nn`]: the dense network that is trained, judged, and kept in files.
//! - [`data`]: tables of rows, where they come from, how they are seen, and who holds which.
//! - [`privacy`]: accountants, clipping, noise on integers, and the ledger of what was released.
//! - [`encoding`]: how an update becomes integers.
//! - [`identity`]: the key that a client is, and what it signs.
//! - [`secagg`]: the sum of vectors that nobody shows: masks, shares, and both halves of the protocol.
//! - [`aggregation`]: how updates are added, and how their mean becomes the next model.
//! - [`plan`]: the file that says everything about a federation. A [`plan::Plan`] in hand is sound.
//! - [`protocol`]: what travels between client and coordinator, and the problems they may have with it.
//! - [`round`]: the coordinator's half of a round. Begin with [`round::Federation`].
//! - [`participant`]: the client's half of a round. Begin with [`participant::Participant`].
//! - [`simulation`]: many participants and one coordinator in one process, and the baselines to compare them with.
//!
//! # A federation in a few lines
//!
//! ```
//! use privet_core::data::Holdings;
//! use privet_core::plan::{Plan, built_in};
//! use privet_core::random::Purpose;
//! use privet_core::simulation::Simulation;
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! let text = built_in("heart").expect("it is built in").text;
//! let plan = Plan::parse(text)?;
//! let rows = plan.data().load(&mut |path| std::fs::read(path))?;
//! let split = plan.data().split(&rows)?;
//! let stream = plan.seed().stream(Purpose::Partition);
//! let holdings = Holdings::new(&split, plan.partition(), plan.data().standardization(), stream)?;
//! let network = Arc::new(plan.network(rows.train.width(), rows.train.outputs())?);
//! let simulation = Simulation {
//!     plan: &plan,
//!     network,
//!     shards: &holdings.clients,
//!     test: &holdings.test,
//!     threads: 2,
//!     noise_seed: None,
//!     dropout: 0.0,
//! };
//! let mut accuracy = None;
//! simulation.run(&|| Duration::ZERO, &mut |round| {
//!     accuracy = round.test.as_ref().and_then(|test| test.accuracy);
//!     ControlFlow::Continue(())
//! })?;
//! assert!(accuracy > Some(0.75));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The properties that the fuzz targets share with the tests name the crate from without.
#[cfg(test)]
extern crate self as privet_core;

pub mod aggregation;
pub mod data;
pub mod encoding;
#[cfg(test)]
mod fuzzing;
pub mod identity;
pub mod instructions;
pub mod nn;
pub mod params;
pub mod participant;
pub mod plan;
pub mod privacy;
pub mod protocol;
pub mod random;
pub mod round;
pub mod secagg;
pub mod simulation;
