//! What can be asked.

use super::PrivacyError;
use clap::{Args, Subcommand, ValueEnum};
use privet_core::privacy::{Event, EventError, Mechanism, Neighbouring, Sampling};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Questions {
    #[command(subcommand)]
    pub(crate) question: Question,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    /// What do so many rounds with so much noise cost?
    Epsilon(EpsilonArgs),
    /// How much noise do so many rounds need to stay within an epsilon?
    Noise(NoiseArgs),
    /// How many rounds with so much noise stay within an epsilon?
    Rounds(RoundsArgs),
    /// Which part of the units may a round take, by Poisson sampling, to stay within an epsilon?
    Sampling(SamplingArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EpsilonArgs {
    #[command(flatten)]
    pub(super) release: ReleaseArgs,
    #[command(flatten)]
    pub(super) noise: NoiseMultiplier,
    #[command(flatten)]
    pub(super) count: Count,
    /// Draw epsilon over the rounds into this file: .svg or .html.
    #[arg(long, value_name = "FILE")]
    pub(super) chart: Option<PathBuf>,
    #[command(flatten)]
    pub(super) told: Told,
}

#[derive(Debug, Args)]
pub(crate) struct NoiseArgs {
    #[command(flatten)]
    pub(super) release: ReleaseArgs,
    #[command(flatten)]
    pub(super) limit: Limit,
    #[command(flatten)]
    pub(super) count: Count,
    #[command(flatten)]
    pub(super) told: Told,
}

#[derive(Debug, Args)]
pub(crate) struct RoundsArgs {
    #[command(flatten)]
    pub(super) release: ReleaseArgs,
    #[command(flatten)]
    pub(super) limit: Limit,
    #[command(flatten)]
    pub(super) noise: NoiseMultiplier,
    #[command(flatten)]
    pub(super) told: Told,
}

#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    #[command(flatten)]
    law: LawArgs,
    #[command(flatten)]
    pub(super) limit: Limit,
    #[command(flatten)]
    pub(super) noise: NoiseMultiplier,
    #[command(flatten)]
    pub(super) count: Count,
    /// When two data sets are neighbours; add-or-remove-one if left out.
    #[arg(long, value_enum)]
    neighbouring: Option<Relation>,
    #[command(flatten)]
    pub(super) told: Told,
}

/// How much noise is given.
#[derive(Debug, Args)]
pub(crate) struct NoiseMultiplier {
    /// Standard deviation of the noise over the clip (for laplace: its scale b over the clip).
    #[arg(long, value_name = "Z", allow_negative_numbers = true)]
    pub(super) noise_multiplier: f64,
}

/// How many releases are given.
#[derive(Debug, Args)]
pub(crate) struct Count {
    /// How many rounds, or steps of training, there are.
    #[arg(long, default_value_t = 1)]
    pub(super) rounds: u64,
}

/// What may be spent.
#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// The epsilon to stay within.
    #[arg(long, allow_negative_numbers = true)]
    pub(super) epsilon: f64,
}

/// At which delta the answer is told, and how.
#[derive(Debug, Args)]
pub(crate) struct Told {
    /// The probability with which the promise may fail.
    #[arg(long, allow_negative_numbers = true)]
    pub(super) delta: f64,
    /// Print one JSON document (docs/json.md).
    #[arg(long)]
    pub(super) json: bool,
}

/// By which law noise is drawn.
#[derive(Debug, Args)]
pub(crate) struct LawArgs {
    /// The law of the noise.
    #[arg(long, value_enum, default_value_t = Law::Gaussian)]
    mechanism: Law,
    /// The most that one unit changes the integer to which discrete noise is added.
    #[arg(long, default_value_t = 1)]
    sensitivity: u32,
}

/// What is released in a round, but for its noise.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    law: LawArgs,
    /// Who takes part in a round; poisson if --q is given, fixed if --sample is, else all.
    #[arg(long, value_enum)]
    sampling: Option<Rule>,
    /// The probability with which a unit takes part in a round, for poisson.
    #[arg(long, allow_negative_numbers = true)]
    q: Option<f64>,
    /// How many units there are, for fixed.
    #[arg(long, value_name = "UNITS")]
    population: Option<u64>,
    /// How many of them take part in a round, for fixed.
    #[arg(long, value_name = "UNITS")]
    sample: Option<u64>,
    /// When two data sets are neighbours; replace-one for fixed, else add-or-remove-one.
    #[arg(long, value_enum)]
    neighbouring: Option<Relation>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Law {
    Gaussian,
    Laplace,
    DiscreteGaussian,
    DiscreteLaplace,
    Skellam,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Rule {
    Poisson,
    Fixed,
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Relation {
    AddOrRemoveOne,
    ReplaceOne,
    ZeroOut,
}

impl SamplingArgs {
    /// All rounds, with Poisson samples of rate `q`.
    pub(super) fn event(&self, q: f64) -> Result<Event, EventError> {
        let mechanism = self.law.mechanism(self.noise.noise_multiplier);
        let neighbouring = self.neighbouring.map_or(Neighbouring::AddOrRemoveOne, Neighbouring::from);
        Event::new(mechanism, Sampling::Poisson { q }, neighbouring, self.count.rounds)
    }
}

impl LawArgs {
    fn mechanism(&self, noise: f64) -> Mechanism {
        let sensitivity = self.sensitivity;
        let in_steps = noise * f64::from(sensitivity);
        match self.mechanism {
            Law::Gaussian => Mechanism::Gaussian { noise_multiplier: noise },
            Law::Laplace => Mechanism::Laplace { scale: noise },
            Law::DiscreteGaussian => Mechanism::DiscreteGaussian { sigma: in_steps, sensitivity },
            // Its rate is that of the Laplace law of this scale.
            Law::DiscreteLaplace => Mechanism::DiscreteLaplace { rate: 1.0 / in_steps, sensitivity },
            Law::Skellam => Mechanism::Skellam { deviation: in_steps, sensitivity },
        }
    }
}

impl ReleaseArgs {
    /// So many releases with so much noise.
    pub(super) fn event(&self, noise: f64, rounds: u64) -> Result<Event, PrivacyError> {
        let sampling = self.sampling()?;
        let neighbouring = match (self.neighbouring, &sampling) {
            (Some(relation), _) => relation.into(),
            (None, Sampling::FixedSize { .. }) => Neighbouring::ReplaceOne,
            (None, _) => Neighbouring::AddOrRemoveOne,
        };
        Ok(Event::new(self.law.mechanism(noise), sampling, neighbouring, rounds)?)
    }

    fn sampling(&self) -> Result<Sampling, PrivacyError> {
        let implied = match (self.q, self.sample.or(self.population)) {
            (Some(_), _) => Rule::Poisson,
            (None, Some(_)) => Rule::Fixed,
            (None, None) => Rule::All,
        };
        let rule = self.sampling.unwrap_or(implied);
        let other = |flag, other| PrivacyError::OtherSampling { flag, sampling: rule.name(), other };
        if self.q.is_some() && rule != Rule::Poisson {
            return Err(other("--q", "poisson"));
        }
        if self.population.is_some() && rule != Rule::Fixed {
            return Err(other("--population", "fixed"));
        }
        if self.sample.is_some() && rule != Rule::Fixed {
            return Err(other("--sample", "fixed"));
        }
        match rule {
            Rule::All => Ok(Sampling::All {}),
            Rule::Poisson => Ok(Sampling::Poisson { q: self.q.ok_or(PrivacyError::NoRate)? }),
            Rule::Fixed => match (self.population, self.sample) {
                (Some(population), Some(sample)) => Ok(Sampling::FixedSize { population, sample }),
                _ => Err(PrivacyError::NoSample),
            },
        }
    }
}

impl From<Relation> for Neighbouring {
    fn from(relation: Relation) -> Neighbouring {
        match relation {
            Relation::AddOrRemoveOne => Neighbouring::AddOrRemoveOne,
            Relation::ReplaceOne => Neighbouring::ReplaceOne,
            Relation::ZeroOut => Neighbouring::ZeroOut,
        }
    }
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Rule::Poisson => "poisson",
            Rule::Fixed => "fixed",
            Rule::All => "all",
        }
    }
}
