//! Searching values, looking into models, and what models go by.

use crate::commands::{TABLE_PLAN, table};
use crate::harness::{SMALL, Sandbox, text};
use serde_json::Value;

#[test]
fn a_search_ranks_its_candidates_and_leaves_the_best_plan() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let search =
        "tune plan.toml --rounds 2 --folds 3 --over training.learning-rate=0.1,0.00001,1e38 --quiet --json";
    let mut found = sandbox.json(&format!("{search} --threads 1 --out one"));
    let candidates = found["candidates"].as_array().unwrap();
    let values: Vec<_> =
        candidates.iter().map(|candidate| candidate["values"][0].as_str().unwrap()).collect();
    assert_eq!(values[0], "0.1");
    assert_eq!(candidates[0]["validation_accuracy"]["values"].as_array().unwrap().len(), 3);
    assert!(candidates[2]["failure"].as_str().unwrap().contains("learning rate"), "{}", candidates[2]);
    assert!(text(&sandbox.read("one/report.html")).contains("The best of 3"));

    // The plan that it leaves is that of the best candidate, and runs.
    let shown = sandbox.succeed("plan show one/plan.toml");
    assert!(shown.contains("learning-rate = 0.1\n") && shown.contains("rounds = 2\n"), "{shown}");
    let run = sandbox.json("simulate one/plan.toml --quiet --json --out run");
    assert_eq!(run["plan"]["sha256"], found["candidates"][0]["plan_sha256"]);

    let mut again = sandbox.json(&format!("{search} --threads 4 --out four"));
    for document in [&mut found, &mut again] {
        for time in ["started", "seconds", "threads"] {
            document[time] = Value::Null;
        }
        document["candidates"].as_array_mut().unwrap().iter_mut().for_each(|c| c["seconds"] = Value::Null);
    }
    assert_eq!(found, again, "any number of threads gives the same result");
}

#[test]
fn a_search_may_stand_in_the_plan_be_random_and_be_centralized() {
    let plan =
        format!("{SMALL}[tune]\nfolds = 2\n[tune.over]\ntraining.batch-size = [10, 20, 40, \"full\"]\n");
    let sandbox = Sandbox::with("plan.toml", plan);
    let found =
        sandbox.json("tune plan.toml --rounds 1 --random 2 --regime centralized --quiet --json --out run");
    assert_eq!((&found["folds"], &found["combinations"]), (&2.into(), &4.into()));
    assert_eq!(found["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(found["regime"], "centralized");
    assert!(sandbox.succeed("tune plan.toml --rounds 1 --quiet --out all").contains("training.batch-size"));

    // A range has no end of values: it takes a random search.
    let range = "tune plan.toml --rounds 1 --quiet --over training.learning-rate=0.001..0.1:log";
    assert!(sandbox.fail(range, 2).contains("--random"));
    let found = sandbox.json(&format!("{range} --random 3 --json --out drawn"));
    assert_eq!((&found["combinations"], found["candidates"].as_array().unwrap().len()), (&Value::Null, 3));
}

#[test]
fn a_search_that_cannot_be_is_refused_before_anything_is_trained() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let refused = |arguments: &str| sandbox.fail(&format!("tune plan.toml {arguments}"), 2);
    assert!(refused("").contains("--over"));
    assert!(refused("--over training.learning-rate=0.1,-1").contains("learning-rate"));
    assert!(refused("--over training.learnin-rate=0.1").contains("did you mean `learning-rate`"));
    assert!(refused("--over federation.seed=1,2").contains("cannot be varied"));
    assert!(refused("--over model.hidden=[0] ").contains("zero units"));
    assert!(refused("--over training.epochs=1 --folds 1").contains("2 folds or more"));
    assert!(!sandbox.path("runs").exists());
}

#[test]
fn a_model_is_shown_and_exported() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let run = sandbox.json("simulate plan.toml --rounds 1 --quiet --json --out run");
    let shown = sandbox.json("model show run/model.safetensors --json");
    assert_eq!(shown["model_sha256"], run["final"]["model_sha256"]);
    assert_eq!(shown["parameters"], 64 * 16 + 16 + 16 * 10 + 10);
    assert_eq!(shown["layers"][2]["kind"], "dense");
    assert!(sandbox.succeed("model show run/model.safetensors").contains("1,210"));
    sandbox.succeed("model export --model run/model.safetensors --onnx model.onnx");
    assert!(sandbox.read("model.onnx").len() > 4 * 1_210);
    assert!(sandbox.fail("model show plan.toml", 3).contains("plan.toml"));
    assert!(sandbox.fail("model export --model none --onnx out.onnx", 3).contains("none"));
}

#[test]
fn a_model_of_a_table_is_explained_by_its_columns() {
    let sandbox = Sandbox::with("plan.toml", TABLE_PLAN);
    sandbox.write("table.csv", table(200));
    let run = sandbox.json("compare plan.toml --quiet --json --seeds 1 --out run");
    let features = run["explanation"]["features"].as_array().unwrap();
    let names: Vec<_> = features.iter().map(|feature| feature["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["x", "y", "colour"]);
    // The label is whether x is above y: colour says nothing.
    for measure in ["loss_increase", "accuracy_drop", "attribution"] {
        let of = |at: usize| features[at][measure].as_f64().unwrap();
        assert!(of(0) > 2.0 * of(2).abs() && of(1) > 2.0 * of(2).abs(), "{measure}: {features:?}");
    }
    assert!(text(&sandbox.read("run/report.html")).contains("What the model goes by"));
    let with = |threads: u32| {
        let run = format!("simulate plan.toml --quiet --json --threads {threads} --out {threads}");
        sandbox.json(&run)["explanation"].clone()
    };
    assert_eq!(with(1), with(3));

    // A coordinator that has test rows explains its model by them, too.
    let coordinator = sandbox.coordinator("plan.toml --rounds 1 --out served --json");
    let participate = |number: u32| {
        let url = &coordinator.url;
        let client = format!("client --coordinator {url} --data table.csv --partition {number}/2 --quiet");
        sandbox.command(&client).spawn().unwrap()
    };
    for mut client in [participate(1), participate(2)] {
        assert!(client.wait().unwrap().success());
    }
    let served: Value = serde_json::from_str(&coordinator.finish()).unwrap();
    assert_eq!(served["explanation"]["features"].as_array().map(Vec::len), Some(3));
    // Pixels have no names.
    sandbox.write("digits.toml", SMALL);
    assert_eq!(sandbox.json("simulate digits.toml --quiet --json --out d").get("explanation"), None);
}
