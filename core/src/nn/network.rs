//! A checked dense network: which layers, of which sizes, and where each keeps its parameters.

use std::ops::Range;
use std::sync::Arc;

use super::activation::Activation;
use super::config::{Choice, ModelConfig};
use super::loss::Loss;
use crate::params::{Layout, Params};
use crate::random::Stream;

/// More parameters than this, 4 GiB of them, are refused.
const MOST_PARAMETERS: usize = 1 << 30;

/// A dense network whose parts fit together: dense layers, their activations, and the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    config: ModelConfig,
    inputs: usize,
    outputs: usize,
    loss: Loss,
    pub(in crate::nn) blocks: Vec<Block>,
    layout: Arc<Layout>,
}

/// A dense layer with what follows it up to the next one.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::nn) struct Block {
    pub(in crate::nn) inputs: usize,
    pub(in crate::nn) units: usize,
    /// Where its weights `[inputs, units]` lie in the parameters.
    pub(in crate::nn) weight: Range<usize>,
    /// Where its biases lie.
    pub(in crate::nn) bias: Option<Range<usize>>,
    pub(in crate::nn) activation: Activation,
}

/// Why a model section, the data and the loss do not make a network.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum NetworkError {
    /// A hidden layer without units.
    #[error("hidden layer {layer} has zero units: give it at least 1, or leave it out")]
    NoUnits {
        /// Which one, from 1.
        layer: usize,
    },
    /// Softmax where it would squeeze a hidden layer.
    #[error(
        "hidden layer {layer} has the activation softmax, which belongs to the output alone: use relu or another one"
    )]
    SoftmaxInside {
        /// Which one, from 1.
        layer: usize,
    },
    /// A list with one value a hidden layer has the wrong length.
    #[error(
        "`{key}` lists {found} values for {layers} hidden layers: give one value for each, or a single one for all"
    )]
    ListLength {
        /// Which key.
        key: &'static str,
        /// How many hidden layers there are.
        layers: usize,
        /// How many values there are.
        found: usize,
    },
    /// The output activation does not go with the loss.
    #[error("the output activation {activation} does not fit the loss {loss}, which needs {needed}")]
    OutputDoesNotFit {
        /// What was asked for.
        activation: &'static str,
        /// The loss.
        loss: &'static str,
        /// What it needs.
        needed: &'static str,
    },
    /// The loss does not go with the number of classes.
    #[error("the loss {loss} does not fit data with {outputs}: it needs {needed}", outputs = outputs_in_words(*outputs))]
    LossDoesNotFit {
        /// The loss.
        loss: &'static str,
        /// Classes, or 1 for a number.
        outputs: usize,
        /// What it needs.
        needed: &'static str,
    },
    /// The rows have no features.
    #[error("the rows have no features to learn from: declare at least one column as a feature")]
    NoInputs,
    /// Every hidden unit would compute the same, for ever.
    #[error("the initializer zeros keeps all hidden units alike for ever: use it without hidden layers only")]
    ZerosWithHiddenLayers,
    /// More parameters than fit.
    #[error("the network would have more than {most} parameters: make its layers smaller")]
    TooLarge {
        /// How many are allowed.
        most: usize,
    },
}

impl NetworkError {
    /// The key of the `[model]` section (of `[training]` for the loss) at which the mistake shows.
    pub fn key(&self) -> &'static str {
        match self {
            NetworkError::NoUnits { .. } | NetworkError::NoInputs | NetworkError::TooLarge { .. } => "hidden",
            NetworkError::SoftmaxInside { .. } => "activation",
            NetworkError::ListLength { key, .. } => key,
            NetworkError::OutputDoesNotFit { .. } => "output-activation",
            NetworkError::LossDoesNotFit { .. } => "loss",
            NetworkError::ZerosWithHiddenLayers => "initializer",
        }
    }
}

fn outputs_in_words(outputs: usize) -> String {
    match outputs {
        1 => "a number to predict".into(),
        classes => format!("{classes} classes"),
    }
}

impl Network {
    /// Checks a model section against the data and the loss: rows of `inputs` features, and `outputs` classes, or 1
    /// for a number to predict.
    pub fn new(
        config: &ModelConfig,
        inputs: usize,
        outputs: usize,
        loss: Loss,
    ) -> Result<Network, NetworkError> {
        let units = output_units(outputs, loss)?;
        let output_activation = match config.output_activation {
            Choice::Auto => loss.natural_output(),
            Choice::Given(activation) => fitting_output(activation, units, loss)?,
        };
        if inputs == 0 {
            return Err(NetworkError::NoInputs);
        }
        if let Some(layer) = config.hidden.iter().position(|&units| units == 0) {
            return Err(NetworkError::NoUnits { layer: layer + 1 });
        }
        if config.initializer == super::Initializer::Zeros && !config.hidden.is_empty() {
            return Err(NetworkError::ZerosWithHiddenLayers);
        }
        let mut activations = config.activation.spread(config.hidden.len()).ok_or_else(|| {
            let found = if let super::PerLayer::Each(values) = &config.activation { values.len() } else { 1 };
            NetworkError::ListLength { key: "activation", layers: config.hidden.len(), found }
        })?;
        if let Some(layer) = activations.iter().position(|&activation| activation == Activation::Softmax) {
            return Err(NetworkError::SoftmaxInside { layer: layer + 1 });
        }
        activations.push(output_activation);
        let widths: Vec<usize> =
            [inputs].into_iter().chain(config.hidden.iter().copied()).chain([units]).collect();
        refuse_too_large(&widths)?;
        let (blocks, layout) = lay_out(&widths, &activations);
        Ok(Network { config: config.clone(), inputs, outputs, loss, blocks, layout: Arc::new(layout) })
    }

    /// The model section that it was made from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Features a row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Classes, or 1 for a number to predict.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Units of the output layer: one a class, except for binary cross-entropy, which has one in all.
    pub fn output_units(&self) -> usize {
        self.last().units
    }

    /// Whether it tells classes apart (or else predicts a number).
    pub fn classifies(&self) -> bool {
        self.outputs > 1
    }

    /// What its training makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Its tensors, named and ordered as those of a `torch.nn.Sequential`; weights are `[inputs, units]`.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// A first model: weights by the initializer, biases zero.
    pub fn initialize(&self, stream: &mut Stream) -> Params {
        let mut params = Params::zeros(self.layout.clone());
        for block in &self.blocks {
            let weights = &mut params.values_mut()[block.weight.clone()];
            self.config.initializer.fill(weights, block.inputs, block.units, stream);
        }
        params
    }

    pub(in crate::nn) fn last(&self) -> &Block {
        self.blocks.last().expect("a network has at least its output layer")
    }
}

fn output_units(outputs: usize, loss: Loss) -> Result<usize, NetworkError> {
    let refused = |needed| Err(NetworkError::LossDoesNotFit { loss: loss.name(), outputs, needed });
    match loss {
        Loss::CrossEntropy { .. } if outputs < 2 => {
            refused("at least two classes; use mean-squared-error for numbers")
        }
        Loss::BinaryCrossEntropy { .. } if outputs != 2 => {
            refused("exactly two classes; use cross-entropy for more of them")
        }
        Loss::BinaryCrossEntropy { .. } => Ok(1),
        _ if outputs == 0 => refused("a number to predict, or classes"),
        _ => Ok(outputs),
    }
}

fn fitting_output(activation: Activation, units: usize, loss: Loss) -> Result<Activation, NetworkError> {
    let refused = |needed| {
        Err(NetworkError::OutputDoesNotFit { activation: activation.name(), loss: loss.name(), needed })
    };
    match loss {
        Loss::CrossEntropy { .. } if activation != Activation::Softmax => refused("softmax"),
        Loss::BinaryCrossEntropy { .. } if activation != Activation::Sigmoid => refused("sigmoid"),
        _ if activation == Activation::Softmax && units == 1 => {
            refused("more than one output for softmax, which makes 1 of a single one")
        }
        _ => Ok(activation),
    }
}

fn refuse_too_large(widths: &[usize]) -> Result<(), NetworkError> {
    let count = widths.windows(2).try_fold(0usize, |sum, pair| {
        let weights = pair[0].checked_add(1)?.checked_mul(pair[1])?;
        sum.checked_add(weights).filter(|&sum| sum <= MOST_PARAMETERS)
    });
    count.map(|_| ()).ok_or(NetworkError::TooLarge { most: MOST_PARAMETERS })
}

/// Numbers the tensors as PyTorch's `Sequential` numbers its modules, in which each activation is one of its own.
fn lay_out(widths: &[usize], activations: &[Activation]) -> (Vec<Block>, Layout) {
    let mut tensors = Vec::new();
    let mut blocks = Vec::new();
    let mut module = 0;
    let mut end = 0;
    let mut place = |len: usize| {
        end += len;
        end - len..end
    };
    for (pair, &activation) in widths.windows(2).zip(activations) {
        let (inputs, units) = (pair[0], pair[1]);
        tensors.push((format!("{module}.weight"), vec![inputs, units]));
        tensors.push((format!("{module}.bias"), vec![units]));
        let (weight, bias) = (place(inputs * units), Some(place(units)));
        blocks.push(Block { inputs, units, weight, bias, activation });
        module += if activation == Activation::Linear { 1 } else { 2 };
    }
    (blocks, Layout::new(tensors))
}
