//! How features are seen.

use super::dataset::Features;

/// How the features of a row are seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum View {
    /// As stored.
    Stored,
    /// Multiplied by one factor.
    Scaled(f32),
}

impl View {
    /// What needs no statistic: bytes as shares of the largest possible one, floats as stored.
    pub(super) fn plain(features: &Features) -> View {
        match features {
            Features::Bytes { largest, .. } => View::Scaled(1.0 / f32::from(*largest)),
            Features::Floats(_) => View::Stored,
        }
    }

    pub(super) fn of_bytes(&self, stored: &[u8], out: &mut [f32]) {
        let factor = self.factor();
        for (out, &value) in out.iter_mut().zip(stored) {
            *out = f32::from(value) * factor;
        }
    }

    pub(super) fn of_floats(&self, stored: &[f32], out: &mut [f32]) {
        let factor = self.factor();
        for (out, &value) in out.iter_mut().zip(stored) {
            *out = value * factor;
        }
    }

    fn factor(&self) -> f32 {
        match self {
            View::Scaled(factor) => *factor,
            View::Stored => 1.0,
        }
    }
}
