//! `Dataset`: the rows of a table, immutable, each feature stored once.

use crate::nn::Feature;

/// The features of all rows, row after row.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// Small whole numbers, such as the pixels of an image: a byte each.
    Bytes {
        /// `rows x width` bytes.
        values: Vec<u8>,
        /// The largest value that the source can hold (16 for `digits`, 255 for IDX images).
        largest: u8,
    },
    /// Measurements and one-hot columns: `rows x width` finite numbers.
    Floats(Vec<f32>),
}

/// The targets of all rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// One class a row, numbered from 0.
    Classes {
        /// The class of each row.
        labels: Vec<u32>,
        /// The names of the classes; their number is the number of classes.
        names: Vec<String>,
    },
    /// One value a row, for regression.
    Values(Vec<f32>),
}

/// The names of the classes of a data set, in the order of their numbers.
pub type Classes = [String];

/// One feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name: that of the table's column, or `column=category` for one of a one-hot group.
    pub name: String,
    /// Whether it is a measurement. One-hot columns are not, and are left alone by standardization.
    pub measured: bool,
}

/// Whose row each row is, where the table itself says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The column that names the client.
    pub column: String,
    /// The clients' names, in alphabetical order, so that the order of the rows does not matter.
    pub names: Vec<String>,
    /// For each row the place of its client in `names`.
    pub of_row: Vec<u32>,
}

/// Who made the data, and on which terms they may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribution {
    /// The authors, year and title.
    pub citation: &'static str,
    /// The licence.
    pub licence: &'static str,
    /// What was changed on the way from the original.
    pub changes: &'static str,
}

/// Rows of a table, immutable. Share it with an `Arc`, and choose from it with a [`Shard`](super::Shard).
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    name: String,
    width: usize,
    features: Features,
    targets: Targets,
    columns: Vec<Column>,
    groups: Option<Groups>,
    weights: Option<Vec<f32>>,
    attribution: Option<Attribution>,
    dropped: u64,
}

/// Why numbers are not a data set.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DatasetError {
    /// There is nothing to learn from.
    #[error("data set `{name}` has no rows")]
    NoRows {
        /// The data set.
        name: String,
    },
    /// There is nothing to learn by.
    #[error("data set `{name}` has rows of no features")]
    NoFeatures {
        /// The data set.
        name: String,
    },
    /// Row numbers are 32 bits wide.
    #[error("data set `{name}` has {rows} rows; at most 4,294,967,295 are possible")]
    TooManyRows {
        /// The data set.
        name: String,
        /// Its rows.
        rows: usize,
    },
    /// The features do not fill whole rows.
    #[error("data set `{name}`: {values} feature values are not {rows} rows of {width}")]
    FeaturesAndTargets {
        /// The data set.
        name: String,
        /// How many feature values there are.
        values: usize,
        /// How many targets there are, one a row.
        rows: usize,
        /// Features a row.
        width: usize,
    },
    /// A class that does not exist.
    #[error("data set `{name}`: row {row} has class {class}, but there are only the classes 0 to {last}", last = classes - 1)]
    UnknownClass {
        /// The data set.
        name: String,
        /// The row, from 0.
        row: usize,
        /// Its class.
        class: u32,
        /// How many classes there are.
        classes: usize,
    },
    /// A classification needs something to tell apart.
    #[error("data set `{name}` has {classes} class(es); there is nothing to tell apart with fewer than two")]
    TooFewClasses {
        /// The data set.
        name: String,
        /// How many there are.
        classes: usize,
    },
    /// A feature or a target is not a finite number.
    #[error("data set `{name}`: row {row} has a value that is not a finite number")]
    NotFinite {
        /// The data set.
        name: String,
        /// The row, from 0.
        row: usize,
    },
    /// A weight below 0, or none at all.
    #[error("data set `{name}`: row {row} has the weight {weight}; it must be a finite number, 0 or more")]
    BadWeight {
        /// The data set.
        name: String,
        /// The row, from 0.
        row: usize,
        /// Its weight.
        weight: f32,
    },
    /// A list that describes columns or rows has another length than these.
    #[error("data set `{name}`: {found} {what} were given, {expected} are needed")]
    WrongCount {
        /// The data set.
        name: String,
        /// What was given: `columns`, `client numbers` or `weights`.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are needed.
        expected: usize,
    },
}

impl Dataset {
    /// Takes the features and the targets of all rows, after checking that they belong together.
    ///
    /// The features are named `1`, `2`, ... and count as measurements, until
    /// [`with_columns`](Self::with_columns) says otherwise.
    pub fn new(
        name: impl Into<String>,
        width: usize,
        features: Features,
        targets: Targets,
    ) -> Result<Dataset, DatasetError> {
        let name = name.into();
        check(&name, width, &features, &targets)?;
        let columns = (1..=width).map(|number| Column { name: number.to_string(), measured: true }).collect();
        let (groups, weights, attribution) = (None, None, None);
        Ok(Dataset { name, width, features, targets, columns, groups, weights, attribution, dropped: 0 })
    }

    /// Names the features, and says which are measurements.
    pub fn with_columns(mut self, columns: Vec<Column>) -> Result<Dataset, DatasetError> {
        self.check_count("columns", columns.len(), self.width)?;
        self.columns = columns;
        Ok(self)
    }

    /// Says whose row each row is.
    pub fn with_groups(mut self, groups: Groups) -> Result<Dataset, DatasetError> {
        self.check_count("client numbers", groups.of_row.len(), self.rows())?;
        self.groups = Some(groups);
        Ok(self)
    }

    /// Says how much each row counts in training: a finite number of at least 0.
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Dataset, DatasetError> {
        self.check_count("weights", weights.len(), self.rows())?;
        let sound = |weight: &f32| *weight >= 0.0 && weight.is_finite();
        if let Some(row) = weights.iter().position(|weight| !sound(weight)) {
            return Err(DatasetError::BadWeight { name: self.name, row, weight: weights[row] });
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// Says who made the data.
    pub fn with_attribution(mut self, attribution: Attribution) -> Dataset {
        self.attribution = Some(attribution);
        self
    }

    /// Says how many rows of the source were dropped because values were missing in them.
    pub fn with_dropped(mut self, rows: u64) -> Dataset {
        self.dropped = rows;
        self
    }

    /// The name of the data set: a built-in one's, or the path of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    /// Features a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features of all rows.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The targets of all rows.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The names of the classes; `None` for a regression.
    pub fn classes(&self) -> Option<&Classes> {
        match &self.targets {
            Targets::Classes { names, .. } => Some(names),
            Targets::Values(_) => None,
        }
    }

    /// What a network for this data has to put out: one number a class, or one for a regression.
    pub fn outputs(&self) -> usize {
        self.classes().map_or(1, <[String]>::len)
    }

    /// The features' names and kinds.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The features as people know them: measured columns one by one, and the one-hot columns `column=category` of a
    /// source's column together.
    pub fn named_features(&self) -> Vec<Feature> {
        let mut features: Vec<Feature> = Vec::new();
        let mut open: Option<&str> = None;
        for (at, column) in self.columns.iter().enumerate() {
            let source = column.name.split_once('=').filter(|_| !column.measured).map(|(source, _)| source);
            match (source.is_some() && source == open, features.last_mut()) {
                (true, Some(feature)) => feature.inputs.end = at + 1,
                _ => {
                    let name = source.unwrap_or(&column.name).to_owned();
                    features.push(Feature { name, inputs: at..at + 1 });
                }
            }
            open = source;
        }
        features
    }

    /// Whose row each row is, where the table says so.
    pub fn groups(&self) -> Option<&Groups> {
        self.groups.as_ref()
    }

    /// How much each row counts in training, where the table says so; else all count alike.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Who made the data, where that is known.
    pub fn attribution(&self) -> Option<&Attribution> {
        self.attribution.as_ref()
    }

    /// How many rows of the source were dropped because values were missing in them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Where the features of a row lie among all.
    pub(super) fn range(&self, row: u32) -> std::ops::Range<usize> {
        let start = row as usize * self.width;
        start..start + self.width
    }

    /// The features of a row as stored; `out` holds `width()` numbers.
    pub(super) fn copy_stored(&self, row: u32, out: &mut [f32]) {
        match &self.features {
            Features::Bytes { values, .. } => {
                for (out, &value) in out.iter_mut().zip(&values[self.range(row)]) {
                    *out = f32::from(value);
                }
            }
            Features::Floats(values) => out.copy_from_slice(&values[self.range(row)]),
        }
    }

    fn check_count(&self, what: &'static str, found: usize, expected: usize) -> Result<(), DatasetError> {
        if found == expected {
            return Ok(());
        }
        Err(DatasetError::WrongCount { name: self.name.clone(), what, found, expected })
    }
}

impl Targets {
    /// How many rows have one.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes { labels, .. } => labels.len(),
            Targets::Values(values) => values.len(),
        }
    }

    /// Whether no row has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Features {
    /// How many values there are over all rows.
    fn len(&self) -> usize {
        match self {
            Features::Bytes { values, .. } => values.len(),
            Features::Floats(values) => values.len(),
        }
    }
}

fn check(name: &str, width: usize, features: &Features, targets: &Targets) -> Result<(), DatasetError> {
    let name = || name.to_owned();
    let rows = targets.len();
    if rows == 0 {
        return Err(DatasetError::NoRows { name: name() });
    }
    if width == 0 {
        return Err(DatasetError::NoFeatures { name: name() });
    }
    if u32::try_from(rows).is_err() {
        return Err(DatasetError::TooManyRows { name: name(), rows });
    }
    if rows.checked_mul(width) != Some(features.len()) {
        return Err(DatasetError::FeaturesAndTargets { name: name(), values: features.len(), rows, width });
    }
    if let Features::Floats(values) = features
        && let Some(at) = values.iter().position(|value| !value.is_finite())
    {
        return Err(DatasetError::NotFinite { name: name(), row: at / width });
    }
    match targets {
        Targets::Classes { names, .. } if names.len() < 2 => {
            Err(DatasetError::TooFewClasses { name: name(), classes: names.len() })
        }
        Targets::Classes { labels, names } => {
            match labels.iter().position(|&class| class as usize >= names.len()) {
                None => Ok(()),
                Some(row) => Err(DatasetError::UnknownClass {
                    name: name(),
                    row,
                    class: labels[row],
                    classes: names.len(),
                }),
            }
        }
        Targets::Values(values) => match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(row) => Err(DatasetError::NotFinite { name: name(), row }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_classes(labels: Vec<u32>) -> Targets {
        Targets::Classes { labels, names: vec!["no".into(), "yes".into()] }
    }

    fn refused(width: usize, values: Vec<f32>, targets: Targets) -> DatasetError {
        Dataset::new("t", width, Features::Floats(values), targets).unwrap_err()
    }

    #[test]
    fn numbers_that_do_not_belong_together_are_refused() {
        use DatasetError::*;
        let name = || "t".to_owned();
        assert_eq!(refused(2, vec![], two_classes(vec![])), NoRows { name: name() });
        assert_eq!(refused(0, vec![], two_classes(vec![0])), NoFeatures { name: name() });
        assert_eq!(
            refused(2, vec![1.0; 3], two_classes(vec![0, 1])),
            FeaturesAndTargets { name: name(), values: 3, rows: 2, width: 2 }
        );
        assert_eq!(
            refused(1, vec![1.0; 2], two_classes(vec![0, 2])),
            UnknownClass { name: name(), row: 1, class: 2, classes: 2 }
        );
        assert_eq!(
            refused(1, vec![1.0], Targets::Classes { labels: vec![0], names: vec!["one".into()] }),
            TooFewClasses { name: name(), classes: 1 }
        );
        assert_eq!(
            refused(2, vec![1.0, 1.0, 1.0, f32::NAN], two_classes(vec![0, 1])),
            NotFinite { name: name(), row: 1 }
        );
        assert_eq!(
            refused(1, vec![1.0; 2], Targets::Values(vec![f32::INFINITY, 0.0])),
            NotFinite { name: name(), row: 0 }
        );
    }

    #[test]
    fn the_categories_of_a_column_are_one_feature() {
        let column = |name: &str, measured| Column { name: name.into(), measured };
        let columns = vec![
            column("x=y", true),
            column("colour=red", false),
            column("colour=green", false),
            column("site=north", false),
            column("flag", false),
        ];
        let data = Dataset::new("t", 5, Features::Floats(vec![0.0; 5]), Targets::Values(vec![1.0])).unwrap();
        let features = data.with_columns(columns).unwrap().named_features();
        let found: Vec<_> = features.iter().map(|f| (f.name.as_str(), f.inputs.clone())).collect();
        assert_eq!(found, [("x=y", 0..1), ("colour", 1..3), ("site", 3..4), ("flag", 4..5)]);
    }

    #[test]
    fn descriptions_must_fit_the_rows_and_the_columns() {
        let data =
            Dataset::new("t", 1, Features::Floats(vec![1.0, 2.0]), Targets::Values(vec![1.0, 2.0])).unwrap();
        let groups = Groups { column: "c".into(), names: vec!["a".into()], of_row: vec![0] };
        let refused = data.clone().with_groups(groups).unwrap_err();
        assert_eq!(refused.to_string(), "data set `t`: 1 client numbers were given, 2 are needed");
        assert!(data.clone().with_columns(vec![]).is_err());
        assert!(data.clone().with_weights(vec![1.0]).is_err());
        let refused = data.clone().with_weights(vec![0.0, -1.0]).unwrap_err();
        assert_eq!(refused, DatasetError::BadWeight { name: "t".into(), row: 1, weight: -1.0 });
        assert_eq!((data.outputs(), data.classes()), (1, None));
    }
}
