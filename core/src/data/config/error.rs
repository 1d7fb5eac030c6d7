//! What is wrong with a `[data]` section.

use super::SourceName;
use crate::data::standardize::Reference;

/// What is wrong with a `[data]` section.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DataConfigError {
    /// A key that means nothing here.
    #[error("`{key}` means nothing here, with `source = \"{}\"`{}: leave it out", .source_name.name(), why_not(key))]
    KeyMeansNothing {
        /// The key.
        key: &'static str,
        /// The source that was chosen.
        source_name: SourceName,
    },
    /// A key without which the source cannot be read.
    #[error("`source = \"{}\"` needs `{key}`", .source_name.name())]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The source that was chosen.
        source_name: SourceName,
    },
    /// The share of test rows is not a share.
    #[error("`test-fraction` is {fraction}: it must lie between 0 and 1, both excluded; 0.2 is usual")]
    FractionOutOfRange {
        /// What was asked for.
        fraction: f64,
    },
    /// More or less than one byte between fields.
    #[error(
        "`separator` is `{separator}`: it must be one ASCII character, such as `,`, `;` or a tab (`\\t`)"
    )]
    Separator {
        /// What was asked for.
        separator: String,
    },
    /// A table without features.
    #[error("no column is a feature: name some under `numeric` or `categorical`")]
    NoFeatures,
    /// A column is declared as two things.
    #[error("column `{column}` stands under `{first}` and under `{second}`: it can be one of them")]
    ColumnTwice {
        /// The column.
        column: String,
        /// The key that names it first.
        first: &'static str,
        /// The key that names it again.
        second: &'static str,
    },
    /// A name occurs twice in a list.
    #[error("`{name}` stands twice in the list of `{list}`")]
    NameTwice {
        /// The key of the list.
        key: &'static str,
        /// The list: the key or the column.
        list: String,
        /// The name.
        name: String,
    },
    /// Nothing to tell apart.
    #[error("`classes` names one class only: name two or more, or leave it out to take those of the file")]
    OneClass,
    /// Classes of numbers.
    #[error("`classes` means nothing with `task = \"regression\"`: leave one of them out")]
    ClassesOfNumbers,
    /// A way to standardize that needs bytes.
    #[error(
        "`standardize = \"scale\"` is for pixels; a table's columns have no common largest value: \
             use `client`, `plan` or `none`"
    )]
    ScaleOfTable,
    /// A measured column of which nothing is publicly known.
    #[error(
        "`standardize = \"plan\"` needs the mean and the deviation of `{column}`: give them under \
             [data.reference], as `{column} = {{ mean = ..., deviation = ... }}`"
    )]
    NoReference {
        /// The column, or `pixel`.
        column: String,
    },
    /// A reference for nothing.
    #[error("[data.reference] has `{column}`, which is no numeric column{}", pixel_hint(*.images))]
    ReferenceOfNothing {
        /// The name.
        column: String,
        /// Whether the source has images.
        images: bool,
    },
    /// A reference that is no mean and deviation.
    #[error("the reference of `{column}` has mean {mean} and deviation {deviation}: \
             both must be finite, and the deviation above 0", mean = .reference.mean, deviation = .reference.deviation)]
    ReferenceOutOfRange {
        /// The column.
        column: String,
        /// What was given.
        reference: Reference,
    },
}

impl DataConfigError {
    /// The key at fault.
    pub fn key(&self) -> &'static str {
        match self {
            DataConfigError::KeyMeansNothing { key, .. }
            | DataConfigError::MissingKey { key, .. }
            | DataConfigError::NameTwice { key, .. } => key,
            DataConfigError::FractionOutOfRange { .. } => "test-fraction",
            DataConfigError::Separator { .. } => "separator",
            DataConfigError::NoFeatures => "numeric",
            DataConfigError::ColumnTwice { second, .. } => second,
            DataConfigError::OneClass | DataConfigError::ClassesOfNumbers => "classes",
            DataConfigError::ScaleOfTable => "standardize",
            DataConfigError::NoReference { .. }
            | DataConfigError::ReferenceOfNothing { .. }
            | DataConfigError::ReferenceOutOfRange { .. } => "reference",
        }
    }
}

fn why_not(key: &str) -> &'static str {
    match key {
        "test-fraction" => ", whose test rows lie in files of their own",
        "reference" => " unless `standardize = \"plan\"`",
        _ => "",
    }
}

fn pixel_hint(images: bool) -> &'static str {
    if images { "; for images the one entry is `pixel`" } else { "" }
}
