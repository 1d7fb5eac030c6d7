//! The cumulant generating function of a composition, and the window that holds its tilted law.
//!
//! Tilting by `lambda` multiplies the mass at loss `l` by `e^(lambda l)` and normalises. A sum of independent losses
//! tilts term by term, `K(lambda)` being the sum of `ln E[e^(lambda l)]`.

use super::pair::LossPair;

/// A pair and how often it is composed.
pub(crate) struct Term {
    pub(crate) pair: LossPair,
    pub(crate) count: u64,
}

/// `K` and its first two derivatives at one `lambda`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cumulants {
    pub(crate) log_mgf: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// Cumulants of one pair's finite part, not multiplied by its count.
pub(crate) fn cumulants_of(pair: &LossPair, lambda: f64) -> Cumulants {
    let slope = lambda * pair.step;
    let ends = [pair.index.first(), pair.index.last()];
    // Shifting by the largest exponent keeps every term at most its mass.
    let shift =
        ends.into_iter().flatten().map(|&index| slope * index as f64).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    for (&index, &mass) in pair.index.iter().zip(&pair.mass) {
        let place = index as f64;
        let weight = mass * (slope * place - shift).exp();
        sum += weight;
        first += weight * place;
        second += weight * place * place;
    }
    let mean = first / sum;
    Cumulants {
        log_mgf: sum.ln() + shift,
        mean: mean * pair.step,
        variance: (second / sum - mean * mean).max(0.0) * pair.step * pair.step,
    }
}

/// Cumulants of the whole composition.
pub(crate) fn cumulants(terms: &[Term], lambda: f64) -> Cumulants {
    let mut total = Cumulants { log_mgf: 0.0, mean: 0.0, variance: 0.0 };
    for term in terms {
        let one = cumulants_of(&term.pair, lambda);
        let count = term.count as f64;
        total.log_mgf += count * one.log_mgf;
        total.mean += count * one.mean;
        total.variance += count * one.variance;
    }
    total
}

/// The `lambda >= 0` whose Chernoff bound on `P(loss > epsilon)` is `e^log_delta` for the smallest `epsilon`:
/// where `K - lambda K' = log_delta`, or the largest useful `lambda` if the loss has an atom at its top.
pub(crate) fn tilt_for_delta(terms: &[Term], log_delta: f64) -> f64 {
    solve_tilt(terms, |at, lambda| (at.log_mgf - lambda * at.mean - log_delta, -lambda * at.variance))
}

/// The `lambda >= 0` whose tilted mean is `epsilon`; 0 when the mean is already above.
pub(crate) fn tilt_for_epsilon(terms: &[Term], epsilon: f64) -> f64 {
    solve_tilt(terms, |at, _| (epsilon - at.mean, -at.variance))
}

/// Newton's method inside a bracket on a function that falls with `lambda`; a rough root suffices, as every `lambda`
/// gives correct results and only the width of the window depends on it.
fn solve_tilt(terms: &[Term], function: impl Fn(Cumulants, f64) -> (f64, f64)) -> f64 {
    let at_zero = cumulants(terms, 0.0);
    if function(at_zero, 0.0).0 <= 0.0 {
        return 0.0;
    }
    let top = Top::of(terms);
    let finest = terms.iter().map(|term| term.pair.step).fold(f64::INFINITY, f64::min);
    let (mut low, mut high) = (0.0, 4.0 / finest);
    let mut lambda = (1.0 / at_zero.variance.max(1e-12).sqrt()).min(0.5 * high);
    for _ in 0..60 {
        let at = cumulants(terms, lambda);
        let (value, slope) = function(at, lambda);
        let enough = value <= 0.0 || top.holds_half(at, lambda);
        if enough {
            high = lambda
        } else {
            low = lambda
        }
        let newton = lambda - value / slope;
        let inside = newton > low && newton < high;
        // Where Newton leaves the bracket, a geometric middle: lambda spans many orders of magnitude.
        let next = if inside { newton } else { ((low.max(1e-3 * lambda)) * high.min(8.0 * lambda)).sqrt() };
        if (next - lambda).abs() <= 1e-3 * lambda {
            return next;
        }
        lambda = next;
    }
    lambda
}

/// The largest loss of a composition, which may carry an atom.
struct Top {
    loss: f64,
    log_mass: f64,
}

impl Top {
    fn of(terms: &[Term]) -> Top {
        let parts = terms.iter().map(|term| {
            let count = term.count as f64;
            let (index, mass) = (term.pair.index.last().copied(), term.pair.mass.last().copied());
            (count * index.unwrap_or(0) as f64 * term.pair.step, count * mass.unwrap_or(1.0).ln())
        });
        let (loss, log_mass) = parts.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        Top { loss, log_mass }
    }

    /// Whether half of the tilted law already sits on the largest loss: tilting further would gain nothing and
    /// only steepen the error bound below it.
    fn holds_half(&self, at: Cumulants, lambda: f64) -> bool {
        at.log_mgf - lambda * self.loss - self.log_mass <= std::f64::consts::LN_2
    }
}

/// Losses `(low, high)` beyond which the law tilted by `lambda` has at most `e^log_mass` on either side (Chernoff).
pub(crate) fn window(terms: &[Term], lambda: f64, at: Cumulants, log_mass: f64) -> (f64, f64) {
    // A variance below a lattice cell is one of rounding; it only guides the search for the edges.
    let finest = terms.iter().map(|term| term.pair.step).fold(f64::INFINITY, f64::min);
    let deviation = at.variance.max(finest * finest).sqrt();
    let reach = |sign: f64| {
        let mut offset = (-2.0 * log_mass).sqrt() / deviation;
        let mut best = f64::INFINITY;
        for _ in 0..6 {
            let there = cumulants(terms, lambda + sign * offset);
            let rise = there.log_mgf - at.log_mgf;
            // Any offset gives a valid edge; the smallest of those tried is taken.
            let edge = (rise - log_mass) / offset;
            if edge.is_finite() {
                best = best.min(edge);
            }
            let value = sign * offset * there.mean - rise + log_mass;
            let step = value / (offset * there.variance.max(finest * finest));
            let next = (offset - step).max(0.25 * offset).min(4.0 * offset);
            if (next - offset).abs() < 0.02 * offset {
                break;
            }
            offset = next;
        }
        sign * best
    };
    let extreme = |end: fn(&LossPair) -> Option<&i64>| -> f64 {
        let places = terms.iter().map(|term| {
            term.count as f64 * term.pair.step * end(&term.pair).map_or(0.0, |&index| index as f64)
        });
        places.sum()
    };
    let lowest = extreme(|pair| pair.index.first());
    let highest = extreme(|pair| pair.index.last());
    (reach(-1.0).max(lowest), reach(1.0).min(highest))
}
