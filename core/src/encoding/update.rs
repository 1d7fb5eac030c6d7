//! What a participant sends.

use zeroize::Zeroize;

/// A participant's update on the fixed-point grid: how its training moved the model, and its weight in the mean.
///
/// Everything that leaves a participant is in here, so that whatever bounds or hides an update covers all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The model after local training less the model before it, one integer a parameter.
    pub delta: Vec<i32>,
    /// Its weight in the mean: the number of examples, or 1. Never 0.
    pub weight: u32,
    /// The mean loss during local training, on the same grid; a diagnostic.
    pub loss: i32,
}

impl Zeroize for Update {
    /// Wipes it, where it leaves its client under masks only.
    fn zeroize(&mut self) {
        let Update { delta, weight, loss } = self;
        delta.zeroize();
        weight.zeroize();
        loss.zeroize();
    }
}
