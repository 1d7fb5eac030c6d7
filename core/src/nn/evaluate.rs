//! Running a model over rows: to judge it, and to see what it says of each.

use rayon::prelude::*;

use super::evaluation::{Evaluation, Sums};
use super::examples::{Examples, Target};
use super::misfit::{Misfit, check_model, check_width, fitting_target};
use super::network::Network;
use super::workspace::Workspace;
use crate::params::Params;

/// Rows judged together. Fixed, so that the result does not depend on the number of threads.
const ROWS: usize = 250;

/// Why a model could not be judged.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum EvaluateError {
    /// There is nothing to judge by.
    #[error("there are no rows to judge the model by")]
    NoRows,
    /// The rows or the model do not fit the network.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// Judges a model on all rows, which count alike whatever their weights, in parallel over chunks of a fixed size whose
/// results are added in order: neither the threads nor the machine can change a bit of it.
pub fn evaluate(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
) -> Result<Evaluation, EvaluateError> {
    check_shapes(network, params, examples)?;
    let origin = origin(examples);
    let parts: Vec<Sums> = chunk_starts(examples)
        .into_par_iter()
        .map_init(
            || Workspace::new(network),
            |workspace, start| judge(network, params, examples, start, origin, workspace),
        )
        .collect::<Result<_, _>>()?;
    Ok(Sums::total(network, &parts).evaluation(network))
}

/// The mean loss alone, on the calling thread: the same bits as [`evaluate`]'s.
pub(super) fn mean_loss(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
    workspace: &mut Workspace,
) -> Result<f64, EvaluateError> {
    check_shapes(network, params, examples)?;
    let origin = origin(examples);
    let parts: Vec<Sums> = chunk_starts(examples)
        .into_iter()
        .map(|start| judge(network, params, examples, start, origin, workspace))
        .collect::<Result<_, _>>()?;
    Ok(Sums::total(network, &parts).evaluation(network).loss)
}

/// What a model says of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    width: usize,
    values: Vec<f32>,
}

impl Predictions {
    /// The outputs for each row, in order: a probability for each class, the probability of class 1 for binary
    /// cross-entropy, or a number.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }
}

/// What a model says of rows; their targets are not looked at. In parallel, and the same for any number of threads.
pub fn predict(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
) -> Result<Predictions, EvaluateError> {
    check_shapes(network, params, examples)?;
    let width = network.output_units();
    let mut values = vec![0.0; examples.len() * width];
    values.par_chunks_mut(ROWS * width).enumerate().for_each_init(
        || Workspace::new(network),
        |workspace, (chunk, values)| {
            let (start, rows) = (chunk * ROWS, values.len() / width);
            workspace.reserve(network, rows);
            workspace.gather(examples, start..start + rows);
            workspace.forward(network, params.values(), rows, None);
            workspace.activate_output(network, rows);
            values.copy_from_slice(workspace.outputs(network, rows));
        },
    );
    Ok(Predictions { width, values })
}

fn check_shapes(network: &Network, params: &Params, examples: &dyn Examples) -> Result<(), EvaluateError> {
    if examples.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    check_width(network, examples.width())?;
    check_model(network, params)?;
    Ok(())
}

fn chunk_starts(examples: &dyn Examples) -> Vec<usize> {
    (0..examples.len()).step_by(ROWS).collect()
}

/// A number near all targets: sums of squares are taken from there, so that they keep their digits.
fn origin(examples: &dyn Examples) -> f64 {
    match examples.target(0) {
        Target::Value(value) => f64::from(value),
        Target::Class(_) => 0.0,
    }
}

fn judge(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
    start: usize,
    origin: f64,
    workspace: &mut Workspace,
) -> Result<Sums, EvaluateError> {
    let rows = ROWS.min(examples.len() - start);
    workspace.reserve(network, rows);
    for slot in 0..rows {
        workspace.targets[slot] = fitting_target(network, examples, start + slot)?;
        workspace.scales[slot] = 1.0;
    }
    workspace.gather(examples, start..start + rows);
    workspace.forward(network, params.values(), rows, None);
    let mut sums = Sums::new(network);
    sums.add_loss(rows, workspace.judge(network, rows, false));
    let outputs = workspace.outputs(network, rows).chunks_exact(network.output_units());
    for (outputs, target) in outputs.zip(&workspace.targets) {
        match *target {
            Target::Class(class) => sums.add_class(class as usize, outputs),
            Target::Value(value) => sums.add_value(value, outputs[0], origin),
        }
    }
    Ok(sums)
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
    fn predictions_are_probabilities_whose_largest_ones_the_confusion_counts() {
        let (network, params, rows) = setting(777);
        let predictions = predict(&network, &params, &rows).unwrap();
        let mut counts = vec![vec![0; 4]; 4];
        for (row, outputs) in predictions.rows().enumerate() {
            assert!((outputs.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let best = (0..4).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b])).unwrap();
            counts[row % 4][best] += 1;
        }
        assert_eq!(evaluate(&network, &params, &rows).unwrap().confusion.unwrap().counts, counts);
    }

    #[test]
    fn the_loss_alone_has_the_bits_of_the_whole_evaluation() {
        let (network, params, rows) = setting(777);
        let alone = mean_loss(&network, &params, &rows, &mut Workspace::new(&network)).unwrap();
        assert_eq!(alone, evaluate(&network, &params, &rows).unwrap().loss);
    }

    #[test]
    fn bad_input_is_told_apart() {
        let (network, params, _) = setting(1);
        let attempt = |rows: &Rows| evaluate(&network, &params, rows);
        assert_eq!(attempt(&Rows::new(9, vec![])), Err(EvaluateError::NoRows));
        let narrow = Rows::new(8, vec![Target::Class(0)]);
        assert_eq!(attempt(&narrow), Err(Misfit::WrongWidth { expected: 9, found: 8 }.into()));
        let (row, target, outputs) = (0, Target::Value(1.0), 4);
        let number = Rows::new(9, vec![target]);
        assert_eq!(attempt(&number), Err(Misfit::TargetDoesNotFit { row, target, outputs }.into()));
        let other =
            Network::new(&ModelConfig::default(), 9, 5, Loss::CrossEntropy { label_smoothing: 0.0 }).unwrap();
        let refused = evaluate(&other, &params, &Rows::new(9, vec![Target::Class(0)]));
        assert!(matches!(refused, Err(EvaluateError::Misfit(Misfit::WrongModel { .. }))));
    }
}
