//! What the crates may depend on.

use crate::harness::text;
use std::collections::BTreeSet;
use std::process::Command;

/// The names of all crates that one of ours brings along, tests and build scripts aside.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn core_has_no_runtime_no_network_and_no_randomness_of_the_system() {
    let core = dependencies("privet-core");
    assert!(core.contains("rayon"), "the tree was not read: {core:?}");
    for forbidden in
        ["tokio", "async-std", "smol", "futures-executor", "mio", "hyper", "axum", "reqwest", "getrandom"]
    {
        assert!(!core.contains(forbidden), "core brings {forbidden} along");
    }
}

#[test]
fn client_and_coordinator_never_see_each_other() {
    assert!(!dependencies("privet-client").contains("privet-coordinator"));
    assert!(!dependencies("privet-coordinator").contains("privet-client"));
}
