//! One fold of a cross-validation: how good a plan is on rows that were held back from its training.

use super::{BaselineError, Scores, Simulation, SimulationError, Start, centralized};
use crate::data::{Holdings, HoldingsError, Split};
use crate::nn::{self, EvaluateError, Examples};
use crate::plan::{Plan, PlanError};
use crate::random::Purpose;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// How a plan is trained to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// As it says: by clients, in rounds.
    Federated,
    /// On the pooled rows, with as many example-gradients as its rounds have when every client holds as many rows.
    Centralized,
}

/// Why a plan cannot be judged on a fold.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// The rows cannot be dealt.
    #[error(transparent)]
    Deal(#[from] HoldingsError),
    /// The network does not fit the rows.
    #[error(transparent)]
    Network(Box<PlanError>),
    /// The federation stopped.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// The centralized training stopped.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// The model cannot be judged.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

/// Trains by the plan on the training rows of a fold, on one thread, and judges the model by the rows held back.
pub fn validate(plan: &Plan, fold: &Split, regime: Regime) -> Result<Scores, ValidationError> {
    let dealt = plan.seed().stream(Purpose::Partition);
    let holdings = Holdings::new(fold, plan.partition(), plan.data().standardization(), dealt)?;
    let dataset = fold.train.dataset();
    let network = plan
        .network(dataset.width(), dataset.outputs())
        .map_err(|source| ValidationError::Network(Box::new(source)))?;
    let model = match regime {
        Regime::Federated => {
            // Nobody looks at the models on the way.
            let unseen = holdings.test.select([]).expect("no rows can be chosen of any");
            let network = Arc::new(network.clone());
            let shards = &holdings.clients[..];
            // Masks change no bit of a model that promises nothing, and take their time.
            let bare = plan.protection().is_none().then(|| plan.unprotected());
            let simulation = Simulation {
                plan: bare.as_ref().unwrap_or(plan),
                network,
                shards,
                test: &unseen,
                threads: 1,
                noise_seed: None,
                dropout: 0.0,
            };
            simulation.run(&|| Duration::ZERO, &mut |_| ControlFlow::Continue(()))?
        }
        Regime::Centralized => {
            let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
            let start = Start { network: &network, model: &model, recipe: plan.recipe(), seed: plan.seed() };
            let budget = budget(plan, plan.recipe().training_rows(holdings.pooled.len()) as u64);
            let (_, way) = centralized(&start, &holdings.pooled, &holdings.test, &[budget])?;
            return Ok(way[0].test);
        }
    };
    Ok(Scores::from(nn::evaluate(&network, &model, &holdings.test)?))
}

/// The example-gradients of all rounds over `rows` rows in all that are trained on.
fn budget(plan: &Plan, rows: u64) -> u64 {
    let passes = u64::from(plan.rounds()) * u64::from(plan.recipe().epochs());
    let clients = plan.clients();
    let all = u128::from(passes) * u128::from(rows) * u128::from(plan.cohort().wanted(clients));
    u64::try_from(all / u128::from(clients)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::sets;

    fn plan(learning_rate: &str) -> Plan {
        let text = format!(
            "[federation]\nrounds = 3\n[data]\nsource = \"digits\"\n[partition]\nby = \"iid\"\nclients = 5\n\
             [model]\nhidden = [16]\n[training]\nlearning-rate = {learning_rate}\n"
        );
        Plan::parse(&text).unwrap()
    }

    fn fold() -> Split {
        let split = Split::hold_back(Arc::new(sets::digits()), 0.2).unwrap();
        split.folds(4).unwrap().swap_remove(1)
    }

    #[test]
    fn a_plan_that_learns_is_better_than_one_that_hardly_does_in_either_regime() {
        for regime in [Regime::Federated, Regime::Centralized] {
            let [good, poor] = ["0.1", "0.00001"].map(|rate| validate(&plan(rate), &fold(), regime).unwrap());
            assert!(good.loss < poor.loss && good.accuracy > poor.accuracy, "{good:?} {poor:?}");
            assert_eq!(good, validate(&plan("0.1"), &fold(), regime).unwrap(), "the same again");
        }
    }

    #[test]
    fn divergence_is_told() {
        for regime in [Regime::Federated, Regime::Centralized] {
            let refused = validate(&plan("1e38"), &fold(), regime).unwrap_err().to_string();
            assert!(refused.contains("learning rate"), "{refused}");
        }
    }

    #[test]
    fn a_centralized_run_has_the_budget_of_the_rounds() {
        assert_eq!(budget(&plan("0.1"), 1000), 3000);
    }
}
