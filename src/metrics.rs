//! The metrics of a model on rows, and how people read them.

use crate::document::metrics::{Averages, Metrics};
use crate::error::CommandError;
use crate::quantity;
use crate::runtime;
use privet_core::data::Shard;
use privet_core::nn::{self, Average, ConfusionMatrix, Evaluation, Network};
use privet_core::params::Params;

/// How many of the largest outputs may hold the true class: told where there are more classes than that.
const TOP: usize = 5;

/// Judges a model on rows.
pub(crate) fn judge(
    network: &Network,
    model: &Params,
    rows: &Shard,
) -> Result<(Evaluation, Metrics), CommandError> {
    let evaluation = nn::evaluate(network, model, rows)?;
    let over_classes = |measure: fn(&ConfusionMatrix, Average) -> f64| {
        evaluation.confusion.as_ref().map(|confusion| Averages {
            by_class: measure(confusion, Average::Macro),
            by_row: measure(confusion, Average::Micro),
        })
    };
    let roc_auc = match network.classifies() {
        true => nn::roc_auc(&nn::predict(network, model, rows)?, rows),
        false => None,
    };
    let metrics = Metrics {
        top_5_accuracy: if network.outputs() > TOP { evaluation.top_k(TOP) } else { None },
        precision: over_classes(ConfusionMatrix::precision),
        recall: over_classes(ConfusionMatrix::recall),
        f1: over_classes(ConfusionMatrix::f1),
        roc_auc,
        mean_absolute_error: evaluation.errors.map(|errors| errors.mean_absolute_error),
        mean_squared_error: evaluation.errors.map(|errors| errors.mean_squared_error),
        r2: evaluation.errors.and_then(|errors| errors.r2),
    };
    Ok((evaluation, metrics))
}

/// The metrics of the file that a run ended with.
pub(crate) fn of_model(model: &[u8], test: &Shard, threads: usize) -> Result<Metrics, CommandError> {
    let (network, params) = nn::from_safetensors(model)
        .expect("the model was written by this run, which releases sound ones only");
    runtime::pool(threads)?.install(|| Ok(judge(&network, &params, test)?.1))
}

/// The metrics with their names; those that do not exist are left out.
pub(crate) fn figures(metrics: &Metrics) -> Vec<(&'static str, String)> {
    let share = |value: f64| format!("{} %", quantity::percent(value));
    let averages =
        |averages: Averages| format!("{} macro, {} micro", share(averages.by_class), share(averages.by_row));
    let number = |value: f64| format!("{value:.4}");
    let figures = [
        ("top-5 accuracy", metrics.top_5_accuracy.map(share)),
        ("precision", metrics.precision.map(averages)),
        ("recall", metrics.recall.map(averages)),
        ("F1", metrics.f1.map(averages)),
        ("ROC-AUC", metrics.roc_auc.map(number)),
        ("mean absolute error", metrics.mean_absolute_error.map(number)),
        ("mean squared error", metrics.mean_squared_error.map(number)),
        ("R2", metrics.r2.map(number)),
    ];
    figures.into_iter().filter_map(|(name, figure)| Some((name, figure?))).collect()
}
