//! Sets of images in IDX files: what they hold, and who made them.

use super::built_in::pixels;
use super::dataset::{Attribution, Dataset, Features, Targets};
use super::idx::{self, IdxError};
use super::source::{IdxFiles, ImageFiles, LoadError};

/// What is known of a set of images before its files are read.
#[derive(Debug, Clone)]
pub(super) struct ImageSet {
    /// The set's own name; without one it is that of the file of images.
    name: Option<&'static str>,
    /// The names of the classes; none: numbers up to the largest label.
    classes: Vec<String>,
    /// Rows and columns of an image.
    size: Option<(usize, usize)>,
    attribution: Option<Attribution>,
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CLOTHES: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

impl ImageSet {
    /// 70,000 handwritten digits.
    pub(super) fn mnist() -> ImageSet {
        ImageSet::known(
            "mnist",
            DIGITS,
            Attribution {
                citation: "Y. LeCun, C. Cortes and C. J. C. Burges (1998). The MNIST database of handwritten digits.",
                licence: "CC BY-SA 3.0",
                changes: "none",
            },
        )
    }

    /// 70,000 articles of clothing.
    pub(super) fn fashion_mnist() -> ImageSet {
        ImageSet::known(
            "fashion-mnist",
            CLOTHES,
            Attribution {
                citation: "H. Xiao, K. Rasul and R. Vollgraf (2017). Fashion-MNIST: a novel image dataset for \
                           benchmarking machine learning algorithms. arXiv:1708.07747",
                licence: "MIT, copyright 2017 Zalando SE",
                changes: "none",
            },
        )
    }

    /// Images of which nothing is known but, if there are any, the names of their classes.
    pub(super) fn unknown(classes: &[String]) -> ImageSet {
        ImageSet { name: None, classes: classes.to_vec(), size: None, attribution: None }
    }

    fn known(name: &'static str, classes: [&str; 10], attribution: Attribution) -> ImageSet {
        ImageSet {
            name: Some(name),
            classes: classes.map(str::to_owned).into(),
            size: Some((28, 28)),
            attribution: Some(attribution),
        }
    }

    /// Reads a file of images and the file of their labels.
    pub(super) fn read(
        &self,
        files: &ImageFiles,
        images: &[u8],
        labels: &[u8],
    ) -> Result<(Dataset, ImageSet), LoadError> {
        let labels = idx::labels(&files.labels, labels)?;
        let images = idx::images(&files.images, images)?;
        if images.count != labels.len() {
            return Err(IdxError::CountMismatch {
                images_file: files.images.clone(),
                images: images.count,
                labels_file: files.labels.clone(),
                labels: labels.len(),
            }
            .into());
        }
        let size = (images.height, images.width);
        if let Some(expected) = self.size
            && expected != size
        {
            let (height, width) = size;
            return Err(IdxError::OtherSize { file: files.images.clone(), height, width, expected }.into());
        }
        let targets = self.targets(&files.labels, labels)?;
        let names = match &targets {
            Targets::Classes { names, .. } => names.clone(),
            Targets::Values(_) => Vec::new(),
        };
        let features = Features::Bytes { values: images.pixels, largest: u8::MAX };
        let name = self.name.unwrap_or(&files.images);
        let mut dataset =
            Dataset::new(name, size.0 * size.1, features, targets)?.with_columns(pixels(size.0, size.1))?;
        if let Some(attribution) = self.attribution {
            dataset = dataset.with_attribution(attribution);
        }
        Ok((dataset, ImageSet { classes: names, size: Some(size), ..self.clone() }))
    }

    fn targets(&self, file: &str, labels: Vec<u8>) -> Result<Targets, IdxError> {
        let names = if self.classes.is_empty() {
            (0..=labels.iter().copied().max().unwrap_or(0)).map(|class| class.to_string()).collect()
        } else {
            self.classes.clone()
        };
        if let Some(row) = labels.iter().position(|&label| usize::from(label) >= names.len()) {
            let (label, classes) = (labels[row], names.len());
            return Err(IdxError::LabelOutOfRange { file: file.to_owned(), row: row + 1, label, classes });
        }
        Ok(Targets::Classes { labels: labels.into_iter().map(u32::from).collect(), names })
    }
}

/// The four files of MNIST and Fashion-MNIST, under the names that their authors gave them.
pub(super) fn four_files(folder: &str) -> IdxFiles {
    let folder = folder.trim_end_matches('/');
    let pair = |part: &str| ImageFiles {
        images: format!("{folder}/{part}-images-idx3-ubyte.gz"),
        labels: format!("{folder}/{part}-labels-idx1-ubyte.gz"),
    };
    IdxFiles { train: pair("train"), test: Some(pair("t10k")), classes: Vec::new() }
}
