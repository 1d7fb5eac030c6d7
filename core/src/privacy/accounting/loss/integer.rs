//! Noise on one integer: discrete Gaussian, discrete Laplace, Skellam, alone or on a Poisson sample.
//!
//! A symmetric law `f` on the integers and a shift by the sensitivity give the pair `f(x - s)` against `f(x)`; on a
//! Poisson sample of rate `q` the first becomes `(1-q) f(x) + q f(x - s)`. For unimodal laws with decreasing
//! likelihood ratio (these three) a shift by less than the sensitivity is dominated.

use super::pair::{Builder, LossPair};

/// More atoms than this have no pair: the Renyi bound must do.
const MOST_ATOMS: f64 = 2_097_152.0;

/// A law on the integers, tabulated where it has mass: `mass[i] = f(i - reach)`.
pub(crate) struct IntegerLaw {
    mass: Vec<f64>,
    reach: i64,
    /// The mass beyond the table, at both ends together.
    outside: f64,
}

impl IntegerLaw {
    /// `P(x) ~ exp(-x^2 / (2 sigma^2))`.
    pub(crate) fn discrete_gaussian(sigma: f64, tail: f64) -> Option<IntegerLaw> {
        let reach = sigma * (-2.0 * tail.ln()).sqrt() + 2.0;
        IntegerLaw::from_weights(reach, tail, |x| (-0.5 * (x / sigma).powi(2)).exp())
    }

    /// `P(x) ~ exp(-rate |x|)`.
    pub(crate) fn discrete_laplace(rate: f64, tail: f64) -> Option<IntegerLaw> {
        IntegerLaw::from_weights(-tail.ln() / rate + 2.0, tail, |x| (-rate * x).exp())
    }

    /// The difference of two Poisson variables of mean `variance / 2`: `P(x) = e^(-variance) I_|x|(variance)`.
    ///
    /// The ratios `I_(x+1) / I_x` come from their continued fraction, downwards (Olver's stable direction), so every mass has a
    /// small relative error.
    pub(crate) fn skellam(variance: f64, tail: f64) -> Option<IntegerLaw> {
        // Bernstein's inequality for the sum of two Poisson variables of variance `variance`.
        let log = -tail.ln();
        let reach = (log / 3.0 + (log * log / 9.0 + 2.0 * variance * log).sqrt() + 2.0).ceil();
        if 2.0 * reach > MOST_ATOMS {
            return None;
        }
        let top = reach as usize;
        let mut ratios = vec![0.0; top + 1];
        let start = top + 64 + (8.0 * variance.sqrt()) as usize;
        let mut ratio = 0.0;
        for x in (1..=start).rev() {
            // I_x / I_(x-1) = 1 / (2x/variance + I_(x+1) / I_x).
            ratio = 1.0 / (2.0 * x as f64 / variance + ratio);
            if x <= top {
                ratios[x] = ratio;
            }
        }
        let mut weight = 1.0;
        let weights: Vec<f64> = (0..=top)
            .map(|x| {
                weight *= if x == 0 { 1.0 } else { ratios[x] };
                weight
            })
            .collect();
        IntegerLaw::from_weights(reach, tail, |x| weights[x as usize])
    }

    /// A symmetric law from weights of `|x|`.
    fn from_weights(reach: f64, tail: f64, weight: impl Fn(f64) -> f64) -> Option<IntegerLaw> {
        if 2.0 * reach > MOST_ATOMS {
            return None;
        }
        let reach = reach.ceil() as i64;
        let weights: Vec<f64> = (-reach..=reach).map(|x| weight(x.unsigned_abs() as f64)).collect();
        // Summed from the tails inwards.
        let half: f64 = weights[..reach as usize].iter().sum();
        let total = 2.0 * half + weights[reach as usize];
        let mass = weights.into_iter().map(|weight| weight / total).collect();
        Some(IntegerLaw { mass, reach, outside: tail })
    }

    fn at(&self, x: i64) -> f64 {
        usize::try_from(x + self.reach).ok().and_then(|i| self.mass.get(i)).copied().unwrap_or(0.0)
    }

    /// Atoms `(p, q)` of the shifted law against the law, with Poisson sampling at rate `q`.
    fn atoms(&self, sensitivity: i64, q: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        (-self.reach..=self.reach + sensitivity).map(move |x| {
            let (with, without) = (self.at(x - sensitivity), self.at(x));
            ((1.0 - q) * without + q * with, without)
        })
    }

    /// The standard deviation of the loss under `P`.
    pub(crate) fn deviation(&self, sensitivity: i64, q: f64) -> f64 {
        let matched = self.atoms(sensitivity, q).filter(|&(p, q)| p > 0.0 && q > 0.0);
        let (sum, mean, square) = matched.fold((0.0, 0.0, 0.0), |(sum, mean, square), (p, q)| {
            let loss: f64 = (p / q).ln();
            (sum + p, mean + p * loss, square + p * loss * loss)
        });
        if sum > 0.0 { (square / sum - (mean / sum) * (mean / sum)).max(0.0).sqrt() } else { 0.0 }
    }

    /// The pair on the lattice.
    pub(crate) fn pair(&self, sensitivity: i64, q: f64, step: f64) -> LossPair {
        let mut builder = Builder::new(step);
        for (p, q) in self.atoms(sensitivity, q) {
            builder.atom(p, q);
        }
        builder.unmatched_p += self.outside;
        builder.unmatched_q += self.outside;
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skellam_masses_are_those_of_two_poisson_variables() {
        let variance = 7.0;
        let law = IntegerLaw::skellam(variance, 1e-30).expect("a small law");
        let poisson = |n: i64| {
            let half: f64 = variance / 2.0;
            (n as f64 * half.ln() - half - libm::lgamma(n as f64 + 1.0)).exp()
        };
        for x in [0, 1, 5, 20] {
            let direct: f64 = (0..200).map(|n| poisson(n) * poisson(n + x)).sum();
            assert!((law.at(x) / direct - 1.0).abs() < 1e-12, "{x}: {} {direct}", law.at(x));
            assert_eq!(law.at(x), law.at(-x));
        }
    }
}
