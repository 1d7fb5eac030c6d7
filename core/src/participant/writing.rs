//! How a participant writes its update on the grid.

use super::{LocalTrainingError, Task};
use crate::encoding::{FixedPoint, Rounding};
use crate::plan::Plan;
use crate::random::{Purpose, Seed};

/// The grid of a plan, and how numbers between its steps are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing {
    pub(super) grid: FixedPoint,
    rounding: Rounding,
    seed: Seed,
}

impl Writing {
    pub(super) fn new(plan: &Plan) -> Writing {
        Writing { grid: plan.grid(), rounding: plan.rounding(), seed: plan.seed() }
    }

    /// Writes `after - before` on the grid. The draws of a stochastic rounding are those of the task: the same, however
    /// the update travels.
    pub(super) fn difference(
        &self,
        task: Task<'_>,
        after: &[f32],
        before: &[f32],
    ) -> Result<Vec<i32>, LocalTrainingError> {
        let Task { round, client, .. } = task;
        let mut stream = self.seed.stream_for(Purpose::Rounding, round, client);
        self.grid
            .encode_rounded(after, before, self.rounding, &mut stream)
            .map_err(|source| LocalTrainingError::Encode { client, round, source })
    }
}
