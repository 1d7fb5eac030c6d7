//! Every subcommand as a new user would try it.

use crate::harness::{SMALL, Sandbox, text};
use serde_json::Value;

#[test]
fn compare_answers_and_leaves_a_run_directory() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let document = sandbox.json("compare plan.toml --seeds 2 --quiet --json --out run");
    let rows = document["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["centralized", "local-only", "federated"]);
    for row in rows {
        assert!(row["test_accuracy"]["mean"].as_f64().unwrap() > 0.1);
        assert!(row["test_accuracy"]["ci95"].as_f64().unwrap() >= 0.0);
        assert!(row["seconds"].as_f64().unwrap() > 0.0);
        // All regimes start from the same model and spend the same number of example-gradients.
        let curve = row["curve"].as_array().unwrap();
        assert_eq!(curve[0]["test_loss"], rows[0]["curve"][0]["test_loss"]);
        let spent = |row: &Value| row["curve"].as_array().unwrap().last().unwrap()["examples"].clone();
        assert_eq!(spent(row), spent(&rows[0]));
    }
    for file in ["plan.toml", "metrics.jsonl", "summary.json", "model.safetensors", "report.html"] {
        assert!(!sandbox.read(&format!("run/{file}")).is_empty(), "{file}");
    }
    // Four rounds for each of two seeds, one line each.
    assert_eq!(text(&sandbox.read("run/metrics.jsonl")).lines().count(), 8);
    let summary: Value = serde_json::from_slice(&sandbox.read("run/summary.json")).unwrap();
    assert_eq!(summary, document);
}

#[test]
fn a_run_can_be_repeated_from_the_plan_that_it_left() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let first = sandbox.json("simulate plan.toml --rounds 2 --seed 9 --quiet --json --out first");
    let again = sandbox.json("simulate first/plan.toml --quiet --json --out again");
    assert_eq!(first["final"]["model_sha256"], again["final"]["model_sha256"]);
    assert_eq!(first["plan"]["sha256"], again["plan"]["sha256"]);
}

#[test]
fn the_table_is_for_people_and_progress_goes_elsewhere() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let output = sandbox.run("compare plan.toml --seeds 1 --out run");
    let (table, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(table.contains("federated") && !table.contains("rounds ("), "{table}");
    assert!(progress.contains("federated: 4 of 4 rounds (100 %)"), "{progress}");
    let quiet = sandbox.run("compare plan.toml --seeds 1 --quiet --out quiet");
    assert_eq!(text(&quiet.stderr), "");
}

#[test]
fn hospitals_are_clients_of_their_own() {
    let sandbox = Sandbox::new();
    let document = sandbox.json("simulate heart --rounds 3 --quiet --json --out run");
    assert_eq!(document["clients"], 4);
    assert!(document["final"]["test_accuracy"].as_f64().unwrap() > 0.6);
}

#[test]
fn a_plan_is_begun_checked_and_shown() {
    let sandbox = Sandbox::new();
    sandbox.succeed("plan new mine.toml");
    assert!(sandbox.succeed("plan check mine.toml").starts_with("mine.toml is sound: 10 clients"));
    let shown = sandbox.succeed("plan show mine.toml --rounds 7");
    assert!(shown.contains("rounds = 7") && shown.contains("over-selection = 1.0"), "{shown}");
    sandbox.write("shown.toml", shown);
    sandbox.succeed("plan check shown.toml");
    assert!(sandbox.fail("plan new mine.toml", 2).contains("mine.toml exists"));
    assert!(sandbox.succeed("plan new --from heart").contains("hospital"));
}

#[test]
fn a_key_is_made_once_and_shown_without_its_secret() {
    let sandbox = Sandbox::new();
    let made = sandbox.succeed("keys new client.key");
    assert_eq!(made, sandbox.succeed("keys show client.key"));
    assert!(made.trim().len() == 64 && !made.contains(text(&sandbox.read("client.key")).trim()));
    assert!(sandbox.fail("keys new client.key", 1).contains("client.key exists"));
    sandbox.write("notes", "no key");
    assert!(sandbox.fail("keys show notes", 1).contains("notes does not hold a secret key"));
}

#[test]
fn a_table_from_a_file_is_learned_from() {
    let sandbox = Sandbox::with("plan.toml", TABLE_PLAN);
    sandbox.write("table.csv", table(200));
    let document = sandbox.json("compare plan.toml --quiet --json --seeds 1 --out run");
    let federated = &document["rows"][2];
    assert!(federated["test_accuracy"]["mean"].as_f64().unwrap() > 0.8, "{federated}");
    sandbox.succeed("evaluate --model run/model.safetensors --data table.csv --plan plan.toml");
}

#[test]
fn a_row_of_weight_two_is_learned_from_like_two_rows() {
    let plan = |weights: &str| {
        let plan = TABLE_PLAN
            .replace("\"client\"", "\"none\"")
            .replace("by = \"column\"\nclients = 2", "clients = 1");
        let plan = plan.replace("[data.cat", &format!("test-path = \"test.csv\"\n{weights}[data.cat"));
        format!("{plan}batch-size = \"full\"\n").replace("rate = 0.1", "rate = 0.00001")
    };
    let sandbox = Sandbox::with("plain.toml", plan(""));
    sandbox.write("weighted.toml", plan("weight-column = \"w\"\n"));
    sandbox.write("test.csv", table(40));
    let loss = |plan: &str, table: String| {
        sandbox.write("table.csv", table);
        let run = format!("simulate {plan} --quiet --json --out {plan}.run");
        sandbox.json(&run)["final"]["test_loss"].as_f64().unwrap()
    };
    let rows = table(60);
    let (header, rows) = rows.split_once('\n').unwrap();
    // The last rows of the label `yes` count twice.
    let twice = |(at, row): (usize, &str)| at > 20 && row.ends_with("yes");
    let weighted: String = rows
        .lines()
        .enumerate()
        .map(|row| format!("{},{}\n", row.1, if twice(row) { "2" } else { "1" }))
        .collect();
    let doubled: String = rows
        .lines()
        .enumerate()
        .map(|row| format!("{}\n", row.1).repeat(1 + usize::from(twice(row))))
        .collect();
    let wanted = loss("plain.toml", format!("{header}\n{doubled}"));
    let found = loss("weighted.toml", format!("{header},w\n{weighted}"));
    let even = loss("plain.toml", format!("{header}\n{rows}"));
    assert!((found - wanted).abs() < 1e-5 && (found - even).abs() > 1e-3, "{found} {wanted} {even}");
    // The weight is no feature, and a file that a model is judged by need not have it.
    let shown = sandbox.succeed("model show weighted.toml.run/model.safetensors --json");
    assert!(shown.contains("\"inputs\": 4") || shown.contains("\"inputs\":4"), "{shown}");
    sandbox
        .succeed("evaluate --model weighted.toml.run/model.safetensors --plan weighted.toml --data test.csv");
    assert!(sandbox.succeed("plan show weighted.toml").contains("weight-column = \"w\""));
    sandbox.write("table.csv", format!("{header},w\n{}", weighted.replacen(",1\n", ",-1\n", 1)));
    assert!(sandbox.fail("simulate weighted.toml", 3).contains("line 2, column `w`"));
}

/// A table whose label is whether `x` is above `y`; `site` names the client.
pub(crate) fn table(rows: u32) -> String {
    let mut csv = "x,y,colour,site,label\n".to_owned();
    for row in 0..rows {
        let (x, y) = (row * 37 % 101, row * 53 % 97);
        let colour = ["red", "green"][row as usize % 2];
        let site = ["north", "south"][(row / 7) as usize % 2];
        csv += &format!("{x},{y},{colour},{site},{}\n", if x > y { "yes" } else { "no" });
    }
    csv
}

pub(crate) const TABLE_PLAN: &str = "\
[federation]
rounds = 20
[data]
source = \"csv\"
path = \"table.csv\"
label = \"label\"
classes = [\"no\", \"yes\"]
client-column = \"site\"
numeric = [\"x\", \"y\"]
standardize = \"client\"
[data.categorical]
colour = [\"green\", \"red\"]
[partition]
by = \"column\"
clients = 2
[model]
hidden = [8]
[training]
learning-rate = 0.1
epochs = 3
";
