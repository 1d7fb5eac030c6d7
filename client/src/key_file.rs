//! A client's key: from the operating system's generator, or from the file that it was kept in.

use privet_core::identity::Identity;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The file cannot be read or written.
    #[error("the key cannot be kept in {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is there already.
    #[error("{path} exists and is left as it is: name another file")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{path} does not hold a secret key, which is 64 hexadecimal digits: name another file")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
}

/// The key in a file. If there is no such file, draws one and keeps it there, for the owner's eyes only: a client that
/// comes back with it has its place again. Without a file the place is lost with the process.
pub fn key_from(file: Option<&Path>) -> Result<Identity, KeyFileError> {
    let Some(path) = file else { return Ok(Identity::from_random(&*draw()?)) };
    match read_key(path) {
        Err(KeyFileError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => new_key(path),
        read => read,
    }
}

/// Draws a key and keeps it in a file, which must not exist, for the owner's eyes only.
pub fn new_key(path: &Path) -> Result<Identity, KeyFileError> {
    let secret = draw()?;
    let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(secret.as_slice()))));
    write_private(path, text.as_bytes())?;
    Ok(Identity::from_random(&secret))
}

/// Reads a key from its file.
pub fn read_key(path: &Path) -> Result<Identity, KeyFileError> {
    let no_key = || KeyFileError::NoKey { path: path.into() };
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => Identity::from_text(&text).map_err(|_| no_key()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(no_key()),
        Err(source) => Err(KeyFileError::File { path: path.into(), source }),
    }
}

fn draw() -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(KeyFileError::Random)?;
    Ok(bytes)
}

/// Writes a new file that only its owner can read. It must not exist.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let written = create_private(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.into() },
        _ => KeyFileError::File { path: path.into(), source },
    })
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
    fn a_key_is_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let drawn = key_from(Some(&path)).unwrap().key();
        assert_eq!(drawn, key_from(Some(&path)).unwrap().key());
        assert_eq!(drawn, read_key(&path).unwrap().key());
        assert_ne!(drawn, key_from(None).unwrap().key());
        assert!(matches!(new_key(&path), Err(KeyFileError::Exists { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        new_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for content in ["", "my notes", "\u{fffd}"] {
            fs::write(&path, content).unwrap();
            let error = key_from(Some(&path)).map(drop).unwrap_err();
            assert!(matches!(error, KeyFileError::NoKey { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let error = key_from(Some(&folder.path().join("no/such/folder"))).map(drop).unwrap_err();
        assert!(matches!(error, KeyFileError::File { .. }), "{error}");
    }
}
