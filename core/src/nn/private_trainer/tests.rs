use super::*;
use crate::instructions::InstructionSet;
use crate::nn::config::{ModelConfig, Normalization, TrainingConfig};
use crate::nn::reference::{self, Rows};
use crate::nn::{Activation, CLIPPED_SUM_ERROR, Loss, OptimizerKind, PerLayer, evaluate};
use crate::random::{Purpose, Seed};

/// Everybody takes part, in ascending order, and the mean is released as it is.
struct Bare {
    sum: Vec<f64>,
    rows: f64,
    parts: usize,
}

impl Bare {
    fn new(parameters: usize) -> Bare {
        Bare { sum: vec![0.0; parameters], rows: 0.0, parts: 0 }
    }
}

impl GradientMechanism for Bare {
    fn draw(&mut self, rows: u32, batch: &mut Vec<u32>) {
        batch.clear();
        batch.extend(0..rows);
        self.rows = f64::from(rows);
    }
    fn add(&mut self, sum: &[f32]) {
        self.sum.iter_mut().zip(sum).for_each(|(sum, part)| *sum += f64::from(*part));
        self.parts += 1;
    }
    fn release(&mut self, from: usize, last: &mut [f32]) {
        for (out, sum) in last.iter_mut().zip(&mut self.sum[from..]) {
            *out = ((*sum + f64::from(*out)) / self.rows) as f32;
            *sum = 0.0;
        }
    }
}

const CROSS_ENTROPY: Loss = Loss::CrossEntropy { label_smoothing: 0.0 };

/// Networks of every kind of part, with rows for them.
fn networks() -> Vec<(Network, Rows)> {
    let mut networks = Vec::new();
    let losses = [CROSS_ENTROPY, Loss::BinaryCrossEntropy { label_smoothing: 0.1 }, Loss::MeanSquaredError];
    for loss in losses {
        for normalization in [Normalization::None, Normalization::Layer] {
            for bias in [true, false] {
                for activation in [Activation::Relu, Activation::Tanh, Activation::Silu] {
                    let config = ModelConfig {
                        hidden: vec![7, 5],
                        activation: PerLayer::Same(activation),
                        normalization,
                        bias,
                        ..ModelConfig::default()
                    };
                    let outputs = match loss {
                        Loss::MeanSquaredError => 1,
                        Loss::BinaryCrossEntropy { .. } => 2,
                        _ => 3,
                    };
                    networks.push((Network::new(&config, 6, outputs, loss).unwrap(), rows(outputs, 9)));
                }
            }
        }
    }
    networks
}

fn rows(outputs: usize, count: u32) -> Rows {
    let target = |row: u32| match outputs {
        1 => Target::Value(2.0 * reference::noise(500 + row)),
        classes => Target::Class(row % classes as u32),
    };
    Rows::new(6, (0..count).map(target).collect())
}

fn params(network: &Network) -> Params {
    let mut params = network.initialize(&mut Seed(3).stream(Purpose::Initialization));
    for (index, value) in params.values_mut().iter_mut().enumerate() {
        *value += 0.2 * reference::noise(1000 + index as u32);
    }
    params
}

/// The clipped sum of some rows, and the squared norms before clipping.
fn clipped(
    network: &Network,
    params: &Params,
    rows: &Rows,
    chosen: &[usize],
    clip: f64,
) -> (Vec<f32>, Vec<f64>) {
    let mut workspace = Workspace::new(network);
    workspace.reserve_clipping(network, chosen.len());
    for (slot, &row) in chosen.iter().enumerate() {
        workspace.targets[slot] = rows.targets[row];
        workspace.scales[slot] = rows.weights[row];
    }
    workspace.gather(rows, chosen.iter().copied());
    workspace.forward(network, params.values(), chosen.len(), None);
    workspace.judge(network, chosen.len(), true);
    workspace.clipped_backward(network, params.values(), chosen.len(), clip);
    (workspace.gradient, workspace.norms)
}

/// The gradient of one row, straight from the derivatives in double precision.
fn gradient_of(network: &Network, params: &Params, rows: &Rows, row: usize) -> Vec<f64> {
    let wide: Vec<f64> = params.values().iter().map(|&value| f64::from(value)).collect();
    reference::gradient_of_row(network, &wide, rows, row)
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn norms_and_clipped_sums_are_those_of_single_gradients_in_double_precision() {
    for (network, rows) in networks() {
        let params = params(&network);
        let gradients: Vec<Vec<f64>> = (0..9).map(|row| gradient_of(&network, &params, &rows, row)).collect();
        let mut lengths: Vec<f64> = gradients.iter().map(|gradient| norm(gradient)).collect();
        let all: Vec<usize> = (0..9).collect();
        let (_, squares) = clipped(&network, &params, &rows, &all, 1e6);
        for (square, length) in squares.iter().zip(&lengths) {
            let error = (square.sqrt() - length).abs() / length;
            assert!(error < 1e-6, "{:?}: {} {length} {error:e}", network.config(), square.sqrt());
        }
        let ordered = {
            lengths.sort_by(f64::total_cmp);
            lengths
        };
        let clip = ordered[4];
        let (sum, _) = clipped(&network, &params, &rows, &all, clip);
        let shortened = |gradient: &Vec<f64>| (clip / norm(gradient)).min(1.0);
        for (index, found) in sum.iter().enumerate() {
            let wanted: f64 = gradients.iter().map(|gradient| shortened(gradient) * gradient[index]).sum();
            assert!((f64::from(*found) - wanted).abs() < 5e-6 * clip, "{index}: {found}, not {wanted}");
        }
    }
}

/// The norm trick against the gradient that the ordinary passes build for one row alone, to the last digits that single
/// precision leaves: the norm of what is summed, not of a finite difference.
#[test]
fn the_norm_is_that_of_the_gradient_which_the_row_has_alone() {
    for (network, rows) in networks() {
        let params = params(&network);
        for row in 0..9 {
            let (gradient, squares) = clipped(&network, &params, &rows, &[row], 1e6);
            let wide: Vec<f64> = gradient.iter().map(|&value| f64::from(value)).collect();
            let length = norm(&wide);
            assert!((squares[0].sqrt() - length).abs() <= 1e-6 * length, "{} {length}", squares[0].sqrt());
            let clip = 0.37 * length;
            let (short, _) = clipped(&network, &params, &rows, &[row], clip);
            let wide: Vec<f64> = short.iter().map(|&value| f64::from(value)).collect();
            let length = norm(&wide);
            assert!(
                length <= clip * (1.0 + CLIPPED_SUM_ERROR) && length >= clip * (1.0 - 2e-6),
                "{length} {clip}"
            );
        }
    }
}

/// Weights multiply the gradient before the clip, so that no weight makes a row count for more than the clip.
#[test]
fn no_weight_lifts_a_row_above_the_clip() {
    for (network, mut rows) in networks() {
        let params = params(&network);
        let (_, plain) = clipped(&network, &params, &rows, &[4], 1e6);
        let clip = 0.7 * plain[0].sqrt();
        for (weight, length) in [(0.0, 0.0), (0.5, 0.5 / 0.7), (1.0, 1.0), (3.0, 1.0), (1e9, 1.0)] {
            rows.weights[4] = weight;
            let (sum, _) = clipped(&network, &params, &rows, &[4], clip);
            let found = norm(&sum.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>()) / clip;
            assert!(found <= 1.0 + CLIPPED_SUM_ERROR, "{weight}: {found}");
            assert!((found - length).abs() < 1e-5, "{weight}: {found}, not {length}");
        }
    }
}

#[test]
fn an_example_has_the_same_bits_in_any_company() {
    for (network, rows) in networks() {
        let params = params(&network);
        let (_, together) = clipped(&network, &params, &rows, &[3, 1, 8, 0, 2, 7], 1e6);
        for (place, row) in [(0, 3), (2, 8), (5, 7)] {
            let (_, alone) = clipped(&network, &params, &rows, &[row], 1e6);
            assert_eq!(alone[0], together[place]);
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let (network, rows) = networks().swap_remove(3);
    let sums = InstructionSet::available().map(|set| {
        let mut workspace = Workspace::on(set, &network);
        let mut params = params(&network);
        let recipe = Recipe::new(&TrainingConfig::default()).unwrap();
        let dropout = Seed(1).stream(Purpose::Shuffle);
        let mut trainer = PrivateTrainer::new(&network, &recipe, 0.5, 1.0, dropout).unwrap();
        let mut bare = Bare::new(params.len());
        trainer.advance(&mut params, &rows, 3, &mut bare, &mut workspace).unwrap();
        params
    });
    let sums: Vec<Params> = sums.collect();
    assert!(sums.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn what_is_not_a_number_contributes_nothing() {
    let (network, mut rows) = networks().swap_remove(0);
    let params = params(&network);
    let (without, _) = clipped(&network, &params, &rows, &[0, 2], 0.5);
    for bad in [f32::NAN, f32::INFINITY, f32::MAX] {
        rows.features[6] = bad;
        let (with, squares) = clipped(&network, &params, &rows, &[0, 1, 2], 0.5);
        assert!(with.iter().all(|value| value.is_finite()));
        if !squares[1].is_finite() {
            assert_eq!(with, without, "{bad}");
        }
    }
}

/// Sums of more rows than a chunk, in single precision, stay within their bound of those in double precision.
#[test]
fn the_error_of_a_sum_is_within_its_bound() {
    let config = ModelConfig { hidden: vec![40], ..ModelConfig::default() };
    let network = Network::new(&config, 6, 3, CROSS_ENTROPY).unwrap();
    let params = params(&network);
    let rows = rows(3, CHUNK as u32);
    let clip = 0.3;
    let all: Vec<usize> = (0..CHUNK).collect();
    let (together, _) = clipped(&network, &params, &rows, &all, clip);
    let mut exact = vec![0.0; params.len()];
    for row in 0..CHUNK {
        let (alone, _) = clipped(&network, &params, &rows, &[row], clip);
        exact.iter_mut().zip(&alone).for_each(|(sum, part)| *sum += f64::from(*part));
    }
    let apart: Vec<f64> = together.iter().zip(&exact).map(|(sum, exact)| f64::from(*sum) - exact).collect();
    // A single product is rounded, too.
    assert!(norm(&apart) < CLIPPED_SUM_ERROR * clip, "{} {}", norm(&apart), CLIPPED_SUM_ERROR * clip);
}

#[test]
fn with_a_clip_that_nothing_reaches_it_is_ordinary_training() {
    let rows = rows(3, 600);
    for optimizer in [OptimizerKind::Sgd, OptimizerKind::Adam] {
        let training = TrainingConfig {
            optimizer,
            batch_size: BatchSize::Rows(600),
            weight_decay: 0.01,
            learning_rate: 0.02,
            ..TrainingConfig::default()
        };
        let recipe = Recipe::new(&training).unwrap();
        // More parameters than are followed at once.
        let config = ModelConfig { hidden: vec![1000], ..ModelConfig::default() };
        let network = Network::new(&config, 6, 3, recipe.loss()).unwrap();
        assert!(network.layout().len() > STRETCH);
        let stream = || Seed(1).stream(Purpose::Shuffle);
        let mut workspace = Workspace::new(&network);
        let (mut ours, mut plain) = (params(&network), params(&network));
        let mut bare = Bare::new(ours.len());
        let mut trainer = PrivateTrainer::new(&network, &recipe, 1e6, 1.0, stream()).unwrap();
        trainer.advance(&mut ours, &rows, 20, &mut bare, &mut workspace).unwrap();
        assert_eq!(bare.parts, 20, "two chunks a step, one of them the last");
        let mut trainer = crate::nn::Trainer::new(&network, &recipe, stream());
        trainer.advance(&mut plain, &rows, 20 * 600, &mut workspace).unwrap();
        let loss = |params: &Params| evaluate(&network, params, &rows).unwrap().loss;
        assert!((loss(&ours) - loss(&plain)).abs() < 1e-4, "{} {}", loss(&ours), loss(&plain));
    }
}

#[test]
fn recipes_that_read_the_rows_in_another_way_are_refused() {
    let refused = |change: &dyn Fn(&mut TrainingConfig), key: &str| {
        let mut training = TrainingConfig::default();
        change(&mut training);
        let said = Recipe::new(&training).unwrap().per_example().unwrap_err().to_string();
        assert!(said.contains(&format!("`{key}` does not go with")), "{said}");
    };
    refused(&|training| training.class_weights = ClassWeights::Balanced, "class-weights");
    refused(&|training| training.validation_split = 0.1, "validation-split");
    refused(&|training| training.batch_size = BatchSize::Full, "batch-size");
}
