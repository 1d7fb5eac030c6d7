//! A stream that may not be silent for ever.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails when no byte has passed in either direction for a time: one that says nothing, and one that
/// takes nothing.
pub(super) struct Patient<S> {
    stream: S,
    silence: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, silence: Duration) -> Patient<S> {
        Patient { stream, silence, alarm: Box::pin(sleep(silence)) }
    }

    /// Gives what came of an operation, unless it has been waited for too long.
    fn watch<T>(&mut self, outcome: Poll<Result<T>>, context: &mut Context<'_>) -> Poll<Result<T>> {
        if outcome.is_ready() {
            self.alarm.as_mut().reset(Instant::now() + self.silence);
            return outcome;
        }
        ready!(self.alarm.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the connection was silent for too long")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(outcome, context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(outcome, context)
    }

    /// Without this, HTTP/1.1 would copy every answer whole before it writes it.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_stream_may_be_silent_for_so_long() {
        let second = Duration::from_secs(1);
        let (near, mut far) = tokio::io::duplex(4);
        let mut near = Patient::new(near, 10 * second);
        let mut buffer = [0; 4];
        let (read, ()) = tokio::join!(near.read(&mut buffer), async {
            tokio::time::sleep(9 * second).await;
            far.write_all(b"ab").await.unwrap();
        });
        assert_eq!(read.unwrap(), 2);
        let began = Instant::now();
        let error = near.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!((10 * second..11 * second).contains(&began.elapsed()));
        // Nobody reads on the other side: the buffer of four bytes is full.
        let error = near.write_all(b"abcdefgh").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
