//! `GET /v1/privacy`: what was spent, at which delta, for whom.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::{Spending, Store};
use axum::Json;
use axum::extract::State;
use privet_core::protocol::PrivacyState;

pub(super) async fn show<S: Store>(
    State(service): State<Service<S>>,
) -> Result<Json<PrivacyState>, RequestError> {
    let protection = service.charter().rules.protection.as_ref();
    let spending = service.store().spending().await?;
    let (protection, spending) = protection.zip(spending).ok_or(RequestError::NoPrivacy)?;
    let Spending { ledger, epsilon, clip, exhausted } = spending;
    Ok(Json(PrivacyState {
        epsilon,
        delta: ledger.delta(),
        target_epsilon: ledger.target(),
        releases: ledger.releases(),
        exhausted,
        trusted: protection.trusted().to_owned(),
        clip,
        noise_multiplier: protection.noise_multiplier(),
        ledger,
    }))
}
