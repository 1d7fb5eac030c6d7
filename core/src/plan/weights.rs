//! What an update weighs in the mean.

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
