//! The service on a loopback port: deadlines, both HTTP versions, and how it ends.

use crate::harness::{
    Garden, ManualClock, encode, enrolment, first_model, rules, service_with, signature, update, update_path,
};
use privet_coordinator::{Conclusion, Ending, Options, RunError, ServiceEvent, app, bind, run};
use privet_core::protocol::{
    CheckInAnswer, FederationState, HexDigest, Problem, ProblemDocument, ReceiptMessage,
};
use reqwest::{Client, Response, StatusCode, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A service that is being run, and a hand-made client of it.
pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) client: Client,
    pub(crate) clock: ManualClock,
    pub(crate) events: mpsc::UnboundedReceiver<ServiceEvent>,
    /// The same routes without a socket.
    pub(crate) garden: Garden,
    pub(crate) stop: Arc<Notify>,
    ended: JoinHandle<Result<Conclusion, RunError>>,
}

impl Running {
    async fn start() -> Running {
        Running::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Running {
        let clock = ManualClock::new();
        let (service, events) = service_with(clock.clone(), options);
        let garden = Garden { app: app(service.clone()) };
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let ended = tokio::spawn(run(service, listener, async move { stopped.notified().await }));
        // Any client is set up for TLS, also if it is not spoken.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        Running { address, client, clock, events, garden, stop, ended }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn enrol_all(&self) {
        for client in 1..=rules().places {
            self.post("/v1/clients", client, enrolment(client, Some(client)).into()).await;
        }
    }

    async fn post(&self, path: &str, client: u32, body: Vec<u8>) -> Response {
        let mut request = self.client.post(self.url(path)).header("content-type", "application/json");
        for (name, value) in signature("POST", &self.address, path, client, &body) {
            request = request.header(name, value);
        }
        request.body(body).send().await.unwrap()
    }

    async fn check_in(&self, client: u32) -> Response {
        self.post("/v1/checkins", client, format!(r#"{{"client":{client}}}"#).into()).await
    }

    async fn upload(&self, round: u32, client: u32) -> StatusCode {
        let path = update_path(round, client);
        let body = update(round, client);
        let mut request = self.client.put(self.url(&path)).header("content-type", "application/octet-stream");
        for (name, value) in signature("PUT", &self.address, &path, client, &body) {
            request = request.header(name, value);
        }
        request.body(body).send().await.unwrap().status()
    }
}

async fn problem(response: Response) -> Option<Problem> {
    serde_json::from_slice::<ProblemDocument>(&response.bytes().await.unwrap()).unwrap().problem()
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let running = Running::start().await;
    let second = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for (client, version) in [(&running.client, Version::HTTP_11), (&second, Version::HTTP_2)] {
        let response = client.get(running.url("/v1/federation")).send().await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::OK, version));
        let state: FederationState = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(state.name, "garden");
        assert_eq!(state.plan_sha256, HexDigest::of(state.plan.as_bytes()));
    }
}

#[tokio::test]
async fn a_round_is_closed_at_its_deadline_without_any_request() {
    let mut running = Running::start().await;
    running.enrol_all().await;
    running.upload(1, 1).await;
    running.upload(1, 2).await;
    running.clock.advance(Duration::from_secs(10));
    let closed = loop {
        let event = timeout(Duration::from_secs(60), running.events.recv()).await.expect("nothing happens");
        if let Some(ServiceEvent::RoundClosed(closed)) = event {
            break closed;
        }
    };
    assert_eq!(closed.record.contributions.len(), 2);
    assert_eq!(closed.record.opened.until(closed.record.closed), Duration::from_secs(10));
}

#[tokio::test]
async fn it_ends_by_itself_when_all_clients_know_that_the_federation_has_finished() {
    let running = Running::start().await;
    running.enrol_all().await;
    for (round, client) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)] {
        assert_eq!(running.upload(round, client).await, StatusCode::OK);
    }
    for client in 1..=3 {
        assert!(!running.ended.is_finished(), "client {client} has not been told");
        let answer = running.check_in(client).await.bytes().await.unwrap();
        let answer: CheckInAnswer = serde_json::from_slice(&answer).unwrap();
        assert!(matches!(answer, CheckInAnswer::Finished { .. }));
    }
    let conclusion = running.ended.await.unwrap().unwrap();
    assert_eq!(conclusion.ending, Ending::Finished);
    assert_eq!(HexDigest::of(&conclusion.model_file), conclusion.model_sha256);
    assert!(TcpStream::connect(&running.address).await.is_err(), "the port is free again");
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_for_ever_for_clients_that_are_gone() {
    let running = Running::start().await;
    running.garden.enrol_all().await;
    running.garden.upload_all(1).await;
    running.garden.upload_all(2).await;
    assert_eq!(running.ended.await.unwrap().unwrap().ending, Ending::Finished);
}

#[tokio::test]
async fn when_it_stops_uploads_end_and_whatever_is_new_or_waits_is_sent_away() {
    let running = Running::start().await;
    running.enrol_all().await;
    assert_eq!(running.upload(1, 2).await, StatusCode::OK);

    // An upload that has begun: the service asks for its body, which is not sent yet.
    let body = update(1, 1);
    let path = update_path(1, 1);
    let signed = signature("PUT", "x", &path, 1, &body);
    let signed = signed.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n{signed}\r\n",
        body.len(),
    );
    let mut upload = BufReader::new(TcpStream::connect(&running.address).await.unwrap());
    upload.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    upload.read_line(&mut line).await.unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    upload.read_line(&mut line).await.unwrap();

    // A client that waits, and one that comes afterwards.
    let (waiting, ()) = tokio::join!(running.garden.check_in(2), async { running.stop.notify_one() });
    assert_eq!(waiting.headers["retry-after"], "5");
    assert_eq!(waiting.problem(), Problem::ShuttingDown);
    let late = running.client.get(format!("http://{}/v1/federation", running.address)).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem(late).await, Some(Problem::ShuttingDown));

    // The upload ends well, and the service with it.
    upload.write_all(&body).await.unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, json) = answer.split_once("\r\n\r\n").unwrap();
    let receipt: ReceiptMessage = serde_json::from_str(json).unwrap();
    assert_eq!(receipt.update_sha256, HexDigest::of(&body));
    let conclusion = running.ended.await.unwrap().unwrap();
    assert_eq!(conclusion.ending, Ending::Stopped);
    assert_eq!(*conclusion.model_file, *encode(&first_model()));
}
