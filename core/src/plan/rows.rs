//! The rows that a comparison shows besides: variants of a plan's federation.

use super::check::Plan;
use super::raw::RowSection;
use super::{PlanError, ValueFault};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// What is wrong with the rows of a comparison.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum RowFault {
    /// Two rows of one name, or one of a name that every comparison has.
    #[error("there is another row \"{0}\": give each a name of its own")]
    NameTaken(String),
    /// A value that would change what is compared.
    #[error(
        "row \"{row}\" changes `{section}.{key}`: rows are compared on the same data, dealt alike, with the same seeds; \
         change other keys"
    )]
    OtherData {
        /// The row.
        row: String,
        /// The section.
        section: String,
        /// The key.
        key: String,
    },
}

impl From<RowFault> for ValueFault {
    fn from(fault: RowFault) -> ValueFault {
        ValueFault::Row(fault)
    }
}

/// The rows of every comparison.
const USUAL: [&str; 3] = ["centralized", "local-only", "federated"];

/// Checks names and keys; whether the plan of a row is sound shows when it is made.
pub(super) fn check(rows: &[RowSection]) -> Result<(), RowFault> {
    let mut names: BTreeSet<&str> = USUAL.into();
    for row in rows {
        if !names.insert(&row.name) {
            return Err(RowFault::NameTaken(row.name.clone()));
        }
        let keys = row.with.iter().flat_map(|(section, keys)| keys.keys().map(move |key| (section, key)));
        for (section, key) in keys {
            let other = match section.as_str() {
                "partition" | "compare" | "tune" => true,
                "data" => key != "standardize",
                "federation" => key == "seed",
                _ => false,
            };
            if other {
                let (section, key) = (section.clone(), key.clone());
                return Err(RowFault::OtherData { row: row.name.clone(), section, key });
            }
        }
    }
    Ok(())
}

impl Plan {
    /// The rows that the plan names itself, each with its plan. A row that names a target epsilon and no noise has the noise
    /// found for it, and one that names noise and no target has none.
    ///
    /// # Errors
    /// The plan of a row is not sound.
    pub fn named_rows(&self) -> Result<Vec<(String, Plan)>, PlanError> {
        let rows = self.typed().compare.iter().flat_map(|compare| &compare.rows);
        rows.map(|row| {
            let unsound = |error: PlanError| {
                let error = Box::new(error.without_lines());
                PlanError::Row { name: row.name.clone(), error }
            };
            Ok((row.name.clone(), self.row(row).map_err(unsound)?))
        })
        .collect()
    }

    /// Whether a named row protects single examples and only the rows themselves could tell how many a client usually
    /// holds: see [`Overrides`](super::Overrides).
    pub fn rows_ask_for_rows(&self) -> bool {
        let rows = self.typed().compare.iter().flat_map(|compare| &compare.rows);
        let mut privacy = rows.filter_map(|row| row.with.get("privacy"));
        let asks = privacy.any(|keys| {
            keys.get("unit").and_then(Value::as_str) == Some("example")
                && !keys.contains_key("rows-per-client")
        });
        asks && self.counted_rows().is_none()
    }

    fn row(&self, row: &RowSection) -> Result<Plan, PlanError> {
        let mut table =
            Table::try_from(self.typed()).expect("a plan that was read from TOML can be written as TOML");
        table.remove("compare");
        if !row.private {
            table.remove("privacy");
            // Noise alone is released only where there is noise.
            if let Some(minimum) = table.get_mut("cohort").and_then(|cohort| cohort.get_mut("minimum"))
                && minimum.as_integer() == Some(0)
            {
                *minimum = Value::Integer(1);
            }
        }
        for (section, keys) in &row.with {
            let place = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(place) = place else { continue };
            for (given, follows) in
                [("target-epsilon", "noise-multiplier"), ("noise-multiplier", "target-epsilon")]
            {
                if section == "privacy" && keys.contains_key(given) {
                    place.remove(follows);
                }
            }
            place.extend(keys.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let named = |key: &str| row.with.get("privacy").is_some_and(|keys| keys.contains_key(key));
        if let Some(Value::Table(privacy)) = table.get_mut("privacy")
            && named("unit")
            && !named("noise-at")
        {
            // Where noise is added follows from the unit.
            privacy.remove("noise-at");
        }
        Plan::parse_with(&table.to_string(), self.told_rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{NoiseAt, Overrides};

    const PLAN: &str = "\
[data]
source = \"digits\"
[partition]
clients = 20
[cohort]
sampling = \"poisson\"
fraction = 0.5
minimum = 0
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.1
delta = 1e-5
noise-multiplier = 2.0
adaptive-clip = {}
";

    fn rows(rows: &str) -> Result<Vec<(String, Plan)>, PlanError> {
        Plan::parse(&format!("{PLAN}{rows}"))?.named_rows()
    }

    #[test]
    fn a_row_is_the_plan_with_its_own_values() {
        let rows = rows(
            "[[compare.rows]]\nname = \"nobody trusted\"\nwith = { privacy.noise-at = \"local\", cohort.minimum = 1, training.epochs = 3 }\n\
             [[compare.rows]]\nname = \"bare\"\nprivate = false\n\
             [[compare.rows]]\nname = \"tight\"\n[compare.rows.with.privacy]\ntarget-epsilon = 1.0\n",
        );
        let rows = rows.unwrap();
        let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["nobody trusted", "bare", "tight"]);
        let protection = |at: usize| rows[at].1.protection();
        assert_eq!(protection(0).unwrap().noise_at(), NoiseAt::Local);
        assert_eq!((rows[0].1.recipe().epochs(), rows[1].1.recipe().epochs()), (3, 1));
        assert!(protection(1).is_none());
        let tight = protection(2).unwrap();
        assert!(
            tight.target() == Some(1.0) && tight.noise_multiplier() > 4.0,
            "{}",
            tight.noise_multiplier()
        );
    }

    #[test]
    fn a_row_can_protect_single_examples_by_what_is_told_of_the_rows() {
        let text = PLAN.replace("adaptive-clip = {}\n", "");
        let row = "[[compare.rows]]\nname = \"by example\"\nwith = { privacy.unit = \"example\", cohort.minimum = 1, \
                   training.batch-size = 10 }\n";
        let plan = Plan::parse(&format!("{text}{row}")).unwrap();
        assert!(plan.rows_ask_for_rows());
        let error = plan.named_rows().unwrap_err();
        assert!(error.asks_for_rows() && error.to_string().contains("row \"by example\""), "{error}");
        let overrides = Overrides { rows: Some(70), ..Overrides::default() };
        let plan = Plan::parse_with(&format!("{text}{row}"), overrides).unwrap();
        assert!(!plan.rows_ask_for_rows() && plan.counted_rows() == Some(70));
        let rule = plan.named_rows().unwrap()[0].1.protection().unwrap().examples().unwrap();
        assert_eq!((rule.steps, rule.rate), (7, 10.0 / 70.0));
        let given = row.replace("privacy.unit", "privacy.rows-per-client = 50, privacy.unit");
        assert!(!Plan::parse(&format!("{text}{given}")).unwrap().rows_ask_for_rows());
    }

    #[test]
    fn the_rows_stand_in_the_plan_that_is_shown() {
        let text = format!("{PLAN}[[compare.rows]]\nname = \"a\"\nwith = {{ privacy.clip = 0.3 }}\n");
        let plan = Plan::parse(&text).unwrap();
        assert!(plan.to_toml().contains("[[compare.rows]]"), "{}", plan.to_toml());
        let again = Plan::parse(&plan.to_toml()).unwrap();
        assert_eq!(again.digest(), plan.digest());
        assert_eq!(again.named_rows().unwrap()[0].1.digest(), plan.named_rows().unwrap()[0].1.digest());
    }

    #[test]
    fn rows_that_compare_nothing_are_refused() {
        let refused = |given: &str| rows(given).unwrap_err().to_string();
        for (given, words) in [
            ("name = \"federated\"", "there is another row \"federated\""),
            ("name = \"a\"\nwith = { partition.alpha = 1.0 }", "changes `partition.alpha`"),
            ("name = \"a\"\nwith = { federation.seed = 3 }", "dealt alike, with the same seeds"),
            (
                "name = \"a\"\nwith = { privacy.clipp = 3.0 }",
                "row \"a\" of [compare]: there is no key `clipp`",
            ),
            ("name = \"a\"\nwith = { privacy.clip = 0.0 }", "`clip` in [privacy]: the clip is 0"),
            ("name = \"a\"\nwidth = 3", "there is no key `width` here"),
        ] {
            let message = refused(&format!("[[compare.rows]]\n{given}\n"));
            assert!(message.contains(words), "{given}: {message}");
        }
        let twice = "[[compare.rows]]\nname = \"a\"\n[[compare.rows]]\nname = \"a\"\n";
        assert!(refused(twice).contains("there is another row \"a\""));
    }
}
