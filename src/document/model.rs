//! The document of `privet model show`: what is in a model file.

use serde::{Deserialize, Serialize};

/// A model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelDescription {
    /// SHA-256 of the file, lower-case hexadecimal.
    pub(crate) model_sha256: String,
    /// Size of the file.
    pub(crate) bytes: u64,
    /// Features a row.
    pub(crate) inputs: usize,
    /// Classes, or 1 for a number to predict.
    pub(crate) outputs: usize,
    /// What its training made small.
    pub(crate) loss: String,
    /// Numbers that were trained, over all layers.
    pub(crate) parameters: usize,
    /// The layers, from the input on.
    pub(crate) layers: Vec<ModelLayer>,
    /// What the file's metadata says of the network, as the `[model]` section of a plan has it.
    pub(crate) model: serde_json::Value,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelLayer {
    /// Its number among the modules of a `torch.nn.Sequential`: the tensors `N.weight` and `N.bias` are its own.
    pub(crate) number: usize,
    /// `dense`, `layer-normalization`, `dropout`, or the name of an activation.
    pub(crate) kind: String,
    /// Numbers that go in, for each row.
    pub(crate) inputs: usize,
    /// Numbers that come out, for each row.
    pub(crate) outputs: usize,
    /// Numbers that were trained.
    pub(crate) parameters: usize,
}
