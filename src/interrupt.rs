//! Ctrl-C, and the signal by which services are stopped.

/// Waits until the user presses Ctrl-C, or the process is told to terminate.
pub(crate) async fn pressed() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without the signal's handler the default remains, which ends the process.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
