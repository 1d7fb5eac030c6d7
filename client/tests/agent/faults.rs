//! Whatever the network does, each round gets one update, and the agent gets to the end.

use crate::peer::{Fate, Peer, ROUNDS, Rows};
use privet_client::{AgentError, AgentEvent, CallError, Ending, Patience};
use privet_core::protocol::Problem;
use privet_core::random::{Purpose, Seed};
use rand::RngExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_network_without_faults_takes_one_request_for_each_step() {
    let peer = Peer::new(|_, _| Fate::Answered);
    let (outcome, events) = peer.run().await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.counted, [1, 2, 3]);
    assert!(matches!(outcome.ending, Ending::Finished { .. }));
    assert_eq!(events[0], AgentEvent::Enrolled { client: 4 });
    assert_eq!(events[1], AgentEvent::Training { round: 1 });
    assert_eq!(events[2], AgentEvent::Counted { round: 1, weight: 20 });
    assert_eq!(events.len(), 7);
    let steps = [("POST /v1/clients", 1), ("POST /v1/checkins", 4), ("GET /v1/models/", 3), ("PUT /", 3)];
    for (step, times) in steps {
        assert_eq!(peer.count(step), times, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_mixture_of_faults_changes_no_update() {
    let expected = {
        let peer = Peer::new(|_, _| Fate::Answered);
        peer.run().await.0.unwrap();
        peer.counted()
    };
    for seed in 0..40 {
        let mut draws = Seed(seed).stream(Purpose::Shuffle);
        let peer = Peer::new(move |_, _| match draws.random_range(0..12) {
            0 | 1 => Fate::Lost,
            2 | 3 => Fate::AnswerLost,
            4 => Fate::Silence,
            5 => Fate::Refused(Problem::ShuttingDown, Some(5)),
            6 => Fate::Refused(Problem::Internal, None),
            7 => Fate::Foreign(502, b"<html>Bad Gateway</html>"),
            _ => Fate::Answered,
        });
        let (outcome, _) = peer.run().await;
        assert_eq!(outcome.unwrap().counted, [1, 2, 3], "seed {seed}");
        assert_eq!(peer.counted(), expected, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_receipt_was_lost_is_sent_again_and_not_computed_again() {
    let mut lost = false;
    let peer = Peer::new(move |_, what| match what == "PUT /v1/rounds/2/updates/4" && !lost {
        true => {
            lost = true;
            Fate::AnswerLost
        }
        false => Fate::Answered,
    });
    let (outcome, events) = peer.run().await;
    assert_eq!(outcome.unwrap().counted, [1, 2, 3]);
    assert_eq!(peer.count("PUT /v1/rounds/2/updates/4"), 2);
    assert_eq!(events.iter().filter(|event| **event == AgentEvent::Training { round: 2 }).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_lease_has_lapsed_is_sent_again_under_the_next() {
    let mut lapsed = 0;
    let peer = Peer::new(move |_, what| match what {
        "PUT /v1/rounds/2/updates/4" if lapsed < 2 => {
            lapsed += 1;
            Fate::Refused(Problem::LeaseLapsed, None)
        }
        _ => Fate::Answered,
    });
    let (outcome, events) = peer.run().await;
    assert_eq!(outcome.unwrap().counted, [1, 2, 3]);
    let round: Vec<String> =
        peer.requests().into_iter().filter(|request| !request.starts_with("GET")).collect();
    let (upload, check_in) = ("PUT /v1/rounds/2/updates/4", "POST /v1/checkins");
    assert_eq!(round[3..9], [check_in, upload, check_in, upload, check_in, upload]);
    assert_eq!(events.iter().filter(|event| **event == AgentEvent::Training { round: 2 }).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_takes_longer_than_its_lease_asks_for_the_next_before_it_sends_anything() {
    let late = Duration::from_millis(1_500);
    let peer = Peer::new(move |_, what| match what.starts_with("GET /v1/models") {
        true => Fate::Slow(late),
        false => Fate::Answered,
    });
    assert_eq!(peer.run().await.0.unwrap().counted, [1, 2, 3]);
    assert_eq!(peer.count("PUT"), 3, "what would be refused is not sent");
    assert_eq!(peer.count("POST /v1/checkins"), 2 * 3 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_is_over_when_a_lease_lapses_is_missed() {
    let mut asked = 0;
    let peer = Peer::new(move |_, what| match what {
        "PUT /v1/rounds/1/updates/4" => {
            asked += 1;
            Fate::Refused(if asked == 1 { Problem::LeaseLapsed } else { Problem::TooLate }, None)
        }
        _ => Fate::Answered,
    });
    peer.over(1, 2);
    let (outcome, events) = peer.run().await;
    assert_eq!(outcome.unwrap().counted, [2, 3]);
    assert!(events.contains(&AgentEvent::Missed { round: 1 }), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_is_away_is_waited_for_without_hammering() {
    let begun = Instant::now();
    let hour = Duration::from_secs(3_600);
    let peer = Peer::new(move |_, _| match begun.elapsed() < hour {
        true => Fate::Lost,
        false => Fate::Answered,
    });
    assert_eq!(peer.run().await.0.unwrap().counted.len(), ROUNDS as usize);
    // On the average a wait is 15 seconds long: 240 attempts in an hour.
    assert!((120..480).contains(&peer.count("POST /v1/clients")), "{}", peer.count("POST /v1/clients"));
    assert!(begun.elapsed() < hour + Duration::from_secs(31), "it is back soon after the coordinator is");
}

#[tokio::test(start_paused = true)]
async fn it_gives_up_when_it_was_told_so() {
    let patience = Patience { give_up_after: Some(Duration::from_secs(60)), ..Patience::default() };
    let peer = Peer::new(|_, _| Fate::Lost);
    let begun = Instant::now();
    let (outcome, _) = peer.run_with(patience, Arc::new(Rows::new(20)), std::future::pending()).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, AgentError::Call(CallError::GaveUp { attempts: 3.., .. })), "{error}");
    assert!(error.to_string().contains("peer cannot be reached"), "{error}");
    assert!(begun.elapsed() <= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn the_time_to_stay_away_is_honoured() {
    let peer = Peer::new(|number, _| match number {
        1 => Fate::Refused(Problem::ShuttingDown, Some(7)),
        3 => Fate::Json(r#"{"kind":"wait"}"#.into()),
        _ => Fate::Answered,
    });
    peer.run().await.0.unwrap();
    let pauses = peer.pauses();
    let (first, longest) = (Duration::from_secs(7), Duration::from_millis(7_250));
    assert!((first..=longest).contains(&pauses[0]), "{:?}", pauses[0]);
    // The answer to wait did not say how long: five seconds, and up to as many again.
    assert!((Duration::from_secs(5)..Duration::from_secs(10)).contains(&pauses[2]), "{:?}", pauses[2]);
}

#[tokio::test(start_paused = true)]
async fn clients_that_failed_together_do_not_come_back_together() {
    let mut waits = Vec::new();
    for seed in 0..20 {
        let peer = Peer::new(|number, _| if number == 1 { Fate::Lost } else { Fate::Answered });
        let connection = privet_client::Connection::new(peer.clone(), Patience::default(), seed);
        let identity = privet_core::identity::Identity::from_random(&[1; 32]);
        connection.enrol(&identity, None, None).await.unwrap();
        waits.push(peer.pauses()[0]);
    }
    let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
    assert!(most - least > Duration::from_millis(125), "{waits:?}");
}
