//! `POST /v1/checkins`: a client asks whether there is anything for it.
//!
//! While there is not, the answer is held back until something changes, for a bounded time.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::signed::SignedMessage;
use crate::store::{Orders, Store};
use axum::Json;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use privet_core::protocol::{CheckIn, CheckInAnswer, TaskLease};
use privet_core::round::{Assignment, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

pub(super) async fn check_in<S: Store>(
    State(service): State<Service<S>>,
    SignedMessage(signed, CheckIn { client }): SignedMessage<CheckIn>,
) -> Result<Response, RequestError> {
    let _under_way = service.authorize(client, &signed).await?;
    let answer = answer_in_time(&service, client).await?;
    Ok(match answer {
        CheckInAnswer::Train { .. } | CheckInAnswer::Mask { .. } => Json(answer).into_response(),
        CheckInAnswer::Finished { .. } => {
            service.note_told(client);
            Json(answer).into_response()
        }
        CheckInAnswer::Wait => {
            let seconds = service.options().retry_after.as_secs();
            ([(RETRY_AFTER, seconds.to_string())], Json(answer)).into_response()
        }
    })
}

/// Asks the store again whenever a round or a stage opens, until there is something to do or the time is over.
async fn answer_in_time<S: Store>(service: &Service<S>, client: u32) -> Result<CheckInAnswer, RequestError> {
    // Without a place to wait at, the client is answered at once, and asks again later.
    let place = service.hold(client);
    let hold = if place.is_some() { service.options().hold } else { Duration::ZERO };
    let give_up = Instant::now() + hold;
    let mut stage = service.store().stage();
    let mut draining = service.draining();
    loop {
        // Seen before the store is asked: a change after that wakes the wait below.
        stage.mark_unchanged();
        let answer = answer_now(service, client).await?;
        if answer != CheckInAnswer::Wait {
            return Ok(answer);
        }
        tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => return Err(RequestError::ShuttingDown),
            _ = stage.changed() => {}
            () = tokio::time::sleep_until(give_up) => return Ok(CheckInAnswer::Wait),
        }
    }
}

async fn answer_now<S: Store>(service: &Service<S>, client: u32) -> Result<CheckInAnswer, RequestError> {
    let now = service.now();
    let Orders { assignment, lease, model_sha256, clip } = service.store().check_in(client, now).await?;
    let lease = lease
        .map(|lease| TaskLease { token: lease.token, milliseconds_left: milliseconds(now, lease.expires) });
    Ok(match (assignment, lease) {
        (Assignment::Wait, _) => CheckInAnswer::Wait,
        (Assignment::Finished, _) => CheckInAnswer::Finished { model_sha256 },
        (Assignment::Train { round, deadline }, Some(lease)) => {
            let milliseconds_left = milliseconds(now, deadline);
            CheckInAnswer::Train { round, model_sha256, milliseconds_left, lease, clip }
        }
        (Assignment::Mask { round, stage, deadline }, Some(lease)) => {
            let milliseconds_left = milliseconds(now, deadline);
            CheckInAnswer::Mask { round, stage, model_sha256, milliseconds_left, lease, clip }
        }
        (Assignment::Train { .. } | Assignment::Mask { .. }, None) => {
            unreachable!("who is asked for something has a lease of it")
        }
    })
}

fn milliseconds(now: Timestamp, deadline: Timestamp) -> u64 {
    u64::try_from(now.until(deadline).as_millis()).unwrap_or(u64::MAX)
}
