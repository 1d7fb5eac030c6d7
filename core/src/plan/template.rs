//! The plans that live in the binary. They are commented, so that a plan of one's own can start from them.

/// A plan that lives in the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// By what name it is asked for.
    pub name: &'static str,
    /// The plan, with comments.
    pub text: &'static str,
}

/// All built-in plans; the first is used when none is named.
pub const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn { name: "digits", text: include_str!("built_in/digits.toml") },
    BuiltIn { name: "heart", text: include_str!("built_in/heart.toml") },
];

/// The built-in plan of that name.
pub fn built_in(name: &str) -> Option<BuiltIn> {
    BUILT_IN.into_iter().find(|plan| plan.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{ModelConfig, TrainingConfig};
    use crate::plan::Plan;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_built_in_plan_is_sound_and_named_for_itself() {
        for BuiltIn { name, text } in BUILT_IN {
            let plan = Plan::parse(text).unwrap();
            assert_eq!(plan.name(), name);
        }
    }

    #[test]
    fn a_plan_written_out_is_the_same_plan() {
        for BuiltIn { text, .. } in BUILT_IN {
            let plan = Plan::parse(text).unwrap();
            let again = Plan::parse(&plan.to_toml()).unwrap();
            assert_eq!(again.digest(), plan.digest());
        }
    }

    #[test]
    fn the_plans_of_the_examples_and_of_the_guide_are_sound() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut plans = Vec::new();
        for folder in ["examples/plans", "examples/compare"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "toml") {
                    plans.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
                }
            }
        }
        assert!(plans.len() > 6, "{}", plans.len());
        let guide = fs::read_to_string(root.join("docs/training.md")).unwrap();
        let (_, rest) = guide.split_once("```toml\n").unwrap();
        let (example, tables) = rest.split_once("```").unwrap();
        plans.push(("docs/training.md".to_owned(), format!("[data]\nsource = \"digits\"\n{example}")));
        for (name, text) in plans {
            Plan::parse(&text).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        }
        // The guide leaves no key out.
        let keys = |config: toml::Value| config.as_table().unwrap().keys().cloned().collect::<Vec<_>>();
        let model = toml::Value::try_from(ModelConfig::default()).unwrap();
        let training = toml::Value::try_from(TrainingConfig::default()).unwrap();
        for key in [keys(model), keys(training)].concat() {
            assert!(tables.contains(&format!("`{key}`")), "{key}");
        }
    }
}
