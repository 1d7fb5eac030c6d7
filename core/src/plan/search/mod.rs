//! The values that a search tries in the place of those of a plan.

mod candidate;
mod dimension;
mod range;
mod space;

pub use candidate::Candidate;
pub use dimension::{Dimension, Values};
pub use range::{Number, Range, RangeFault, Scale};
pub use space::SearchSpace;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[tune]`: what a search over this plan tries. No part of what the federation is: neither the resolved plan nor its
/// digest has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TuneSection {
    /// How many folds the training rows are divided into: 2 or more.
    pub folds: u32,
    /// For each section and each of its keys to vary, the values to try: `[tune.over]` with lines such as
    /// `training.learning-rate = [0.01, 0.1]`.
    pub over: BTreeMap<String, BTreeMap<String, Values>>,
}

impl Default for TuneSection {
    fn default() -> Self {
        TuneSection { folds: 5, over: BTreeMap::new() }
    }
}

/// Why there is nothing to search.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SearchError {
    /// What was typed names no key with values.
    #[error(
        "\"{0}\" is no key with values: write SECTION.KEY=VALUE,VALUE, for example training.learning-rate=0.01,0.1, \
         or a range, training.learning-rate=0.01..0.1:log"
    )]
    Unreadable(String),
    /// There is no key to vary.
    #[error("there is nothing to vary: name keys with --over, or in the plan under [tune.over]")]
    NoKeys,
    /// A key without values.
    #[error("`{0}` has no values to try")]
    NoValues(String),
    /// A range from which nothing can be drawn.
    #[error("the range of `{key}` is none: {fault}")]
    BadRange {
        /// The key.
        key: String,
        /// What is wrong with it.
        fault: RangeFault,
    },
    /// A key with a range, where every combination was asked for.
    #[error(
        "`{0}` has a range, of which nobody can try every number: say how many to draw with --random COUNT"
    )]
    Endless(String),
    /// A key that decides which rows there are, by which candidates are compared, or nothing at all.
    #[error("`{0}` cannot be varied: candidates are compared on the same rows, with the same seed")]
    NotToBeVaried(String),
    /// More combinations than anybody waits for.
    #[error("there are more than {most} combinations: name fewer values")]
    TooMany {
        /// How many are allowed.
        most: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::space::MOST_COMBINATIONS;
    use super::*;
    use crate::plan::{Overrides, Plan};
    use crate::random::{Purpose, Seed};
    use std::collections::BTreeSet;

    const PLAN: &str = "\
[federation]
rounds = 5
[data]
source = \"digits\"
[partition]
clients = 4
[tune]
folds = 3
[tune.over]
training.learning-rate = [0.01, 0.1]
";

    fn space(over: &[&str]) -> Result<SearchSpace, SearchError> {
        let further = over.iter().map(|text| Dimension::parse(text)).collect::<Result<_, _>>()?;
        SearchSpace::new(&Plan::parse(PLAN).unwrap(), further)
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let space = space(&["model.hidden=[16],[32, 16]", "training.optimizer=sgd,adam"]).unwrap();
        assert_eq!(space.names(), ["training.learning-rate", "model.hidden", "training.optimizer"]);
        let grid: Vec<String> = space.grid().unwrap().iter().map(Candidate::to_string).collect();
        assert_eq!(grid.len(), 8);
        assert_eq!(
            grid[0],
            "training.learning-rate = 0.01, model.hidden = [16], training.optimizer = \"sgd\""
        );
        assert_eq!(
            grid[7],
            "training.learning-rate = 0.1, model.hidden = [32, 16], training.optimizer = \"adam\""
        );
        assert_eq!(grid.iter().collect::<BTreeSet<_>>().len(), 8);
    }

    #[test]
    fn a_random_search_draws_from_the_grid_by_its_seed() {
        let space = space(&["training.batch-size=1,2,3,4,5,6,7,8,9,10"]).unwrap();
        let draw = |count, seed| space.random(count, &mut Seed(seed).stream(Purpose::Search)).unwrap();
        let grid = space.grid().unwrap();
        let drawn = draw(6, 1);
        assert!(drawn.len() == 6 && drawn.iter().all(|candidate| grid.contains(candidate)));
        assert_eq!(drawn, draw(6, 1));
        assert_ne!(drawn, draw(6, 2));
        assert_eq!(draw(1000, 1), grid, "more than there are is all of them");
    }

    #[test]
    fn of_a_range_as_many_are_drawn_as_are_asked_for() {
        let space = space(&["training.learning-rate=0.001..1:log", "training.optimizer=sgd,adam"]).unwrap();
        assert_eq!(space.combinations(), None);
        let draw = |seed| space.random(50, &mut Seed(seed).stream(Purpose::Search)).unwrap();
        let drawn = draw(1);
        assert_eq!(drawn.len(), 50);
        assert_eq!(drawn, draw(1));
        let rates: BTreeSet<String> = drawn.iter().map(|candidate| candidate.values()[0].clone()).collect();
        assert!(rates.len() > 45, "rates hardly ever meet");
        let adam = drawn.iter().filter(|candidate| candidate.values()[1] == "\"adam\"").count();
        assert!((10..40).contains(&adam), "{adam} of 50");
        assert_eq!(space.grid(), Err(SearchError::Endless("training.learning-rate".into())));
        let plan = drawn[0].plan(PLAN, Overrides::default()).unwrap();
        assert_eq!(plan.recipe().config().learning_rate.to_string(), drawn[0].values()[0]);
    }

    #[test]
    fn a_plan_may_have_a_range() {
        let ranged = PLAN.replace("[0.01, 0.1]", "{ from = 0.01, to = 0.1, scale = \"log\" }");
        let plan = Plan::parse(&ranged).unwrap();
        assert_eq!(SearchSpace::new(&plan, vec![]).unwrap().combinations(), None);
        let refused = Plan::parse(&PLAN.replace("[0.01, 0.1]", "{ from = 0.01 }")).unwrap_err().to_string();
        assert!(refused.contains("values are a list, or a range"), "{refused}");
    }

    #[test]
    fn a_candidate_changes_its_keys_and_nothing_else() {
        let overrides = Overrides { rounds: Some(7), clients: Some(3), seed: Some(9), rows: Some(5) };
        let base = Plan::parse_with(PLAN, overrides).unwrap();
        let candidates = space(&["partition.clients=2,6"]).unwrap().grid().unwrap();
        let plan = candidates[3].plan(PLAN, overrides).unwrap();
        assert_eq!((plan.recipe().config().learning_rate, plan.clients()), (0.1, 6));
        assert_eq!((plan.rounds(), plan.seed()), (7, Seed(9)));
        let text = base.to_toml().replace("learning-rate = 0.05", "learning-rate = 0.1");
        assert_eq!(plan.to_toml(), text.replace("clients = 3", "clients = 6"));
    }

    #[test]
    fn what_is_tried_is_no_part_of_the_plan() {
        let (with, without) = (Plan::parse(PLAN).unwrap(), PLAN.split("[tune]").next().unwrap());
        assert_eq!(with.digest(), Plan::parse(without).unwrap().digest());
        assert_eq!(with.tune().folds, 3);
    }

    #[test]
    fn what_cannot_be_searched_is_refused() {
        use SearchError as E;
        for text in ["learning-rate=1", "training.learning-rate", "training.loss=", "training.loss=a b"] {
            assert_eq!(Dimension::parse(text), Err(E::Unreadable(text.into())));
        }
        let backwards = E::BadRange { key: "training.learning-rate".into(), fault: RangeFault::Empty };
        assert_eq!(space(&["training.learning-rate=0.1..0.01"]), Err(backwards));
        for text in ["training.loss=a..b", "training.learning-rate=0.1..0.2:cubic"] {
            assert_eq!(Dimension::parse(text), Err(E::Unreadable(text.into())));
        }
        for name in ["data.path", "data.test-fraction", "federation.seed", "tune.folds"] {
            assert_eq!(space(&[&format!("{name}=1,2")]), Err(E::NotToBeVaried(name.into())));
        }
        let many = format!("training.epochs={}", vec!["1"; 400].join(","));
        let too_many = space(&[&many, &many.replace("epochs", "batch-size")]);
        assert_eq!(too_many, Err(E::TooMany { most: MOST_COMBINATIONS }));
        let empty = Plan::parse("[data]\nsource = \"digits\"\n[partition]\nclients = 2\n").unwrap();
        assert_eq!(SearchSpace::new(&empty, vec![]), Err(E::NoKeys));
    }

    #[test]
    fn a_candidate_that_is_no_plan_says_which_key_and_no_line() {
        let refused = |over| {
            let candidates = space(&[over]).unwrap().grid().unwrap();
            candidates[0].plan(PLAN, Overrides::default()).unwrap_err().to_string()
        };
        let message = refused("training.learning-rat=0.1");
        assert_eq!(message, "there is no key `learning-rat` here; did you mean `learning-rate`?");
        let message = refused("cohort.fraction=2.0");
        assert_eq!(message, "`fraction` in [cohort]: must be above 0 and at most 1, is 2");
        let message = refused("training.epochs=many");
        assert!(message.starts_with("invalid type") && !message.contains("line"), "{message}");
    }
}
