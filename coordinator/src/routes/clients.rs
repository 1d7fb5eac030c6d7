//! `POST /v1/clients`: a client enrols.

use crate::extract::Message;
use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::Json;
use axum::extract::State;
use privet_core::protocol::{Enrol, Enrolled};

pub(super) async fn enrol<S: Store>(
    State(service): State<Service<S>>,
    Message(request): Message<Enrol>,
) -> Result<Json<Enrolled>, RequestError> {
    let client = service.store().enrol(request, service.now()).await?;
    Ok(Json(Enrolled { client, plan_sha256: service.plan_sha256() }))
}
