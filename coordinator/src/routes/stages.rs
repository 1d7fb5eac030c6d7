//! `/v1/rounds/{n}/stages/{stage}/{client}`: a participant of a masked round gets what it needs for its part in a stage,
//! and sends its message.

use crate::crash::CrashPoint;
use crate::extract::{At, Under, octets};
use crate::request_error::RequestError;
use crate::room::{READ_AT_ONCE, Size};
use crate::service::Service;
use crate::signed::Signed;
use crate::store::Store;
use axum::Json;
use axum::body::Bytes;
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
) -> Result<([(HeaderName, &'static str); 1], Bytes), RequestError> {
    signed.content(&[])?;
    let _under_way = service.authorize(client, &signed).await?;
    // Every participant gets a copy of its own, and of a roster it is as long as there are clients.
    let room = service.room(client, Size::of_task(service.charter(), stage)).await?;
    let finding =
        |service: Service<S>| async move { service.store().task(round, client, stage, service.now()).await };
    let (task, room) = service.see_through(room, finding).await?;
    service.journal().sent(task.len());
    Ok(([(CONTENT_TYPE, "application/octet-stream")], room.answer(task)))
}

pub(super) async fn send<S: Store>(
    State(service): State<Service<S>>,
    At((round, stage, client)): At<(u32, Stage, u32)>,
    signed: Signed,
    Under(holding): Under,
    request: Request,
) -> Result<Json<StageReceipt>, RequestError> {
    // First who sends it: nobody else may make the service hold a body.
    let _under_way = service.authorize(client, &signed).await?;
    let masking = service.charter().rules.masking.ok_or(Refusal::NotMasked { round })?;
    let size = Size::of_stage(service.charter(), stage);
    let mut room = service.room(client, size).await?;
    let body = octets(request, size.body, service.options().limits.body).await?;
    service.journal().received(body.len());

    let ring = masking.masking.ring();
    let length = body.len();
    let reading = move || {
        let digest = signed.content(&body)?;
        let content = read(&body, stage, ring, (round, client))?;
        drop(body);
        room.release_body(size);
        Ok::<_, RequestError>((content, digest, room))
    };
    // Hashing and decoding take time in proportion to the message: if that is long, not on a thread that serves others.
    let (content, message_sha256, room) = match length {
        ..=READ_AT_ONCE => reading()?,
        _ => {
            let reading = tokio::task::spawn_blocking(reading);
            reading.await.map_err(|error| RequestError::Internal(error.into()))??
        }
    };
    let message = StageMessage { client, round, digest: Some(message_sha256), content };
    let taking =
        |service: Service<S>| async move { service.store().send(message, holding, service.now()).await };
    drop(service.see_through(room, taking).await?);
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
