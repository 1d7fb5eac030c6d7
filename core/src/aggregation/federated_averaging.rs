//! FederatedAveraging (McMahan et al. 2017, Algorithm 1): the next model is the mean of the participants' models.

use super::sum::Mean;
use crate::params::Params;

/// Moves the model by the mean of the updates, times the server's learning rate `eta`.
///
/// With `eta = 1` this is the average of the local models, as in the paper; other values are the generalization
/// of Reddi et al. 2021 (Algorithm 1 with plain SGD at the server).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FederatedAveraging {
    /// `eta`: how far to go in the direction of the mean update. Above 0.
    pub server_learning_rate: f64,
}

impl FederatedAveraging {
    /// The next model: `w + eta * mean`, computed in double precision and rounded once.
    pub fn apply(&self, params: &mut Params, mean: &Mean) {
        debug_assert_eq!(params.len(), mean.delta.len());
        for (value, delta) in params.values_mut().iter_mut().zip(&mean.delta) {
            *value = (f64::from(*value) + self.server_learning_rate * delta) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Layout;
    use std::sync::Arc;

    #[test]
    fn moves_the_model_by_the_mean_update() {
        let layout = Arc::new(Layout::new([("0.bias".into(), vec![2])]));
        let mut params = Params::new(layout, vec![1.0, -2.0]).unwrap();
        let mean = Mean { delta: vec![0.5, 1.0], loss: 0.0 };
        FederatedAveraging { server_learning_rate: 0.5 }.apply(&mut params, &mean);
        assert_eq!(params.values(), [1.25, -1.5]);
    }
}
