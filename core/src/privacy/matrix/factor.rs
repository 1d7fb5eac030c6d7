//! Factors `C` of the matrix of prefix sums, `A = B C`: lower-triangular, with equal diagonals.
//!
//! A release of `C x + z` with white noise `z` and then `B (C x + z) = A x + B z` gives all prefix sums; in a stream, round `t`
//! adds `(C^-1 z)_t` to its sum. The sensitivity of `C` under a participation and the norms of the rows of `B` say what that
//! costs (Denisov et al. 2022; McMahan et al. 2024).
//!
//! Invariant: coefficients begin with 1, never rise and are never negative. For these the worst participation is the earliest and densest
//! (Kalinin and Lampert 2024, Thm. 2), so that its norm is the sensitivity.

use super::{Blt, MatrixError, Participation};

/// A factor, by the first column of `C`.
#[derive(Debug, Clone, PartialEq)]
pub enum Factor {
    /// The square root of the prefix sums, optimal among Toeplitz factors for one participation
    /// (Fichtenberger, Henzinger and Upadhyay 2023).
    SquareRoot,
    /// The same, cut after this many coefficients: noise needs as many rounds of memory.
    Banded {
        /// How many diagonals, 1 or more; 1 is independent noise.
        bands: usize,
    },
    /// Buffered linear Toeplitz: a sum of geometric sequences, one buffer each.
    Blt(Blt),
}

/// What a factor costs under a participation, for noise of deviation 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// What one unit moves `C x` by, over its clip.
    pub sensitivity: f64,
    /// The largest norm of a row of `B`.
    pub row_norm: f64,
    /// Sensitivity times the largest row norm: the error of the worst prefix sum at noise multiplier 1.
    pub worst: f64,
    /// The same in root mean square over all prefix sums.
    pub root_mean_square: f64,
}

impl Factor {
    /// The square root of the prefix sums, cut after `bands` coefficients.
    ///
    /// # Errors
    /// [`MatrixError::Bands`] for 0.
    pub fn banded(bands: usize) -> Result<Factor, MatrixError> {
        if bands == 0 { Err(MatrixError::Bands) } else { Ok(Factor::Banded { bands }) }
    }

    /// The first `count` coefficients of `C`.
    pub fn coefficients(&self, count: usize) -> Vec<f64> {
        match self {
            Factor::SquareRoot => square_root(count),
            Factor::Banded { bands } => {
                let mut coefficients = square_root(count.min(*bands));
                coefficients.resize(count, 0.0);
                coefficients
            }
            Factor::Blt(blt) => blt.coefficients(count),
        }
    }

    /// The first `count` coefficients of `C^-1`: what noise of one round adds to that and later rounds.
    pub fn inverse(&self, count: usize) -> Vec<f64> {
        match self {
            Factor::SquareRoot => {
                // (1 - x)^(1/2), whose inverse is the series above.
                let next = |(k, value): &(usize, f64)| Some((k + 1, value * (1.0 - 1.5 / (k + 1) as f64)));
                std::iter::successors(Some((0, 1.0)), next).take(count).map(|(_, value)| value).collect()
            }
            Factor::Banded { bands } => {
                let coefficients = square_root(count.min(*bands));
                let mut inverse = Vec::with_capacity(count);
                for t in 0..count {
                    let earlier = coefficients.iter().enumerate().skip(1).take(t);
                    let sum: f64 = earlier.map(|(k, coefficient)| coefficient * inverse[t - k]).sum();
                    inverse.push(if t == 0 { 1.0 } else { -sum });
                }
                inverse
            }
            Factor::Blt(blt) => blt.inverse(count),
        }
    }

    /// The most that one unit moves `C x`, over its clip.
    pub fn sensitivity(&self, participation: &Participation) -> f64 {
        let rounds = participation.rounds();
        let coefficients = self.coefficients(rounds);
        let mut moved = vec![0.0; rounds];
        for time in 0..participation.times() {
            let start = time * participation.separation();
            for (sum, coefficient) in moved[start..].iter_mut().zip(&coefficients) {
                *sum += coefficient;
            }
        }
        moved.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    /// Sensitivity and error under a participation.
    pub fn loss(&self, participation: &Participation) -> Loss {
        let sensitivity = self.sensitivity(participation);
        // A row of B is the running sum of the inverse; its squared norm a running sum again.
        let (mut prefix, mut square, mut squares) = (0.0, 0.0, 0.0);
        for value in self.inverse(participation.rounds()) {
            prefix += value;
            square += prefix * prefix;
            squares += square;
        }
        Loss::new(sensitivity, square, squares / participation.rounds() as f64)
    }
}

impl Loss {
    pub(crate) fn new(sensitivity: f64, largest_square: f64, mean_square: f64) -> Loss {
        let row_norm = largest_square.sqrt();
        Loss {
            sensitivity,
            row_norm,
            worst: sensitivity * row_norm,
            root_mean_square: sensitivity * mean_square.sqrt(),
        }
    }
}

/// The coefficients of `(1 - x)^(-1/2)`: `c_k = c_(k-1) (1 - 1/(2k))`.
fn square_root(count: usize) -> Vec<f64> {
    let next = |(k, value): &(usize, f64)| Some((k + 1, value * (1.0 - 0.5 / (k + 1) as f64)));
    std::iter::successors(Some((0usize, 1.0f64)), next).take(count).map(|(_, value)| value).collect()
}

/// Prefix sums by a binary tree of independent noise: the mechanism that factors improve on. One participation.
pub fn binary_tree_loss(rounds: usize) -> Loss {
    let height = (usize::BITS - rounds.leading_zeros()) as f64;
    // The prefix sum of t rounds adds as many nodes as t has ones.
    let nodes = (1..=rounds).map(|t| t.count_ones());
    let largest = nodes.clone().max().unwrap_or(0);
    let mean = nodes.map(f64::from).sum::<f64>() / rounds.max(1) as f64;
    Loss::new(height.sqrt(), f64::from(largest), mean)
}
