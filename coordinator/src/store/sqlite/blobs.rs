//! Files that are named by their digest: models and partial sums.
//!
//! A file is complete and on the disk before it has its name, and it never changes afterwards. Plain files do for one
//! machine; whatever else can put, get, list and remove bytes by name (an object store) can take their place here.

use super::error::SqliteError;
use crate::crash::CrashPoint;
use privet_core::protocol::HexDigest;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What a file is called until it is complete. There is one writer, and so one such file.
const PARTIAL: &str = "partial";

/// A folder of files that are named by their digest.
#[derive(Debug)]
pub(super) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Takes a folder, and makes it if it is not there.
    pub(super) fn open(folder: PathBuf) -> Result<Blobs, SqliteError> {
        let blobs = Blobs { folder };
        fs::create_dir_all(&blobs.folder).map_err(at(&blobs.folder))?;
        Ok(blobs)
    }

    /// Keeps some bytes: when this returns, they are on the disk under the name of their digest.
    pub(super) fn put(&self, digest: HexDigest, bytes: &[u8]) -> Result<(), SqliteError> {
        let place = self.path(digest);
        if !place.try_exists().map_err(at(&place))? {
            let partial = self.folder.join(PARTIAL);
            write(&partial, bytes).map_err(at(&partial))?;
            CrashPoint::BlobSynced.reach();
            fs::rename(&partial, &place).map_err(at(&place))?;
            CrashPoint::BlobRenamed.reach();
        }
        // Also if the file was there: its name may not have been.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(at(&self.folder))
    }

    /// The bytes of this digest. That they are the right ones has been checked.
    pub(super) fn get(&self, digest: HexDigest) -> Result<Vec<u8>, SqliteError> {
        let path = self.path(digest);
        match fs::read(&path) {
            Ok(bytes) if HexDigest::of(&bytes) == digest => Ok(bytes),
            Ok(_) => Err(SqliteError::Damaged(digest)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(SqliteError::Missing(digest)),
            Err(source) => Err(SqliteError::File { path, source }),
        }
    }

    /// Removes every file but these, and gives how many that were.
    pub(super) fn retain(&self, wanted: &[HexDigest]) -> Result<usize, SqliteError> {
        let orphans = self.orphans(wanted)?;
        for orphan in &orphans {
            fs::remove_file(orphan).map_err(at(orphan))?;
        }
        Ok(orphans.len())
    }

    /// Every file but these.
    pub(super) fn orphans(&self, wanted: &[HexDigest]) -> Result<Vec<PathBuf>, SqliteError> {
        let names: Vec<String> = wanted.iter().map(HexDigest::to_string).collect();
        let entries = fs::read_dir(&self.folder).map_err(at(&self.folder))?;
        let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
        let mut paths = paths.map_err(at(&self.folder))?;
        paths.retain(|path| !names.iter().any(|name| path.ends_with(name)));
        Ok(paths)
    }

    fn path(&self, digest: HexDigest) -> PathBuf {
        self.folder.join(digest.to_string())
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    CrashPoint::BlobPartial.reach();
    file.write_all(second)?;
    file.sync_all()
}

/// Says on which path an operation failed.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> SqliteError {
    let path = path.to_owned();
    move |source| SqliteError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        let digest = HexDigest::of(b"model");
        assert!(matches!(blobs.get(digest), Err(SqliteError::Missing(missing)) if missing == digest));
        blobs.put(digest, b"model").unwrap();
        blobs.put(digest, b"model").unwrap();
        assert_eq!(blobs.get(digest).unwrap(), b"model");
        fs::write(blobs.path(digest), b"modem").unwrap();
        assert!(matches!(blobs.get(digest), Err(SqliteError::Damaged(_))));
    }

    #[test]
    fn what_nothing_points_at_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        let [kept, orphan] = [b"kept", b"lost"].map(|bytes| {
            let digest = HexDigest::of(bytes);
            blobs.put(digest, bytes).unwrap();
            digest
        });
        fs::write(blobs.folder.join(PARTIAL), b"half").unwrap();
        assert_eq!(blobs.retain(&[kept]).unwrap(), 2);
        assert!(blobs.get(kept).is_ok() && blobs.get(orphan).is_err());
        assert_eq!(blobs.retain(&[kept]).unwrap(), 0);
    }
}
