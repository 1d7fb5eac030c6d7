//! A list of all rounds that are over, in the answer to a request: however long it is, a part of it is in memory.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::{PastRound, Store, StoreError};
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde::Serialize;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The parts of a list, as they are written.
struct Parts(mpsc::Receiver<Result<Bytes, StoreError>>);

/// Answers with a JSON list of what `tell` says of each round that is over. The next part is read from the store when the one
/// before it is on its way. What cannot be read then breaks the answer off: it is no list.
pub(super) async fn list<S: Store, T: Serialize>(
    service: Service<S>,
    tell: impl Fn(PastRound) -> T + Send + 'static,
) -> Result<Response, RequestError> {
    let mut page = service.store().past(0).await?;
    let (parts, written) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut opening = b'[';
        while let Some(last) = page.last().map(|past| past.sealed.record.round) {
            // Whoever asked may have gone away.
            if parts.send(Ok(part(opening, page.into_iter().map(&tell)))).await.is_err() {
                return;
            }
            opening = b',';
            page = match service.store().past(last).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "a list of rounds is broken off");
                    drop(parts.send(Err(error)).await);
                    return;
                }
            };
        }
        let end = if opening == b'[' { "[]" } else { "]" };
        drop(parts.send(Ok(Bytes::from_static(end.as_bytes()))).await);
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(Parts(written))).into_response())
}

/// Some elements of a list behind what opens it, or parts them from those before.
fn part(opening: u8, elements: impl Iterator<Item = impl Serialize>) -> Bytes {
    let mut json = vec![opening];
    for (at, element) in elements.enumerate() {
        if at > 0 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, &element)
            .expect("what is told of a round has numbers and digests, and its maps have numbers for keys");
    }
    json.into()
}

impl Stream for Parts {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
