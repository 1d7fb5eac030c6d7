//! The prime field with `2^61 - 1` elements, in constant time: no branch and no address depends on a value.

use rand::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// `2^61 - 1`, a Mersenne prime: far above the number of clients of any cohort, which the share indices need.
const MODULUS: u64 = (1 << 61) - 1;

/// An element of the field, always below the modulus. It may be secret: it does not print, nor compare.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Element(u64);

impl Element {
    pub(crate) const ZERO: Element = Element(0);
    pub(crate) const ONE: Element = Element(1);

    /// The element with this number. `None` unless the number is below the modulus: each element has one writing.
    pub(crate) fn from_canonical(number: u64) -> Option<Element> {
        (number < MODULUS).then_some(Element(number))
    }

    /// The number of the element.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// A uniform element: 61 random bits, drawn again in the one case of `2^61` that is no element.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Element {
        loop {
            if let Some(element) = Element::from_canonical(rng.next_u64() >> 3) {
                return element;
            }
        }
    }

    /// Whether two elements are the same; how long that takes does not depend on them.
    pub(crate) fn is(self, other: Element) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub(crate) fn add(self, other: Element) -> Element {
        Element(reduce(self.0 + other.0))
    }

    pub(crate) fn sub(self, other: Element) -> Element {
        Element(reduce(self.0 + MODULUS - other.0))
    }

    pub(crate) fn mul(self, other: Element) -> Element {
        let product = u128::from(self.0) * u128::from(other.0);
        let (low, high) = (product as u64 & MODULUS, (product >> 61) as u64); // 2^61 = 1
        Element(reduce(low + high))
    }

    /// The inverse, by Fermat's little theorem; that of zero is zero.
    pub(crate) fn invert(self) -> Element {
        let exponent = MODULUS - 2;
        (0..61).rev().fold(Element::ONE, |power, bit| {
            let square = power.mul(power);
            if exponent >> bit & 1 == 1 { square.mul(self) } else { square } // the exponent is public
        })
    }
}

/// Brings a number below `2^62` below the modulus.
fn reduce(number: u64) -> u64 {
    let folded = (number & MODULUS) + (number >> 61);
    let reduced = folded.wrapping_sub(MODULUS);
    let borrowed = 0_u64.wrapping_sub(reduced >> 63); // all ones if `folded` was below the modulus
    reduced.wrapping_add(MODULUS & borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element() -> impl Strategy<Value = u64> {
        prop_oneof![0..MODULUS, Just(0), Just(1), Just(MODULUS - 1)]
    }

    proptest! {
        #[test]
        fn agrees_with_arithmetic_on_large_integers(a in element(), b in element()) {
            let (x, y, p) = (Element(a), Element(b), u128::from(MODULUS));
            let (a, b) = (u128::from(a), u128::from(b));
            prop_assert_eq!(u128::from(x.add(y).0), (a + b) % p);
            prop_assert_eq!(u128::from(x.sub(y).0), (a + p - b) % p);
            prop_assert_eq!(u128::from(x.mul(y).0), a * b % p);
        }

        #[test]
        fn an_element_times_its_inverse_is_one(a in 1..MODULUS) {
            prop_assert_eq!(Element(a).mul(Element(a).invert()).0, 1);
        }
    }

    #[test]
    fn numbers_from_the_modulus_on_are_no_elements() {
        assert!(Element::from_canonical(MODULUS - 1).is_some());
        assert!(Element::from_canonical(MODULUS).is_none());
    }
}
