//! `privet privacy`: the accountant as a command.

mod args;
mod chart;
mod error;

pub(crate) use args::Privacy;
pub(crate) use error::PrivacyError;

use crate::document::privacy::{Bounds, Epsilon, Noise, Release, Rounds, Sampling, bound_name};
use crate::error::CommandError;
use crate::output;
use crate::table;
use args::{EpsilonArgs, NoiseArgs, Question, RoundsArgs, SamplingArgs};
use privet_core::privacy::accounting::calibration::Target;
use privet_core::privacy::accounting::{Accountant, AccountingError, Spent};

/// Answers the question.
pub(crate) fn run(privacy: &Privacy) -> Result<(), CommandError> {
    match &privacy.question {
        Question::Epsilon(args) => epsilon(args),
        Question::Noise(args) => noise(args),
        Question::Rounds(args) => rounds(args),
        Question::Sampling(args) => sampling(args),
    }
}

/// What so many releases with so much noise cost.
fn epsilon(args: &EpsilonArgs) -> Result<(), CommandError> {
    let event = args.release.event(args.noise_multiplier, args.rounds)?;
    let spent = Accountant::default().spent(&[event], args.delta).map_err(PrivacyError::from)?;
    if let Some(path) = &args.chart {
        chart::write(path, event, args.delta)?;
    }
    let document = Epsilon {
        epsilon: spent.epsilon,
        bound: bound_name(spent.bound).to_owned(),
        bounds: bounds(&spent),
        delta: args.delta,
        noise_multiplier: args.noise_multiplier,
        rounds: args.rounds,
        release: Release::of(&event),
    };
    output::result(&document, args.json, || table::epsilon(&document))
}

/// The least noise that a target allows.
fn noise(args: &NoiseArgs) -> Result<(), CommandError> {
    let target = Target::new(args.epsilon, args.delta).map_err(PrivacyError::from)?;
    let mut accountant = Accountant::default();
    // Whatever is wrong besides the noise is said first, of noise that is surely in range.
    args.release.event(1.0, args.rounds)?;
    let noise_multiplier = accountant
        .least_noise(target, |noise| {
            let event = args.release.event(noise, args.rounds);
            Ok(vec![event.map_err(|error| error.accounting())?])
        })
        .map_err(PrivacyError::from)?;
    let event = args.release.event(noise_multiplier, args.rounds)?;
    let spent = accountant.spent(&[event], args.delta).map_err(PrivacyError::from)?;
    let document = Noise {
        noise_multiplier,
        target_epsilon: args.epsilon,
        epsilon: spent.epsilon,
        bound: bound_name(spent.bound).to_owned(),
        bounds: bounds(&spent),
        delta: args.delta,
        rounds: args.rounds,
        release: Release::of(&event),
    };
    output::result(&document, args.json, || table::noise(&document))
}

/// The most releases that a target allows.
fn rounds(args: &RoundsArgs) -> Result<(), CommandError> {
    let target = Target::new(args.epsilon, args.delta).map_err(PrivacyError::from)?;
    let mut accountant = Accountant::default();
    let once = args.release.event(args.noise_multiplier, 1)?;
    let rounds = accountant.rounds(target, once).map_err(PrivacyError::from)?;
    let event = args.release.event(args.noise_multiplier, rounds)?;
    let spent = accountant.spent(&[event], args.delta).map_err(PrivacyError::from)?;
    let document = Rounds {
        rounds,
        target_epsilon: args.epsilon,
        epsilon: spent.epsilon,
        bound: bound_name(spent.bound).to_owned(),
        bounds: bounds(&spent),
        delta: args.delta,
        noise_multiplier: args.noise_multiplier,
        release: Release::of(&event),
    };
    output::result(&document, args.json, || table::rounds(&document))
}

/// The largest sampling rate that a target allows.
fn sampling(args: &SamplingArgs) -> Result<(), CommandError> {
    let target = Target::new(args.epsilon, args.delta).map_err(PrivacyError::from)?;
    let mut accountant = Accountant::default();
    let q = accountant.largest_rate(target, |q| Ok(vec![args.event(q)?])).map_err(PrivacyError::from)?;
    let event = args.event(q).map_err(PrivacyError::from)?;
    let spent = accountant.spent(&[event], args.delta).map_err(PrivacyError::from)?;
    let document = Sampling {
        target_epsilon: args.epsilon,
        epsilon: spent.epsilon,
        bound: bound_name(spent.bound).to_owned(),
        bounds: bounds(&spent),
        delta: args.delta,
        noise_multiplier: args.noise_multiplier,
        rounds: args.rounds,
        release: Release::of(&event),
    };
    output::result(&document, args.json, || table::sampling(&document))
}

fn bounds(spent: &Spent) -> Bounds {
    let all = spent.bounds;
    Bounds { analytic: all.analytic, pld: all.pld, rdp: all.rdp, rdp_fractional: all.rdp_fractional }
}

impl PrivacyError {
    /// The same fault as the accountants say it: the search for noise takes theirs.
    fn accounting(self) -> AccountingError {
        match self {
            PrivacyError::Accounting(error) => error,
            _ => {
                unreachable!("a release that was checked with other noise has no other fault than its noise")
            }
        }
    }
}
