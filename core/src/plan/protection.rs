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

use super::{ExampleRule, SamplingRule};
use crate::encoding::FixedPoint;
use crate::privacy::sampling::{DiscreteGaussian, SamplingError, Variance};
use crate::privacy::{Clip, Event, ExampleNoise, ExampleNoiseError, Ledger};

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
    pub(super) examples: Option<ExampleRule>,
}

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

    /// The most that an update may measure before it is weighted.
    pub fn clip(&self) -> Clip {
        self.clip
    }

    /// The standard deviation of the noise over the sensitivity.
    pub fn noise_multiplier(&self) -> f64 {
        self.noise_multiplier
    }

    /// By what the noised sum is divided, whoever took part: the weight of a usual cohort.
    pub fn denominator(&self) -> u64 {
        self.denominator
    }

    /// What a round releases.
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

    /// The noise that one party adds: the coordinator to a sum, or a participant to its update, in steps of the grid; where
    /// single examples are protected, to the sum of a step, in steps of a grid that the model's size decides.
    pub fn noise(&self) -> &DiscreteGaussian {
        &self.noise
    }

    /// The standard deviation of the noise in the mean of a round of `contributions`, one coordinate. Of no meaning where
    /// the noise is in the steps of local training.
    pub fn deviation_of_mean(&self, grid: FixedPoint, contributions: u32) -> f64 {
        let one = self.noise.variance().to_f64().sqrt();
        let sum = match self.noise_at {
            NoiseAt::Coordinator => one,
            NoiseAt::Clients { .. } | NoiseAt::Local | NoiseAt::Examples => {
                one * f64::from(contributions).sqrt()
            }
        };
        sum / (self.denominator as f64 * grid.scale())
    }
}

/// The noise that one party adds so that the sum is protected with this multiplier.
pub(super) fn noise_of_one(
    noise_at: NoiseAt,
    noise_multiplier: f64,
    clip: Clip,
    grid: FixedPoint,
) -> Result<DiscreteGaussian, SamplingError> {
    let deviation = clip.deviation(noise_multiplier) * grid.scale();
    let parties = match noise_at {
        NoiseAt::Coordinator | NoiseAt::Local | NoiseAt::Examples => 1,
        NoiseAt::Clients { shares } => shares,
    };
    let share = (deviation * deviation / f64::from(parties) + ROUNDING * ROUNDING).sqrt();
    Variance::at_least(share).map(DiscreteGaussian::new)
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
