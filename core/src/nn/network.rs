//! A checked dense network: which layers, of which sizes, and where each keeps its parameters.

use std::ops::Range;
use std::sync::Arc;

use super::activation::Activation;
use super::config::{ModelConfig, Normalization};
use super::examples::Target;
use super::initializer::Initializer;
use super::loss::Loss;
use super::values::{Choice, PerLayer};
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
    /// Layer normalization of the weighted sums.
    pub(in crate::nn) norm: Option<Norm>,
    pub(in crate::nn) activation: Activation,
    /// Share of the units silenced while training.
    pub(in crate::nn) dropout: f32,
}

/// Where layer normalization keeps its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::nn) struct Norm {
    pub(in crate::nn) gain: Range<usize>,
    pub(in crate::nn) shift: Range<usize>,
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
    /// Batch normalization.
    #[error(
        "batch normalization keeps running means and variances of the rows it saw: in a federation these would leave \
         their participant, outside of every clip and mask, and mix rows of different distributions; use \
         normalization = \"layer\", which needs no statistics of rows"
    )]
    BatchNormalization,
    /// A share of silenced units outside of its range.
    #[error("the dropout of hidden layer {layer} is {value}, but has to be from 0 to below 1")]
    DropoutOutOfRange {
        /// Which layer, from 1.
        layer: usize,
        /// What was given.
        value: f64,
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
            NetworkError::BatchNormalization => "normalization",
            NetworkError::DropoutOutOfRange { .. } => "dropout",
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
        check_hidden(config)?;
        if inputs == 0 {
            return Err(NetworkError::NoInputs);
        }
        let layers = config.hidden.len();
        let mut activations = one_each("activation", &config.activation, layers)?;
        let mut dropouts = one_each("dropout", &config.dropout, layers)?;
        if let Some(layer) = activations.iter().position(|&activation| activation == Activation::Softmax) {
            return Err(NetworkError::SoftmaxInside { layer: layer + 1 });
        }
        if let Some(layer) = dropouts.iter().position(|dropout| !(0.0..1.0).contains(dropout)) {
            return Err(NetworkError::DropoutOutOfRange { layer: layer + 1, value: dropouts[layer] });
        }
        activations.push(output_activation);
        dropouts.push(0.0);
        let widths: Vec<usize> =
            [inputs].into_iter().chain(config.hidden.iter().copied()).chain([units]).collect();
        refuse_too_large(&widths)?;
        let (blocks, layout) = lay_out(config, &widths, &activations, &dropouts);
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

    /// Whether a target can be compared with what it gives.
    pub(in crate::nn) fn takes(&self, target: Target) -> bool {
        match target {
            Target::Class(class) => self.classifies() && (class as usize) < self.outputs,
            Target::Value(value) => !self.classifies() && value.is_finite(),
        }
    }

    /// What its training makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Its tensors, named and ordered as those of a `torch.nn.Sequential`; weights are `[inputs, units]`.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// A first model: weights by the initializer, biases and shifts zero, gains one.
    pub fn initialize(&self, stream: &mut Stream) -> Params {
        let mut params = Params::zeros(self.layout.clone());
        for block in &self.blocks {
            let weights = &mut params.values_mut()[block.weight.clone()];
            self.config.initializer.fill(weights, block.inputs, block.units, stream);
            if let Some(norm) = &block.norm {
                params.values_mut()[norm.gain.clone()].fill(1.0);
            }
        }
        params
    }

    pub(in crate::nn) fn last(&self) -> &Block {
        self.blocks.last().expect("a network has at least its output layer")
    }
}

fn check_hidden(config: &ModelConfig) -> Result<(), NetworkError> {
    if let Some(layer) = config.hidden.iter().position(|&units| units == 0) {
        return Err(NetworkError::NoUnits { layer: layer + 1 });
    }
    if config.initializer == Initializer::Zeros && !config.hidden.is_empty() {
        return Err(NetworkError::ZerosWithHiddenLayers);
    }
    if config.normalization == Normalization::Batch {
        return Err(NetworkError::BatchNormalization);
    }
    Ok(())
}

fn one_each<T: Copy>(key: &'static str, values: &PerLayer<T>, layers: usize) -> Result<Vec<T>, NetworkError> {
    let found = values.listed().unwrap_or(layers);
    values.spread(layers).ok_or(NetworkError::ListLength { key, layers, found })
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
        // A weight for each input, a bias, a gain and a shift.
        let weights = pair[0].checked_add(3)?.checked_mul(pair[1])?;
        sum.checked_add(weights).filter(|&sum| sum <= MOST_PARAMETERS)
    });
    count.map(|_| ()).ok_or(NetworkError::TooLarge { most: MOST_PARAMETERS })
}

/// Numbers the tensors as PyTorch's `Sequential` numbers its modules: dense layer, normalization, activation, dropout,
/// each of them a module where it is there.
fn lay_out(
    config: &ModelConfig,
    widths: &[usize],
    activations: &[Activation],
    dropouts: &[f64],
) -> (Vec<Block>, Layout) {
    let mut tensors = Tensors::default();
    let mut blocks = Vec::new();
    let mut module = 0;
    for (index, pair) in widths.windows(2).enumerate() {
        let (inputs, units) = (pair[0], pair[1]);
        let weight = tensors.place(format!("{module}.weight"), vec![inputs, units]);
        let bias = config.bias.then(|| tensors.place(format!("{module}.bias"), vec![units]));
        module += 1;
        let hidden = index < config.hidden.len();
        let norm = (hidden && config.normalization == Normalization::Layer).then(|| {
            module += 1;
            let gain = tensors.place(format!("{}.weight", module - 1), vec![units]);
            Norm { gain, shift: tensors.place(format!("{}.bias", module - 1), vec![units]) }
        });
        let (activation, dropout) = (activations[index], dropouts[index] as f32);
        module += usize::from(activation != Activation::Linear) + usize::from(dropout > 0.0);
        blocks.push(Block { inputs, units, weight, bias, norm, activation, dropout });
    }
    (blocks, Layout::new(tensors.list))
}

/// Tensors one behind the other.
#[derive(Default)]
struct Tensors {
    list: Vec<(String, Vec<usize>)>,
    end: usize,
}

impl Tensors {
    /// Puts one behind those that are there; its place.
    fn place(&mut self, name: String, shape: Vec<usize>) -> Range<usize> {
        let start = self.end;
        self.end += shape.iter().product::<usize>();
        self.list.push((name, shape));
        start..self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    const CROSS_ENTROPY: Loss = Loss::CrossEntropy { label_smoothing: 0.0 };

    fn made(
        change: impl FnOnce(&mut ModelConfig),
        outputs: usize,
        loss: Loss,
    ) -> Result<Network, NetworkError> {
        let mut config = ModelConfig { hidden: vec![5, 4], ..ModelConfig::default() };
        change(&mut config);
        Network::new(&config, 6, outputs, loss)
    }

    fn names(network: &Network) -> Vec<&str> {
        network.layout().tensors().iter().map(|tensor| tensor.name.as_str()).collect()
    }

    #[test]
    fn tensors_are_numbered_as_the_modules_of_a_sequential() {
        let plain = made(|_| (), 3, CROSS_ENTROPY).unwrap();
        assert_eq!(names(&plain), ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]);
        assert_eq!(plain.layout().len(), 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3);
        let rich = made(
            |config| {
                config.normalization = Normalization::Layer;
                config.activation = PerLayer::Each(vec![Activation::Relu, Activation::Linear]);
                config.dropout = PerLayer::Each(vec![0.0, 0.5]);
                config.bias = false;
            },
            3,
            CROSS_ENTROPY,
        );
        let wanted = ["0.weight", "1.weight", "1.bias", "3.weight", "4.weight", "4.bias", "6.weight"];
        assert_eq!(names(&rich.unwrap()), wanted);
    }

    #[test]
    fn blocks_cover_the_layout_without_gaps() {
        let network = made(|config| config.normalization = Normalization::Layer, 3, CROSS_ENTROPY).unwrap();
        let mut end = 0;
        for block in &network.blocks {
            let norm = block.norm.iter().flat_map(|norm| [norm.gain.clone(), norm.shift.clone()]);
            for range in [block.weight.clone()].into_iter().chain(block.bias.clone()).chain(norm) {
                assert_eq!(range.start, end);
                end = range.end;
            }
        }
        assert_eq!(end, network.layout().len());
    }

    #[test]
    fn a_first_model_is_seeded_with_zero_biases_and_gains_of_one() {
        let network = made(|config| config.normalization = Normalization::Layer, 3, CROSS_ENTROPY).unwrap();
        let first = |seed| network.initialize(&mut Seed(seed).stream(Purpose::Initialization));
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        for tensor in network.layout().tensors() {
            let values = &first(1).values()[tensor.range()].to_vec();
            match tensor.name.as_str() {
                "1.weight" | "4.weight" => assert!(values.iter().all(|&value| value == 1.0)),
                name if name.ends_with("bias") => assert!(values.iter().all(|&value| value == 0.0)),
                _ => assert!(values.iter().all(|&value| value != 0.0)),
            }
        }
    }

    #[test]
    fn the_output_follows_from_loss_and_data() {
        let binary = made(|_| (), 2, Loss::BinaryCrossEntropy { label_smoothing: 0.0 }).unwrap();
        assert_eq!((binary.outputs(), binary.output_units()), (2, 1));
        assert_eq!(binary.last().activation, Activation::Sigmoid);
        let number = made(|_| (), 1, Loss::MeanSquaredError).unwrap();
        assert!(!number.classifies());
        assert_eq!(number.last().activation, Activation::Linear);
        assert_eq!(made(|_| (), 3, CROSS_ENTROPY).unwrap().last().activation, Activation::Softmax);
    }

    #[test]
    fn what_does_not_fit_is_refused_at_its_key() {
        let given = Choice::Given;
        let refusals: [(Result<Network, NetworkError>, &str); 13] = [
            (made(|config| config.hidden = vec![5, 0], 3, CROSS_ENTROPY), "hidden"),
            (made(|config| config.hidden = vec![1 << 40, 1 << 40], 3, CROSS_ENTROPY), "hidden"),
            (
                made(|config| config.activation = PerLayer::Same(Activation::Softmax), 3, CROSS_ENTROPY),
                "activation",
            ),
            (
                made(|config| config.activation = PerLayer::Each(vec![Activation::Relu]), 3, CROSS_ENTROPY),
                "activation",
            ),
            (
                made(|config| config.output_activation = given(Activation::Relu), 3, CROSS_ENTROPY),
                "output-activation",
            ),
            (
                made(
                    |config| config.output_activation = given(Activation::Softmax),
                    1,
                    Loss::MeanSquaredError,
                ),
                "output-activation",
            ),
            (made(|_| (), 1, CROSS_ENTROPY), "loss"),
            (made(|_| (), 3, Loss::BinaryCrossEntropy { label_smoothing: 0.0 }), "loss"),
            (made(|_| (), 0, Loss::MeanSquaredError), "loss"),
            (made(|config| config.initializer = Initializer::Zeros, 3, CROSS_ENTROPY), "initializer"),
            (made(|config| config.normalization = Normalization::Batch, 3, CROSS_ENTROPY), "normalization"),
            (made(|config| config.dropout = PerLayer::Same(1.0), 3, CROSS_ENTROPY), "dropout"),
            (made(|config| config.dropout = PerLayer::Each(vec![0.1; 3]), 3, CROSS_ENTROPY), "dropout"),
        ];
        for (made, key) in refusals {
            assert_eq!(made.unwrap_err().key(), key);
        }
        assert_eq!(Network::new(&ModelConfig::default(), 0, 3, CROSS_ENTROPY), Err(NetworkError::NoInputs));
        let reason = NetworkError::BatchNormalization.to_string();
        assert!(reason.contains("layer"), "{reason}");
    }
}
