//! TLS on the simulated network.
//!
//! Every signature in it has the same length, and no connection takes up an earlier one, so that a run can be repeated
//! though keys and nonces differ.

use super::line::COORDINATOR;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What proves to clients that the coordinator is the one they want.
struct Proof {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

static PROOF: LazyLock<Proof> = LazyLock::new(|| {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let certificate = CertificateParams::new([COORDINATOR.to_owned()]).unwrap().self_signed(&key).unwrap();
    Proof { certificate: certificate.into(), key: key.into() }
});

pub(super) fn of_coordinator() -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let chain = vec![PROOF.certificate.clone()];
    Arc::new(builder.with_single_cert(chain, PROOF.key.clone_key()).unwrap())
}

/// Greets the coordinator over a connection to it.
pub(super) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> std::io::Result<TlsStream<S>> {
    let mut roots = RootCertStore::empty();
    roots.add(PROOF.certificate.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(COORDINATOR).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
