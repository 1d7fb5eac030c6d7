//! From a plan as typed to a plan that is sound.

use super::raw::{PrivacySection, SecureAggregationSection, StrategyName, UnitName};
use super::reading::{self, Lines};
use super::rows;
use super::{
    CohortRule, Conflict, Masking, PlanError, Protection, RawPlan, TuneSection, ValueFault, Weights,
};
use crate::aggregation::FederatedAveraging;
use crate::data::{DataPlan, Partition};
use crate::encoding::{FixedPoint, Rounding};
use crate::nn::{Network, Recipe};
use crate::protocol::HexDigest;
use crate::random::Seed;
use std::fmt::Display;
use std::time::Duration;

/// Values that the command line puts in the place of those in the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// For `federation.seed`.
    pub seed: Option<u64>,
    /// For `federation.rounds`.
    pub rounds: Option<u32>,
    /// For `partition.clients`.
    pub clients: Option<u32>,
    /// For `privacy.rows-per-client`, where the plan needs it and leaves it open.
    pub rows: Option<u32>,
}

/// A sound plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// With what follows from the rest filled in.
    raw: RawPlan,
    /// As typed, for plans that differ in a few values: what followed must follow anew.
    typed: RawPlan,
    /// How many rows a client usually holds, if that was told from outside.
    rows: Option<u32>,
    lines: Lines,
    data: DataPlan,
    partition: Partition,
    recipe: Recipe,
    cohort: CohortRule,
    weights: Weights,
    grid: FixedPoint,
    strategy: FederatedAveraging,
    protection: Option<Protection>,
    masking: Option<Masking>,
}

/// The most rounds that a plan can have.
const MOST_ROUNDS: u32 = 1_000_000;

impl Plan {
    /// Reads and checks a plan.
    pub fn parse(text: &str) -> Result<Plan, PlanError> {
        Plan::parse_with(text, Overrides::default())
    }

    /// Reads a plan, puts other values in the place of some, and checks the whole.
    pub fn parse_with(text: &str, overrides: Overrides) -> Result<Plan, PlanError> {
        Checker::read(text, overrides)?.check()
    }

    /// Reads a plan as [`Plan::parse_with`] does, but for what it promises about privacy: what is known of its rows before
    /// that can be checked.
    pub fn parse_without_privacy(text: &str, overrides: Overrides) -> Result<Plan, PlanError> {
        let mut checker = Checker::read(text, overrides)?;
        (checker.raw.privacy, checker.raw.compare) = (None, None);
        // A minimum of 0 goes with noise alone.
        checker.raw.cohort.minimum = checker.raw.cohort.minimum.max(1);
        checker.check()
    }

    /// The same plan with another seed.
    pub fn with_seed(&self, seed: Seed) -> Plan {
        let mut plan = self.clone();
        (plan.raw.federation.seed, plan.typed.federation.seed) = (seed.0, seed.0);
        plan
    }

    /// The plan with every value written out, as TOML. Reading it gives the same plan.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.raw).expect("a plan that was read from TOML can be written as TOML")
    }

    /// The SHA-256 of [`Plan::to_toml`]: two plans with one digest are the same plan.
    pub fn digest(&self) -> HexDigest {
        HexDigest::of(self.to_toml().as_bytes())
    }

    /// The same plan without its promise of privacy, and without masks. Without a promise, masks change no bit of the
    /// model.
    pub fn unprotected(&self) -> Plan {
        let mut plan = self.clone();
        (plan.raw.privacy, plan.raw.compare, plan.protection) = (None, None, None);
        (plan.typed.privacy, plan.typed.compare) = (None, None);
        (plan.raw.secure_aggregation, plan.masking) = (None, None);
        plan.typed.secure_aggregation = None;
        plan
    }

    /// The masked row of a comparison: the plan with its masks alone, in a ring that is wide enough without a clip.
    /// None if the plan has no masks.
    ///
    /// # Errors
    /// No ring is wide enough without the clip.
    pub fn masked_row(&self) -> Result<Option<Plan>, PlanError> {
        let Some(section) = &self.raw.secure_aggregation else { return Ok(None) };
        let mut raw = self.raw.clone();
        if raw.privacy.take().is_some() {
            raw.secure_aggregation = Some(SecureAggregationSection { bits: None, ..section.clone() });
        }
        raw.compare = None;
        Checker { raw, lines: self.lines.clone(), rows: None }.check().map(Some)
    }

    /// The private rows of a comparison: the plan itself, or one plan for each of the epsilons that it names, each with
    /// the target it was made for. None if the plan promises no privacy, or names other rows ([`Plan::named_rows`]) alone.
    ///
    /// # Errors
    /// A target that no noise reaches, or whose noise the grid does not hold.
    pub fn private_rows(&self) -> Result<Vec<(Option<f64>, Plan)>, PlanError> {
        let Some(section) = &self.typed.privacy else { return Ok(Vec::new()) };
        let Some(compare) = &self.typed.compare else {
            return Ok(vec![(section.target_epsilon, self.clone())]);
        };
        let row = |target: &f64| {
            let mut raw = self.typed.clone();
            let target_epsilon = Some(*target);
            raw.privacy = Some(PrivacySection { noise_multiplier: None, target_epsilon, ..section.clone() });
            Ok((target_epsilon, Checker { raw, lines: self.lines.clone(), rows: self.rows }.check()?))
        };
        compare.target_epsilons.iter().map(row).collect()
    }

    /// What was told from outside of the rows of a client.
    pub(super) fn told_rows(&self) -> Overrides {
        Overrides { rows: self.rows, ..Overrides::default() }
    }

    /// How many rows a client holds as counted from the rows and not given by the plan ([`Overrides`]); `None` if nobody
    /// told.
    pub fn counted_rows(&self) -> Option<u32> {
        self.rows
    }

    /// The plan as typed.
    pub(super) fn typed(&self) -> &RawPlan {
        &self.typed
    }

    /// The name of the federation.
    pub fn name(&self) -> &str {
        &self.raw.federation.name
    }

    /// The seed of everything random but secrets and noise.
    pub fn seed(&self) -> Seed {
        Seed(self.raw.federation.seed)
    }

    /// What a search over this plan tries.
    pub fn tune(&self) -> &TuneSection {
        &self.raw.tune
    }

    /// How many rounds there are.
    pub fn rounds(&self) -> u32 {
        self.raw.federation.rounds
    }

    /// How many clients there are.
    pub fn clients(&self) -> u32 {
        self.raw.partition.clients.expect("a checked plan says how many clients there are")
    }

    /// Where the rows come from.
    pub fn data(&self) -> &DataPlan {
        &self.data
    }

    /// How rows are dealt to clients.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The network for rows of so many features and so many outputs (classes, or 1 for a regression).
    pub fn network(&self, inputs: usize, outputs: usize) -> Result<Network, PlanError> {
        let network =
            Network::new(&self.raw.model, inputs, outputs, self.recipe.loss()).map_err(|error| {
                let section = if error.key() == "loss" { "training" } else { "model" };
                let place = self.lines.place(section, error.key());
                PlanError::Value { place, fault: Box::new(ValueFault::Network(error)) }
            })?;
        self.recipe.fits(&network).map_err(|error| {
            let place = self.lines.place("training", error.key());
            PlanError::Value { place, fault: Box::new(ValueFault::Recipe(error)) }
        })?;
        if let Some(Err(error)) =
            self.protection.as_ref().and_then(|protection| protection.example_noise(network.layout().len()))
        {
            let found = self.typed.privacy.as_ref().is_some_and(|section| section.noise_multiplier.is_none());
            let key = if found { "target-epsilon" } else { "noise-multiplier" };
            let place = self.lines.place("privacy", key);
            let fault = Box::new(ValueFault::Privacy(error.into()));
            return Err(PlanError::Value { place, fault });
        }
        Ok(network)
    }

    /// What a participant does in a round.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How many clients take part in a round.
    pub fn cohort(&self) -> CohortRule {
        self.cohort
    }

    /// How many contributions a round needs to be released.
    pub fn minimum(&self) -> u32 {
        self.raw.cohort.minimum
    }

    /// How many clients must have enrolled before the first round.
    pub fn wait_for(&self) -> u32 {
        self.raw.cohort.wait_for.unwrap_or(self.clients())
    }

    /// How long a round waits for its cohort.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.raw.cohort.deadline_seconds)
    }

    /// What an update weighs.
    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// How the mean update becomes the next model.
    pub fn strategy(&self) -> FederatedAveraging {
        self.strategy
    }

    /// How the clients are protected, if the plan promises privacy.
    pub fn protection(&self) -> Option<&Protection> {
        self.protection.as_ref()
    }

    /// How updates are hidden from the coordinator, if the plan hides them.
    pub fn masking(&self) -> Option<&Masking> {
        self.masking.as_ref()
    }

    /// How a coordinate between two steps of the grid is written.
    pub fn rounding(&self) -> Rounding {
        self.raw.encoding.rounding
    }

    /// The grid on which updates are written.
    pub fn grid(&self) -> FixedPoint {
        self.grid
    }
}

/// A section, and a key in it.
pub(super) type Key = (&'static str, &'static str);

/// A plan as typed, and where its keys stand.
pub(super) struct Checker {
    pub(super) raw: RawPlan,
    pub(super) lines: Lines,
    /// How many rows a client usually holds, if the rows tell.
    pub(super) rows: Option<u32>,
}

impl Checker {
    fn read(text: &str, overrides: Overrides) -> Result<Checker, PlanError> {
        let (mut raw, lines) = reading::read(text)?;
        let Overrides { seed, rounds, clients, rows } = overrides;
        raw.federation.seed = seed.unwrap_or(raw.federation.seed);
        raw.federation.rounds = rounds.unwrap_or(raw.federation.rounds);
        raw.partition.clients = clients.or(raw.partition.clients);
        Ok(Checker { raw, lines, rows })
    }

    fn check(mut self) -> Result<Plan, PlanError> {
        let typed = self.raw.clone();
        let data = DataPlan::new(&self.raw.data)
            .map_err(|error| self.fault("data", error.key(), ValueFault::Data(error)))?;
        let partition = Partition::new(&self.raw.partition)
            .map_err(|error| self.fault("partition", error.key(), ValueFault::Partition(error)))?;
        let clients = partition
            .clients()
            .ok_or_else(|| self.fault("partition", "clients", ValueFault::ClientsUnknown))?;
        self.raw.data = self.raw.data.resolved();
        self.raw.partition = self.raw.partition.resolved();
        self.raw.partition.clients = Some(clients);
        let recipe = Recipe::new(&self.raw.training)
            .map_err(|error| self.fault("training", error.key(), ValueFault::Recipe(error)))?;
        let grid = self.grid()?;

        let rounds = self.raw.federation.rounds;
        self.within("federation", "rounds", rounds, 1, MOST_ROUNDS, "1 to 1,000,000")?;
        let cohort = self.cohort(clients)?;
        let weights = self.weights(cohort.selected(clients))?;
        let strategy = self.strategy()?;
        let rows = self.raw.compare.as_ref().map_or(&[][..], |compare| &compare.rows);
        rows::check(rows).map_err(|fault| self.fault("compare", "rows", fault.into()))?;
        let graphs = self.graphs(cohort)?;
        let protection = self.protection(cohort, weights, grid, (graphs, &data, &recipe))?;
        let masking = self.masking(graphs, cohort, weights, grid, protection.as_ref())?;
        Ok(Plan {
            raw: self.raw,
            typed,
            rows: self.rows,
            lines: self.lines,
            data,
            partition,
            recipe,
            cohort,
            weights,
            grid,
            strategy,
            protection,
            masking,
        })
    }

    fn grid(&self) -> Result<FixedPoint, PlanError> {
        let section = &self.raw.encoding;
        let grid = FixedPoint::new(section.fraction_bits)
            .map_err(|error| self.fault("encoding", "fraction-bits", ValueFault::Encoding(error)))?;
        let Some(largest) = section.largest else { return Ok(grid) };
        // The clip of single examples bounds their gradients.
        if self.raw.privacy.as_ref().is_some_and(|privacy| privacy.unit == UnitName::Client) {
            let (largest, clip) = (("encoding", "largest"), ("privacy", "clip"));
            return Err(self.conflict(largest, clip, Conflict::LargestBesideClip));
        }
        grid.within(largest).map_err(|error| self.fault("encoding", "largest", ValueFault::Encoding(error)))
    }

    fn strategy(&self) -> Result<FederatedAveraging, PlanError> {
        let section = &self.raw.aggregation;
        let (rate, range) = (section.server_learning_rate, "above 0 and at most 1000");
        self.within("aggregation", "server-learning-rate", rate, f64::MIN_POSITIVE, 1000.0, range)?;
        match section.strategy {
            StrategyName::FederatedAveraging => Ok(FederatedAveraging { server_learning_rate: rate }),
        }
    }

    /// Refuses a value below the least or above the most; NaN is neither, and refused too.
    pub(super) fn within<T: PartialOrd + Display>(
        &self,
        section: &'static str,
        key: &'static str,
        value: T,
        least: T,
        most: T,
        range: &'static str,
    ) -> Result<(), PlanError> {
        match value >= least && value <= most {
            true => Ok(()),
            false => {
                Err(self.fault(section, key, ValueFault::OutOfRange { range, found: value.to_string() }))
            }
        }
    }

    pub(super) fn fault(&self, section: &'static str, key: &'static str, fault: ValueFault) -> PlanError {
        PlanError::Value { place: self.lines.place(section, key), fault: Box::new(fault) }
    }

    pub(super) fn conflict(&self, first: Key, second: Key, conflict: Conflict) -> PlanError {
        PlanError::Conflict {
            first: self.lines.place(first.0, first.1),
            second: self.lines.place(second.0, second.1),
            conflict: Box::new(conflict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "\
[data]
source = \"digits\"

[partition]
clients = 10

[cohort]
fraction = 0.5

[aggregation]
";

    fn refused(replace: &str, with: &str) -> String {
        assert!(SOUND.contains(replace));
        Plan::parse(&SOUND.replace(replace, with)).unwrap_err().to_string()
    }

    #[test]
    fn defaults_make_a_short_plan_whole() {
        let plan = Plan::parse(SOUND).unwrap();
        assert_eq!((plan.clients(), plan.wait_for(), plan.minimum(), plan.rounds()), (10, 10, 1, 20));
        assert_eq!(plan.weights(), Weights::Examples { cap: u32::MAX / 5 });
    }

    #[test]
    fn the_command_line_overrides_the_file() {
        let overrides =
            Overrides { seed: Some(7), rounds: Some(3), clients: Some(4), ..Overrides::default() };
        let plan = Plan::parse_with(SOUND, overrides).unwrap();
        assert_eq!((plan.seed(), plan.rounds(), plan.clients()), (Seed(7), 3, 4));
        assert_ne!(plan.digest(), Plan::parse(SOUND).unwrap().digest());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
        let message = refused("fraction = 0.5", "fractoin = 0.5");
        assert_eq!(message, "line 8: there is no key `fractoin` here; did you mean `fraction`?");
        let message = refused("[cohort]", "[kohort]");
        assert_eq!(message, "line 7: there is no key `kohort` here; did you mean `cohort`?");
    }

    #[test]
    fn an_unknown_choice_is_named_with_its_line_and_the_nearest_one() {
        let message = refused("[aggregation]\n", "[aggregation]\nweights = \"exampels\"\n");
        assert_eq!(message, "line 11: there is no choice \"exampels\" here; did you mean `examples`?");
    }

    #[test]
    fn what_is_no_toml_is_named_with_its_line() {
        let message = refused("fraction = 0.5", "fraction = = 0.5");
        assert!(message.starts_with("line 8, column 12: "), "{message}");
        let message = refused("fraction = 0.5", "fraction = \"half\"");
        assert!(message.starts_with("line 8, column 12: invalid type"), "{message}");
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_line() {
        let fraction = |value: &str| refused("fraction = 0.5", &format!("fraction = {value}"));
        let expected = "line 8: `fraction` in [cohort]: must be above 0 and at most 1, is ";
        for value in ["1.5", "0.0", "-1.0", "nan", "inf"] {
            assert!(fraction(value).starts_with(expected), "{}", fraction(value));
        }
        let rounds = Plan::parse_with(SOUND, Overrides { rounds: Some(0), ..Overrides::default() });
        let message = rounds.unwrap_err().to_string();
        assert_eq!(message, "`rounds` in [federation]: must be 1 to 1,000,000, is 0");
    }

    #[test]
    fn values_that_do_not_go_together_are_both_named() {
        let message = refused("fraction = 0.5", "fraction = 0.5\nminimum = 6");
        assert_eq!(
            message,
            "line 9: `minimum` in [cohort] and line 8: `fraction` in [cohort]: a round asks for 5 of 10 clients \
             and needs 6, so none would ever be released; lower the minimum or raise the fraction"
        );
        let message = refused("fraction = 0.5", "wait-for = 11");
        assert!(message.contains("`wait-for`") && message.contains("`clients`"), "{message}");
        let message = refused("fraction = 0.5", "wait-for = 4\nfraction = 0.5\nminimum = 3");
        assert!(message.contains("`wait-for`") && message.contains("`minimum`"), "{message}");
        let message = refused("[aggregation]\n", "[aggregation]\nweight-cap = 4000000000\n");
        assert!(message.ends_with("lower the cap to 858993459"), "{message}");
        let message = refused("[aggregation]\n", "[aggregation]\nweight-cap = 5\nweights = \"uniform\"\n");
        assert!(message.contains("nothing to cap"), "{message}");
    }

    #[test]
    fn a_column_of_clients_needs_their_number() {
        let message = refused("clients = 10", "by = \"column\"");
        assert!(message.contains("say how many clients the column names"), "{message}");
    }
}
