//! Where rows come from. This crate opens no file: it says which ones it needs, and is handed their bytes.

use std::io;
use std::sync::Arc;

use super::built_in::{digits, heart};
use super::dataset::{Dataset, DatasetError};
use super::idx::IdxError;
use super::images::{ImageSet, four_files};
use super::plan::DataPlan;
use super::split::{Split, SplitError};
use super::table::{Schema, TableError, parse};

/// Hands over the bytes of the file at a path as the plan names it. A file that is not there is an
/// [`io::ErrorKind::NotFound`].
pub type ReadFile<'a> = &'a mut dyn FnMut(&str) -> io::Result<Vec<u8>>;

/// A checked source of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The built-in digits.
    Digits,
    /// The built-in hospitals.
    Heart,
    /// MNIST: the four files in a folder.
    Mnist {
        /// The folder.
        folder: String,
    },
    /// Fashion-MNIST: the four files in a folder.
    FashionMnist {
        /// The folder.
        folder: String,
    },
    /// Images and labels in files of any name.
    Idx(IdxFiles),
    /// A table.
    Csv(Box<TableFile>),
}

/// A file of images and the file of their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFiles {
    /// The file of images.
    pub images: String,
    /// The file of labels.
    pub labels: String,
}

/// The files of a set of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxFiles {
    /// To train on.
    pub train: ImageFiles,
    /// To judge by; without them, training rows are held back.
    pub test: Option<ImageFiles>,
    /// The names of the classes; if there are none, they are numbered up to the largest label.
    pub classes: Vec<String>,
}

/// A table, and what its columns mean.
#[derive(Debug, Clone, PartialEq)]
pub struct TableFile {
    /// The file; none if the rows are elsewhere, with the clients.
    pub path: Option<String>,
    /// A file of test rows; without one, rows of `path` are held back.
    pub test_path: Option<String>,
    pub(super) schema: Schema,
}

/// Rows as read, before anything is held back.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The rows to train on, or all rows if there are no test rows of their own.
    pub train: Arc<Dataset>,
    /// The test rows of their own, if there are any.
    pub test: Option<Arc<Dataset>>,
}

/// Why rows cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is not there.
    #[error("{path} is not there: {advice}")]
    NotFound {
        /// The path as looked for.
        path: String,
        /// What to do.
        advice: &'static str,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The plan names no file.
    #[error("the plan has no `path` under [data]: name the CSV file there")]
    NoPath,
    /// The rows of a built-in set are where they are.
    #[error("the rows of `{source_name}` are built in: no file can stand for them")]
    BuiltIn {
        /// The source.
        source_name: &'static str,
    },
    /// An IDX file is not sound.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// A table is not sound.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rows are no data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

const FETCH: &str = "fetch it with scripts/fetch-data.sh, or set `folder` under [data]";
const CORRECT: &str = "correct the path under [data]";

impl Source {
    /// Whether this is the built-in set of that name.
    pub fn is_built_in(&self, name: &str) -> bool {
        matches!((self, name), (Source::Digits, "digits") | (Source::Heart, "heart"))
    }
}

impl DataPlan {
    /// Reads all rows: those that a simulation deals to its clients.
    pub fn load(&self, read: ReadFile) -> Result<Loaded, LoadError> {
        match self.source() {
            Source::Digits => Ok(Loaded { train: Arc::new(digits()), test: None }),
            Source::Heart => Ok(Loaded { train: Arc::new(heart()), test: None }),
            Source::Mnist { folder } => load_images(&ImageSet::mnist(), &four_files(folder), read, FETCH),
            Source::FashionMnist { folder } => {
                load_images(&ImageSet::fashion_mnist(), &four_files(folder), read, FETCH)
            }
            Source::Idx(files) => load_images(&ImageSet::unknown(&files.classes), files, read, CORRECT),
            Source::Csv(table) => load_table(table, read),
        }
    }

    /// Reads the rows of one holder: a participant's own file, a coordinator's test file. Unlike in
    /// [`load`](Self::load), a table may lack the client's column, and all of its rows are to be used.
    pub fn load_own(&self, read: ReadFile) -> Result<Arc<Dataset>, LoadError> {
        self.load_all(read, false)
    }

    /// The same for rows that are judged by alone: they may lack the weights, too.
    pub fn load_to_judge(&self, read: ReadFile) -> Result<Arc<Dataset>, LoadError> {
        self.load_all(read, true)
    }

    fn load_all(&self, read: ReadFile, weight_column_may_lack: bool) -> Result<Arc<Dataset>, LoadError> {
        let Source::Csv(table) = self.source() else { return Ok(self.load(read)?.train) };
        let schema = Schema { client_column_may_lack: true, weight_column_may_lack, ..table.schema.clone() };
        let path = table.path.as_deref().ok_or(LoadError::NoPath)?;
        Ok(Arc::new(parse(path, &bytes_of(path, read, CORRECT)?, &schema)?.dataset))
    }

    /// The same plan for rows that lie elsewhere: a CSV file, or a folder with the four files of an image set.
    pub fn at(&self, place: &str) -> Result<DataPlan, LoadError> {
        let folder = place.to_owned();
        Ok(self.with_source(match self.source() {
            Source::Digits => return Err(LoadError::BuiltIn { source_name: "digits" }),
            Source::Heart => return Err(LoadError::BuiltIn { source_name: "heart" }),
            Source::Mnist { .. } => Source::Mnist { folder },
            Source::FashionMnist { .. } => Source::FashionMnist { folder },
            Source::Idx(files) => Source::Idx(files.in_folder(place)),
            Source::Csv(table) => Source::Csv(Box::new(TableFile {
                path: Some(place.to_owned()),
                test_path: None,
                schema: table.schema.clone(),
            })),
        }))
    }

    /// Holds back the plan's share of rows for the test, or takes the test rows that have files of their own.
    pub fn split(&self, loaded: &Loaded) -> Result<Split, SplitError> {
        let train = Arc::clone(&loaded.train);
        match &loaded.test {
            Some(test) => Split::given(train, Arc::clone(test)),
            None => Split::hold_back(train, self.test_fraction()),
        }
    }
}

impl IdxFiles {
    /// Files of the same names in another folder.
    fn in_folder(&self, folder: &str) -> IdxFiles {
        let there = |path: &String| {
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            format!("{folder}/{name}")
        };
        let both =
            |files: &ImageFiles| ImageFiles { images: there(&files.images), labels: there(&files.labels) };
        IdxFiles {
            train: both(&self.train),
            test: self.test.as_ref().map(both),
            classes: self.classes.clone(),
        }
    }
}

fn load_images(
    set: &ImageSet,
    files: &IdxFiles,
    read: ReadFile,
    advice: &'static str,
) -> Result<Loaded, LoadError> {
    let mut load = |set: &ImageSet, files: &ImageFiles| {
        let (images_path, images) = gzipped_or_not(&files.images, read, advice)?;
        let (labels_path, labels) = gzipped_or_not(&files.labels, read, advice)?;
        set.read(&ImageFiles { images: images_path, labels: labels_path }, &images, &labels)
    };
    let (train, like_train) = load(set, &files.train)?;
    let test = match &files.test {
        None => None,
        Some(test) => Some(Arc::new(load(&like_train, test)?.0)),
    };
    Ok(Loaded { train: Arc::new(train), test })
}

fn load_table(table: &TableFile, read: ReadFile) -> Result<Loaded, LoadError> {
    let path = table.path.as_deref().ok_or(LoadError::NoPath)?;
    let train = parse(path, &bytes_of(path, read, CORRECT)?, &table.schema)?;
    let test = match &table.test_path {
        None => None,
        Some(path) => {
            // What was collected from the training rows is declared for the test rows, which count alike.
            let schema = Schema { weight_column_may_lack: true, ..train.schema };
            Some(Arc::new(parse(path, &bytes_of(path, read, CORRECT)?, &schema)?.dataset))
        }
    };
    Ok(Loaded { train: Arc::new(train.dataset), test })
}

/// The file at a path, or else the one that differs from it in nothing but `.gz`.
fn gzipped_or_not(path: &str, read: ReadFile, advice: &'static str) -> Result<(String, Vec<u8>), LoadError> {
    let other = path.strip_suffix(".gz").map_or_else(|| format!("{path}.gz"), str::to_owned);
    match bytes_of(path, read, advice) {
        Err(LoadError::NotFound { .. }) => match bytes_of(&other, read, advice) {
            Err(LoadError::NotFound { .. }) => Err(LoadError::NotFound { path: path.to_owned(), advice }),
            found => Ok((other, found?)),
        },
        found => Ok((path.to_owned(), found?)),
    }
}

fn bytes_of(path: &str, read: ReadFile, advice: &'static str) -> Result<Vec<u8>, LoadError> {
    read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LoadError::NotFound { path: path.to_owned(), advice },
        _ => LoadError::Unreadable { path: path.to_owned(), source },
    })
}

#[cfg(test)]
mod tests;
