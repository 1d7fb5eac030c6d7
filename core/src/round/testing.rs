//! What tests of rounds share.

use super::{Effect, RoundRecord, Rules};
use crate::aggregation::FederatedAveraging;
use crate::encoding::FixedPoint;
use crate::plan::{CohortRule, SamplingRule};
use crate::random::Seed;
use std::time::Duration;

/// The records of the rounds that were closed by some steps, in their order.
pub(super) fn closed(effects: &[Effect]) -> Vec<RoundRecord> {
    let record = |effect: &Effect| match effect {
        Effect::Closed { record, .. } => Some(RoundRecord::clone(record)),
        _ => None,
    };
    effects.iter().filter_map(record).collect()
}

/// Two parameters, three places, everybody in every round, two contributions at the least, ten seconds.
pub(super) fn rules() -> Rules {
    Rules {
        places: 3,
        wait_for: 3,
        rounds: 2,
        cohort: CohortRule { sampling: SamplingRule::Fixed, fraction: 1.0, over_selection: 1.0 },
        minimum: 2,
        deadline: Duration::from_secs(10),
        weight_cap: 100,
        grid: FixedPoint::new(16).unwrap(),
        strategy: FederatedAveraging { server_learning_rate: 1.0 },
        seed: Seed(1),
        protection: None,
        masking: None,
    }
}
