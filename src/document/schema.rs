//! Holds `docs/json.md` and the types together: every serialized field is in the page, and the page names no other.

use super::compare::Regime;
use super::evaluate::ModelEvaluation;
use super::metrics::Metrics;
use super::sample::{
    epsilon, evaluation, every_field as comparison, model, round, simulation, tuning, within_target,
};
use super::status;
use privet_core::identity::Identity;
use privet_core::protocol::{
    EnrolledClient, FederationState, HexDigest, PhaseName, RoundOutcome, RoundSummary,
};
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
fn the_page_lists_the_fields_of_the_accountant_s_answers() {
    agree("privacy epsilon", &epsilon());
    for question in ["noise", "rounds", "sampling"] {
        agree(&format!("privacy {question}"), &within_target());
    }
}

#[test]
fn the_page_lists_the_fields_of_a_search() {
    let mut whole = tuning();
    // A candidate has either scores or a failure: one with both stands for the two.
    whole.candidates.truncate(1);
    whole.candidates[0].failure = Some("diverged".into());
    agree("tune", &whole);
}

#[test]
fn the_page_lists_the_fields_of_a_status_and_of_clients() {
    let digest = HexDigest::of(b"plan");
    let federation = FederationState {
        name: "garden".into(),
        plan: String::new(),
        plan_sha256: digest,
        phase: PhaseName::Gathering,
        round: 0,
        rounds: 3,
        enrolled: 1,
        wait_for: 2,
        places: 4,
        model_sha256: digest,
    };
    let round = RoundSummary {
        round: 1,
        opened: 0,
        closed: 1,
        cohort: vec![],
        contributed: vec![],
        declined: vec![],
        late: vec![],
        outcome: RoundOutcome::Abandoned { minimum: 1 },
        epsilon: Some(1.0),
        clip: None,
        masked: None,
        model_sha256: digest,
    };
    agree("status", &status::status(&federation, &[round]));
    let key = Identity::from_random(&[1; 32]).key();
    agree("clients", &status::clients(&[EnrolledClient { client: 1, key, revoked: false }]));
}

#[test]
fn the_page_lists_the_fields_of_a_model() {
    let mut found = serialized(&model());
    // The configuration is what the plan's own documentation lists.
    found.retain(|path| !path.starts_with("model."));
    found.insert("model".into());
    assert_eq!(documented("model show"), found);
}

#[test]
fn documents_survive_being_written_and_read() {
    survives(&comparison());
    survives(&simulation());
    survives(&evaluation());
    survives(&epsilon());
    survives(&within_target());
    survives(&model());
    survives(&tuning());
    survives(&ModelEvaluation { classification: None, metrics: Metrics::default(), ..evaluation() });
}

#[test]
fn fields_of_a_promise_not_made_are_left_out() {
    let mut comparison = comparison();
    comparison.rows[0] = Regime {
        unit: None,
        epsilon: None,
        delta: None,
        trusted: None,
        test_accuracy: None,
        ..comparison.rows[0].clone()
    };
    let found = serde_json::to_value(&comparison).unwrap();
    let row = found["rows"][0].as_object().unwrap();
    assert!(["unit", "epsilon", "delta", "trusted"].iter().all(|key| !row.contains_key(*key)));
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
