//! The most that a client is ready to spend, by its own account.
//!
//! The plan says what a round costs; the client counts. What it counts depends on whose noise protects it. Where it adds the
//! noise itself, or a share of it, only the rounds that it answers cost it anything, and it counts those. Where the coordinator
//! adds the noise, the cost of a round is that of a client which may or may not be drawn: it falls due in every round of the
//! federation, so that the number of the round is the count.

use super::TrainedRounds;
use crate::plan::{NoiseAt, Plan};
use crate::privacy::accounting::Accountant;
use crate::privacy::accounting::calibration::Target;
use crate::privacy::{Ledger, LedgerError, Next};

/// How far a client goes in the federation of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnLimit {
    epsilon: f64,
    delta: f64,
    rounds: u32,
    noise_at: NoiseAt,
}

/// Why a client cannot take part within its limit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OwnLimitError {
    /// Nothing is promised.
    #[error(
        "the plan promises no privacy, so that no epsilon is small enough for what this client would send: take part in a \
         federation with a [privacy] section, or give no limit"
    )]
    NothingPromised,
    /// The first round is too much.
    #[error(
        "one round of the plan spends epsilon {spent:.4} at delta {delta:e}, and this client allows {epsilon}: take part in a \
         federation with more noise, or allow more"
    )]
    FirstRoundPasses {
        /// What is allowed.
        epsilon: f64,
        /// At which delta.
        delta: f64,
        /// What the first round spends.
        spent: f64,
    },
    /// The limit is none, or the plan cannot be accounted for at its delta.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl OwnLimit {
    /// The limit `epsilon` at `delta`, or at the delta of the plan if it is left out.
    ///
    /// # Errors
    /// A plan without a promise, or of which one round is too much; a limit that is no finite number above 0, or a delta outside
    /// (0, 1).
    pub fn new(plan: &Plan, epsilon: f64, delta: Option<f64>) -> Result<OwnLimit, OwnLimitError> {
        let protection = plan.protection().ok_or(OwnLimitError::NothingPromised)?;
        let delta = delta.unwrap_or(protection.delta());
        Target::new(epsilon, delta).map_err(LedgerError::from)?;
        let (event, distance) = (protection.event(), protection.distance());
        let releases = protection.releases(plan.rounds());
        let mut accountant = Accountant::default();
        let afforded =
            Ledger::new(delta, Some(epsilon))?.affords(event, distance, releases, &mut accountant)?;
        if afforded == 0 {
            let one = Ledger::new(delta, None)?.next(&[event], distance, &mut accountant)?;
            let (Next::Fits(spent) | Next::Passes { epsilon: spent, .. }) = one;
            return Err(OwnLimitError::FirstRoundPasses { epsilon, delta, spent });
        }
        // Correlated noise is one release: who affords it affords all rounds.
        let rounds = if afforded == releases { plan.rounds() } else { afforded };
        Ok(OwnLimit { epsilon, delta, rounds, noise_at: protection.noise_at() })
    }

    /// The epsilon that is allowed.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The delta at which it is measured.
    pub fn delta(&self) -> f64 {
        self.delta
    }

    /// In how many rounds, at most, the client takes part; where the coordinator adds the noise, the last round in which it may.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whose noise the client relies on.
    pub fn noise_at(&self) -> NoiseAt {
        self.noise_at
    }

    /// Whether a client that has answered these rounds may answer this one.
    pub fn admits(&self, round: u32, answered: TrainedRounds) -> bool {
        match self.noise_at {
            NoiseAt::Coordinator => round <= self.rounds,
            NoiseAt::Clients { .. } | NoiseAt::Local | NoiseAt::Examples => answered.count < self.rounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::accounting::AccountingError;

    const PLAN: &str = "\
[federation]
rounds = 40
[data]
source = \"digits\"
[partition]
clients = 10
[cohort]
sampling = \"fixed\"
fraction = 0.5
[aggregation]
weights = \"uniform\"
[privacy]
noise-at = \"local\"
clip = 0.5
delta = 1e-5
noise-multiplier = 4.0
";

    fn limit(text: &str, epsilon: f64, delta: Option<f64>) -> Result<OwnLimit, OwnLimitError> {
        OwnLimit::new(&Plan::parse(text).unwrap(), epsilon, delta)
    }

    /// What so many rounds of the plan spend.
    fn spent(text: &str, rounds: u32) -> f64 {
        let plan = Plan::parse(text).unwrap();
        let mut ledger = plan.protection().unwrap().ledger();
        for _ in 0..rounds {
            let protection = plan.protection().unwrap();
            ledger.record(protection.event(), protection.distance()).unwrap();
        }
        ledger.epsilon(&mut Accountant::default()).unwrap().0
    }

    fn answered(count: u32) -> TrainedRounds {
        TrainedRounds { last: 3 * count, count }
    }

    #[test]
    fn a_client_that_adds_noise_counts_what_it_answers() {
        for noise_at in ["local", "clients"] {
            let text = PLAN.replace("local", noise_at);
            let limit = limit(&text, spent(&text, 3) * 1.000_001, None).unwrap();
            assert_eq!((limit.rounds(), limit.delta()), (3, 1e-5), "{noise_at}");
            assert!(limit.admits(30, answered(2)) && !limit.admits(31, answered(3)), "{noise_at}");
        }
    }

    #[test]
    fn where_the_coordinator_adds_noise_every_round_counts() {
        let text = PLAN.replace("local", "coordinator");
        let limit = limit(&text, spent(&text, 3) * 1.000_001, None).unwrap();
        assert_eq!(limit.rounds(), 3);
        assert!(limit.admits(3, answered(0)) && !limit.admits(4, answered(0)));
    }

    #[test]
    fn a_smaller_delta_allows_fewer_rounds() {
        let epsilon = spent(PLAN, 10);
        let rounds = |delta| limit(PLAN, epsilon * 1.000_001, delta).unwrap().rounds();
        assert!(rounds(None) == 10 && rounds(Some(1e-8)) < 10 && rounds(Some(1e-3)) > 10);
    }

    #[test]
    fn correlated_noise_is_afforded_as_a_whole() {
        let text = PLAN.replace("\"local\"", "\"coordinator\"").replace(
            "noise-multiplier",
            "matrix = { separation = 2, participations = 20, buffers = 2 }\nnoise-multiplier",
        );
        let text = text.replace("4.0", "0.5");
        let whole = spent(&text, 1);
        assert_eq!(limit(&text, whole * 1.001, None).unwrap().rounds(), 40);
        let refused = limit(&text, whole * 0.999, None).unwrap_err();
        assert!(matches!(refused, OwnLimitError::FirstRoundPasses { .. }), "{refused}");
    }

    #[test]
    fn limits_that_cannot_be_kept_say_why() {
        let refused = limit(PLAN, 0.01, None).unwrap_err();
        assert!(refused.to_string().contains("one round of the plan spends epsilon"), "{refused}");
        let bare = PLAN.split("[privacy]").next().unwrap();
        assert_eq!(limit(bare, 1.0, None), Err(OwnLimitError::NothingPromised));
        for (epsilon, delta) in [(0.0, None), (f64::NAN, None), (1.0, Some(0.0)), (1.0, Some(1.0))] {
            let refused = limit(PLAN, epsilon, delta).unwrap_err();
            let OwnLimitError::Ledger(LedgerError::Accounting(error)) = refused else { panic!("{refused}") };
            assert!(matches!(error, AccountingError::Target(_) | AccountingError::Delta(_)), "{error}");
        }
    }
}
