//! From `[secure-aggregation]` as typed to a [`Masking`] that the rest of the plan keeps.

use super::check::{Checker, Key};
use super::raw::AdversaryName;
use super::{
    CohortRule, Conflict, NoiseAt, PlanError, Protection, RoundProtection, SamplingRule, VOTE, ValueFault,
    Weights,
};
use crate::aggregation::WordLayout;
use crate::encoding::FixedPoint;
use crate::secagg::{Adversary, Assumptions, Parameters, ParametersError, Ring, SumBound};
use std::time::Duration;

/// How a federation hides updates from its coordinator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masking {
    assumptions: Assumptions,
    ring: Ring,
    contributions: u32,
    stage_deadline: Duration,
}

/// What is known of the masks before it is known what they hide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Graphs {
    assumptions: Assumptions,
    /// How many clients a round asks; by coins, on average.
    asked: u32,
}

const SECTION: &str = "secure-aggregation";
const ADVERSARIES: Key = (SECTION, "adversarial-fraction");
const DROPOUTS: Key = (SECTION, "dropout-fraction");
const BITS: Key = (SECTION, "bits");
const MINIMUM: Key = ("cohort", "minimum");
const FRACTION: Key = ("cohort", "fraction");
const GRID: Key = ("encoding", "fraction-bits");

/// More coordinates than any model has.
const COORDINATES: usize = u32::MAX as usize;

impl Masking {
    /// What the graphs of its rounds are built on.
    pub fn assumptions(&self) -> Assumptions {
        self.assumptions
    }

    /// The ring in which updates are added: it holds the sum of the largest cohort, and its noise.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// How updates of so many parameters are written in it.
    pub fn layout(&self, parameters: usize) -> WordLayout {
        WordLayout::new(parameters, self.ring, self.contributions)
    }

    /// How long each stage after the first one waits.
    pub fn stage_deadline(&self) -> Duration {
        self.stage_deadline
    }
}

impl Graphs {
    /// How many participants of the smallest round are no adversaries.
    pub(super) fn honest(&self, minimum: u32) -> u32 {
        minimum.saturating_sub(self.adversaries())
    }

    pub(super) fn adversaries(&self) -> u32 {
        self.assumptions.adversaries(self.asked)
    }

    pub(super) fn asked(&self) -> u32 {
        self.asked
    }
}

impl Checker {
    /// What the plan's masks assume of its rounds. None if it has none.
    pub(super) fn graphs(&self, cohort: CohortRule) -> Result<Option<Graphs>, PlanError> {
        let Some(section) = &self.raw.secure_aggregation else { return Ok(None) };
        if cohort.over_selection > 1.0 {
            let reserve = ("cohort", "over-selection");
            return Err(self.conflict(reserve, DROPOUTS, Conflict::ReserveUnderMasks));
        }
        let week = 7 * 24 * 3600;
        self.within(SECTION, "stage-seconds", section.stage_seconds, 1, week, "1 to 604,800, a week")?;
        let adversary = match section.coordinator {
            AdversaryName::Curious => Adversary::Curious,
            AdversaryName::Lying => Adversary::Lying,
        };
        for (key, fraction) in
            [(ADVERSARIES, section.adversarial_fraction), (DROPOUTS, section.dropout_fraction)]
        {
            Assumptions::new(fraction, 0.0, adversary)
                .map_err(|error| self.fault(key.0, key.1, ValueFault::SecureAggregation(error)))?;
        }
        let assumptions = Assumptions::new(section.adversarial_fraction, section.dropout_fraction, adversary)
            .map_err(|error| self.fault(SECTION, ADVERSARIES.1, ValueFault::SecureAggregation(error)))?;

        let clients = self.raw.partition.clients.expect("the number of clients is checked before");
        let fewest = self.raw.cohort.wait_for.unwrap_or(clients);
        for asked in [asked_of(cohort, clients), asked_of(cohort, fewest)] {
            self.check_threshold(&assumptions, asked)?;
        }
        Ok(Some(Graphs { assumptions, asked: asked_of(cohort, clients) }))
    }

    fn check_threshold(&self, assumptions: &Assumptions, asked: u32) -> Result<(), PlanError> {
        let parameters = assumptions.parameters(asked).map_err(|error| match error {
            ParametersError::TooFewClients { .. } => {
                let conflict = Conflict::NobodyHides { asked, fewest: Parameters::FEWEST };
                self.conflict(ADVERSARIES, FRACTION, conflict)
            }
            error => self.fault(SECTION, ADVERSARIES.1, ValueFault::SecureAggregation(error)),
        })?;
        let (threshold, minimum) = (parameters.threshold, self.raw.cohort.minimum);
        let least = threshold.max(Parameters::FEWEST);
        if minimum < least {
            let conflict = Conflict::MinimumBelowThreshold { asked, threshold, minimum, least };
            return Err(self.conflict(MINIMUM, ADVERSARIES, conflict));
        }
        Ok(())
    }

    /// The masks, wide enough for what they hide. Fills in the bits that the plan leaves open.
    pub(super) fn masking(
        &mut self,
        graphs: Option<Graphs>,
        cohort: CohortRule,
        weights: Weights,
        grid: FixedPoint,
        protection: Option<&Protection>,
    ) -> Result<Option<Masking>, PlanError> {
        let (Some(Graphs { assumptions, .. }), Some(section)) = (graphs, &self.raw.secure_aggregation) else {
            return Ok(None);
        };
        let clients = self.raw.partition.clients.expect("the number of clients is checked before");
        let contributions = cohort.selected(clients);
        let bound = sum_bound(contributions, weights, grid, protection);
        let narrowest =
            Ring::for_sum(&bound).map_err(|error| self.fault(GRID.0, GRID.1, ValueFault::Ring(error)))?;
        let ring = match section.bits {
            None => narrowest,
            Some(bits) => {
                let ring = Ring::new(bits).ok_or_else(|| {
                    let found = bits.to_string();
                    self.fault(BITS.0, BITS.1, ValueFault::OutOfRange { range: "16 to 32, or 64", found })
                })?;
                let (largest, needed) = (bound.largest(), narrowest.bits());
                if !ring.holds(largest) {
                    let conflict = Conflict::SumBeyondRing { largest, bits, needed };
                    return Err(self.conflict(BITS, GRID, conflict));
                }
                ring
            }
        };
        let stage_deadline = Duration::from_secs(section.stage_seconds);
        if let Some(section) = &mut self.raw.secure_aggregation {
            section.bits = Some(ring.bits());
        }
        Ok(Some(Masking { assumptions, ring, contributions, stage_deadline }))
    }
}

/// How many clients a round asks when so many are enrolled; by coins, on average.
fn asked_of(cohort: CohortRule, enrolled: u32) -> u32 {
    match cohort.sampling {
        SamplingRule::Poisson => cohort.wanted(enrolled),
        SamplingRule::Fixed | SamplingRule::All => cohort.selected(enrolled),
    }
}

/// What a sum of so many contributions may come to, in steps of the grid.
fn sum_bound(
    contributions: u32,
    weights: Weights,
    grid: FixedPoint,
    protection: Option<&Protection>,
) -> SumBound {
    // Where single examples are protected, what is clipped is their gradients, not the update.
    let protection = protection.filter(|protection| protection.examples().is_none());
    let widest = protection.map(Protection::widest);
    let votes = widest.as_ref().and_then(RoundProtection::votes);
    let largest = match &widest {
        // A vector is no shorter than its largest coordinate.
        Some(widest) => (widest.clip().norm() * grid.scale()).floor(),
        None => f64::from(grid.limit()),
    };
    let largest = largest.max(votes.map_or(0.0, |_| f64::from(VOTE)));
    let noise = widest.as_ref().filter(|widest| widest.noise_at() != NoiseAt::Coordinator);
    let noise_of_one = noise.map_or(0.0, |widest| {
        let updates = widest.noise().variance().to_f64();
        updates.max(votes.map_or(0.0, |noise| noise.variance().to_f64()))
    });
    SumBound {
        magnitude: f64::from(contributions) * f64::from(weights.largest()) * largest,
        noise_variance: f64::from(contributions) * noise_of_one,
        coordinates: COORDINATES,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{NoiseAt, Plan};
    use crate::privacy::{Neighbouring, Sampling};
    use crate::secagg::Ring;

    const SOUND: &str = "\
[data]
source = \"digits\"
[partition]
clients = 20
[cohort]
fraction = 0.5
minimum = 8
[aggregation]
weights = \"uniform\"
[encoding]
fraction-bits = 16
largest = 2.0
[secure-aggregation]
dropout-fraction = 0.2
";
    const PRIVATE: &str = "[privacy]\nclip = 0.5\ndelta = 1e-5\nnoise-multiplier = 1.0\n";

    fn changed(replace: &str, with: &str) -> String {
        assert!(SOUND.contains(replace), "{replace}");
        SOUND.replace(replace, with)
    }

    fn bits(text: &str) -> u32 {
        Plan::parse(text).unwrap().masking().unwrap().ring().bits()
    }

    /// Refused with both keys named, and with these words on why and how to mend it.
    fn conflict(text: &str, keys: [&str; 2], words: [&str; 2]) {
        let message = Plan::parse(text).unwrap_err().to_string();
        let named = keys.iter().all(|key| message.contains(&format!("`{key}`")));
        assert!(named && words.iter().all(|words| message.contains(words)), "{message}");
    }

    #[test]
    fn the_ring_is_as_narrow_as_the_sum_of_a_cohort_allows() {
        // 10 updates of 2^17 steps: 1.3e6, below 2^21.
        assert_eq!(bits(SOUND), 22);
        assert_eq!(bits(&changed("[secure", "[tune]\n[secure")), 22);
        let heavy = changed("weights = \"uniform\"", "weights = \"examples\"\nweight-cap = 100");
        assert_eq!(bits(&heavy), 28);
        assert_eq!(bits(&changed("fraction-bits = 16\nlargest = 2.0\n", "")), 64);
        assert_eq!(bits(&changed("[secure-aggregation]", "[secure-aggregation]\nbits = 32")), 32);
        // By coins, everybody may come.
        assert_eq!(bits(&changed("fraction = 0.5", "fraction = 0.5\nsampling = \"poisson\"")), 23);
    }

    #[test]
    fn the_clip_bounds_a_coordinate_and_noise_of_the_clients_needs_room() {
        let bare = changed("largest = 2.0\n", "");
        // 10 updates of 2^15 steps; noise of the coordinator comes after the sum.
        assert_eq!(bits(&format!("{bare}{PRIVATE}")), 20);
        let shares = format!("{bare}{PRIVATE}noise-at = \"clients\"\n");
        assert_eq!(bits(&shares), 21);
        // A clip that adapts may come to anything for which noise can be drawn: 2^26 steps.
        let adaptive = "adaptive-clip = { quantile = 0.5 }\n";
        assert_eq!(bits(&format!("{bare}{PRIVATE}{adaptive}")), 31);
        let plan = Plan::parse(&shares).unwrap();
        // Of ten one may be an adversary: seven of the eight that a round needs add their noise.
        assert_eq!(plan.protection().unwrap().noise_at(), NoiseAt::Clients { shares: 7 });
        assert!(plan.protection().unwrap().trusted().contains("clients"));
    }

    #[test]
    fn no_draw_hides_a_participant_from_the_others_of_a_masked_round() {
        for sampling in ["fixed", "poisson"] {
            let text = changed("fraction = 0.5", &format!("fraction = 0.5\nsampling = \"{sampling}\""));
            let text = text.replace("largest = 2.0\n", "");
            let plan = Plan::parse(&format!("{text}{PRIVATE}")).unwrap();
            let protection = plan.protection().unwrap();
            assert_eq!(protection.event().sampling(), &Sampling::All {});
            assert_eq!(protection.event().neighbouring(), Neighbouring::ZeroOut);
            assert!(!protection.hides_cohorts());
        }
    }

    #[test]
    fn what_is_found_stands_in_the_plan_that_is_shown() {
        let plan = Plan::parse(SOUND).unwrap();
        assert!(plan.to_toml().contains("bits = 22") && plan.to_toml().contains("coordinator = \"lying\""));
        let again = Plan::parse(&plan.to_toml()).unwrap();
        assert_eq!((again.digest(), again.masking()), (plan.digest(), plan.masking()));
        assert!(plan.unprotected().masking().is_none());
        assert_eq!(plan.masked_row().unwrap().unwrap().digest(), plan.digest());
        let private = format!("{}{PRIVATE}", changed("largest = 2.0\n", ""));
        let row = Plan::parse(&private).unwrap().masked_row().unwrap().unwrap();
        assert_eq!((row.protection(), row.masking().unwrap().ring()), (None, Ring::BITS_64));
        assert_eq!(plan.masking().unwrap().ring(), Ring::new(22).unwrap());
    }

    #[test]
    fn a_round_that_could_never_be_unmasked_is_refused() {
        conflict(
            &changed("minimum = 8", "minimum = 5"),
            ["minimum", "adversarial-fraction"],
            ["6 of a client's neighbours", "raise the minimum to 6"],
        );
        conflict(
            &changed("fraction = 0.5\nminimum = 8", "fraction = 0.1\nminimum = 2"),
            ["adversarial-fraction", "fraction"],
            ["a sum of fewer than 3 hides nobody", "ask more clients"],
        );
        conflict(
            &changed("fraction = 0.5", "fraction = 0.5\nover-selection = 1.5"),
            ["over-selection", "dropout-fraction"],
            ["nobody in reserve", "leave over-selection at 1"],
        );
        let vast = changed("dropout-fraction = 0.2", "dropout-fraction = 0.8");
        let message = Plan::parse(&vast).unwrap_err().to_string();
        assert!(message.contains("`adversarial-fraction`") && message.contains("no safe graph"), "{message}");
    }

    #[test]
    fn a_ring_that_is_too_narrow_is_refused() {
        conflict(
            &changed("[secure-aggregation]", "[secure-aggregation]\nbits = 21"),
            ["bits", "fraction-bits"],
            ["21 bits do not tell apart", "allow 22 bits"],
        );
        conflict(
            &format!("{SOUND}{PRIVATE}"),
            ["largest", "clip"],
            ["the clip bounds", "remove the largest"],
        );
    }

    #[test]
    fn noise_is_sized_for_the_honest_of_the_smallest_round() {
        let bare = changed("largest = 2.0\n", "");
        conflict(
            &format!("{bare}{PRIVATE}noise-at = \"clients\"\nnoise-shares = 8\n"),
            ["noise-shares", "minimum"],
            ["released with 7 that add theirs", "lower noise-shares"],
        );
        let coins = bare.replace("fraction = 0.5", "fraction = 0.5\nsampling = \"poisson\"");
        conflict(
            &format!("{coins}{PRIVATE}noise-at = \"clients\"\n"),
            ["noise-at", "sampling"],
            ["a draw by coins may ask more", "sample \"fixed\""],
        );
        let many = bare
            .replace("clients = 20", "clients = 1000")
            .replace("fraction = 0.5", "fraction = 1.0")
            .replace("minimum = 8", "minimum = 90")
            .replace("[secure-aggregation]\n", "[secure-aggregation]\ncoordinator = \"curious\"\n");
        conflict(
            &format!("{many}{PRIVATE}noise-at = \"clients\"\n"),
            ["minimum", "adversarial-fraction"],
            ["100 of 1000 clients may be adversaries", "raise the minimum"],
        );
    }

    #[test]
    fn numbers_that_cannot_be_are_named() {
        for (key, value) in [
            ("adversarial-fraction", "1.0"),
            ("adversarial-fraction", "nan"),
            ("bits", "15"),
            ("bits", "33"),
            ("stage-seconds", "0"),
        ] {
            let text = changed("[secure-aggregation]", &format!("[secure-aggregation]\n{key} = {value}"));
            let message = Plan::parse(&text).unwrap_err().to_string();
            assert!(message.contains(&format!("`{key}` in [secure-aggregation]")), "{message}");
        }
        let message = Plan::parse(&changed("dropout-fraction = 0.2", "dropout-fraction = -0.1"));
        assert!(message.unwrap_err().to_string().contains("`dropout-fraction` in [secure-aggregation]"));
        let message = Plan::parse(&changed("largest = 2.0", "largest = 0.0")).unwrap_err().to_string();
        assert!(message.contains("`largest` in [encoding]"), "{message}");
    }
}
