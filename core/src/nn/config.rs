//! The `[model]` and `[training]` sections of a plan, as typed: every key with its default, nothing checked yet.
//!
//! [`Network::new`](super::Network::new) and [`Recipe::new`](super::Recipe::new) check them.

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::initializer::Initializer;
use super::values::{BatchSize, Choice, ClassWeights, PerLayer, Switch};

/// The `[model]` section of a plan: a stack of hidden layers and an output layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelConfig {
    /// Units of each hidden layer, from the input on; none for a linear model. Each at least 1.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers: one for all, or a list with one for each.
    pub activation: PerLayer<Activation>,
    /// Activation of the output, or "auto": what belongs to the loss.
    pub output_activation: Choice<Activation>,
    /// How weights start.
    pub initializer: Initializer,
    /// Whether layers have biases.
    pub bias: bool,
    /// What happens to the weighted sums of a hidden layer before its activation.
    pub normalization: Normalization,
    /// Share of a hidden layer's units that are silenced while training, from 0 to below 1: one for all, or a list.
    pub dropout: PerLayer<f64>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig {
            hidden: vec![200, 200],
            activation: PerLayer::Same(Activation::Relu),
            output_activation: Choice::Auto,
            initializer: Initializer::GlorotUniform,
            bias: true,
            normalization: Normalization::None,
            dropout: PerLayer::Same(0.0),
        }
    }
}

/// Normalization of the weighted sums of a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// None.
    None,
    /// Over the units of each row (Ba et al. 2016), with a learned gain and shift.
    Layer,
    /// Over the rows of a mini-batch (Ioffe and Szegedy 2015). Known by name only: [`Network::new`](super::Network::new)
    /// refuses it and says why.
    Batch,
}

/// The `[training]` section of a plan: how a participant trains on its own rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainingConfig {
    /// What training makes small.
    pub loss: LossKind,
    /// Share of the target spread over all classes, from 0 to below 1. For the cross-entropies.
    pub label_smoothing: f64,
    /// The error from which on the loss grows only linearly, above 0. For `huber`.
    pub huber_delta: f64,
    /// How much the rows of each class count: "none", "balanced", or a list.
    pub class_weights: ClassWeights,
    /// Passes over the rows in a round: E of McMahan et al. 2017. At least 1.
    pub epochs: u32,
    /// Rows a step, or "full" for all of them: B of McMahan et al. 2017. At least 1.
    pub batch_size: BatchSize,
    /// How weights follow their gradient.
    pub optimizer: OptimizerKind,
    /// Step size, above 0. The adaptive optimizers want a smaller one than `sgd`, such as 0.001.
    pub learning_rate: f64,
    /// How the learning rate changes over the epochs of all rounds.
    pub schedule: Schedule,
    /// Epochs after which `step` and `exponential` have multiplied the learning rate by `schedule-factor`, and `cosine`
    /// has come down to it. Above 0.
    pub schedule_epochs: f64,
    /// Share of the learning rate after `schedule-epochs`, from 0 (for `cosine`; else above 0) to 1.
    pub schedule_factor: f64,
    /// Epochs in which the learning rate first rises from 0, in a straight line. At least 0.
    pub warm_up_epochs: f64,
    /// Share of the last step that goes into the next one, from 0 to below 1. For `sgd`.
    pub momentum: f64,
    /// Whether the momentum looks ahead (Nesterov 1983, as PyTorch writes it). For `sgd` with momentum.
    pub nesterov: bool,
    /// Decay of the mean gradient, from 0 to below 1. For `adam` and `adamw`.
    pub beta1: f64,
    /// Decay of the mean squared gradient, from 0 to below 1. For `adam` and `adamw`.
    pub beta2: f64,
    /// Decay of the mean squared gradient, from 0 to below 1. For `rmsprop`.
    pub decay_rate: f64,
    /// Added to the root of the mean squared gradient, above 0. For the adaptive optimizers.
    pub epsilon: f64,
    /// λ of λ/2 Σ p² over all parameters, at least 0; for `adamw` the decay apart from the gradient.
    pub weight_decay: f64,
    /// λ of λ Σ |w| over the weights of the layers, at least 0.
    pub l1: f64,
    /// λ of λ Σ w² over the weights of the layers, at least 0.
    pub l2: f64,
    /// Largest norm of the weights into a unit, above 0, or "off": longer ones are shortened after each step.
    pub max_norm: Switch<f64>,
    /// Largest norm of the gradient of a step, above 0, or "off": a longer one is shortened.
    pub clip_norm: Switch<f64>,
    /// Largest size of each number of the gradient of a step, above 0, or "off".
    pub clip_value: Switch<f64>,
    /// Share of a participant's rows that it keeps back to judge its epochs by, from 0 to below 1.
    pub validation_split: f64,
    /// Epochs without a better validation loss after which training stops with the best weights, at least 1, or "off".
    pub early_stopping: Switch<u32>,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        TrainingConfig {
            loss: LossKind::CrossEntropy,
            label_smoothing: 0.0,
            huber_delta: 1.0,
            class_weights: ClassWeights::None,
            epochs: 1,
            batch_size: BatchSize::Rows(10),
            optimizer: OptimizerKind::Sgd,
            learning_rate: 0.05,
            schedule: Schedule::Constant,
            schedule_epochs: 10.0,
            schedule_factor: 0.1,
            warm_up_epochs: 0.0,
            momentum: 0.0,
            nesterov: false,
            beta1: 0.9,
            beta2: 0.999,
            decay_rate: 0.99,
            epsilon: 1e-8,
            weight_decay: 0.0,
            l1: 0.0,
            l2: 0.0,
            max_norm: Switch::Off,
            clip_norm: Switch::Off,
            clip_value: Switch::Off,
            validation_split: 0.0,
            early_stopping: Switch::Off,
        }
    }
}

/// Names of the losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// For two or more classes.
    CrossEntropy,
    /// For two classes with one output unit.
    BinaryCrossEntropy,
    /// For numbers; for classes, the squared distance from the one-hot target.
    MeanSquaredError,
    /// For numbers, less sensitive to outliers.
    MeanAbsoluteError,
    /// Squared for small errors, absolute for large ones.
    Huber,
}

/// Names of the optimizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Stochastic gradient descent, with momentum if that is set.
    Sgd,
    /// Tieleman and Hinton 2012.
    Rmsprop,
    /// Duchi, Hazan and Singer 2011.
    Adagrad,
    /// Kingma and Ba 2015.
    Adam,
    /// Loshchilov and Hutter 2019.
    Adamw,
}

impl OptimizerKind {
    /// Its name in a plan.
    pub fn name(self) -> &'static str {
        match self {
            OptimizerKind::Sgd => "sgd",
            OptimizerKind::Rmsprop => "rmsprop",
            OptimizerKind::Adagrad => "adagrad",
            OptimizerKind::Adam => "adam",
            OptimizerKind::Adamw => "adamw",
        }
    }
}

/// How the learning rate changes with the epochs trained, over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It does not.
    Constant,
    /// Times the factor every so many epochs.
    Step,
    /// The same, smoothly.
    Exponential,
    /// Down to the factor along half a cosine (Loshchilov and Hutter 2017, equation 5, without restarts).
    Cosine,
}
