//! The first weights of a dense layer.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::random::Stream;

/// How the weights of a dense layer start; biases start at zero.
///
/// The variance is a gain over the fan: 2 / (inputs + units) for Glorot (Glorot and Bengio 2010, equation 16),
/// 2 / inputs for He (He et al. 2015, equation 10), 1 / inputs for LeCun (LeCun et al. 1998, section 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initializer {
    /// Uniform with Glorot's variance.
    GlorotUniform,
    /// Normal with Glorot's variance.
    GlorotNormal,
    /// Uniform with He's variance.
    HeUniform,
    /// Normal with He's variance.
    HeNormal,
    /// Uniform with LeCun's variance.
    LecunUniform,
    /// Normal with LeCun's variance.
    LecunNormal,
    /// All zeros: for a model without hidden layers only, since hidden units would stay alike for ever.
    Zeros,
}

impl Initializer {
    /// Fills the weights of a layer.
    pub(in crate::nn) fn fill(self, weights: &mut [f32], inputs: usize, units: usize, stream: &mut Stream) {
        let variance = match self {
            Initializer::GlorotUniform | Initializer::GlorotNormal => 2.0 / (inputs + units) as f32,
            Initializer::HeUniform | Initializer::HeNormal => 2.0 / inputs as f32,
            Initializer::LecunUniform | Initializer::LecunNormal => 1.0 / inputs as f32,
            Initializer::Zeros => 0.0,
        };
        match self {
            Initializer::GlorotUniform | Initializer::HeUniform | Initializer::LecunUniform => {
                // A uniform distribution on (-a, a) has the variance a²/3.
                let bound = (3.0 * variance).sqrt();
                weights.iter_mut().for_each(|weight| *weight = bound * (2.0 * stream.random::<f32>() - 1.0));
            }
            Initializer::GlorotNormal | Initializer::HeNormal | Initializer::LecunNormal => {
                let deviation = variance.sqrt();
                weights.iter_mut().for_each(|weight| *weight = deviation * standard_normal(stream));
            }
            Initializer::Zeros => weights.fill(0.0),
        }
    }
}

/// A draw from the standard normal distribution by Box and Muller 1958. Its logarithm and cosine come from the `libm`
/// crate: the system's own differ between machines in the last bit, and with them the first model would.
fn standard_normal(stream: &mut Stream) -> f32 {
    let radius = (-2.0 * libm::log(1.0 - stream.random::<f64>())).sqrt();
    let angle = std::f64::consts::TAU * stream.random::<f64>();
    (radius * libm::cos(angle)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    fn moments(initializer: Initializer) -> (f64, f64, f64) {
        let mut weights = vec![0.0; 200 * 100];
        initializer.fill(&mut weights, 200, 100, &mut Seed(5).stream(Purpose::Initialization));
        let count = weights.len() as f64;
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
        let variance = weights.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / count;
        let largest = weights.iter().fold(0.0, |high: f64, &w| high.max(f64::from(w).abs()));
        (mean, variance, largest)
    }

    #[test]
    fn each_scheme_has_its_variance() {
        use Initializer::*;
        let wanted = [
            (GlorotUniform, 2.0 / 300.0),
            (GlorotNormal, 2.0 / 300.0),
            (HeUniform, 2.0 / 200.0),
            (HeNormal, 2.0 / 200.0),
            (LecunUniform, 1.0 / 200.0),
            (LecunNormal, 1.0 / 200.0),
        ];
        for (initializer, variance) in wanted {
            let (mean, found, _) = moments(initializer);
            // Five standard errors of the mean, and of the variance of a normal distribution, over 20,000 draws.
            assert!(mean.abs() < 5.0 * (variance / 20_000.0f64).sqrt(), "{initializer:?}: mean {mean}");
            assert!((found / variance - 1.0).abs() < 0.05, "{initializer:?}: variance {found}");
        }
        assert_eq!(moments(Zeros), (0.0, 0.0, 0.0));
    }

    #[test]
    fn uniform_draws_stay_inside_their_bounds_and_normal_ones_do_not() {
        let bound = (3.0f64 * 2.0 / 300.0).sqrt();
        assert!(moments(Initializer::GlorotUniform).2 <= bound);
        assert!(moments(Initializer::GlorotNormal).2 > bound);
    }
}
