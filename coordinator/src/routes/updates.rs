//! `PUT /v1/rounds/{n}/updates/{client}`: a participant sends its update and gets a receipt.

use crate::crash::CrashPoint;
use crate::extract::{At, Under, octets};
use crate::request_error::RequestError;
use crate::room::{READ_AT_ONCE, Size};
use crate::service::Service;
use crate::signed::Signed;
use crate::store::Store;
use axum::Json;
use axum::extract::{Request, State};
use privet_core::protocol::{ReceiptMessage, UpdateMessage};
use privet_core::round::Submission;

pub(super) async fn upload<S: Store>(
    State(service): State<Service<S>>,
    At((round, client)): At<(u32, u32)>,
    signed: Signed,
    Under(holding): Under,
    request: Request,
) -> Result<Json<ReceiptMessage>, RequestError> {
    // First who sends it: nobody else may make the service hold a body.
    let _under_way = service.authorize(client, &signed).await?;
    let size = Size::of_update(service.charter());
    let mut room = service.room(client, size).await?;
    let body = octets(request, size.body, service.options().limits.body).await?;
    service.journal().received(body.len());

    let reading = move || {
        let digest = signed.content(&body)?;
        let message = read(&body, round, client)?;
        drop(body);
        room.release_body(size);
        Ok::<_, RequestError>((message, digest, room))
    };
    // Hashing and decoding take time in proportion to the model: if that is long, not on a thread that serves others.
    let (message, update_sha256, room) = match size.body {
        ..=READ_AT_ONCE => reading()?,
        _ => {
            let reading = tokio::task::spawn_blocking(reading);
            reading.await.map_err(|error| RequestError::Internal(error.into()))??
        }
    };
    let submission = Submission { client, round, update: message.update, digest: Some(update_sha256) };
    let counting =
        |service: Service<S>| async move { service.store().submit(submission, holding, service.now()).await };
    let (receipt, _) = service.see_through(room, counting).await?;
    CrashPoint::Acknowledging.reach();
    Ok(Json(ReceiptMessage { round, client, weight: receipt.contribution.weight, update_sha256 }))
}

/// Reads an update that was sent to this address.
fn read(body: &[u8], addressed_round: u32, addressed_client: u32) -> Result<UpdateMessage, RequestError> {
    let message = UpdateMessage::decode(body)?;
    let UpdateMessage { round, client, .. } = message;
    if (round, client) != (addressed_round, addressed_client) {
        return Err(RequestError::Misaddressed { round, client, addressed_round, addressed_client });
    }
    Ok(message)
}
