//! Training of which every step may be seen: gradients clipped example by example, and noised by somebody else (DP-SGD,
//! Abadi et al. 2016, algorithm 1).

use super::examples::{Examples, Target};
use super::network::Network;
use super::optimizer::{Optimizer, Pace};
use super::recipe::{Recipe, RecipeError};
use super::regularization::{add_penalties, clip, limit_norms};
use super::train::TrainError;
use super::trainer::{check_rows, check_shapes};
use super::values::{BatchSize, ClassWeights, Switch};
use super::workspace::{CHUNK, Workspace};
use crate::params::Params;
use crate::random::Stream;

/// So many parameters are released and stepped along at once: what is released is still near when it is followed.
const STRETCH: usize = 8192;

/// The most rows that a part of a step has.
pub const LARGEST_PART: usize = CHUNK;

/// Decides who takes part in a step, and makes of the clipped gradients something that may be followed.
pub trait GradientMechanism {
    /// Draws the rows of the next step out of `rows`, numbered from 0, into `batch`, in an order that tells nothing.
    fn draw(&mut self, rows: u32, batch: &mut Vec<u32>);

    /// Is shown the squared norms, before the clip, of the gradients whose sum comes next. They are functions of single rows that
    /// nothing hides: only who has all the rows may look, and this looks away.
    fn look(&mut self, _squares: &[f64]) {}

    /// Takes in the sum of the clipped gradients of a part of the batch, of [`LARGEST_PART`] rows, that is not its last one, one number a parameter.
    /// It is within [`CLIPPED_SUM_ERROR`](super::CLIPPED_SUM_ERROR) clips of the exact one.
    fn add(&mut self, part: &[f32]);

    /// Takes in the last part, which is zeros for an empty batch, and writes the gradient that is followed over it: one stretch
    /// of the parameters after the other, this one from the number `from` on. Nothing else of the rows reaches the model.
    fn release(&mut self, from: usize, last: &mut [f32]);
}

/// Training that reads its rows through a [`GradientMechanism`] alone.
///
/// Whatever follows the gradient (optimizer, penalties, limits on norms) sees nothing of the rows but what was
/// released, and costs no privacy.
#[derive(Debug, Clone)]
pub struct PrivateTrainer {
    network: Network,
    recipe: Recipe,
    /// The most that the gradient of one example may measure.
    clip: f64,
    /// Steps in an epoch, for schedules of the learning rate.
    steps_per_epoch: f64,
    dropout: Stream,
    optimizer: Optimizer,
    class_weights: Vec<f32>,
    batch: Vec<u32>,
    steps: u64,
}

impl PrivateTrainer {
    /// Training from its beginning. `dropout` draws the units that are silenced, and must be secret where `clip`, above 0,
    /// is to bound what an example does: a draw that somebody knows would tell how many rows stood before it.
    ///
    /// # Errors
    /// A recipe that reads the rows in another way as well: see [`Recipe::per_example`].
    pub fn new(
        network: &Network,
        recipe: &Recipe,
        clip: f64,
        steps_per_epoch: f64,
        dropout: Stream,
    ) -> Result<PrivateTrainer, RecipeError> {
        recipe.fits(network)?;
        recipe.per_example()?;
        let class_weights = match &recipe.config().class_weights {
            ClassWeights::Given(weights) => weights.iter().map(|&weight| weight as f32).collect(),
            ClassWeights::None | ClassWeights::Balanced => Vec::new(),
        };
        Ok(PrivateTrainer {
            network: network.clone(),
            recipe: recipe.clone(),
            clip,
            steps_per_epoch,
            dropout,
            optimizer: Optimizer::new(recipe, network.layout().len()),
            class_weights,
            batch: Vec::new(),
            steps: 0,
        })
    }

    /// So many steps more; a step of which no row takes part is made all the same. After an error the parameters are
    /// to be thrown away.
    ///
    /// The rows are checked before the first step, and errors after it depend on released values alone.
    pub fn advance(
        &mut self,
        params: &mut Params,
        examples: &dyn Examples,
        steps: u64,
        mechanism: &mut dyn GradientMechanism,
        workspace: &mut Workspace,
    ) -> Result<(), TrainError> {
        check_shapes(&self.network, params, examples)?;
        check_rows(&self.network, examples)?;
        let rows =
            u32::try_from(examples.len()).map_err(|_| TrainError::TooManyRows { rows: examples.len() })?;
        workspace.reserve_clipping(&self.network, examples.len().min(CHUNK));
        self.batch.clear();
        self.batch.reserve(examples.len());
        for _ in 0..steps {
            mechanism.draw(rows, &mut self.batch);
            self.step(params.values_mut(), examples, mechanism, workspace);
        }
        if params.are_finite() {
            Ok(())
        } else {
            Err(TrainError::Diverged { step: self.steps, learning_rate: self.rate() })
        }
    }

    fn step(
        &mut self,
        params: &mut [f32],
        examples: &dyn Examples,
        mechanism: &mut dyn GradientMechanism,
        workspace: &mut Workspace,
    ) {
        self.steps += 1;
        let rate = self.rate();
        if self.batch.is_empty() {
            workspace.gradient.fill(0.0);
        }
        for (index, chunk) in self.batch.chunks(CHUNK).enumerate() {
            if index > 0 {
                mechanism.add(&workspace.gradient);
            }
            for (slot, &row) in chunk.iter().enumerate() {
                let target = examples.target(row as usize);
                workspace.targets[slot] = target;
                // No mean over the batch: an example's loss must not depend on the others. Its weight is a value of its own
                // row, and multiplies the gradient before the clip: the row moves the sum by the clip at most all the same.
                workspace.scales[slot] = examples.weight(row as usize) * self.class_weight(target);
            }
            workspace.gather(examples, chunk.iter().map(|&row| row as usize));
            workspace.forward(&self.network, params, chunk.len(), Some(&mut self.dropout));
            workspace.judge(&self.network, chunk.len(), true);
            workspace.clipped_backward(&self.network, params, chunk.len(), self.clip);
            mechanism.look(&workspace.norms);
        }
        self.follow(Pace { step: self.steps, rate }, params, mechanism, workspace);
    }

    /// Has the gradient released, and steps along it.
    fn follow(
        &mut self,
        pace: Pace,
        params: &mut [f32],
        mechanism: &mut dyn GradientMechanism,
        workspace: &mut Workspace,
    ) {
        let (set, config) = (workspace.set, self.recipe.config());
        let whole = config.l1 > 0.0
            || config.l2 > 0.0
            || config.clip_norm != Switch::Off
            || config.clip_value != Switch::Off;
        let stretch = if whole { params.len() } else { STRETCH };
        let stretches = params.chunks_mut(stretch).zip(workspace.gradient.chunks_mut(stretch));
        for (index, (params, gradient)) in stretches.enumerate() {
            let from = index * stretch;
            mechanism.release(from, gradient);
            if whole {
                add_penalties(set, config, &self.network, params, gradient);
                clip(set, config, gradient);
            }
            self.optimizer.step(set, &self.recipe, pace, from, params, gradient);
        }
        if let Some(limit) = config.max_norm.value() {
            limit_norms(set, limit, &self.network, params, &mut workspace.squares);
        }
    }

    fn class_weight(&self, target: Target) -> f32 {
        match target {
            Target::Class(class) => self.class_weights.get(class as usize).copied().unwrap_or(1.0),
            Target::Value(_) => 1.0,
        }
    }

    /// The learning rate of the current step.
    fn rate(&self) -> f64 {
        let epochs = |steps: u64| steps as f64 / self.steps_per_epoch;
        self.recipe.learning_rate(epochs(self.steps - 1), epochs(self.steps))
    }
}

impl Recipe {
    /// Checks that training reads its rows in no other way than through the gradients of single examples, so that
    /// clipping them bounds what one example can do.
    ///
    /// Penalties, decay, `max-norm`, and `clip-norm` and `clip-value` of a whole step see the model and released gradients only.
    ///
    /// # Errors
    /// [`RecipeError::NotByExample`], with the key.
    pub fn per_example(&self) -> Result<(), RecipeError> {
        let config = self.config();
        let refused = |key, why| Err(RecipeError::NotByExample { key, why });
        if config.class_weights == ClassWeights::Balanced {
            let why = "weights from the counts of its own labels depend on all rows at once; list the weights, or leave them out";
            return refused("class-weights", why);
        }
        if config.validation_split > 0.0 || config.early_stopping != Switch::Off {
            let why =
                "when to stop, and with which model, would be chosen by rows without any noise; leave it out";
            return refused("validation-split", why);
        }
        if config.batch_size == BatchSize::Full {
            let why =
                "the sum of a step is divided by a number that must not depend on the rows; give a number";
            return refused("batch-size", why);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
