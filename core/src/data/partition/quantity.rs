//! `quantity`: rows in random order, in parts of log-normal sizes: client `k` has a share proportional to
//! `exp(sigma z_k)`, `z_k ~ N(0, 1)`.
//!
//! Everybody gets `min_rows` first and the rest is divided in those shares, so that no draw has to be repeated.

use rand::seq::SliceRandom;

use super::draws::normal;
use crate::random::Stream;

/// `clients x min_rows` rows or fewer must be there; if they are fewer, the sizes are equal and the caller finds
/// them too small.
pub(super) fn deal(
    rows: &[u32],
    clients: u32,
    sigma: f64,
    min_rows: u32,
    stream: &mut Stream,
) -> Vec<Vec<u32>> {
    let mut rows = rows.to_vec();
    rows.shuffle(stream);
    let shares: Vec<f64> = (0..clients).map(|_| libm::exp(sigma * normal(stream))).collect();
    let least = (min_rows as usize).min(rows.len() / clients as usize);
    let mut rest = rows.as_slice();
    sizes(rows.len(), least, &shares)
        .into_iter()
        .map(|size| {
            let (part, behind) = rest.split_at(size);
            rest = behind;
            part.to_vec()
        })
        .collect()
}

/// `least` for everybody and the rest in these shares; what rounding down leaves goes to the largest remainders.
fn sizes(rows: usize, least: usize, shares: &[f64]) -> Vec<usize> {
    let rest = rows - least * shares.len();
    let total: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares.iter().map(|share| share / total * rest as f64).collect();
    let mut sizes: Vec<usize> = exact.iter().map(|exact| least + exact.floor() as usize).collect();
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    by_remainder.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let given: usize = sizes.iter().sum();
    for &client in by_remainder.iter().cycle().take(rows.saturating_sub(given)) {
        sizes[client] += 1;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_add_up_and_follow_the_shares() {
        assert_eq!(sizes(10, 1, &[1.0, 1.0, 2.0]), [3, 3, 4]);
        assert_eq!(sizes(10, 0, &[1.0, 0.0, 0.0]), [10, 0, 0]);
        assert_eq!(sizes(7, 2, &[1e-300, 1.0, 1.0]), [2, 3, 2]);
    }
}
