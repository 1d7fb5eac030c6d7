//! `privet privacy`: the accountant as a command.

mod args;
mod chart;
mod error;

pub(crate) use args::Questions;
pub(crate) use error::PrivacyError;

use crate::document::privacy::{Bounds, Privacy, Release, bound_name};
use crate::error::CommandError;
use crate::output;
use crate::table::{self, Answer};
use args::{EpsilonArgs, Limit, NoiseArgs, Question, RoundsArgs, SamplingArgs, Told};
use privet_core::privacy::Event;
use privet_core::privacy::accounting::calibration::Target;
use privet_core::privacy::accounting::{Accountant, AccountingError, Spent};

/// Answers the question.
pub(crate) fn run(asked: &Questions) -> Result<(), CommandError> {
    match &asked.question {
        Question::Epsilon(args) => epsilon(args),
        Question::Noise(args) => noise(args),
        Question::Rounds(args) => rounds(args),
        Question::Sampling(args) => sampling(args),
    }
}

/// What so many releases with so much noise cost.
fn epsilon(args: &EpsilonArgs) -> Result<(), CommandError> {
    let noise_multiplier = args.noise.noise_multiplier;
    let event = args.release.event(noise_multiplier, args.count.rounds)?;
    let found = Found { answer: Answer::Epsilon, event, noise_multiplier, target_epsilon: None };
    found.tell(&args.told, Accountant::default(), |event| match &args.chart {
        Some(path) => chart::write(path, event, args.told.delta),
        None => Ok(()),
    })
}

/// The least noise that a target allows.
fn noise(args: &NoiseArgs) -> Result<(), CommandError> {
    let (target, rounds) = (args.limit.target(&args.told)?, args.count.rounds);
    let mut accountant = Accountant::default();
    // Whatever is wrong besides the noise is said first, of noise that is surely in range.
    args.release.event(1.0, rounds)?;
    let noise_multiplier = accountant
        .least_noise(target, |noise| {
            let event = args.release.event(noise, rounds);
            Ok(vec![event.map_err(|error| error.accounting())?])
        })
        .map_err(PrivacyError::from)?;
    let event = args.release.event(noise_multiplier, rounds)?;
    let target_epsilon = Some(target.epsilon());
    let found = Found { answer: Answer::Noise, event, noise_multiplier, target_epsilon };
    found.tell(&args.told, accountant, |_| Ok(()))
}

/// The most releases that a target allows.
fn rounds(args: &RoundsArgs) -> Result<(), CommandError> {
    let (target, noise_multiplier) = (args.limit.target(&args.told)?, args.noise.noise_multiplier);
    let mut accountant = Accountant::default();
    let once = args.release.event(noise_multiplier, 1)?;
    let rounds = accountant.rounds(target, once).map_err(PrivacyError::from)?;
    let event = args.release.event(noise_multiplier, rounds)?;
    let target_epsilon = Some(target.epsilon());
    let found = Found { answer: Answer::Rounds, event, noise_multiplier, target_epsilon };
    found.tell(&args.told, accountant, |_| Ok(()))
}

/// The largest sampling rate that a target allows.
fn sampling(args: &SamplingArgs) -> Result<(), CommandError> {
    let (target, noise_multiplier) = (args.limit.target(&args.told)?, args.noise.noise_multiplier);
    let mut accountant = Accountant::default();
    let q = accountant.largest_rate(target, |q| Ok(vec![args.event(q)?])).map_err(PrivacyError::from)?;
    let event = args.event(q).map_err(PrivacyError::from)?;
    let target_epsilon = Some(target.epsilon());
    let found = Found { answer: Answer::Sampling, event, noise_multiplier, target_epsilon };
    found.tell(&args.told, accountant, |_| Ok(()))
}

impl Limit {
    /// The target at the delta that is asked for.
    fn target(&self, told: &Told) -> Result<Target, PrivacyError> {
        Ok(Target::new(self.epsilon, told.delta)?)
    }
}

/// Releases that answer a question.
struct Found {
    answer: Answer,
    event: Event,
    noise_multiplier: f64,
    target_epsilon: Option<f64>,
}

impl Found {
    /// Prints the answer, once what else is asked for is done, with what the releases spend by every accountant.
    fn tell(
        self,
        told: &Told,
        mut accountant: Accountant,
        besides: impl FnOnce(Event) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let spent = accountant.spent(&[self.event], told.delta).map_err(PrivacyError::from)?;
        besides(self.event)?;
        let document = Privacy {
            noise_multiplier: self.noise_multiplier,
            rounds: self.event.count(),
            target_epsilon: self.target_epsilon,
            epsilon: spent.epsilon,
            bound: bound_name(spent.bound).to_owned(),
            bounds: bounds(&spent),
            delta: told.delta,
            release: Release::of(&self.event),
        };
        output::result(&document, told.json, || table::privacy(self.answer, &document))
    }
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
