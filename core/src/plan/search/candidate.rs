//! One combination of values, and the plan that has them.

use super::super::{Overrides, Plan, PlanError};
use std::fmt;
use toml::{Table, Value};

/// One combination: a value for each key.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate(pub(super) Vec<(String, String, Value)>);

impl Candidate {
    /// The values as a plan has them, in the order of the keys.
    pub fn values(&self) -> Vec<String> {
        self.0.iter().map(|(.., value)| value.to_string()).collect()
    }

    /// The plan of that text with these values in it. Of what the command line says, they leave what they do not name.
    pub fn plan(&self, text: &str, overrides: Overrides) -> Result<Plan, PlanError> {
        // A text that is no TOML is refused by the parser of plans, which says where.
        let mut table: Table = text.parse().unwrap_or_default();
        if table.is_empty() {
            return Plan::parse_with(text, overrides);
        }
        table.remove("tune");
        for (section, key, value) in &self.0 {
            let keys = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(keys) = keys {
                keys.insert(key.clone(), value.clone());
            }
        }
        let names =
            |section, key| self.0.iter().any(|(of, its, _)| (of.as_str(), its.as_str()) == (section, key));
        let overrides = Overrides {
            seed: overrides.seed,
            rounds: overrides.rounds.filter(|_| !names("federation", "rounds")),
            clients: overrides.clients.filter(|_| !names("partition", "clients")),
            rows: overrides.rows,
        };
        Plan::parse_with(&table.to_string(), overrides).map_err(PlanError::without_lines)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (section, key, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{section}.{key} = {value}")?;
        }
        Ok(())
    }
}
