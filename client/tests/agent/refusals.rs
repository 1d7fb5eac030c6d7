//! Each refusal is handled as it deserves.

use crate::peer::{CLIENT, Fate, Peer, Rows, plan as plan_of_peer};
use privet_client::{AgentError, AgentEvent, AnsweredRounds, CallError, Patience};
use privet_core::participant::{LocalTraining, ParticipantError};
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::{DeclineReason, Enrolled, HexDigest, Problem, ReceiptMessage};
use std::sync::Arc;
use std::time::Duration;

/// An agent whose request of this kind, the first time, has this fate.
async fn with(prefix: &'static str, fate: Fate) -> (Peer, Result<Vec<u32>, AgentError>, Vec<AgentEvent>) {
    let mut fate = Some(fate);
    let peer = Peer::new(move |_, what| match what.starts_with(prefix) {
        true => fate.take().unwrap_or(Fate::Answered),
        false => Fate::Answered,
    });
    let (outcome, events) = peer.run().await;
    (peer, outcome.map(|outcome| outcome.counted), events)
}

#[tokio::test(start_paused = true)]
async fn who_comes_too_late_goes_on_with_the_next_round() {
    let (peer, counted, events) = with("PUT", Fate::Refused(Problem::TooLate, None)).await;
    assert_eq!(counted.unwrap(), [2, 3]);
    assert_eq!(events[2], AgentEvent::Missed { round: 1 });
    // Nothing was released: the second round begins with the model of the first, which is at hand.
    assert_eq!(peer.count("GET /v1/models/"), 2);
}

#[tokio::test(start_paused = true)]
async fn who_is_forgotten_enrols_again() {
    for prefix in ["POST /v1/checkins", "PUT"] {
        let (peer, counted, _) = with(prefix, Fate::Refused(Problem::NotEnrolled, None)).await;
        assert_eq!(counted.unwrap(), [1, 2, 3]);
        assert_eq!(peer.count("POST /v1/clients"), 2, "{prefix}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_model_is_gone_is_left() {
    let (peer, counted, events) = with("GET /v1/models", Fate::Refused(Problem::NotFound, None)).await;
    assert_eq!(events[2], AgentEvent::Missed { round: 1 });
    assert_eq!(counted.unwrap(), [1, 2, 3], "the coordinator asks again");
    assert_eq!(peer.count("GET /v1/models"), 4);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_mended_by_waiting_ends_the_agent_at_once() {
    for (prefix, problem, expected) in [
        ("PUT", Problem::AnotherUpdate, "stop the other process"),
        (
            "PUT",
            Problem::WrongLength,
            "does not take the update of client 4 for round 1: because of the test",
        ),
        ("PUT", Problem::NotAuthorized, "start with the key file that the client enrolled with"),
        ("POST /v1/checkins", Problem::NotAuthorized, "start with the key file"),
        ("POST /v1/clients", Problem::PlaceTaken, "because of the test"),
        ("POST /v1/clients", Problem::FederationFull, "because of the test"),
    ] {
        let (peer, counted, _) = with(prefix, Fate::Refused(problem, None)).await;
        let error = counted.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(peer.count(prefix), 1, "{problem:?} is not tried again");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_none_of_the_protocol_end_the_agent() {
    let answers: [(u16, &[u8]); 4] =
        [(200, b"<html>Welcome</html>"), (200, b"{}"), (404, b"not here"), (302, b"")];
    for (status, body) in answers {
        let (_, counted, _) = with("POST /v1/clients", Fate::Foreign(status, body)).await;
        assert!(matches!(counted, Err(AgentError::Call(CallError::Foreign { .. }))), "{counted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_or_a_receipt_that_is_not_the_right_one_is_not_used() {
    let (peer, counted, _) = with("GET /v1/models", Fate::Foreign(200, b"another model")).await;
    assert!(matches!(counted, Err(AgentError::Participant(ParticipantError::OtherModel { .. }))));
    assert_eq!(peer.count("PUT"), 0);

    let receipt =
        ReceiptMessage { round: 1, client: CLIENT, weight: 1, update_sha256: HexDigest::of(b"another") };
    let (_, counted, _) = with("PUT", Fate::Json(serde_json::to_string(&receipt).unwrap())).await;
    assert!(matches!(counted, Err(AgentError::Participant(ParticipantError::OtherReceipt { .. }))));
}

#[tokio::test(start_paused = true)]
async fn another_plan_or_place_than_its_own_ends_the_agent() {
    let enrolled = |client, plan_sha256| {
        let text = serde_json::to_string(&Enrolled { client, plan_sha256 }).unwrap();
        with("POST /v1/clients", Fate::Json(text))
    };
    let (_, counted, _) = enrolled(CLIENT, HexDigest([0; 32])).await;
    assert!(matches!(counted, Err(AgentError::AnotherPlan { .. })), "{counted:?}");
    let (_, counted, _) = enrolled(9, crate::peer::plan().0.digest()).await;
    assert!(matches!(counted, Err(AgentError::AnotherPlace { asked: CLIENT, has: 9 })), "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_training_that_diverges_is_declined() {
    let peer = Peer::new(|_, _| Fate::Answered);
    let rows = Arc::new(Rows { count: 20, scale: f32::MAX });
    let (outcome, events) = peer.run_with(Patience::default(), rows, std::future::pending()).await;
    assert!(outcome.unwrap().counted.is_empty());
    assert_eq!(events[2], AgentEvent::Declined { round: 1, reason: DeclineReason::Diverged });
    assert_eq!(peer.count("POST /v1/rounds/1/declines/4"), 1);
    assert_eq!(peer.count("PUT"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_was_seen_is_replaced_and_a_clock_that_is_wrong_is_told() {
    let (peer, counted, _) = with("PUT", Fate::Refused(Problem::NonceUsed, None)).await;
    assert_eq!(counted.unwrap(), [1, 2, 3]);
    assert_eq!(peer.count("PUT"), 4);
    let peer = Peer::new(|_, _| Fate::Refused(Problem::StaleSignature, None));
    let (outcome, _) = peer.run().await;
    assert!(matches!(outcome, Err(AgentError::Call(CallError::Refused(_)))), "{outcome:?}");
    // The time of the test has not moved from the machine's: there is nothing to be read anew.
    assert_eq!(peer.count("POST /v1/clients"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_rows_does_not_enrol() {
    let peer = Peer::new(|_, _| Fate::Answered);
    let (outcome, _) =
        peer.run_with(Patience::default(), Arc::new(Rows::new(0)), std::future::pending()).await;
    assert!(matches!(outcome, Err(AgentError::NoRows)));
    assert_eq!(peer.requests().len(), 0);
}

/// A client that noises its own update.
fn noising() -> LocalTraining {
    let plan = "[federation]\nrounds = 3\n[data]\nsource = \"digits\"\n[model]\nhidden = [64]\n[partition]\nclients = 10\n\
                [aggregation]\nweights = \"uniform\"\n[encoding]\nfraction-bits = 16\n\
                [privacy]\nnoise-at = \"local\"\nclip = 1.0\ndelta = 1e-5\nnoise-multiplier = 1.0\n";
    let noise_seed = Arc::new(NoiseSeed::from_bytes(&mut [1; 32]));
    LocalTraining::with_noise(&Plan::parse(plan).unwrap(), plan_of_peer().1, noise_seed)
}

/// Its privacy is its own: no coordinator makes it spend a round twice, in this process or the next.
#[tokio::test(start_paused = true)]
async fn no_round_is_answered_twice_where_that_spends_privacy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let patience = Patience { give_up_after: Some(Duration::from_secs(60)), ..Patience::default() };
    let run = async |peer: Peer| {
        let answered = AnsweredRounds::beside(Some(&file)).unwrap();
        let rows = Arc::new(Rows::new(20));
        peer.run_as(noising(), answered, patience, rows, std::future::pending()).await.0
    };
    // The answer to round 2 never arrives, and the client gives up.
    let peer = Peer::new(|_, what| match what.starts_with("PUT /v1/rounds/2") {
        true => Fate::Lost,
        false => Fate::Answered,
    });
    assert!(matches!(run(peer.clone()).await, Err(AgentError::Call(_))));
    assert_eq!(AnsweredRounds::beside(Some(&file)).unwrap().last(), 2);
    // Started again it declines that round, and takes part in the next.
    let again = run(peer.clone()).await.unwrap();
    assert_eq!((again.counted, peer.counted().len()), (vec![3], 2));
    assert_eq!(peer.count("POST /v1/rounds/2/declines"), 1);

    // A coordinator that begins anew gets nothing.
    let anew = Peer::new(|_, _| Fate::Answered);
    let refused = run(anew.clone()).await.unwrap_err();
    assert!(matches!(refused, AgentError::NotAgain { round: 1, .. }), "{refused}");
    assert!(anew.counted().is_empty());
}
