//! From a continuous mechanism to a pair on the lattice.
//!
//! A mechanism shows its privacy loss as an increasing function of one coordinate, and the masses of an interval of
//! that coordinate under both laws; everything else is shared.
//!
//! Dots are dense near zero and thin out in proportion to the loss beyond: at loss `l` they lie `l / 4096` apart,
//! so that the tail costs little. Thinning is only ever pessimistic (fewer dots, the same interpolation from above).

use super::pair::{Builder, LossPair};

/// A pair of laws whose loss increases with a coordinate.
pub(crate) trait Increasing {
    /// The loss at a coordinate.
    fn loss(&self, coordinate: f64) -> f64;
    /// The coordinate where the loss is `loss`; minus infinity below all losses, infinity above.
    fn coordinate(&self, loss: f64) -> f64;
    /// The masses `(p, q)` of an interval of the coordinate; its ends may be infinite.
    fn masses(&self, low: f64, high: f64) -> (f64, f64);
    /// An interval outside of which `Q` (below) and `P` (above) have at most `tail` of mass each.
    fn support(&self, tail: f64) -> (f64, f64);
}

/// Losses closer to zero than this many steps have a dot for each lattice point.
const DENSE: i64 = 4096;

/// Puts a mechanism on the lattice; `tail` of mass at each end may lose its place (to the pessimistic side).
/// `atoms` are masses `(p, q)` beside the continuous part.
pub(crate) fn discretize(law: &impl Increasing, atoms: &[(f64, f64)], step: f64, tail: f64) -> LossPair {
    let (first, last) = law.support(tail);
    let lowest = (law.loss(first) / step).floor() as i64;
    let highest = (law.loss(last) / step).ceil() as i64;
    let mut builder = Builder::new(step);
    for &(p, q) in atoms {
        builder.atom(p, q);
    }
    let mut dot = lowest;
    let mut from = law.coordinate(dot as f64 * step);
    let (p, q) = law.masses(f64::NEG_INFINITY, from);
    builder.below(dot, p, q);
    while dot < highest {
        let next = dot_after(dot);
        let to = law.coordinate(next as f64 * step);
        if to > from {
            let (p, q) = law.masses(from, to);
            builder.interval(dot, next, p, q);
        }
        (dot, from) = (next, to);
    }
    let (p, q) = law.masses(from, f64::INFINITY);
    builder.above(dot, p, q);
    builder.finish()
}

/// The standard deviation of the loss under `P`, to a few per cent: what the step is measured against.
pub(crate) fn deviation(law: &impl Increasing, atoms: &[(f64, f64)], tail: f64) -> f64 {
    const PANELS: usize = 600;
    let (first, last) = law.support(tail);
    let width = (last - first) / PANELS as f64;
    let panels = (0..PANELS).map(|i| {
        let low = first + width * i as f64;
        (law.loss(low + 0.5 * width), law.masses(low, low + width).0)
    });
    let atoms = atoms.iter().map(|&(p, q)| ((p / q).ln(), p));
    let (sum, mean, square) = panels.chain(atoms).fold((0.0, 0.0, 0.0), |(sum, mean, square), (loss, p)| {
        (sum + p, mean + p * loss, square + p * loss * loss)
    });
    (square / sum - (mean / sum).powi(2)).max(0.0).sqrt()
}

/// The next dot: one step on, or a fixed part of the distance from zero where that is more.
fn dot_after(dot: i64) -> i64 {
    dot + (dot.abs() / (DENSE + 1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_ascend_through_zero() {
        let mut dot = -3_000_000;
        let mut count = 0;
        while dot < 3_000_000 {
            let next = dot_after(dot);
            assert!(next > dot);
            assert!(dot.signum() == next.signum() || dot == 0 || next == 0, "{dot} {next}");
            (dot, count) = (next, count + 1);
        }
        assert!(count < 80_000, "{count}");
    }
}
