//! `/v1/clients`: a client enrols, and anybody sees who has.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::signed::SignedMessage;
use crate::store::Store;
use axum::Json;
use axum::extract::State;
use privet_core::protocol::{Enrol, Enrolled, EnrolledClient};

/// The signature shows that the client has the secret half of the key. Its nonce is not remembered: to enrol twice is
/// to enrol once.
pub(super) async fn enrol<S: Store>(
    State(service): State<Service<S>>,
    SignedMessage(signed, request): SignedMessage<Enrol>,
) -> Result<Json<Enrolled>, RequestError> {
    if request.key != signed.0.key {
        return Err(RequestError::EnrolsAnother);
    }
    let invitation = service.options().enrolment.invitation(&request);
    let client = service.store().enrol(request, invitation, service.now()).await?;
    Ok(Json(Enrolled { client, plan_sha256: service.plan_sha256() }))
}

pub(super) async fn list<S: Store>(
    State(service): State<Service<S>>,
) -> Result<Json<Vec<EnrolledClient>>, RequestError> {
    Ok(Json(service.store().clients().await?))
}
