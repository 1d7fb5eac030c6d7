//! The pooled counterpart of a federation that protects single examples.

use crate::error::CommandError;
use crate::setting::Setting;
use privet_core::random::Purpose;
use privet_core::simulation::{PooledPromise, Scores, Start, centralized_by_example};

/// DP-SGD over the pooled rows at the points of a federated way, by as much epsilon; nothing where clients are protected
/// as a whole.
pub(crate) fn way(
    setting: &Setting,
    federated: &[(u64, Scores)],
    epsilon: f64,
) -> Result<Option<Vec<(u64, Scores)>>, CommandError> {
    let Some(protection) = setting.plan.protection().filter(|protection| protection.examples().is_some())
    else {
        return Ok(None);
    };
    let model = setting.network.initialize(&mut setting.plan.seed().stream(Purpose::Initialization));
    let start = Start {
        network: &setting.network,
        model: &model,
        recipe: setting.plan.recipe(),
        seed: setting.plan.seed(),
    };
    let promise = PooledPromise { protection, epsilon, noise_seed: &setting.noise_seed };
    let budgets: Vec<u64> = federated.iter().map(|(gradients, _)| *gradients).collect();
    let holdings = &setting.holdings;
    Ok(Some(centralized_by_example(&start, promise, &holdings.pooled, &holdings.test, &budgets)?))
}
