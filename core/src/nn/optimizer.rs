//! How parameters follow their gradient, where it takes more than a fused product.

use super::config::OptimizerKind;
use super::kernel::{Job, Path};
use super::recipe::Recipe;

/// The state that an optimizer keeps between steps, as long as a [`Trainer`](super::Trainer) lives.
#[derive(Debug, Clone)]
pub(in crate::nn) enum Optimizer {
    /// Without state: w <- (1 - η λ) w - η g.
    Descent,
    /// v <- μ v + g + λ w; w <- w - η v (Polyak 1964, as PyTorch writes it).
    Momentum { velocity: Vec<f32> },
    /// Kingma and Ba 2015, algorithm 1.
    Adam { mean: Vec<f32>, square: Vec<f32> },
}

impl Optimizer {
    pub(in crate::nn) fn new(recipe: &Recipe, parameters: usize) -> Optimizer {
        let zeros = || vec![0.0; parameters];
        match recipe.config().optimizer {
            OptimizerKind::Sgd if recipe.config().momentum == 0.0 => Optimizer::Descent,
            OptimizerKind::Sgd => Optimizer::Momentum { velocity: zeros() },
            OptimizerKind::Adam => Optimizer::Adam { mean: zeros(), square: zeros() },
        }
    }

    /// One step down the gradient; `step` counts from 1.
    pub(in crate::nn) fn step(
        &mut self,
        path: Path,
        recipe: &Recipe,
        step: u64,
        params: &mut [f32],
        gradient: &[f32],
    ) {
        let config = recipe.config();
        let rate = config.learning_rate;
        let decay = config.weight_decay as f32;
        match self {
            Optimizer::Descent => {
                let beta = (1.0 - rate * config.weight_decay) as f32;
                path.run(DescentStep { params, gradient, rate: rate as f32, beta });
            }
            Optimizer::Momentum { velocity } => {
                let momentum = config.momentum as f32;
                path.run(MomentumStep { params, gradient, velocity, rate: rate as f32, momentum, decay });
            }
            Optimizer::Adam { mean, square } => {
                let (beta1, beta2, t) = (config.beta1, config.beta2, step as f64);
                path.run(AdamStep {
                    params,
                    gradient,
                    mean,
                    square,
                    rate: (rate / (1.0 - libm::pow(beta1, t))) as f32,
                    unbias: (1.0 / (1.0 - libm::pow(beta2, t)).sqrt()) as f32,
                    beta1: beta1 as f32,
                    beta2: beta2 as f32,
                    epsilon: config.epsilon as f32,
                    decay,
                });
            }
        }
    }
}

struct DescentStep<'a> {
    params: &'a mut [f32],
    gradient: &'a [f32],
    rate: f32,
    beta: f32,
}

impl Job for DescentStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        for (w, g) in self.params.iter_mut().zip(self.gradient) {
            *w = (-self.rate).mul_add(*g, self.beta * *w);
        }
    }
}

struct MomentumStep<'a> {
    params: &'a mut [f32],
    gradient: &'a [f32],
    velocity: &'a mut [f32],
    rate: f32,
    momentum: f32,
    decay: f32,
}

impl Job for MomentumStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        for ((w, g), v) in self.params.iter_mut().zip(self.gradient).zip(self.velocity.iter_mut()) {
            *v = self.momentum.mul_add(*v, self.decay.mul_add(*w, *g));
            *w = (-self.rate).mul_add(*v, *w);
        }
    }
}

struct AdamStep<'a> {
    params: &'a mut [f32],
    gradient: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
    /// η / (1 - β₁ᵗ).
    rate: f32,
    /// 1 / sqrt(1 - β₂ᵗ).
    unbias: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    decay: f32,
}

impl Job for AdamStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        let moments = self.mean.iter_mut().zip(self.square.iter_mut());
        for ((w, g), (m, v)) in self.params.iter_mut().zip(self.gradient).zip(moments) {
            let g = self.decay.mul_add(*w, *g);
            *m = self.beta1.mul_add(*m, (1.0 - self.beta1) * g);
            *v = self.beta2.mul_add(*v, (1.0 - self.beta2) * (g * g));
            *w -= self.rate * *m / self.unbias.mul_add(v.sqrt(), self.epsilon);
        }
    }
}
