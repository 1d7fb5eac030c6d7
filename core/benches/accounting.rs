//! How long the privacy loss accountant takes for the Gaussian cases of `vectors/dp_reference.csv`: one line a case, then the
//! median and the slowest. Each case is a fresh accountant, as a command would make it.

use std::time::{Duration, Instant};

use privet_core::privacy::accounting::{Grid, PrivacyLoss};
use privet_core::privacy::{Event, Mechanism, Neighbouring, Sampling};

fn main() {
    let mut times: Vec<(Duration, String)> = cases()
        .into_iter()
        .map(|(name, event, delta)| {
            let best = (0..5).map(|_| time(&event, delta)).min().unwrap_or_default();
            println!("{name:>6} {:>9.2} ms", best.as_secs_f64() * 1e3);
            (best, name)
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2].0.as_secs_f64() * 1e3;
    let (slowest, name) = &times[times.len() - 1];
    println!("median {median:.2} ms, slowest {:.2} ms ({name})", slowest.as_secs_f64() * 1e3);
}

fn time(event: &Event, delta: f64) -> Duration {
    let begun = Instant::now();
    let epsilon = PrivacyLoss::new(Grid::Automatic).epsilon(std::slice::from_ref(event), delta);
    assert!(epsilon.is_ok_and(|epsilon| epsilon.is_some()));
    begun.elapsed()
}

/// The Gaussian rows that are answered by a loss distribution.
fn cases() -> Vec<(String, Event, f64)> {
    let mut reader = csv::Reader::from_reader(include_str!("../vectors/dp_reference.csv").as_bytes());
    let rows = reader.records().filter_map(|record| {
        let record = record.ok()?;
        let column = |i: usize| record.get(i).unwrap_or("");
        if column(2) != "gaussian" || column(12).is_empty() {
            return None;
        }
        let number = |i: usize| column(i).parse::<f64>().ok();
        let sampling =
            if column(4) == "none" { Sampling::All {} } else { Sampling::Poisson { q: number(6)? } };
        let replaced = column(3) == "replace-one";
        let neighbouring = if replaced { Neighbouring::ReplaceOne } else { Neighbouring::AddOrRemoveOne };
        let mechanism = Mechanism::Gaussian { noise_multiplier: number(5)? };
        let event = Event::new(mechanism, sampling, neighbouring, number(7)? as u64).ok()?;
        Some((column(0).to_string(), event, number(8)?))
    });
    rows.collect()
}
