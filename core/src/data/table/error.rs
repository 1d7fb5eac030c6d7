//! What is wrong with a table.

use std::io;

use crate::data::dataset::DatasetError;

/// What is wrong with a CSV file. Lines are counted from 1, the header's.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// No byte in it, or no header.
    #[error("{file} is empty: a header line with the columns' names is expected first")]
    Empty {
        /// The file.
        file: String,
    },
    /// Its compression is broken.
    #[error("{file} cannot be decompressed ({source})")]
    Damaged {
        /// The file.
        file: String,
        /// What the decompression says.
        source: io::Error,
    },
    /// A declared column is not there.
    #[error("{file} has no column `{column}`, which `{key}` under [data] names{}",
            .nearest.as_ref().map(|name| format!("; it has `{name}`")).unwrap_or_default())]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The key of the `[data]` section that names it.
        key: &'static str,
        /// A column of the file with a similar name.
        nearest: Option<String>,
    },
    /// A column of which the plan says nothing.
    #[error(
        "{file} has a column `{column}`, of which [data] says nothing: \
             put it under `numeric`, `categorical` or `ignore`"
    )]
    UndeclaredColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// Two columns of one name.
    #[error("{file} has two columns `{column}`: rename one of them")]
    ColumnTwice {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A row has more or fewer fields than the header.
    #[error(
        "{file}, line {line}: {found} field(s), but the header has {expected}; \
             check the separator and the quotes of this line"
    )]
    RaggedRow {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// Text where a number is declared.
    #[error(
        "{file}, line {line}, column `{column}`: `{text}` is not a finite number; correct it, \
             add it to `missing-markers`, or declare the column as categorical"
    )]
    NotANumber {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// Something that a row cannot count.
    #[error(
        "{file}, line {line}, column `{column}`: `{text}` is no weight: a row counts a finite number of \
             times, 0 or more"
    )]
    NotAWeight {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// All rows have the weight 0.
    #[error("{file}: every row has the weight 0 in column `{column}`: nothing could be learned from them")]
    NothingCounts {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A category that the plan does not declare.
    #[error(
        "{file}, line {line}, column `{column}`: `{category}` is none of its categories ({known}); \
             correct it, or add it to the column's list under [data.categorical] on all sides"
    )]
    UnseenCategory {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        category: String,
        /// The declared categories.
        known: String,
    },
    /// A class that the plan does not declare.
    #[error(
        "{file}, line {line}, column `{column}`: `{class}` is none of the classes ({known}); \
             correct it, or add it to `classes` on all sides"
    )]
    UnknownClass {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The label column.
        column: String,
        /// What stands there.
        class: String,
        /// The declared classes.
        known: String,
    },
    /// A value is missing, and the plan says that none may.
    #[error(
        "{file}, line {line}, column `{column}`: the value is missing (`{marker}`); fill it in, \
             or leave such rows out with `missing = \"drop-row\"`"
    )]
    MissingValue {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        marker: String,
    },
    /// Bytes that are no text.
    #[error("{file}, line {line}, column `{column}`: not UTF-8; convert the file")]
    NotText {
        /// The file.
        file: String,
        /// The line; 1 is the header.
        line: u64,
        /// The column.
        column: String,
    },
    /// A column that was hardly meant to be taken apart.
    #[error(
        "{file}: column `{column}` has {found} different values, more than {most}: make it numeric or \
             ignore it, or declare its values if they are meant to be told apart"
    )]
    TooManyCategories {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// How many different values there are.
        found: usize,
        /// How many are collected at most.
        most: usize,
    },
    /// A header and nothing else, or nothing that is complete.
    #[error("{file} has no rows to learn from ({dropped} dropped because values were missing)")]
    NoRows {
        /// The file.
        file: String,
        /// How many were left out because of missing values.
        dropped: u64,
    },
    /// All rows are of one class.
    #[error(
        "{file}: every row of the label column `{column}` is `{class}`: there is nothing to tell apart; \
             check the column, or declare the classes with `classes` if others hold the rest"
    )]
    OneClassOnly {
        /// The file.
        file: String,
        /// The label column.
        column: String,
        /// The class.
        class: String,
    },
    /// The rows are no data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}
