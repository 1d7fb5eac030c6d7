//! What a plan promises about privacy, and the noise by which it keeps it.
//!
//! The clip is the sensitivity: noise, denominator and events all follow from one [`Protection`], made with the plan.
//!
//! Noise is discrete Gaussian on the grid of the encoding. With `s` the sensitivity in steps and `z` the noise
//! multiplier its parameter is `sqrt((z s)^2 + r^2)`, `r` = 4. By the convolution theorem for lattice Gaussians
//! (Peikert 2010, Thm. 3.1) such noise is continuous Gaussian noise of deviation `z s`, rounded at random by a discrete
//! Gaussian of parameter `r`, up to a total variation below `16 e^(-2 pi^2 r^2) < 10^-135` a coordinate. Rounding is
//! post-processing, so the event of a round is exactly the Gaussian mechanism of multiplier `z`. Sums of shares are
//! discrete Gaussian by the same theorem, each share having a parameter of 4 or more, up to `10^-67` a share and coordinate.

use super::correlation::{CorrelatedSource, Correlation};
use super::{ExampleRule, SamplingRule};
use crate::encoding::FixedPoint;
use crate::privacy::sampling::{DiscreteGaussian, SamplingError, Variance};
use crate::privacy::{AdaptiveClip, Clip, Event, ExampleNoise, ExampleNoiseError, Ledger};

/// Who adds the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseAt {
    /// The coordinator, to the sum, before it is released.
    Coordinator,
    /// The participants, each a share, so that the sum of any `shares` of them carries the whole.
    Clients {
        /// How many shares carry the whole noise.
        shares: u32,
    },
    /// Each participant for itself, before anything leaves it.
    Local,
    /// Each participant for itself, in every step of its training: single examples are protected.
    Examples,
}

/// How a federation protects its clients.
#[derive(Debug, Clone, PartialEq)]
pub struct Protection {
    pub(super) noise_at: NoiseAt,
    pub(super) clip: Clip,
    pub(super) weight_cap: u32,
    pub(super) noise_multiplier: f64,
    pub(super) denominator: u64,
    pub(super) event: Event,
    pub(super) distance: f64,
    pub(super) sampling: SamplingRule,
    pub(super) masked: bool,
    pub(super) delta: f64,
    pub(super) target: Option<f64>,
    pub(super) noise: DiscreteGaussian,
    /// The multiplier of the noise on updates: all of it, unless votes on the clip take a part.
    pub(super) update_noise: f64,
    pub(super) adaptive: Option<AdaptiveClip>,
    pub(super) correlation: Option<Correlation>,
    pub(super) grid: FixedPoint,
    pub(super) examples: Option<ExampleRule>,
}

/// How one round protects: its clip, and the noise that hides what the clip bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundProtection {
    noise_at: NoiseAt,
    clip: Clip,
    noise: DiscreteGaussian,
    votes: Option<DiscreteGaussian>,
    unit: f64,
}

/// A vote on the clip in steps: so many that rounding its noise to steps adds next to nothing.
pub const VOTE: i32 = 1 << 10;
/// The most noise on the count of votes: a noised vote still fits 32 bits.
pub(super) const MOST_BIT_NOISE: f64 = 30_000.0;

/// So many deviations hold every draw of a run: a draw beyond them has a probability below `10^-37`.
pub(super) const TAIL: f64 = 13.0;
/// The parameter of the random rounding that makes Gaussian noise discrete, in steps.
const ROUNDING: f64 = 4.0;
/// Total variation of all noise of a round from that of the theorem, for any model and cohort that there can be: less
/// than `2^32` coordinates of a thousand shares each.
pub(super) const ROUNDING_DISTANCE: f64 = 1e-50;

impl Protection {
    /// Who adds the noise.
    pub fn noise_at(&self) -> NoiseAt {
        self.noise_at
    }

    /// The most that an update may measure before it is weighted; of the first round, if it adapts.
    pub fn clip(&self) -> Clip {
        self.clip
    }

    /// How the clip adapts, before the first round; `None` if it stays as it is.
    pub fn adaptive(&self) -> Option<&AdaptiveClip> {
        self.adaptive.as_ref()
    }

    /// How many numbers an update of so many parameters has: with a clip that adapts, a vote on it comes last.
    pub fn coordinates(&self, parameters: usize) -> usize {
        parameters + usize::from(self.adaptive.is_some())
    }

    /// How a round with this clip protects; `None` if no round of the plan has such a clip.
    pub fn in_round(&self, clip: Clip) -> Option<RoundProtection> {
        let (noise, votes) = match &self.adaptive {
            None if clip == self.clip => (self.noise, None),
            None => return None,
            Some(adaptive) => {
                adaptive.at(clip)?;
                let votes = share(self.noise_at, adaptive.vote_deviation() * f64::from(VOTE)).ok()?;
                (noise_of_one(self.noise_at, self.update_noise, clip, self.grid).ok()?, Some(votes))
            }
        };
        let unit = 1.0 / (self.denominator as f64 * self.grid.scale());
        Some(RoundProtection { noise_at: self.noise_at, clip, noise, votes, unit })
    }

    /// How the round with the largest clip protects.
    pub(super) fn widest(&self) -> RoundProtection {
        let clip = self.adaptive.map_or(self.clip, |adaptive| adaptive.largest());
        self.in_round(clip).expect("the largest clip is one of the plan's")
    }

    /// The standard deviation of the noise over the sensitivity.
    pub fn noise_multiplier(&self) -> f64 {
        self.noise_multiplier
    }

    /// By what the noised sum is divided, whoever took part: the weight of a usual cohort.
    pub fn denominator(&self) -> u64 {
        self.denominator
    }

    /// How the noise is correlated over the rounds; `None` if every round has noise of its own.
    pub fn correlation(&self) -> Option<&Correlation> {
        self.correlation.as_ref()
    }

    /// Where correlated noise for a model of so many parameters comes from; `None` if it is not to be had.
    pub(crate) fn correlated_source(&self, parameters: usize) -> Option<CorrelatedSource> {
        let steps = self.clip.norm() * f64::from(self.weight_cap) * self.grid.scale();
        self.correlation.as_ref()?.source(self.noise_multiplier, steps, parameters)
    }

    /// How many events so many rounds are: one for each, or one for all of them where their noise is correlated.
    pub fn releases(&self, rounds: u32) -> u32 {
        if self.correlation.is_some() { rounds.min(1) } else { rounds }
    }

    /// What a round releases, or all rounds together where their noise is correlated.
    pub fn event(&self) -> Event {
        self.event
    }

    /// The total variation distance between what a round releases and its event: the chance that a Poisson cohort is
    /// too small to be released, which tells something about its size, and the rounding of the noise.
    pub fn distance(&self) -> f64 {
        self.distance
    }

    /// The delta at which epsilon is measured.
    pub fn delta(&self) -> f64 {
        self.delta
    }

    /// The epsilon that is never passed, if there is one.
    pub fn target(&self) -> Option<f64> {
        self.target
    }

    /// Who must be trusted for the promise.
    pub fn trusted(&self) -> &'static str {
        match self.noise_at {
            NoiseAt::Coordinator => "coordinator",
            NoiseAt::Clients { .. } if self.masked => {
                "clients, but for the adversarial fraction, to add their noise"
            }
            NoiseAt::Clients { .. } => "coordinator not to look, other clients to add their noise",
            NoiseAt::Local | NoiseAt::Examples => "nobody",
        }
    }

    /// Whether the promise rests on nobody knowing who takes part in a round.
    pub fn hides_cohorts(&self) -> bool {
        self.sampling != SamplingRule::All && self.noise_at != NoiseAt::Local
    }

    /// Whom the promise is made to: a client with all its rows, or every single example.
    pub fn unit(&self) -> &'static str {
        if self.examples.is_some() { "example" } else { "client" }
    }

    /// How local training keeps the promise, where it is made to every single example.
    pub fn examples(&self) -> Option<ExampleRule> {
        self.examples
    }

    /// The noise of a step for a model of so many parameters, where single examples are protected.
    ///
    /// # Errors
    /// [`ExampleNoiseError::TooMuchNoise`]; never for a network of the plan, which has checked it.
    pub fn example_noise(&self, parameters: usize) -> Option<Result<ExampleNoise, ExampleNoiseError>> {
        self.examples.map(|_| ExampleNoise::new(self.clip, self.noise_multiplier, parameters))
    }

    /// A ledger in which nothing is recorded.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.delta, self.target).expect("the plan was checked with this delta and target")
    }
}

impl RoundProtection {
    /// Who adds the noise.
    pub fn noise_at(&self) -> NoiseAt {
        self.noise_at
    }

    /// The most that an update may measure before it is weighted.
    pub fn clip(&self) -> Clip {
        self.clip
    }

    /// The noise that one party adds: the coordinator to a sum, or a participant to its update, in steps of the grid; where
    /// single examples are protected, to the sum of a step, in steps of a grid that the model's size decides.
    pub fn noise(&self) -> &DiscreteGaussian {
        &self.noise
    }

    /// The same for votes on the clip, in the steps of [`VOTE`]; `None` if there are no votes.
    pub fn votes(&self) -> Option<&DiscreteGaussian> {
        self.votes.as_ref()
    }

    /// The standard deviation of the noise in the mean of a round of `contributions`, one coordinate. Of no
    /// meaning where the noise is in the steps of local training.
    pub fn deviation_of_mean(&self, contributions: u32) -> f64 {
        let one = self.noise.variance().to_f64().sqrt();
        let sum = match self.noise_at {
            NoiseAt::Coordinator => one,
            NoiseAt::Clients { .. } | NoiseAt::Local | NoiseAt::Examples => {
                one * f64::from(contributions).sqrt()
            }
        };
        sum * self.unit
    }
}

/// The noise that one party adds so that the sum is protected with this multiplier.
pub(super) fn noise_of_one(
    noise_at: NoiseAt,
    noise_multiplier: f64,
    clip: Clip,
    grid: FixedPoint,
) -> Result<DiscreteGaussian, SamplingError> {
    share(noise_at, clip.deviation(noise_multiplier) * grid.scale())
}

/// One party's share of noise of this deviation in steps.
fn share(noise_at: NoiseAt, deviation: f64) -> Result<DiscreteGaussian, SamplingError> {
    let share = (deviation * deviation / parties(noise_at) + ROUNDING * ROUNDING).sqrt();
    Variance::at_least(share).map(DiscreteGaussian::new)
}

/// How many shares carry the whole noise.
fn parties(noise_at: NoiseAt) -> f64 {
    match noise_at {
        NoiseAt::Coordinator | NoiseAt::Local | NoiseAt::Examples => 1.0,
        NoiseAt::Clients { shares } => f64::from(shares),
    }
}

/// The clips that the grid has room for with noise of this multiplier: a step or more; and so little that the noise
/// can be drawn, and that an update with its noise fits where participants add it.
pub(super) fn clip_range(noise_at: NoiseAt, noise_multiplier: f64, grid: FixedPoint) -> (f64, f64) {
    let of_one = noise_multiplier / parties(noise_at).sqrt();
    let drawn = (Variance::LARGEST_DEVIATION - ROUNDING) / (of_one * grid.scale());
    let tail = if noise_at == NoiseAt::Coordinator { 0.0 } else { TAIL };
    let fits = (grid.largest() - tail * ROUNDING / grid.scale()) / (1.0 + tail * of_one);
    (2.0 / grid.scale(), drawn.min(fits) * (1.0 - 1e-9))
}

/// The chance that a Poisson cohort of `clients` at rate `q` has fewer than `minimum` members.
pub(super) fn too_small(clients: u32, q: f64, minimum: u32) -> f64 {
    if q >= 1.0 {
        return if minimum > clients { 1.0 } else { 0.0 };
    }
    // The binomial law by its recurrence, from ln P(0) = n ln(1 - q).
    let odds = q.ln() - (-q).ln_1p();
    let mut log_term = f64::from(clients) * (-q).ln_1p();
    let mut sum = 0.0;
    for members in 0..minimum.min(clients + 1) {
        sum += log_term.exp();
        log_term += (f64::from(clients - members) / f64::from(members + 1)).ln() + odds;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_of_a_small_cohort_is_binomial() {
        assert_eq!(too_small(10, 0.5, 0), 0.0);
        assert!((too_small(10, 0.5, 1) - 0.5f64.powi(10)).abs() < 1e-15);
        assert!((too_small(3, 0.25, 3) - (1.0 - 0.25f64.powi(3))).abs() < 1e-14);
        assert_eq!((too_small(5, 1.0, 5), too_small(5, 1.0, 6)), (0.0, 1.0));
        assert!(too_small(1000, 0.1, 1) < 1e-45);
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let grid = FixedPoint::new(16).unwrap();
        let clip = Clip::new(0.5).unwrap();
        let variance = |noise_at| noise_of_one(noise_at, 2.0, clip, grid).unwrap().variance().to_f64();
        let whole = f64::from(1 << 16).powi(2);
        assert!(variance(NoiseAt::Coordinator) >= whole + 16.0);
        assert!(variance(NoiseAt::Clients { shares: 10 }) * 10.0 >= whole + 160.0);
        assert!(variance(NoiseAt::Clients { shares: 10 }) * 10.0 < whole * 1.001);
    }
}
