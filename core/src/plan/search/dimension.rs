//! A key of a plan that is varied, and what is tried for it.

use super::{Range, Scale, SearchError};
use crate::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// A key of a plan, and the values that are tried for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) values: Values,
}

/// What is tried for a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "values are a list, or a range such as { from = 0.001, to = 0.1, scale = \"log\" }"
)]
pub enum Values {
    /// These, each of them.
    List(Vec<Value>),
    /// Whatever lies between two numbers: drawn at random.
    Range(Range),
}

impl Dimension {
    /// Reads `section.key=value,value`, or `section.key=from..to`, or `section.key=from..to:log`. Values are written as in
    /// a plan; the quotes of words may be left out.
    pub fn parse(text: &str) -> Result<Dimension, SearchError> {
        let unreadable = || SearchError::Unreadable(text.to_owned());
        let (name, values) = text.split_once('=').ok_or_else(unreadable)?;
        let (section, key) = name.trim().split_once('.').ok_or_else(unreadable)?;
        let values = match values.split_once("..") {
            Some((from, to)) => Values::Range(range(from, to).ok_or_else(unreadable)?),
            None => Values::List(
                items(values).into_iter().map(value).collect::<Option<_>>().ok_or_else(unreadable)?,
            ),
        };
        Ok(Dimension { section: section.into(), key: key.into(), values })
    }

    /// The key as `section.key`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// How many values there are to try; none of a range.
    pub(super) fn len(&self) -> Option<usize> {
        match &self.values {
            Values::List(values) => Some(values.len()),
            Values::Range(_) => None,
        }
    }

    /// The value with this number, the remainder by how many there are, and the quotient: digit by digit a number names a
    /// combination.
    pub(super) fn number(&self, number: usize) -> (Value, usize) {
        match &self.values {
            Values::List(values) => (values[number % values.len()].clone(), number / values.len()),
            Values::Range(_) => unreachable!("where a key has a range, combinations have no numbers"),
        }
    }

    /// One of the values, or a number in the range.
    pub(super) fn draw(&self, stream: &mut Stream) -> Value {
        match &self.values {
            Values::List(values) => values[stream.random_range(0..values.len())].clone(),
            Values::Range(range) => range.draw(stream),
        }
    }

    pub(super) fn check(&self) -> Result<(), SearchError> {
        let varied = match (self.section.as_str(), self.key.as_str()) {
            ("data", key) => key == "standardize",
            ("federation", key) => key == "rounds",
            (section, _) => section != "tune",
        };
        if !varied {
            return Err(SearchError::NotToBeVaried(self.name()));
        }
        match &self.values {
            Values::List(values) if values.is_empty() => Err(SearchError::NoValues(self.name())),
            Values::List(_) => Ok(()),
            Values::Range(range) => {
                range.check().map_err(|fault| SearchError::BadRange { key: self.name(), fault })
            }
        }
    }
}

/// `to` may end in a scale.
fn range(from: &str, to: &str) -> Option<Range> {
    let (to, scale) = match to.split_once(':') {
        Some((to, scale)) => (to, value(scale)?.try_into().ok()?),
        None => (to, Scale::default()),
    };
    Some(Range { from: value(from)?.try_into().ok()?, to: value(to)?.try_into().ok()?, scale })
}

/// Divides at commas that are not inside of brackets.
fn items(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0_i32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&text[start..]);
    items
}

/// A value as in a plan, or else a word.
fn value(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_word = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '-');
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.or_else(|| is_word.then(|| Value::String(text.to_owned())))
}
