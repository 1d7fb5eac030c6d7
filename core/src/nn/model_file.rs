//! Model files: safetensors, which PyTorch's `load_state_dict` takes as they are.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};

use super::config::ModelConfig;
use super::loss::Loss;
use super::network::{Network, NetworkError};
use crate::params::{Params, Tensor};

/// The one key of the file's metadata. There is no second one: the order of several would not be fixed.
pub(in crate::nn) const KEY: &str = "privet";

/// What the metadata says, so that a file can be judged by itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    version: u32,
    inputs: usize,
    outputs: usize,
    loss: Loss,
    model: ModelConfig,
}

/// Why bytes are no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// Not a whole safetensors file.
    #[error("this is no whole safetensors file: {0}")]
    Format(#[from] SafeTensorError),
    /// The file says nothing about its network.
    #[error(
        "the file's metadata has no key `privet`: it was not written by privet, or has lost its metadata"
    )]
    NoMetadata,
    /// What the file says about its network cannot be read.
    #[error("the file's metadata is not that of a privet model: {0}")]
    Metadata(#[from] serde_json::Error),
    /// The file is of another time.
    #[error("the file has version {found} of the metadata, but this privet reads version 1")]
    Version {
        /// What the file says.
        found: u32,
    },
    /// The network that it describes cannot be.
    #[error("the file describes a network that cannot be: {0}")]
    Network(#[from] NetworkError),
    /// A tensor is missing.
    #[error("the file has no tensor `{name}`, which its architecture needs")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// There are more tensors than the network has.
    #[error("the file has {found} tensors, but its architecture has {expected}")]
    TensorCount {
        /// How many the network has.
        expected: usize,
        /// How many the file has.
        found: usize,
    },
    /// A tensor of another shape or type.
    #[error("tensor `{name}` is {dtype:?} {found:?}, but its architecture needs F32 {expected:?}")]
    TensorShape {
        /// Its name.
        name: String,
        /// Its type in the file.
        dtype: Dtype,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape of the network.
        expected: Vec<usize>,
    },
    /// A number that no trained model has.
    #[error("tensor `{name}` holds NaN or infinity")]
    NotFinite {
        /// Its name.
        name: String,
    },
}

/// A model as the bytes of a safetensors file: tensors named and oriented as in `torch.nn.Sequential` (weights
/// `[units, inputs]`), the network's configuration as JSON under the one metadata key `privet`. The same model always
/// gives the same bytes.
pub fn to_safetensors(network: &Network, params: &Params) -> Vec<u8> {
    let tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = params
        .layout()
        .tensors()
        .iter()
        .map(|tensor| (tensor.name.as_str(), outward_shape(tensor), outward_bytes(tensor, params)))
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (*name, view.expect("a tensor has four bytes for each of its numbers"))
    });
    safetensors::serialize(views, Some([(KEY.to_owned(), metadata(network))].into_iter().collect()))
        .expect("tensors of a layout do not overlap and fit the format")
}

/// What stands under the key `privet`: the network's configuration as JSON.
pub(in crate::nn) fn metadata(network: &Network) -> String {
    let metadata = Metadata {
        version: 1,
        inputs: network.inputs(),
        outputs: network.outputs(),
        loss: network.loss(),
        model: network.config().clone(),
    };
    serde_json::to_string(&metadata).expect("numbers, lists and names always serialize")
}

/// Reads a model back. Refused are files that are truncated, that do not say what network they hold, whose tensors
/// are not those of that network, and models with NaN or infinity.
pub fn from_safetensors(bytes: &[u8]) -> Result<(Network, Params), ModelFileError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let metadata: Metadata = serde_json::from_str(metadata.ok_or(ModelFileError::NoMetadata)?)?;
    if metadata.version != 1 {
        return Err(ModelFileError::Version { found: metadata.version });
    }
    let network = Network::new(&metadata.model, metadata.inputs, metadata.outputs, metadata.loss)?;
    let file = SafeTensors::deserialize(bytes)?;
    let expected = network.layout().tensors().len();
    if file.len() != expected {
        return Err(ModelFileError::TensorCount { expected, found: file.len() });
    }
    // Looked at before memory for all of them is asked for: a few bytes of metadata can promise a huge network.
    for tensor in network.layout().tensors() {
        check_tensor(&file, tensor)?;
    }
    let mut params = Params::zeros(network.layout().clone());
    for tensor in network.layout().tensors() {
        let view = check_tensor(&file, tensor)?;
        let values = &mut params.values_mut()[tensor.range()];
        read_inward(tensor, view.data(), values);
        if !values.iter().all(|value| value.is_finite()) {
            return Err(ModelFileError::NotFinite { name: tensor.name.clone() });
        }
    }
    Ok((network, params))
}

fn check_tensor<'a>(file: &SafeTensors<'a>, tensor: &Tensor) -> Result<TensorView<'a>, ModelFileError> {
    let name = tensor.name.clone();
    let view = file.tensor(&name).map_err(|_| ModelFileError::MissingTensor { name: name.clone() })?;
    let expected = outward_shape(tensor);
    if view.dtype() != Dtype::F32 || view.shape() != expected {
        let (dtype, found) = (view.dtype(), view.shape().to_vec());
        return Err(ModelFileError::TensorShape { name, dtype, found, expected });
    }
    Ok(view)
}

/// In the file a weight is `[units, inputs]`.
fn outward_shape(tensor: &Tensor) -> Vec<usize> {
    tensor.shape.iter().rev().copied().collect()
}

fn outward_bytes(tensor: &Tensor, params: &Params) -> Vec<u8> {
    let values = &params.values()[tensor.range()];
    match tensor.shape[..] {
        [inputs, units] => (0..units)
            .flat_map(|unit| (0..inputs).map(move |input| input * units + unit))
            .flat_map(|index| values[index].to_le_bytes())
            .collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn read_inward(tensor: &Tensor, bytes: &[u8], values: &mut [f32]) {
    let numbers = bytes.as_chunks().0.iter().map(|&number| f32::from_le_bytes(number));
    match tensor.shape[..] {
        [inputs, units] => {
            for (index, number) in numbers.enumerate() {
                let (unit, input) = (index / inputs, index % inputs);
                values[input * units + unit] = number;
            }
        }
        _ => values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    fn model() -> (Network, Params) {
        let config = ModelConfig { hidden: vec![3], ..ModelConfig::default() };
        let network = Network::new(&config, 4, 2, Loss::CrossEntropy { label_smoothing: 0.0 }).unwrap();
        let params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
        (network, params)
    }

    #[test]
    fn a_model_comes_back_as_it_went_and_always_as_the_same_bytes() {
        let (network, params) = model();
        let bytes = to_safetensors(&network, &params);
        assert_eq!(bytes, to_safetensors(&network, &params));
        assert_eq!(from_safetensors(&bytes).unwrap(), (network, params));
    }

    #[test]
    fn weights_are_turned_as_pytorch_has_them() {
        let (network, params) = model();
        let bytes = to_safetensors(&network, &params);
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor("0.weight").unwrap().shape(), [3, 4]);
        assert_eq!(file.tensor("2.bias").unwrap().shape(), [2]);
        // Unit 1, input 2.
        let number: [u8; 4] = file.tensor("0.weight").unwrap().data()[4 * (4 + 2)..][..4].try_into().unwrap();
        assert_eq!(f32::from_le_bytes(number), params.values()[2 * 3 + 1]);
    }

    #[test]
    fn every_truncated_file_is_refused() {
        let (network, params) = model();
        let bytes = to_safetensors(&network, &params);
        for len in 0..bytes.len() {
            assert!(from_safetensors(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn nan_is_refused() {
        let (network, mut params) = model();
        params.values_mut()[0] = f32::NAN;
        let refused = from_safetensors(&to_safetensors(&network, &params));
        assert!(matches!(refused, Err(ModelFileError::NotFinite { name }) if name == "0.weight"));
    }

    fn with_metadata(metadata: Option<&str>) -> Result<(Network, Params), ModelFileError> {
        let numbers = [0u8; 8];
        let view = TensorView::new(Dtype::F32, vec![2], &numbers).unwrap();
        let metadata = metadata.map(|text| [(KEY.to_owned(), text.to_owned())].into());
        from_safetensors(&safetensors::serialize([("0.bias", view)], metadata).unwrap())
    }

    #[test]
    fn foreign_files_are_refused() {
        let describe = |inputs: u64, version| {
            format!(
                r#"{{"version":{version},"inputs":{inputs},"outputs":2,"loss":{{"name":"cross-entropy","label_smoothing":0.0}},"model":{{"hidden":[]}}}}"#
            )
        };
        assert!(matches!(with_metadata(None), Err(ModelFileError::NoMetadata)));
        assert!(matches!(with_metadata(Some("{}")), Err(ModelFileError::Metadata(_))));
        assert!(matches!(with_metadata(Some(&describe(2, 2))), Err(ModelFileError::Version { found: 2 })));
        assert!(matches!(with_metadata(Some(&describe(2, 1))), Err(ModelFileError::TensorCount { .. })));
        // A promise of half a billion inputs must not be believed with memory.
        assert!(matches!(
            with_metadata(Some(&describe(1 << 28, 1))),
            Err(ModelFileError::TensorCount { .. })
        ));
        assert!(matches!(with_metadata(Some(&describe(1 << 62, 1))), Err(ModelFileError::Network(_))));
    }
}
