//! Clients that allow themselves to spend so much and no more.

use crate::harness::{Sandbox, text};
use std::process::Output;

/// One client, so that nobody waits for another.
const PLAN: &str = "\
[federation]
name = \"limited\"
rounds = 6
[data]
source = \"digits\"
[partition]
clients = 1
[model]
hidden = [8]
[training]
batch-size = 200
[cohort]
deadline-seconds = 120
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.5
delta = 1e-5
noise-multiplier = 2.0
";

/// What the rounds of a plan spend, one after the other.
fn spent(sandbox: &Sandbox, plan: &str) -> Vec<f64> {
    let document = sandbox.json(&format!("simulate {plan} --quiet --json --out spent"));
    let rounds = document["rounds"].as_array().unwrap();
    rounds.iter().map(|round| round["epsilon"].as_f64().unwrap()).collect()
}

/// A client of a coordinator that serves the plan and is killed afterwards.
fn client(sandbox: &Sandbox, plan: &str, arguments: &str) -> Output {
    let coordinator = sandbox.coordinator(&format!("{plan} --out served"));
    let ended = sandbox.run(&format!("client --coordinator {} --data built-in {arguments}", coordinator.url));
    coordinator.kill();
    ended
}

#[test]
fn a_client_stops_before_the_round_that_would_pass_its_own_limit_and_remembers_that() {
    let by_example = PLAN.replace("clip = 0.5", "unit = \"example\"\nclip = 0.5\nrows-per-client = 1400");
    for (plan, relies) in [
        (by_example, "relies on nobody"),
        (PLAN.replace("clip", "noise-at = \"local\"\nclip"), "relies on nobody"),
        (PLAN.replace("clip", "noise-at = \"clients\"\nclip"), "nothing of theirs"),
        (PLAN.to_owned(), "nothing of the noise"),
    ] {
        let sandbox = Sandbox::with("plan.toml", plan);
        let allowed = spent(&sandbox, "plan.toml")[1] * 1.000_01;
        let limited = format!("--key own.key --maximum-epsilon {allowed}");
        let ended = client(&sandbox, "plan.toml", &limited);
        let said = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(relies) && said.contains("round 2: counted"), "{said}");
        assert!(said.contains("does not answer round 3") && !said.contains("round 3: counted"), "{said}");
        let record = text(&sandbox.read("own.key.answered"));
        assert!(record.ends_with(" 2 2 0\n"), "{record}");
        // The same plan once more is the same promise once more.
        let again = client(&sandbox, "plan.toml", &limited);
        let said = text(&again.stderr);
        assert_eq!(again.status.code(), Some(1), "{said}");
        assert!(said.contains("asked to answer round 1 after round 2"), "{said}");
        assert_eq!(text(&sandbox.read("own.key.answered")), record);
    }
}

#[test]
fn a_limit_that_the_plan_cannot_keep_is_refused_before_enrolment() {
    let sandbox = Sandbox::with("plan.toml", PLAN);
    sandbox.write("bare.toml", PLAN.split("[privacy]").next().unwrap());
    let allowed = spent(&sandbox, "plan.toml")[0] * 0.999;
    let refused = |plan: &str, arguments: &str, code: i32| {
        let ended = client(&sandbox, plan, &format!("--key own.key {arguments}"));
        let said = text(&ended.stderr);
        assert!(ended.status.code() == Some(code) && !said.contains("enrolled"), "{arguments}: {said}");
        said
    };
    let said = refused("plan.toml", &format!("--maximum-epsilon {allowed}"), 1);
    assert!(said.contains("one round of the plan spends epsilon"), "{said}");
    let said = refused("bare.toml", "--maximum-epsilon 100", 1);
    assert!(said.contains("promises no privacy"), "{said}");
    let said = refused("plan.toml", "--max-epsilon 0", 2);
    assert!(said.contains("target epsilon is 0"), "{said}");
    let said = refused("plan.toml", "--maximum-epsilon 8 --delta 1", 2);
    assert!(said.contains("delta is 1"), "{said}");
    // At a delta of the client's own the same epsilon is another limit.
    let said = refused("plan.toml", &format!("--maximum-epsilon {} --delta 1e-12", allowed * 1.01), 1);
    assert!(said.contains("at delta 1e-12"), "{said}");
    // An account that also holds rounds of another plan says nothing of what they spent.
    sandbox.write("own.key.answered", format!("{} 3 3 0\n", "ab".repeat(32)));
    let said = refused("plan.toml", "--maximum-epsilon 100", 1);
    assert!(said.contains("has answered 3 rounds by another plan"), "{said}");
    // Without a key there is no account that outlives the process.
    let said = sandbox.fail("client --coordinator http://127.0.0.1:1 --data built-in --max-epsilon 1", 2);
    assert!(said.contains("--key"), "{said}");
}
