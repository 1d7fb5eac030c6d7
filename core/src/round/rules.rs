//! What the coordinator's half needs to know of a plan.

use crate::aggregation::FederatedAveraging;
use crate::encoding::FixedPoint;
use crate::plan::{CohortRule, NoiseAt, Plan, Protection};
use crate::privacy::Clip;
use crate::random::Seed;
use std::time::Duration;

/// The rules by which rounds are run. Made from a checked plan, so that they agree with one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How many places for clients the federation has; they are numbered from 1.
    pub places: u32,
    /// How many clients must have enrolled before the first round opens.
    pub wait_for: u32,
    /// How many rounds there are.
    pub rounds: u32,
    /// How a cohort is drawn.
    pub cohort: CohortRule,
    /// How many contributions a round needs at the least to release its sum.
    pub minimum: u32,
    /// How long a round waits for its cohort.
    pub deadline: Duration,
    /// The largest weight that one contribution may have.
    pub weight_cap: u32,
    /// The grid on which updates are written.
    pub grid: FixedPoint,
    /// How the mean update becomes the next model.
    pub strategy: FederatedAveraging,
    /// The seed of the federation.
    pub seed: Seed,
    /// How clients are protected, if privacy is promised.
    pub protection: Option<Protection>,
}

impl Rules {
    /// The largest norm of an update in steps of the grid in a round with this clip, where updates arrive clipped and
    /// without noise.
    pub(super) fn norm_limit(&self, clip: Clip) -> Option<u64> {
        let bare = self.protection.as_ref()?.noise_at() == NoiseAt::Coordinator;
        let limit = || clip.steps(self.grid.scale());
        bare.then(|| limit().expect("no clip of a plan is less than a step"))
    }

    /// How many numbers an update of so many parameters has.
    pub fn coordinates(&self, parameters: usize) -> usize {
        self.protection.as_ref().map_or(parameters, |protection| protection.coordinates(parameters))
    }

    /// The rules that a plan sets.
    pub fn new(plan: &Plan) -> Rules {
        Rules {
            places: plan.clients(),
            wait_for: plan.wait_for(),
            rounds: plan.rounds(),
            cohort: plan.cohort(),
            minimum: plan.minimum(),
            deadline: plan.deadline(),
            weight_cap: plan.weights().largest(),
            grid: plan.grid(),
            strategy: plan.strategy(),
            seed: plan.seed(),
            protection: plan.protection().cloned(),
        }
    }
}
