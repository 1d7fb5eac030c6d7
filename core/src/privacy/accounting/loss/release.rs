//! Which pair of laws dominates which event.

use super::continuous::{deviation, discretize};
use super::gaussian::SampledGaussian;
use super::integer::IntegerLaw;
use super::laplace::SampledLaplace;
use super::pair::{Builder, LossPair};
use crate::privacy::event::{Event, Mechanism, Neighbouring, Sampling};

/// One release, ready to be put on any lattice.
pub(crate) enum Release {
    /// Gaussian noise, Poisson or no sampling.
    Gaussian(SampledGaussian),
    /// Gaussian noise on a sample of fixed size.
    FixedSize(SampledGaussian),
    /// Gaussian noise on a Poisson sample that is cut to a largest size.
    Truncated { usual: SampledGaussian, cut: SampledGaussian, probability: f64 },
    /// Laplace noise.
    Laplace(SampledLaplace),
    /// Noise on an integer.
    Integer { law: IntegerLaw, sensitivity: i64, q: f64, unit: f64 },
}

impl Release {
    /// The release of an event; `None` if it has no pair here.
    pub(crate) fn new(event: &Event, tail: f64) -> Option<Release> {
        let q = event.sampling().rate();
        match *event.mechanism() {
            Mechanism::Gaussian { noise_multiplier } => Some(Release::gaussian(event, noise_multiplier)),
            Mechanism::Tree { noise_multiplier, height, restarts } => {
                let shift = (f64::from(height) * f64::from(restarts)).sqrt() / noise_multiplier;
                Some(Release::Gaussian(SampledGaussian { q: 1.0, shift, mirrored: false }))
            }
            Mechanism::Laplace { scale } => {
                let replaced = event.neighbouring() == Neighbouring::ReplaceOne;
                let scale = if replaced { 0.5 * scale } else { scale };
                Some(Release::Laplace(SampledLaplace { q, scale }))
            }
            Mechanism::DiscreteGaussian { sigma, sensitivity } => {
                let law = IntegerLaw::discrete_gaussian(sigma, tail)?;
                let unit = f64::from(sensitivity) / (2.0 * sigma * sigma);
                Some(Release::Integer { law, sensitivity: i64::from(sensitivity), q, unit })
            }
            Mechanism::DiscreteLaplace { rate, sensitivity } => {
                let law = IntegerLaw::discrete_laplace(rate, tail)?;
                Some(Release::Integer { law, sensitivity: i64::from(sensitivity), q, unit: rate })
            }
            Mechanism::Skellam { deviation, sensitivity } => {
                let law = IntegerLaw::skellam(deviation * deviation, tail)?;
                Some(Release::Integer { law, sensitivity: i64::from(sensitivity), q, unit: 0.0 })
            }
            Mechanism::DistributedDiscreteGaussian { .. } | Mechanism::DistributedSkellam { .. } => None,
        }
    }

    fn gaussian(event: &Event, noise_multiplier: f64) -> Release {
        let (once, twice) = (1.0 / noise_multiplier, 2.0 / noise_multiplier);
        let replaced = event.neighbouring() == Neighbouring::ReplaceOne;
        match *event.sampling() {
            Sampling::All {} => {
                let shift = if replaced { twice } else { once };
                Release::Gaussian(SampledGaussian { q: 1.0, shift, mirrored: false })
            }
            Sampling::Poisson { q } => {
                Release::Gaussian(SampledGaussian { q, shift: once, mirrored: replaced })
            }
            Sampling::FixedSize { .. } => {
                let q = event.sampling().rate();
                Release::FixedSize(SampledGaussian { q, shift: twice, mirrored: false })
            }
            Sampling::TruncatedPoisson { q, population, largest } => {
                let usual = SampledGaussian { q, shift: once, mirrored: false };
                let (probability, cut_rate) = truncation(q, population, largest);
                let cut = SampledGaussian { q: cut_rate, shift: twice, mirrored: true };
                if probability > 0.0 && cut_rate > 0.0 {
                    Release::Truncated { usual, cut, probability }
                } else {
                    Release::Gaussian(usual)
                }
            }
        }
    }

    /// The dominating pair on a lattice.
    pub(crate) fn pair(&self, step: f64, tail: f64) -> LossPair {
        match self {
            Release::Gaussian(law) => discretize(law, &[], step, tail),
            Release::FixedSize(law) => without_replacement(&discretize(law, &[], step, tail)),
            Release::Truncated { usual, cut, probability } => {
                let cut = discretize(cut, &[], step, tail);
                cut.mixed(*probability, &discretize(usual, &[], step, tail))
            }
            Release::Laplace(law) => discretize(law, &law.atoms(), step, tail),
            Release::Integer { law, sensitivity, q, .. } => law.pair(*sensitivity, *q, step),
        }
    }

    /// The standard deviation of the loss of one release.
    pub(crate) fn deviation(&self, tail: f64) -> f64 {
        match self {
            Release::Gaussian(law) | Release::FixedSize(law) | Release::Truncated { usual: law, .. } => {
                deviation(law, &[], tail)
            }
            Release::Laplace(law) => deviation(law, &law.atoms(), tail),
            Release::Integer { law, sensitivity, q, .. } => law.deviation(*sensitivity, *q),
        }
    }

    /// What the losses of atoms are multiples of, if anything.
    pub(crate) fn unit(&self) -> Option<f64> {
        match self {
            Release::Laplace(law) => Some(law.largest_loss()),
            Release::Integer { q, unit, .. } if *q >= 1.0 && *unit > 0.0 => Some(*unit),
            _ => None,
        }
    }

    /// Whether both directions of the relation have the same loss.
    pub(crate) fn symmetric(&self) -> bool {
        match self {
            Release::Gaussian(law) => law.mirrored || law.q >= 1.0,
            Release::FixedSize(_) => true,
            Release::Truncated { .. } => false,
            Release::Laplace(law) => law.q >= 1.0,
            Release::Integer { q, .. } => *q >= 1.0,
        }
    }
}

/// Sampling without replacement under replace-one neighbours.
///
/// With `(P, Q)` dominating the mechanism on samples, Balle, Barthe and Gaboardi 2018 (Thm. 9) bound the hockey-stick
/// curve at `alpha >= 1` by that of `((1-q) Q + q P, Q)`. For `alpha < 1` the identity `H_alpha(A|B) = 1 - alpha + alpha H_(1/alpha)(B|A)`
/// carries the bound over to that of the reversed pair (Zhu, Dong and Wang 2022, Prop. 30). The two halves meet at
/// `alpha = 1` in a kink, which is an atom of loss zero.
fn without_replacement(sampled: &LossPair) -> LossPair {
    let mut builder = Builder::new(sampled.step);
    let positive = sampled.index.iter().zip(&sampled.mass).filter(|&(&index, _)| index > 0);
    let mut rest = 1.0 - sampled.unmatched_p;
    for (&index, &mass) in positive {
        let image = mass * (-(index as f64) * sampled.step).exp();
        builder.point(index, mass);
        builder.point(-index, image);
        rest -= mass + image;
    }
    builder.point(0, rest.max(0.0));
    builder.unmatched_p = sampled.unmatched_p;
    builder.unmatched_q = sampled.unmatched_p;
    builder.finish()
}

/// The probability that a Poisson sample of the others fills the largest size, and the rate at which a given unit is
/// then in the sample that remains (arXiv 2508.15089, sec. 4.3).
fn truncation(q: f64, population: u64, largest: u64) -> (f64, f64) {
    let filled = binomial_at_least(population - 1, q, largest);
    if filled <= 0.0 {
        return (0.0, 0.0);
    }
    let overfull = binomial_at_least(population, q, largest + 1);
    let rate = overfull * largest as f64 / (filled * population as f64);
    (filled, rate.min(1.0))
}

/// `P(Binomial(n, q) >= k)`.
fn binomial_at_least(n: u64, q: f64, k: u64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    if q >= 1.0 {
        return 1.0;
    }
    let log_choose =
        |k: f64| libm::lgamma(n as f64 + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n as f64 - k + 1.0);
    let log_mass = |k: f64| log_choose(k) + k * q.ln() + (n as f64 - k) * (-q).ln_1p();
    // Outwards from k until terms vanish: upwards above the mean, else the complement downwards.
    let odds = q / (1.0 - q);
    let (mut term, mut sum) = (1.0, 0.0);
    if k as f64 > n as f64 * q {
        for j in k..=n {
            sum += term;
            term *= odds * (n - j) as f64 / (j + 1) as f64;
            if term < 1e-18 * sum {
                break;
            }
        }
        return (log_mass(k as f64) + f64::ln(sum)).exp().min(1.0);
    }
    for j in (1..k).rev() {
        sum += term;
        term *= j as f64 / (odds * (n - j + 1) as f64);
        if term < 1e-18 * sum {
            break;
        }
    }
    if k == 1 {
        sum = 1.0;
    } else {
        sum += term;
    }
    (1.0 - (log_mass(k as f64 - 1.0) + f64::ln(sum)).exp()).max(0.0)
}
