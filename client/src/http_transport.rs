//! Over HTTP.

use crate::transport::{Transport, TransportError};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Url};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A [`Transport`] over HTTP, with TLS or without.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: Client,
    base: Url,
    authority: String,
}

/// Why a text is not a coordinator's address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("{given:?} is not a coordinator's address ({source}): write it as http://host:port")]
    NotAUrl {
        /// What was given.
        given: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It has another scheme.
    #[error("{given:?} has the scheme {scheme:?}: write it as https://host:port, or http://host:port")]
    Scheme {
        /// What was given.
        given: String,
        /// Its scheme.
        scheme: String,
    },
    /// It asks for plain HTTP to another machine.
    #[error(
        "{given:?} is not on this machine, and plain HTTP shows everybody in between what is sent: write https://, or \
         say --insecure"
    )]
    Insecure {
        /// What was given.
        given: String,
    },
    /// A file of certificates or of a key cannot be read.
    #[error("{path} cannot be read: {source}: name a PEM file")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of certificates or of a key is none.
    #[error(
        "{path} cannot be used: {source}: name a PEM file of certificates; for a client's own, with its key"
    )]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: reqwest::Error,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(#[source] reqwest::Error),
}

/// Whom a client trusts on the network, and how it shows who it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The authorities that may vouch for the coordinator, in PEM; those of the system if it is `None`.
    pub ca: Option<PathBuf>,
    /// The client's own certificate with its key, in PEM, for a coordinator that asks for one.
    pub certificate: Option<PathBuf>,
    /// Whether plain HTTP to other machines is allowed.
    pub insecure: bool,
}

impl HttpTransport {
    /// A transport to the coordinator at an address such as `https://host:7310`, or `http://127.0.0.1:7310` on this
    /// machine. Nothing is sent yet.
    pub fn new(address: &str) -> Result<HttpTransport, AddressError> {
        HttpTransport::with_trust(address, &Trust::default())
    }

    /// The same, with a trust of its own.
    pub fn with_trust(address: &str, trust: &Trust) -> Result<HttpTransport, AddressError> {
        let mut base = Url::parse(address)
            .map_err(|source| AddressError::NotAUrl { given: address.into(), source: source.into() })?;
        match base.scheme() {
            "https" => {}
            "http" if trust.insecure || is_this_machine(&base) => {}
            "http" => return Err(AddressError::Insecure { given: address.into() }),
            scheme => return Err(AddressError::Scheme { given: address.into(), scheme: scheme.into() }),
        }
        // A path that ends with a slash is a prefix to which the protocol's paths are appended.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut client =
            Client::builder().connect_timeout(CONNECT).tcp_nodelay(true).redirect(Policy::none());
        if is_this_machine(&base) {
            client = client.no_proxy();
        }
        client = trusting(client, trust)?;
        let authority = authority(&base);
        Ok(HttpTransport { client: client.build().map_err(AddressError::Setup)?, base, authority })
    }

    fn broken(&self, source: reqwest::Error) -> TransportError {
        let address = self.base.to_string();
        match source.is_connect() {
            true => TransportError::Unreachable { address, source: source.into() },
            false => TransportError::Broken { address, source: source.into() },
        }
    }
}

impl Transport for HttpTransport {
    fn authority(&self) -> &str {
        &self.authority
    }

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", url.path(), parts.uri.path().trim_start_matches('/')));
        url.set_query(parts.uri.query());
        let request = self.client.request(parts.method, url).headers(parts.headers).body(body);
        let mut response = request.send().await.map_err(|error| self.broken(error))?;

        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::ResponseTooLarge { address: self.base.to_string(), limit });
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

/// Sets up TLS. Its cryptography is ring, for the whole process: it builds without tools of its own.
fn trusting(mut client: ClientBuilder, trust: &Trust) -> Result<ClientBuilder, AddressError> {
    // Another part of the process may have chosen already; then that choice stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let read =
        |path: &PathBuf| fs::read(path).map_err(|source| AddressError::File { path: path.clone(), source });
    if let Some(path) = &trust.ca {
        let roots = Certificate::from_pem_bundle(&read(path)?);
        let roots = roots.map_err(|source| AddressError::NotPem { path: path.clone(), source })?;
        client = client.tls_certs_only(roots);
    }
    if let Some(path) = &trust.certificate {
        let own = reqwest::Identity::from_pem(&read(path)?);
        client = client.identity(own.map_err(|source| AddressError::NotPem { path: path.clone(), source })?);
    }
    Ok(client)
}

/// Host and port, as they are sent with each request.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether no proxy can lie between.
fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    #[test]
    fn an_address_that_is_none_says_how_to_write_one() {
        for address in ["", "127.0.0.1:8080", "localhost", "ftp://x"] {
            let error = HttpTransport::new(address).unwrap_err().to_string();
            assert!(error.contains("http://host:port"), "{error}");
        }
    }

    #[test]
    fn the_authority_is_what_is_sent_as_the_host() {
        let authority = |url: &str| HttpTransport::new(url).unwrap().authority().to_owned();
        assert_eq!(authority("https://Example.org:443/under"), "example.org");
        assert_eq!(authority("https://example.org:7310"), "example.org:7310");
        assert_eq!(authority("http://[::1]:7310"), "[::1]:7310");
    }

    #[test]
    fn plain_http_to_other_machines_has_to_be_asked_for() {
        let error = HttpTransport::new("http://example.org:7310").unwrap_err();
        assert!(matches!(error, AddressError::Insecure { .. }), "{error}");
        let insecure = Trust { insecure: true, ..Trust::default() };
        HttpTransport::with_trust("http://example.org:7310", &insecure).unwrap();
    }

    #[tokio::test]
    async fn a_port_at_which_nobody_listens_is_unreachable() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let transport = HttpTransport::new(&format!("http://{free}")).unwrap();
        let error = transport.send(Request::new(Bytes::new()), 10).await.unwrap_err();
        assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(&free.to_string()), "{error}");
    }

    /// Answers one request with these bytes.
    async fn answered(answer: &'static [u8], limit: usize) -> Result<Response<Bytes>, TransportError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/under/", listener.local_addr().unwrap());
        let peer = tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                stream.read_line(&mut head).await.unwrap();
            }
            assert!(head.starts_with("GET /under/v1/rounds HTTP/1.1\r\n"), "{head}");
            stream.write_all(answer).await.unwrap();
        });
        let transport = HttpTransport::new(&address).unwrap();
        let request = Request::get("/v1/rounds").body(Bytes::new()).unwrap();
        let response = transport.send(request, limit).await;
        peer.await.unwrap();
        response
    }

    #[tokio::test]
    async fn a_response_is_bounded() {
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n12345";
        assert_eq!(&answered(ANSWER, 5).await.unwrap().body()[..], b"12345");
        let error = answered(ANSWER, 4).await.unwrap_err();
        assert!(matches!(error, TransportError::ResponseTooLarge { limit: 4, .. }));
    }

    #[tokio::test]
    async fn a_response_that_is_cut_off_is_none() {
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n12345";
        assert!(matches!(answered(ANSWER, 100).await, Err(TransportError::Broken { .. })));
    }

    #[tokio::test]
    async fn a_redirection_is_not_followed() {
        const ANSWER: &[u8] =
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(answered(ANSWER, 100).await.unwrap().status(), 302);
    }
}
