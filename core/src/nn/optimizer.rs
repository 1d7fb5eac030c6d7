//! How parameters follow their gradient, where it takes more than a fused product.
//!
//! In all formulas w is the parameters, g the gradient, η the learning rate and λ the weight decay; they are PyTorch's,
//! against whose values they are tested.

use super::config::OptimizerKind;
use super::recipe::Recipe;
use crate::instructions::{InstructionSet, Job};

/// The state that an optimizer keeps between steps, as long as a [`Trainer`](super::Trainer) lives.
#[derive(Debug, Clone)]
pub(super) enum Optimizer {
    /// Without state: w <- (1 - η λ) w - η g.
    Descent,
    /// v <- μ v + g + λ w; w <- w - η v (Polyak 1964), or w - η (g + λ w + μ v) (Nesterov 1983).
    Momentum { velocity: Vec<f32> },
    /// s <- ρ s + (1 - ρ) g²; w <- w - η g / (√s + ε) (Tieleman and Hinton 2012, lecture 6.5), with g + λ w for g.
    RmsProp { square: Vec<f32> },
    /// s <- s + g²; w <- w - η g / (√s + ε) (Duchi, Hazan and Singer 2011), with g + λ w for g.
    Adagrad { square: Vec<f32> },
    /// Kingma and Ba 2015, algorithm 1, with g + λ w for g; `decoupled`: Loshchilov and Hutter 2019, algorithm 2.
    Adam { mean: Vec<f32>, square: Vec<f32>, decoupled: bool },
}

/// Which step is taken, and how far it goes.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Counted from 1.
    pub(super) step: u64,
    /// The learning rate.
    pub(super) rate: f64,
}

impl Optimizer {
    /// The state before the first step.
    pub(super) fn new(recipe: &Recipe, parameters: usize) -> Optimizer {
        let zeros = || vec![0.0; parameters];
        match recipe.config().optimizer {
            OptimizerKind::Sgd if recipe.config().momentum == 0.0 => Optimizer::Descent,
            OptimizerKind::Sgd => Optimizer::Momentum { velocity: zeros() },
            OptimizerKind::Rmsprop => Optimizer::RmsProp { square: zeros() },
            OptimizerKind::Adagrad => Optimizer::Adagrad { square: zeros() },
            OptimizerKind::Adam => Optimizer::Adam { mean: zeros(), square: zeros(), decoupled: false },
            OptimizerKind::Adamw => Optimizer::Adam { mean: zeros(), square: zeros(), decoupled: true },
        }
    }

    /// One step down the gradient, of the parameters from the number `from` on: each goes its own way, whether it is
    /// taken with all the others or not.
    pub(super) fn step(
        &mut self,
        set: InstructionSet,
        recipe: &Recipe,
        Pace { step, rate }: Pace,
        from: usize,
        params: &mut [f32],
        gradient: &[f32],
    ) {
        let stretch = from..from + params.len();
        let config = recipe.config();
        let decay = config.weight_decay as f32;
        let epsilon = config.epsilon as f32;
        let single = rate as f32;
        match self {
            Optimizer::Descent => {
                let beta = (1.0 - rate * config.weight_decay) as f32;
                let next = move |w: f32, g: f32| (-single).mul_add(g, beta * w);
                set.run(Stateless { params, gradient, next });
            }
            Optimizer::Momentum { velocity } => {
                let (momentum, nesterov) = (config.momentum as f32, config.nesterov);
                let next = move |w: f32, g: f32, v: &mut f32| {
                    let g = decay.mul_add(w, g);
                    *v = momentum.mul_add(*v, g);
                    (-single).mul_add(if nesterov { momentum.mul_add(*v, g) } else { *v }, w)
                };
                set.run(OneState { params, gradient, state: &mut velocity[stretch], next });
            }
            Optimizer::RmsProp { square } => {
                let rho = config.decay_rate as f32;
                let next = move |w: f32, g: f32, s: &mut f32| {
                    let g = decay.mul_add(w, g);
                    *s = rho.mul_add(*s, (1.0 - rho) * (g * g));
                    w - single * g / (s.sqrt() + epsilon)
                };
                set.run(OneState { params, gradient, state: &mut square[stretch], next });
            }
            Optimizer::Adagrad { square } => {
                let next = move |w: f32, g: f32, s: &mut f32| {
                    let g = decay.mul_add(w, g);
                    *s = g.mul_add(g, *s);
                    w - single * g / (s.sqrt() + epsilon)
                };
                set.run(OneState { params, gradient, state: &mut square[stretch], next });
            }
            Optimizer::Adam { mean, square, decoupled } => {
                let (beta1, beta2, t) = (config.beta1, config.beta2, step as f64);
                let rate_now = (rate / (1.0 - libm::pow(beta1, t))) as f32;
                let unbias = (1.0 / libm::sqrt(1.0 - libm::pow(beta2, t))) as f32;
                let (beta1, beta2) = (beta1 as f32, beta2 as f32);
                // Decoupled, the decay shrinks the weight; else it is a part of the gradient.
                let (keep, decay) =
                    if *decoupled { ((1.0 - rate * config.weight_decay) as f32, 0.0) } else { (1.0, decay) };
                let next = move |w: f32, g: f32, m: &mut f32, v: &mut f32| {
                    let g = decay.mul_add(w, g);
                    *m = beta1.mul_add(*m, (1.0 - beta1) * g);
                    *v = beta2.mul_add(*v, (1.0 - beta2) * (g * g));
                    keep * w - rate_now * *m / unbias.mul_add(v.sqrt(), epsilon)
                };
                let (first, second) = (&mut mean[stretch.clone()], &mut square[stretch]);
                set.run(TwoStates { params, gradient, first, second, next });
            }
        }
    }
}

/// w <- next(w, g).
struct Stateless<'a, F> {
    params: &'a mut [f32],
    gradient: &'a [f32],
    next: F,
}

impl<F: Fn(f32, f32) -> f32> Job for Stateless<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (w, g) in self.params.iter_mut().zip(self.gradient) {
            *w = (self.next)(*w, *g);
        }
    }
}

/// w <- next(w, g, state), which changes the state as well.
struct OneState<'a, F> {
    params: &'a mut [f32],
    gradient: &'a [f32],
    state: &'a mut [f32],
    next: F,
}

impl<F: Fn(f32, f32, &mut f32) -> f32> Job for OneState<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for ((w, g), state) in self.params.iter_mut().zip(self.gradient).zip(self.state) {
            *w = (self.next)(*w, *g, state);
        }
    }
}

/// The same with two states.
struct TwoStates<'a, F> {
    params: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    next: F,
}

impl<F: Fn(f32, f32, &mut f32, &mut f32) -> f32> Job for TwoStates<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let states = self.first.iter_mut().zip(self.second);
        for ((w, g), (first, second)) in self.params.iter_mut().zip(self.gradient).zip(states) {
            *w = (self.next)(*w, *g, first, second);
        }
    }
}
