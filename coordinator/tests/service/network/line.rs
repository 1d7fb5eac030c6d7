//! Requests over the simulated network, one connection each.

use super::federation::Kind;
use super::sight::Sight;
use super::tls;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, Method, Request, Response};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use privet_client::{Transport, TransportError};
use privet_core::protocol::HexDigest;
use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;
use turmoil::net::TcpStream;

pub(super) const COORDINATOR: &str = "coordinator";
pub(super) const PORT: u16 = 7310;

/// After how long a connection on which nothing more arrives is given up, as the system would: longer than a check-in
/// is held.
const GIVE_UP: Duration = Duration::from_secs(5);

type Fault = Box<dyn Error + Send + Sync>;

/// A request that arrives a second time.
pub(super) struct Echo {
    pub(super) after: Duration,
    pub(super) client: u32,
    pub(super) request: Request<Bytes>,
}

/// A client's line to the coordinator.
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) client: u32,
    pub(super) sight: Arc<Sight>,
    pub(super) echoes: UnboundedSender<Echo>,
}

impl Transport for Line {
    fn authority(&self) -> &str {
        COORDINATOR
    }

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
        let what = what(&request);
        if let Some(after) = self.sight.echo() {
            let echo = Echo { after, client: self.client, request: request.clone() };
            self.echoes.send(echo).expect("the host of the echoes never stops");
        }
        let who = format!("client {}", self.client);
        self.sight.note(&who, &what);
        let upload = (request.method() == Method::PUT).then(|| request.uri().path().contains("/stages/"));
        self.note_answer(&request);
        let sent = timeout(GIVE_UP, exchange(self.kind, request, limit)).await;
        let answer = sent.unwrap_or_else(|_| Err("nothing arrives any more".into()));
        match &answer {
            Ok(answer) => self.sight.note(&who, format_args!("{what}: {}", outcome(answer))),
            Err(_) => self.sight.note(&who, format_args!("{what}: nothing")),
        }
        if let Ok(answer) = &answer
            && answer.status().is_success()
        {
            let receipt = answer.body();
            match upload {
                Some(false) => {
                    self.sight.receipts.lock().unwrap().push(serde_json::from_slice(receipt).unwrap())
                }
                Some(true) => {
                    self.sight.stage_receipts.lock().unwrap().push(serde_json::from_slice(receipt).unwrap());
                }
                None => {}
            }
        }
        answer.map_err(|source| TransportError::Broken { address: COORDINATOR.into(), source })
    }
}

impl Line {
    /// Notes the shares that leave the client.
    fn note_answer(&self, request: &Request<Bytes>) {
        let path: Vec<&str> = request.uri().path().split('/').collect();
        if let (&Method::PUT, ["", "v1", "rounds", round, "stages", "answer", _]) =
            (request.method(), &path[..])
        {
            let at = (round.parse().unwrap(), self.client);
            let digest = HexDigest::of(request.body());
            self.sight.answers.lock().unwrap().entry(at).or_default().insert(digest);
        }
    }
}

/// What a request asks for, without the digests in it.
pub(super) fn what(request: &Request<Bytes>) -> String {
    let path = request.uri().path();
    let path = if path.starts_with("/v1/models/") { "/v1/models" } else { path };
    format!("{} {path}", request.method())
}

/// What came of a request: the status, and the problem if there is one.
pub(super) fn outcome(answer: &Response<Bytes>) -> String {
    let problem = serde_json::from_slice::<serde_json::Value>(answer.body()).ok();
    let problem = problem.as_ref().and_then(|document| document["type"].as_str()).unwrap_or_default();
    format!("{} {problem}", answer.status().as_u16())
}

/// Sends a request over a connection of its own, and reads the answer. Nothing of it is left when this is dropped.
pub(super) async fn exchange(
    kind: Kind,
    mut request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, Fault> {
    request.headers_mut().insert("host", HeaderValue::from_static(COORDINATOR));
    let stream = TcpStream::connect((COORDINATOR, PORT)).await?;
    match kind {
        Kind::Secured => exchange_on(tls::greet(stream).await?, request, limit).await,
        Kind::Plain | Kind::Masked => exchange_on(stream, request, limit).await,
    }
}

async fn exchange_on(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, Fault> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let mut connection = pin!(connection);
    let answer = async {
        let (parts, body) = sender.send_request(request.map(Body::from)).await?.into_parts();
        Ok(Response::from_parts(parts, to_bytes(Body::new(body), limit).await?))
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        // A connection that ends tells whoever waits for an answer.
        () = async { drop(connection.as_mut().await); pending().await } => unreachable!(),
    }
}
