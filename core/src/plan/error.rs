//! Why a plan is refused: where, what, and how to mend it.

use super::{Conflict, Place, ValueFault};

/// Why a plan is refused.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PlanError {
    /// The text is no TOML, or a value has another type than its key takes.
    #[error("{}{message}", position(*line, Some(*column)))]
    Unreadable {
        /// Where, from 1; 0 if it stands in no file.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// There is no such key.
    #[error("{}there is no key `{key}` here; {}", position(*line, None), hint(nearest.as_deref(), known))]
    UnknownKey {
        /// Where, from 1; 0 if it stands in no file.
        line: usize,
        /// What was typed.
        key: String,
        /// The most similar key that there is.
        nearest: Option<String>,
        /// All keys that there are.
        known: Vec<String>,
    },
    /// There is no such choice for a key.
    #[error("{}there is no choice \"{given}\" here; {}", position(*line, None), hint(nearest.as_deref(), known))]
    UnknownChoice {
        /// Where, from 1; 0 if it stands in no file.
        line: usize,
        /// What was typed.
        given: String,
        /// The most similar choice that there is.
        nearest: Option<String>,
        /// All choices that there are.
        known: Vec<String>,
    },
    /// A value is not one that its key takes.
    #[error("{place}: {fault}")]
    Value {
        /// Which key.
        place: Place,
        /// What is wrong with its value.
        fault: Box<ValueFault>,
    },
    /// Two values do not go together.
    #[error("{first} and {second}: {conflict}")]
    Conflict {
        /// One key.
        first: Place,
        /// The other key.
        second: Place,
        /// Why they do not go together, and how to mend it.
        conflict: Box<Conflict>,
    },
    /// A row of a comparison has a plan that is not sound.
    #[error("row \"{name}\" of [compare]: {error}")]
    Row {
        /// The row.
        name: String,
        /// What is wrong with its plan.
        error: Box<PlanError>,
    },
}

impl PlanError {
    /// Whether all that is missing is how many rows a client usually holds: see [`Overrides`](super::Overrides).
    pub fn asks_for_rows(&self) -> bool {
        match self {
            PlanError::Value { fault, .. } => **fault == ValueFault::RowsUnknown,
            PlanError::Row { error, .. } => error.asks_for_rows(),
            _ => false,
        }
    }

    /// The same mistake in a plan that nobody typed in lines.
    pub(super) fn without_lines(mut self) -> PlanError {
        match &mut self {
            PlanError::Unreadable { line, .. }
            | PlanError::UnknownKey { line, .. }
            | PlanError::UnknownChoice { line, .. } => *line = 0,
            PlanError::Value { place, .. } => place.line = None,
            PlanError::Conflict { first, second, .. } => (first.line, second.line) = (None, None),
            // Made without lines.
            PlanError::Row { .. } => {}
        }
        self
    }
}

fn position(line: usize, column: Option<usize>) -> String {
    match (line, column) {
        (0, _) => String::new(),
        (line, None) => format!("line {line}: "),
        (line, Some(column)) => format!("line {line}, column {column}: "),
    }
}

fn hint(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there are: {}", known.join(", ")),
    }
}
