//! `GET /v1/clients/{n}/records`: the sealed records of the rounds that are over, for a client that holds receipts.

use super::listing;
use crate::extract::At;
use crate::request_error::RequestError;
use crate::service::Service;
use crate::signed::Signed;
use crate::store::Store;
use axum::extract::State;
use axum::response::Response;
use privet_core::plan::Protection;

/// Records say who took part and with which weight: only those who have enrolled see them, and nobody does where a
/// promise of privacy rests on that being hidden.
pub(super) async fn list<S: Store>(
    State(service): State<Service<S>>,
    At(client): At<u32>,
    signed: Signed,
) -> Result<Response, RequestError> {
    let _under_way = service.authorize(client, &signed).await?;
    match service.charter().rules.protection.as_ref().is_some_and(Protection::hides_cohorts) {
        true => Err(RequestError::HiddenRecords),
        false => listing::list(service, |past| past.sealed).await,
    }
}
