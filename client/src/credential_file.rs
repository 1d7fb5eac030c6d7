//! A client's credential: from the operating system's generator, or from the file that it was kept in.

use privet_core::protocol::Credential;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFileError {
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The file cannot be read or written.
    #[error("the credential cannot be kept in {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} does not hold a credential, which is 64 hexadecimal digits: name another file")]
    NoCredential {
        /// Which file.
        path: PathBuf,
    },
}

/// The credential in a file. If there is no such file, draws one and keeps it there, for the owner's eyes only: a
/// client that comes back with it has its place again. Without a file the place is lost with the process.
pub fn credential_from(file: Option<&Path>) -> Result<Credential, CredentialFileError> {
    let Some(path) = file else { return draw() };
    let failed = |source| CredentialFileError::File { path: path.into(), source };
    match fs::read_to_string(path) {
        Ok(text) => Credential::from_text(text.trim())
            .map_err(|_| CredentialFileError::NoCredential { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let credential = draw()?;
            keep(&credential, path).map_err(failed)?;
            Ok(credential)
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(CredentialFileError::NoCredential { path: path.into() })
        }
        Err(error) => Err(failed(error)),
    }
}

fn draw() -> Result<Credential, CredentialFileError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(CredentialFileError::Random)?;
    Ok(Credential::from_random(bytes))
}

fn keep(credential: &Credential, path: &Path) -> io::Result<()> {
    let mut file = create_private(path)?;
    writeln!(file, "{}", credential.to_text())?;
    file.sync_all()
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credential");
        let drawn = credential_from(Some(&path)).unwrap();
        assert!(drawn.digest().matches(&credential_from(Some(&path)).unwrap()));
        assert!(!drawn.digest().matches(&credential_from(None).unwrap()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credential");
        credential_from(Some(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for content in ["", "my notes", "\u{fffd}"] {
            fs::write(&path, content).unwrap();
            let error = credential_from(Some(&path)).map(drop).unwrap_err();
            assert!(matches!(error, CredentialFileError::NoCredential { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let error = credential_from(Some(&folder.path().join("no/such/folder"))).map(drop).unwrap_err();
        assert!(matches!(error, CredentialFileError::File { .. }), "{error}");
    }
}
