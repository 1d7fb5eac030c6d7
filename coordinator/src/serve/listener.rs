//! Where connections come from.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Takes connections: those of the machine's network in production, those of a simulated one in tests.
pub trait Listener: Send + Sync + 'static {
    /// A connection: bytes in both directions.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection, and says from where it comes. Nothing is lost if this is dropped before.
    fn take(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn take(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = self.accept().await?;
        // Answers are small and awaited: they are not held back to be sent together.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with delayed writes");
        }
        Ok((stream, from))
    }
}
