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
    let adaptive = "adaptive-clip = { quantile = 0.5 }\nclip";
    for (noise_at, clip) in [
        ("coordinator", "clip"),
        ("clients", "clip"),
        ("local", "clip"),
        ("coordinator", adaptive),
        ("clients", adaptive),
    ] {
        let minimum = if noise_at == "coordinator" { 0 } else { 1 };
        let plan = PRIVATE
            .replace("minimum = 0", &format!("minimum = {minimum}"))
            .replace("clip", &format!("noise-at = \"{noise_at}\"\n{clip}"));
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
            assert_eq!(line["within_clip"].is_number(), clip == adaptive, "{line}");
            assert!(line["unprotected"]["median_norm"].as_f64().unwrap() > 0.0, "{line}");
        }
        sandbox.succeed("simulate plan.toml --noise-seed 5 --over http --quiet --out http");
        assert!(model(&sandbox.path("memory")) == model(&sandbox.path("http")), "{noise_at}");
        // A coordinator knows no norms.
        assert!(!text(&sandbox.read("http/metrics.jsonl")).contains("unprotected"));
    }
}

#[test]
fn correlated_noise_is_the_same_over_any_transport_and_clients_rest() {
    let plan = PRIVATE
        .replace("rounds = 3", "rounds = 6")
        .replace("sampling = \"poisson\"\nfraction = 0.8", "fraction = 0.5")
        .replace(
            "noise-multiplier = 1.0",
            "noise-multiplier = 1.0\nmatrix = { separation = 2, buffers = 2 }",
        );
    let sandbox = Sandbox::with("plan.toml", plan);
    let document = sandbox.json("simulate plan.toml --noise-seed 5 --quiet --json --out memory");
    sandbox.succeed("simulate plan.toml --noise-seed 5 --over http --quiet --out http");
    assert!(model(&sandbox.path("memory")) == model(&sandbox.path("http")));
    let rounds = document["rounds"].as_array().unwrap();
    for pair in rounds.windows(2) {
        let [one, next] = [0, 1].map(|at| pair[at]["cohort"].as_array().unwrap());
        assert!(one.len() == 3 && next.iter().all(|client| !one.contains(client)), "{one:?} {next:?}");
        // Paid for as a whole, before the first round.
        assert_eq!(pair[0]["epsilon"], pair[1]["epsilon"]);
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
    let plan = format!(
        "{PRIVATE}[compare]\ntarget-epsilons = [2.0, 50.0]\n\
         [[compare.rows]]\nname = \"local\"\nwith = {{ privacy.noise-at = \"local\", cohort.minimum = 1 }}\n\
         [[compare.rows]]\nname = \"slow\"\nprivate = false\nwith = {{ training.learning-rate = 0.01 }}\n"
    );
    let sandbox = Sandbox::with("plan.toml", plan);
    sandbox.succeed("plan check plan.toml");
    let document = sandbox.json("compare plan.toml --seeds 1 --quiet --json --out run");
    let rows = document["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let dp = |epsilon: &str| format!("federated + client-level DP, epsilon {epsilon}");
    assert_eq!(names[2..], ["federated", &dp("2"), &dp("50"), "local", "slow"]);
    assert_eq!(rows[5]["trusted"], "nobody");
    assert!(rows[5]["epsilon"].is_number() && rows[6].get("epsilon").is_none());
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
        // What is told of a step follows from the plan: a little more noise than multiplier x clip / batch-size.
        let noise = 100.0 * line["noise_deviation"].as_f64().unwrap();
        assert!(line["clip"] == 1.0 && noise > 1.0 && noise < 1.05, "{line}");
        assert!(line.get("signal_to_noise").is_none(), "{line}");
        // Whoever simulates has the rows, and may look at their gradients.
        let seen = &line["unprotected"];
        let (clipped, median) = (seen["clipped"].as_f64().unwrap(), seen["median_norm"].as_f64().unwrap());
        assert!((0.0..=1.0).contains(&clipped) && median > 0.0 && seen["zeros"] == 0, "{line}");
        assert_eq!(median > 1.0, clipped > 0.5, "{line}");
        spent = epsilon;
    }
    assert_eq!(document["privacy"]["epsilon"].as_f64(), Some(spent));
    // How many rows a client holds on average is filled in where the rows are at hand, told and shown.
    assert!(text(&run.stderr).contains("is counted from the clients' rows"), "{}", text(&run.stderr));
    let shown = text(&sandbox.read("memory/plan.toml"));
    assert!(shown.contains("rows-per-client = 11"), "{shown}");
    for threads in ["--threads 1", "--over http"] {
        sandbox.succeed(&format!("simulate plan.toml --noise-seed 5 {threads} --quiet --out again"));
        assert!(model(&sandbox.path("memory")) == model(&sandbox.path("again")), "{threads}");
    }
    let report = text(&sandbox.read("memory/report.html"));
    assert!(report.contains("Gradients cut") && report.contains("no promise covers it"));
    // The last of them went over HTTP, where nobody is told.
    assert!(!text(&sandbox.read("again/metrics.jsonl")).contains("unprotected"));
    assert!(!text(&sandbox.read("again/report.html")).contains("no promise covers it"));
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

const DIGITS: &str = include_str!("../../examples/plans/digits-private.toml");

#[test]
fn a_comparison_makes_its_promise_to_clients_and_to_examples() {
    let plan = DIGITS.replace("rounds = 20", "rounds = 6").replace(", privacy.rows-per-client = 224", "");
    let sandbox = Sandbox::with("plan.toml", &plan);
    let run = sandbox.run("compare plan.toml --seeds 1 --json --out run");
    let said = text(&run.stderr);
    assert!(run.status.success() && said.contains("rows-per-client = 224 is counted"), "{said}");
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let rows = document["rows"].as_array().unwrap();
    let told =
        |at: usize| (rows[at]["name"].as_str().unwrap(), rows[at]["unit"].as_str(), &rows[at]["trusted"]);
    assert_eq!(rows.len(), 7);
    assert!((0..3).all(|at| told(at).1.is_none()));
    let coordinator = &"coordinator".into();
    assert_eq!(told(3), ("federated + client-level DP, epsilon 8", Some("client"), coordinator));
    assert_eq!(told(4), ("federated + client-level DP, epsilon 32", Some("client"), coordinator));
    assert_eq!(told(5), ("federated + example-level DP", Some("example"), &"nobody".into()));
    assert_eq!((told(6).1, told(6).2), (Some("example"), &"whoever pools the rows".into()));
    for row in &rows[3..] {
        let (epsilon, accuracy) = (row["epsilon"].as_f64().unwrap(), &row["test_accuracy"]["mean"]);
        assert!(epsilon > 7.9 && epsilon <= 32.0 && accuracy.as_f64().unwrap() > 0.0, "{row}");
    }
    // An epsilon is drawn with those of the same unit alone.
    let report = text(&sandbox.read("run/report.html"));
    for line in ["client-level<", "example-level<", "example-level, pooled<"] {
        assert!(report.contains(line), "{line}");
    }
    sandbox.write("typed.toml", DIGITS);
    sandbox.succeed("plan check typed.toml");
}

#[test]
fn what_follows_from_a_private_plan_is_shown() {
    let shares =
        PRIVATE.replace("minimum = 0", "minimum = 3").replace("clip", "noise-at = \"clients\"\nclip");
    let sandbox = Sandbox::with("shares.toml", &shares);
    let shown = sandbox.succeed("plan show shares.toml");
    assert!(shown.contains("\n# noise-shares = 3 in [privacy] follows from the rest"), "{shown}");
    assert!(shown.contains("\n# the noised sum of a round is divided by 5, whoever took part"), "{shown}");
    sandbox.write("examples.toml", BY_EXAMPLE.replace("clip = 1.0", "clip = 1.0\nrows-per-client = 400"));
    let shown = sandbox.succeed("plan show examples.toml");
    let told = "# a round of a client has 4 steps; each draws every example with a chance of 0.250000, and divides its \
                noised sum by 100";
    assert!(shown.contains(told), "{shown}");
}

/// Nobody but a simulation can tell that all clients diverge; whoever simulates is told.
#[test]
fn a_learning_rate_that_diverges_under_a_promise_to_clients_is_warned_of() {
    let sandbox = Sandbox::with("plan.toml", format!("{PRIVATE}[training]\nlearning-rate = 1e30\n"));
    let run = sandbox.run("simulate plan.toml --json --out run");
    let said = text(&run.stderr);
    assert!(run.status.success() && said.contains("updates were zeros"), "{said}");
    assert!(said.contains("learning rate"), "{said}");
    let line: serde_json::Value =
        serde_json::from_str(text(&sandbox.read("run/metrics.jsonl")).lines().next().unwrap()).unwrap();
    assert_eq!(line["declined"], 0);
    assert_eq!(line["unprotected"]["zeros"], line["contributed"]);
    assert!(text(&sandbox.read("run/report.html")).contains("updates that were zeros"));
    // The clients over HTTP know it as well, and tell nobody but the process that they are in.
    let run = sandbox.run("simulate plan.toml --over http --json --out http");
    let said = text(&run.stderr);
    assert!(run.status.success() && said.contains("the coordinator was not told"), "{said}");
    assert!(!text(&sandbox.read("http/metrics.jsonl")).contains("zeros"));
    assert!(!text(&sandbox.read("http/report.html")).contains("updates that were zeros"));
}

#[test]
fn a_client_that_comes_back_remembers_in_which_rounds_it_has_trained() {
    let plan = BY_EXAMPLE.replace("rounds = 3", "rounds = 2").replace("clients = 4", "clients = 1");
    let sandbox = Sandbox::with("plan.toml", plan);
    let client =
        |url: &str| sandbox.run(&format!("client --coordinator {url} --data built-in --key own.key"));
    let coordinator = sandbox.coordinator("plan.toml --json --out first");
    let first = client(&coordinator.url);
    coordinator.finish();
    assert!(first.status.success() && text(&first.stderr).contains("round 2: counted"), "{first:?}");
    let record = text(&sandbox.read("own.key.answered"));
    assert!(record.ends_with(" 2 2 0\n") && record.lines().count() == 1, "{record}");
    // A second coordinator begins the same federation anew, and would have the same noise drawn again.
    let coordinator = sandbox.coordinator("plan.toml --json --out second");
    let second = client(&coordinator.url);
    coordinator.kill();
    let said = text(&second.stderr);
    assert!(!second.status.success() && !said.contains("counted with"), "{said}");
    assert!(
        said.contains("asked to answer round 1 after round 2") && said.contains("another key file"),
        "{said}"
    );
    assert_eq!(text(&sandbox.read("own.key.answered")), record);
}
