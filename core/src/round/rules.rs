//! What the coordinator's half needs to know of a plan.

use crate::aggregation::FederatedAveraging;
use crate::encoding::FixedPoint;
use crate::params::Params;
use crate::plan::{CohortRule, Masking, NoiseAt, Plan, Protection};
use crate::protocol::HexDigest;
use crate::random::Seed;
use crate::secagg::RoundContext;
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
    /// How updates are hidden from the coordinator, if they are.
    pub masking: Option<MaskingRules>,
}

/// How masked rounds are run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskingRules {
    /// The plan's masks.
    pub masking: Masking,
    /// The digest of the federation's name.
    pub federation: HexDigest,
    /// The digest of the plan.
    pub plan: HexDigest,
}

impl MaskingRules {
    /// The masks that a plan asks for, if it does.
    pub fn new(plan: &Plan) -> Option<MaskingRules> {
        let masking = *plan.masking()?;
        Some(MaskingRules { masking, federation: HexDigest::of(plan.name().as_bytes()), plan: plan.digest() })
    }

    /// What a round that trains this model is about.
    pub fn context(&self, round: u32, model: &Params) -> RoundContext {
        RoundContext { federation: self.federation.0, round, plan: self.plan.0, model: model.digest() }
    }
}

impl Rules {
    /// The largest norm of an update in steps of the grid, where updates arrive clipped and without noise.
    pub(super) fn norm_limit(&self) -> Option<u64> {
        let protection = self.protection.as_ref()?;
        let bare = protection.noise_at() == NoiseAt::Coordinator;
        let limit = || protection.clip().steps(self.grid.scale());
        bare.then(|| limit().expect("the plan has checked that the clip is a step or more"))
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
            masking: MaskingRules::new(plan),
        }
    }
}
