//! Integrated gradients: what the model says of a row, divided among its features (Sundararajan, Taly and Yan 2017).

use super::Feature;
use super::input_gradient::{input_gradient, outputs};
use crate::nn::evaluation::predicted;
use crate::nn::misfit::{check_model, check_width};
use crate::nn::{EvaluateError, Examples, Network};
use crate::params::Params;
use rayon::prelude::*;

/// Rows that a mean is taken over at most; of more, as many are chosen evenly.
pub const MOST_ROWS: usize = 256;

/// `(x_i - b_i) ∫ ∂F(b + a (x - b))/∂x_i da` over a from 0 to 1 (section 3, equation 1), for every feature i of the
/// row x, where b is the baseline and F the given output of the network: a probability where it tells classes apart.
///
/// The integral is a sum over `steps` midpoints. The parts add up to `F(x) - F(b)` as steps become many
/// (completeness, proposition 1); for a linear model every number of steps is exact.
///
/// `row` and `baseline` have as many numbers as the network has inputs; `output` is below its output units and
/// `steps` above 0, or else there is nothing to divide and every part is 0.
pub fn integrated_gradients(
    network: &Network,
    params: &Params,
    row: &[f32],
    baseline: &[f32],
    output: usize,
    steps: u32,
) -> Result<Vec<f64>, EvaluateError> {
    for found in [row.len(), baseline.len()] {
        check_width(network, found)?;
    }
    check_model(network, params)?;
    if output >= network.output_units() || steps == 0 {
        return Ok(vec![0.0; row.len()]);
    }
    Ok(attributions(network, params, row, baseline, output, steps))
}

/// The mean over rows of |the integrated gradients of each feature, its inputs added up|, in the output that the model
/// favours for the row (of several), from a row of zeros: for standardized features, the holder's mean. At most
/// [`MOST_ROWS`] rows are looked at. Neither threads nor machine change a bit of it.
pub fn mean_attributions(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
    features: &[Feature],
    steps: u32,
) -> Result<Vec<f64>, EvaluateError> {
    if examples.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    check_width(network, examples.width())?;
    check_model(network, params)?;
    let baseline = vec![0.0; examples.width()];
    let rows = examples.len().min(MOST_ROWS);
    let parts: Vec<Vec<f64>> = (0..rows)
        .into_par_iter()
        .map(|at| {
            let mut row = vec![0.0; examples.width()];
            examples.copy_features(at * examples.len() / rows, &mut row);
            let output = favoured(&outputs(network, params.values(), &wide(&row)));
            let parts = attributions(network, params, &row, &baseline, output, steps.max(1));
            let of = |feature: &Feature| parts[feature.inputs.clone()].iter().sum::<f64>().abs();
            features.iter().map(of).collect()
        })
        .collect();
    let mean = |feature: usize| parts.iter().map(|row| row[feature]).sum::<f64>() / rows as f64;
    Ok((0..features.len()).map(mean).collect())
}

fn attributions(
    network: &Network,
    params: &Params,
    row: &[f32],
    baseline: &[f32],
    output: usize,
    steps: u32,
) -> Vec<f64> {
    let (row, baseline) = (wide(row), wide(baseline));
    let way: Vec<f64> = row.iter().zip(&baseline).map(|(x, b)| x - b).collect();
    let mut slopes = vec![0.0; row.len()];
    for step in 0..steps {
        let share = (f64::from(step) + 0.5) / f64::from(steps);
        let point: Vec<f64> = baseline.iter().zip(&way).map(|(b, way)| b + share * way).collect();
        let gradient = input_gradient(network, params.values(), &point, output);
        slopes.iter_mut().zip(&gradient).for_each(|(slope, by)| *slope += by);
    }
    slopes.iter().zip(&way).map(|(slope, way)| slope / f64::from(steps) * way).collect()
}

/// The output to explain: the class that the row is given; of a single unit, that one.
fn favoured(outputs: &[f64]) -> usize {
    if outputs.len() == 1 {
        return 0;
    }
    predicted(&outputs.iter().map(|&output| output as f32).collect::<Vec<_>>())
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&value| f64::from(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::misfit::Misfit;
    use crate::nn::reference::{Rows, noise};
    use crate::nn::{Activation, Loss, ModelConfig, PerLayer, Target};
    use crate::random::{Purpose, Seed};

    fn model(hidden: Vec<usize>, outputs: usize, loss: Loss) -> (Network, Params) {
        let activation = PerLayer::Same(Activation::Tanh);
        let config = ModelConfig { hidden, activation, ..ModelConfig::default() };
        let network = Network::new(&config, 5, outputs, loss).unwrap();
        let mut params = network.initialize(&mut Seed(7).stream(Purpose::Initialization));
        let values = params.values_mut().iter_mut().enumerate();
        values.for_each(|(index, value)| *value += 0.3 * noise(index as u32));
        (network, params)
    }

    fn numbers(from: u32) -> Vec<f32> {
        (from..from + 5).map(noise).collect()
    }

    #[test]
    fn the_parts_of_a_linear_model_are_weight_times_distance_from_the_baseline() {
        let (network, params) = model(vec![], 1, Loss::MeanSquaredError);
        let (row, baseline) = (numbers(40), numbers(80));
        for steps in [1, 7] {
            let parts = integrated_gradients(&network, &params, &row, &baseline, 0, steps).unwrap();
            for (input, part) in parts.iter().enumerate() {
                let (w, x, b) = (params.values()[input], row[input], baseline[input]);
                let wanted = f64::from(w) * (f64::from(x) - f64::from(b));
                assert!((part - wanted).abs() < 1e-12, "{part}, not {wanted}");
            }
        }
    }

    #[test]
    fn the_parts_add_up_to_what_they_divide() {
        let (network, params) = model(vec![8, 6], 3, Loss::CrossEntropy { label_smoothing: 0.0 });
        let (row, baseline) = (numbers(40), numbers(80));
        let at = |row: &[f32], output: usize| outputs(&network, params.values(), &wide(row))[output];
        for output in 0..3 {
            let parts = integrated_gradients(&network, &params, &row, &baseline, output, 256).unwrap();
            let (sum, whole) = (parts.iter().sum::<f64>(), at(&row, output) - at(&baseline, output));
            assert!(whole.abs() > 1e-3, "there is something to divide");
            assert!((sum - whole).abs() < 1e-5, "{sum}, not {whole}");
        }
    }

    #[test]
    fn a_feature_without_weight_has_no_part_and_threads_change_nothing() {
        let (network, mut params) = model(vec![8], 3, Loss::CrossEntropy { label_smoothing: 0.0 });
        params.values_mut()[2 * 8..3 * 8].fill(0.0);
        let rows = Rows::new(5, (0..700).map(|row| Target::Class(row % 3)).collect());
        let feature = |inputs: std::ops::Range<usize>| Feature { name: format!("{inputs:?}"), inputs };
        let features = [feature(0..2), feature(2..3), feature(3..5)];
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| mean_attributions(&network, &params, &rows, &features, 16).unwrap())
        };
        let found = with(1);
        assert_eq!(found[1], 0.0);
        assert!(found[0] > 0.0 && found[2] > 0.0, "{found:?}");
        assert_eq!(found, with(4));
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let (network, params) = model(vec![], 1, Loss::MeanSquaredError);
        let refused = integrated_gradients(&network, &params, &[0.0; 4], &[0.0; 5], 0, 8);
        assert_eq!(refused, Err(Misfit::WrongWidth { expected: 5, found: 4 }.into()));
    }
}
