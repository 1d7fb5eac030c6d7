//! How an agent stops when it is told to.

use crate::peer::{Fate, Peer, Rows};
use privet_client::{Ending, Patience};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// An agent whose second update takes this fate, told to stop five seconds after its start. Gives what counted, as
/// it knows, and how long it took.
async fn stopped_in_the_second_upload(fate: Fate) -> (Vec<u32>, Duration) {
    let mut fate = Some(fate);
    let peer = Peer::new(move |_, what| match what.starts_with("PUT /v1/rounds/2/") {
        true => fate.take().unwrap_or(Fate::Answered),
        false => Fate::Answered,
    });
    let begun = Instant::now();
    let shutdown = sleep(Duration::from_secs(5));
    let (outcome, _) = peer.run_with(Patience::default(), Arc::new(Rows::new(20)), shutdown).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.ending, Ending::Stopped);
    (outcome.counted, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_waits_stops_at_once() {
    let peer = Peer::new(|number, _| if number > 1 { Fate::Silence } else { Fate::Answered });
    let begun = Instant::now();
    let shutdown = sleep(Duration::from_secs(5));
    let (outcome, _) = peer.run_with(Patience::default(), Arc::new(Rows::new(20)), shutdown).await;
    assert_eq!(outcome.unwrap().ending, Ending::Stopped);
    assert!(begun.elapsed() < Duration::from_millis(5_010));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_under_way_is_still_sent() {
    let (counted, took) = stopped_in_the_second_upload(Fate::Slow(Duration::from_secs(8))).await;
    assert_eq!(counted, [1, 2]);
    assert!((8..9).contains(&took.as_secs()));
}

#[tokio::test(start_paused = true)]
async fn but_not_for_ever() {
    let (counted, took) = stopped_in_the_second_upload(Fate::Silence).await;
    assert_eq!(counted, [1]);
    assert!((15..16).contains(&took.as_secs()), "{took:?}");
}
