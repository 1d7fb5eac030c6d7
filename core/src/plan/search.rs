//! The values that a search tries in the place of those of a plan.

use super::{Overrides, Plan, PlanError};
use crate::random::Stream;
use rand::seq::index;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use toml::{Table, Value};

/// Combinations beyond which a grid is refused.
const MOST_COMBINATIONS: usize = 100_000;

/// `[tune]`: what a search over this plan tries. No part of what the federation is: neither the resolved plan nor its
/// digest has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TuneSection {
    /// How many folds the training rows are divided into: 2 or more.
    pub folds: u32,
    /// For each section and each of its keys to vary, the values to try: `[tune.over]` with lines such as
    /// `training.learning-rate = [0.01, 0.1]`.
    pub over: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
}

impl Default for TuneSection {
    fn default() -> Self {
        TuneSection { folds: 5, over: BTreeMap::new() }
    }
}

/// A key of a plan, and the values that are tried for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    section: String,
    key: String,
    values: Vec<Value>,
}

/// All combinations of the values of some keys.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchSpace {
    dimensions: Vec<Dimension>,
}

/// One combination: a value for each key.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate(Vec<(String, String, Value)>);

/// Why there is nothing to search.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SearchError {
    /// What was typed names no key with values.
    #[error(
        "\"{0}\" is no key with values: write SECTION.KEY=VALUE,VALUE, for example training.learning-rate=0.01,0.1"
    )]
    Unreadable(String),
    /// There is no key to vary.
    #[error("there is nothing to vary: name keys with --over, or in the plan under [tune.over]")]
    NoKeys,
    /// A key without values.
    #[error("`{0}` has no values to try")]
    NoValues(String),
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

impl Dimension {
    /// Reads `section.key=value,value`. Values are written as in a plan; the quotes of words may be left out.
    pub fn parse(text: &str) -> Result<Dimension, SearchError> {
        let unreadable = || SearchError::Unreadable(text.to_owned());
        let (name, values) = text.split_once('=').ok_or_else(unreadable)?;
        let (section, key) = name.trim().split_once('.').ok_or_else(unreadable)?;
        let values = items(values).into_iter().map(value).collect::<Option<_>>().ok_or_else(unreadable)?;
        Ok(Dimension { section: section.into(), key: key.into(), values })
    }

    fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    fn check(&self) -> Result<(), SearchError> {
        let varied = match (self.section.as_str(), self.key.as_str()) {
            ("data", key) => key == "standardize",
            ("federation", key) => key == "rounds",
            (section, _) => section != "tune",
        };
        match (varied, self.values.is_empty()) {
            (false, _) => Err(SearchError::NotToBeVaried(self.name())),
            (true, true) => Err(SearchError::NoValues(self.name())),
            (true, false) => Ok(()),
        }
    }
}

impl SearchSpace {
    /// The keys that the plan's `[tune]` section names, and further ones. Of a key that is named twice the last one
    /// counts.
    pub fn new(plan: &Plan, further: Vec<Dimension>) -> Result<SearchSpace, SearchError> {
        let of_plan = plan.tune().over.iter().flat_map(|(section, keys)| {
            keys.iter().map(|(key, values)| Dimension {
                section: section.clone(),
                key: key.clone(),
                values: values.clone(),
            })
        });
        let mut dimensions: Vec<Dimension> = Vec::new();
        for dimension in of_plan.chain(further) {
            dimension.check()?;
            match dimensions.iter_mut().find(|earlier| earlier.name() == dimension.name()) {
                Some(earlier) => *earlier = dimension,
                None => dimensions.push(dimension),
            }
        }
        if dimensions.is_empty() {
            return Err(SearchError::NoKeys);
        }
        let sizes = dimensions.iter().map(|dimension| dimension.values.len());
        let combinations = sizes
            .into_iter()
            .try_fold(1usize, |all, size| all.checked_mul(size).filter(|&all| all <= MOST_COMBINATIONS));
        combinations
            .map(|_| SearchSpace { dimensions })
            .ok_or(SearchError::TooMany { most: MOST_COMBINATIONS })
    }

    /// The keys, as `section.key`.
    pub fn names(&self) -> Vec<String> {
        self.dimensions.iter().map(Dimension::name).collect()
    }

    /// Every combination; the last key varies fastest.
    pub fn grid(&self) -> Vec<Candidate> {
        (0..self.combinations()).map(|number| self.combination(number)).collect()
    }

    /// At most `count` combinations, drawn without repetition, every one equally likely, in the order of the grid
    /// (Bergstra and Bengio 2012).
    pub fn random(&self, count: usize, stream: &mut Stream) -> Vec<Candidate> {
        let all = self.combinations();
        let numbers: BTreeSet<usize> = index::sample(stream, all, count.min(all)).into_iter().collect();
        numbers.into_iter().map(|number| self.combination(number)).collect()
    }

    /// How many combinations there are.
    pub fn combinations(&self) -> usize {
        self.dimensions.iter().map(|dimension| dimension.values.len()).product()
    }

    fn combination(&self, mut number: usize) -> Candidate {
        let mut values: Vec<_> = self
            .dimensions
            .iter()
            .rev()
            .map(|Dimension { section, key, values }| {
                let value = values[number % values.len()].clone();
                number /= values.len();
                (section.clone(), key.clone(), value)
            })
            .collect();
        values.reverse();
        Candidate(values)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

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
        let grid: Vec<String> = space.grid().iter().map(Candidate::to_string).collect();
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
        let draw = |count, seed| space.random(count, &mut Seed(seed).stream(Purpose::Search));
        let grid = space.grid();
        let drawn = draw(6, 1);
        assert!(drawn.len() == 6 && drawn.iter().all(|candidate| grid.contains(candidate)));
        assert_eq!(drawn, draw(6, 1));
        assert_ne!(drawn, draw(6, 2));
        assert_eq!(draw(1000, 1), grid, "more than there are is all of them");
    }

    #[test]
    fn a_candidate_changes_its_keys_and_nothing_else() {
        let overrides = Overrides { rounds: Some(7), clients: Some(3), seed: Some(9) };
        let base = Plan::parse_with(PLAN, overrides).unwrap();
        let candidates = space(&["partition.clients=2,6"]).unwrap().grid();
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
            let candidates = space(&[over]).unwrap().grid();
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
