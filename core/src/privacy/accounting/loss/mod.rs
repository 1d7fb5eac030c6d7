//! Privacy loss distributions: the tight accountant.
//!
//! A mechanism becomes a dominating pair on a lattice of losses (`pair`, by connect-the-dots), compositions are
//! convolutions (`compose`, by FFT of the tilted law), and both directions of the neighbouring relation are
//! followed; the larger epsilon counts. Everything is pessimistic: discretisation, truncation, wrapping and rounding can only
//! raise the result.
//!
//! Sources: Koskela, Jälkö and Honkela 2020; Zhu, Dong and Wang 2022; Doroshenko et al. 2022.

mod compose;
mod continuous;
mod gaussian;
mod integer;
mod laplace;
mod pair;
mod release;
mod tilt;

use realfft::RealFftPlanner;

use super::error::AccountingError;
use crate::privacy::event::Event;
use compose::{Composition, LARGEST_WINDOW};
use release::Release;
use tilt::{Term, tilt_for_delta, tilt_for_epsilon};

/// How fine the lattice of losses is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grid {
    /// As fine as the answer needs: the lattice adds at most about 1e-5 of epsilon.
    Automatic,
    /// This step, unless the transform would pass a million points.
    Step(f64),
}

/// The privacy loss accountant. It keeps the plans of its transforms, so that later questions are cheaper.
pub struct PrivacyLoss {
    grid: Grid,
    planner: RealFftPlanner<f64>,
}

/// What the lattice may add to epsilon, as a part of it.
const PRECISION: f64 = 1e-5;
const FINEST: f64 = 1e-8;
const COARSEST: f64 = 4e-3;
/// The share of delta that truncating the tails of all releases together may cost.
const TRUNCATED_SHARE: f64 = 1e-7;

impl PrivacyLoss {
    /// An accountant on a grid.
    pub fn new(grid: Grid) -> PrivacyLoss {
        PrivacyLoss { grid, planner: RealFftPlanner::new() }
    }

    /// Epsilon at `delta`; `None` if an event has no privacy loss distribution here (noise in shares over many
    /// dimensions, or more lattice atoms than fit). Infinite if `delta` is below the probability of an infinite loss.
    ///
    /// # Errors
    /// A delta outside (0, 1), no events, or too many releases.
    pub fn epsilon(&mut self, events: &[Event], delta: f64) -> Result<Option<f64>, AccountingError> {
        if !(delta > 0.0 && delta < 1.0) {
            return Err(AccountingError::Delta(delta));
        }
        let releases = super::check_releases(events)?;
        let tail = (TRUNCATED_SHARE * delta / releases as f64).max(1e-280);
        let question = Question {
            tilt: &|terms| tilt_for_delta(terms, delta.ln()),
            answer: &|composition| composition.epsilon(delta),
            scale: &|epsilon| epsilon,
        };
        Ok(self.largest(events, tail, &question))
    }

    /// Delta at `epsilon`; `None` as for [`PrivacyLoss::epsilon`].
    ///
    /// # Errors
    /// A negative or infinite epsilon, no events, or too many releases.
    pub fn delta(&mut self, events: &[Event], epsilon: f64) -> Result<Option<f64>, AccountingError> {
        if !(epsilon >= 0.0 && epsilon.is_finite()) {
            return Err(AccountingError::Epsilon(epsilon));
        }
        let releases = super::check_releases(events)? as f64;
        let mut tail = 1e-16 / releases;
        let question = Question {
            tilt: &|terms| tilt_for_epsilon(terms, epsilon),
            answer: &|composition| composition.delta(epsilon),
            scale: &|_| epsilon.max(1e-3),
        };
        loop {
            let delta = self.largest(events, tail, &question);
            // What truncation cost is known only now; if it is a visible part of the answer, truncate less.
            match delta {
                Some(delta) if 2.0 * tail * releases > 1e-6 * delta && tail > 1e-270 => {
                    tail = (0.1 * TRUNCATED_SHARE * delta / releases).max(1e-280);
                }
                other => return Ok(other),
            }
        }
    }

    /// The larger answer of the two directions, on a lattice as fine as wanted and possible.
    ///
    /// Dividing a mass among two dots `h` apart adds at most `h^2 / 4` to a variance and so, for `T` releases and tilt
    /// `lambda`, about `T lambda (lambda + 1) h^2 / 8` to `K`, or `T (lambda + 1) h^2 / 8` to epsilon. A first answer on a rough
    /// lattice says which `h` keeps that below [`PRECISION`].
    fn largest(&mut self, events: &[Event], tail: f64, question: &Question) -> Option<f64> {
        let releases: Vec<(Release, u64)> = merged(events)
            .into_iter()
            .map(|event| Some((Release::new(&event, tail)?, event.count())))
            .collect::<Option<_>>()?;
        let count: f64 = releases.iter().map(|(_, count)| *count as f64).sum();
        let mut step = self.first_step(&releases, tail);
        let mut finest = FINEST;
        let mut known = None;
        for _ in 0..12 {
            match self.largest_on(&releases, step, tail, question) {
                Ok((answer, lambda)) => {
                    known = Some(answer);
                    let budget = 8.0 * PRECISION * (question.scale)(answer) / (count * (lambda + 1.0));
                    let wanted = budget.sqrt().min(COARSEST).max(finest);
                    if self.grid != Grid::Automatic || answer == 0.0 || step <= 1.1 * wanted {
                        break;
                    }
                    step = aligned(&releases, wanted);
                }
                // A window that is too wide says by how much.
                Err(width) => {
                    step *= (1.1 * width / LARGEST_WINDOW as f64).max(1.25);
                    finest = step;
                }
            }
        }
        known
    }

    /// The larger answer on one lattice, and how steeply its law was tilted.
    fn largest_on(
        &mut self,
        releases: &[(Release, u64)],
        step: f64,
        tail: f64,
        question: &Question,
    ) -> Result<(f64, f64), f64> {
        let forward: Vec<Term> = releases
            .iter()
            .map(|(release, count)| Term { pair: release.pair(step, tail), count: *count })
            .collect();
        let largest = self.direction(&forward, question)?;
        if releases.iter().all(|(release, _)| release.symmetric()) {
            return Ok(largest);
        }
        let backward: Vec<Term> =
            forward.iter().map(|term| Term { pair: term.pair.reversed(), count: term.count }).collect();
        let other = self.direction(&backward, question)?;
        Ok(if other.0 > largest.0 { other } else { largest })
    }

    fn direction(&mut self, terms: &[Term], question: &Question) -> Result<(f64, f64), f64> {
        let lambda = (question.tilt)(terms);
        let composition =
            Composition::new(terms, lambda, &mut self.planner).map_err(|too_wide| too_wide.0)?;
        Ok(((question.answer)(&composition), composition.lambda()))
    }

    fn first_step(&self, releases: &[(Release, u64)], tail: f64) -> f64 {
        if let Grid::Step(step) = self.grid {
            return step;
        }
        let deviations = releases.iter().map(|(release, _)| release.deviation(tail));
        let step = deviations.fold(f64::INFINITY, f64::min) / FIRST_STEPS_IN_DEVIATION;
        aligned(releases, step.clamp(FINEST, COARSEST))
    }
}

/// How many steps of the first lattice make up the standard deviation of one loss.
const FIRST_STEPS_IN_DEVIATION: f64 = 24.0;

/// What is asked of a composition.
struct Question<'a> {
    /// The tilt under which it is answered best.
    tilt: &'a dyn Fn(&[Term]) -> f64,
    /// The answer.
    answer: &'a dyn Fn(&Composition) -> f64,
    /// The epsilon, known from the question or the answer, of which the lattice may cost a small part.
    scale: &'a dyn Fn(f64) -> f64,
}

/// The largest step up to `step` that divides what the losses of atoms are multiples of: an atom off the lattice
/// would be torn in two.
fn aligned(releases: &[(Release, u64)], step: f64) -> f64 {
    let unit = releases.iter().find_map(|(release, _)| release.unit()).unwrap_or(0.0);
    if unit > step { unit / (unit / step).ceil() } else { step }
}

/// Equal releases in one event each.
fn merged(events: &[Event]) -> Vec<Event> {
    let mut merged: Vec<Event> = Vec::new();
    for event in events {
        match merged.iter_mut().find(|known| known.same_release(event)) {
            // The sum was checked to be within bounds; were it not, two entries are right as well.
            Some(known) => match known.repeated(known.count() + event.count()) {
                Ok(sum) => *known = sum,
                Err(_) => merged.push(*event),
            },
            None => merged.push(*event),
        }
    }
    merged
}
