//! The coordinator's door on the simulated network.
//!
//! When a process dies its tasks are dropped in no order of their own, and each would tell its peer at once: a run could
//! not be repeated. So connections outlive the process, and are broken off in their order when the next one starts, as
//! after a power cut.

use super::line::PORT;
use privet_coordinator::Listener;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

/// The connections of a host, in the order in which they were made.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<BTreeMap<u64, TcpStream>>,
    /// Whether the process that has them is being ended.
    dying: AtomicBool,
}

pub(super) struct Door {
    listener: TcpListener,
    connections: Arc<Connections>,
}

/// A connection of a process.
pub(super) struct Socket {
    number: u64,
    connections: Arc<Connections>,
}

impl Connections {
    /// From now on nothing is closed.
    pub(super) fn die(&self) {
        self.dying.store(true, Ordering::Relaxed);
    }

    /// Breaks off whatever an earlier process has left.
    fn reset(&self) {
        self.dying.store(false, Ordering::Relaxed);
        let left = std::mem::take(&mut *self.open.lock().unwrap());
        left.into_values().for_each(drop);
    }
}

impl Door {
    pub(super) async fn open(connections: Arc<Connections>) -> io::Result<Door> {
        connections.reset();
        Ok(Door { listener: TcpListener::bind(("0.0.0.0", PORT)).await?, connections })
    }
}

impl Listener for Door {
    type Stream = Socket;

    async fn take(&self) -> io::Result<(Socket, SocketAddr)> {
        let (stream, from) = self.listener.accept().await?;
        let mut open = self.connections.open.lock().unwrap();
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        open.insert(number, stream);
        Ok((Socket { number, connections: Arc::clone(&self.connections) }, from))
    }
}

impl Socket {
    fn with<T>(&self, act: impl FnOnce(Pin<&mut TcpStream>) -> T) -> T {
        let mut open = self.connections.open.lock().unwrap();
        act(Pin::new(open.get_mut(&self.number).expect("a connection is there until it is dropped")))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.connections.dying.load(Ordering::Relaxed) {
            let closed = self.connections.open.lock().unwrap().remove(&self.number);
            drop(closed);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}
