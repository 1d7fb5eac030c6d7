//! Takes the masks off a sum when the answers for it are there, while the service goes on answering.

use crate::service::Service;
use crate::store::{Stage, Store};
use std::error::Error;
use std::time::Duration;

/// How long to wait after a sum could not be unmasked, or not be kept.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);
/// Up to how many words of masks are taken off at once: to hand them to another thread would take longer.
const AT_ONCE: usize = 1 << 12;

/// Waits for answers, unmasks, enters the sum, and goes on with the next round; ends with the federation. What a process
/// that dies meanwhile has not entered is lost with its round, as a masked round is at any other moment.
pub(crate) async fn unmask_sums<S: Store>(service: &Service<S>) {
    let mut stage = service.store().stage();
    loop {
        let shown = *stage.borrow_and_update();
        match shown {
            Stage::Unmasking { round } => {
                if let Err(error) = unmask(service).await {
                    tracing::error!(round, %error, "the masks of a sum could not be taken off");
                    tokio::time::sleep(AFTER_A_FAULT).await;
                }
            }
            Stage::Finished => return,
            Stage::Gathering | Stage::Round { .. } => {
                if stage.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn unmask<S: Store>(service: &Service<S>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(answered) = service.store().answered().await? else { return Ok(()) };
    let unmasked = match answered.words() {
        ..=AT_ONCE => answered.unmask(),
        _ => {
            let unmasking = tokio::task::spawn_blocking(|| answered.unmask());
            unmasking.await?
        }
    };
    Ok(service.store().unmasked(unmasked, service.now()).await?)
}
