//! Correlated noise in a stream, on integers.
//!
//! Round `t` adds `y_t = z_t - sum_(k>=1) c_k y_(t-k)` to its sum `x_t`, where `z_t` is fresh noise. Fresh noise comes in
//! units of `2^-f` of the grid (`f` fraction bits), and what is added is rounded to the grid.
//!
//! # Why rounding costs nothing but a little sensitivity
//! `x_t` is an integer, so rounding commutes with adding it: the release `r_t = x_t + y_t` is the rounded value of
//! `(C x)_t + z_t - sum c_k r_(t-k)`, a function of earlier releases and of `(C x)_t + z_t`. What is subtracted is itself rounded to the
//! unit of the fresh noise, by an error of at most 1/2 (and 1/64 for the arithmetic of buffers) that depends on the data. Two
//! neighbours can thus differ by at most 33/32 units more in each of the `d` coordinates and `n` rounds: the sensitivity of all rounds
//! together grows by `33/32 sqrt(n d)` units ([`CorrelatedNoise::added_sensitivity`]), and the mechanism is exactly discrete.
//!
//! The state tells the noise of past rounds: it has no `Debug`, leaves only by [`CorrelatedNoise::to_bytes`], and is wiped on drop.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::blt::PARAMETER_BITS;
use super::{Factor, MatrixError};

/// The most fraction bits.
pub const MOST_FRACTION_BITS: u32 = 24;
/// Buffers have this many bits below a unit of fresh noise: half of the last of them, gathered over 2^20 rounds, is 1/128.
const GUARD_BITS: u32 = 26;
/// The largest fresh noise, in its units: 2^20 rounds of it, in a buffer of these guard bits and times a parameter of
/// [`PARAMETER_BITS`], stay below 2^126.
const LARGEST_FRESH: u64 = 1 << 38;

/// The state of a generator of correlated noise.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CorrelatedNoise {
    dimension: usize,
    fraction_bits: u32,
    rounds: u64,
    memory: Memory,
}

/// What a factor remembers. Coefficients are multiples of `2^-40`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
enum Memory {
    /// Coefficients 1, 2, ..., and as many rounds of added noise, the latest at `next - 1`.
    Banded { coefficients: Vec<i64>, past: Vec<Vec<i64>>, next: usize },
    /// `(theta, omega)` and the state of each buffer, in units of `2^-(fraction bits + guard bits)`.
    Blt { parameters: Vec<(i64, i64)>, states: Vec<Vec<i128>> },
}

impl CorrelatedNoise {
    /// A generator before its first round, for vectors of `dimension` integers.
    ///
    /// # Errors
    /// [`MatrixError::NotStreaming`] for a factor that remembers every round, [`MatrixError::FractionBits`] above
    /// [`MOST_FRACTION_BITS`].
    pub fn new(
        factor: &Factor,
        dimension: usize,
        fraction_bits: u32,
    ) -> Result<CorrelatedNoise, MatrixError> {
        if fraction_bits > MOST_FRACTION_BITS {
            return Err(MatrixError::FractionBits(fraction_bits));
        }
        let memory = match factor {
            Factor::SquareRoot => return Err(MatrixError::NotStreaming),
            Factor::Banded { bands } => {
                let coefficients: Vec<i64> =
                    factor.coefficients(*bands)[1..].iter().map(|&c| parameter(c)).collect();
                let past = vec![vec![0; dimension]; coefficients.len()];
                Memory::Banded { coefficients, past, next: 0 }
            }
            Factor::Blt(blt) => {
                let parameters: Vec<(i64, i64)> =
                    blt.buffers().iter().map(|b| (parameter(b.theta), parameter(b.omega))).collect();
                let states = vec![vec![0; dimension]; parameters.len()];
                Memory::Blt { parameters, states }
            }
        };
        Ok(CorrelatedNoise { dimension, fraction_bits, rounds: 0, memory })
    }

    /// How many rounds it has made noise for.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Fresh noise is in units of `2^-fraction_bits` of the grid.
    pub fn fraction_bits(&self) -> u32 {
        self.fraction_bits
    }

    /// What rounding adds to the L2 sensitivity of `rounds` rounds together, in units of the fresh noise.
    pub fn added_sensitivity(&self, rounds: usize) -> f64 {
        CorrelatedNoise::rounding(rounds, self.dimension)
    }

    /// [`CorrelatedNoise::added_sensitivity`] of a generator of this dimension.
    pub fn rounding(rounds: usize, dimension: usize) -> f64 {
        1.03125 * (rounds as f64 * dimension as f64).sqrt()
    }

    /// Turns the fresh noise of a round into what is added to its sum, on the grid.
    ///
    /// # Errors
    /// [`MatrixError::Dimension`] for a vector of another length; [`MatrixError::TooMuchNoise`] for fresh noise beyond 2^38 units. The state
    /// is then as before.
    pub fn next(&mut self, fresh: &[i64]) -> Result<Vec<i64>, MatrixError> {
        if fresh.len() != self.dimension {
            return Err(MatrixError::Dimension { given: fresh.len(), expected: self.dimension });
        }
        if let Some(index) = fresh.iter().position(|value| value.unsigned_abs() > LARGEST_FRESH) {
            return Err(MatrixError::TooMuchNoise { index });
        }
        let bits = self.fraction_bits;
        let added = match &mut self.memory {
            Memory::Banded { coefficients, past, next } => {
                let added: Vec<i64> = fresh
                    .iter()
                    .enumerate()
                    .map(|(i, &fresh)| {
                        on_grid(fresh, banded_sum(coefficients, past, *next, i), PARAMETER_BITS, bits)
                    })
                    .collect();
                if !past.is_empty() {
                    past[*next].copy_from_slice(&added);
                    *next = (*next + 1) % past.len();
                }
                added
            }
            Memory::Blt { parameters, states } => {
                let added: Vec<i64> = fresh
                    .iter()
                    .enumerate()
                    .map(|(i, &fresh)| {
                        let sum: i128 = parameters
                            .iter()
                            .zip(states.iter())
                            .map(|(&(_, omega), state)| i128::from(omega) * state[i])
                            .sum();
                        on_grid_in_units(fresh, rounded_shift(sum, PARAMETER_BITS + GUARD_BITS), bits)
                    })
                    .collect();
                for (&(theta, _), state) in parameters.iter().zip(states.iter_mut()) {
                    for (value, &added) in state.iter_mut().zip(&added) {
                        let kept = rounded_shift(i128::from(theta) * *value, PARAMETER_BITS);
                        *value = kept + (i128::from(added) << (bits + GUARD_BITS));
                    }
                }
                added
            }
        };
        self.rounds += 1;
        Ok(added)
    }

    /// The state, to be kept as secret as the noise.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::new());
        bytes.extend_from_slice(&self.rounds.to_le_bytes());
        match &self.memory {
            Memory::Banded { past, next, .. } => {
                bytes.extend_from_slice(&(*next as u64).to_le_bytes());
                past.iter().flatten().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            }
            Memory::Blt { states, .. } => {
                states.iter().flatten().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            }
        }
        bytes
    }

    /// Takes up the state that a generator of the same factor, dimension and fraction bits wrote.
    ///
    /// # Errors
    /// [`MatrixError::State`] for bytes of another length or an impossible position. The generator is then as before.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), MatrixError> {
        let (rounds, rest) = bytes.split_first_chunk::<8>().ok_or(MatrixError::State)?;
        match &mut self.memory {
            Memory::Banded { past, next, .. } => {
                let (position, rest) = rest.split_first_chunk::<8>().ok_or(MatrixError::State)?;
                let position = u64::from_le_bytes(*position) as usize;
                let (values, tail) = rest.as_chunks::<8>();
                let fits = tail.is_empty() && values.len() == past.len() * self.dimension;
                if !fits || position >= past.len().max(1) {
                    return Err(MatrixError::State);
                }
                *next = position;
                let targets = past.iter_mut().flatten();
                targets.zip(values).for_each(|(target, value)| *target = i64::from_le_bytes(*value));
            }
            Memory::Blt { states, .. } => {
                let (values, tail) = rest.as_chunks::<16>();
                if !tail.is_empty() || values.len() != states.len() * self.dimension {
                    return Err(MatrixError::State);
                }
                let targets = states.iter_mut().flatten();
                targets.zip(values).for_each(|(target, value)| *target = i128::from_le_bytes(*value));
            }
        }
        self.rounds = u64::from_le_bytes(*rounds);
        Ok(())
    }
}

/// A coefficient as a multiple of `2^-40`.
fn parameter(value: f64) -> i64 {
    (value * (1u64 << PARAMETER_BITS) as f64).round() as i64
}

/// `sum c_k y_(t-k)` of one coordinate, in units of `2^-40` of the grid.
fn banded_sum(coefficients: &[i64], past: &[Vec<i64>], next: usize, coordinate: usize) -> i128 {
    let terms = coefficients.iter().enumerate().map(|(k, &coefficient)| {
        let place = (next + past.len() - 1 - k) % past.len();
        i128::from(coefficient) * i128::from(past[place][coordinate])
    });
    terms.sum()
}

/// Fresh noise less a sum in units of `2^-sum_bits` of the grid: the sum rounded to units of fresh noise, the result to the grid.
fn on_grid(fresh: i64, sum: i128, sum_bits: u32, fraction_bits: u32) -> i64 {
    on_grid_in_units(fresh, rounded_shift(sum, sum_bits - fraction_bits), fraction_bits)
}

fn on_grid_in_units(fresh: i64, subtracted: i128, fraction_bits: u32) -> i64 {
    let rounded = rounded_shift(i128::from(fresh) - subtracted, fraction_bits);
    // Fresh noise is below 2^38 units, and the rows of C^-1 have absolute sums of at most 2.
    rounded as i64
}

/// `value / 2^bits`, to the nearest integer, halves upwards.
fn rounded_shift(value: i128, bits: u32) -> i128 {
    if bits == 0 { value } else { (value + (1 << (bits - 1))) >> bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::matrix::{Blt, Buffer};

    fn factors() -> Vec<Factor> {
        let buffers = [Buffer { theta: 0.908, omega: 0.3197 }, Buffer { theta: 0.998_077, omega: 0.067_175 }];
        vec![
            Factor::banded(1).unwrap(),
            Factor::banded(5).unwrap(),
            Factor::banded(40).unwrap(),
            Factor::Blt(Blt::new(&buffers).unwrap()),
        ]
    }

    #[test]
    fn an_impulse_gives_the_inverse_of_the_factor() {
        const SIZE: f64 = 4e6;
        for factor in factors() {
            let mut noise = CorrelatedNoise::new(&factor, 1, 16).unwrap();
            let expected = factor.inverse(60);
            for (t, expected) in expected.iter().enumerate() {
                let fresh = if t == 0 { (SIZE as i64) << 16 } else { 0 };
                let added = noise.next(&[fresh]).unwrap()[0];
                assert!(
                    (added as f64 - SIZE * expected).abs() < 40.0,
                    "{factor:?} {t}: {added} {}",
                    SIZE * expected
                );
            }
        }
    }

    #[test]
    fn what_is_added_is_white_noise_seen_through_the_factor() {
        // C y is the fresh noise again, up to the rounding of each round: nothing drifts.
        for factor in factors() {
            let coefficients = factor.coefficients(300);
            let mut noise = CorrelatedNoise::new(&factor, 2, 8).unwrap();
            let mut state = 12_345u64;
            let (mut past, mut fresh_units) = (Vec::new(), Vec::new());
            for t in 0..300 {
                let fresh: Vec<i64> = (0..2)
                    .map(|_| {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        (state as i64) >> 40
                    })
                    .collect();
                past.push(noise.next(&fresh).unwrap());
                fresh_units.push(fresh);
                for i in 0..2 {
                    let through: f64 = (0..=t).map(|k| coefficients[k] * past[t - k][i] as f64).sum();
                    let fresh = fresh_units[t][i] as f64 / 256.0;
                    assert!((through - fresh).abs() < 0.51, "{factor:?} {t}: {through} {fresh}");
                }
            }
        }
    }

    #[test]
    fn a_state_taken_up_goes_on_as_if_nothing_had_happened() {
        for factor in factors() {
            let fresh = |t: i64| [1_000_000 * t, -777 * t, 5];
            let mut noise = CorrelatedNoise::new(&factor, 3, 10).unwrap();
            for t in 0..17 {
                noise.next(&fresh(t)).unwrap();
            }
            let bytes = noise.to_bytes();
            let mut other = CorrelatedNoise::new(&factor, 3, 10).unwrap();
            assert_eq!(other.restore(&bytes[1..]), Err(MatrixError::State));
            other.restore(&bytes).unwrap();
            assert_eq!(other.rounds(), 17);
            for t in 17..70 {
                assert_eq!(noise.next(&fresh(t)).unwrap(), other.next(&fresh(t)).unwrap());
            }
        }
    }

    #[test]
    fn impossible_noise_is_refused() {
        let mut noise = CorrelatedNoise::new(&Factor::banded(3).unwrap(), 2, 8).unwrap();
        assert_eq!(noise.next(&[1]), Err(MatrixError::Dimension { given: 1, expected: 2 }));
        assert_eq!(noise.next(&[1, i64::MIN]), Err(MatrixError::TooMuchNoise { index: 1 }));
        assert_eq!(noise.rounds(), 0);
        assert!(matches!(CorrelatedNoise::new(&Factor::SquareRoot, 2, 8), Err(MatrixError::NotStreaming)));
        assert!(matches!(
            CorrelatedNoise::new(&Factor::banded(2).unwrap(), 2, 25),
            Err(MatrixError::FractionBits(25))
        ));
    }
}
