//! What must hold of every accountant whatever the numbers, and what every bad question is answered with.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::calibration::Target;
use super::{Accountant, AccountingError, Bound, Grid, PrivacyLoss, RenyiCurve};
use crate::privacy::event::{Event, EventError, Mechanism, Neighbouring, Sampling};

/// Automatic grids differ from one question to the next, each within 1e-5 of the truth.
const GRID: f64 = 3e-5;

/// The same cases every time.
fn replayable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_240_607),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn gaussian(noise: f64, q: f64, count: u64) -> Event {
    Event::sampled_gaussian(noise, q, count).unwrap()
}

fn pld(events: &[Event], delta: f64) -> f64 {
    PrivacyLoss::new(Grid::Automatic).epsilon(events, delta).unwrap().unwrap()
}

fn rdp(events: &[Event], delta: f64) -> f64 {
    RenyiCurve::new(events).unwrap().epsilon(delta).0
}

proptest! {
    #![proptest_config(replayable(24))]

    #[test]
    fn epsilon_falls_with_noise_and_rises_with_rate_and_rounds(
        noise in 0.6f64..6.0, log_q in -7.0f64..-0.5, count in 1u64..400, more in 1.05f64..2.0,
    ) {
        let (q, delta) = (log_q.exp(), 1e-5);
        for epsilon in [pld, rdp] {
            let base = epsilon(&[gaussian(noise, q, count)], delta);
            prop_assert!(epsilon(&[gaussian(noise * more, q, count)], delta) <= base * (1.0 + GRID));
            prop_assert!(epsilon(&[gaussian(noise, (q * more).min(1.0), count)], delta) >= base * (1.0 - GRID));
            prop_assert!(epsilon(&[gaussian(noise, q, count + 1)], delta) >= base * (1.0 - GRID));
        }
    }

    #[test]
    fn delta_of_epsilon_is_at_most_delta(
        noise in 0.6f64..4.0, log_q in -6.0f64..0.0, count in 1u64..300, log_delta in -25.0f64..-3.0,
    ) {
        let (event, delta) = ([gaussian(noise, log_q.exp(), count)], log_delta.exp());
        // On one grid exactly; the last digits of the two ways of summing aside.
        let mut accountant = PrivacyLoss::new(Grid::Step(5e-4));
        let epsilon = accountant.epsilon(&event, delta).unwrap().unwrap();
        prop_assume!(epsilon.is_finite());
        let back = accountant.delta(&event, epsilon).unwrap().unwrap();
        prop_assert!(back <= delta * (1.0 + 1e-6), "{} {}", back, delta);
        prop_assert!(epsilon == 0.0 || back >= delta * (1.0 - 1e-3), "{} {}", back, delta);
    }

    #[test]
    fn a_composition_is_its_parts(noise in 0.7f64..3.0, q in 0.01f64..0.5, first in 1u64..40, second in 1u64..40) {
        let mut accountant = PrivacyLoss::new(Grid::Step(1e-3));
        let whole = accountant.epsilon(&[gaussian(noise, q, first + second)], 1e-6).unwrap().unwrap();
        let parts = [gaussian(noise, q, first), gaussian(noise, q, second)];
        let merged = accountant.epsilon(&parts, 1e-6).unwrap().unwrap();
        prop_assert!((whole - merged).abs() <= 1e-9 * whole);
        // A hair of difference makes the two into distinct releases, whose spectra are multiplied.
        let distinct = [gaussian(noise, q, first), gaussian(noise * (1.0 + 1e-12), q, second)];
        let product = accountant.epsilon(&distinct, 1e-6).unwrap().unwrap();
        prop_assert!((whole - product).abs() <= 1e-8 * whole, "{} {}", whole, product);
    }

    #[test]
    fn the_loss_distribution_is_tighter_than_renyi(noise in 0.6f64..8.0, log_q in -7.0f64..0.0, count in 1u64..2000) {
        let events = [gaussian(noise, log_q.exp(), count)];
        prop_assert!(pld(&events, 1e-6) <= rdp(&events, 1e-6) * (1.0 + GRID));
    }

    #[test]
    fn nothing_panics(noise in prop::num::f64::ANY, q in prop::num::f64::ANY, count in 0u64..100, delta in prop::num::f64::ANY) {
        if let Ok(event) = Event::sampled_gaussian(noise, q, count) {
            let _ = Accountant::default().spent(&[event], delta);
        }
    }
}

#[test]
fn extreme_events_have_answers() {
    let events = [
        (gaussian(1e-3, 0.5, 1), 1e-5),
        (gaussian(0.05, 1e-6, 1_000_000), 1e-9),
        (gaussian(1.0, 1e-7, 100_000_000), 1e-10),
        (gaussian(1e9, 1.0, 1), 1e-5),
        (gaussian(300.0, 0.001, 100_000_000), 1e-6),
        (gaussian(0.8, 0.999_999, 50), 1e-300),
        (gaussian(5.0, 0.3, 1_000_000), 0.9),
        (gaussian(1e6, 1e-8, 5), 1e-7),
    ];
    for (event, delta) in events {
        let spent = Accountant::default().spent(&[event], delta).unwrap();
        assert!(spent.epsilon.is_finite() && spent.epsilon >= 0.0, "{event:?}");
    }
}

#[test]
fn the_exact_bound_is_named_where_there_is_one() {
    let spent = Accountant::default().spent(&[gaussian(2.0, 1.0, 10)], 1e-5).unwrap();
    assert_eq!(spent.bound, Bound::Analytic);
    assert!(spent.bounds.pld.unwrap() >= spent.epsilon && spent.bounds.rdp.unwrap() > spent.epsilon);
    let spent = Accountant::default().spent(&[gaussian(2.0, 0.1, 10)], 1e-5).unwrap();
    assert_eq!((spent.bound, spent.bounds.analytic), (Bound::Pld, None));
}

#[test]
fn fixed_size_samples_cost_more_than_poisson_samples_and_less_than_their_renyi_bound() {
    let mechanism = Mechanism::Gaussian { noise_multiplier: 2.2 };
    let fixed = Sampling::FixedSize { population: 100_000, sample: 1000 };
    let event = Event::new(mechanism, fixed, Neighbouring::ReplaceOne, 1000).unwrap();
    let poisson = pld(&[gaussian(2.2, 0.01, 1000)], 1e-5);
    let (found, bound) = (pld(&[event], 1e-5), rdp(&[event], 1e-5));
    assert!(poisson < found && found < bound, "{poisson} {found} {bound}");
    // Sampling everybody is no sampling: the Gaussian mechanism with twice the clip.
    let all = Sampling::FixedSize { population: 10, sample: 10 };
    let event = Event::new(mechanism, all, Neighbouring::ReplaceOne, 7).unwrap();
    let exact = super::analytic::epsilon(7f64.sqrt() * 2.0 / 2.2, 1e-5);
    assert!((pld(&[event], 1e-5) / exact - 1.0).abs() < GRID);
}

#[test]
fn calibration_returns_what_keeps_the_target() {
    let target = Target::new(2.0, 1e-5).unwrap();
    let mut accountant = Accountant::default();
    let sampling = Sampling::Poisson { q: 0.05 };
    let noise = accountant.noise_multiplier(target, sampling, Neighbouring::AddOrRemoveOne, 300).unwrap();
    let spent = |noise, q, count| accountant_epsilon(noise, q, count);
    assert!(spent(noise, 0.05, 300) <= 2.0 && spent(noise * 0.999, 0.05, 300) > 2.0, "{noise}");
    let rounds = accountant.rounds(target, gaussian(noise, 0.05, 1)).unwrap();
    assert!((300..=301).contains(&rounds), "{rounds}");
    let rate = accountant.sampling_rate(target, noise, Neighbouring::AddOrRemoveOne, 300).unwrap();
    assert!((rate - 0.05).abs() < 1e-5, "{rate}");
    assert!(spent(noise, rate, 300) <= 2.0);
}

fn accountant_epsilon(noise: f64, q: f64, count: u64) -> f64 {
    Accountant::default().epsilon(&[gaussian(noise, q, count)], 1e-5).unwrap().0
}

#[test]
fn bad_questions_are_refused_by_name() {
    let good = gaussian(1.0, 0.1, 10);
    for delta in [0.0, 1.0, 2.0, -1e-5, f64::NAN, f64::INFINITY] {
        let refused = Accountant::default().spent(&[good], delta);
        assert!(matches!(refused, Err(AccountingError::Delta(_))), "{delta}");
        assert!(matches!(Target::new(1.0, delta), Err(AccountingError::Delta(_))), "{delta}");
    }
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Target::new(epsilon, 1e-5), Err(AccountingError::Target(_))), "{epsilon}");
    }
    for q in [0.0, -0.1, 1.0000001, f64::NAN] {
        assert!(matches!(Event::sampled_gaussian(1.0, q, 1), Err(EventError::Rate(_))), "{q}");
    }
    for noise in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
        assert!(matches!(Event::sampled_gaussian(noise, 0.1, 1), Err(EventError::Noise(_))), "{noise}");
    }
    for count in [0, 1_000_000_000] {
        assert_eq!(Event::sampled_gaussian(1.0, 0.1, count), Err(EventError::Count(count)));
    }
    let fixed = Sampling::FixedSize { population: 10, sample: 5 };
    let mechanism = *good.mechanism();
    let refused = Event::new(mechanism, fixed, Neighbouring::AddOrRemoveOne, 1);
    assert_eq!(refused, Err(EventError::FixedSizeNeedsReplaceOne));
    let refused =
        Event::new(mechanism, Sampling::FixedSize { population: 3, sample: 4 }, Neighbouring::ReplaceOne, 1);
    assert_eq!(refused, Err(EventError::Sample { sample: 4, population: 3 }));
    assert_eq!(Accountant::default().spent(&[], 1e-5), Err(AccountingError::NoEvents));
    let replaced = Event::new(mechanism, Sampling::All {}, Neighbouring::ReplaceOne, 1).unwrap();
    assert_eq!(Accountant::default().spent(&[good, replaced], 1e-5), Err(AccountingError::MixedNeighbours));
}

#[test]
fn unreachable_targets_are_named() {
    let mut accountant = Accountant::default();
    let tiny = Target::new(1e-13, 1e-12).unwrap();
    let refused =
        accountant.noise_multiplier(tiny, Sampling::All {}, Neighbouring::AddOrRemoveOne, 100_000_000);
    assert!(matches!(refused, Err(AccountingError::NoNoiseReaches { .. })), "{refused:?}");
    let small = Target::new(0.01, 1e-6).unwrap();
    let refused = accountant.rounds(small, gaussian(0.5, 0.5, 1));
    assert!(matches!(refused, Err(AccountingError::NoRoundFits { .. })), "{refused:?}");
    let refused = accountant.sampling_rate(small, 0.01, Neighbouring::AddOrRemoveOne, 100_000_000);
    assert!(matches!(refused, Err(AccountingError::NoRateFits { .. })), "{refused:?}");
}
