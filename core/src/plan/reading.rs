//! From text to a plan as typed, remembering where each key stands.

use super::{Place, PlanError, RawPlan};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Two keys are similar if they agree to this degree (Jaro-Winkler, 1 for equal).
const SIMILAR: f64 = 0.75;

/// On which line each key of a plan was typed.
#[derive(Debug, Clone)]
pub(super) struct Lines(BTreeMap<(String, String), usize>);

impl Lines {
    /// The place of a key.
    pub(super) fn place(&self, section: &'static str, key: &'static str) -> Place {
        let line = self.0.get(&(section.to_string(), key.to_string())).copied();
        Place { section, key, line }
    }

    fn of(text: &str) -> Lines {
        let mut lines = BTreeMap::new();
        // A text that is no TOML has no lines to tell: the parser's own error does.
        for (section, values) in DeTable::parse(text).iter().flat_map(|table| table.get_ref().iter()) {
            if let DeValue::Table(keys) = values.get_ref() {
                for key in keys.keys() {
                    let (line, _) = position(text, key.span().start);
                    lines.insert((section.get_ref().to_string(), key.get_ref().to_string()), line);
                }
            }
        }
        Lines(lines)
    }
}

/// Reads a plan as typed.
pub(super) fn read(text: &str) -> Result<(RawPlan, Lines), PlanError> {
    let raw = toml::from_str(text).map_err(|error| explain(text, &error))?;
    Ok((raw, Lines::of(text)))
}

fn explain(text: &str, error: &toml::de::Error) -> PlanError {
    let (line, column) = position(text, error.span().map_or(0, |span| span.start));
    let message = error.message();
    // serde names what it found and what it knows in backticks, in this order.
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_string);
    if message.starts_with("unknown field") {
        let key = quoted.next().unwrap_or_default();
        let known: Vec<String> = quoted.collect();
        return PlanError::UnknownKey { line, nearest: nearest(&key, &known), key, known };
    }
    if message.starts_with("unknown variant") {
        let given = quoted.next().unwrap_or_default();
        let known: Vec<String> = quoted.collect();
        return PlanError::UnknownChoice { line, nearest: nearest(&given, &known), given, known };
    }
    PlanError::Unreadable { line, column, message: message.lines().collect::<Vec<_>>().join("; ") }
}

fn nearest(given: &str, known: &[String]) -> Option<String> {
    let similarity = |known: &str| strsim::jaro_winkler(given, known);
    known
        .iter()
        .map(|known| (similarity(known), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known.clone())
}

/// The line and the column, both from 1, of a byte in a text.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    (line, before.len() - line_start + 1)
}
