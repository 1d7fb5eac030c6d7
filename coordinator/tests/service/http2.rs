//! Connections of HTTP/2 that are made to do harm, frame by frame.

use crate::connections::{LONG, impatient};
use crate::harness::{HOST, signature};
use crate::serving::Running;
use reqwest::StatusCode;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// Types of frames (RFC 9113, section 6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
// Flags of HEADERS.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
// Codes of errors (section 7).
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /`, by the static table of HPACK (RFC 7541, appendix A).
fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x82, 0x86, 0x84])
}

/// A check-in of a client, of whose body nothing comes.
fn check_in(stream: u32, client: u32) -> Vec<u8> {
    let (path, body) = ("/v1/checkins", format!(r#"{{"client":{client}}}"#));
    // POST, and plain HTTP.
    let mut block = vec![0x83, 0x86];
    let signed = signature("POST", HOST, path, client, body.as_bytes());
    let signed = signed.each_ref().map(|(name, value)| (*name, value.as_str()));
    let named = [(":path", path), (":authority", HOST), ("content-type", "application/json")];
    for (name, value) in named.into_iter().chain(signed) {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// A string of HPACK as it is: its length, in seven bits and as many more bytes as it needs, and the text.
fn text(block: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ ..127 => block.push(short as u8),
        long => {
            block.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                block.push(rest as u8 | 128);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
    }
    block.extend(text.as_bytes());
}

async fn connect(running: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(&running.address).await.unwrap();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    stream
}

/// The frames that come until the connection is closed: type, stream and payload.
async fn frames(stream: &mut TcpStream) -> Vec<(u8, u32, Vec<u8>)> {
    let mut frames = Vec::new();
    loop {
        let mut head = [0; 9];
        if timeout(LONG, stream.read_exact(&mut head)).await.expect("the connection stays open").is_err() {
            return frames;
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let mut payload = vec![0; number(&head[..3]) as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return frames;
        }
        frames.push((head[3], number(&head[5..]), payload));
    }
}

fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(*payload.last_chunk().unwrap())
}

async fn answers(running: &Running) {
    let url = format!("http://{}/v1/federation", running.address);
    assert_eq!(running.client.get(url).send().await.unwrap().status(), StatusCode::OK);
}

/// Each SETTINGS is to be acknowledged. Whoever does not read that is not read any more either, and is cut off.
#[tokio::test(flavor = "multi_thread")]
async fn who_floods_with_settings_and_does_not_listen_is_cut_off() {
    let running = Running::with(impatient()).await;
    for flood in [frame(SETTINGS, 0, 0, &[]), frame(6, 0, 0, &[0; 8])] {
        let mut stream = connect(&running).await;
        let flood = flood.repeat(1 << 14);
        let mut written = 0;
        let cut_off: io::Result<()> = async {
            while written < 256 << 20 {
                timeout(LONG, stream.write_all(&flood)).await.expect("it is cut off")?;
                written += flood.len();
            }
            Ok(())
        }
        .await;
        assert!(cut_off.is_err(), "{written} bytes were taken");
        answers(&running).await;
    }
}

/// Streams that are opened and reset at once cost the sender nothing (CVE-2023-44487).
#[tokio::test(flavor = "multi_thread")]
async fn who_opens_streams_to_reset_them_is_told_to_be_calm() {
    let running = Running::with(impatient()).await;
    let mut stream = connect(&running).await;
    let reset = |stream| [get(stream), frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat();
    let flood: Vec<u8> = (0..10_000).flat_map(|number| reset(2 * number + 1)).collect();
    // It need not be taken to its end.
    let _ = stream.write_all(&flood).await;
    let answered = frames(&mut stream).await;
    let goaway = answered.iter().find(|(kind, ..)| *kind == GOAWAY).map(|(_, _, payload)| &payload[4..8]);
    assert_eq!(goaway.map(code), Some(ENHANCE_YOUR_CALM), "{}", answered.len());
    answers(&running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_bound_are_refused_and_the_others_are_not() {
    let options = impatient();
    let bound = options.limits.streams;
    let running = Running::with(options).await;
    running.garden.enrol_all().await;
    let mut stream = connect(&running).await;
    let opened: Vec<u8> = (0..bound + 10).flat_map(|number| check_in(2 * number + 1, 1)).collect();
    stream.write_all(&opened).await.unwrap();
    let answered = frames(&mut stream).await;
    let refused =
        answered.iter().filter(|(kind, _, payload)| *kind == RST_STREAM && code(payload) == REFUSED_STREAM);
    assert_eq!(refused.count(), 10);
    // A status that the static table does not have: the body did not come in time.
    let is_answer = |(kind, ..): &&(u8, u32, Vec<u8>)| *kind == HEADERS;
    assert_eq!(answered.iter().filter(is_answer).count(), bound as usize);
    answers(&running).await;
}

/// Windows that overflow, frames on streams that are none, heads without an end: the connection ends, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn frames_that_make_no_sense_end_their_connection() {
    let running = Running::with(impatient()).await;
    let endless_head = frame(HEADERS, 0, 1, &[0x82, 0x86, 0x84]);
    let more_head = frame(9, 0, 1, &[[0].as_slice(), &[1], b"x", &[100], &[b'y'; 100]].concat());
    for nonsense in [
        frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(RST_STREAM, 0, 5, &[0; 4]),
        frame(HEADERS, END_HEADERS, 2, &[0x82]),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 20]),
        frame(SETTINGS, 0, 0, &[0; 5]),
        [endless_head, more_head.repeat(10_000)].concat(),
    ] {
        let mut stream = connect(&running).await;
        let _ = stream.write_all(&nonsense).await;
        let answered = frames(&mut stream).await;
        assert!(answered.iter().any(|(kind, ..)| *kind == GOAWAY) || answered.len() < 3, "{answered:?}");
        answers(&running).await;
    }
}
