//! `/v1/rounds/{n}/stages/{stage}/{client}`: a participant of a masked round gets what it needs for its part in a stage,
//! and sends its message.

use crate::crash::CrashPoint;
use crate::extract::{At, Under, octets};
use crate::request_error::RequestError;
use crate::service::Service;
use crate::signed::Signed;
use crate::store::Store;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use privet_core::protocol::StageReceipt;
use privet_core::round::{Refusal, StageContent, StageMessage};
use privet_core::secagg::{Ring, Stage};

pub(super) async fn task<S: Store>(
    State(service): State<Service<S>>,
    At((round, stage, client)): At<(u32, Stage, u32)>,
    signed: Signed,
) -> Result<([(HeaderName, &'static str); 1], Vec<u8>), RequestError> {
    signed.content(&[])?;
    service.authorize(client, &signed).await?;
    let task = service.store().task(round, client, stage, service.now()).await?;
    service.journal().sent(task.len());
    Ok(([(CONTENT_TYPE, "application/octet-stream")], task))
}

pub(super) async fn send<S: Store>(
    State(service): State<Service<S>>,
    At((round, stage, client)): At<(u32, Stage, u32)>,
    signed: Signed,
    Under(holding): Under,
    request: Request,
) -> Result<Json<StageReceipt>, RequestError> {
    // First who sends it: nobody else may make the service hold a body.
    service.authorize(client, &signed).await?;
    let masking = service.charter().rules.masking.ok_or(Refusal::NotMasked { round })?;
    let expected = service.charter().stage_len(stage);
    let _room = service.room(client, expected).await?;
    let body = octets(request, expected, service.options().limits.body).await?;
    service.journal().received(body.len());

    // Hashing and decoding take time in proportion to the model: not on a thread that serves others.
    let ring = masking.masking.ring();
    let reading = tokio::task::spawn_blocking(move || {
        let digest = signed.content(&body)?;
        Ok::<_, RequestError>((read(&body, stage, ring, (round, client))?, digest))
    });
    let (content, message_sha256) = reading.await.map_err(|error| RequestError::Internal(error.into()))??;
    let message = StageMessage { client, round, digest: Some(message_sha256), content };
    service.store().send(message, holding, service.now()).await?;
    CrashPoint::Acknowledging.reach();
    Ok(Json(StageReceipt { round, stage, client, message_sha256 }))
}

/// Reads a message that was sent to this address.
fn read(
    body: &[u8],
    stage: Stage,
    ring: Ring,
    (addressed_round, addressed_client): (u32, u32),
) -> Result<StageContent, RequestError> {
    let content = StageContent::decode(stage, ring, body)?;
    let (round, client) = content.address();
    if (round, client) != (addressed_round, addressed_client) {
        return Err(RequestError::Misaddressed { round, client, addressed_round, addressed_client });
    }
    Ok(content)
}
