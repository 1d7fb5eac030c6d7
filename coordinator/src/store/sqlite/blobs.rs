//! Files that are named by their digest: models and partial sums.
//!
//! A file is complete and on the disk before it has its name, and it never changes afterwards. Files are put, read,
//! listed and removed through [`ObjectStore`]: whatever else is one can take the folder's place.
//!
//! Its operations are futures, and the thread that has the state is an ordinary one, which has to wait for each of them
//! before it commits: it waits where it stands. On a thread of no runtime the folder's futures are ready at their first
//! poll, since the files are written on that very thread. An object store beyond a network would want a runtime that
//! drives its sockets, entered on the thread that waits.

use super::error::SqliteError;
use crate::crash::CrashPoint;
use bytes::Bytes;
use futures_executor::{block_on, block_on_stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use privet_core::protocol::HexDigest;
use std::fs::{self, File};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use tokio::runtime::Handle;

/// How many bytes every part of a file but the last has at the least. A folder takes any; other stores have a bound.
const LEAST_PART: usize = 1;

/// A folder of files that are named by their digest.
#[derive(Debug)]
pub(super) struct Blobs {
    store: Box<dyn ObjectStore>,
    folder: PathBuf,
}

impl Blobs {
    /// Takes a folder, and makes it if it is not there.
    pub(super) fn open(folder: PathBuf) -> Result<Blobs, SqliteError> {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        // Synchronizing is off by default there: a file would be lost with the power after it was acknowledged.
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(failed_at(&folder))?.with_fsync(true);
        Ok(Blobs { store: Box::new(store), folder })
    }

    /// Keeps some bytes: when this returns, they are on the disk under the name of their digest.
    pub(super) fn put(&self, digest: HexDigest, bytes: &Bytes) -> Result<(), SqliteError> {
        // The store would make a folder that is gone anew, without everything else that was in it.
        let folder = File::open(&self.folder).map_err(at(&self.folder))?;
        match self.with_store(|store| block_on(store.head(&name(digest)))) {
            // The process that wrote the file may have ended before its name was on the disk.
            Ok(_) => folder.sync_all().map_err(at(&self.folder)),
            Err(object_store::Error::NotFound { .. }) => self.upload(digest, bytes),
            Err(error) => Err(failed_at(&self.folder)(error)),
        }
    }

    /// The bytes of this digest. That they are the right ones has been checked.
    pub(super) fn get(&self, digest: HexDigest) -> Result<Bytes, SqliteError> {
        match self.with_store(|store| block_on(async { store.get(&name(digest)).await?.bytes().await })) {
            Ok(bytes) if HexDigest::of(&bytes) == digest => Ok(bytes),
            Ok(_) => Err(SqliteError::Damaged(digest)),
            Err(object_store::Error::NotFound { .. }) => Err(SqliteError::Missing(digest)),
            Err(error) => Err(failed_at(&self.folder)(error)),
        }
    }

    /// Removes every file but these, and gives how many that were.
    pub(super) fn retain(&self, wanted: &[HexDigest]) -> Result<usize, SqliteError> {
        let orphans = self.unwanted(wanted)?;
        for orphan in &orphans {
            self.with_store(|store| block_on(store.delete(orphan))).map_err(failed_at(&self.folder))?;
        }
        Ok(orphans.len() + self.remove_unfinished()?)
    }

    /// How many files there are besides these.
    pub(super) fn orphans(&self, wanted: &[HexDigest]) -> Result<usize, SqliteError> {
        Ok(self.unwanted(wanted)?.len() + self.unfinished()?.len())
    }

    /// Does something with the store on a thread that belongs to no runtime, and waits for it.
    ///
    /// A runtime's thread that waits without giving itself back may wait for ever: what has used up its turn there is
    /// woken by that very thread. The thread of the state belongs to none; a folder is opened and checked anywhere.
    fn with_store<T: Send>(&self, operate: impl FnOnce(&dyn ObjectStore) -> T + Send) -> T {
        match Handle::try_current() {
            Err(_) => operate(&*self.store),
            Ok(_) => thread::scope(|scope| {
                let done = scope.spawn(|| operate(&*self.store)).join();
                done.unwrap_or_else(|panic| resume_unwind(panic))
            }),
        }
    }

    fn upload(&self, digest: HexDigest, bytes: &Bytes) -> Result<(), SqliteError> {
        let uploaded = self.with_store(|store| block_on(upload(store, digest, bytes.clone())));
        if uploaded.is_err() {
            // A completion that fails leaves its file, and a full disk has to get the room back.
            let _ = self.remove_unfinished();
        }
        uploaded.map_err(failed_at(&self.folder))
    }

    fn unwanted(&self, wanted: &[HexDigest]) -> Result<Vec<Name>, SqliteError> {
        let wanted: Vec<Name> = wanted.iter().copied().map(name).collect();
        let objects: object_store::Result<Vec<_>> =
            self.with_store(|store| block_on_stream(store.list(None)).collect());
        let names = objects.map_err(failed_at(&self.folder))?.into_iter().map(|object| object.location);
        Ok(names.filter(|name| !wanted.contains(name)).collect())
    }

    fn remove_unfinished(&self) -> Result<usize, SqliteError> {
        let files = self.unfinished()?;
        for file in &files {
            fs::remove_file(file).map_err(at(file))?;
        }
        Ok(files.len())
    }

    /// What is left of files whose process ended before they were complete. There is one writer, and it is not
    /// writing now. Their store neither lists nor removes them: they are those whose names it has no use for.
    fn unfinished(&self) -> Result<Vec<PathBuf>, SqliteError> {
        let entries = fs::read_dir(&self.folder).map_err(at(&self.folder))?;
        let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
        let mut paths = paths.map_err(at(&self.folder))?;
        paths.retain(|path| path.file_name().is_some_and(|name| is_unfinished(&name.to_string_lossy())));
        Ok(paths)
    }
}

/// What a file is called while it is written: the name it is to have, and a number.
fn is_unfinished(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|character| character.is_ascii_digit())
    })
}

async fn upload(store: &dyn ObjectStore, digest: HexDigest, bytes: Bytes) -> object_store::Result<()> {
    let mut upload = store.put_multipart(&name(digest)).await?;
    let uploaded = in_two_parts(&mut *upload, bytes).await;
    if uploaded.is_err() {
        // The first error is the one to tell.
        let _ = upload.abort().await;
    }
    uploaded
}

/// Two, so that a test can end the process between them.
async fn in_two_parts(upload: &mut dyn MultipartUpload, mut bytes: Bytes) -> object_store::Result<()> {
    let first = bytes.split_to((bytes.len() / 2).max(LEAST_PART).min(bytes.len()));
    upload.put_part(first.into()).await?;
    CrashPoint::BlobPartial.reach();
    upload.put_part(bytes.into()).await?;
    CrashPoint::BlobUncompleted.reach();
    upload.complete().await?;
    CrashPoint::BlobCompleted.reach();
    Ok(())
}

fn name(digest: HexDigest) -> Name {
    Name::from(digest.to_string())
}

/// Says on which path an operation failed.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> SqliteError {
    let path = path.to_owned();
    move |source| SqliteError::File { path, source }
}

/// Says in which folder an operation of its store failed.
fn failed_at(folder: &Path) -> impl FnOnce(object_store::Error) -> SqliteError {
    let at_folder = at(folder);
    move |error| at_folder(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const MODEL: Bytes = Bytes::from_static(b"model");

    /// In a folder whose name means something in an address.
    fn empty() -> (TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("at 100% #1").join("blobs")).unwrap();
        (folder, blobs)
    }

    fn put(blobs: &Blobs, bytes: Bytes) -> HexDigest {
        let digest = HexDigest::of(&bytes);
        blobs.put(digest, &bytes).unwrap();
        digest
    }

    #[test]
    fn a_file_is_read_as_it_was_written_or_not_at_all() {
        let (_folder, blobs) = empty();
        let digest = HexDigest::of(&MODEL);
        assert!(matches!(blobs.get(digest), Err(SqliteError::Missing(missing)) if missing == digest));
        for bytes in [MODEL, MODEL, Bytes::new(), Bytes::from_static(b"1")] {
            let digest = put(&blobs, bytes.clone());
            assert_eq!(blobs.get(digest).unwrap(), bytes);
            assert_eq!(fs::read(blobs.folder.join(digest.to_string())).unwrap(), bytes);
        }
        fs::write(blobs.folder.join(digest.to_string()), b"modem").unwrap();
        assert!(matches!(blobs.get(digest), Err(SqliteError::Damaged(_))));
    }

    #[test]
    fn what_is_put_is_synchronized() {
        let (_folder, blobs) = empty();
        assert!(format!("{blobs:?}").contains("fsync: true"), "{blobs:?}");
    }

    /// More often than a runtime lets one task go on in a turn.
    #[test]
    fn inside_a_runtime_nobody_waits_for_ever() {
        let (ended, end) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (_folder, blobs) = empty();
                let digest = put(&blobs, MODEL);
                for _ in 0..300 {
                    assert_eq!(blobs.get(digest).unwrap(), MODEL);
                }
                ended.send(blobs.retain(&[]).unwrap()).unwrap();
            });
        });
        assert_eq!(end.recv_timeout(std::time::Duration::from_secs(20)), Ok(1));
    }

    #[test]
    fn what_nothing_points_at_is_removed() {
        let (_folder, blobs) = empty();
        let [kept, orphan] = [MODEL, Bytes::from_static(b"lost")].map(|bytes| put(&blobs, bytes));
        // What a process that is killed leaves: of this version in the middle of a file, and of earlier ones.
        for unfinished in [format!("{kept}#1"), format!("{orphan}#12"), "partial".to_owned()] {
            fs::write(blobs.folder.join(unfinished), b"half").unwrap();
        }
        assert_eq!(blobs.orphans(&[kept]).unwrap(), 4);
        assert_eq!(blobs.retain(&[kept]).unwrap(), 4);
        assert!(blobs.get(kept).is_ok() && blobs.get(orphan).is_err());
        assert_eq!((blobs.orphans(&[kept]).unwrap(), blobs.retain(&[kept]).unwrap()), (0, 0));
        assert_eq!(fs::read_dir(&blobs.folder).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_kept_leaves_nothing() {
        let (_folder, blobs) = empty();
        let digest = HexDigest::of(&MODEL);
        // It can be written, and not be given its name.
        let taken = blobs.folder.join(digest.to_string());
        fs::create_dir(&taken).unwrap();
        assert!(blobs.put(digest, &MODEL).is_err());
        assert_eq!(blobs.unfinished().unwrap(), Vec::<PathBuf>::new());
        fs::remove_dir(&taken).unwrap();
        put(&blobs, MODEL);
    }

    #[test]
    fn a_folder_that_is_gone_is_not_made_anew() {
        let (_folder, blobs) = empty();
        fs::remove_dir(&blobs.folder).unwrap();
        assert!(blobs.put(HexDigest::of(&MODEL), &MODEL).is_err());
        assert!(!blobs.folder.exists());
    }
}
