//! Draws from the normal, gamma and Dirichlet distributions, the same bits on every machine.
//!
//! They use `libm` where a system's own logarithm could differ in its last bit and move a row to another client.

use rand::RngExt;

use crate::random::Stream;

/// A draw from N(0, 1) by the polar method of Marsaglia and Bray 1964.
pub(super) fn normal(stream: &mut Stream) -> f64 {
    loop {
        let x = 2.0 * stream.random::<f64>() - 1.0;
        let y = 2.0 * stream.random::<f64>() - 1.0;
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * libm::log(square) / square).sqrt();
        }
    }
}

/// A draw from the Dirichlet distribution; a class of concentration 0 gets the share 0.
///
/// It works with logarithms of gamma draws: at small concentrations the draws themselves would all round to zero.
pub(super) fn dirichlet(concentrations: &[f64], stream: &mut Stream) -> Vec<f64> {
    let logs: Vec<f64> = concentrations
        .iter()
        .map(
            |&concentration| {
                if concentration > 0.0 { log_gamma_draw(concentration, stream) } else { f64::NEG_INFINITY }
            },
        )
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logs.iter().map(|log| libm::exp(log - largest)).collect();
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

/// The logarithm of a draw from Gamma(`shape`, 1), by Marsaglia and Tsang 2000. Below a shape of 1 it is that of
/// `shape + 1` times `u^(1/shape)`.
fn log_gamma_draw(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let boost = libm::log(open_unit(stream)) / shape;
        return log_gamma_draw(shape + 1.0, stream) + boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(stream);
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if libm::log(open_unit(stream)) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return libm::log(d * v);
        }
    }
}

/// A draw from the open interval (0, 1).
fn open_unit(stream: &mut Stream) -> f64 {
    1.0 - stream.random::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    /// With a fixed seed: the sample mean lies within four standard errors.
    fn assert_mean(draws: &[f64], mean: f64, variance: f64) {
        let found = draws.iter().sum::<f64>() / draws.len() as f64;
        let error = (variance / draws.len() as f64).sqrt();
        assert!((found - mean).abs() < 4.0 * error, "mean {found}, expected {mean} within {error} x 4");
    }

    #[test]
    fn normal_draws_have_the_right_moments() {
        let mut stream = Seed(1).stream(Purpose::Partition);
        let draws: Vec<f64> = (0..100_000).map(|_| normal(&mut stream)).collect();
        assert_mean(&draws, 0.0, 1.0);
        let squares: Vec<f64> = draws.iter().map(|x| x * x).collect();
        assert_mean(&squares, 1.0, 2.0);
        let fourth: Vec<f64> = draws.iter().map(|x| x.powi(4)).collect();
        assert_mean(&fourth, 3.0, 96.0);
    }

    #[test]
    fn gamma_draws_have_the_right_moments() {
        for shape in [0.1, 0.9, 1.0, 7.5] {
            let mut stream = Seed(2).stream(Purpose::Partition);
            let draws: Vec<f64> = (0..100_000).map(|_| log_gamma_draw(shape, &mut stream).exp()).collect();
            assert_mean(&draws, shape, shape);
            let squares: Vec<f64> = draws.iter().map(|x| x * x).collect();
            let second = shape * (shape + 1.0);
            let fourth = second * (shape + 2.0) * (shape + 3.0);
            assert_mean(&squares, second, fourth - second * second);
        }
    }

    #[test]
    fn shares_have_the_right_moments_and_add_up() {
        let concentrations = [0.2, 0.0, 1.0, 0.8];
        let mut stream = Seed(3).stream(Purpose::Partition);
        let draws: Vec<Vec<f64>> = (0..50_000).map(|_| dirichlet(&concentrations, &mut stream)).collect();
        assert!(
            draws.iter().all(|shares| (shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && shares[1] == 0.0)
        );
        for (class, concentration) in concentrations.into_iter().enumerate() {
            let mean = concentration / 2.0;
            let of_class: Vec<f64> = draws.iter().map(|shares| shares[class]).collect();
            assert_mean(&of_class, mean, (mean * (1.0 - mean) / 3.0).max(1e-30));
        }
    }

    #[test]
    fn a_tiny_concentration_leaves_one_class() {
        let mut stream = Seed(4).stream(Purpose::Partition);
        let shares = dirichlet(&[1e-6; 10], &mut stream);
        assert_eq!(shares.iter().filter(|&&share| share > 0.999).count(), 1);
    }
}
