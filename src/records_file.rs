//! `records.json` as it is written: one sealed record after the other, since nobody has all of them at hand.

use crate::run_directory::RunDirectoryError;
use privet_core::round::SealedRecord;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// A list of sealed records beside its place, into which it is renamed when it is whole.
#[derive(Debug)]
pub(crate) struct RecordsFile {
    partial: PathBuf,
    place: PathBuf,
    file: BufWriter<File>,
    is_empty: bool,
}

impl RecordsFile {
    /// Begins a list.
    pub(crate) fn begin(partial: PathBuf, place: PathBuf) -> Result<RecordsFile, RunDirectoryError> {
        match File::create(&partial) {
            Ok(file) => Ok(RecordsFile { partial, place, file: BufWriter::new(file), is_empty: true }),
            Err(source) => Err(RunDirectoryError::cannot("cannot write", &place, source)),
        }
    }

    /// Adds a record.
    pub(crate) fn append(&mut self, sealed: &SealedRecord) -> Result<(), RunDirectoryError> {
        let opening = if self.is_empty { b"[" } else { b"," };
        self.is_empty = false;
        let written = self.file.write_all(opening).and_then(|()| self.file.write_all(&sealed.to_json()));
        written.map_err(|source| RunDirectoryError::cannot("cannot write", &self.place, source))
    }

    /// Ends the list, and puts it in its place.
    pub(crate) fn finish(mut self) -> Result<(), RunDirectoryError> {
        let end: &[u8] = if self.is_empty { b"[]" } else { b"]" };
        let written = self.file.write_all(end).and_then(|()| self.file.flush());
        let written = written.and_then(|()| self.file.get_ref().sync_all());
        written.map_err(|source| RunDirectoryError::cannot("cannot write", &self.place, source))?;
        fs::rename(&self.partial, &self.place)
            .map_err(|source| RunDirectoryError::cannot("cannot replace", &self.place, source))
    }
}
