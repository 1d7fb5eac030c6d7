//! `privet status` and `privet coordinator clients list` as documents and tables.

use privet_core::protocol::{EnrolledClient, FederationState, PhaseName, RoundOutcome, RoundSummary};
use serde::Serialize;

/// How far a federation is.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    name: String,
    plan_sha256: String,
    phase: PhaseName,
    round: u32,
    rounds: u32,
    released: usize,
    abandoned: usize,
    enrolled: u32,
    places: u32,
    model_sha256: String,
    epsilon: Option<f64>,
}

/// The clients of a federation.
#[derive(Debug, Serialize)]
pub(crate) struct Clients {
    clients: Vec<EnrolledClient>,
}

pub(crate) fn status(federation: &FederationState, rounds: &[RoundSummary]) -> Status {
    let released =
        rounds.iter().filter(|round| matches!(round.outcome, RoundOutcome::Released { .. })).count();
    Status {
        name: federation.name.clone(),
        plan_sha256: federation.plan_sha256.to_string(),
        phase: federation.phase,
        round: federation.round,
        rounds: federation.rounds,
        released,
        abandoned: rounds.len() - released,
        enrolled: federation.enrolled,
        places: federation.places,
        model_sha256: federation.model_sha256.to_string(),
        epsilon: rounds.last().and_then(|round| round.epsilon),
    }
}

pub(crate) fn status_table(status: &Status) -> String {
    let phase = match status.phase {
        PhaseName::Gathering => "waiting for clients".to_owned(),
        PhaseName::Collecting => format!("round {} of {} is open", status.round, status.rounds),
        PhaseName::Finished => "finished".to_owned(),
    };
    let epsilon = status.epsilon.map(|epsilon| format!("\nepsilon  {epsilon:.3}")).unwrap_or_default();
    format!(
        "{}: {phase}\nclients  {} of {}\nrounds   {} released, {} abandoned{epsilon}\nplan     {}\nmodel    {}",
        status.name,
        status.enrolled,
        status.places,
        status.released,
        status.abandoned,
        status.plan_sha256,
        status.model_sha256,
    )
}

pub(crate) fn clients(clients: &[EnrolledClient]) -> Clients {
    Clients { clients: clients.to_vec() }
}

pub(crate) fn clients_table(clients: &[EnrolledClient]) -> String {
    let line = |known: &EnrolledClient| {
        let revoked = if known.revoked { "  shut out" } else { "" };
        format!("{:>6}  {}{revoked}\n", known.client, known.key)
    };
    clients.iter().map(line).collect()
}
