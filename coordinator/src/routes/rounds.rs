//! `GET /v1/rounds`: the rounds that are over.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::Json;
use axum::extract::State;
use privet_core::protocol::RoundSummary;

pub(super) async fn list<S: Store>(
    State(service): State<Service<S>>,
) -> Result<Json<Vec<RoundSummary>>, RequestError> {
    Ok(Json(service.store().history().await?))
}
