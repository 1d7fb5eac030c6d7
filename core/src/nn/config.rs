//! The `[model]` and `[training]` sections of a plan, as typed: every key with its default, nothing checked yet.
//!
//! [`Network::new`](super::Network::new) and [`Recipe::new`](super::Recipe::new) check them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::activation::Activation;
use super::initializer::Initializer;

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
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig {
            hidden: vec![200, 200],
            activation: PerLayer::Same(Activation::Relu),
            output_activation: Choice::Auto,
            initializer: Initializer::GlorotUniform,
        }
    }
}

/// The `[training]` section of a plan: how a participant trains on its own rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainingConfig {
    /// What training makes small.
    pub loss: LossKind,
    /// Passes over the rows in a round: E of McMahan et al. 2017. At least 1.
    pub epochs: u32,
    /// Rows a step, or "full" for all of them: B of McMahan et al. 2017. At least 1.
    pub batch_size: BatchSize,
    /// How weights follow their gradient.
    pub optimizer: OptimizerKind,
    /// Step size, above 0.
    pub learning_rate: f64,
    /// Share of the last step that goes into the next one, from 0 to below 1. For `sgd`.
    pub momentum: f64,
    /// Decay of the mean gradient, from 0 to below 1. For `adam`.
    pub beta1: f64,
    /// Decay of the mean squared gradient, from 0 to below 1. For `adam`.
    pub beta2: f64,
    /// Added to the root of the mean squared gradient, above 0. For `adam`.
    pub epsilon: f64,
    /// λ of a penalty λ/2 |w|² on all parameters, at least 0.
    pub weight_decay: f64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        TrainingConfig {
            loss: LossKind::CrossEntropy,
            epochs: 1,
            batch_size: BatchSize::Rows(10),
            optimizer: OptimizerKind::Sgd,
            learning_rate: 0.05,
            momentum: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
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
    /// Kingma and Ba 2015.
    Adam,
}

/// Rows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    /// So many; the last mini-batch of an epoch has what is left.
    Rows(u32),
    /// All rows: one step an epoch.
    Full,
}

/// A value for all hidden layers, or one for each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PerLayer<T> {
    /// The same for all.
    Same(T),
    /// One for each, from the input on.
    Each(Vec<T>),
}

/// A value, or "auto" for the one that belongs to the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<T> {
    /// What belongs to the rest.
    Auto,
    /// This one.
    Given(T),
}

impl<T: Copy> PerLayer<T> {
    /// The value of each of `layers` layers; none if a list has another length.
    pub(in crate::nn) fn spread(&self, layers: usize) -> Option<Vec<T>> {
        match self {
            PerLayer::Same(value) => Some(vec![*value; layers]),
            PerLayer::Each(values) => (values.len() == layers).then(|| values.clone()),
        }
    }
}

impl Serialize for BatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BatchSize::Rows(rows) => serializer.serialize_u32(*rows),
            BatchSize::Full => serializer.serialize_str("full"),
        }
    }
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed;
        impl Visitor<'_> for Typed {
            type Value = BatchSize;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of rows from 1 to 4294967295, or \"full\"")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<BatchSize, E> {
                let rows = u32::try_from(value);
                rows.map(BatchSize::Rows)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<BatchSize, E> {
                let rows = u32::try_from(value);
                rows.map(BatchSize::Rows).map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<BatchSize, E> {
                match value {
                    "full" => Ok(BatchSize::Full),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Typed)
    }
}

impl<T: Serialize> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Choice::Auto => serializer.serialize_str("auto"),
            Choice::Given(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Typed<T> {
            type Value = Choice<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value, or \"auto\"")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Choice<T>, E> {
                match value {
                    "auto" => Ok(Choice::Auto),
                    _ => T::deserialize(value.into_deserializer()).map(Choice::Given),
                }
            }
        }
        deserializer.deserialize_any(Typed(PhantomData))
    }
}

// Written out, since an untagged enum would answer a misspelt value with no word about the right ones.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerLayer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Typed<T> {
            type Value = PerLayer<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value, or a list with one value for each hidden layer")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<PerLayer<T>, E> {
                T::deserialize(value.into_deserializer()).map(PerLayer::Same)
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<PerLayer<T>, E> {
                T::deserialize(value.into_deserializer()).map(PerLayer::Same)
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<PerLayer<T>, E> {
                T::deserialize(value.into_deserializer()).map(PerLayer::Same)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<PerLayer<T>, E> {
                T::deserialize(value.into_deserializer()).map(PerLayer::Same)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PerLayer<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(PerLayer::Same)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<PerLayer<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(PerLayer::Each)
            }
        }
        deserializer.deserialize_any(Typed(PhantomData))
    }
}
