//! From `[privacy]` as typed to a [`Protection`] that the rest of the plan keeps.

use super::check::{Checker, Key};
use super::masking::Graphs;
use super::protection::{MOST_BIT_NOISE, ROUNDING_DISTANCE, TAIL, clip_range, noise_of_one, too_small};
use super::raw::{AdaptiveClipSection, NoiseAtName, PrivacySection, UnitName};
use super::{CohortRule, Conflict, NoiseAt, PlanError, Protection, SamplingRule, ValueFault, Weights};
use crate::data::DataPlan;
use crate::encoding::FixedPoint;
use crate::nn::Recipe;
use crate::privacy::accounting::calibration::Target;
use crate::privacy::accounting::{Accountant, AccountingError};
use crate::privacy::matrix::MatrixError;
use crate::privacy::{
    Adaptation, AdaptiveClip, AdaptiveClippingError, Clip, ClippingError, Event, EventError,
    ExampleNoiseError, Ledger, LedgerError, Mechanism, Neighbouring, Next, Sampling,
};

/// Why a promise of privacy cannot be made.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PrivacyFault {
    /// There is no such clip.
    #[error(transparent)]
    Clip(#[from] ClippingError),
    /// The clip cannot adapt like this.
    #[error(transparent)]
    Adaptive(#[from] AdaptiveClippingError),
    /// Noise cannot be correlated like this.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// There is no such noise.
    #[error(transparent)]
    Event(#[from] EventError),
    /// There is no such delta or target, or nothing reaches it.
    #[error(transparent)]
    Accounting(#[from] AccountingError),
    /// What is spent cannot be said.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// So little noise that no accountant has a meaningful answer.
    #[error(
        "the {rounds} rounds of the plan would cost an epsilon far above 20, which promises nothing: add noise, or train for \
         fewer steps"
    )]
    NothingPromised {
        /// How many rounds.
        rounds: u32,
    },
    /// The noise does not go with the model.
    #[error(transparent)]
    Examples(#[from] ExampleNoiseError),
}

impl From<PrivacyFault> for ValueFault {
    fn from(fault: PrivacyFault) -> ValueFault {
        ValueFault::Privacy(fault)
    }
}

/// Keys of the plan that conflicts name.
const NOISE_AT: Key = ("privacy", "noise-at");
const NOISE: Key = ("privacy", "noise-multiplier");
const TARGET: Key = ("privacy", "target-epsilon");
const CLIP: Key = ("privacy", "clip");
const ADAPTIVE: Key = ("privacy", "adaptive-clip");
const ROWS: Key = ("compare", "target-epsilons");
const SHARES: Key = ("privacy", "noise-shares");
const MINIMUM: Key = ("cohort", "minimum");
const SAMPLING: Key = ("cohort", "sampling");
const BITS: Key = ("encoding", "fraction-bits");
const WEIGHTS: Key = ("aggregation", "weights");

impl Checker {
    /// The protection that the plan asks for. Fills in the noise that its target leaves open.
    pub(super) fn protection(
        &mut self,
        cohort: CohortRule,
        weights: Weights,
        grid: FixedPoint,
        (graphs, data, recipe): (Option<Graphs>, &DataPlan, &Recipe),
    ) -> Result<Option<Protection>, PlanError> {
        let Some(section) = self.raw.privacy.clone() else {
            let targets =
                self.raw.compare.as_ref().is_some_and(|compare| !compare.target_epsilons.is_empty());
            return match targets {
                true => Err(self.conflict(ROWS, CLIP, Conflict::NothingToCompare)),
                false => Ok(None),
            };
        };
        for target in self.raw.compare.iter().flat_map(|compare| &compare.target_epsilons) {
            Target::new(*target, 0.5).map_err(|error| {
                self.fault("compare", "target-epsilons", PrivacyFault::from(error).into())
            })?;
        }
        let faulty = |key, fault: PrivacyFault| self.fault("privacy", key, fault.into());
        let clip = Clip::new(section.clip).map_err(|error| faulty("clip", error.into()))?;
        Target::new(1.0, section.delta).map_err(|error| faulty("delta", error.into()))?;
        if let Some(target) = section.target_epsilon {
            Target::new(target, section.delta).map_err(|error| faulty("target-epsilon", error.into()))?;
        }
        if section.unit == UnitName::Example {
            let training = (data, recipe);
            return self.example_protection(&section, (clip, grid), (cohort, weights), training).map(Some);
        }
        if section.rows_per_client.is_some() {
            let conflict = Conflict::RowsWithoutExamples;
            return Err(self.conflict(("privacy", "rows-per-client"), ("privacy", "unit"), conflict));
        }
        let noise_at = self.noise_at(&section, graphs)?;
        let weight_cap = self.bounded_weights(noise_at, weights)?;
        let correlation = self.correlation(&section, noise_at, cohort)?;
        let rounds = self.raw.federation.rounds;
        let (sampling, releases, distance) = match &correlation {
            // All rounds together are one release, whoever is drawn.
            Some(_) => (SamplingRule::All, 1, ROUNDING_DISTANCE * f64::from(rounds)),
            None => {
                let sampling = self.accounted_sampling(noise_at, cohort, graphs.is_some())?;
                (sampling, rounds, ROUNDING_DISTANCE + self.small_cohorts(noise_at, sampling, cohort))
            }
        };
        let (law, neighbouring) = self.sampling_law(noise_at, sampling, cohort);

        let release = |noise_multiplier: f64, count: u32| {
            Event::new(Mechanism::Gaussian { noise_multiplier }, law, neighbouring, count.into())
        };
        let noise_multiplier = self.noise(&section, distance, releases, release)?;
        let event = release(noise_multiplier, 1).map_err(|error| faulty("noise-multiplier", error.into()))?;
        let adaptive = self.adaptive_clip(&section, noise_at, noise_multiplier, cohort, weights, grid)?;
        let update_noise = match &adaptive {
            Some(adaptive) => {
                let split = adaptive.split(noise_multiplier);
                split.map_err(|error| faulty("adaptive-clip", error.into()))?.update
            }
            None => noise_multiplier,
        };
        let protection = Protection {
            noise_at,
            clip,
            weight_cap,
            noise_multiplier,
            denominator: u64::from(cohort.wanted(self.clients())) * u64::from(weight_cap),
            event,
            distance,
            sampling,
            masked: graphs.is_some(),
            delta: section.delta,
            target: section.target_epsilon,
            noise: match &correlation {
                Some(correlation) => {
                    let steps = clip.norm() * f64::from(weight_cap) * grid.scale();
                    self.correlated_noise_fits(correlation, noise_multiplier, steps)?;
                    // Fresh noise, as it would be on the grid.
                    let fresh = noise_multiplier * correlation.sensitivity();
                    self.fitting_noise(noise_at, fresh, clip, weight_cap, grid)?
                }
                None => self.fitting_noise(noise_at, update_noise, clip, weight_cap, grid)?,
            },
            correlation,
            update_noise,
            adaptive,
            grid,
            examples: None,
        };
        self.affordable(&protection)?;
        let adaptive_clip = adaptive.map(|adaptive| AdaptiveClipSection {
            quantile: adaptive.adaptation().quantile,
            learning_rate: adaptive.adaptation().learning_rate,
            bit_noise: Some(adaptive.adaptation().count_deviation),
        });
        let matrix = protection.correlation.as_ref().zip(section.matrix.as_ref());
        let matrix = matrix.map(|(correlation, given)| correlation.resolved(given));
        let noise_multiplier = Some(noise_multiplier);
        self.raw.privacy = Some(PrivacySection { noise_multiplier, adaptive_clip, matrix, ..section });
        Ok(Some(protection))
    }

    /// How the clip adapts, if it does. Its noise costs little: a twentieth of the cohort, as the paper has it, or what
    /// makes the noise of the updates 6 % more if that is larger.
    fn adaptive_clip(
        &self,
        section: &PrivacySection,
        noise_at: NoiseAt,
        noise_multiplier: f64,
        cohort: CohortRule,
        weights: Weights,
        grid: FixedPoint,
    ) -> Result<Option<AdaptiveClip>, PlanError> {
        let Some(AdaptiveClipSection { quantile, learning_rate, bit_noise }) = section.adaptive_clip else {
            return Ok(None);
        };
        if weights != Weights::Uniform {
            return Err(self.conflict(ADAPTIVE, WEIGHTS, Conflict::WeightedVotes));
        }
        let expected_cohort = cohort.wanted(self.clients());
        let usual = (f64::from(expected_cohort) / 20.0).max(1.5 * noise_multiplier).min(MOST_BIT_NOISE);
        let count_deviation = bit_noise.unwrap_or(usual);
        let adaptation =
            Adaptation { initial: section.clip, quantile, learning_rate, expected_cohort, count_deviation };
        let faulty = |error: AdaptiveClippingError| {
            self.fault("privacy", "adaptive-clip", PrivacyFault::from(error).into())
        };
        let adaptive = AdaptiveClip::new(adaptation).map_err(faulty)?;
        let range = "a bit-noise of at most 30,000";
        self.within("privacy", "adaptive-clip", count_deviation, 0.0, MOST_BIT_NOISE, range)?;
        let split = adaptive.split(noise_multiplier).map_err(faulty)?;
        let (least, most) = clip_range(noise_at, split.update, grid);
        Ok(Some(adaptive.within(least.min(section.clip), most.max(section.clip))))
    }

    pub(super) fn clients(&self) -> u32 {
        self.raw.partition.clients.expect("the number of clients is checked before")
    }

    fn noise_at(&self, section: &PrivacySection, graphs: Option<Graphs>) -> Result<NoiseAt, PlanError> {
        let minimum = self.raw.cohort.minimum;
        // Under masks nobody sees who adds no noise.
        let honest = graphs.map_or(minimum, |graphs| graphs.honest(minimum));
        match (section.noise_at, section.noise_shares) {
            (NoiseAtName::Coordinator, None) => Ok(NoiseAt::Coordinator),
            (NoiseAtName::Local, None) => Ok(NoiseAt::Local),
            (NoiseAtName::Coordinator | NoiseAtName::Local, Some(_)) => {
                Err(self.conflict(SHARES, NOISE_AT, Conflict::SharesWithoutClients))
            }
            (NoiseAtName::Clients, _)
                if graphs.is_some() && self.raw.cohort.sampling == SamplingRule::Poisson =>
            {
                Err(self.conflict(NOISE_AT, SAMPLING, Conflict::NoiseOfAnyCohort))
            }
            (NoiseAtName::Clients, shares) => {
                if let Some(graphs) = graphs.filter(|_| honest == 0) {
                    let (adversaries, asked) = (graphs.adversaries(), graphs.asked());
                    let conflict = Conflict::NoiseOfAdversaries { adversaries, asked, minimum };
                    let assumed = ("secure-aggregation", "adversarial-fraction");
                    return Err(self.conflict(MINIMUM, assumed, conflict));
                }
                let shares = shares.unwrap_or(honest);
                self.within("privacy", "noise-shares", shares, 1, u32::MAX, "1 or more")?;
                if shares > honest {
                    let conflict = Conflict::SharesAboveMinimum { shares, minimum: honest };
                    return Err(self.conflict(SHARES, MINIMUM, conflict));
                }
                Ok(NoiseAt::Clients { shares })
            }
        }
    }

    /// The largest weight of an update: the sensitivity is the clip times it.
    fn bounded_weights(&self, noise_at: NoiseAt, weights: Weights) -> Result<u32, PlanError> {
        match (weights, noise_at) {
            (Weights::Uniform, _) => Ok(1),
            (Weights::Examples { .. }, NoiseAt::Clients { .. } | NoiseAt::Local | NoiseAt::Examples) => {
                Err(self.conflict(WEIGHTS, NOISE_AT, Conflict::BareWeights))
            }
            (Weights::Examples { cap }, NoiseAt::Coordinator) => match self.raw.aggregation.weight_cap {
                Some(_) => Ok(cap),
                None => Err(self.conflict(WEIGHTS, CLIP, Conflict::WeightsWithoutCap)),
            },
        }
    }

    /// The sampling rule by which the accountant may reckon: the cohort rule must implement it.
    fn accounted_sampling(
        &self,
        noise_at: NoiseAt,
        cohort: CohortRule,
        masked: bool,
    ) -> Result<SamplingRule, PlanError> {
        if masked {
            // The participants of a masked round are told who the others are: no draw hides anybody.
            return Ok(SamplingRule::All);
        }
        let whole = cohort.sampling == SamplingRule::Fixed && cohort.fraction >= 1.0;
        let sampling = if whole { SamplingRule::All } else { cohort.sampling };
        if noise_at == NoiseAt::Local || sampling != SamplingRule::Fixed {
            return Ok(sampling);
        }
        if cohort.over_selection > 1.0 {
            let reserve = ("cohort", "over-selection");
            return Err(self.conflict(reserve, SAMPLING, Conflict::SpeedDecides));
        }
        let clients = self.clients();
        match self.raw.cohort.wait_for {
            Some(wait_for) if wait_for < clients => {
                let wanted = cohort.wanted(clients);
                let conflict = Conflict::PopulationVaries { wanted, clients, wait_for };
                Err(self.conflict(("cohort", "wait-for"), SAMPLING, conflict))
            }
            _ => Ok(sampling),
        }
    }

    /// What the accountant is told of the draw, and of whom the promise is made.
    fn sampling_law(
        &self,
        noise_at: NoiseAt,
        sampling: SamplingRule,
        cohort: CohortRule,
    ) -> (Sampling, Neighbouring) {
        let population = self.clients();
        match (sampling, noise_at) {
            // What a client sends carries its own noise and its name: no draw hides it, and it is compared with
            // whatever else the client could have sent.
            (_, NoiseAt::Local | NoiseAt::Examples) => (Sampling::All {}, Neighbouring::ReplaceOne),
            (SamplingRule::Poisson, NoiseAt::Coordinator) => {
                (Sampling::Poisson { q: cohort.fraction }, Neighbouring::AddOrRemoveOne)
            }
            // A client that is not there adds no share either: the noise would tell. Its update is zero instead.
            (SamplingRule::Poisson, NoiseAt::Clients { .. }) => {
                (Sampling::Poisson { q: cohort.fraction }, Neighbouring::ZeroOut)
            }
            (SamplingRule::Fixed, _) => {
                let (population, sample) = (u64::from(population), u64::from(cohort.wanted(population)));
                (Sampling::FixedSize { population, sample }, Neighbouring::ReplaceOne)
            }
            (SamplingRule::All, _) => (Sampling::All {}, Neighbouring::ZeroOut),
        }
    }

    /// The chance that a Poisson round is not released because of who was drawn, of which the number of drawn clients
    /// can be told. Where everybody's share is there or clients are replaced, neighbours draw equally many.
    fn small_cohorts(&self, noise_at: NoiseAt, sampling: SamplingRule, cohort: CohortRule) -> f64 {
        match (sampling, noise_at) {
            (SamplingRule::Poisson, NoiseAt::Coordinator) => {
                let clients = self.raw.cohort.wait_for.unwrap_or(self.clients());
                // One client less on the other side of the relation.
                too_small(clients.saturating_sub(1), cohort.fraction, self.raw.cohort.minimum)
            }
            _ => 0.0,
        }
    }

    /// The noise that is given, or that the target asks for.
    pub(super) fn noise(
        &self,
        section: &PrivacySection,
        distance: f64,
        releases: u32,
        release: impl Fn(f64, u32) -> Result<Event, EventError>,
    ) -> Result<f64, PlanError> {
        let target = match (section.noise_multiplier, section.target_epsilon) {
            (Some(noise), _) => return Ok(noise),
            (None, None) => return Err(self.conflict(NOISE, TARGET, Conflict::NeitherNoiseNorTarget)),
            (None, Some(target)) => target,
        };
        // What the distance costs is kept apart, at an epsilon that no accountant passes, so that the last round fits.
        let price = (1.0 + (1.5 * target + 1.0).exp()) * distance * f64::from(releases);
        if price > 0.5 * section.delta {
            return Err(self.small_cohorts_tell());
        }
        let faulty = |error: AccountingError| {
            self.fault("privacy", "target-epsilon", PrivacyFault::from(error).into())
        };
        // Below the target by what a search and the price of the distance may be off.
        let reach = Target::new(target * (1.0 - 1e-4), section.delta - price).map_err(faulty)?;
        Accountant::default().least_noise(reach, |noise| Ok(vec![release(noise, releases)?])).map_err(faulty)
    }

    fn small_cohorts_tell(&self) -> PlanError {
        let section = &self.raw.cohort;
        let wanted = (f64::from(self.clients()) * section.fraction).round() as u32;
        let conflict = Conflict::MinimumTells { wanted, minimum: section.minimum };
        self.conflict(MINIMUM, ("privacy", "delta"), conflict)
    }

    /// The noise of one party, if the grid holds it.
    fn fitting_noise(
        &self,
        noise_at: NoiseAt,
        noise_multiplier: f64,
        clip: Clip,
        weight_cap: u32,
        grid: FixedPoint,
    ) -> Result<crate::privacy::sampling::DiscreteGaussian, PlanError> {
        if clip.steps(grid.scale()).is_err() {
            return Err(self.conflict(CLIP, BITS, Conflict::ClipBelowStep));
        }
        let sensitivity = clip
            .weighted(weight_cap)
            .map_err(|error| self.fault("aggregation", "weight-cap", PrivacyFault::from(error).into()))?;
        let noise = noise_of_one(noise_at, noise_multiplier, sensitivity, grid).map_err(|_| {
            let deviation = sensitivity.deviation(noise_multiplier) * grid.scale();
            self.conflict(NOISE, BITS, Conflict::NoiseOffGrid { deviation })
        })?;
        let deviation = noise.variance().to_f64().sqrt() / grid.scale();
        let most = clip.norm() + TAIL * deviation;
        if noise_at != NoiseAt::Coordinator && most > grid.largest() {
            let conflict = Conflict::NoisedBeyondGrid { most, largest: grid.largest() };
            return Err(self.conflict(NOISE, BITS, conflict));
        }
        Ok(noise)
    }

    /// The first round fits the target, or all rounds have an epsilon if there is none.
    fn affordable(&self, protection: &Protection) -> Result<(), PlanError> {
        let faulty = |error: LedgerError| match error {
            LedgerError::SamplerTooRough { .. } if protection.distance > 10.0 * ROUNDING_DISTANCE => {
                self.small_cohorts_tell()
            }
            error => self.fault("privacy", "noise-multiplier", PrivacyFault::from(error).into()),
        };
        let mut accountant = Accountant::default();
        let one = protection.target.is_some() || protection.correlation.is_some();
        let rounds = if one { 1 } else { self.raw.federation.rounds };
        let events = protection.event.repeated(rounds.into());
        let events = events.map_err(|error| faulty(AccountingError::from(error).into()))?;
        let distance = protection.distance * f64::from(rounds);
        let ledger: Ledger = protection.ledger();
        match ledger.next(&[events], distance, &mut accountant).map_err(faulty)? {
            Next::Fits(_) => Ok(()),
            Next::Passes { .. } => Err(self.conflict(TARGET, NOISE, Conflict::FirstRoundPasses)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    const SOUND: &str = "\
[federation]
rounds = 10
[data]
source = \"digits\"
[partition]
clients = 100
[cohort]
sampling = \"poisson\"
fraction = 0.2
minimum = 1
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.5
delta = 1e-5
noise-multiplier = 1.0
";

    fn protection(text: &str) -> Protection {
        Plan::parse(text).unwrap().protection().unwrap().clone()
    }

    fn refused(replace: &str, with: &str) -> String {
        assert!(SOUND.contains(replace), "{replace}");
        Plan::parse(&SOUND.replace(replace, with)).unwrap_err().to_string()
    }

    /// Refused with both keys named, and with these words on why and how to mend it.
    fn conflict(replace: &str, with: &str, keys: [&str; 2], words: [&str; 2]) {
        let message = refused(replace, with);
        let named = keys.iter().all(|key| message.contains(&format!("`{key}`")));
        assert!(named && words.iter().all(|words| message.contains(words)), "{message}");
    }

    #[test]
    fn a_sound_promise_is_accounted_as_it_is_kept() {
        let plain = protection(SOUND);
        assert_eq!(plain.event(), Event::sampled_gaussian(1.0, 0.2, 1).unwrap());
        assert_eq!((plain.denominator(), plain.noise_at()), (20, NoiseAt::Coordinator));
        assert!(plain.distance() < 1e-9 && plain.hides_cohorts());
        let capped = protection(&SOUND.replace("\"uniform\"", "\"examples\"\nweight-cap = 3"));
        assert_eq!(capped.denominator(), 60);
        let variance = |protection: &Protection| {
            protection.in_round(protection.clip()).unwrap().noise().variance().to_f64()
        };
        assert!(variance(&capped) > 8.9 * variance(&plain));

        let shares = protection(
            &SOUND.replace("minimum = 1", "minimum = 5").replace("clip", "noise-at = \"clients\"\nclip"),
        );
        assert_eq!(shares.noise_at(), NoiseAt::Clients { shares: 5 });
        assert_eq!(shares.event().neighbouring(), Neighbouring::ZeroOut);
        let local = protection(&SOUND.replace("clip", "noise-at = \"local\"\nclip"));
        assert_eq!(local.event().neighbouring(), Neighbouring::ReplaceOne);
        assert_eq!(local.event().sampling(), &Sampling::All {});
        assert!(!local.hides_cohorts());

        let fixed = protection(&SOUND.replace("poisson", "fixed"));
        assert_eq!(fixed.event().sampling(), &Sampling::FixedSize { population: 100, sample: 20 });
        let all = protection(&SOUND.replace("\"poisson\"\nfraction = 0.2", "\"all\""));
        assert_eq!((all.event().sampling(), all.hides_cohorts()), (&Sampling::All {}, false));
    }

    #[test]
    fn noise_is_found_for_a_target_and_every_round_fits() {
        let text = SOUND.replace("noise-multiplier = 1.0", "target-epsilon = 2.0");
        let plan = Plan::parse(&text).unwrap();
        let protection = plan.protection().unwrap();
        let all = protection.event().repeated(10).unwrap();
        let mut ledger = protection.ledger();
        let mut accountant = Accountant::default();
        let next = ledger.next(&[all], 10.0 * protection.distance(), &mut accountant).unwrap();
        assert!(matches!(next, Next::Fits(epsilon) if epsilon > 1.99), "{next:?}");
        ledger.record(all, 10.0 * protection.distance()).unwrap();
        let next = ledger.next(&[protection.event()], protection.distance(), &mut accountant).unwrap();
        assert!(matches!(next, Next::Passes { .. }), "{next:?}");
        // What is found stands in the plan that is shown, and that plan is the same.
        assert!(plan.to_toml().contains("noise-multiplier"));
        assert_eq!(Plan::parse(&plan.to_toml()).unwrap().digest(), plan.digest());
    }

    #[test]
    fn rows_of_a_comparison_have_their_own_noise() {
        let text = format!(
            "{}[compare]\ntarget-epsilons = [1.0, 8.0]\n",
            SOUND.replace("minimum = 1", "minimum = 0")
        );
        let plan = Plan::parse(&text).unwrap();
        let rows = plan.private_rows().unwrap();
        let noise = |at: usize| rows[at].1.protection().unwrap().noise_multiplier();
        assert!(rows[0].0 == Some(1.0) && noise(0) > noise(1), "{} {}", noise(0), noise(1));
        assert!(plan.unprotected().private_rows().unwrap().is_empty());
        let message = Plan::parse(
            "[data]\nsource = \"digits\"\n[partition]\nclients = 2\n[compare]\ntarget-epsilons = [1.0]\n",
        );
        let message = message.unwrap_err().to_string();
        assert!(message.contains("`target-epsilons`") && message.contains("add [privacy]"), "{message}");
    }

    #[test]
    fn votes_on_the_clip_take_their_part_of_the_budget() {
        let adaptive = "noise-multiplier = 1.0\nadaptive-clip = { quantile = 0.4, bit-noise = 5.0 }";
        let plan = Plan::parse(&SOUND.replace("noise-multiplier = 1.0", adaptive)).unwrap();
        let promise = plan.protection().unwrap();
        assert_eq!(promise.event(), protection(SOUND).event());
        let bare = protection(SOUND);
        let deviation = |promise: &Protection| {
            promise.in_round(promise.clip()).unwrap().noise().variance().to_f64().sqrt()
        };
        // 1 / sqrt(1 - 1/100), the clip's deviation being the same.
        assert!((deviation(promise) / deviation(&bare) - 1.005_037_815).abs() < 1e-6);
        let round = promise.in_round(promise.clip()).unwrap();
        let votes = round.votes().unwrap().variance().to_f64().sqrt() / f64::from(crate::plan::VOTE);
        assert!((votes - 10.0).abs() < 1e-3, "{votes}");
        assert!(promise.in_round(Clip::new(0.7).unwrap()).is_some());
        assert!(promise.in_round(Clip::new(1e6).unwrap()).is_none());
        assert!(bare.in_round(Clip::new(0.7).unwrap()).is_none() && round.clip().norm() == 0.5);
        assert!(plan.to_toml().contains("learning-rate = 0.2"), "{}", plan.to_toml());
        assert_eq!(Plan::parse(&plan.to_toml()).unwrap().digest(), plan.digest());
    }

    #[test]
    fn every_clip_of_the_range_has_room_on_the_grid() {
        for (noise_at, minimum) in [("coordinator", 0), ("clients", 5), ("local", 1)] {
            for z in ["3.0", "40.0"] {
                let text = SOUND
                    .replace("minimum = 1", &format!("minimum = {minimum}"))
                    .replace("clip", &format!("noise-at = \"{noise_at}\"\nclip"))
                    .replace("clip = 0.5", "clip = 0.01")
                    .replace(
                        "noise-multiplier = 1.0",
                        &format!("noise-multiplier = {z}\nadaptive-clip = {{}}"),
                    );
                let plan = Plan::parse(&text).unwrap();
                let mut adaptive = *plan.protection().unwrap().adaptive().unwrap();
                for votes in [1e9, -1e9] {
                    for _ in 0..300 {
                        adaptive.observe(votes);
                    }
                    let round = plan.protection().unwrap().in_round(adaptive.clip()).unwrap();
                    assert!(round.clip().steps(plan.grid().scale()).is_ok());
                    let most = round.clip().norm()
                        + TAIL * round.noise().variance().to_f64().sqrt() / plan.grid().scale();
                    assert!(
                        noise_at == "coordinator" || most <= plan.grid().largest(),
                        "{noise_at} {z} {most}"
                    );
                }
            }
        }
    }

    #[test]
    fn votes_that_cannot_be_are_refused() {
        let adaptive = |keys: &str| format!("noise-multiplier = 1.0\nadaptive-clip = {{ {keys} }}");
        for (keys, words) in [
            ("quantile = 1.0", "the quantile is 1"),
            ("learning-rate = 0.0", "the clip's learning rate is 0"),
            ("bit-noise = 0.5", "raise the count deviation above 0.5"),
            ("bit-noise = -1.0", "the deviation of the count's noise is -1"),
            ("bit-noise = 1e9", "a bit-noise of at most 30,000"),
        ] {
            let message = refused("noise-multiplier = 1.0", &adaptive(keys));
            assert!(message.contains("`adaptive-clip` in [privacy]") && message.contains(words), "{message}");
        }
        conflict(
            "weights = \"uniform\"\n[privacy]",
            "weights = \"examples\"\nweight-cap = 3\n[privacy]\nadaptive-clip = {}",
            ["adaptive-clip", "weights"],
            ["one vote", "weigh uniformly"],
        );
    }

    #[test]
    fn rows_of_a_comparison_find_their_own_noise_for_votes() {
        let text = SOUND
            .replace("minimum = 1", "minimum = 0")
            .replace("noise-multiplier = 1.0", "target-epsilon = 8.0");
        let text = format!("{text}adaptive-clip = {{}}\n[compare]\ntarget-epsilons = [1.0, 8.0]\n");
        let rows = Plan::parse(&text).unwrap().private_rows().unwrap();
        assert!(rows.iter().all(|(_, plan)| plan.protection().unwrap().adaptive().is_some()));
    }

    #[test]
    fn weights_must_be_bounded_where_the_clip_is_the_sensitivity() {
        conflict(
            "weights = \"uniform\"",
            "weights = \"examples\"",
            ["weights", "clip"],
            ["the clip would not be the sensitivity", "give a weight-cap"],
        );
        conflict(
            "weights = \"uniform\"\n[privacy]",
            "weights = \"examples\"\nweight-cap = 3\n[privacy]\nnoise-at = \"local\"",
            ["weights", "noise-at"],
            ["would leave it bare", "weigh uniformly"],
        );
    }

    #[test]
    fn the_cohort_rule_implements_what_the_accountant_assumes() {
        conflict(
            "sampling = \"poisson\"",
            "sampling = \"fixed\"\nover-selection = 1.5",
            ["over-selection", "sampling"],
            ["who is fast", "leave over-selection at 1"],
        );
        conflict(
            "sampling = \"poisson\"",
            "sampling = \"poisson\"\nover-selection = 1.5",
            ["sampling", "over-selection"],
            ["none is asked in reserve", "leave over-selection at 1"],
        );
        conflict(
            "sampling = \"poisson\"",
            "sampling = \"all\"",
            ["sampling", "fraction"],
            ["asks every client", "leave the fraction at 1"],
        );
        conflict(
            "sampling = \"poisson\"",
            "sampling = \"fixed\"\nwait-for = 50",
            ["wait-for", "sampling"],
            ["assumes that 20 of 100", "wait for all clients"],
        );
        conflict(
            "minimum = 1",
            "minimum = 15",
            ["minimum", "delta"],
            ["tells who is in it", "lower the minimum"],
        );
    }

    #[test]
    fn shares_carry_the_noise_of_the_smallest_round() {
        conflict(
            "minimum = 1\n[aggregation]\nweights = \"uniform\"\n[privacy]\n",
            "minimum = 5\n[aggregation]\nweights = \"uniform\"\n[privacy]\nnoise-at = \"clients\"\nnoise-shares = 6\n",
            ["noise-shares", "minimum"],
            ["less noise than is promised", "raise the minimum"],
        );
        conflict(
            "[privacy]\n",
            "[privacy]\nnoise-shares = 1\n",
            ["noise-shares", "noise-at"],
            ["added in shares", "remove noise-shares"],
        );
    }

    #[test]
    fn noise_must_exist_fit_and_be_affordable() {
        conflict(
            "noise-multiplier = 1.0\n",
            "",
            ["noise-multiplier", "target-epsilon"],
            ["how much noise", "give one"],
        );
        conflict(
            "noise-multiplier = 1.0",
            "noise-multiplier = 1.0\ntarget-epsilon = 0.01",
            ["target-epsilon", "noise-multiplier"],
            ["first round would already pass", "add noise"],
        );
        conflict(
            "noise-multiplier = 1.0",
            "noise-multiplier = 1e6",
            ["noise-multiplier", "fraction-bits"],
            ["cannot be drawn", "fewer fraction bits"],
        );
        conflict(
            "clip = 0.5",
            "clip = 1e-9",
            ["clip", "fraction-bits"],
            ["less than one step", "more fraction bits"],
        );
        conflict(
            "[privacy]\nclip = 0.5\ndelta = 1e-5\nnoise-multiplier = 1.0",
            "[encoding]\nfraction-bits = 29\n[privacy]\nnoise-at = \"local\"\nclip = 3.9\ndelta = 1e-5\nnoise-multiplier = 0.01",
            ["noise-multiplier", "fraction-bits"],
            ["grid", "fewer fraction bits"],
        );
    }

    #[test]
    fn numbers_that_cannot_be_are_named() {
        for (replace, with, words) in [
            ("clip = 0.5", "clip = 0.0", "`clip` in [privacy]: the clip is 0"),
            ("delta = 1e-5", "delta = 0.0", "`delta` in [privacy]: delta is 0"),
            ("delta = 1e-5", "delta = 1.0", "`delta` in [privacy]: delta is 1"),
            ("noise-multiplier = 1.0", "noise-multiplier = 0.0", "`noise-multiplier` in [privacy]"),
            ("noise-multiplier = 1.0", "noise-multiplier = nan", "`noise-multiplier` in [privacy]"),
            ("noise-multiplier = 1.0", "target-epsilon = -1.0", "`target-epsilon` in [privacy]"),
            ("noise-multiplier = 1.0", "noise-multiplier = -1.0", "`noise-multiplier` in [privacy]"),
            (
                "noise-multiplier = 1.0",
                "target-epsilon = 0.0",
                "`target-epsilon` in [privacy]: the target epsilon is 0",
            ),
            (
                "noise-multiplier = 1.0",
                "target-epsilon = 1e-12",
                "noise of 2.124e11 grid steps cannot be drawn",
            ),
            ("clip = 0.5", "clip = -1.0", "`clip` in [privacy]: the clip is -1"),
            ("clip = 0.5", "clip = nan", "`clip` in [privacy]: the clip is NaN"),
            ("delta = 1e-5", "delta = nan", "`delta` in [privacy]: delta is NaN"),
            ("fraction = 0.2", "fraction = 0.0", "`fraction` in [cohort]"),
            ("fraction = 0.2", "fraction = 1.5", "`fraction` in [cohort]: must be above 0 and at most 1"),
            ("fraction = 0.2", "fraction = nan", "`fraction` in [cohort]: must be above 0 and at most 1"),
            ("rounds = 10", "rounds = 0", "`rounds` in [federation]: must be 1 to 1,000,000"),
            ("rounds = 10", "rounds = 1000000000", "`rounds` in [federation]: must be 1 to 1,000,000"),
        ] {
            let message = refused(replace, with);
            assert!(message.contains(words), "{with}: {message}");
        }
    }
}
