//! The service from its first connection to its last.

use crate::admin::administration;
use crate::routes::app;
use crate::serve::{Doors, Listener, serve};
use crate::service::Service;
use crate::store::{Spending, Store, StoreError};
use crate::ticker::close_overdue_rounds;
use crate::unmasker::unmask_sums;
use bytes::Bytes;
use privet_core::protocol::HexDigest;
use std::io;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The federation has finished: its model is final.
    Finished,
    /// It was told to stop before.
    Stopped,
}

/// What a service leaves behind, beside what its store has of the rounds.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// How it ended.
    pub ending: Ending,
    /// The current model's file: the final one if the federation has finished.
    pub model_file: Bytes,
    /// Its digest.
    pub model_sha256: HexDigest,
    /// What was spent, where privacy is promised.
    pub spending: Option<Spending>,
}

/// Why there is no place to serve at.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error(
        "{address} is in use by another program: stop it, or choose another port (0 takes any that is free)"
    )]
    InUse {
        /// The address asked for.
        address: String,
    },
    /// The address cannot be had for another reason.
    #[error("cannot listen at {address}: {source}")]
    Unavailable {
        /// The address asked for.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// Why a service broke off.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not have the current model, which it names itself.
    #[error("the store has lost the model {0}, which is the current one")]
    ModelLost(HexDigest),
}

/// Takes an address such as `127.0.0.1:8080` to serve at. Port 0 takes any that is free.
pub async fn bind(address: &str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address: address.into() },
        _ => BindError::Unavailable { address: address.into(), source },
    })
}

/// Serves a federation until it has finished and its clients know, or until `shutdown`.
///
/// Then no new request is let in (503), those that have begun end, and the state that is left is handed back. The
/// administration is served to the end.
pub async fn run<S: Store, L: Listener>(
    service: Service<S>,
    doors: impl Into<Doors<L>>,
    shutdown: impl Future<Output = ()>,
) -> Result<Conclusion, RunError> {
    let Doors { public, tls, administration: private } = doors.into();
    let limits = service.options().limits;
    let (close, closed) = watch::channel(false);
    let mut servers = JoinSet::new();
    servers.spawn(serve(public, tls, app(service.clone()), limits, closed.clone()));
    if let Some(private) = private {
        servers.spawn(serve(private, None, administration(service.clone()), limits, closed));
    }
    let rounds =
        async { tokio::join!(service.concluded(), close_overdue_rounds(&service), unmask_sums(&service)).0 };
    let ending = tokio::select! {
        concluded = rounds => {
            concluded?;
            Ending::Finished
        }
        () = shutdown => Ending::Stopped,
    };

    service.drain();
    let drained = async {
        service.idle().await;
        close.send_replace(true);
        while servers.join_next().await.is_some() {}
    };
    if timeout(service.options().drain, drained).await.is_err() {
        tracing::warn!("requests that take too long are broken off");
    }
    conclusion(service.store(), ending).await
}

async fn conclusion<S: Store>(store: &S, ending: Ending) -> Result<Conclusion, RunError> {
    let model_sha256 = store.standing().await?.model_sha256;
    let model_file = store.model(model_sha256).await?.ok_or(RunError::ModelLost(model_sha256))?;
    Ok(Conclusion { ending, model_file, model_sha256, spending: store.spending().await? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = bind("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().unwrap().to_string();
        let error = bind(&address).await.unwrap_err();
        assert!(matches!(&error, BindError::InUse { address: named } if *named == address), "{error}");
        assert!(error.to_string().contains(&address));
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_named() {
        let error = bind("nowhere").await.unwrap_err();
        assert!(matches!(error, BindError::Unavailable { .. }));
        assert!(error.to_string().contains("nowhere"));
    }
}
