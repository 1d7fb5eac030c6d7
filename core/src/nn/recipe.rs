//! The checked recipe of local training.

use super::config::{BatchSize, LossKind, OptimizerKind, TrainingConfig};
use super::loss::Loss;

/// How a participant trains: a training section of which every value is in its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    config: TrainingConfig,
    loss: Loss,
}

/// Why a training section is no recipe.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum RecipeError {
    /// A number outside of its range.
    #[error("`{key}` is {value}, but has to be {range}")]
    OutOfRange {
        /// Which key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A value that the chosen optimizer does not know.
    #[error(
        "`{key}` is set, but the optimizer {optimizer} has no such thing: leave it out, or choose {instead}"
    )]
    NotForOptimizer {
        /// Which key.
        key: &'static str,
        /// The optimizer.
        optimizer: &'static str,
        /// One that has it.
        instead: &'static str,
    },
}

impl RecipeError {
    /// The key of the `[training]` section.
    pub fn key(&self) -> &'static str {
        match self {
            RecipeError::OutOfRange { key, .. } | RecipeError::NotForOptimizer { key, .. } => key,
        }
    }
}

impl Recipe {
    /// Checks a training section.
    pub fn new(config: &TrainingConfig) -> Result<Recipe, RecipeError> {
        at_least_one("epochs", config.epochs)?;
        if let BatchSize::Rows(rows) = config.batch_size {
            at_least_one("batch-size", rows)?;
        }
        above_zero("learning-rate", config.learning_rate)?;
        below_one("momentum", config.momentum)?;
        below_one("beta1", config.beta1)?;
        below_one("beta2", config.beta2)?;
        above_zero("epsilon", config.epsilon)?;
        not_negative("weight-decay", config.weight_decay)?;
        if config.optimizer == OptimizerKind::Adam && config.momentum != 0.0 {
            let (key, optimizer, instead) = ("momentum", "adam", "sgd");
            return Err(RecipeError::NotForOptimizer { key, optimizer, instead });
        }
        if config.learning_rate * config.weight_decay >= 1.0 {
            let range = "below 1 / learning-rate, or a single step would turn every weight around";
            return Err(RecipeError::OutOfRange { key: "weight-decay", value: config.weight_decay, range });
        }
        let loss = match config.loss {
            LossKind::CrossEntropy => Loss::CrossEntropy { label_smoothing: 0.0 },
            LossKind::BinaryCrossEntropy => Loss::BinaryCrossEntropy { label_smoothing: 0.0 },
            LossKind::MeanSquaredError => Loss::MeanSquaredError,
            LossKind::MeanAbsoluteError => Loss::MeanAbsoluteError,
            LossKind::Huber => Loss::Huber { delta: 1.0 },
        };
        Ok(Recipe { config: config.clone(), loss })
    }

    /// The training section that it was made from.
    pub fn config(&self) -> &TrainingConfig {
        &self.config
    }

    /// What training makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Passes over the rows in a round.
    pub fn epochs(&self) -> u32 {
        self.config.epochs
    }

    /// Rows a step.
    pub fn batch_size(&self) -> BatchSize {
        self.config.batch_size
    }

    /// The step size.
    pub fn learning_rate(&self) -> f64 {
        self.config.learning_rate
    }
}

fn at_least_one(key: &'static str, value: u32) -> Result<(), RecipeError> {
    in_range(key, f64::from(value), value >= 1, "at least 1")
}

fn above_zero(key: &'static str, value: f64) -> Result<(), RecipeError> {
    // Steps are computed in single precision, where it has to be above 0 as well.
    let single = value as f32;
    in_range(key, value, single > 0.0 && single.is_finite(), "a number above 0 (in single precision)")
}

fn not_negative(key: &'static str, value: f64) -> Result<(), RecipeError> {
    in_range(key, value, value >= 0.0 && value.is_finite(), "a number of at least 0")
}

fn below_one(key: &'static str, value: f64) -> Result<(), RecipeError> {
    in_range(key, value, (0.0..1.0).contains(&value), "from 0 to below 1")
}

fn in_range(key: &'static str, value: f64, inside: bool, range: &'static str) -> Result<(), RecipeError> {
    if inside { Ok(()) } else { Err(RecipeError::OutOfRange { key, value, range }) }
}
