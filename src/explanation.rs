//! What the final model of a run goes by.

use crate::document::explanation::{ExplainedFeature, Explanation};
use crate::error::CommandError;
use crate::runtime;
use privet_core::data::{Features, Shard};
use privet_core::nn::{self, Examples};
use privet_core::random::Seed;

/// Times each feature is shuffled.
const REPEATS: u32 = 10;
/// Midpoints of the integral; completeness holds to a few thousandths with them.
const STEPS: u32 = 32;
/// Features beyond which nobody reads a list of them.
const MOST_FEATURES: usize = 200;

/// Explains a model file by the test rows of a table. Images have no features with names, and rows that nobody has
/// cannot be shuffled: nothing is said of them.
pub(crate) fn of_model(
    model: &[u8],
    test: &Shard,
    seed: Seed,
    threads: usize,
) -> Result<Option<Explanation>, CommandError> {
    let features = test.dataset().named_features();
    let is_table = matches!(test.dataset().features(), Features::Floats(_));
    if !is_table || test.is_empty() || features.len() > MOST_FEATURES {
        return Ok(None);
    }
    let (network, params) = nn::from_safetensors(model)
        .expect("the model was written by this run, which releases sound ones only");
    let (importances, attributions) = runtime::pool(threads)?.install(|| {
        let importances = nn::permutation_importance(&network, &params, test, &features, REPEATS, seed)?;
        let attributions = nn::mean_attributions(&network, &params, test, &features, STEPS)?;
        Ok::<_, CommandError>((importances, attributions))
    })?;
    let features = features.into_iter().zip(importances).zip(attributions);
    let features = features.map(|((feature, importance), attribution)| ExplainedFeature {
        name: feature.name,
        loss_increase: importance.loss_increase,
        accuracy_drop: importance.accuracy_drop,
        attribution,
    });
    Ok(Some(Explanation { repeats: REPEATS, features: features.collect() }))
}
