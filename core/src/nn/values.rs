//! Values of a plan that are not just a number or a name.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

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

/// A value, or "off".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch<T> {
    /// Not in use.
    Off,
    /// In use with this value.
    On(T),
}

impl<T: Copy> Switch<T> {
    /// The value, if in use.
    pub fn value(self) -> Option<T> {
        match self {
            Switch::Off => None,
            Switch::On(value) => Some(value),
        }
    }
}

/// How much the rows of a class count.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// All alike.
    None,
    /// n / (k n_c) for each of the k classes that occur among the n rows, n_c times: every class counts as much as any
    /// other. From the rows trained on alone, so that a participant's counts stay with it.
    Balanced,
    /// One for each class, from class 0 on.
    Given(Vec<f64>),
}

impl<T: Copy> PerLayer<T> {
    /// How many values a list has; none for a single value.
    pub(in crate::nn) fn listed(&self) -> Option<usize> {
        match self {
            PerLayer::Same(_) => None,
            PerLayer::Each(values) => Some(values.len()),
        }
    }

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
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<PerLayer<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(PerLayer::Each)
            }
        }
        deserializer.deserialize_any(Typed(PhantomData))
    }
}

impl<T: Serialize> Serialize for Switch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Switch::Off => serializer.serialize_str("off"),
            Switch::On(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Typed<T> {
            type Value = Switch<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number, or \"off\"")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Switch<T>, E> {
                match value {
                    "off" => Ok(Switch::Off),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Switch<T>, E> {
                T::deserialize(value.into_deserializer()).map(Switch::On)
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Switch<T>, E> {
                T::deserialize(value.into_deserializer()).map(Switch::On)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Switch<T>, E> {
                T::deserialize(value.into_deserializer()).map(Switch::On)
            }
        }
        deserializer.deserialize_any(Typed(PhantomData))
    }
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ClassWeights::None => serializer.serialize_str("none"),
            ClassWeights::Balanced => serializer.serialize_str("balanced"),
            ClassWeights::Given(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed;
        impl<'de> Visitor<'de> for Typed {
            type Value = ClassWeights;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("\"none\", \"balanced\", or a list with one weight for each class")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<ClassWeights, E> {
                match value {
                    "none" => Ok(ClassWeights::None),
                    "balanced" => Ok(ClassWeights::Balanced),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ClassWeights, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ClassWeights::Given)
            }
        }
        deserializer.deserialize_any(Typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::config::{ModelConfig, TrainingConfig};
    use crate::nn::{Activation, BatchSize};

    #[test]
    fn every_value_is_written_and_read_back() {
        let mut training = TrainingConfig {
            batch_size: BatchSize::Full,
            class_weights: ClassWeights::Given(vec![1.0, 2.5]),
            clip_norm: Switch::On(2.0),
            early_stopping: Switch::On(3),
            ..TrainingConfig::default()
        };
        for _ in 0..2 {
            let text = toml::to_string(&training).unwrap();
            assert_eq!(toml::from_str::<TrainingConfig>(&text).unwrap(), training, "{text}");
            training = TrainingConfig::default();
        }
        let model = ModelConfig {
            hidden: vec![4, 3],
            activation: PerLayer::Each(vec![Activation::Relu, Activation::GeluTanh]),
            output_activation: Choice::Given(Activation::Softmax),
            dropout: PerLayer::Same(0.5),
            ..ModelConfig::default()
        };
        let text = toml::to_string(&model).unwrap();
        assert_eq!(toml::from_str::<ModelConfig>(&text).unwrap(), model, "{text}");
    }

    #[test]
    fn values_are_read_in_every_form() {
        let text = "activation = [\"tanh\", \"gelu-tanh\"]\ndropout = [0, 0.5]\noutput-activation = \"auto\"";
        let model: ModelConfig = toml::from_str(text).unwrap();
        assert_eq!(model.activation, PerLayer::Each(vec![Activation::Tanh, Activation::GeluTanh]));
        assert_eq!(model.dropout, PerLayer::Each(vec![0.0, 0.5]));
        let text = "clip-norm = 3\nbatch-size = 32\nclass-weights = \"balanced\"";
        let training: TrainingConfig = toml::from_str(text).unwrap();
        assert_eq!(training.clip_norm, Switch::On(3.0));
        assert_eq!(training.batch_size, BatchSize::Rows(32));
        assert_eq!(training.class_weights, ClassWeights::Balanced);
    }

    #[test]
    fn a_wrong_value_is_answered_with_the_right_ones() {
        let answer = |text: &str| match toml::from_str::<ModelConfig>(text) {
            Ok(_) => panic!("{text} was read"),
            Err(error) => error.to_string(),
        };
        assert!(answer("activation = \"rellu\"").contains("`relu`"));
        assert!(answer("activation = [\"rellu\"]").contains("`relu`"));
        assert!(answer("output-activation = \"softmaxx\"").contains("`softmax`"));
        assert!(answer("hiden = [3]").contains("`hidden`"));
        let answer = |text: &str| match toml::from_str::<TrainingConfig>(text) {
            Ok(_) => panic!("{text} was read"),
            Err(error) => error.to_string(),
        };
        assert!(answer("batch-size = \"ful\"").contains("\"full\""));
        assert!(answer("batch-size = -1").contains("\"full\""));
        assert!(answer("clip-norm = \"of\"").contains("\"off\""));
        assert!(answer("class-weights = \"even\"").contains("\"balanced\""));
    }
}
