//! How good a model is on rows that it is judged by.

use rayon::prelude::*;
use serde::Serialize;

use super::examples::{Examples, Target};
use super::network::Network;
use super::train::fits;
use super::workspace::Workspace;
use crate::params::Params;

/// Rows judged together. Fixed, so that the result does not depend on the number of threads.
const ROWS: usize = 250;

/// What came out of judging a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// How many rows were judged.
    pub examples: u64,
    /// The mean of the rows' losses.
    pub loss: f64,
    /// The share of rows whose class was told right; none where a number is predicted.
    pub accuracy: Option<f64>,
    /// How many rows of each class were taken for each; none where a number is predicted.
    pub confusion: Option<ConfusionMatrix>,
}

/// Counts of rows by their true class and the class that the model gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfusionMatrix {
    /// `counts[true class][predicted class]`.
    pub counts: Vec<Vec<u64>>,
}

/// Why a model could not be judged.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum EvaluateError {
    /// There is nothing to judge by.
    #[error("there are no rows to judge the model by")]
    NoRows,
    /// The rows have another number of features than the network has inputs.
    #[error("the rows have {found} features, but the network takes {expected}: it was made for other data")]
    WrongWidth {
        /// Inputs of the network.
        expected: usize,
        /// Features of the rows.
        found: usize,
    },
    /// The parameters are those of another network.
    #[error(
        "the model has {found} parameters, but the network has {expected}: it is of another architecture"
    )]
    WrongModel {
        /// Parameters of the network.
        expected: usize,
        /// Parameters of the model.
        found: usize,
    },
    /// A target that the network cannot be compared with.
    #[error(
        "row {row} has the target {target:?}, which does not fit a network for {outputs} classes (1: a number)"
    )]
    TargetDoesNotFit {
        /// Which row, from 0.
        row: usize,
        /// Its target.
        target: Target,
        /// Classes of the network, or 1.
        outputs: usize,
    },
}

/// Judges a model on all rows, in parallel over chunks of a fixed size whose results are added in order: neither the
/// threads nor the machine can change a bit of it.
pub fn evaluate(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
) -> Result<Evaluation, EvaluateError> {
    if examples.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    if examples.width() != network.inputs() {
        return Err(EvaluateError::WrongWidth { expected: network.inputs(), found: examples.width() });
    }
    if params.len() != network.layout().len() {
        return Err(EvaluateError::WrongModel { expected: network.layout().len(), found: params.len() });
    }
    let starts: Vec<usize> = (0..examples.len()).step_by(ROWS).collect();
    let parts: Vec<Part> = starts
        .into_par_iter()
        .map_init(
            || Workspace::new(network),
            |workspace, start| judge(network, params, examples, start, workspace),
        )
        .collect::<Result<_, _>>()?;
    let mut total = Part::new(network);
    parts.iter().for_each(|part| total.add(part));
    Ok(total.evaluation(network))
}

/// Sums over some rows.
struct Part {
    rows: u64,
    loss: f64,
    counts: Vec<Vec<u64>>,
}

impl Part {
    fn new(network: &Network) -> Part {
        let classes = if network.classifies() { network.outputs() } else { 0 };
        Part { rows: 0, loss: 0.0, counts: vec![vec![0; classes]; classes] }
    }

    fn add(&mut self, other: &Part) {
        self.rows += other.rows;
        self.loss += other.loss;
        for (ours, theirs) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *ours += theirs;
        }
    }

    fn evaluation(self, network: &Network) -> Evaluation {
        let right: u64 = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
        Evaluation {
            examples: self.rows,
            loss: self.loss / self.rows as f64,
            accuracy: network.classifies().then(|| right as f64 / self.rows as f64),
            confusion: network.classifies().then_some(ConfusionMatrix { counts: self.counts }),
        }
    }
}

fn judge(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
    start: usize,
    workspace: &mut Workspace,
) -> Result<Part, EvaluateError> {
    let rows = ROWS.min(examples.len() - start);
    workspace.reserve(network, rows);
    for slot in 0..rows {
        let (row, outputs) = (start + slot, network.outputs());
        let target = examples.target(row);
        if !fits(network, target) {
            return Err(EvaluateError::TargetDoesNotFit { row, target, outputs });
        }
        workspace.targets[slot] = target;
        workspace.scales[slot] = 1.0;
    }
    workspace.gather(examples, start..start + rows);
    workspace.forward(network, params.values(), rows);
    let mut part = Part::new(network);
    part.rows = rows as u64;
    part.loss = workspace.judge(network, rows, false);
    let outputs = workspace.outputs(network, rows).chunks_exact(network.output_units());
    for (outputs, target) in outputs.zip(&workspace.targets) {
        if let Target::Class(class) = *target {
            part.counts[class as usize][predicted(outputs)] += 1;
        }
    }
    Ok(part)
}

/// The class that the outputs of a row stand for: the largest one, the first among equals; of a single sigmoid unit,
/// class 1 from a half on.
pub(in crate::nn) fn predicted(outputs: &[f32]) -> usize {
    if let [single] = outputs {
        return usize::from(*single >= 0.5);
    }
    let mut best = 0;
    for (class, value) in outputs.iter().enumerate() {
        if *value > outputs[best] {
            best = class;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::config::ModelConfig;
    use crate::nn::reference::{self, Rows};
    use crate::nn::{Loss, Recipe, TrainingConfig};
    use crate::random::{Purpose, Seed};

    fn setting(rows: u32) -> (Network, Params, Rows) {
        let recipe = Recipe::new(&TrainingConfig::default()).unwrap();
        let network = Network::new(&ModelConfig::default(), 9, 4, recipe.loss()).unwrap();
        let params = network.initialize(&mut Seed(2).stream(Purpose::Initialization));
        let rows = Rows::new(9, (0..rows).map(|row| Target::Class(row % 4)).collect());
        (network, params, rows)
    }

    #[test]
    fn the_loss_is_that_of_the_definition() {
        let (network, params, rows) = setting(777);
        let wide: Vec<f64> = params.values().iter().map(|&value| f64::from(value)).collect();
        let found = evaluate(&network, &params, &rows).unwrap();
        assert!((found.loss - reference::loss(&network, &wide, &rows)).abs() < 1e-5);
        assert_eq!(found.examples, 777);
        let counts = found.confusion.unwrap().counts;
        assert_eq!(counts.iter().flatten().sum::<u64>(), 777);
        let right: u64 = (0..4).map(|class| counts[class][class]).sum();
        assert_eq!(found.accuracy, Some(right as f64 / 777.0));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (network, params, rows) = setting(2000);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evaluate(&network, &params, &rows).unwrap())
        };
        assert_eq!(with(1), with(2));
        assert_eq!(with(1), with(8));
    }

    #[test]
    fn of_equal_outputs_the_first_class_wins_and_a_half_is_class_one() {
        assert_eq!(predicted(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(predicted(&[0.5]), 1);
        assert_eq!(predicted(&[0.499]), 0);
    }

    #[test]
    fn bad_input_is_told_apart() {
        let (network, params, _) = setting(1);
        let attempt = |rows: &Rows| evaluate(&network, &params, rows);
        assert_eq!(attempt(&Rows::new(9, vec![])), Err(EvaluateError::NoRows));
        let narrow = Rows::new(8, vec![Target::Class(0)]);
        assert_eq!(attempt(&narrow), Err(EvaluateError::WrongWidth { expected: 9, found: 8 }));
        let (row, target, outputs) = (0, Target::Value(1.0), 4);
        let number = Rows::new(9, vec![target]);
        assert_eq!(attempt(&number), Err(EvaluateError::TargetDoesNotFit { row, target, outputs }));
        let other =
            Network::new(&ModelConfig::default(), 9, 5, Loss::CrossEntropy { label_smoothing: 0.0 }).unwrap();
        let refused = evaluate(&other, &params, &Rows::new(9, vec![Target::Class(0)]));
        assert!(matches!(refused, Err(EvaluateError::WrongModel { .. })));
    }
}
