//! The training core: dense networks over one flat vector of parameters.
//!
//! A [`ModelConfig`] becomes a checked [`Network`], a [`TrainingConfig`] a checked [`Recipe`]. [`train`] is what a
//! participant does in a round, [`Trainer`] the same in stretches, [`evaluate`] judges a model, [`to_safetensors`] and
//! [`to_onnx`] make files of it. All of it is a function of its arguments: a [`Stream`](crate::random::Stream)
//! brings the randomness.
//!
//! # The same bits everywhere
//!
//! The same model, rows, recipe and stream give the same result to the last bit, on any machine, with any number of
//! threads. Matrix products run on AVX-512, AVX2, NEON or portable code, whichever the machine has; every path does the
//! same fused multiply-adds in the same order, and no function of the system's mathematics library is ever called.
//! `kernel/` says how, and its tests hold each path against the portable one.
//!
//! No special compiler flag is needed, and none is wanted: `-C target-cpu=native` lets the compiler prefer shorter
//! vectors, for which the tiles are not made.

mod activation;
#[cfg(test)]
mod allocations;
mod clipping;
mod config;
mod dropout;
mod evaluate;
mod evaluation;
mod examples;
mod explain;
mod fit;
mod initializer;
mod kernel;
mod layers;
mod loss;
mod misfit;
mod model_file;
mod network;
mod norm;
mod onnx;
mod optimizer;
#[cfg(test)]
mod parity;
mod passes;
mod private_trainer;
mod ranking;
mod recipe;
#[cfg(test)]
mod reference;
mod regularization;
mod train;
mod trainer;
mod values;
mod workspace;

pub use activation::Activation;
pub use clipping::CLIPPED_SUM_ERROR;
pub use config::{LossKind, ModelConfig, Normalization, OptimizerKind, Schedule, TrainingConfig};
pub use evaluate::{EvaluateError, Predictions, evaluate, predict};
pub use evaluation::{Average, ConfusionMatrix, Evaluation, RegressionErrors};
pub use examples::{Examples, Target};
pub use explain::{
    Feature, Importance, MOST_ROWS, integrated_gradients, mean_attributions, permutation_importance,
};
pub use fit::Fit;
pub use initializer::Initializer;
pub use layers::Layer;
pub use loss::Loss;
pub use misfit::Misfit;
pub use model_file::{ModelFileError, from_safetensors, to_safetensors};
pub use network::{Network, NetworkError};
pub use onnx::to_onnx;
pub use private_trainer::{GradientMechanism, LARGEST_PART, PrivateTrainer};
pub use ranking::roc_auc;
pub use recipe::{Recipe, RecipeError};
pub use train::{Progress, TrainError, train};
pub use trainer::Trainer;
pub use values::{BatchSize, Choice, ClassWeights, PerLayer, Switch};
pub use workspace::Workspace;
