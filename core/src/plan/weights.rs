//! What an update weighs in the mean.

use super::check::Checker;
use super::raw::WeightsName;
use super::{Conflict, PlanError};
use crate::aggregation::Sum;

/// The weight of a participant's update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The number of its examples, `n_k` in McMahan et al. 2017, but no more than the cap.
    Examples {
        /// The largest weight: 1 or more.
        cap: u32,
    },
    /// 1, whatever it has.
    Uniform,
}

impl Weights {
    /// The weight of an update that was trained on so many examples: 1 or more of them.
    pub fn of(self, examples: usize) -> u32 {
        match self {
            Weights::Examples { cap } => u32::try_from(examples).unwrap_or(u32::MAX).clamp(1, cap),
            Weights::Uniform => 1,
        }
    }

    /// The largest weight that an update can have.
    pub fn largest(self) -> u32 {
        match self {
            Weights::Examples { cap } => cap,
            Weights::Uniform => 1,
        }
    }
}

impl Checker {
    /// The weights that `[aggregation]` says, if the sum of so many updates holds them.
    pub(super) fn weights(&self, selected: u32) -> Result<Weights, PlanError> {
        let section = &self.raw.aggregation;
        let limit = Sum::WEIGHT_LIMIT;
        let largest = limit / u64::from(selected);
        match (section.weights, section.weight_cap) {
            (WeightsName::Uniform, None) => Ok(Weights::Uniform),
            (WeightsName::Uniform, Some(_)) => Err(self.conflict(
                ("aggregation", "weight-cap"),
                ("aggregation", "weights"),
                Conflict::CapWithoutExamples,
            )),
            (WeightsName::Examples, None) => Ok(Weights::Examples { cap: largest as u32 }),
            (WeightsName::Examples, Some(cap)) => {
                self.within("aggregation", "weight-cap", cap, 1, u32::MAX, "1 or more")?;
                if u64::from(cap) > largest {
                    let conflict = Conflict::WeightBeyondSum { selected, cap, limit, largest };
                    return Err(self.conflict(
                        ("aggregation", "weight-cap"),
                        ("cohort", "fraction"),
                        conflict,
                    ));
                }
                Ok(Weights::Examples { cap })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_count_up_to_the_cap() {
        let weights = Weights::Examples { cap: 100 };
        assert_eq!([1, 60, 600].map(|examples| weights.of(examples)), [1, 60, 100]);
        assert_eq!(Weights::Uniform.of(600), 1);
    }
}
