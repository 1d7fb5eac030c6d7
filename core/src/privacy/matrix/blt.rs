//! Buffered linear Toeplitz factors (McMahan, Xu and Zhang 2024): `c_0 = 1`, `c_k = sum_i omega_i theta_i^(k-1)`.
//!
//! A few buffers of memory instead of as many as there are rounds, at a loss within a per cent of the best Toeplitz factor.
//!
//! Parameters are multiples of `2^-40`, so that the streaming generator, which works in integers, has the very factor whose
//! sensitivity was computed.

use super::{Factor, MatrixError, Participation};

/// The parameters of a BLT factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Blt {
    buffers: Vec<Buffer>,
}

/// One geometric sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buffer {
    /// Its ratio, in (0, 1).
    pub theta: f64,
    /// Its weight, above 0.
    pub omega: f64,
}

/// Parameters have this many fraction bits.
pub(crate) const PARAMETER_BITS: u32 = 40;
/// The most buffers.
const MOST_BUFFERS: usize = 16;

impl Blt {
    /// Checks parameters, after rounding them to multiples of `2^-40`.
    ///
    /// # Errors
    /// [`MatrixError::Blt`] unless there are 1 to 16 buffers, every theta lies in (0, 1), every omega is positive and
    /// their sum is at most 1 (coefficients must not rise).
    pub fn new(buffers: &[Buffer]) -> Result<Blt, MatrixError> {
        let unit = (1u64 << PARAMETER_BITS) as f64;
        let rounded: Vec<Buffer> = buffers
            .iter()
            .map(|buffer| Buffer {
                theta: (buffer.theta * unit).round() / unit,
                omega: (buffer.omega * unit).round() / unit,
            })
            .collect();
        let sound = |buffer: &Buffer| buffer.theta > 0.0 && buffer.theta < 1.0 && buffer.omega > 0.0;
        let total: f64 = rounded.iter().map(|buffer| buffer.omega).sum();
        if (1..=MOST_BUFFERS).contains(&rounded.len()) && rounded.iter().all(sound) && total <= 1.0 {
            Ok(Blt { buffers: rounded })
        } else {
            Err(MatrixError::Blt)
        }
    }

    /// The parameters.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// Parameters of `count` buffers with a small worst-case loss under a participation, by the simplex method of
    /// Nelder and Mead from the integral `1/sqrt(pi k) = 1/pi int s^(-1/2) e^(-ks) ds`. The same on every run.
    ///
    /// # Errors
    /// [`MatrixError::Blt`] unless `count` is 1 to 16.
    pub fn fitted(participation: &Participation, count: usize) -> Result<Blt, MatrixError> {
        if !(1..=MOST_BUFFERS).contains(&count) {
            return Err(MatrixError::Blt);
        }
        let loss = |point: &[f64]| match Blt::at(point) {
            Ok(blt) => Factor::Blt(blt).loss(participation).worst,
            Err(_) => f64::INFINITY,
        };
        let mut point = start(participation.rounds(), count);
        // The simplex is spread anew from the best point, which gets it out of the corners it collapses into.
        for _ in 0..6 {
            point = minimize(&loss, &point, 150 * point.len());
        }
        Blt::at(&point)
    }

    /// Free parameters: `ln(-ln theta)` and `ln omega`, so that every point has its parameters in range but for the sum.
    fn at(point: &[f64]) -> Result<Blt, MatrixError> {
        let pairs = point.chunks_exact(2);
        let buffers: Vec<Buffer> =
            pairs.map(|pair| Buffer { theta: (-pair[0].exp()).exp(), omega: pair[1].exp() }).collect();
        Blt::new(&buffers)
    }

    pub(crate) fn coefficients(&self, count: usize) -> Vec<f64> {
        let mut powers: Vec<f64> = self.buffers.iter().map(|buffer| buffer.omega).collect();
        let tail = (1..count).map(|_| {
            let coefficient = powers.iter().sum();
            for (power, buffer) in powers.iter_mut().zip(&self.buffers) {
                *power *= buffer.theta;
            }
            coefficient
        });
        std::iter::once(1.0).take(count).chain(tail).collect()
    }

    /// What the generator makes of an impulse: `y_t = z_t - sum omega_i s_i`, `s_i <- theta_i s_i + y_t`.
    pub(crate) fn inverse(&self, count: usize) -> Vec<f64> {
        let mut state = vec![0.0; self.buffers.len()];
        let step = |t: usize| {
            let impulse = if t == 0 { 1.0 } else { 0.0 };
            let drawn: f64 =
                state.iter().zip(&self.buffers).map(|(state, buffer)| buffer.omega * state).sum();
            let value = impulse - drawn;
            for (state, buffer) in state.iter_mut().zip(&self.buffers) {
                *state = buffer.theta * *state + value;
            }
            value
        };
        (0..count).map(step).collect()
    }
}

/// Rates `s` spread evenly on a logarithmic scale from `1/rounds` to 1, their weights those of the integral.
fn start(rounds: usize, count: usize) -> Vec<f64> {
    let span = (rounds.max(4) as f64).ln();
    let distance = span / count as f64;
    let point = (0..count).flat_map(|i| {
        let log_rate = -distance * (i as f64 + 0.5);
        let omega = (0.5 * log_rate).exp() * distance / std::f64::consts::PI;
        [log_rate, omega.min(0.7 / count as f64).ln()]
    });
    point.collect()
}

/// Nelder and Mead 1965, with the usual coefficients.
fn minimize(function: &impl Fn(&[f64]) -> f64, from: &[f64], turns: usize) -> Vec<f64> {
    let size = from.len();
    let mut simplex: Vec<(f64, Vec<f64>)> = vec![(function(from), from.to_vec())];
    for axis in 0..size {
        let mut point = from.to_vec();
        point[axis] -= 0.3;
        simplex.push((function(&point), point));
    }
    for _ in 0..turns {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (simplex[0].0, simplex[size].0);
        if worst - best <= 1e-10 * best {
            break;
        }
        let centre: Vec<f64> = (0..size)
            .map(|axis| simplex[..size].iter().map(|(_, p)| p[axis]).sum::<f64>() / size as f64)
            .collect();
        let along = |factor: f64| -> (f64, Vec<f64>) {
            let last = &simplex[size].1;
            let point: Vec<f64> = centre.iter().zip(last).map(|(c, l)| c + factor * (l - c)).collect();
            (function(&point), point)
        };
        let reflected = along(-1.0);
        let replacement = if reflected.0 < best {
            let expanded = along(-2.0);
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < simplex[size - 1].0 {
            reflected
        } else if reflected.0 < worst {
            along(-0.5)
        } else {
            along(0.5)
        };
        if replacement.0 < worst {
            simplex[size] = replacement;
            continue;
        }
        let kept = simplex[0].1.clone();
        for (value, point) in &mut simplex[1..] {
            point.iter_mut().zip(&kept).for_each(|(p, k)| *p = 0.5 * (*p + k));
            *value = function(point);
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex.swap_remove(0).1
}
