//! Connections that are made to do harm: each ends in a bounded time, and the service goes on answering.

use crate::harness::{Garden, ManualClock, service_with, signature, update, update_path};
use crate::serving::Running;
use privet_coordinator::{Doors, Limits, Options, TlsError, bind, run, tls_from_files};
use privet_core::protocol::FederationState;
use rcgen::{CertificateParams, Issuer, KeyPair};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Long enough for a machine that is busy, short enough for a test.
const SHORT: Duration = Duration::from_millis(500);
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn impatient() -> Options {
    let limits = Limits { head: SHORT, body: SHORT, silence: 2 * SHORT, room: SHORT, ..Limits::default() };
    Options { limits, ..Options::default() }
}

/// Sends some bytes on a connection of their own, and gives everything that is answered until it is closed.
async fn told(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset is closed too.
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

fn upload(client: u32, length: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let path = update_path(1, client);
    let signed = signature("PUT", "x", &path, client, &update(1, client));
    let signed = signed.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
         {length}{extra}{signed}\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_stays_for_ever_and_none_disturbs_the_others() {
    let running = Running::with(impatient()).await;
    running.garden.enrol_all().await;
    let get = |head: &str| {
        format!("GET /v1/federation HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n").into_bytes()
    };
    // Two bodies of a client may be on their way at once, and all the cases are.
    let many_headers: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("says nothing", vec![], ""),
        ("one byte, which could begin HTTP/2", b"P".to_vec(), ""),
        ("half of a greeting in HTTP/2", b"PRI * HTTP/2.0\r\n\r\nS".to_vec(), ""),
        ("a greeting in HTTP/2 and nothing more", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), ""),
        ("half a head", b"GET /v1/federation HTTP/1.1\r\nhost: ".to_vec(), ""),
        ("TLS where there is none", vec![0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], ""),
        ("no HTTP", b"EHLO garden\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        ("a version that is not there yet", b"GET / HTTP/7.0\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        ("a byte of nought in a header", get("x: \0\r\n"), "HTTP/1.1 400"),
        ("a header of 100 kB", get(&format!("x: {}\r\n", "y".repeat(100_000))), "HTTP/1.1 431"),
        ("200 headers", get(&many_headers), "HTTP/1.1 431"),
        (
            "an address of 70 kB",
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(70_000)).into(),
            "HTTP/1.1 4",
        ),
        ("a length that is none", upload(1, "content-length: many\r\n", "", b""), "HTTP/1.1 400"),
        ("a length below nought", upload(1, "content-length: -1\r\n", "", b""), "HTTP/1.1 400"),
        ("two lengths", upload(1, "content-length: 36\r\ncontent-length: 37\r\n", "", b""), "HTTP/1.1 400"),
        (
            "a length beyond all",
            upload(1, "content-length: 9999999999999\r\n", "connection: close\r\n", b""),
            "HTTP/1.1 413",
        ),
        (
            "a body that does not come",
            upload(1, "content-length: 36\r\n", "connection: close\r\n", b""),
            "HTTP/1.1 408",
        ),
        (
            "half a body",
            upload(2, "content-length: 36\r\n", "connection: close\r\n", &update(1, 1)[..18]),
            "HTTP/1.1 408",
        ),
        (
            "pieces without an end",
            upload(2, "transfer-encoding: chunked\r\n", "connection: close\r\n", b"4\r\nabcd\r\n"),
            "HTTP/1.1 408",
        ),
        (
            "a piece whose length is none",
            upload(3, "transfer-encoding: chunked\r\n", "connection: close\r\n", b"xyz\r\n"),
            "HTTP/1.1 400",
        ),
        (
            "a path that climbs",
            b"GET /v1/models/../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            "HTTP/1.1 404",
        ),
        (
            "an unknown method",
            b"BREW /v1/federation HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            "HTTP/1.1 405",
        ),
    ];
    let mut talks = JoinSet::new();
    for (what, bytes, expected) in cases {
        let address = running.address.clone();
        talks.spawn(async move { (what, told(&address, &bytes).await, expected) });
    }
    for (what, answer, expected) in talks.join_all().await {
        assert!(answer.starts_with(expected), "{what}: {answer:?}");
        assert!(!expected.is_empty() || !answer.starts_with("HTTP/1.1 2"), "{what}: {answer:?}");
    }
    assert!(told(&running.address, &get("")).await.starts_with("HTTP/1.1 200"));
    running.garden.upload_all(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_silent_connections_do_not_keep_others_out() {
    let running = Running::with(Options::default()).await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(TcpStream::connect(&running.address).await.unwrap());
    }
    let response =
        running.client.get(format!("http://{}/v1/federation", running.address)).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_for_which_there_is_no_room_is_sent_away_for_a_time() {
    let mut options = impatient();
    options.limits = Limits { bytes_in_flight: 1, body: LONG, silence: LONG, ..options.limits };
    let running = Running::with(options).await;
    running.garden.enrol_all().await;
    // One body that does not come takes all the room there is.
    let mut slow = TcpStream::connect(&running.address).await.unwrap();
    slow.write_all(&upload(1, "content-length: 36\r\n", "expect: 100-continue\r\n", b"")).await.unwrap();
    let mut asked = [0; 12];
    slow.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    let answer =
        told(&running.address, &upload(2, "content-length: 36\r\n", "connection: close\r\n", &update(1, 2)))
            .await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 2"), "{answer}");
    // When it has gone there is room again.
    drop(slow);
    let answer =
        told(&running.address, &upload(2, "content-length: 36\r\n", "connection: close\r\n", &update(1, 2)))
            .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn check_ins_beyond_the_places_to_wait_at_are_answered_at_once() {
    let limits = Limits { held: 1, ..Limits::default() };
    let garden = Garden {
        app: privet_coordinator::app(
            service_with(ManualClock::new(), Options { limits, ..Options::default() }).0,
        ),
    };
    garden.enrol(1).await;
    garden.enrol(2).await;
    let began = tokio::time::Instant::now();
    let hold = Options::default().hold;
    let (_, second) = tokio::join!(garden.check_in(1), async {
        garden.check_in(2).await;
        began.elapsed()
    });
    assert!(second < hold && began.elapsed() >= hold, "{second:?}");
}

/// An authority, and a certificate of it for this machine, in a folder.
fn certificates(folder: &Path) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let own = CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("own.pem"), own.pem()).unwrap();
    fs::write(folder.join("own.key"), key.serialize_pem()).unwrap();
    fs::write(folder.join("both.pem"), own.pem() + &key.serialize_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_client_certificates_are_asked_for() {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name);
    for client_ca in [None, Some(file("ca.pem"))] {
        let (service, _events) = service_with(ManualClock::new(), impatient());
        let public = bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/v1/federation", public.local_addr().unwrap().port());
        let tls = tls_from_files(&file("own.pem"), &file("own.key"), client_ca.as_deref()).unwrap();
        let doors = Doors { public, tls: Some(tls), administration: None };
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let ended = tokio::spawn(run(service, doors, async move { stopped.notified().await }));

        let read = |name: &str| fs::read(file(name)).unwrap();
        let ca = reqwest::Certificate::from_pem(&read("ca.pem")).unwrap();
        let trusting = || reqwest::Client::builder().no_proxy().tls_certs_only([ca.clone()]);
        let known =
            trusting().identity(reqwest::Identity::from_pem(&read("both.pem")).unwrap()).build().unwrap();
        let response = known.get(&url).send().await.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        let state: FederationState = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(state.name, "garden");
        let unknown = trusting().build().unwrap().get(&url).send().await;
        assert_eq!(unknown.is_ok(), client_ca.is_none(), "{unknown:?}");
        let nobody: [reqwest::Certificate; 0] = [];
        let distrusting = reqwest::Client::builder().no_proxy().tls_certs_only(nobody).build();
        assert!(distrusting.is_err() || distrusting.unwrap().get(&url).send().await.is_err());
        // Plain HTTP is not understood there.
        let plain = told(url["https://".len()..].split('/').next().unwrap(), b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(!plain.contains("HTTP/1.1 2"), "{plain}");
        stop.notify_one();
        ended.await.unwrap().unwrap();
    }
    let none = tls_from_files(&file("own.key"), &file("own.key"), None).unwrap_err();
    assert!(matches!(none, TlsError::NoCertificate { .. }), "{none}");
    let missing = tls_from_files(&file("no.pem"), &file("own.key"), None).unwrap_err();
    assert!(matches!(missing, TlsError::File { .. }), "{missing}");
    let other = KeyPair::generate().unwrap();
    fs::write(file("other.key"), other.serialize_pem()).unwrap();
    let mixed = tls_from_files(&file("own.pem"), &file("other.key"), None).unwrap_err();
    assert!(matches!(mixed, TlsError::Unusable(_)), "{mixed}");
}
