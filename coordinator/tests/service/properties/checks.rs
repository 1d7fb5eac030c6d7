//! What must hold after each transaction.

use super::told::{Told, told};
use super::world::World;
use crate::harness::Remembers;
use privet_coordinator::{Stage, Store};
use privet_core::protocol::{HexDigest, RoundOutcome};
use privet_core::round::{Assignment, Outcome, RoundRecord, check_chain};
use std::collections::BTreeMap;

impl World {
    pub(super) async fn check(&mut self) {
        let (memory, sqlite) = (
            told(&self.memory, self.now, self.noisy()).await,
            told(self.sqlite(), self.now, self.noisy()).await,
        );
        assert_eq!(memory, sqlite, "both stores tell the same");
        let is_due = |deadline| self.now >= deadline;
        assert!(
            !matches!(sqlite.stage, Stage::Round { deadline, .. } if is_due(deadline)),
            "what is due is closed"
        );
        let sealed = self.sqlite().records().await.unwrap();
        check_chain(&sealed, HexDigest::of((self.charter)().plan.as_bytes())).unwrap();
        self.check_rounds(&sqlite);
        self.check_spending(&sqlite);
        for (client, assignment) in (0..).zip(&sqlite.assignments) {
            let at = (sqlite.phase.1, client);
            let done =
                self.acknowledged.receipts.contains_key(&at) || self.acknowledged.declined.contains(&at);
            let trains = matches!(assignment, Some(Assignment::Train { .. }));
            assert!(!(done && trains), "client {client} is asked again");
            let lease = sqlite.leases[client as usize];
            assert_eq!(lease.is_some(), trains, "who is asked has a lease, and nobody else");
            assert!(lease.is_none_or(|expires| expires > self.now), "a lease that is given is good");
            let is_enrolled = self.acknowledged.places.values().any(|place| *place == client);
            assert_eq!(assignment.is_some(), is_enrolled);
        }
        let current = self.sqlite().standing().await.unwrap().model_sha256;
        let model = self.sqlite().model(current).await.unwrap().expect("the current model can be had");
        assert_eq!(HexDigest::of(&model), current);
        if !self.noisy() {
            self.check_model(&model, &sqlite.records);
        }
    }

    /// What was acknowledged for a round that is over is in its record, and nothing else is.
    fn check_rounds(&self, told: &Told) {
        for (number, (record, summary)) in (1..).zip(told.records.iter().zip(&told.history)) {
            assert_eq!((record.round, summary.round), (number, number));
            let receipts = self.acknowledged.receipts.range((number, 0)..=(number, u32::MAX));
            let promised: BTreeMap<_, _> =
                receipts.map(|((_, client), receipt)| (*client, receipt.contribution)).collect();
            assert_eq!(record.contributions, promised);
            assert!(promised.keys().chain(&summary.late).all(|client| record.cohort.contains(client)));
            let enough = promised.len() >= self.rules.minimum as usize;
            assert_eq!(matches!(record.outcome, Outcome::Released { .. }), enough);
            assert_eq!(matches!(summary.outcome, RoundOutcome::Released { .. }), enough);
        }
    }

    fn check_spending(&mut self, told: &Told) {
        let Some((releases, epsilon, _)) = told.spent else { return };
        assert_eq!(releases, u64::from(told.phase.1), "each round that was opened is in the ledger");
        assert!(epsilon >= self.acknowledged.epsilon);
        let target = self.rules.protection.as_ref().and_then(|protection| protection.ledger().target());
        assert!(target.is_none_or(|target| epsilon <= target));
        self.acknowledged.epsilon = epsilon;
    }

    /// Each client moves the second coordinate by its number, and weighs as much.
    fn check_model(&self, model: &[u8], records: &[RoundRecord]) {
        let (values, _) = model.as_chunks::<4>();
        let mut expected = 0.0;
        for record in records.iter().filter(|record| matches!(record.outcome, Outcome::Released { .. })) {
            let clients = || record.contributions.keys().map(|client| f64::from(*client));
            expected += clients().map(|client| client * client).sum::<f64>() / clients().sum::<f64>();
        }
        let value = f64::from(f32::from_le_bytes(values[1]));
        assert!((value - expected).abs() < 1e-5, "{value} and {expected}");
    }
}
