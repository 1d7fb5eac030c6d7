//! `POST /v1/rounds/{n}/declines/{client}`: a participant says that it cannot take part, and because of whom.

use crate::extract::At;
use crate::request_error::RequestError;
use crate::service::Service;
use crate::signed::SignedMessage;
use crate::store::Store;
use axum::extract::State;
use axum::http::StatusCode;
use privet_core::protocol::Decline;

pub(super) async fn decline<S: Store>(
    State(service): State<Service<S>>,
    At((round, client)): At<(u32, u32)>,
    SignedMessage(signed, Decline { reason, accused }): SignedMessage<Decline>,
) -> Result<StatusCode, RequestError> {
    let _under_way = service.authorize(client, &signed).await?;
    service.store().decline(client, round, accused, service.now()).await?;
    tracing::warn!(round, client, ?reason, accused, "a participant declined");
    Ok(StatusCode::NO_CONTENT)
}
