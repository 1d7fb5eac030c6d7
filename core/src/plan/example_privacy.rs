//! From `[privacy] unit = "example"` as typed to a [`Protection`] that clients keep in their local training.
//!
//! What every client does follows from the plan alone: the rate at which an example is drawn, the number of steps in a
//! round, and the number by which sums are divided. How many rows a client has enters none of them, so that all
//! clients have spent the same after as many rounds.

use super::check::{Checker, Key};
use super::raw::{NoiseAtName, PrivacySection};
use super::{
    CohortRule, Conflict, NoiseAt, PlanError, PrivacyFault, Protection, SamplingRule, ValueFault, Weights,
};
use crate::data::{DataPlan, Standardization};
use crate::encoding::FixedPoint;
use crate::nn::{BatchSize, Recipe};
use crate::privacy::accounting::Accountant;
use crate::privacy::accounting::calibration::Target;
use crate::privacy::sampling::{DiscreteGaussian, LayeredSampler, Variance};
use crate::privacy::{Clip, Event, Ledger, LedgerError, STEP_DISTANCE};

const UNIT: Key = ("privacy", "unit");
const NOISE_AT: Key = ("privacy", "noise-at");
const NOISE: Key = ("privacy", "noise-multiplier");
const TARGET: Key = ("privacy", "target-epsilon");
const SHARES: Key = ("privacy", "noise-shares");
const WEIGHTS: Key = ("aggregation", "weights");
const STANDARDIZE: Key = ("data", "standardize");

/// How local training keeps a promise to every single example: the same for all clients and rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExampleRule {
    /// The probability with which an example takes part in a step.
    pub rate: f64,
    /// Steps in a round.
    pub steps: u64,
    /// Steps in an epoch.
    pub steps_per_epoch: u64,
    /// By what the sum of a step is divided, whoever took part: the plan's batch size.
    pub denominator: f64,
    /// After so many rounds a client takes part in no more.
    pub most_rounds: u32,
}

impl ExampleRule {
    /// The rule for batches of `batch` out of `rows` rows, over so many epochs a round.
    fn new(batch: u32, rows: u32, epochs: u32, rounds: u32) -> ExampleRule {
        let steps_per_epoch = u64::from(rows.div_ceil(batch));
        ExampleRule {
            rate: (f64::from(batch) / f64::from(rows)).min(1.0),
            steps: u64::from(epochs) * steps_per_epoch,
            steps_per_epoch,
            denominator: f64::from(batch),
            most_rounds: rounds,
        }
    }
}

impl Checker {
    /// The protection of single examples. Fills in the noise that its target leaves open.
    pub(super) fn example_protection(
        &mut self,
        section: &PrivacySection,
        (clip, grid): (Clip, FixedPoint),
        (cohort, weights): (CohortRule, Weights),
        (data, recipe): (&DataPlan, &Recipe),
    ) -> Result<Protection, PlanError> {
        self.wired_for_examples(section, weights)?;
        self.reads_rows_one_by_one(data, recipe)?;
        let range = "1 or more where single examples are protected";
        self.within("cohort", "minimum", self.raw.cohort.minimum, 1, u32::MAX, range)?;
        self.within("privacy", "clip", clip.norm(), 1e-6, 1e6, "between 1e-6 and 1e6")?;
        let rows = section
            .rows_per_client
            .or(self.rows)
            .ok_or_else(|| self.fault("privacy", "rows-per-client", ValueFault::RowsUnknown))?;
        self.within("privacy", "rows-per-client", rows, 1, u32::MAX, "1 or more")?;
        let BatchSize::Rows(batch) = recipe.batch_size() else {
            unreachable!("a recipe that reads its rows one by one has a number of them in a batch")
        };
        let mut rule = ExampleRule::new(batch, rows, recipe.epochs(), self.raw.federation.rounds);
        let distance = STEP_DISTANCE * rule.steps as f64;
        let release = |noise_multiplier: f64, rounds: u32| {
            Event::sampled_gaussian(noise_multiplier, rule.rate, rule.steps.saturating_mul(rounds.into()))
        };
        let noise_multiplier = self.noise(section, distance, self.raw.federation.rounds, release)?;
        let event = release(noise_multiplier, 1)
            .map_err(|error| self.fault("privacy", "noise-multiplier", PrivacyFault::from(error).into()))?;
        rule.most_rounds = self.affordable_rounds(section, event, distance)?;
        self.raw.privacy = Some(PrivacySection {
            noise_multiplier: Some(noise_multiplier),
            rows_per_client: Some(rows),
            noise_at: NoiseAtName::Local,
            ..section.clone()
        });
        let law = Variance::at_least(LayeredSampler::VARIANCE.sqrt());
        Ok(Protection {
            noise_at: NoiseAt::Examples,
            clip,
            weight_cap: 1,
            noise_multiplier,
            denominator: u64::from(cohort.wanted(self.clients())),
            event,
            distance,
            // No draw of clients hides anything from a coordinator that made it.
            sampling: SamplingRule::All,
            masked: false,
            delta: section.delta,
            target: section.target_epsilon,
            noise: DiscreteGaussian::new(law.expect("the sampler's deviation is one that there is")),
            examples: Some(rule),
            update_noise: noise_multiplier,
            adaptive: None,
            correlation: None,
            grid,
        })
    }

    /// Nothing of the rows but released gradients leaves a client, and the noise is where it has to be.
    fn wired_for_examples(&self, section: &PrivacySection, weights: Weights) -> Result<(), PlanError> {
        if weights != Weights::Uniform {
            return Err(self.conflict(WEIGHTS, UNIT, Conflict::WeightsTellRows));
        }
        let typed = self.lines.place(NOISE_AT.0, NOISE_AT.1).line.is_some();
        match section.noise_at {
            NoiseAtName::Clients => return Err(self.conflict(NOISE_AT, UNIT, Conflict::NoiseInSteps)),
            NoiseAtName::Coordinator if typed => {
                return Err(self.conflict(NOISE_AT, UNIT, Conflict::NoiseInSteps));
            }
            NoiseAtName::Coordinator | NoiseAtName::Local => {}
        }
        let of_clients =
            [("adaptive-clip", section.adaptive_clip.is_some()), ("matrix", section.matrix.is_some())];
        if let Some((key, _)) = of_clients.into_iter().find(|(_, given)| *given) {
            return Err(self.conflict(("privacy", key), UNIT, Conflict::OfWholeClients));
        }
        match section.noise_shares {
            Some(_) => Err(self.conflict(SHARES, NOISE_AT, Conflict::SharesWithoutClients)),
            None => Ok(()),
        }
    }

    /// An example's gradient must depend on no other example, and nothing else may be learned from the rows.
    fn reads_rows_one_by_one(&self, data: &DataPlan, recipe: &Recipe) -> Result<(), PlanError> {
        recipe
            .per_example()
            .map_err(|error| self.fault("training", error.key(), ValueFault::Recipe(error)))?;
        if *data.standardization() == Standardization::Client {
            return Err(self.conflict(STANDARDIZE, UNIT, Conflict::StatisticsOfOwnRows));
        }
        Ok(())
    }

    /// How many rounds stay within the target: at least one, and all of the plan's without a target.
    fn affordable_rounds(
        &self,
        section: &PrivacySection,
        event: Event,
        distance: f64,
    ) -> Result<u32, PlanError> {
        let rounds = self.raw.federation.rounds;
        let faulty = |fault: PrivacyFault| self.fault("privacy", "noise-multiplier", fault.into());
        let ledger =
            Ledger::new(section.delta, section.target_epsilon).map_err(|error| faulty(error.into()))?;
        match ledger.affords(event, distance, rounds, &mut Accountant::default()) {
            Ok(0) => Err(self.conflict(TARGET, NOISE, Conflict::FirstRoundPasses)),
            Ok(affordable) => Ok(affordable),
            Err(LedgerError::SamplerTooRough { .. }) => Err(faulty(PrivacyFault::NothingPromised { rounds })),
            Err(error) => Err(faulty(error.into())),
        }
    }
}

/// The least noise with which a training run over all rows, in one place, stays within what was spent elsewhere: so many
/// steps of samples of rate `q`.
///
/// # Errors
/// Those of the accountants.
pub fn noise_for_steps(epsilon: f64, delta: f64, q: f64, steps: u64) -> Result<f64, PrivacyFault> {
    let price = (1.0 + (1.5 * epsilon).exp()) * STEP_DISTANCE * steps as f64;
    let target = Target::new(epsilon, delta - price)?;
    Ok(Accountant::default()
        .least_noise(target, |noise| Ok(vec![Event::sampled_gaussian(noise, q, steps)?]))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};
    use crate::privacy::{Neighbouring, Sampling};

    const SOUND: &str = "\
[federation]
rounds = 10
[data]
source = \"digits\"
[partition]
clients = 10
[training]
batch-size = 32
epochs = 2
[aggregation]
weights = \"uniform\"
[privacy]
unit = \"example\"
clip = 1.0
delta = 1e-5
noise-multiplier = 1.0
rows-per-client = 450
";

    fn refused(replace: &str, with: &str, words: &[&str]) {
        assert!(SOUND.contains(replace), "{replace}");
        let message = Plan::parse(&SOUND.replace(replace, with)).unwrap_err().to_string();
        assert!(words.iter().all(|words| message.contains(words)), "{with}: {message}");
    }

    #[test]
    fn what_a_client_does_follows_from_the_plan_alone() {
        let plan = Plan::parse(SOUND).unwrap();
        let protection = plan.protection().unwrap();
        let rule = protection.examples().unwrap();
        assert_eq!((rule.steps, rule.steps_per_epoch, rule.denominator), (30, 15, 32.0));
        assert_eq!(rule.rate, 32.0 / 450.0);
        let event = protection.event();
        assert_eq!(event.neighbouring(), Neighbouring::AddOrRemoveOne);
        assert_eq!((event.sampling(), event.count()), (&Sampling::Poisson { q: rule.rate }, 30));
        assert_eq!((protection.noise_at(), protection.trusted()), (NoiseAt::Examples, "nobody"));
        assert!(!protection.hides_cohorts());
        let whole = ExampleRule::new(64, 50, 3, 1);
        assert_eq!((whole.rate, whole.steps), (1.0, 3));
        // What is shown is the same plan.
        assert_eq!(Plan::parse(&plan.to_toml()).unwrap().digest(), plan.digest());
    }

    /// `dp_reference.csv`, cases R001 and R005: `eps_prv_lo` of the PRV accountant (Microsoft's prv-accountant 0.2.0) from
    /// below, `eps_pld_ctd` of Google's dp-accounting 0.6.0 with the tolerance of the file's README from above.
    #[test]
    fn what_training_spends_is_what_other_accountants_say() {
        let text = SOUND
            .replace("rounds = 10", "rounds = 4")
            .replace("batch-size = 32\nepochs = 2", "batch-size = 600\nepochs = 25")
            .replace("rows-per-client = 450", "rows-per-client = 60000");
        for (noise, low, high) in [("1.1", 5.182304642, 5.192620124), ("2.0", 2.152577483, 2.162773644)] {
            let with = format!("noise-multiplier = {noise}");
            let plan = Plan::parse(&text.replace("noise-multiplier = 1.0", &with)).unwrap();
            let protection = plan.protection().unwrap();
            let mut ledger = protection.ledger();
            for _ in 0..4 {
                ledger.record(protection.event(), protection.distance()).unwrap();
            }
            assert_eq!(ledger.releases(), 10_000);
            let (epsilon, _) = ledger.epsilon(&mut Accountant::default()).unwrap();
            assert!(low <= epsilon && epsilon <= high * (1.0 + 1e-4), "{noise}: {epsilon}");
        }
    }

    #[test]
    fn rows_that_the_plan_leaves_open_must_come_from_elsewhere() {
        let open = SOUND.replace("rows-per-client = 450\n", "");
        let error = Plan::parse(&open).unwrap_err();
        assert!(
            error.asks_for_rows() && error.to_string().contains("`rows-per-client` in [privacy]"),
            "{error}"
        );
        let overrides = Overrides { rows: Some(450), ..Overrides::default() };
        let filled = Plan::parse_with(&open, overrides).unwrap();
        assert_eq!(filled.digest(), Plan::parse(SOUND).unwrap().digest());
        // What the plan says counts.
        let overrides = Overrides { rows: Some(7), ..Overrides::default() };
        assert_eq!(Plan::parse_with(SOUND, overrides).unwrap().digest(), filled.digest());
        let bare = Plan::parse_without_privacy(&open, Overrides::default()).unwrap();
        assert!(bare.protection().is_none());
    }

    #[test]
    fn noise_is_found_for_a_target_and_all_rounds_fit() {
        let plan = Plan::parse(&SOUND.replace("noise-multiplier = 1.0", "target-epsilon = 2.0")).unwrap();
        let protection = plan.protection().unwrap();
        assert_eq!(protection.examples().unwrap().most_rounds, 10);
        let mut ledger = protection.ledger();
        for _ in 0..10 {
            ledger.record(protection.event(), protection.distance()).unwrap();
        }
        let (epsilon, _) = ledger.epsilon(&mut Accountant::default()).unwrap();
        assert!(epsilon <= 2.0 && epsilon > 1.99, "{epsilon}");
        let steps = 10 * protection.event().count();
        let rate = protection.examples().unwrap().rate;
        let alone = noise_for_steps(2.0, 1e-5, rate, steps).unwrap();
        assert!((alone / protection.noise_multiplier() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn clients_stop_at_the_last_round_that_fits() {
        let text = SOUND.replace("noise-multiplier = 1.0", "noise-multiplier = 1.0\ntarget-epsilon = 6.0");
        let plan = Plan::parse(&text.replace("rounds = 10", "rounds = 500")).unwrap();
        let protection = plan.protection().unwrap();
        let most = protection.examples().unwrap().most_rounds;
        let spent = |rounds: u32| {
            let event = protection.event().repeated(protection.event().count() * u64::from(rounds)).unwrap();
            let mut ledger = protection.ledger();
            ledger.record(event, protection.distance() * f64::from(rounds)).unwrap();
            ledger.epsilon(&mut Accountant::default()).unwrap().0
        };
        assert!(most > 1 && spent(most) <= 6.0 && spent(most + 1) > 6.0, "{most}");
        refused(
            "noise-multiplier = 1.0",
            "noise-multiplier = 1.0\ntarget-epsilon = 0.01",
            &["`target-epsilon`", "first round"],
        );
    }

    #[test]
    fn whatever_else_would_tell_of_the_rows_is_refused() {
        refused("\"uniform\"", "\"examples\"", &["`weights`", "`unit`", "number of rows", "weigh uniformly"]);
        for noise_at in ["coordinator", "clients"] {
            let with = format!("unit = \"example\"\nnoise-at = \"{noise_at}\"");
            refused(
                "unit = \"example\"",
                &with,
                &["`noise-at`", "`unit`", "every step", "leave noise-at out"],
            );
        }
        refused("clip = 1.0", "noise-shares = 3\nclip = 1.0", &["`noise-shares`", "remove noise-shares"]);
        refused("batch-size = 32", "batch-size = \"full\"", &["`batch-size` in [training]", "give a number"]);
        refused(
            "batch-size = 32",
            "class-weights = \"balanced\"",
            &["`class-weights` in [training]", "list the weights"],
        );
        let split = "batch-size = 32\nvalidation-split = 0.2";
        refused("batch-size = 32", split, &["`validation-split` in [training]", "leave it out"]);
        refused(
            "source = \"digits\"",
            "source = \"heart\"\nstandardize = \"client\"",
            &["`standardize`", "`unit`", "mean and deviation", "\"plan\""],
        );
        refused("[aggregation]", "[cohort]\nminimum = 0\n[aggregation]", &["`minimum` in [cohort]"]);
        refused("clip = 1.0", "clip = 1e-9", &["`clip` in [privacy]"]);
        refused("rows-per-client = 450", "rows-per-client = 0", &["`rows-per-client` in [privacy]"]);
        refused("unit = \"example\"", "unit = \"client\"", &["`rows-per-client`", "`unit`"]);
    }

    #[test]
    fn noise_that_promises_nothing_is_refused() {
        refused(
            "noise-multiplier = 1.0",
            "noise-multiplier = 0.05",
            &["`noise-multiplier`", "above 20", "add noise"],
        );
    }

    #[test]
    fn a_model_on_which_the_noise_would_be_lost_is_refused_with_its_network() {
        let plan =
            Plan::parse(&SOUND.replace("noise-multiplier = 1.0", "noise-multiplier = 5000.0")).unwrap();
        let message = plan.network(64, 10).unwrap_err().to_string();
        assert!(
            message.contains("`noise-multiplier` in [privacy]") && message.contains("roundings"),
            "{message}"
        );
    }
}
