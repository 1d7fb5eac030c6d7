//! IDX files, as MNIST comes in them: a magic number, the dimensions, then bytes. Gzipped or not.
//!
//! The format is that of Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits". All numbers
//! are big-endian; the magic number's third byte is the type of a value (8: a byte), its fourth the number of
//! dimensions.

use std::io;

use super::compressed::Content;

const IMAGES: [u8; 4] = [0, 0, 8, 3];
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// The images of a file, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// How many there are.
    pub count: usize,
    /// Rows of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// `count x height x width` pixels, 0 to 255.
    pub pixels: Vec<u8>,
}

/// What is wrong with an IDX file.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// No byte in it.
    #[error("{file} is empty: fetch it again")]
    Empty {
        /// The file.
        file: String,
    },
    /// The first four bytes are not those of such a file.
    #[error("{file} is no IDX file of {expected}: it begins with {found:02x?} instead of {magic:02x?}{advice}",
            advice = swapped(*found, *magic))]
    WrongMagic {
        /// The file.
        file: String,
        /// `images` or `labels`.
        expected: &'static str,
        /// The bytes that it should begin with.
        magic: [u8; 4],
        /// The bytes that it begins with.
        found: [u8; 4],
    },
    /// It ends before its header or its content does.
    #[error("{file} is truncated: {expected} bytes were announced, {found} are there; fetch it again")]
    Truncated {
        /// The file.
        file: String,
        /// How many bytes of content there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// It goes on after its end.
    #[error("{file} has {extra} bytes more than its header announces: it is damaged or another file")]
    TrailingBytes {
        /// The file.
        file: String,
        /// How many.
        extra: u64,
    },
    /// Its compression is broken.
    #[error("{file} cannot be decompressed ({source}): fetch it again")]
    Damaged {
        /// The file.
        file: String,
        /// What the decompression says.
        source: io::Error,
    },
    /// It says of itself that it holds nothing.
    #[error("{file} holds no images: its header announces {count} of {height} x {width} pixels")]
    NoPixels {
        /// The file.
        file: String,
        /// Images.
        count: u32,
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// The images and the labels are not each other's.
    #[error(
        "{images_file} has {images} images, but {labels_file} has {labels} labels: they do not belong together"
    )]
    CountMismatch {
        /// The file of images.
        images_file: String,
        /// How many it has.
        images: usize,
        /// The file of labels.
        labels_file: String,
        /// How many it has.
        labels: usize,
    },
    /// A label that is no class.
    #[error("{file}: the label of row {row} is {label}, but there are only the classes 0 to {last}", last = classes - 1)]
    LabelOutOfRange {
        /// The file.
        file: String,
        /// The row, from 1.
        row: usize,
        /// Its label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// Images of another size than the set's.
    #[error("{file} has images of {height} x {width} pixels, expected are {} x {}: it belongs to another set",
            .expected.0, .expected.1)]
    OtherSize {
        /// The file of images.
        file: String,
        /// Rows of its images.
        height: usize,
        /// Columns of its images.
        width: usize,
        /// Rows and columns that the set, or its training images, have.
        expected: (usize, usize),
    },
}

/// Reads a file of images.
pub fn images(file: &str, bytes: &[u8]) -> Result<Images, IdxError> {
    let mut content = open(file, bytes, "images", IMAGES)?;
    let [count, height, width] = dimensions(file, &mut content)?;
    if count == 0 || height == 0 || width == 0 {
        return Err(IdxError::NoPixels { file: file.to_owned(), count, height, width });
    }
    let expected = u64::from(count).saturating_mul(u64::from(height)).saturating_mul(u64::from(width));
    let pixels = rest(file, content, expected)?;
    Ok(Images { count: count as usize, height: height as usize, width: width as usize, pixels })
}

/// Reads a file of labels.
pub fn labels(file: &str, bytes: &[u8]) -> Result<Vec<u8>, IdxError> {
    let mut content = open(file, bytes, "labels", LABELS)?;
    let [count] = dimensions(file, &mut content)?;
    rest(file, content, u64::from(count))
}

fn open<'a>(
    file: &str,
    bytes: &'a [u8],
    expected: &'static str,
    magic: [u8; 4],
) -> Result<Content<'a>, IdxError> {
    if bytes.is_empty() {
        return Err(IdxError::Empty { file: file.to_owned() });
    }
    let mut content = Content::of(bytes);
    let found = header(file, &mut content)?;
    if found != magic {
        return Err(IdxError::WrongMagic { file: file.to_owned(), expected, magic, found });
    }
    Ok(content)
}

fn dimensions<const N: usize>(file: &str, content: &mut Content) -> Result<[u32; N], IdxError> {
    let mut dimensions = [0; N];
    for dimension in &mut dimensions {
        *dimension = u32::from_be_bytes(header(file, content)?);
    }
    Ok(dimensions)
}

fn header(file: &str, content: &mut Content) -> Result<[u8; 4], IdxError> {
    let bytes = content.next_bytes(4).map_err(|source| damaged(file, source))?;
    let found = bytes.len() as u64;
    bytes.try_into().map_err(|_| IdxError::Truncated { file: file.to_owned(), expected: 4, found })
}

fn rest(file: &str, mut content: Content, expected: u64) -> Result<Vec<u8>, IdxError> {
    let bytes = content.next_bytes(expected).map_err(|source| damaged(file, source))?;
    if (bytes.len() as u64) < expected {
        return Err(IdxError::Truncated { file: file.to_owned(), expected, found: bytes.len() as u64 });
    }
    // Reading to the end also checks the checksum of a gzip file.
    match content.count_rest() {
        Ok(0) => Ok(bytes),
        Ok(extra) => Err(IdxError::TrailingBytes { file: file.to_owned(), extra }),
        Err(source) => Err(damaged(file, source)),
    }
}

fn damaged(file: &str, source: io::Error) -> IdxError {
    IdxError::Damaged { file: file.to_owned(), source }
}

fn swapped(found: [u8; 4], expected: [u8; 4]) -> &'static str {
    match (found, expected) {
        (LABELS, IMAGES) => "; these are labels: are the two files swapped?",
        (IMAGES, LABELS) => "; these are images: are the two files swapped?",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn file(magic: [u8; 4], dimensions: &[u32], content: &[u8]) -> Vec<u8> {
        let dimensions = dimensions.iter().flat_map(|dimension| dimension.to_be_bytes());
        magic.into_iter().chain(dimensions).chain(content.iter().copied()).collect()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn images_and_labels_are_read_gzipped_or_not() {
        let plain = file(IMAGES, &[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let images_read = images("i", &plain).unwrap();
        assert_eq!((images_read.count, images_read.height, images_read.width), (2, 2, 3));
        assert_eq!(images_read.pixels[6..], [7, 8, 9, 10, 11, 12]);
        assert_eq!(images("i", &gzipped(&plain)).unwrap(), images_read);
        assert_eq!(labels("l", &gzipped(&file(LABELS, &[3], &[7, 8, 9]))).unwrap(), [7, 8, 9]);
    }

    #[test]
    fn every_fault_is_named() {
        use IdxError::*;
        let good = file(LABELS, &[3], &[7, 8, 9]);
        let refused = |bytes: &[u8]| labels("l.gz", bytes).unwrap_err();

        assert!(matches!(refused(&[]), Empty { .. }));
        assert!(matches!(refused(&good[..2]), Truncated { expected: 4, found: 2, .. }));
        assert!(matches!(refused(&good[..6]), Truncated { .. }));
        assert!(matches!(refused(&good[..10]), Truncated { expected: 3, found: 2, .. }));
        assert!(matches!(refused(&[&good[..], &[0]].concat()), TrailingBytes { extra: 1, .. }));
        assert!(matches!(refused(b"hello, world"), WrongMagic { expected: "labels", .. }));
        assert!(matches!(refused(&file(LABELS, &[u32::MAX], &[1])), Truncated { found: 1, .. }));

        let swapped = images("i", &good).unwrap_err().to_string();
        assert!(swapped.ends_with("these are labels: are the two files swapped?"), "{swapped}");
        let none = images("i", &file(IMAGES, &[0, 28, 28], &[])).unwrap_err();
        assert!(matches!(none, NoPixels { count: 0, .. }));
        let huge = images("i", &file(IMAGES, &[u32::MAX; 3], &[0])).unwrap_err();
        assert!(matches!(huge, Truncated { expected: u64::MAX, found: 1, .. }));
    }

    #[test]
    fn broken_compression_is_told_from_truncation() {
        let content: Vec<u8> = (0..10_000u32).map(|at| (at * at % 251) as u8).collect();
        let good = gzipped(&file(LABELS, &[10_000], &content));
        let cut = labels("l.gz", &good[..good.len() / 2]).unwrap_err();
        assert!(matches!(cut, IdxError::Truncated { expected: 10_000, .. }), "{cut}");
        let mut wrong_checksum = good.clone();
        *wrong_checksum.iter_mut().nth_back(5).unwrap() ^= 1;
        assert!(matches!(labels("l.gz", &wrong_checksum), Err(IdxError::Damaged { .. })));
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), gzip: bool) {
            let behind_magic = [&IMAGES[..], &bytes].concat();
            for bytes in [bytes, behind_magic] {
                let bytes = if gzip { gzipped(&bytes) } else { bytes };
                let _ = images("i", &bytes);
                let _ = labels("l", &bytes);
            }
        }
    }
}
