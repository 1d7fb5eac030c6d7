//! Closes a round when its deadline comes, whether or not a request arrives.

use crate::service::Service;
use crate::store::{Stage, Store};
use std::time::Duration;

/// How long to wait after a store could not close a round.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);

/// Sleeps until the deadline of the round that is open, closes it, and goes on with the next; ends with the federation.
pub(crate) async fn close_overdue_rounds<S: Store>(service: &Service<S>) {
    let mut stage = service.store().stage();
    loop {
        let deadline = match *stage.borrow_and_update() {
            Stage::Gathering | Stage::Unmasking { .. } => None,
            Stage::Round { deadline, .. } => Some(deadline),
            Stage::Finished => return,
        };
        let deadline_reached = async {
            match deadline {
                Some(deadline) => service.clock().reach(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = stage.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = deadline_reached => {
                if let Err(error) = service.store().tick(service.now()).await {
                    tracing::error!(%error, "a round that is over its deadline could not be closed");
                    tokio::time::sleep(AFTER_A_FAULT).await;
                }
            }
        }
    }
}
