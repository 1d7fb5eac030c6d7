//! The training core against PyTorch: a few steps from given weights, for every layer, activation, loss, optimizer,
//! penalty and schedule. `core/vectors/make_nn_vectors.py` made the values, in double precision.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reference::Rows;
use super::{ModelConfig, Network, Recipe, Target, Trainer, TrainingConfig, Workspace};
use crate::params::{Params, Tensor};
use crate::random::{Purpose, Seed};

/// The largest difference allowed, relative to the largest number of a tensor.
const AGREEMENT: f64 = 1e-5;

#[derive(Deserialize)]
struct Document {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    model: ModelConfig,
    training: TrainingConfig,
    inputs: usize,
    outputs: usize,
    features: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
    before: BTreeMap<String, Vec<f64>>,
    losses: Vec<f64>,
    after: BTreeMap<String, Vec<f64>>,
}

impl Case {
    fn rows(&self) -> Rows {
        let target = |&target: &f32| match self.outputs {
            1 => Target::Value(target),
            _ => Target::Class(target as u32),
        };
        let targets = self.targets.iter().map(target).collect();
        Rows { width: self.inputs, features: self.features.clone(), targets, weights: self.weights.clone() }
    }
}

/// The place of number `index` of PyTorch's `[units, inputs]` in our `[inputs, units]`.
fn place(tensor: &Tensor, index: usize) -> usize {
    match tensor.shape[..] {
        [inputs, units] => (index % inputs) * units + index / inputs,
        _ => index,
    }
}

#[test]
fn a_few_steps_end_where_those_of_pytorch_end() {
    let text = include_str!("../../vectors/nn.json");
    let document: Document = serde_json::from_str(text).unwrap();
    assert!(document.cases.len() >= 62);
    for case in &document.cases {
        let recipe = Recipe::new(&case.training).unwrap();
        let network = Network::new(&case.model, case.inputs, case.outputs, recipe.loss()).unwrap();
        let mut params = Params::zeros(network.layout().clone());
        for tensor in network.layout().tensors() {
            let values = &mut params.values_mut()[tensor.range()];
            for (index, number) in case.before[&tensor.name].iter().enumerate() {
                values[place(tensor, index)] = *number as f32;
            }
        }
        let (rows, mut workspace) = (case.rows(), Workspace::new(&network));
        let mut trainer = Trainer::new(&network, &recipe, Seed(1).stream(Purpose::Shuffle));
        for (step, wanted) in case.losses.iter().enumerate() {
            let budget = rows.targets.len() as u64;
            let found = trainer.advance(&mut params, &rows, budget, &mut workspace).unwrap().mean_loss;
            let error = (found - wanted).abs() / wanted.abs();
            assert!(error < AGREEMENT, "{}: loss of step {step} is {found}, not {wanted}", case.name);
        }
        assert_eq!(case.after.len(), network.layout().tensors().len(), "{}", case.name);
        for tensor in network.layout().tensors() {
            let (wanted, found) = (&case.after[&tensor.name], &params.values()[tensor.range()]);
            let size = wanted.iter().fold(0.0, |high: f64, number| high.max(number.abs()));
            for (index, wanted) in wanted.iter().enumerate() {
                let found = f64::from(found[place(tensor, index)]);
                let error = (found - wanted).abs() / size;
                assert!(
                    error < AGREEMENT,
                    "{}: {} [{index}] is {found}, not {wanted}",
                    case.name,
                    tensor.name
                );
            }
        }
    }
}
