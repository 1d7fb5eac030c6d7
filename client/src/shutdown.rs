//! The wish of whoever runs an agent that it should stop.

use std::pin::Pin;

/// A future that can be waited for again and again.
pub(crate) struct Shutdown<F> {
    wish: Pin<Box<F>>,
    heard: bool,
}

impl<F: Future<Output = ()>> Shutdown<F> {
    pub(crate) fn new(wish: F) -> Shutdown<F> {
        Shutdown { wish: Box::pin(wish), heard: false }
    }

    /// Waits until the agent should stop. Nothing is lost if this is dropped before.
    pub(crate) async fn wait(&mut self) {
        if !self.heard {
            self.wish.as_mut().await;
            self.heard = true;
        }
    }
}
