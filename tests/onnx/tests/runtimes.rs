//! Exported models give in other runtimes what they give here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use privet_core::nn::{
    Activation, Choice, Examples, Loss, ModelConfig, Network, Normalization, PerLayer, Target, predict,
    to_onnx,
};
use privet_core::params::Params;
use privet_core::random::{Purpose, Seed};
use serde_json::Value;
use std::fs;
use std::process::Command;
use tract_onnx::prelude::*;

const INPUTS: usize = 5;
const ROWS: usize = 7;

struct Model {
    name: String,
    network: Network,
    params: Params,
}

/// One model for every hidden activation, and one for every kind of output.
fn models() -> Vec<Model> {
    let hidden = [
        Activation::Linear,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::Softplus,
    ];
    let cross_entropy = Loss::CrossEntropy { label_smoothing: 0.0 };
    let with = |activation, outputs, loss| {
        model(ModelConfig { activation: PerLayer::Same(activation), ..small() }, outputs, loss)
    };
    let mut models: Vec<Model> =
        hidden.into_iter().map(|activation| with(activation, 3, cross_entropy)).collect();
    models.push(with(Activation::Relu, 2, Loss::BinaryCrossEntropy { label_smoothing: 0.0 }));
    models.push(with(Activation::Relu, 1, Loss::MeanSquaredError));
    let output_activation = Choice::Given(Activation::Silu);
    models.push(model(ModelConfig { output_activation, ..small() }, 3, Loss::MeanSquaredError));
    models.push(model(ModelConfig { hidden: vec![], ..small() }, 3, cross_entropy));
    let (normalization, dropout) = (Normalization::Layer, PerLayer::Same(0.5));
    models.push(model(ModelConfig { normalization, dropout, bias: false, ..small() }, 3, cross_entropy));
    models
}

fn small() -> ModelConfig {
    ModelConfig { hidden: vec![8, 6], ..ModelConfig::default() }
}

fn model(config: ModelConfig, outputs: usize, loss: Loss) -> Model {
    let network = Network::new(&config, INPUTS, outputs, loss).unwrap();
    let mut params = network.initialize(&mut Seed(3).stream(Purpose::Initialization));
    // Biases of zero would hide mistakes in them.
    params.values_mut().iter_mut().enumerate().for_each(|(index, value)| *value += 0.3 * noise(index));
    let name = format!("{config:?} {}", loss.name());
    Model { name, network, params }
}

/// A number between -1 and 1 that belongs to an index.
fn noise(index: usize) -> f32 {
    (index as f32 * 12.9898).sin()
}

fn features() -> Vec<f32> {
    (0..ROWS * INPUTS).map(|index| 2.0 * noise(100 + index)).collect()
}

/// The rows; nobody asks for their targets.
struct Rows;

impl Examples for Rows {
    fn len(&self) -> usize {
        ROWS
    }
    fn width(&self) -> usize {
        INPUTS
    }
    fn copy_features(&self, row: usize, out: &mut [f32]) {
        out.copy_from_slice(&features()[row * INPUTS..][..INPUTS]);
    }
    fn target(&self, _: usize) -> Target {
        Target::Class(0)
    }
}

/// Holds the outputs of another runtime, row after row, against what the model gives here.
fn check(model: &Model, outputs: &[f32]) {
    let Model { name, network, params } = model;
    let here = predict(network, params, &Rows).unwrap();
    let here: Vec<f32> = here.rows().flatten().copied().collect();
    assert_eq!(outputs.len(), here.len(), "{name}");
    for (there, here) in outputs.iter().zip(&here) {
        assert!((there - here).abs() < 1e-5 * here.abs().max(1.0), "{name}: {there} there, {here} here");
    }
}

#[test]
fn tract_agrees() {
    for model in models() {
        let bytes = to_onnx(&model.network, &model.params);
        let plan = tract_onnx::onnx()
            .model_for_read(&mut &bytes[..])
            .and_then(|graph| graph.into_optimized())
            .and_then(|graph| graph.into_runnable())
            .unwrap_or_else(|error| panic!("{}: {error:?}", model.name));
        let rows = tract_ndarray::Array2::from_shape_vec((ROWS, INPUTS), features()).unwrap();
        let outputs = plan.run(tvec!(rows.into_tensor().into())).unwrap();
        let outputs = outputs[0].to_plain_array_view::<f32>().unwrap().iter().copied().collect::<Vec<_>>();
        check(&model, &outputs);
    }
}

/// Runs every model in the folder on the rows beside it.
const RUN: &str = "\
import json, sys
try:
    import numpy, onnxruntime
except ImportError:
    print('skipped')
    sys.exit(0)
rows = numpy.array(json.load(open(sys.argv[1] + '/rows.json')), dtype=numpy.float32)
outputs = []
for number in range(int(sys.argv[2])):
    session = onnxruntime.InferenceSession(f'{sys.argv[1]}/{number}.onnx', providers=['CPUExecutionProvider'])
    outputs.append(session.run(['output'], {'features': rows})[0].flatten().tolist())
print(json.dumps(outputs))
";

#[test]
fn onnxruntime_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let models = models();
    for (number, model) in models.iter().enumerate() {
        let file = folder.path().join(format!("{number}.onnx"));
        fs::write(file, to_onnx(&model.network, &model.params)).unwrap();
    }
    let rows: Vec<Vec<f32>> = features().chunks(INPUTS).map(<[f32]>::to_vec).collect();
    fs::write(folder.path().join("rows.json"), serde_json::to_string(&rows).unwrap()).unwrap();
    let count = models.len().to_string();
    let Ok(output) = Command::new("python3").args(["-c", RUN]).arg(folder.path()).arg(count).output() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if printed.trim() == "skipped" {
        eprintln!("skipped: python3 has not both numpy and onnxruntime");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outputs: Value = serde_json::from_str(&printed).unwrap();
    for (model, outputs) in models.iter().zip(outputs.as_array().unwrap()) {
        let outputs: Vec<f32> =
            outputs.as_array().unwrap().iter().map(|output| output.as_f64().unwrap() as f32).collect();
        check(model, &outputs);
    }
}
