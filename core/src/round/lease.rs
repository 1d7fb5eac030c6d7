//! Leases: for how long a client has a task, and by what a coordinator knows that it has it now.
//!
//! A lease is of one round, one client and, where the round is masked, one stage; it has a token and an end. The time in
//! which a round or a stage awaits messages is cut into [`LEASES`] equal terms, and each task is leased anew in each of
//! them. A token is a keyed digest of the round, the stage, the client and the term: at any time there is exactly one
//! that is good, it is the same however often the client asks, and nothing has to be kept of it but the key.

use super::{Federation, Phase, Refusal, Timestamp};
use crate::privacy::{NoisePurpose, NoiseSeed};
use crate::protocol::LeaseToken;
use crate::secagg::Stage;
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How many leases a task has, one after the other, before what waits for it closes.
pub const LEASES: u32 = 4;

/// Separates tokens from whatever else is derived from a secret.
const DOMAIN: &[u8] = b"privet/lease/v1";

/// The secret of a federation's leases: who has it can make their tokens. It does not print, and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LeaseKey([u8; 32]);

/// A task as it is lent to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What the client shows with its update, or with its message.
    pub token: LeaseToken,
    /// When it lapses; the task is then leased again, until its round or its stage closes.
    pub expires: Timestamp,
}

/// The lease under which an update or a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The token that came with it, if one did.
    pub token: Option<LeaseToken>,
    /// When the request began: a lease that lapses while its update is under way is good.
    pub begun: Timestamp,
}

/// The task that is awaited of a client.
#[derive(Debug, Clone, Copy)]
struct Task {
    round: u32,
    stage: Option<Stage>,
    opened: Timestamp,
    deadline: Timestamp,
}

impl LeaseKey {
    /// A key that nobody knows who does not know the seed.
    pub fn new(seed: &NoiseSeed) -> LeaseKey {
        let mut key = LeaseKey([0; 32]);
        seed.stream_for(NoisePurpose::Leases, 0, 0).fill_bytes(&mut key.0);
        key
    }

    /// The key that was kept. The caller's copy is wiped.
    pub fn from_bytes(bytes: &mut [u8; 32]) -> LeaseKey {
        let key = LeaseKey(*bytes);
        bytes.zeroize();
        key
    }

    /// The key as it is kept. It stays a secret.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The token of a client's task in one term, from 0.
    pub fn token(&self, round: u32, stage: Option<Stage>, client: u32, term: u32) -> LeaseToken {
        let stage = stage.map_or("update", Stage::name).as_bytes();
        let info = [
            DOMAIN,
            &round.to_le_bytes(),
            &client.to_le_bytes(),
            &term.to_le_bytes(),
            &[stage.len() as u8],
            stage,
        ];
        let mut token = [0; 16];
        Hkdf::<Sha256>::new(None, &self.0)
            .expand_multi_info(&info, &mut token)
            .expect("HKDF gives up to 8,160 bytes");
        LeaseToken(token)
    }
}

impl std::fmt::Debug for LeaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeaseKey")
    }
}

impl Federation {
    /// The lease of a client's task at this time; `None` for a client that is asked for nothing.
    pub fn lease(&self, key: &LeaseKey, client: u32, at: Timestamp) -> Option<Lease> {
        let task = self.awaited(client)?;
        let term = task.term(at);
        Some(Lease { token: key.token(task.round, task.stage, client, term), expires: task.end(term) })
    }

    /// Checks that a message that is awaited comes under the lease that is good. Whatever is not awaited is for
    /// [`Federation::step`] to answer.
    pub fn check_lease(
        &self,
        key: &LeaseKey,
        (round, stage, client): (u32, Option<Stage>, u32),
        holding: Holding,
    ) -> Result<(), Refusal> {
        let is_awaited = |task: &Task| (task.round, task.stage) == (round, stage);
        let Some(task) = self.awaited(client).filter(is_awaited) else { return Ok(()) };
        let good = key.token(round, stage, client, task.term(holding.begun));
        match holding.token {
            Some(token) if token == good => Ok(()),
            Some(_) => Err(Refusal::LeaseLapsed { round, client }),
            None => Err(Refusal::NoLease { round, client }),
        }
    }

    fn awaited(&self, client: u32) -> Option<Task> {
        match self.phase() {
            Phase::Collecting(open) if open.awaits(client) => {
                Some(Task { round: open.round, stage: None, opened: open.opened, deadline: open.deadline })
            }
            Phase::Masked(open) if open.awaits(client) => Some(Task {
                round: open.round(),
                stage: Some(open.stage()),
                opened: open.stage_opened(),
                deadline: open.deadline(),
            }),
            _ => None,
        }
    }
}

impl Task {
    /// Which term it is, from 0.
    fn term(&self, at: Timestamp) -> u32 {
        (0..LEASES - 1).find(|term| at < self.end(*term)).unwrap_or(LEASES - 1)
    }

    /// When a term ends; the last one with the task.
    fn end(&self, term: u32) -> Timestamp {
        self.deadline.before(self.opened.until(self.deadline) * (LEASES - 1 - term) / LEASES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const TASK: Task = Task { round: 3, stage: None, opened: Timestamp(1_000), deadline: Timestamp(11_001) };

    fn key(byte: u8) -> LeaseKey {
        LeaseKey::from_bytes(&mut [byte; 32])
    }

    #[test]
    fn terms_follow_each_other_from_the_opening_to_the_deadline() {
        let mut ends = BTreeSet::new();
        for at in 0..12_000 {
            let at = Timestamp(at);
            let (term, end) = (TASK.term(at), TASK.end(TASK.term(at)));
            assert!(at < end || at >= TASK.deadline, "a lease that is given is good");
            assert!(TASK.end(LEASES - 1) >= end && (term == 0 || TASK.end(term - 1) <= at));
            ends.insert(end.0);
        }
        assert_eq!(ends, BTreeSet::from([3_501, 6_001, 8_501, 11_001]));
    }

    #[test]
    fn a_task_that_hardly_waits_has_a_lease_to_its_end() {
        for milliseconds in 0..8 {
            let task = Task { deadline: TASK.opened.after(Duration::from_millis(milliseconds)), ..TASK };
            let last = Timestamp(task.deadline.0.saturating_sub(1)).max(task.opened);
            assert_eq!(task.end(task.term(last)), task.deadline);
        }
    }

    #[test]
    fn no_two_leases_have_one_token() {
        let mut tokens = BTreeSet::new();
        let stages = std::iter::once(None).chain(Stage::ALL.map(Some));
        for stage in stages {
            for (secret, round, client, term) in
                [(1, 1, 1, 0), (2, 1, 1, 0), (1, 2, 1, 0), (1, 1, 2, 0), (1, 1, 1, 1), (1, 1, 0, 1)]
            {
                tokens.insert(key(secret).token(round, stage, client, term).to_string());
            }
        }
        assert_eq!(tokens.len(), 6 * (1 + Stage::ALL.len()));
        assert_eq!(key(1).token(1, None, 1, 0), key(1).token(1, None, 1, 0));
    }

    /// HKDF-Expand(HKDF-Extract(no salt, 32 bytes of 1), "privet/lease/v1" || 3 || 2 || 1 || 6 || "update"), by another
    /// implementation: its first 16 bytes.
    #[test]
    fn a_token_is_what_others_compute() {
        assert_eq!(key(1).token(3, None, 2, 1).to_string(), "4e23246d8318eb6d87d6b4bf70102477");
        assert_eq!(format!("{:?}", key(1)), "LeaseKey");
    }
}
