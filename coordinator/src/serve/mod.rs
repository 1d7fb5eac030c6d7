//! Connections: how they are let in, how long they may be silent, and how they end.
//!
//! ```text
//! mod         takes connections, as many as there is room for      tls       what proves who the coordinator is
//! connection  one of them, from its first byte to its last         patience  a stream that may not be silent for ever
//! listener    where connections come from
//! ```

mod connection;
mod listener;
mod patience;
mod tls;

pub use listener::Listener;
pub use tls::{TlsError, tls_from_files};

use crate::occupancy::Occupancy;
use axum::Router;
use connection::Connection;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// How long to wait after a connection could not be taken: the process has too many files open, for example.
const AFTER_A_FAULT: Duration = Duration::from_millis(100);

/// What a service bears of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many connections there may be at once; who comes after that waits in the system's queue. 16,384.
    pub connections: usize,
    /// How many of them from one address; who comes after that is cut off. Connections from this machine, where proxies
    /// are, have no such bound. 256.
    pub connections_per_address: usize,
    /// How many requests one connection of HTTP/2 may have under way. 32.
    pub streams: u32,
    /// How long the head of a request, or a greeting of TLS, may take; also how long a connection of HTTP/1.1 may have
    /// no request. 30 seconds.
    pub head: Duration,
    /// How long a body may take. 2 minutes.
    pub body: Duration,
    /// How long a connection may be without a byte in either direction. 1 minute: longer than a check-in is held.
    pub silence: Duration,
    /// How many bytes of bodies may be held at once, of updates, messages of stages, and what participants are sent for
    /// stages; at the least one of each is. 256 MiB.
    pub bytes_in_flight: usize,
    /// How long a body may wait for room among them before it is sent away. 2 seconds.
    pub room: Duration,
    /// How many requests of one client may be under way at once, and so how many connections are busy for it; it is to
    /// send the others later. A connection without a request is nobody's: behind a proxy it serves one client and then
    /// another. 16.
    pub requests_per_client: usize,
    /// How many bodies of one client may be on their way at once; it is to send the others later. 2: one whose connection
    /// has gone without a word, and the same again.
    pub bodies_per_client: usize,
    /// How many check-ins may be held at once; the others are answered at once. 16,384.
    pub held: usize,
    /// How many of them of one client. 2.
    pub held_per_client: usize,
}

impl Limits {
    fn of_address(&self, address: IpAddr) -> usize {
        if address.is_loopback() { usize::MAX } else { self.connections_per_address }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 16_384,
            connections_per_address: 256,
            streams: 32,
            head: Duration::from_secs(30),
            body: Duration::from_secs(120),
            silence: Duration::from_secs(60),
            bytes_in_flight: 256 << 20,
            room: Duration::from_secs(2),
            requests_per_client: 16,
            bodies_per_client: 2,
            held: 16_384,
            held_per_client: 2,
        }
    }
}

/// Where a service is reached.
#[derive(Debug)]
pub struct Doors<L = TcpListener> {
    /// For clients.
    pub public: L,
    /// What proves to them who the coordinator is; plain HTTP without it.
    pub tls: Option<Arc<ServerConfig>>,
    /// For whoever runs the service: [`administration`](crate::administration).
    pub administration: Option<L>,
}

impl From<TcpListener> for Doors {
    /// Plain HTTP, and no administration.
    fn from(public: TcpListener) -> Doors {
        Doors { public, tls: None, administration: None }
    }
}

/// Serves an app to connections until `closed` says so; those that there are may end what they have begun.
pub(crate) async fn serve(
    listener: impl Listener,
    tls: Option<Arc<ServerConfig>>,
    app: Router,
    limits: Limits,
    mut closed: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses = Occupancy::default();
    let acceptor = tls.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots).acquire_owned();
        let accepted = tokio::select! {
            biased;
            () = async { drop(closed.wait_for(|closed| *closed).await) } => break,
            Some(_) = connections.join_next() => continue,
            accepted = async { (slot.await, listener.take().await) } => accepted,
        };
        let (stream, from) = match accepted.1 {
            Ok(connected) => connected,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(AFTER_A_FAULT).await;
                continue;
            }
        };
        let address = from.ip().to_canonical();
        let Some(place) = addresses.enter(address, limits.of_address(address)) else {
            tracing::warn!(%from, "too many connections from one address");
            continue;
        };
        let connection = Connection { app: app.clone(), limits, closed: closed.clone() };
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            connection.talk(stream, acceptor).await;
            drop((place, accepted.0));
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_on_this_machine_have_as_many_connections_as_they_want() {
        let limits = Limits::default();
        let bound = |address: &str| limits.of_address(address.parse::<IpAddr>().unwrap().to_canonical());
        assert_eq!(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"].map(bound), [256; 3]);
        assert_eq!(["127.0.0.1", "::1", "::ffff:127.0.0.1"].map(bound), [usize::MAX; 3]);
    }
}
