//! What keeps weights and gradients small, apart from the weight decay of the optimizers.

use super::config::TrainingConfig;
use super::network::Network;
use crate::instructions::{InstructionSet, Job};

/// Adds the derivatives of l1 Σ|w| + l2 Σw² over the weights of the layers to the gradient.
pub(super) fn add_penalties(
    set: InstructionSet,
    config: &TrainingConfig,
    network: &Network,
    params: &[f32],
    gradient: &mut [f32],
) {
    if config.l1 == 0.0 && config.l2 == 0.0 {
        return;
    }
    let (l1, twice_l2) = (config.l1 as f32, (2.0 * config.l2) as f32);
    for block in &network.blocks {
        let (weights, gradient) = (&params[block.weight.clone()], &mut gradient[block.weight.clone()]);
        set.run(Penalize { weights, gradient, l1, twice_l2 });
    }
}

/// Shortens a gradient: first every number to `clip-value`, then the whole to the norm `clip-norm` (Pascanu et al. 2013).
pub(super) fn clip(set: InstructionSet, config: &TrainingConfig, gradient: &mut [f32]) {
    if let Some(limit) = config.clip_value.value() {
        let limit = limit as f32;
        set.run(ClipValues { gradient, limit });
    }
    if let Some(limit) = config.clip_norm.value() {
        let norm = libm::sqrt(set.run(SquaredNorm { values: gradient }));
        if norm > limit {
            let by = (limit / norm) as f32;
            set.run(Scale { values: gradient, by });
        }
    }
}

/// Shortens the weights into each unit to the norm `limit` (Srivastava et al. 2014, section 5.1). `squares` is a buffer.
pub(super) fn limit_norms(
    set: InstructionSet,
    limit: f64,
    network: &Network,
    params: &mut [f32],
    squares: &mut Vec<f32>,
) {
    for block in &network.blocks {
        squares.clear();
        squares.resize(block.units, 0.0);
        set.run(LimitNorms { weights: &mut params[block.weight.clone()], squares, limit: limit as f32 });
    }
}

struct Penalize<'a> {
    weights: &'a [f32],
    gradient: &'a mut [f32],
    l1: f32,
    twice_l2: f32,
}

impl Job for Penalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (w, g) in self.weights.iter().zip(self.gradient) {
            let sign = if *w > 0.0 {
                1.0
            } else if *w < 0.0 {
                -1.0
            } else {
                0.0
            };
            *g += self.l1.mul_add(sign, self.twice_l2 * w);
        }
    }
}

struct ClipValues<'a> {
    gradient: &'a mut [f32],
    limit: f32,
}

impl Job for ClipValues<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for g in self.gradient {
            let low = if *g < -self.limit { -self.limit } else { *g };
            *g = if low > self.limit { self.limit } else { low };
        }
    }
}

struct Scale<'a> {
    values: &'a mut [f32],
    by: f32,
}

impl Job for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for value in self.values {
            *value *= self.by;
        }
    }
}

/// Σ x², in eight sums side by side, so that it has one order on every instruction set.
struct SquaredNorm<'a> {
    values: &'a [f32],
}

impl Job for SquaredNorm<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) -> f64 {
        let (chunks, rest) = self.values.as_chunks::<8>();
        let mut lanes = [0.0f64; 8];
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane = f64::from(*value).mul_add(f64::from(*value), *lane);
            }
        }
        let total = lanes.iter().fold(0.0, |total, lane| total + lane);
        rest.iter().fold(total, |total, value| f64::from(*value).mul_add(f64::from(*value), total))
    }
}

struct LimitNorms<'a> {
    /// `[inputs, units]`.
    weights: &'a mut [f32],
    /// Zeros, one a unit.
    squares: &'a mut [f32],
    limit: f32,
}

impl Job for LimitNorms<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let units = self.squares.len();
        for row in self.weights.chunks_exact(units) {
            for (square, w) in self.squares.iter_mut().zip(row) {
                *square = w.mul_add(*w, *square);
            }
        }
        for square in self.squares.iter_mut() {
            let norm = square.sqrt();
            *square = if norm > self.limit { self.limit / norm } else { 1.0 };
        }
        for row in self.weights.chunks_exact_mut(units) {
            for (w, factor) in row.iter_mut().zip(self.squares.iter()) {
                *w *= factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::reference::noise;
    use crate::nn::{Loss, ModelConfig, Switch};
    use crate::random::{Purpose, Seed};

    fn numbers() -> Vec<f32> {
        (0..1003).map(|index| 3.0 * noise(index)).collect()
    }

    fn norm(values: &[f32]) -> f64 {
        values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_is_left() {
        let config = TrainingConfig { clip_norm: Switch::On(2.0), ..TrainingConfig::default() };
        for set in InstructionSet::available() {
            let mut long = numbers();
            clip(set, &config, &mut long);
            assert!((norm(&long) - 2.0).abs() < 1e-5);
            let mut short = vec![0.01f32; 100];
            clip(set, &config, &mut short);
            assert_eq!(short, [0.01; 100]);
        }
    }

    #[test]
    fn values_are_clipped_on_both_sides_and_nan_stays() {
        let config = TrainingConfig { clip_value: Switch::On(0.5), ..TrainingConfig::default() };
        let mut gradient = vec![-3.0, -0.5, 0.25, 0.75, f32::NAN];
        clip(InstructionSet::detect(), &config, &mut gradient);
        assert_eq!(gradient[..4], [-0.5, -0.5, 0.25, 0.5]);
        assert!(gradient[4].is_nan());
    }

    #[test]
    fn the_norm_into_every_unit_is_limited_on_every_instruction_set_alike() {
        let loss = Loss::CrossEntropy { label_smoothing: 0.0 };
        let network =
            Network::new(&ModelConfig { hidden: vec![33], ..ModelConfig::default() }, 50, 3, loss).unwrap();
        let first = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
        let limited: Vec<Vec<f32>> = InstructionSet::available()
            .map(|set| {
                let mut params = first.clone();
                limit_norms(set, 0.9, &network, params.values_mut(), &mut Vec::new());
                params.values().to_vec()
            })
            .collect();
        assert!(limited.iter().all(|params| *params == limited[0]));
        assert_ne!(limited[0], first.values());
        for block in &network.blocks {
            for unit in 0..block.units {
                let column = |params: &[f32]| {
                    let weights = &params[block.weight.clone()];
                    norm(&weights.iter().skip(unit).step_by(block.units).copied().collect::<Vec<f32>>())
                };
                let wanted = column(first.values()).min(0.9);
                assert!((column(&limited[0]) - wanted).abs() < 1e-5);
            }
        }
    }
}
