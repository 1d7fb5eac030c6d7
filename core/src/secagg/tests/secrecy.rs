//! What the coordinator holds says nothing about an input.

use super::*;
use static_assertions_of_secrets::*;

/// Runs stages 0 to 2 in a ring, with inputs that are all one value; gives what client 1 sends. Client 5 drops out after it
/// has shared, if so said: its mask stays in what client 1 sends.
fn masked_words<W: Word>(ring: Ring, value: W, words: usize, seed: u64, drops_out: bool) -> Vec<W> {
    let world = World::in_ring(5, assumptions(Adversary::Lying), ring, seed);
    let mut advertising = Advertising::open(Arc::clone(&world.setup), context(), world.cohort());
    let mut states = Vec::new();
    for (client, member) in &world.members {
        let (state, message) = member.advertise(context(), &mut world.rng(*client, 1));
        advertising.accept(message).unwrap();
        states.push((*client, state));
    }
    let mut sharing = advertising.close().unwrap();
    let roster = sharing.roster().clone();
    let mut shared = Vec::new();
    for (client, state) in states {
        let (state, message) = state.share(roster.clone(), &mut world.rng(client, 2)).unwrap();
        sharing.accept(message).unwrap();
        shared.push(state);
    }
    let mut collecting = sharing.close::<W>(words).unwrap();
    let mut sent = Vec::new();
    for (client, state) in (1..).zip(shared).filter(|(client, _)| *client < 5 || !drops_out) {
        let masking = state.receive(&collecting.delivery(client).unwrap()).unwrap();
        let (_, message) = masking.mask(vec![value; words]);
        // What travels, not what the memory of the client has: a narrow ring drops the high bits.
        let message = MaskedInput::<W>::decode(&message.encode()).unwrap();
        collecting.accept(&message).unwrap();
        sent.push(message.words);
    }
    assert_eq!(collecting.close().unwrap().survivor_set().dropouts.len(), usize::from(drops_out));
    sent.swap_remove(0)
}

/// Pearson's chi-square of eight bits of the words, from the bit `low` on, over 256 cells: 255 degrees of freedom.
fn chi_square(words: impl ExactSizeIterator<Item = u64>, low: u32) -> f64 {
    let expected = words.len() as f64 / 256.0;
    let mut cells = [0_u32; 256];
    words.for_each(|word| cells[(word >> low & 0xff) as usize] += 1);
    cells.iter().map(|cell| (f64::from(*cell) - expected).powi(2) / expected).sum()
}

/// Of 36 statistics with 255 degrees of freedom, all are below 350 with probability above 0.998 (each with
/// 1 - 4.3e-5 by the Wilson-Hilferty transformation). The seeds are fixed: this holds, or it does not.
const UNIFORM: f64 = 350.0;

#[test]
fn masked_inputs_are_uniform_whatever_is_masked() {
    for (value, seed, drops_out) in
        [(0, 1, false), (u32::MAX, 2, false), (1 << 31, 3, false), (12_345, 4, true)]
    {
        let words = masked_words(Ring::BITS_32, value, 256_000, seed, drops_out);
        for low in [0, 8, 16, 24] {
            let statistic = chi_square(words.iter().map(|word| u64::from(*word)), low);
            assert!(statistic < UNIFORM, "value {value}, bits from {low} on: {statistic}");
        }
    }
}

/// Every bit that travels, in rings that are no whole number of bytes, too.
#[test]
fn masked_inputs_are_uniform_in_narrow_rings() {
    for (bits, seed) in [(16, 5), (19, 6), (22, 7)] {
        let ring = Ring::new(bits).unwrap();
        let words = masked_words(ring, 3_u32, 256_000, seed, bits == 22);
        assert!(words.iter().all(|word| *word >> bits == 0));
        for low in [0, 8, bits - 8] {
            let statistic = chi_square(words.iter().map(|word| u64::from(*word)), low.min(bits - 8));
            assert!(statistic < UNIFORM, "{bits} bits, from {low} on: {statistic}");
        }
    }
}

#[test]
fn masked_inputs_are_uniform_in_the_wide_ring() {
    let words = masked_words(Ring::BITS_64, 77_u64, 256_000, 8, true);
    for low in (0..64).step_by(8) {
        let statistic = chi_square(words.iter().copied(), low);
        assert!(statistic < UNIFORM, "bits from {low} on: {statistic}");
    }
}

/// The tests above can fail: without a mask, they do.
#[test]
fn unmasked_inputs_are_not_uniform() {
    assert!(chi_square(std::iter::repeat_n(12_345, 256_000), 0) > UNIFORM);
}

/// With the same keys, the coordinator's view of two inputs differs by the inputs alone: the masks do not depend on
/// what they hide.
#[test]
fn masks_do_not_depend_on_the_input() {
    let masked = |value: u32| masked_words(Ring::BITS_32, value, 1_000, 9, false);
    let (zero, other) = (masked(0), masked(77));
    assert!(zero.iter().zip(&other).all(|(zero, other)| other.wrapping_sub(*zero) == 77));
}

#[test]
fn no_secret_prints_or_compares() {
    neither_prints_nor_compares!(
        Identity,
        Member,
        Advertised<'static>,
        Shared<'static>,
        Masking<'static>,
        Masked<'static>,
        Confirmed<'static>,
        Answer,
        agreement::Secret,
        agreement::AgreementKey,
        shamir::Share,
        field::Element,
        mask::Mask,
        sealed_shares::HeldShares,
        crate::participant::HiddenUpdate
    );
}

/// Fails to compile if a type implements what it must not.
mod static_assertions_of_secrets {
    macro_rules! neither_prints_nor_compares {
        ($($secret:ty),*) => { $( {
            trait Ambiguous<A> { fn is_secret() {} }
            impl<T: ?Sized> Ambiguous<()> for T {}
            #[allow(dead_code)]
            struct Prints;
            impl<T: ?Sized + std::fmt::Debug> Ambiguous<Prints> for T {}
            #[allow(dead_code)]
            struct Compares;
            impl<T: ?Sized + PartialEq> Ambiguous<Compares> for T {}
            #[allow(dead_code)]
            struct Serializes;
            impl<T: ?Sized + serde::Serialize> Ambiguous<Serializes> for T {}
            <$secret as Ambiguous<_>>::is_secret();
        } )* };
    }
    pub(super) use neither_prints_nor_compares;
}
