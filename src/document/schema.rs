//! Holds `docs/json.md` and the types together: every serialized field is in the page, and the page names no other.

use super::compare::{Comparison, CurvePoint, Regime};
use super::estimate::{Estimate, Interval};
use super::evaluate::{Classification, ModelEvaluation};
use super::origin::{DataIdentity, Origin, PlanIdentity, Transport};
use super::round::{Bytes, Round, RoundSeconds};
use super::simulate::{Outcome, RunSeconds, Simulation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../docs/json.md");

#[test]
fn the_page_lists_the_fields_of_a_comparison() {
    agree("compare", &comparison());
}

#[test]
fn the_page_lists_the_fields_of_a_simulation() {
    let mut found = serialized(&simulation());
    let round: BTreeSet<String> =
        serialized(&round()).iter().map(|path| format!("rounds[].{path}")).collect();
    assert!(found.is_superset(&round));
    found.retain(|path| !path.starts_with("rounds[]."));
    found.insert("rounds[]".into());
    assert_eq!(documented("simulate"), found);
}

#[test]
fn the_page_lists_the_fields_of_a_round() {
    agree("round", &round());
}

#[test]
fn the_page_lists_the_fields_of_an_evaluation() {
    agree("evaluate", &evaluation());
}

#[test]
fn documents_survive_being_written_and_read() {
    survives(&comparison());
    survives(&simulation());
    survives(&evaluation());
    survives(&ModelEvaluation { classification: None, ..evaluation() });
}

#[test]
fn fields_of_a_promise_not_made_are_left_out() {
    let mut comparison = comparison();
    comparison.rows[0] = Regime {
        epsilon: None,
        delta: None,
        trusted: None,
        test_accuracy: None,
        ..comparison.rows[0].clone()
    };
    let found = serde_json::to_value(&comparison).unwrap();
    let row = found["rows"][0].as_object().unwrap();
    assert!(!row.contains_key("epsilon") && !row.contains_key("delta") && !row.contains_key("trusted"));
    assert_eq!(row["test_accuracy"], Value::Null);
}

fn agree(section: &str, document: &impl Serialize) {
    assert_eq!(documented(section), serialized(document), "docs/json.md, section {section}");
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(document: &T) {
    let text = serde_json::to_string(document).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), document);
}

/// The paths in the first column of the section's table.
fn documented(section: &str) -> BTreeSet<String> {
    let heading = format!("## {section}\n");
    let (_, body) = PAGE.split_once(&heading).expect("the page has the section");
    let body = body.split("\n## ").next().unwrap_or_default();
    let cells = body.lines().filter_map(|line| line.strip_prefix("| `"));
    cells.map(|cell| cell.split('`').next().unwrap_or_default().to_owned()).collect()
}

/// The paths of all leaves of the document as it is serialized.
fn serialized(document: &impl Serialize) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(&serde_json::to_value(document).unwrap(), String::new(), &mut paths);
    paths
}

fn collect(value: &Value, path: String, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                collect(field, format!("{path}{dot}{name}"), paths);
            }
        }
        Value::Array(entries) => {
            assert!(!entries.is_empty(), "the sample leaves {path} empty, so its fields go unseen");
            entries.iter().for_each(|entry| collect(entry, format!("{path}[]"), paths));
        }
        Value::Null => panic!("the sample leaves {path} null, so its fields go unseen"),
        _ => drop(paths.insert(path)),
    }
}

fn origin() -> Origin {
    Origin {
        version: "0.1.0".into(),
        started: "2026-01-02T03:04:05Z".into(),
        over: Transport::Http,
        threads: 2,
        plan: PlanIdentity { name: "digits".into(), sha256: "00".into() },
        data: DataIdentity {
            name: "digits".into(),
            attribution: Some("someone, CC BY 4.0".into()),
            training_rows: 4_000,
            test_rows: 1_000,
        },
        clients: 10,
    }
}

fn comparison() -> Comparison {
    let estimate = Estimate::of(vec![0.5, 0.75]).unwrap();
    let interval = Interval { mean: 0.5, ci95: Some(0.1) };
    Comparison {
        origin: origin(),
        seeds: vec![1, u64::MAX],
        rounds: 20,
        budget: 100_000,
        rows: vec![Regime {
            name: "federated".into(),
            test_accuracy: Some(estimate.clone()),
            test_loss: estimate,
            seconds: 1.5,
            bytes_up: 10,
            bytes_down: 20,
            curve: vec![CurvePoint {
                examples: 5_000,
                round: Some(1),
                test_accuracy: Some(interval),
                test_loss: interval,
            }],
            epsilon: Some(1.0),
            delta: Some(1e-5),
            trusted: Some("the coordinator".into()),
        }],
    }
}

fn simulation() -> Simulation {
    let rounds = vec![round()];
    Simulation {
        origin: origin(),
        seed: 1,
        outcome: Outcome { test_accuracy: Some(0.9), test_loss: 0.3, model_sha256: "ff".into() },
        seconds: RunSeconds::of(1.25, &rounds),
        bytes: Bytes::of(&rounds),
        rounds,
    }
}

fn round() -> Round {
    Round {
        seed: 1,
        round: 1,
        train_loss: Some(0.5),
        test_loss: Some(0.6),
        test_accuracy: Some(0.8),
        cohort: vec![1, 4],
        contributed: 1,
        declined: 0,
        late: 1,
        bytes: Bytes { up: 100, down: 200 },
        seconds: RoundSeconds {
            training: Some(0.5),
            encoding: Some(0.01),
            aggregating: 0.02,
            evaluating: 0.03,
            total: 0.6,
        },
    }
}

fn evaluation() -> ModelEvaluation {
    let names: Vec<String> = ["0", "1"].map(String::from).into();
    ModelEvaluation {
        model_sha256: "ff".into(),
        data: "digits".into(),
        rows: 4,
        loss: 0.4,
        classification: Classification::of(&names, vec![vec![1, 1], vec![0, 2]]),
    }
}
