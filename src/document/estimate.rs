//! A mean over seeds and how far it can be trusted.
//!
//! The interval is Student's: `mean ± t(0.975, n-1) · s / √n`, where s is the sample standard deviation (n-1 in its
//! denominator). The distribution function of t is the finite sum of Abramowitz and Stegun 1964, 26.7.3 and 26.7.4,
//! exact for whole degrees of freedom; its quantile is found by bisection.

use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_2_PI;

/// A measurement repeated over seeds, with the single values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// Arithmetic mean of `values`.
    pub(crate) mean: f64,
    /// Half the width of the 95 % confidence interval of the mean: the interval is `mean - ci95 ..= mean + ci95`.
    /// `null` for a single value, which says nothing of its own spread.
    pub(crate) ci95: Option<f64>,
    /// One value a seed, in the order of the document's `seeds`.
    pub(crate) values: Vec<f64>,
}

impl Estimate {
    /// Mean and interval of the values; `None` without any value.
    pub(crate) fn of(values: Vec<f64>) -> Option<Estimate> {
        let Interval { mean, ci95 } = Interval::of(&values)?;
        Some(Estimate { mean, ci95, values })
    }

    /// The estimate without its single values.
    pub(crate) fn interval(&self) -> Interval {
        Interval { mean: self.mean, ci95: self.ci95 }
    }

    /// How far this is above `other`, seed by seed. Both ran with the same seeds, so what a seed does to both cancels
    /// and the interval is narrower than that of two independent means. `None` when the numbers of seeds differ.
    pub(crate) fn above(&self, other: &Estimate) -> Option<Interval> {
        if self.values.len() != other.values.len() {
            return None;
        }
        let differences: Vec<f64> = self.values.iter().zip(&other.values).map(|(a, b)| a - b).collect();
        Interval::of(&differences)
    }
}

/// An [`Estimate`] without its single values: a point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interval {
    /// Arithmetic mean over the seeds.
    pub(crate) mean: f64,
    /// Half the width of the 95 % confidence interval of the mean; `null` for a single seed.
    pub(crate) ci95: Option<f64>,
}

impl Interval {
    /// Mean and interval of the values; `None` without any value.
    pub(crate) fn of(values: &[f64]) -> Option<Interval> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let ci95 = (count > 1).then(|| {
            let degrees = count - 1;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / degrees as f64).sqrt();
            student_quantile(degrees) * deviation / (count as f64).sqrt()
        });
        Some(Interval { mean, ci95 })
    }
}

/// The t with `P(|T| <= t) = 0.95` for the given degrees of freedom (at least 1).
fn student_quantile(degrees: usize) -> f64 {
    // 13 exceeds the quantile of one degree of freedom (12.71), the largest of all.
    let (mut low, mut high) = (0.0, 13.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if probability_within(middle, degrees) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// `P(|T| <= t)` for Student's t with whole degrees of freedom: `A(t|ν)` of Abramowitz and Stegun.
fn probability_within(t: f64, degrees: usize) -> f64 {
    let angle = (t / (degrees as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = if degrees == 1 { 0.0 } else { term };
    // Terms run up to cos^(ν-2); each is the one before times cos² · k/(k+1), k odd for even ν and even for odd ν.
    let first = if odd { 2 } else { 1 };
    for k in (first..degrees.saturating_sub(2)).step_by(2) {
        term *= cosine * cosine * k as f64 / (k + 1) as f64;
        sum += term;
    }
    if odd { FRAC_2_PI * (angle + sine * sum) } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_the_printed_tables() {
        // Two-sided 95 % points of Student's t.
        let table = [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (3, 3.182_446_305),
            (4, 2.776_445_105),
            (5, 2.570_581_836),
            (9, 2.262_157_163),
            (10, 2.228_138_852),
            (29, 2.045_229_642),
            (120, 1.979_930_405),
        ];
        for (degrees, expected) in table {
            let found = student_quantile(degrees);
            assert!((found - expected).abs() < 1e-8, "{degrees} degrees: {found} instead of {expected}");
        }
    }

    #[test]
    fn the_interval_of_three_known_values() {
        // s = 1, so the half-width is t(2) / √3.
        let estimate = Estimate::of(vec![1.0, 2.0, 3.0]).expect("there are values");
        assert_eq!(estimate.mean, 2.0);
        let half = estimate.ci95.expect("three values have an interval");
        assert!((half - 2.484_137_712).abs() < 1e-8, "{half}");
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_mean() {
        assert_eq!(Interval::of(&[0.5]), Some(Interval { mean: 0.5, ci95: None }));
        assert_eq!(Estimate::of(vec![]), None);
    }

    #[test]
    fn a_difference_is_taken_seed_by_seed() {
        let high = Estimate::of(vec![0.9, 0.7]).expect("there are values");
        let low = Estimate::of(vec![0.65, 0.45]).expect("there are values");
        let difference = high.above(&low).expect("as many seeds on both sides");
        assert!((difference.mean - 0.25).abs() < 1e-12);
        assert!(difference.ci95.expect("two seeds") < 1e-12, "the seeds' common part cancels");
        assert_eq!(high.above(&Estimate::of(vec![0.5]).expect("there is a value")), None);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        assert_eq!(Interval::of(&[0.25, 0.25, 0.25]), Some(Interval { mean: 0.25, ci95: Some(0.0) }));
    }
}
