//! What the columns of a table mean.

use std::collections::BTreeMap;

use super::super::config::Missing;

/// What the label column holds.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) enum Label {
    /// One of these classes; `None`: whatever the file holds, in order.
    Class(Option<Vec<String>>),
    /// A number to predict.
    Value,
}

/// The declared columns of a table.
///
/// The features come in the plan's order, not the file's, so that all clients agree on them: first the numeric
/// columns as listed, then for each categorical column, in alphabetical order, one feature a category.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct Schema {
    pub(in crate::data) numeric: Vec<String>,
    /// The categories of each column; none: whatever the file holds, in order.
    pub(in crate::data) categorical: BTreeMap<String, Vec<String>>,
    pub(in crate::data) label_column: String,
    pub(in crate::data) label: Label,
    pub(in crate::data) ignore: Vec<String>,
    pub(in crate::data) client_column: Option<String>,
    /// A holder's own file need not say whose it is.
    pub(in crate::data) client_column_may_lack: bool,
    pub(in crate::data) weight_column: Option<String>,
    /// Rows to judge by count alike.
    pub(in crate::data) weight_column_may_lack: bool,
    pub(in crate::data) separator: u8,
    pub(in crate::data) missing: Missing,
    pub(in crate::data) missing_markers: Vec<String>,
}

impl Schema {
    /// The columns whose categories or classes only a file can tell.
    pub(in crate::data) fn undeclared(&self) -> Vec<&str> {
        let categorical = self.categorical.iter().filter(|(_, categories)| categories.is_empty());
        let label = matches!(self.label, Label::Class(None)).then_some(self.label_column.as_str());
        categorical.map(|(column, _)| column.as_str()).chain(label).collect()
    }

    /// Features a row and outputs of a network, if no file is needed to tell.
    pub(in crate::data) fn shape(&self) -> Option<(usize, usize)> {
        if !self.undeclared().is_empty() {
            return None;
        }
        let outputs = match &self.label {
            Label::Class(Some(classes)) => classes.len(),
            _ => 1,
        };
        Some((self.numeric.len() + self.categorical.values().map(Vec::len).sum::<usize>(), outputs))
    }
}
