//! `GET /v1/federation`: what anybody may know.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::{Standing, Store};
use axum::Json;
use axum::extract::State;
use privet_core::protocol::FederationState;

pub(super) async fn show<S: Store>(
    State(service): State<Service<S>>,
) -> Result<Json<FederationState>, RequestError> {
    let Standing { phase, round, enrolled, model_sha256 } = service.store().standing().await?;
    let charter = service.charter();
    Ok(Json(FederationState {
        name: charter.name.clone(),
        plan: charter.plan.clone(),
        plan_sha256: service.plan_sha256(),
        phase,
        round,
        rounds: charter.rules.rounds,
        enrolled,
        wait_for: charter.rules.wait_for,
        places: charter.rules.places,
        model_sha256,
    }))
}
