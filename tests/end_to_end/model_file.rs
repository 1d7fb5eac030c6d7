//! The model file in the hands of others.

use crate::harness::{SMALL, Sandbox, text};
use std::process::Command;

/// Loads the file as PyTorch's users would, and prints names and shapes: those of weights say how they lie.
const READ: &str = "\
import sys
try:
    from safetensors.numpy import load_file
except ImportError:
    print('skipped')
    sys.exit(0)
tensors = load_file(sys.argv[1])
print({name: tensors[name].shape for name in sorted(tensors)})
";

#[test]
fn python_reads_it_with_the_names_and_shapes_of_pytorch() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    sandbox.succeed("simulate plan.toml --quiet --rounds 1 --out run");
    let Ok(output) =
        Command::new("python3").args(["-c", READ]).arg(sandbox.path("run/model.safetensors")).output()
    else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let printed = text(&output.stdout);
    if printed.trim() == "skipped" {
        eprintln!("skipped: python3 has no package safetensors");
        return;
    }
    let expected = "{'0.bias': (16,), '0.weight': (16, 64), '2.bias': (10,), '2.weight': (10, 16)}";
    assert_eq!(printed.trim(), expected, "{}", text(&output.stderr));
}

#[test]
fn it_can_be_judged_by_itself() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let run = sandbox.json("simulate plan.toml --quiet --json --out run");
    let judged = sandbox.json("evaluate --model run/model.safetensors --data digits --json");
    assert_eq!(judged["accuracy"], run["final"]["test_accuracy"]);
    assert_eq!(judged["model_sha256"], run["final"]["model_sha256"]);
    assert!(sandbox.succeed("evaluate --model run/model.safetensors --data digits").contains("accuracy"));
}
