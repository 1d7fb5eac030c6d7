//! The receipts of a client: one JSON object a line, in the order in which they came.

use privet_core::protocol::{HexDigest, ReceiptMessage};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A receipt, and the federation that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReceipt {
    /// The plan that the federation works by.
    pub plan_sha256: HexDigest,
    /// The receipt.
    #[serde(flatten)]
    pub receipt: ReceiptMessage,
}

/// Why receipts cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFileError {
    /// The file cannot be read or written.
    #[error("receipts cannot be kept in {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is no receipt.
    #[error("{path}, line {line}: this is no receipt: {source}")]
    NoReceipt {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why not.
        source: serde_json::Error,
    },
}

/// A file to which receipts are added.
#[derive(Debug)]
pub struct ReceiptFile {
    path: PathBuf,
    file: File,
}

impl ReceiptFile {
    /// Opens a file, and makes it if it is not there.
    pub fn open(path: &Path) -> Result<ReceiptFile, ReceiptFileError> {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let file = opened.map_err(|source| ReceiptFileError::File { path: path.into(), source })?;
        Ok(ReceiptFile { path: path.into(), file })
    }

    /// Adds a receipt: when this returns, it is on the disk.
    pub(crate) fn keep(&mut self, receipt: &KeptReceipt) -> Result<(), ReceiptFileError> {
        let mut line = serde_json::to_vec(receipt).expect("a receipt is numbers and digests");
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|source| ReceiptFileError::File { path: self.path.clone(), source })
    }
}

/// Reads the receipts in a file.
pub fn read_receipts(path: &Path) -> Result<Vec<KeptReceipt>, ReceiptFileError> {
    let text =
        fs::read_to_string(path).map_err(|source| ReceiptFileError::File { path: path.into(), source })?;
    let receipt = |(line, text)| {
        serde_json::from_str(text).map_err(|source| ReceiptFileError::NoReceipt {
            path: path.into(),
            line,
            source,
        })
    };
    (1..).zip(text.lines()).map(receipt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_read_in_the_order_in_which_they_were_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.jsonl");
        let receipts = [1, 2, 3].map(|round| KeptReceipt {
            plan_sha256: HexDigest::of(b"plan"),
            receipt: ReceiptMessage { round, client: 4, weight: 5, update_sha256: HexDigest::of(b"update") },
        });
        for receipt in &receipts {
            ReceiptFile::open(&path).unwrap().keep(receipt).unwrap();
        }
        assert_eq!(read_receipts(&path).unwrap(), receipts);
        fs::write(&path, "{}\n").unwrap();
        assert!(matches!(read_receipts(&path), Err(ReceiptFileError::NoReceipt { line: 1, .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(read_receipts(&path), Err(ReceiptFileError::File { .. })));
    }
}
