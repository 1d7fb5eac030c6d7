//! How many neighbours a client has, and how many shares give back a secret.
//!
//! Bell et al. 2020, section 3 and appendix: the smallest even degree `k` for which a random Harary graph stays
//! connected among the honest survivors, and for which there is a threshold `t` that no client's adversarial
//! neighbours reach (security, `2^-40`) and that every client's surviving neighbours do (failure, `2^-20`).

use super::hypergeometric::Hypergeometric;
use libm::lgamma;

/// An attack succeeds with probability `2^-40` at most; half of that for each of the two ways.
const SECURITY_BITS_PER_EVENT: f64 = 41.0;
/// A round of honest parties fails with probability `2^-20` at most.
const FAILURE_BITS: f64 = 20.0;
/// Up to here everybody is everybody's neighbour: no smaller graph is worth its risk.
const COMPLETE_UP_TO: u32 = 60;
/// Keeps a product such as `0.1 * 1000` from being rounded to one less, or to one more.
const EPSILON: f64 = 1e-9;

/// What the coordinator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adversary {
    /// It follows the protocol, and looks at all that it sees.
    Curious,
    /// It may lie about who dropped out. The threshold is then so high that two disjoint sets of honest
    /// neighbours, told two different stories, do not both reach it.
    Lying,
}

/// The assumptions on which a graph is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumptions {
    adversarial: f64,
    dropout: f64,
    adversary: Adversary,
}

/// The degree and the threshold for a number of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// `n`: the clients of the graph.
    pub clients: u32,
    /// `k`: the neighbours of a client.
    pub degree: u32,
    /// `t`: the shares that give back a secret.
    pub threshold: u32,
}

/// There is no safe graph.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
pub enum ParametersError {
    /// A fraction is none.
    #[error("a fraction of {given} of the clients cannot be assumed: it lies from 0 to below 1")]
    Fraction {
        /// What was given.
        given: f64,
    },
    /// Too few clients for a sum to hide any.
    #[error("{clients} clients are too few: a sum of fewer than {} hides nobody", Parameters::FEWEST)]
    TooFewClients {
        /// How many there are.
        clients: u32,
    },
    /// The assumptions exclude each other.
    #[error(
        "{clients} clients with a fraction {adversarial} adversarial and {dropout} dropping out have no safe \
         graph: assume less of either, or ask more clients"
    )]
    Infeasible {
        /// How many clients there are.
        clients: u32,
        /// The adversarial fraction.
        adversarial: f64,
        /// The dropout fraction.
        dropout: f64,
    },
}

impl Assumptions {
    /// Assumes these fractions of adversarial clients and of dropouts, each from 0 to below 1. A part of an adversary counts
    /// as a whole one: a fraction above 0 assumes one at least. A part of a dropout counts as none, which costs nothing but
    /// rounds.
    pub fn new(adversarial: f64, dropout: f64, adversary: Adversary) -> Result<Assumptions, ParametersError> {
        match [adversarial, dropout].into_iter().find(|fraction| !(0.0..1.0).contains(fraction)) {
            Some(given) => Err(ParametersError::Fraction { given }),
            None => Ok(Assumptions { adversarial, dropout, adversary }),
        }
    }

    /// Against what kind of coordinator clients are protected.
    pub fn adversary(&self) -> Adversary {
        self.adversary
    }

    /// The degree and the threshold for a graph of `clients`.
    ///
    /// # Errors
    /// If there are too few clients, or no degree is safe.
    pub fn parameters(&self, clients: u32) -> Result<Parameters, ParametersError> {
        if clients < Parameters::FEWEST {
            return Err(ParametersError::TooFewClients { clients });
        }
        let sparse = match clients {
            ..=COMPLETE_UP_TO => None,
            _ => (2..clients - 1).step_by(2).find_map(|degree| self.with_degree(clients, degree)),
        };
        sparse.or_else(|| self.complete(clients)).ok_or(ParametersError::Infeasible {
            clients,
            adversarial: self.adversarial,
            dropout: self.dropout,
        })
    }

    /// At most so many of a number of clients are adversarial.
    pub fn adversaries(&self, clients: u32) -> u32 {
        self.counts(clients).0
    }

    /// Which part of the clients is assumed to be adversarial.
    pub fn adversarial_fraction(&self) -> f64 {
        self.adversarial
    }

    fn with_degree(&self, clients: u32, degree: u32) -> Option<Parameters> {
        let (adversarial, dropouts) = self.counts(clients);
        if self.ln_disconnected(clients, degree) >= -SECURITY_BITS_PER_EVENT * std::f64::consts::LN_2 {
            return None;
        }
        let neighbours = |marked| Hypergeometric { population: clients, marked, draws: degree };
        let level = |bits: f64| (-bits).exp2() / f64::from(clients);
        let worst = neighbours(adversarial).upper_quantile(level(SECURITY_BITS_PER_EVENT));
        let fewest = neighbours(clients - dropouts).lower_quantile(level(FAILURE_BITS));
        let threshold = self.threshold_above(worst, degree);
        (threshold <= fewest).then_some(Parameters { clients, degree, threshold })
    }

    /// Everybody is a neighbour: the counts are certain.
    fn complete(&self, clients: u32) -> Option<Parameters> {
        let (adversarial, dropouts) = self.counts(clients);
        let degree = clients - 1;
        let threshold = self.threshold_above(adversarial.min(degree), degree);
        (threshold + dropouts <= degree).then_some(Parameters { clients, degree, threshold })
    }

    /// The smallest threshold that `worst` adversarial neighbours do not reach. Against a lying coordinator they
    /// may answer twice, and `2t > k + worst` keeps two answers of one kind each from both being complete.
    fn threshold_above(&self, worst: u32, degree: u32) -> u32 {
        let threshold = match self.adversary {
            Adversary::Curious => worst + 1,
            Adversary::Lying => (worst + degree) / 2 + 1,
        };
        threshold.max(2)
    }

    /// At most so many adversarial clients, and so many dropouts.
    fn counts(&self, clients: u32) -> (u32, u32) {
        (rounded_up(self.adversarial, clients), ((self.dropout + EPSILON) * f64::from(clients)) as u32)
    }

    /// The logarithm of a bound on the probability that the honest survivors are not connected.
    ///
    /// They are not only if `k / 2` clients in a row are lost at two places of the ring: a union bound over the
    /// pairs of places, `ln(n (n - k - 1) / 2 * C(n - k, bad - k) / C(n, bad))`.
    fn ln_disconnected(&self, clients: u32, degree: u32) -> f64 {
        let bad = rounded_up(self.adversarial, clients) + rounded_up(self.dropout, clients);
        if degree > bad {
            return f64::NEG_INFINITY;
        }
        let pairs = f64::from(clients).ln() + f64::from(clients - degree - 1).ln() - std::f64::consts::LN_2;
        let ln_factorial = |n: u32| lgamma(f64::from(n) + 1.0);
        pairs + ln_factorial(bad) + ln_factorial(clients - degree)
            - ln_factorial(clients)
            - ln_factorial(bad - degree)
    }
}

fn rounded_up(fraction: f64, clients: u32) -> u32 {
    ((fraction - EPSILON).max(0.0) * f64::from(clients)).ceil() as u32
}

impl Parameters {
    /// Below this a sum tells two clients about each other.
    pub const FEWEST: u32 = 3;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(clients: u32, adversarial: f64, dropout: f64, adversary: Adversary) -> (u32, u32) {
        let assumptions = Assumptions::new(adversarial, dropout, adversary).unwrap();
        let parameters = assumptions.parameters(clients).unwrap();
        (parameters.degree, parameters.threshold)
    }

    #[test]
    fn the_published_parameters_come_out() {
        use Adversary::{Curious, Lying};
        let columns = [
            (0.05, 0.05, Curious, [(12, 6), (30, 17), (34, 20)]),
            (0.1, 0.05, Curious, [(16, 11), (38, 24), (42, 27)]),
            (0.1, 0.1, Curious, [(22, 11), (48, 27), (54, 31)]),
            (0.2, 0.2, Curious, [(40, 21), (98, 54), (122, 67)]),
            (0.05, 0.05, Lying, [(16, 11), (52, 37), (62, 44)]),
            (0.1, 0.1, Lying, [(32, 22), (96, 67), (122, 85)]),
        ];
        for (adversarial, dropout, adversary, expected) in columns {
            let row = [100, 1_000, 10_000].map(|clients| found(clients, adversarial, dropout, adversary));
            assert_eq!(row, expected, "{adversarial} {dropout} {adversary:?}");
        }
    }

    #[test]
    fn a_small_graph_is_complete_and_two_stories_never_both_reach_its_threshold() {
        for clients in 3..=60 {
            let (degree, threshold) = found(clients, 0.1, 0.1, Adversary::Lying);
            assert_eq!(degree, clients - 1);
            assert!(2 * threshold > degree + clients.div_ceil(10) && threshold <= degree - clients / 10);
        }
        assert_eq!(found(3, 0.0, 0.0, Adversary::Curious), (2, 2));
    }

    #[test]
    fn a_part_of_an_adversary_is_a_whole_one() {
        let adversaries = |fraction: f64, clients: u32| {
            Assumptions::new(fraction, 0.1, Adversary::Lying).unwrap().adversaries(clients)
        };
        assert_eq!([3, 8, 10, 11, 1_000].map(|clients| adversaries(0.1, clients)), [1, 1, 1, 2, 100]);
        assert_eq!([8, 1_000].map(|clients| adversaries(0.0, clients)), [0, 0]);
        // With one of seven neighbours against it, two stories find at most eight answers: neither five and five.
        assert_eq!(found(8, 0.1, 0.1, Adversary::Lying), (7, 5));
        assert_eq!(found(8, 0.0, 0.1, Adversary::Lying), (7, 4));
    }

    #[test]
    fn what_no_graph_can_bear_is_refused() {
        let vast = Assumptions::new(0.4, 0.4, Adversary::Lying).unwrap();
        assert!(matches!(vast.parameters(50), Err(ParametersError::Infeasible { clients: 50, .. })));
        assert!(matches!(vast.parameters(500), Err(ParametersError::Infeasible { .. })));
        assert!(matches!(vast.parameters(2), Err(ParametersError::TooFewClients { clients: 2 })));
        for fraction in [-0.1, 1.0, f64::NAN] {
            assert!(Assumptions::new(fraction, 0.0, Adversary::Curious).is_err());
        }
    }
}
