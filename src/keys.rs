//! `privet keys`: the key by which a client is known, and certificates for a federation of one's own.

use crate::cli::KeysCommand;
use crate::error::CommandError;
use crate::output;
use privet_client::{new_key, read_key, write_private};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long certificates are good.
const LIFETIME: Duration = Duration::from_secs(825 * 24 * 3_600);

/// Makes or shows a key; what is printed is its public half.
pub(crate) fn run(command: &KeysCommand) -> Result<(), CommandError> {
    let identity = match command {
        KeysCommand::New { file } => new_key(file)?,
        KeysCommand::Show { file } => read_key(file)?,
        KeysCommand::Tls { folder, host } => return certificates(folder, host),
    };
    output::print(&identity.key().to_string())
}

/// Makes an authority, and a certificate of it for a coordinator that goes by these names.
fn certificates(folder: &Path, hosts: &[String]) -> Result<(), CommandError> {
    let (authority_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut authority = lasting(CertificateParams::default(), "privet private authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key)?;
    let authority_pem = authority_key.serialize_pem();
    let issuer = Issuer::new(authority, authority_key);
    let own = lasting(CertificateParams::new(hosts)?, "privet coordinator").signed_by(&key, &issuer)?;

    fs::create_dir_all(folder).map_err(|source| CommandError::Write { path: folder.into(), source })?;
    for (name, pem) in [
        ("ca.pem", authority_certificate.pem()),
        ("ca.key", authority_pem),
        ("coordinator.pem", own.pem()),
        ("coordinator.key", key.serialize_pem()),
    ] {
        write_private(&folder.join(name), pem.as_bytes())?;
    }
    output::print(&format!(
        "coordinator.pem and coordinator.key are for the coordinator, ca.pem is for its clients; keep ca.key apart: \
         whoever has it can make certificates\nthey are in {}",
        folder.display()
    ))
}

fn lasting(mut params: CertificateParams, name: &str) -> CertificateParams {
    let now = SystemTime::now();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now.into();
    params.not_after = (now + LIFETIME).into();
    params
}
