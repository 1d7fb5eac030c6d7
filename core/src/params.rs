//! `Params`: one flat vector of `f32` with a layout. The only shape in which models travel.

use sha2::{Digest, Sha256};
use std::sync::Arc;

/// One named tensor inside a flat vector of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The name that it has in a model file, for example `0.weight`.
    pub name: String,
    /// Its dimensions in memory, slowest first. The weight of a dense layer is `[inputs, outputs]`.
    pub shape: Vec<usize>,
    /// Where it begins in the flat vector.
    pub offset: usize,
}

impl Tensor {
    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds no number at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its place in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// Which tensors a vector of parameters consists of, one behind the other, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    len: usize,
}

impl Layout {
    /// Lays tensors of these names and shapes one behind the other.
    pub fn new(tensors: impl IntoIterator<Item = (String, Vec<usize>)>) -> Layout {
        let mut len = 0;
        let tensors = tensors
            .into_iter()
            .map(|(name, shape)| {
                let tensor = Tensor { name, shape, offset: len };
                len += tensor.len();
                tensor
            })
            .collect();
        Layout { tensors, len }
    }

    /// The tensors in their order in memory.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// How many parameters there are in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The parameters of a model: one flat vector, and the layout that says which number is what.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    values: Vec<f32>,
    layout: Arc<Layout>,
}

/// Why a vector cannot be the parameters of a layout.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParamsError {
    /// The vector is too long or too short.
    #[error("expected {expected} parameters, found {found}: the vector belongs to another architecture")]
    WrongLength {
        /// How many the layout has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
}

impl Params {
    /// The SHA-256 of the values, little-endian, in their order: two models of one layout with one digest are the same.
    pub fn digest(&self) -> [u8; 32] {
        const BATCH: usize = 1024;
        let mut hasher = Sha256::new();
        let mut bytes = [0; 4 * BATCH];
        for values in self.values().chunks(BATCH) {
            let (words, _) = bytes.as_chunks_mut::<4>();
            words.iter_mut().zip(values).for_each(|(word, value)| *word = value.to_le_bytes());
            hasher.update(&bytes[..4 * values.len()]);
        }
        hasher.finalize().into()
    }

    /// All zeros.
    pub fn zeros(layout: Arc<Layout>) -> Params {
        Params { values: vec![0.0; layout.len()], layout }
    }

    /// Takes a flat vector that has as many numbers as the layout says.
    pub fn new(layout: Arc<Layout>, values: Vec<f32>) -> Result<Params, ParamsError> {
        if values.len() == layout.len() {
            Ok(Params { values, layout })
        } else {
            Err(ParamsError::WrongLength { expected: layout.len(), found: values.len() })
        }
    }

    /// The layout.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// All numbers in the order of the layout.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All numbers, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Whether all of them are finite.
    pub fn are_finite(&self) -> bool {
        // Without stopping at the first: that way the compiler looks at many at once.
        self.values.iter().fold(true, |finite, value| finite & value.is_finite())
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_lie_one_behind_the_other() {
        let layout = Layout::new([("0.weight".into(), vec![3, 2]), ("0.bias".into(), vec![2])]);
        assert_eq!(layout.len(), 8);
        assert_eq!(layout.tensors()[1].range(), 6..8);
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let layout = Arc::new(Layout::new([("0.bias".into(), vec![2])]));
        let refused = Params::new(layout, vec![0.0; 3]);
        assert_eq!(refused, Err(ParamsError::WrongLength { expected: 2, found: 3 }));
    }
}
