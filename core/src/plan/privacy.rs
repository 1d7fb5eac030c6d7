//! From `[privacy]` as typed to a [`Protection`] that the rest of the plan keeps.

use super::check::{Checker, Key};
use super::masking::Graphs;
use super::protection::{MOST_BIT_NOISE, ROUNDING_DISTANCE, clip_range};
use super::raw::{AdaptiveClipSection, NoiseAtName, PrivacySection, UnitName};
use super::{CohortRule, Conflict, NoiseAt, PlanError, PrivacyFault, Protection, SamplingRule, Weights};
use crate::data::DataPlan;
use crate::encoding::FixedPoint;
use crate::nn::Recipe;
use crate::privacy::accounting::calibration::Target;
use crate::privacy::{Adaptation, AdaptiveClip, AdaptiveClippingError, Clip, Event, Mechanism};

/// Keys of the plan that conflicts name.
const NOISE_AT: Key = ("privacy", "noise-at");
const CLIP: Key = ("privacy", "clip");
const SOURCE: Key = ("data", "source");
const UNIT: Key = ("privacy", "unit");
const ADAPTIVE: Key = ("privacy", "adaptive-clip");
const ROWS: Key = ("compare", "target-epsilons");
const SHARES: Key = ("privacy", "noise-shares");
const MINIMUM: Key = ("cohort", "minimum");
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
        if !data.undeclared().is_empty() {
            let undeclared = data.undeclared().join(", ");
            return Err(self.conflict(SOURCE, UNIT, Conflict::CategoriesOfOwnRows { undeclared }));
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
                Err(self.conflict(NOISE_AT, super::sampling_law::SAMPLING, Conflict::NoiseOfAnyCohort))
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::protection::TAIL;
    use crate::privacy::accounting::Accountant;
    use crate::privacy::{Neighbouring, Next, Sampling};

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
        assert_eq!((shares.event().sampling(), shares.hides_cohorts()), (&Sampling::All {}, false));
        let local = protection(&SOUND.replace("clip", "noise-at = \"local\"\nclip"));
        assert_eq!(local.event().neighbouring(), Neighbouring::ReplaceOne);
        assert_eq!(local.event().sampling(), &Sampling::All {});
        assert!(!local.hides_cohorts());

        let fixed = protection(&SOUND.replace("poisson", "fixed"));
        assert_eq!(fixed.event().sampling(), &Sampling::FixedSize { population: 100, sample: 20 });
        let all = protection(&SOUND.replace("\"poisson\"\nfraction = 0.2", "\"all\""));
        assert_eq!((all.event().sampling(), all.hides_cohorts()), (&Sampling::All {}, false));
    }

    /// The chance that a standard normal variable is above `x`, by Simpson's rule.
    fn normal_tail(x: f64) -> f64 {
        let (steps, width) = (20_000, 40.0 / 20_000.0);
        let density = |at: usize| (-0.5 * (x + width * at as f64).powi(2)).exp();
        let weight = |at: usize| [2.0, 4.0][at % 2];
        let inner: f64 = (1..steps).map(|at| weight(at) * density(at)).sum();
        (density(0) + inner + density(steps)) * width / 3.0 / std::f64::consts::TAU.sqrt()
    }

    /// What a round really costs whose noise is in shares and whose cohort is drawn by coins: the sum is seen with the
    /// number `k` of its shares, which its deviation `z sqrt(k)` tells, and a client's update of 1 is in it with chance
    /// `k / n`. Its hockey-stick divergence from the same sum without that update, at `e^epsilon`.
    fn divergence_of_shares(n: u32, q: f64, z: f64, epsilon: f64) -> f64 {
        let binomial = |k: u32| {
            let ways: f64 = (0..k).map(|at| f64::from(n - at) / f64::from(k - at)).product();
            ways * q.powi(k as i32) * (1.0 - q).powi((n - k) as i32)
        };
        let given = |k: u32| {
            let (share, deviation) = (f64::from(k) / f64::from(n), z * f64::from(k).sqrt());
            // Where the ratio of the densities, 1 - share + share e^((2x - 1) / (2 s^2)), passes e^epsilon.
            let ratio: f64 = (epsilon.exp() - 1.0 + share) / share;
            let from = deviation.powi(2) * ratio.ln() + 0.5;
            let (absent, present) = (normal_tail(from / deviation), normal_tail((from - 1.0) / deviation));
            (1.0 - share) * absent + share * present - epsilon.exp() * absent
        };
        (1..=n).map(|k| binomial(k) * given(k)).sum()
    }

    /// Under Poisson amplification these would be 0.675 and 1.033.
    #[test]
    fn shares_tell_how_many_took_part_and_nothing_is_accounted_below_what_that_costs() {
        for (n, q, z, least) in [(5, 0.1, 1.5, 1.036), (10, 0.05, 1.0, 1.433)] {
            let (mut below, mut above) = (0.0, 10.0);
            while above - below > 1e-6 {
                let middle = 0.5 * (below + above);
                let passes = divergence_of_shares(n, q, z, middle) > 1e-5;
                *(if passes { &mut below } else { &mut above }) = middle;
            }
            assert!((above - least).abs() < 1e-3, "{above} {least}");
            for sampling in ["poisson", "fixed"] {
                let text = SOUND
                    .replace("clients = 100", &format!("clients = {n}"))
                    .replace("poisson", sampling)
                    .replace("fraction = 0.2", &format!("fraction = {q}"))
                    .replace("clip", "noise-at = \"clients\"\nclip")
                    .replace("noise-multiplier = 1.0", &format!("noise-multiplier = {z}"));
                let protection = protection(&text);
                let mut ledger = protection.ledger();
                ledger.record(protection.event(), protection.distance()).unwrap();
                let (accounted, _) = ledger.epsilon(&mut Accountant::default()).unwrap();
                assert!(accounted > above, "{n} {sampling}: {accounted} below {above}");
            }
        }
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
            ("bit-noise = 0.5", "raise bit-noise above 0.5"),
            ("bit-noise = -1.0", "bit-noise is -1"),
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
        // Noise that nobody typed is not named.
        for target in ["1e-12", "1e-15"] {
            conflict(
                "noise-multiplier = 1.0",
                &format!("target-epsilon = {target}"),
                ["target-epsilon", "fraction-bits"],
                ["grid steps, cannot be drawn", "raise the target"],
            );
        }
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

    /// Whatever the unit: that there is a category tells that a client has it.
    #[test]
    fn a_vocabulary_of_private_rows_is_refused() {
        let table =
            "source = \"csv\"\nstandardize = \"none\"\npath = \"a.csv\"\nlabel = \"y\"\nnumeric = [\"x\"]\n";
        let classes = "classes = [\"no\", \"yes\"]\n";
        let by_example = SOUND
            .replace("minimum = 1\n", "")
            .replace("[privacy]", "[privacy]\nunit = \"example\"\nrows-per-client = 50");
        for plan in [SOUND, &by_example] {
            let with = |keys: &str| plan.replace("source = \"digits\"\n", &format!("{table}{keys}"));
            for (keys, column) in [
                (classes.to_owned() + "[data.categorical]\nstate = []\n", "the categories of state"),
                (String::new(), "the categories of y"),
            ] {
                let message = Plan::parse(&with(&keys)).unwrap_err().to_string();
                assert!(message.contains("`source`") && message.contains("`unit`"), "{message}");
                assert!(message.contains(column) && message.contains("declare them"), "{message}");
            }
            let declared = classes.to_owned() + "[data.categorical]\nstate = [\"a\", \"b\"]\n";
            Plan::parse(&with(&declared)).unwrap();
        }
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
