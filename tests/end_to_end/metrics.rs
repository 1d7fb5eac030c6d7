//! The metrics of models whose answers can be computed by hand.

use crate::commands::{TABLE_PLAN, table};
use crate::harness::{Sandbox, text};
use privet_core::nn::{self, Loss, ModelConfig, Network};
use privet_core::random::{Purpose, Seed};
use serde_json::Value;

/// A model of one feature without hidden layers: `weights` and `biases` of its outputs.
fn model(loss: Loss, weights: &[f32], biases: &[f32]) -> Vec<u8> {
    let config = ModelConfig { hidden: Vec::new(), ..ModelConfig::default() };
    let network = Network::new(&config, 1, weights.len(), loss).unwrap();
    let mut params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
    params.values_mut().copy_from_slice(&[weights, biases].concat());
    nn::to_safetensors(&network, &params)
}

/// A plan of a table of one feature `x`, and of a label `t`.
fn plan(label: &str) -> String {
    format!(
        "[data]\nsource = \"csv\"\npath = \"rows.csv\"\nlabel = \"t\"\nnumeric = [\"x\"]\nstandardize = \"none\"\n{label}\n\
         [partition]\nclients = 1\n"
    )
}

const CLASSIFIES: Loss = Loss::CrossEntropy { label_smoothing: 0.0 };
const EVALUATE: &str = "evaluate --model m.safetensors --plan plan.toml --data rows.csv";

fn sandbox(plan: String, rows: &str, model: Vec<u8>) -> Sandbox {
    let sandbox = Sandbox::with("plan.toml", plan);
    sandbox.write("rows.csv", format!("x,t\n{rows}"));
    sandbox.write("m.safetensors", model);
    sandbox
}

fn close(found: &Value, wanted: f64) {
    assert!((found.as_f64().unwrap() - wanted).abs() < 1e-9, "{found}, not {wanted}");
}

#[test]
fn two_classes_have_all_measures() {
    // It says yes where x is above 0: one of two "no" is told right, and three of five "yes".
    let rows = "-3,no\n1,no\n-2,yes\n-1,yes\n2,yes\n3,yes\n4,yes\n";
    let model = model(CLASSIFIES, &[0.0, 1.0], &[0.0, 0.0]);
    let sandbox = sandbox(plan("classes = [\"no\", \"yes\"]"), rows, model);
    let found = sandbox.json(&format!("{EVALUATE} --json"));
    close(&found["accuracy"], 4.0 / 7.0);
    close(&found["precision"]["macro"], (1.0 / 3.0 + 3.0 / 4.0) / 2.0);
    close(&found["recall"]["macro"], (1.0 / 2.0 + 3.0 / 5.0) / 2.0);
    close(&found["f1"]["macro"], (2.0 / 5.0 + 2.0 / 3.0) / 2.0);
    for measure in ["precision", "recall", "f1"] {
        close(&found[measure]["micro"], 4.0 / 7.0);
    }
    // Of ten pairs of a yes and a no, five are in order with the first no, and three with the second.
    close(&found["roc_auc"], 0.8);
    for absent in ["top_5_accuracy", "r2", "mean_squared_error"] {
        assert_eq!(found.get(absent), None, "{absent}");
    }
    let table = sandbox.succeed(EVALUATE);
    assert!(table.contains("53.33 % macro, 57.14 % micro") && table.contains("0.8000"), "{table}");
}

#[test]
fn many_classes_are_looked_for_among_the_five_largest() {
    // Class 0 is always the likeliest, and class 6 the least likely.
    let biases: Vec<f32> = (0..7).map(|class| -(class as f32)).collect();
    let rows: String = (0..7).map(|class| format!("1,c{class}\n")).collect();
    let names: Vec<String> = (0..7).map(|class| format!("\"c{class}\"")).collect();
    let label = format!("classes = [{}]", names.join(", "));
    let sandbox = sandbox(plan(&label), &rows, model(CLASSIFIES, &[0.0; 7], &biases));
    let found = sandbox.json(&format!("{EVALUATE} --json"));
    close(&found["accuracy"], 1.0 / 7.0);
    close(&found["top_5_accuracy"], 5.0 / 7.0);
    // Every row has the same outputs: nothing is ranked.
    close(&found["roc_auc"], 0.5);
    close(&found["recall"]["macro"], 1.0 / 7.0);
    close(&found["precision"]["macro"], 1.0 / 49.0);
}

#[test]
fn a_regression_has_errors_and_r2() {
    // It says x: the errors are -1, 0, -1 and 0, and the targets vary by 4 around 3.
    let label = "task = \"regression\"";
    let sandbox = sandbox(plan(label), "1,2\n2,2\n3,4\n4,4\n", model(Loss::MeanSquaredError, &[1.0], &[0.0]));
    let found = sandbox.json(&format!("{EVALUATE} --json"));
    close(&found["loss"], 0.5);
    close(&found["mean_absolute_error"], 0.5);
    close(&found["mean_squared_error"], 0.5);
    close(&found["r2"], 0.5);
    assert!(found.get("accuracy").is_none() && found.get("f1").is_none(), "{found}");
    let table = sandbox.succeed(EVALUATE);
    assert!(table.contains("mean absolute error") && table.contains("R2"), "{table}");
}

#[test]
fn a_run_ends_with_the_metrics_that_evaluate_tells_of_its_model() {
    let sandbox = Sandbox::with("plan.toml", TABLE_PLAN.replace("\"client\"", "\"none\""));
    sandbox.write("table.csv", table(200));
    let run = sandbox.json("simulate plan.toml --rounds 2 --quiet --json --out run");
    let judged = sandbox.json("evaluate --model run/model.safetensors --data plan.toml --json");
    let metrics = run["final"]["metrics"].as_object().unwrap();
    assert_eq!(metrics.len(), 4, "{metrics:?}");
    for (name, value) in metrics {
        assert_eq!(&judged[name], value, "{name}");
    }
    assert_eq!(judged["accuracy"], run["final"]["test_accuracy"]);
    assert!(text(&sandbox.read("run/report.html")).contains("ROC-AUC"));
}
