//! `POST /v1/rounds/{n}/declines/{client}`: a participant says that it cannot take part.

use crate::extract::{At, Bearer, Message};
use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::extract::State;
use axum::http::StatusCode;
use privet_core::protocol::Decline;

pub(super) async fn decline<S: Store>(
    State(service): State<Service<S>>,
    At((round, client)): At<(u32, u32)>,
    Bearer(credential): Bearer,
    Message(Decline { reason }): Message<Decline>,
) -> Result<StatusCode, RequestError> {
    service.authorize(client, &credential).await?;
    service.store().decline(client, round, service.now()).await?;
    tracing::warn!(round, client, ?reason, "a participant declined");
    Ok(StatusCode::NO_CONTENT)
}
