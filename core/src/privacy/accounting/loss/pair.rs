//! A pair of discrete laws that dominates a mechanism, on a lattice of privacy losses.
//!
//! Connect the dots (Doroshenko, Ghazi, Kamath, Kumar and Manurangsi 2022): the mass that falls between two neighbouring dots
//! `l < l'` is divided among the two so that its probability under `P` *and* under `Q` stays what it is. The
//! hockey-stick curve of the result is the piecewise linear interpolation, in `e^epsilon`, of the true one at the
//! dots; the true curve is convex, so that the result lies above it: pessimistic, in both directions at once.
//!
//! Written with the two masses of an interval instead of differences of the curve, the weights keep their relative
//! accuracy however small they are: with `(p, q)` the masses of the interval, the upper dot gets
//! `(p - e^l q) / (1 - e^(l - l'))`.
//!
//! Invariant: `mass[i]` sits at loss `index[i] * step` under `P` and has `mass[i] e^(-loss)` under `Q`. What of `P`
//! has no image in `Q` is `unmatched_p` (infinite loss), and the reverse is `unmatched_q`.

/// A dominating pair `(P, Q)` on the lattice `step * Z`.
#[derive(Debug, Clone)]
pub(crate) struct LossPair {
    /// The distance of neighbouring lattice points.
    pub(crate) step: f64,
    /// Lattice points with mass, ascending.
    pub(crate) index: Vec<i64>,
    /// The mass of each under `P`.
    pub(crate) mass: Vec<f64>,
    /// Mass of `P` with infinite loss.
    pub(crate) unmatched_p: f64,
    /// Mass of `Q` with infinite loss in the other direction.
    pub(crate) unmatched_q: f64,
}

impl LossPair {
    /// The pair `(Q, P)`: the other direction of the neighbouring relation.
    pub(crate) fn reversed(&self) -> LossPair {
        let image =
            |(&index, &mass): (&i64, &f64)| (-index, (mass * (-(index as f64) * self.step).exp()).min(1.0));
        let (index, mass) = self.index.iter().zip(&self.mass).rev().map(image).unzip();
        LossPair {
            step: self.step,
            index,
            mass,
            unmatched_p: self.unmatched_q,
            unmatched_q: self.unmatched_p,
        }
    }

    /// The mixture: with probability `weight` this pair, else the other, and which of them is public.
    pub(crate) fn mixed(&self, weight: f64, other: &LossPair) -> LossPair {
        debug_assert_eq!(self.step, other.step, "mixtures are built on one lattice");
        let mut builder = Builder::new(self.step);
        for (pair, weight) in [(self, weight), (other, 1.0 - weight)] {
            let points = pair.index.iter().zip(&pair.mass);
            builder.points.extend(points.map(|(&index, &mass)| (index, weight * mass)));
            builder.unmatched_p += weight * pair.unmatched_p;
            builder.unmatched_q += weight * pair.unmatched_q;
        }
        builder.finish()
    }
}

/// Collects masses and puts them on the lattice.
pub(crate) struct Builder {
    step: f64,
    points: Vec<(i64, f64)>,
    pub(crate) unmatched_p: f64,
    pub(crate) unmatched_q: f64,
}

impl Builder {
    pub(crate) fn new(step: f64) -> Builder {
        Builder { step, points: Vec::new(), unmatched_p: 0.0, unmatched_q: 0.0 }
    }

    /// The masses of the losses between the dots `low` and `high`.
    pub(crate) fn interval(&mut self, low: i64, high: i64, p: f64, q: f64) {
        if p <= 0.0 {
            self.unmatched_q += q.max(0.0);
            return;
        }
        let excess = p - self.image(low, q);
        let share = -(((low - high) as f64) * self.step).exp_m1();
        // An excess above the share of p would be rounding: then all goes up, which is the pessimistic end.
        let upper = (excess / share).clamp(0.0, p);
        self.point(high, upper);
        self.point(low, p - upper);
    }

    /// One atom with masses `p` and `q`; no mass under `q` means infinite loss.
    pub(crate) fn atom(&mut self, p: f64, q: f64) {
        if q <= 0.0 || p <= 0.0 {
            self.unmatched_p += p.max(0.0);
            self.unmatched_q += q.max(0.0);
            return;
        }
        let position = (p / q).ln() / self.step;
        // Within the rounding of p and q of a lattice point it is that point: torn in two, it would leave dust above.
        let nearest = position.round();
        if (position - nearest).abs() * self.step < 1e-13 {
            self.point(nearest as i64, p);
            return;
        }
        let low = position.floor() as i64;
        self.interval(low, low + 1, p, q);
    }

    /// Everything below the lowest dot: its loss is rounded up to it.
    pub(crate) fn below(&mut self, lowest: i64, p: f64, q: f64) {
        self.point(lowest, p);
        self.unmatched_q += (q - self.image(-lowest, p)).max(0.0);
    }

    /// `mass e^loss` at a lattice point; no mass has no image, however large the loss.
    fn image(&self, index: i64, mass: f64) -> f64 {
        if mass > 0.0 { mass * (index as f64 * self.step).exp() } else { 0.0 }
    }

    /// Everything above the highest dot: as much as `Q` can match sits on the dot, the rest has infinite loss.
    pub(crate) fn above(&mut self, highest: i64, p: f64, q: f64) {
        let matched = self.image(highest, q).min(p);
        self.point(highest, matched);
        self.unmatched_p += p - matched;
    }

    pub(crate) fn point(&mut self, index: i64, mass: f64) {
        if mass > 0.0 {
            self.points.push((index, mass));
        }
    }

    /// The pair, with one entry for each lattice point.
    pub(crate) fn finish(mut self) -> LossPair {
        if !self.points.is_sorted_by_key(|&(index, _)| index) {
            self.points.sort_by_key(|&(index, _)| index);
        }
        let mut index: Vec<i64> = Vec::with_capacity(self.points.len());
        let mut mass: Vec<f64> = Vec::with_capacity(self.points.len());
        for (at, weight) in self.points {
            match (index.last(), mass.last_mut()) {
                (Some(&last), Some(sum)) if last == at => *sum += weight,
                _ => {
                    index.push(at);
                    mass.push(weight);
                }
            }
        }
        LossPair {
            step: self.step,
            index,
            mass,
            unmatched_p: self.unmatched_p,
            unmatched_q: self.unmatched_q,
        }
    }
}
