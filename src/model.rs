//! `privet model`: what is in a model file, and the same model for other runtimes.

use crate::cli::ModelCommand;
use crate::document::model::{ModelDescription, ModelLayer};
use crate::error::CommandError;
use crate::output;
use crate::table;
use privet_core::nn::{self, Layer, Network};
use privet_core::params::Params;
use privet_core::protocol::HexDigest;
use std::fs;
use std::path::Path;

/// Does what was asked for.
pub(crate) fn run(command: &ModelCommand) -> Result<(), CommandError> {
    match command {
        ModelCommand::Show { file, json } => show(file, *json),
        ModelCommand::Export { model, onnx } => {
            let (_, network, params) = read(model)?;
            fs::write(onnx, nn::to_onnx(&network, &params))
                .map_err(|source| CommandError::Write { path: onnx.clone(), source })
        }
    }
}

/// Reads a model file: its bytes, and the model in it.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, Network, Params), CommandError> {
    let path = || path.to_owned();
    let bytes = fs::read(path()).map_err(|source| CommandError::ReadModel { path: path(), source })?;
    let (network, params) =
        nn::from_safetensors(&bytes).map_err(|source| CommandError::ModelFile { path: path(), source })?;
    Ok((bytes, network, params))
}

fn show(file: &Path, json: bool) -> Result<(), CommandError> {
    let (bytes, network, params) = read(file)?;
    let document = ModelDescription {
        model_sha256: HexDigest::of(&bytes).to_string(),
        bytes: bytes.len() as u64,
        inputs: network.inputs(),
        outputs: network.outputs(),
        loss: network.loss().name().to_owned(),
        parameters: params.len(),
        layers: network.layers().iter().map(line).collect(),
        model: serde_json::to_value(network.config()).expect("lists, numbers and names always serialize"),
    };
    output::result(&document, json, || table::model(&document))
}

fn line(layer: &Layer) -> ModelLayer {
    let Layer { number, kind, inputs, outputs, parameters } = *layer;
    ModelLayer { number, kind: kind.to_owned(), inputs, outputs, parameters }
}
