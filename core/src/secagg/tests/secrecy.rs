//! What the coordinator holds says nothing about an input.

use super::*;
use static_assertions_of_secrets::*;

/// Runs stages 0 to 2 with inputs that are all one value; gives what client 1 sends.
fn masked_words(value: u32, words: usize, seed: u64) -> Vec<u32> {
    let world = World::new(5, assumptions(Adversary::Lying), seed);
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
    let collecting = sharing.close::<u32>(words).unwrap();
    let first = shared.swap_remove(0).receive(&collecting.delivery(1).unwrap()).unwrap();
    first.mask(vec![value; words]).1.words
}

/// Pearson's chi-square of the bytes at one place of the words, over 256 cells: 255 degrees of freedom.
fn chi_square(words: &[u32], place: u32) -> f64 {
    let mut cells = [0_u32; 256];
    words.iter().for_each(|word| cells[(word >> (8 * place) & 0xff) as usize] += 1);
    let expected = words.len() as f64 / 256.0;
    cells.iter().map(|cell| (f64::from(*cell) - expected).powi(2) / expected).sum()
}

/// Of 16 statistics with 255 degrees of freedom all are below 347.7 with probability 0.999 (each with 1 - 1e-4 / 1.6,
/// by Bonferroni). The seeds are fixed: this holds, or it does not.
#[test]
fn masked_inputs_are_uniform_whatever_is_masked() {
    for (value, seed) in [(0, 1), (u32::MAX, 2), (1 << 31, 3), (12_345, 4)] {
        let words = masked_words(value, 256_000, seed);
        for place in 0..4 {
            let statistic = chi_square(&words, place);
            assert!(statistic < 347.7, "value {value}, byte {place}: {statistic}");
        }
    }
}

/// The test above can fail: without a mask, it does.
#[test]
fn unmasked_inputs_are_not_uniform() {
    assert!(chi_square(&vec![12_345; 256_000], 0) > 347.7);
}

/// With the same keys, the coordinator's view of two inputs differs by the inputs alone: the masks do not depend on
/// what they hide.
#[test]
fn masks_do_not_depend_on_the_input() {
    let (zero, other) = (masked_words(0, 1_000, 9), masked_words(77, 1_000, 9));
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
        sealed_shares::HeldShares
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
