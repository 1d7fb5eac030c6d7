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
    use crate::plan::Plan;

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
}
