//! Noise that is correlated over the rounds (a matrix mechanism), as a plan asks for it.

use super::check::{Checker, Key};
use super::raw::{MatrixSection, PrivacySection};
use super::{CohortRule, Conflict, NoiseAt, PlanError, PrivacyFault, SamplingRule};
use crate::privacy::matrix::{Blt, CorrelatedNoise, Factor, MOST_FRACTION_BITS, MatrixError, Participation};
use crate::privacy::sampling::{DiscreteGaussian, Variance};

const MATRIX: Key = ("privacy", "matrix");
/// The most rounds for which a BLT factor is fitted: it takes a second.
const MOST_FITTED: u32 = 5_000;
/// The most bands and buffers: each is as large as the model.
const MOST_MEMORY: u32 = 1_024;
/// The widest band that is taken unasked.
const USUAL_BANDS: u32 = 32;
/// The most parameters of a model whose noise can be correlated.
const MOST_PARAMETERS: usize = 1 << 28;

/// A factor, and how often clients take part: what the sensitivity of all rounds together rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    factor: Factor,
    participation: Participation,
    sensitivity: f64,
}

/// A generator of correlated noise, the law of the fresh noise that it is fed with, and what it does to its deviation.
#[derive(Clone)]
pub(crate) struct CorrelatedSource {
    /// Turns fresh noise into the noise of a round.
    pub(crate) noise: CorrelatedNoise,
    /// Fresh noise, in the generator's units.
    pub(crate) fresh: DiscreteGaussian,
    /// For each round, the deviation of its noise over that of fresh noise on the grid.
    pub(crate) row_norms: Vec<f64>,
}

impl Correlation {
    /// How often clients take part, and how far apart.
    pub fn participation(&self) -> Participation {
        self.participation
    }

    /// How the noise is correlated.
    pub fn factor(&self) -> &Factor {
        &self.factor
    }

    /// What a client moves all rounds together by, over its clip.
    pub fn sensitivity(&self) -> f64 {
        self.sensitivity
    }

    /// The section with what was left out.
    pub(super) fn resolved(&self, given: &MatrixSection) -> MatrixSection {
        let bands = match self.factor {
            Factor::Banded { bands } => Some(bands as u32),
            Factor::SquareRoot | Factor::Blt(_) => None,
        };
        let participations = Some(self.participation.times() as u32);
        MatrixSection { participations, bands, ..given.clone() }
    }

    /// Fraction bits of the fresh noise so that it can be drawn, for noise of this multiplier and a clip of so many steps:
    /// as many as there is room for, because rounding adds to the sensitivity.
    fn fraction_bits(&self, noise_multiplier: f64, steps: f64) -> Option<u32> {
        let largest = CorrelatedNoise::rounding(self.participation.rounds(), MOST_PARAMETERS);
        let fits = |bits: u32| {
            let sensitivity = self.sensitivity * steps * f64::from(1_u32 << bits) + largest;
            noise_multiplier * sensitivity < Variance::LARGEST_DEVIATION - 4.0
        };
        (0..=MOST_FRACTION_BITS).rev().find(|bits| fits(*bits))
    }

    /// Where the noise of a model of so many parameters comes from; `None` for more than 2^28 of them, or for noise that
    /// cannot be drawn, which the plan has excluded.
    pub(crate) fn source(
        &self,
        noise_multiplier: f64,
        steps: f64,
        parameters: usize,
    ) -> Option<CorrelatedSource> {
        if parameters > MOST_PARAMETERS {
            return None;
        }
        let rounds = self.participation.rounds();
        let bits = self.fraction_bits(noise_multiplier, steps)?;
        let noise = CorrelatedNoise::new(&self.factor, parameters, bits).ok()?;
        let sensitivity =
            self.sensitivity * steps * f64::from(1_u32 << bits) + noise.added_sensitivity(rounds);
        // As for independent noise: Gaussian noise, rounded at random by a discrete Gaussian of parameter 4.
        let fresh = Variance::at_least((noise_multiplier * sensitivity).hypot(4.0)).ok()?;
        let mut square = 0.0;
        let row_norm = |value: f64| {
            square += value * value;
            f64::sqrt(square)
        };
        let row_norms = self.factor.inverse(rounds).into_iter().map(row_norm).collect();
        Some(CorrelatedSource { noise, fresh: DiscreteGaussian::new(fresh), row_norms })
    }
}

impl Checker {
    /// The correlation that the plan asks for. Its cohorts must be drawn so that clients rest in between.
    pub(super) fn correlation(
        &self,
        section: &PrivacySection,
        noise_at: NoiseAt,
        cohort: CohortRule,
    ) -> Result<Option<Correlation>, PlanError> {
        let Some(MatrixSection { separation, participations, bands, buffers }) = section.matrix else {
            return Ok(None);
        };
        if noise_at != NoiseAt::Coordinator {
            return Err(self.conflict(MATRIX, ("privacy", "noise-at"), Conflict::MatrixWithoutCoordinator));
        }
        if section.adaptive_clip.is_some() {
            return Err(self.conflict(MATRIX, ("privacy", "adaptive-clip"), Conflict::MatrixOfOneClip));
        }
        if cohort.sampling == SamplingRule::Poisson {
            return Err(self.conflict(MATRIX, ("cohort", "sampling"), Conflict::MatrixByCoins));
        }
        let faulty = |error: MatrixError| self.fault("privacy", "matrix", PrivacyFault::from(error).into());
        let rounds = self.raw.federation.rounds as usize;
        let participation = match participations {
            Some(times) => Participation::new(rounds, separation as usize, times as usize),
            None => Participation::every(rounds, separation as usize),
        };
        let participation = participation.map_err(faulty)?;
        self.enough_clients(cohort, participation)?;
        let factor = self.factor(participation, bands, buffers).map_err(|error| match error {
            FactorFault::Matrix(error) => faulty(error),
            FactorFault::Plan(error) => error,
        })?;
        let sensitivity = factor.sensitivity(&participation);
        Ok(Some(Correlation { factor, participation, sensitivity }))
    }

    fn factor(
        &self,
        participation: Participation,
        bands: Option<u32>,
        buffers: Option<u32>,
    ) -> Result<Factor, FactorFault> {
        let within = |size: u32, most: u32, range: &'static str| {
            self.within("privacy", "matrix", size, 1, most, range).map_err(FactorFault::Plan)
        };
        Ok(match (bands, buffers) {
            (Some(_), Some(_)) => {
                return Err(FactorFault::Plan(self.conflict(MATRIX, MATRIX, Conflict::BandsAndBuffers)));
            }
            (None, Some(buffers)) => {
                let rounds = self.raw.federation.rounds;
                self.within(
                    "federation",
                    "rounds",
                    rounds,
                    1,
                    MOST_FITTED,
                    "1 to 5,000 where buffers are fitted",
                )
                .map_err(FactorFault::Plan)?;
                Factor::Blt(Blt::fitted(&participation, buffers as usize)?)
            }
            (bands, None) => {
                let usual = (participation.separation() as u32).min(USUAL_BANDS);
                let bands = bands.unwrap_or(usual);
                within(bands, MOST_MEMORY, "bands of 1 to 1,024")?;
                Factor::banded(bands as usize)?
            }
        })
    }

    /// So many clients that each can rest for as long as the separation asks, and that nobody has to take part too often.
    fn enough_clients(&self, cohort: CohortRule, participation: Participation) -> Result<(), PlanError> {
        let clients = self.raw.cohort.wait_for.or(self.raw.partition.clients).unwrap_or(1);
        let (asked, clients) = (u64::from(cohort.selected(clients)), u64::from(clients));
        let resting = asked * (participation.separation() as u64);
        let turns = (asked * participation.rounds() as u64).div_ceil(participation.times() as u64);
        let needed = resting.max(turns);
        if needed > clients {
            let conflict = Conflict::TooFewToRest { asked, clients, needed };
            return Err(self.conflict(MATRIX, ("cohort", "fraction"), conflict));
        }
        Ok(())
    }

    /// Noise of this multiplier can be drawn for a clip of so many steps.
    pub(super) fn correlated_noise_fits(
        &self,
        correlation: &Correlation,
        noise_multiplier: f64,
        steps: f64,
    ) -> Result<(), PlanError> {
        match correlation.fraction_bits(noise_multiplier, steps) {
            Some(_) => Ok(()),
            None => {
                let deviation = noise_multiplier * correlation.sensitivity * steps;
                let key = self.noise_key();
                let (key, conflict) = match key.1 {
                    "target-epsilon" => (key, Conflict::TargetOffGrid { deviation }),
                    _ => (MATRIX, Conflict::NoiseOffGrid { deviation }),
                };
                Err(self.conflict(key, ("encoding", "fraction-bits"), conflict))
            }
        }
    }
}

enum FactorFault {
    Matrix(MatrixError),
    Plan(PlanError),
}

impl From<MatrixError> for FactorFault {
    fn from(error: MatrixError) -> FactorFault {
        FactorFault::Matrix(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Protection};
    use crate::privacy::matrix;

    const SOUND: &str = "\
[federation]
rounds = 40
[data]
source = \"digits\"
[partition]
clients = 100
[cohort]
fraction = 0.1
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.5
delta = 1e-5
noise-multiplier = 2.0
matrix = { separation = 10 }
";

    fn protection(matrix: &str) -> Protection {
        let text = SOUND.replace("matrix = { separation = 10 }", matrix);
        Plan::parse(&text).unwrap().protection().unwrap().clone()
    }

    #[test]
    fn all_rounds_together_are_one_release_without_amplification() {
        let banded = protection("matrix = { separation = 10 }");
        assert_eq!(banded.event(), matrix::event(2.0).unwrap());
        assert!(!banded.hides_cohorts() && banded.releases(0) == 0 && banded.releases(40) == 1);
        let correlation = banded.correlation().unwrap();
        assert_eq!(correlation.participation(), Participation::new(40, 10, 4).unwrap());
        let coefficients = correlation.factor().coefficients(40);
        // Bands as wide as the separation do not overlap: four participations of norm |c| each.
        let norm: f64 = coefficients.iter().map(|c| c * c).sum();
        assert!((correlation.sensitivity() - (4.0 * norm).sqrt()).abs() < 1e-12);
        assert_eq!(coefficients.iter().filter(|c| **c > 0.0).count(), 10);

        let blt = protection("matrix = { separation = 10, participations = 4, buffers = 2 }");
        let loss = |protection: &Protection| {
            let correlation = protection.correlation().unwrap();
            correlation.factor().loss(&correlation.participation()).root_mean_square
        };
        let independent = protection("matrix = { separation = 10, bands = 1 }");
        assert!(loss(&banded) < 0.8 * loss(&independent) && loss(&blt) < 0.8 * loss(&independent));
    }

    #[test]
    fn fresh_noise_covers_the_sensitivity_and_its_rounding() {
        let protection = protection("matrix = { separation = 10 }");
        let source = protection.correlated_source(1210).unwrap();
        let unit = f64::from(1_u32 << source.noise.fraction_bits());
        let steps = 0.5 * f64::from(1 << 24);
        let needed = protection.correlation().unwrap().sensitivity() * steps * unit
            + source.noise.added_sensitivity(40);
        let deviation = source.fresh.variance().to_f64().sqrt();
        assert!(deviation >= 2.0 * needed && deviation < 2.0 * needed * 1.001, "{deviation} {needed}");
        assert!(source.row_norms[0] == 1.0 && source.row_norms.windows(2).all(|pair| pair[1] >= pair[0]));
        assert!(protection.correlated_source(MOST_PARAMETERS + 1).is_none());
    }

    #[test]
    fn a_target_is_met_by_the_whole_run() {
        let text = SOUND.replace("noise-multiplier = 2.0", "target-epsilon = 3.0");
        let plan = Plan::parse(&text).unwrap();
        let spent = plan.protection().unwrap().ledger();
        let event = plan.protection().unwrap().event();
        let next = spent.next(&[event], 0.0, &mut crate::privacy::accounting::Accountant::default());
        assert!(matches!(next, Ok(crate::privacy::Next::Fits(epsilon)) if epsilon > 2.99), "{next:?}");
        assert!(plan.to_toml().contains("participations = 4\nbands = 10"), "{}", plan.to_toml());
        assert_eq!(Plan::parse(&plan.to_toml()).unwrap().digest(), plan.digest());
    }

    #[test]
    fn what_the_mechanism_does_not_rest_on_is_refused() {
        let refused = |replace: &str, with: &str, words: &[&str]| {
            assert!(SOUND.contains(replace), "{replace}");
            let message = Plan::parse(&SOUND.replace(replace, with)).unwrap_err().to_string();
            assert!(words.iter().all(|words| message.contains(words)), "{message}");
        };
        let matrix = "matrix = { separation = 10 }";
        refused("clip =", "noise-at = \"clients\"\nclip =", &["`matrix`", "`noise-at`", "coordinator"]);
        refused("fraction = 0.1", "fraction = 0.1\nsampling = \"poisson\"", &["`sampling`", "rest"]);
        refused(matrix, "adaptive-clip = {}\nmatrix = { separation = 10 }", &["`adaptive-clip`", "one clip"]);
        refused("fraction = 0.1", "fraction = 0.2", &["`fraction`", "20 of 100 clients", "200"]);
        let few = "matrix = { separation = 10, participations = 3 }";
        refused(matrix, few, &["10 of 100 clients", "134"]);
        refused(matrix, "matrix = { separation = 0 }", &["`matrix` in [privacy]", "at least 0 rounds apart"]);
        refused(matrix, "matrix = { separation = 10, participations = 5 }", &["do not fit into 40 rounds"]);
        refused(matrix, "matrix = { separation = 10, bands = 0 }", &["bands of 1 to 1,024"]);
        refused(matrix, "matrix = { separation = 10, buffers = 0 }", &["1 to 16 buffers"]);
        refused(matrix, "matrix = { separation = 10, bands = 2, buffers = 2 }", &["both bands and buffers"]);
        refused(
            "noise-multiplier = 2.0",
            "noise-multiplier = 200.0",
            &["`fraction-bits`", "cannot be drawn"],
        );
    }
}
