//! Secret sharing (Shamir 1979): `t` shares of a secret give it back, `t - 1` say nothing about it.
//!
//! A secret of 32 bytes is cut into five limbs, each shared by a polynomial of its own with uniform coefficients.
//! The share of holder `x` is the value of the polynomials at `x`; a holder's index is its client number.

use super::field::Element;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The limbs of a secret: four of seven bytes, one of four.
pub(crate) const LIMBS: usize = 5;
const LIMB_BYTES: usize = 7;
/// The bytes of a secret.
pub(crate) const SECRET_LEN: usize = 32;

/// One holder's share of a secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Share([Element; LIMBS]);

/// Some shares do not give a secret.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CombineError {
    /// Fewer than the threshold.
    #[error("{found} shares are below the threshold of {threshold}")]
    TooFew { found: usize, threshold: usize },
    /// They lie on no polynomial that hides 32 bytes: one at least was altered.
    #[error("the shares are of no secret: one at least was altered")]
    Inconsistent,
}

impl Share {
    /// The bytes of a share.
    pub(crate) const LEN: usize = 8 * LIMBS;

    pub(crate) fn limb(&self, at: usize) -> Element {
        self.0[at]
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; Share::LEN]> {
        let mut bytes = Zeroizing::new([0; Share::LEN]);
        let (chunks, _) = bytes.as_chunks_mut::<8>();
        for (chunk, limb) in chunks.iter_mut().zip(&self.0) {
            *chunk = limb.number().to_le_bytes();
        }
        bytes
    }

    /// Reads a share. `None` if a number is no field element.
    pub(crate) fn from_bytes(bytes: &[u8; Share::LEN]) -> Option<Share> {
        let mut limbs = [Element::ZERO; LIMBS];
        let (chunks, _) = bytes.as_chunks::<8>();
        for (limb, chunk) in limbs.iter_mut().zip(chunks) {
            *limb = Element::from_canonical(u64::from_le_bytes(*chunk))?;
        }
        Some(Share(limbs))
    }
}

/// Shares a secret among holders, so that any `threshold` of them can give it back.
pub(crate) fn split(
    secret: &[u8; SECRET_LEN],
    threshold: usize,
    holders: &[u32],
    rng: &mut impl CryptoRng,
) -> Vec<Share> {
    let coefficients: Zeroizing<Vec<[Element; LIMBS]>> =
        Zeroizing::new((1..threshold).map(|_| std::array::from_fn(|_| Element::random(rng))).collect());
    split_with_random(secret, holders, &coefficients)
}

/// [`split`] with the coefficients of the powers from 1 on, for each limb.
fn split_with_random(
    secret: &[u8; SECRET_LEN],
    holders: &[u32],
    coefficients: &[[Element; LIMBS]],
) -> Vec<Share> {
    let constant = Zeroizing::new(limbs(secret));
    let at = |holder: &u32| {
        let x = index(*holder);
        let mut value = [Element::ZERO; LIMBS];
        for power in coefficients.iter().rev().chain([&*constant]) {
            for (value, coefficient) in value.iter_mut().zip(power) {
                *value = value.mul(x).add(*coefficient);
            }
        }
        Share(value)
    };
    holders.iter().map(at).collect()
}

/// The limbs' polynomials through as many shares as the threshold says.
pub(crate) struct Polynomials<'a> {
    shares: &'a [(u32, &'a Share)],
    /// Of each share, the inverse of the product of its holder's distances to the others (Berrut and Trefethen 2004,
    /// "Barycentric Lagrange Interpolation", section 3). Public: the holders alone make them.
    weights: Vec<Element>,
}

impl<'a> Polynomials<'a> {
    /// Through the first `threshold` of the shares. The holders must differ.
    pub(crate) fn through(
        threshold: usize,
        shares: &'a [(u32, &'a Share)],
    ) -> Result<Polynomials<'a>, CombineError> {
        let Some(shares) = shares.get(..threshold) else {
            return Err(CombineError::TooFew { found: shares.len(), threshold });
        };
        let distances = |(at, (holder, _)): (usize, &(u32, &Share))| {
            let others = shares.iter().enumerate().filter(|(other, _)| *other != at);
            others
                .fold(Element::ONE, |product, (_, (other, _))| product.mul(index(*holder).sub(index(*other))))
        };
        let mut weights = shares.iter().enumerate().map(distances).collect::<Vec<_>>();
        invert_all(&mut weights);
        Ok(Polynomials { shares, weights })
    }

    /// What is shared.
    pub(crate) fn secret(&self) -> Result<Zeroizing<[u8; SECRET_LEN]>, CombineError> {
        join(&self.value(Element::ZERO)).ok_or(CombineError::Inconsistent)
    }

    /// Whether a share lies on them.
    pub(crate) fn pass(&self, holder: u32, share: &Share) -> bool {
        if let Some((_, own)) = self.shares.iter().find(|(other, _)| *other == holder) {
            return own.0.iter().zip(&share.0).all(|(one, other)| one.is(*other));
        }
        let value = self.value(index(holder));
        value.iter().zip(&share.0).all(|(one, other)| one.is(*other))
    }

    /// The values at a place that is none of the holders'.
    fn value(&self, place: Element) -> Zeroizing<[Element; LIMBS]> {
        let distances = self.shares.iter().map(|(holder, _)| place.sub(index(*holder)));
        let mut inverses = distances.clone().collect::<Vec<_>>();
        invert_all(&mut inverses);
        let product = distances.fold(Element::ONE, Element::mul);
        let mut value = Zeroizing::new([Element::ZERO; LIMBS]);
        for ((inverse, weight), (_, share)) in inverses.iter().zip(&self.weights).zip(self.shares) {
            let factor = product.mul(*weight).mul(*inverse);
            for (sum, limb) in value.iter_mut().zip(&share.0) {
                *sum = sum.add(factor.mul(*limb));
            }
        }
        value
    }
}

/// Inverts elements, none of which is zero, for one inversion and three products each (Montgomery 1987, section 10.3.1).
fn invert_all(elements: &mut [Element]) {
    let mut products = Vec::with_capacity(elements.len());
    let mut product = Element::ONE;
    for element in elements.iter() {
        products.push(product);
        product = product.mul(*element);
    }
    let mut inverse = product.invert();
    for (element, product) in elements.iter_mut().zip(products).rev() {
        (*element, inverse) = (inverse.mul(product), inverse.mul(*element));
    }
}

/// The place of a holder's share.
pub(crate) fn index(holder: u32) -> Element {
    Element::from_canonical(u64::from(holder)).expect("32 bits are below the modulus")
}

fn limbs(secret: &[u8; SECRET_LEN]) -> [Element; LIMBS] {
    let mut limbs = [Element::ZERO; LIMBS];
    for (limb, bytes) in limbs.iter_mut().zip(secret.chunks(LIMB_BYTES)) {
        let mut wide = Zeroizing::new([0; 8]);
        wide[..bytes.len()].copy_from_slice(bytes);
        *limb = Element::from_canonical(u64::from_le_bytes(*wide)).expect("56 bits are below the modulus");
    }
    limbs
}

/// `None` if a limb is wider than its bytes.
fn join(limbs: &[Element; LIMBS]) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    for (bytes, limb) in secret.chunks_mut(LIMB_BYTES).zip(limbs) {
        let wide = Zeroizing::new(limb.number().to_le_bytes());
        let (low, high) = wide.split_at(bytes.len());
        if high.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.copy_from_slice(low);
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;
    use serde::Deserialize;

    /// Written by `core/vectors/shamir.py`, which shares no line with this file.
    const VECTORS: &str = include_str!("../../vectors/shamir.json");

    #[derive(Deserialize)]
    struct Vector {
        secret: String,
        holders: Vec<u32>,
        coefficients: Vec<[u64; LIMBS]>,
        shares: Vec<[u64; LIMBS]>,
    }

    fn combine(
        threshold: usize,
        shares: &[(u32, &Share)],
    ) -> Result<Zeroizing<[u8; SECRET_LEN]>, CombineError> {
        Polynomials::through(threshold, shares)?.secret()
    }

    fn numbers(share: &Share) -> [u64; LIMBS] {
        share.0.map(Element::number)
    }

    #[test]
    fn agrees_with_an_independent_implementation() {
        let vectors: Vec<Vector> = serde_json::from_str(VECTORS).unwrap();
        assert!(vectors.len() >= 5);
        for vector in vectors {
            let secret: [u8; 32] = hex::decode(&vector.secret).unwrap().try_into().unwrap();
            let coefficients: Vec<_> = vector
                .coefficients
                .iter()
                .map(|row| row.map(|number| Element::from_canonical(number).unwrap()))
                .collect();
            let shares = split_with_random(&secret, &vector.holders, &coefficients);
            assert_eq!(shares.iter().map(numbers).collect::<Vec<_>>(), vector.shares);
            let held: Vec<_> = vector.holders.iter().copied().zip(&shares).rev().collect();
            assert_eq!(*combine(coefficients.len() + 1, &held).unwrap(), secret);
        }
    }

    proptest! {
        #[test]
        fn any_threshold_of_shares_gives_the_secret_and_fewer_do_not(
            secret: [u8; 32], seed: u64, threshold in 2_usize..8, skip in 0_usize..4,
        ) {
            let holders: Vec<u32> = (1..=11).map(|holder| holder * 7).collect();
            let shares = split(&secret, threshold, &holders, &mut ChaCha12Rng::seed_from_u64(seed));
            let held: Vec<_> = holders.iter().copied().zip(&shares).skip(skip).collect();
            prop_assert_eq!(*combine(threshold, &held).unwrap(), secret);
            let fewer = &held[..threshold - 1];
            prop_assert_eq!(
                combine(threshold, fewer).err(),
                Some(CombineError::TooFew { found: threshold - 1, threshold })
            );
            // Interpolating as if the threshold were lower gives something else, or nothing at all.
            prop_assert!(combine(threshold - 1, fewer).map_or(true, |other| *other != secret));
        }

        #[test]
        fn an_altered_share_gives_another_secret_or_none(secret: [u8; 32], seed: u64, limb in 0_usize..LIMBS) {
            let mut shares = split(&secret, 3, &[1, 2, 3], &mut ChaCha12Rng::seed_from_u64(seed));
            shares[1].0[limb] = shares[1].0[limb].add(Element::ONE);
            let held: Vec<_> = [1, 2, 3].into_iter().zip(&shares).collect();
            prop_assert!(combine(3, &held).map_or(true, |other| *other != secret));
        }
    }

    /// For every t - 1 shares and every secret there is exactly one polynomial: all secrets are equally likely.
    /// Here: the first share of t = 2 is uniform whatever the secret, by a chi-square test over 64 cells
    /// (63 degrees of freedom: below 103.4 in 99.9 % of all draws; the seed is fixed).
    #[test]
    fn a_share_below_the_threshold_is_uniform_for_every_secret() {
        let mut rng = ChaCha12Rng::seed_from_u64(11);
        for secret in [[0; 32], [0xff; 32]] {
            let mut cells = [0_u32; 64];
            for _ in 0..64_000 {
                let shares = split(&secret, 2, &[5], &mut rng);
                cells[(numbers(&shares[0])[0] >> 55) as usize] += 1;
            }
            let chi_square: f64 = cells.iter().map(|cell| (f64::from(*cell) - 1000.0).powi(2) / 1000.0).sum();
            assert!(chi_square < 103.4, "{chi_square}");
        }
    }

    #[test]
    fn numbers_outside_the_field_are_no_share() {
        let mut bytes = [0; Share::LEN];
        assert!(Share::from_bytes(&bytes).is_some());
        bytes[8..16].copy_from_slice(&((1_u64 << 61) - 1).to_le_bytes());
        assert!(Share::from_bytes(&bytes).is_none());
    }
}
