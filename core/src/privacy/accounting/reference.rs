//! Agreement with values that other libraries computed: every row of `vectors/dp_reference.csv`.
//!
//! The rules are those of the file's authors: Renyi DP to 1e-8 relative, closed forms to 1e-9, a privacy loss
//! distribution within `[prv_lo, ctd (1 + 1e-4)]`, or within the bracket of privacy buckets where no other is given.

use std::collections::HashMap;

use super::calibration::Target;
use super::renyi::{conversion, rounded_sensitivity};
use super::{Accountant, PrivacyLoss, RenyiCurve, analytic};
use crate::privacy::accounting::Grid;
use crate::privacy::event::{Event, Mechanism, Neighbouring, Sampling, Shares};

struct Row {
    fields: HashMap<String, String>,
    extra: HashMap<String, String>,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        &self.fields[name]
    }
    fn number(&self, name: &str) -> Option<f64> {
        self.fields[name].parse().ok()
    }
    fn extra(&self, name: &str) -> Option<f64> {
        self.extra.get(name).and_then(|value| value.parse().ok())
    }
    fn id(&self) -> &str {
        self.text("case_id")
    }
    fn delta(&self) -> f64 {
        self.number("delta").unwrap()
    }
    fn count(&self) -> u64 {
        self.number("T").unwrap() as u64
    }
    fn noise(&self) -> f64 {
        self.number("sigma_or_b").unwrap()
    }

    fn mechanism(&self) -> Mechanism {
        let sensitivity = self.extra("sensitivity").unwrap_or(1.0) as u32;
        let noise = self.noise();
        match self.text("group") {
            "laplace" => Mechanism::Laplace { scale: noise },
            "discrete-laplace" => Mechanism::DiscreteLaplace { rate: noise, sensitivity },
            "discrete-gaussian" => Mechanism::DiscreteGaussian { sigma: noise, sensitivity },
            "skellam" => Mechanism::Skellam { deviation: noise, sensitivity },
            "ddgauss" => Mechanism::DistributedDiscreteGaussian { shares: self.shares() },
            "skellam-md" => Mechanism::DistributedSkellam { shares: self.shares() },
            "tree" => Mechanism::Tree {
                noise_multiplier: noise,
                height: self.extra("height").unwrap() as u32,
                restarts: self.extra("epochs").unwrap() as u32,
            },
            // Given over what replacing one unit moves, twice the clip.
            "fixed-size" => Mechanism::Gaussian { noise_multiplier: 2.0 * noise },
            _ => Mechanism::Gaussian { noise_multiplier: noise },
        }
    }

    fn shares(&self) -> Shares {
        let (granularity, dimension) =
            (self.extra("granularity").unwrap(), self.extra("dim").unwrap() as u64);
        let beta = (-0.5f64).exp();
        let sensitivity = rounded_sensitivity(self.extra("clip").unwrap(), granularity, dimension, beta);
        let expected = self.extra("rounded_l2").unwrap();
        assert!((sensitivity * granularity / expected - 1.0).abs() < 1e-8, "{}", self.id());
        let (clients, deviation) = (self.extra("n").unwrap() as u32, self.noise() / granularity);
        Shares { clients, deviation, sensitivity, dimension }
    }

    fn sampling(&self) -> Sampling {
        let q = self.number("q").unwrap_or(1.0);
        let population = self.extra("N").unwrap_or(0.0) as u64;
        match self.text("sampling") {
            "none" | "" => Sampling::All {},
            "poisson" => Sampling::Poisson { q },
            "poisson truncated" => {
                Sampling::TruncatedPoisson { q, population, largest: self.extra("cap").unwrap() as u64 }
            }
            "without-replacement" => {
                Sampling::FixedSize { population, sample: (q * population as f64).round() as u64 }
            }
            other => panic!("{}: sampling {other}", self.id()),
        }
    }

    fn neighbouring(&self) -> Neighbouring {
        match self.text("neighbouring") {
            "replace-one" => Neighbouring::ReplaceOne,
            "replace-special(zero-out)" => Neighbouring::ZeroOut,
            _ => Neighbouring::AddOrRemoveOne,
        }
    }

    fn event(&self) -> Event {
        // A tree's T is its leaves, which its height already counts.
        let count = if self.text("group") == "tree" { 1 } else { self.count() };
        Event::new(self.mechanism(), self.sampling(), self.neighbouring(), count).unwrap()
    }
}

fn rows() -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(include_str!("../../../vectors/dp_reference.csv").as_bytes());
    let headers = reader.headers().unwrap().clone();
    let record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.unwrap();
        let fields: HashMap<_, _> =
            headers.iter().map(String::from).zip(record.iter().map(String::from)).collect();
        let pairs = fields["extra"].split(';').filter_map(|pair| pair.split_once('='));
        let extra = pairs.map(|(name, value)| (name.trim().to_string(), value.trim().to_string())).collect();
        Row { fields, extra }
    };
    reader.records().map(record).collect()
}

fn close(found: f64, expected: f64, relative: f64) -> bool {
    // The file carries ten significant digits.
    (found / expected - 1.0).abs() <= relative.max(6e-10)
}

#[test]
fn loss_distributions_fall_into_their_brackets() {
    let mut checked = 0;
    let mut failures = Vec::new();
    for row in rows() {
        let upper = row.number("eps_pld_ctd").map(|ctd| ctd * (1.0 + 1e-4)).or(row.number("eps_pld_pb_pess"));
        let Some(upper) = upper else { continue };
        let exact = row.number("eps_exact").map(|exact| exact * (1.0 - 1e-9));
        let lower = exact
            .into_iter()
            .chain(row.number("eps_prv_lo"))
            .chain(row.number("eps_pld_pb_opt"))
            .fold(0.0, f64::max);
        let found = PrivacyLoss::new(Grid::Automatic).epsilon(&[row.event()], row.delta()).unwrap().unwrap();
        if !(lower * (1.0 - 1e-9) <= found && found <= upper) {
            failures.push(format!("{}: {found} is not in [{lower}, {upper}]", row.id()));
        }
        checked += 1;
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(checked, 56);
}

#[test]
fn the_same_grid_gives_the_same_distribution() {
    for row in rows() {
        let (Some(step), Some(expected)) = (row.extra("h"), row.number("eps_pld_ctd")) else { continue };
        // At h = 1e-6 the reference took minutes; two rows on the coarser grids say as much.
        if step < 1e-5 {
            continue;
        }
        let found = PrivacyLoss::new(Grid::Step(step)).epsilon(&[row.event()], row.delta()).unwrap().unwrap();
        assert!((found / expected - 1.0).abs() < 2e-5, "{}: {found}, expected {expected}", row.id());
    }
}

#[test]
fn renyi_bounds_agree() {
    let mut checked = 0;
    for row in rows() {
        let (group, delta) = (row.text("group").to_string(), row.delta());
        if let Some(expected) = row.number("eps_rdp_int2_256") {
            let (found, order) = RenyiCurve::new(&[row.event()]).unwrap().epsilon(delta);
            assert!(close(found, expected, 1e-8), "{}: {found} at {order}, expected {expected}", row.id());
            checked += 1;
        }
        let Some(expected) = row.number("eps_rdp_classic") else { continue };
        let curve = RenyiCurve::new(&[row.event()]).unwrap();
        let classic = |order: f64| conversion::epsilon_mironov(order, curve.fractional(order), delta);
        let tenths = (11..110).map(|tenth| f64::from(tenth) / 10.0).chain((11..64).map(f64::from));
        let found = match group.as_str() {
            "ddgauss" | "skellam-md" => {
                (2..129).map(f64::from).chain([256.0]).map(classic).fold(f64::INFINITY, f64::min)
            }
            "skellam" | "fixed-size" => (2..257).map(f64::from).map(classic).fold(f64::INFINITY, f64::min),
            _ => tenths.chain([128.0, 256.0, 512.0, 1024.0]).map(classic).fold(f64::INFINITY, f64::min),
        };
        // For fractional orders of a sampled Gaussian the reference cuts its series short, or leaves the order out, and comes out
        // too high; the integral here agrees with one at 30 digits and must not exceed it.
        let fractional =
            matches!(row.sampling(), Sampling::Poisson { .. }) && row.text("mechanism") == "gaussian";
        let lower = if fractional { 0.0 } else { expected * (1.0 - 1e-8) };
        assert!(
            lower <= found && found <= expected * (1.0 + 1e-8),
            "{}: {found}, expected {expected}",
            row.id()
        );
        checked += 1;
    }
    assert_eq!(checked, 90);
}

#[test]
fn closed_forms_agree() {
    let mut checked = 0;
    for row in rows() {
        let Some(expected) = row.number("eps_exact") else { continue };
        let mechanism = match row.text("group") {
            // The value is that of the continuous Gaussian of the same total noise, without rounding.
            "ddgauss" | "skellam-md" => {
                let shares = row.extra("n").unwrap().sqrt();
                Mechanism::Gaussian { noise_multiplier: row.noise() * shares / row.extra("clip").unwrap() }
            }
            _ => row.mechanism(),
        };
        let count = if row.text("group") == "tree" { 1 } else { row.count() };
        let event = Event::new(mechanism, Sampling::All {}, row.neighbouring(), count).unwrap();
        let found = analytic::epsilon(analytic::combined_shift(&[event]).unwrap(), row.delta());
        assert!(close(found, expected, 1e-9), "{}: {found}, expected {expected}", row.id());
        checked += 1;
    }
    assert_eq!(checked, 13);
}

#[test]
fn calibrated_noise_agrees() {
    let mut checked = 0;
    for row in rows() {
        let Some(epsilon) = row.extra("target_eps") else { continue };
        let target = Target::new(epsilon, row.delta()).unwrap();
        // On the grid of the reference, which for little noise is coarser than the automatic one.
        let found = Accountant::new(Grid::Step(1e-4))
            .noise_multiplier(target, row.sampling(), row.neighbouring(), row.count())
            .unwrap();
        let expected = row.extra("sigma_pld").unwrap();
        assert!((found - expected).abs() < 2e-5 * expected, "{}: {found}, expected {expected}", row.id());
        checked += 1;
    }
    assert_eq!(checked, 5);
}
