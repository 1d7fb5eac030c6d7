//! Federations that promise privacy.

use crate::harness::{Sandbox, model, text};

const PRIVATE: &str = "\
[federation]
name = \"private\"
rounds = 3
[data]
source = \"digits\"
[partition]
clients = 6
[model]
hidden = [16]
[cohort]
sampling = \"poisson\"
fraction = 0.8
minimum = 0
deadline-seconds = 120
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.5
delta = 1e-3
noise-multiplier = 1.0
";

#[test]
fn a_given_noise_seed_repeats_the_model_over_any_transport_and_gives_up_the_promise() {
    for noise_at in ["coordinator", "clients", "local"] {
        let minimum = if noise_at == "coordinator" { 0 } else { 1 };
        let plan = PRIVATE
            .replace("minimum = 0", &format!("minimum = {minimum}"))
            .replace("clip", &format!("noise-at = \"{noise_at}\"\nclip"));
        let sandbox = Sandbox::with("plan.toml", plan);
        let run = sandbox.run("simulate plan.toml --noise-seed 5 --json --out memory");
        assert!(run.status.success(), "{}", text(&run.stderr));
        assert!(text(&run.stderr).contains("no privacy guarantee"), "{}", text(&run.stderr));
        let document: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(document["privacy"]["guarantee"], false);
        let report = text(&sandbox.read("memory/report.html"));
        assert!(report.contains("no privacy guarantee") && report.contains("Privacy spent"));
        for line in text(&sandbox.read("memory/metrics.jsonl")).lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["epsilon"].as_f64().unwrap() > 0.0 && line["train_loss"].is_null(), "{line}");
        }
        sandbox.succeed("simulate plan.toml --noise-seed 5 --over http --quiet --out http");
        assert!(model(&sandbox.path("memory")) == model(&sandbox.path("http")), "{noise_at}");
    }
}

#[test]
fn fresh_noise_is_never_the_same() {
    let sandbox = Sandbox::with("plan.toml", PRIVATE);
    let document = sandbox.json("simulate plan.toml --quiet --json --out one");
    assert_eq!(document["privacy"]["guarantee"], true);
    assert_eq!(document["privacy"]["trusted"], "coordinator");
    sandbox.succeed("simulate plan.toml --quiet --out two");
    assert!(model(&sandbox.path("one")) != model(&sandbox.path("two")));
}

#[test]
fn a_comparison_shows_what_each_epsilon_costs() {
    let plan = format!("{PRIVATE}[compare]\ntarget-epsilons = [2.0, 50.0]\n");
    let sandbox = Sandbox::with("plan.toml", plan);
    let document = sandbox.json("compare plan.toml --seeds 1 --quiet --json --out run");
    let rows = document["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let dp = |epsilon: &str| format!("federated + client-level DP, epsilon {epsilon}");
    assert_eq!(names[2..], ["federated", &dp("2"), &dp("50")]);
    assert!(rows[2].get("epsilon").is_none());
    for (row, target) in [(&rows[3], 2.0), (&rows[4], 50.0)] {
        let epsilon = row["epsilon"].as_f64().unwrap();
        assert!(epsilon <= target && epsilon > 0.9 * target, "{row}");
        assert_eq!((&row["delta"], &row["trusted"]), (&1e-3.into(), &"coordinator".into()));
    }
    assert!(text(&sandbox.read("run/report.html")).contains("Accuracy against epsilon"));
}

#[test]
fn a_federation_that_has_spent_its_privacy_stops_and_says_so() {
    let plan = PRIVATE.replace("noise-multiplier = 1.0", "noise-multiplier = 1.0\ntarget-epsilon = 6.0");
    let sandbox = Sandbox::with("plan.toml", plan);
    let run = sandbox.run("simulate plan.toml --rounds 50 --json --out run");
    assert!(run.status.success(), "{}", text(&run.stderr));
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let rounds = document["rounds"].as_array().unwrap().len();
    assert!(rounds > 1 && rounds < 50 && document["privacy"]["exhausted"] == true, "{rounds}");
    assert!(document["privacy"]["epsilon"].as_f64().unwrap() <= 6.0);
    assert!(
        text(&run.stderr).contains("the next one would pass the target epsilon 6"),
        "{}",
        text(&run.stderr)
    );
}

const BY_EXAMPLE: &str = "\
[federation]
name = \"by-example\"
rounds = 3
[data]
source = \"digits\"
[partition]
clients = 4
[model]
hidden = [16]
[training]
batch-size = 100
learning-rate = 0.3
[cohort]
deadline-seconds = 120
[aggregation]
weights = \"uniform\"
[privacy]
unit = \"example\"
clip = 1.0
delta = 1e-5
noise-multiplier = 1.0
";

#[test]
fn steps_that_protect_examples_are_the_same_bits_over_any_transport() {
    let sandbox = Sandbox::with("plan.toml", BY_EXAMPLE);
    let run = sandbox.run("simulate plan.toml --noise-seed 5 --json --out memory");
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("no privacy guarantee"), "{}", text(&run.stderr));
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        (&document["privacy"]["unit"], &document["privacy"]["trusted"]),
        (&"example".into(), &"nobody".into())
    );
    assert_eq!(document["privacy"]["guarantee"], false);
    let mut spent = 0.0;
    for line in text(&sandbox.read("memory/metrics.jsonl")).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let epsilon = line["epsilon"].as_f64().unwrap();
        assert!(epsilon > spent && line["train_loss"].is_null() && line["contributed"] == 4, "{line}");
        spent = epsilon;
    }
    assert_eq!(document["privacy"]["epsilon"].as_f64(), Some(spent));
    // How many rows a client holds on average is filled in where the rows are at hand, and shown.
    let shown = text(&sandbox.read("memory/plan.toml"));
    assert!(shown.contains("rows-per-client = 11"), "{shown}");
    for threads in ["--threads 1", "--over http"] {
        sandbox.succeed(&format!("simulate plan.toml --noise-seed 5 {threads} --quiet --out again"));
        assert!(model(&sandbox.path("memory")) == model(&sandbox.path("again")), "{threads}");
    }
    sandbox.succeed("simulate plan.toml --quiet --out fresh");
    assert!(model(&sandbox.path("memory")) != model(&sandbox.path("fresh")));
}

#[test]
fn a_coordinator_and_clients_with_fresh_noise_train_by_example() {
    let plan = BY_EXAMPLE.replace("rounds = 3", "rounds = 2").replace("clients = 4", "clients = 2");
    let sandbox = Sandbox::with("plan.toml", plan);
    let coordinator = sandbox.coordinator("plan.toml --json --out run");
    let clients: Vec<_> = (1..=2)
        .map(|number| {
            let arguments =
                format!("client --coordinator {} --data built-in --partition {number}/2", coordinator.url);
            sandbox.command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for client in clients {
        let ended = client.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", text(&ended.stderr));
    }
    let document: serde_json::Value = serde_json::from_str(&coordinator.finish()).unwrap();
    assert_eq!(document["rounds"].as_array().unwrap().len(), 2);
    assert_eq!(document["privacy"]["guarantee"], true);
    assert!(document["privacy"]["epsilon"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_comparison_sets_dp_sgd_on_the_pooled_rows_beside_the_federation() {
    let plan = BY_EXAMPLE.replace("noise-multiplier = 1.0", "target-epsilon = 8.0");
    let sandbox = Sandbox::with("plan.toml", plan);
    let document = sandbox.json("compare plan.toml --seeds 1 --quiet --json --out run");
    let rows = document["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let promised = ["federated + example-level DP, epsilon 8", "centralized + example-level DP, epsilon 8"];
    assert_eq!(names[3..], promised);
    for (row, trusted) in [(&rows[3], "nobody"), (&rows[4], "whoever pools the rows")] {
        let epsilon = row["epsilon"].as_f64().unwrap();
        assert!(epsilon <= 8.0 && epsilon > 7.9, "{row}");
        assert_eq!((&row["delta"], &row["trusted"]), (&1e-5.into(), &trusted.into()));
    }
    let accuracy = |row: &serde_json::Value| row["test_accuracy"]["mean"].as_f64().unwrap();
    assert!(accuracy(&rows[4]) > 0.3 && rows[4]["bytes_up"] == 0, "{}", rows[4]);
    assert!(text(&sandbox.read("run/report.html")).contains("Accuracy against epsilon"));
}

#[test]
fn a_client_that_comes_back_remembers_in_which_rounds_it_has_trained() {
    let plan = BY_EXAMPLE.replace("rounds = 3", "rounds = 2").replace("clients = 4", "clients = 1");
    let sandbox = Sandbox::with("plan.toml", plan);
    let mut said = Vec::new();
    for run in ["first", "second"] {
        // The second coordinator begins the same federation anew, and would have the same noise drawn again.
        let coordinator = sandbox.coordinator(&format!("plan.toml --json --out {run}"));
        let client =
            sandbox.run(&format!("client --coordinator {} --data built-in --key own.key", coordinator.url));
        assert!(client.status.success(), "{}", text(&client.stderr));
        coordinator.finish();
        said.push(text(&client.stderr));
    }
    assert!(said[0].contains("round 2: counted") && !said[0].contains("declined"), "{}", said[0]);
    assert!(
        said[1].contains("round 2: declined (Privacy)") && !said[1].contains("counted with"),
        "{}",
        said[1]
    );
    assert!(text(&sandbox.read("own.key.account")).contains("{\"last\":2,\"count\":2}"));
}
