//! One connection, from its first byte to its last.

use super::Limits;
use super::patience::Patient;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The most bytes that are buffered of a connection of HTTP/1.1; a head that is longer is refused with 431.
const BUFFER: usize = 64 << 10;
/// The most bytes of the head of a request in HTTP/2.
const HEAD: u32 = 32 << 10;

/// How many streams of a connection may be opened and reset again before they were looked at (CVE-2023-44487), and how many
/// the coordinator resets because something is wrong with them. Beyond that the connection ends.
const RESET_BEFORE_THEY_BEGAN: usize = 20;
const RESET_FOR_AN_ERROR: usize = 128;

/// How a connection is served.
pub(super) struct Connection {
    pub(super) app: Router,
    pub(super) limits: Limits,
    pub(super) closed: watch::Receiver<bool>,
}

impl Connection {
    /// Serves it to its end. What goes wrong on it concerns whoever is at its other end.
    pub(super) async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        tls: Option<TlsAcceptor>,
    ) {
        let stream = Patient::new(stream, self.limits.silence);
        let Some(tls) = tls else { return self.serve(stream).await };
        match timeout(self.limits.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection has no TLS"),
            Err(_) => tracing::debug!("a connection did not greet in time"),
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Limits { head, streams, silence, .. } = self.limits;
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_header_list_size(HEAD)
            .max_pending_accept_reset_streams(RESET_BEFORE_THEY_BEGAN)
            .max_local_error_reset_streams(RESET_FOR_AN_ERROR)
            // Whoever does not answer to that within the time is gone.
            .keep_alive_interval(silence / 2)
            .keep_alive_timeout(head);
        let service = TowerToHyperService::new(self.app);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = async { drop(self.closed.wait_for(|closed| *closed).await) } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection ended otherwise than it should");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::routing::get;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// An answer that notes when it is let go of.
    struct Answer {
        body: Vec<u8>,
        gone: Arc<AtomicBool>,
    }

    impl AsRef<[u8]> for Answer {
        fn as_ref(&self) -> &[u8] {
            &self.body
        }
    }

    impl Drop for Answer {
        fn drop(&mut self) {
            self.gone.store(true, Ordering::Relaxed);
        }
    }

    /// A copy of it would be in no account: not in that of models, which are there once, nor in that of bytes in flight.
    #[tokio::test]
    async fn an_answer_is_there_until_it_is_sent_and_is_not_copied() {
        const LENGTH: usize = 200_000;
        let gone = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&gone);
        let answer = move || async move { Bytes::from_owner(Answer { body: vec![7; LENGTH], gone }) };
        let app = Router::new().route("/", get(answer));
        let (_close, closed) = watch::channel(false);
        let connection = Connection { app, limits: Limits::default(), closed };
        let (near, mut far) = duplex(1_000);
        let served = tokio::spawn(connection.talk(near, None));

        far.write_all(b"GET / HTTP/1.1\r\nhost: garden\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answered = vec![0; LENGTH / 2];
        far.read_exact(&mut answered).await.unwrap();
        assert!(!seen.load(Ordering::Relaxed), "half of it is on its way yet");
        far.read_to_end(&mut answered).await.unwrap();
        served.await.unwrap();
        assert!(answered.ends_with(&[7; 1_000]) && answered.len() > LENGTH);
        assert!(seen.load(Ordering::Relaxed));
    }
}
