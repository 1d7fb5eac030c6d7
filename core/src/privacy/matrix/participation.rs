//! How often one unit may take part: what the sensitivity of a matrix mechanism rests on.

use super::MatrixError;

/// In `rounds` rounds a unit takes part at most `times` times, any two of them at least `separation` rounds apart.
/// The cohort rule has to enforce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Participation {
    rounds: usize,
    separation: usize,
    times: usize,
}

/// The most rounds.
pub const MOST_ROUNDS: usize = 1 << 20;

impl Participation {
    /// Checks a participation.
    ///
    /// # Errors
    /// [`MatrixError::Participation`] unless all are 1 or more, rounds at most [`MOST_ROUNDS`], and the participations fit
    /// into the rounds.
    pub fn new(rounds: usize, separation: usize, times: usize) -> Result<Participation, MatrixError> {
        let fits = (1..=MOST_ROUNDS).contains(&rounds) && separation >= 1 && times >= 1;
        let last = times.saturating_sub(1).checked_mul(separation);
        if fits && last.is_some_and(|last| last < rounds) {
            Ok(Participation { rounds, separation, times })
        } else {
            Err(MatrixError::Participation { rounds, separation, times })
        }
    }

    /// One participation in all.
    ///
    /// # Errors
    /// As [`Participation::new`].
    pub fn once(rounds: usize) -> Result<Participation, MatrixError> {
        Participation::new(rounds, rounds, 1)
    }

    /// As many participations as fit at this distance.
    ///
    /// # Errors
    /// As [`Participation::new`].
    pub fn every(rounds: usize, separation: usize) -> Result<Participation, MatrixError> {
        Participation::new(rounds, separation, rounds.div_ceil(separation.max(1)))
    }

    /// How many rounds there are.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// How many rounds at least lie between the beginnings of two participations.
    pub fn separation(&self) -> usize {
        self.separation
    }

    /// How often at most.
    pub fn times(&self) -> usize {
        self.times
    }
}
