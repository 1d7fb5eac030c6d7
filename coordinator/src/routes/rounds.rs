//! `GET /v1/rounds`: the rounds that are over.

use super::listing;
use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::extract::State;
use axum::response::Response;
use privet_core::plan::Protection;

pub(super) async fn list<S: Store>(State(service): State<Service<S>>) -> Result<Response, RequestError> {
    let hidden = service.charter().rules.protection.as_ref().is_some_and(Protection::hides_cohorts);
    listing::list(service, move |past| past.summary(hidden)).await
}
