//! Federations whose coordinator sees no update.

use crate::harness::{SMALL, Sandbox, model, text};
use std::process::Stdio;

/// All four clients in every round, under masks, in as few bits as the sum allows.
fn masked() -> String {
    let cohort = SMALL.replace("fraction = 0.5", "minimum = 3");
    format!(
        "{cohort}[aggregation]\nweight-cap = 2000\n[encoding]\nfraction-bits = 16\nlargest = 2.0\n\
         [secure-aggregation]\nadversarial-fraction = 0.0\n"
    )
}

#[test]
fn a_comparison_shows_that_masks_cost_no_accuracy() {
    let sandbox = Sandbox::with("plan.toml", masked());
    let document = sandbox.json("compare plan.toml --seeds 1 --quiet --json --out run");
    let rows = document["rows"].as_array().unwrap();
    let [_, _, bare, masked] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (&bare["name"], &masked["name"]),
        (&"federated".into(), &"federated + secure aggregation".into())
    );
    for measure in ["test_accuracy", "test_loss", "curve"] {
        assert_eq!(bare[measure], masked[measure], "{measure}");
    }
    assert!(masked["bytes_up"].as_u64() > Some(0) && masked["seconds"].as_f64() > Some(0.0));
    assert!(masked["bytes_down"].as_u64() > bare["bytes_down"].as_u64());
    assert!(text(&sandbox.read("run/report.html")).contains("secure aggregation"));
}

#[test]
fn dropouts_are_named_and_change_the_model_as_they_do_without_masks() {
    let plan = masked();
    let sandbox = Sandbox::with("plan.toml", &plan);
    sandbox.write("bare.toml", plan.split("[secure-aggregation]").next().unwrap());
    sandbox.succeed("simulate plan.toml --quiet --dropout 0.15 --rounds 12 --out masked");
    sandbox.succeed("simulate bare.toml --quiet --dropout 0.15 --rounds 12 --out bare");
    let lines = text(&sandbox.read("masked/metrics.jsonl"));
    let rounds: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let missed =
        |round: &&serde_json::Value| round["masked"]["missed"].as_array().is_some_and(|all| !all.is_empty());
    let failed = rounds.iter().filter(|round| round["masked"]["failure"].is_string()).count();
    assert!(rounds.iter().filter(missed).count() > 2, "{lines}");
    // With this seed enough are there every time; a round that failed would end with the model it began with.
    assert_eq!(failed, 0, "{lines}");
    assert!(model(&sandbox.path("masked")) == model(&sandbox.path("bare")));
    let said = sandbox.fail("simulate plan.toml --dropout 0.1 --over http", 2);
    assert!(said.contains("leave out --over http"), "{said}");
}

#[test]
fn the_model_is_the_same_in_memory_over_http_with_a_process_for_every_client_and_without_masks() {
    let plan = masked();
    let sandbox = Sandbox::with("plan.toml", &plan);
    sandbox.write("bare.toml", plan.split("[secure-aggregation]").next().unwrap());
    sandbox.succeed("simulate bare.toml --quiet --out bare");
    sandbox.succeed("simulate plan.toml --quiet --out memory");
    sandbox.succeed("simulate plan.toml --quiet --over http --out http");

    let coordinator = sandbox.coordinator("plan.toml --out served --json");
    let clients: Vec<_> = (1..=4)
        .map(|number| {
            let url = &coordinator.url;
            let own = if number == 1 { " --minimum-cohort 4" } else { "" };
            sandbox
                .command(&format!("client --coordinator {url} --data built-in --partition {number}/4{own}"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut client in clients {
        assert!(client.wait().unwrap().success());
    }
    let document: serde_json::Value = serde_json::from_str(&coordinator.finish()).unwrap();
    for round in document["rounds"].as_array().unwrap() {
        assert_eq!((&round["contributed"], &round["masked"]["missed"]), (&4.into(), &serde_json::json!([])));
        assert!(round["bytes"]["up"].as_u64() > Some(0));
    }
    let expected = model(&sandbox.path("bare"));
    for run in ["memory", "http", "served"] {
        assert!(model(&sandbox.path(run)) == expected, "{run}");
    }
}

#[test]
fn noise_of_the_clients_is_the_same_under_masks_over_any_transport() {
    let plan = format!(
        "{}[privacy]\nnoise-at = \"clients\"\nclip = 0.5\ndelta = 1e-3\nnoise-multiplier = 1.0\n",
        masked().replace("weight-cap = 2000", "weights = \"uniform\"").replace("largest = 2.0\n", "")
    );
    let sandbox = Sandbox::with("plan.toml", plan);
    sandbox.succeed("simulate plan.toml --quiet --noise-seed 5 --out memory");
    sandbox.succeed("simulate plan.toml --quiet --noise-seed 5 --over http --out http");
    assert!(model(&sandbox.path("memory")) == model(&sandbox.path("http")));
    let document = sandbox.json("simulate plan.toml --quiet --json --out fresh");
    assert!(document["privacy"]["trusted"].as_str().unwrap().contains("clients"), "{document}");
    assert_eq!(document["privacy"]["guarantee"], true);
}

#[test]
fn a_clip_that_adapts_goes_on_under_masks_over_any_transport() {
    let plan = format!(
        "{}[privacy]\nnoise-at = \"clients\"\nclip = 0.5\ndelta = 1e-3\nnoise-multiplier = 1.0\n\
         adaptive-clip = {{ learning-rate = 0.5 }}\n",
        masked().replace("weight-cap = 2000", "weights = \"uniform\"").replace("largest = 2.0\n", "")
    );
    let sandbox = Sandbox::with("plan.toml", plan);
    sandbox.succeed("simulate plan.toml --quiet --noise-seed 5 --out memory");
    sandbox.succeed("simulate plan.toml --quiet --noise-seed 5 --over http --out http");
    assert!(model(&sandbox.path("memory")) == model(&sandbox.path("http")));
}

#[test]
fn a_client_that_asks_for_masks_or_for_a_plan_takes_part_in_nothing_less() {
    let sandbox = Sandbox::with("masked.toml", masked());
    sandbox.write("bare.toml", masked().split("[secure-aggregation]").next().unwrap());
    sandbox.write("twice.json", "[]");
    let coordinator = sandbox.coordinator("bare.toml --out served");
    let join = format!("client --coordinator {} --data built-in --partition 1/4", coordinator.url);
    for demand in ["--minimum-cohort 3", "--roster twice.json"] {
        let said = sandbox.fail(&format!("{join} {demand}"), 1);
        assert!(said.contains("the coordinator's plan has none"), "{said}");
    }
    let said = sandbox.fail(&format!("{join} --plan masked.toml"), 1);
    assert!(said.contains("works by a plan with digest") && said.contains("masked.toml"), "{said}");
    let state =
        sandbox.run(&format!("client --coordinator {} --data nowhere.csv --plan bare.toml", coordinator.url));
    assert!(
        text(&state.stderr).contains("no file can stand for them"),
        "the plan is the right one: {state:?}"
    );
    coordinator.kill();
}
