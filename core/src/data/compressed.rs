//! Files that may be gzipped, which their first bytes tell.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Deflate cannot make more of a byte than this, so that a length in a file's header can be doubted.
const MOST_OUT_OF_ONE_BYTE: u64 = 1032;

/// The content of a file, inflated where it is gzipped.
pub(super) struct Content<'a> {
    inner: Inner<'a>,
    at_most: u64,
}

enum Inner<'a> {
    Plain(&'a [u8]),
    Gzip(Box<GzDecoder<&'a [u8]>>),
}

impl<'a> Content<'a> {
    pub(super) fn of(file: &'a [u8]) -> Content<'a> {
        let size = file.len() as u64;
        if file.starts_with(&[0x1f, 0x8b]) {
            let inner = Inner::Gzip(Box::new(GzDecoder::new(file)));
            Content { inner, at_most: size.saturating_mul(MOST_OUT_OF_ONE_BYTE) }
        } else {
            Content { inner: Inner::Plain(file), at_most: size }
        }
    }

    /// The next `len` bytes, or as many as there are. What a file claims to hold reserves no more than it can hold.
    pub(super) fn next_bytes(&mut self, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(len.min(self.at_most)).unwrap_or(0));
        match self.by_ref().take(len).read_to_end(&mut bytes) {
            // A gzip file that breaks off: what came before it is all there is.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(bytes),
            Err(error) => Err(error),
            Ok(_) => Ok(bytes),
        }
    }

    /// How many bytes are left.
    pub(super) fn count_rest(mut self) -> io::Result<u64> {
        io::copy(&mut self, &mut io::sink())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(rest) => rest.read(out),
            Inner::Gzip(decoder) => decoder.read(out),
        }
    }
}

/// The whole content: the file itself, or what it inflates to. A file that breaks off is an error.
pub(super) fn whole(file: &[u8]) -> io::Result<std::borrow::Cow<'_, [u8]>> {
    match Content::of(file).inner {
        Inner::Plain(file) => Ok(file.into()),
        Inner::Gzip(mut decoder) => {
            let mut bytes = Vec::new();
            decoder.read_to_end(&mut bytes)?;
            match decoder.into_inner().fill_buf()? {
                [] => Ok(bytes.into()),
                _ => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes follow the compressed content")),
            }
        }
    }
}
