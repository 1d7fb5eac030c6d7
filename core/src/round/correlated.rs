//! Noise that is correlated over the rounds: what the coordinator remembers of it, and how that is kept.

use crate::plan::CorrelatedSource;
use crate::privacy::NoiseStream;
use std::fmt;
use zeroize::Zeroizing;

/// What must be kept of correlated noise. It tells the noise of past rounds: it does not print, and is wiped when dropped.
#[derive(Clone, PartialEq)]
pub struct NoiseState(Zeroizing<Vec<u8>>);

impl NoiseState {
    /// Takes up what [`NoiseState::as_bytes`] gave.
    pub fn from_bytes(bytes: Vec<u8>) -> NoiseState {
        NoiseState(Zeroizing::new(bytes))
    }

    /// The bytes, to be kept as secret as the coordinator itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NoiseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoiseState").finish_non_exhaustive()
    }
}

/// The generator of a federation's noise.
#[derive(Clone)]
pub(super) struct Correlated {
    source: CorrelatedSource,
}

impl Correlated {
    pub(super) fn new(source: CorrelatedSource) -> Correlated {
        Correlated { source }
    }

    /// The generator as it was after so many rounds; `None` if the state is another one's.
    pub(super) fn resume(
        mut source: CorrelatedSource,
        state: &NoiseState,
        rounds: u32,
    ) -> Option<Correlated> {
        source.noise.restore(state.as_bytes()).ok()?;
        (source.noise.rounds() == u64::from(rounds)).then_some(Correlated { source })
    }

    pub(super) fn state(&self) -> NoiseState {
        NoiseState(self.source.noise.to_bytes())
    }

    /// The noise of the next round, on the grid, and its deviation over that of fresh noise.
    pub(super) fn next(&mut self, parameters: usize, stream: &mut NoiseStream) -> (Vec<i64>, f64) {
        let CorrelatedSource { noise, fresh, row_norms } = &mut self.source;
        let row_norm = row_norms.get(noise.rounds() as usize).copied().unwrap_or(1.0);
        let drawn = Zeroizing::new((0..parameters).map(|_| fresh.sample(stream)).collect::<Vec<i64>>());
        let added = noise.next(&drawn);
        (added.expect("the generator has the model's length, and 2^38 units are 4,000 deviations"), row_norm)
    }
}
