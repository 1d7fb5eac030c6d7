//! What users get wrong: a clear message, the right exit code, no panic.

use crate::commands::{TABLE_PLAN, table};
use crate::harness::{SMALL, Sandbox};
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn a_plan_that_is_wrong_is_explained_with_its_line() {
    let wrong = |replace: &str, with: &str, expected: &str| {
        assert!(SMALL.contains(replace), "{replace}");
        let sandbox = Sandbox::with("plan.toml", SMALL.replace(replace, with));
        let complaint = sandbox.fail("compare plan.toml", 2);
        assert!(complaint.starts_with("error: plan.toml: "), "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
    };
    wrong("rounds = 4", "ruonds = 4", "line 3: there is no key `ruonds` here; did you mean `rounds`?");
    wrong("rounds = 4", "rounds = \"four\"", "line 3, column 10");
    wrong("fraction = 0.5", "fraction = 2.0", "line 12: `fraction` in [cohort]");
    wrong(
        "fraction = 0.5",
        "fraction = 0.5\nminimum = 3",
        "line 13: `minimum` in [cohort] and line 12: `fraction`",
    );
    wrong("\"dirichlet\"", "\"dirichlett\"", "did you mean `dirichlet`?");
    wrong("source = \"digits\"", "source = \"digit\"", "did you mean `digits`?");
    wrong("hidden = [16]", "hidden = [16]\n[training]\nlearning-rate = 0.0", "`learning-rate` in [training]");
    wrong("[model]", "[model", "line 9");
}

#[test]
fn a_plan_that_does_not_fit_its_data_is_explained() {
    let sandbox = Sandbox::with("plan.toml", SMALL.replace("clients = 4", "clients = 1000000"));
    assert!(sandbox.fail("simulate plan.toml", 3).contains("1000000 clients"));
    let sandbox = Sandbox::with("plan.toml", SMALL.replace("hidden = [16]", "hidden = [0]"));
    assert!(sandbox.fail("simulate plan.toml", 2).contains("`hidden` in [model]"));
    let sandbox = Sandbox::new();
    assert!(sandbox.fail("compare missing.toml", 2).contains("missing.toml cannot be read"));
}

#[test]
fn class_weights_that_do_not_fit_the_classes_are_refused_before_anything_is_trained() {
    let sandbox = Sandbox::with("plan.toml", format!("{SMALL}[training]\nclass-weights = [1.0, 2.0]\n"));
    for command in ["plan check plan.toml", "simulate plan.toml", "coordinator plan.toml"] {
        let complaint = sandbox.fail(command, 2);
        assert!(complaint.contains("line 15: `class-weights` in [training]"), "{complaint}");
        assert!(complaint.contains("10 classes"), "{complaint}");
    }
    let regression = TABLE_PLAN.replace("classes = [\"no\", \"yes\"]", "task = \"regression\"");
    sandbox.write("number.toml", format!("{regression}loss = \"huber\"\nclass-weights = \"balanced\"\n"));
    let complaint = sandbox.fail("plan check number.toml", 2);
    assert!(complaint.contains("`class-weights` in [training]"), "{complaint}");
}

#[test]
fn a_learning_rate_that_diverges_stops_the_run_with_advice() {
    let plan = format!("{SMALL}[training]\nlearning-rate = 10000.0\n");
    let sandbox = Sandbox::with("plan.toml", plan);
    let complaint = sandbox.fail("simulate plan.toml --quiet", 1);
    assert!(complaint.contains("round 1") && complaint.contains("learning rate"), "{complaint}");
}

#[test]
fn images_that_are_missing_or_broken_are_named() {
    let plan = "[data]\nsource = \"mnist\"\nfolder = \"images\"\n";
    let sandbox = Sandbox::with("plan.toml", plan);
    assert!(sandbox.fail("simulate plan.toml", 3).contains("train-images-idx3-ubyte"));
    std::fs::create_dir(sandbox.path("images")).unwrap();
    for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        sandbox.write(&format!("images/{name}-ubyte"), "");
    }
    assert!(sandbox.fail("simulate plan.toml", 3).contains("empty"));
    for labels in ["train-labels-idx1", "t10k-labels-idx1"] {
        sandbox.write(&format!("images/{labels}-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 3, 4]);
    }
    sandbox.write("images/train-images-idx3-ubyte", "this is not an image file at all");
    assert!(sandbox.fail("simulate plan.toml", 3).contains("images/train-images-idx3-ubyte"));
    sandbox.write("images/train-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2]);
    assert!(sandbox.fail("simulate plan.toml", 3).contains("images/train-images-idx3-ubyte"));
}

#[test]
fn a_table_that_is_wrong_is_explained_with_row_and_column() {
    let wrong = |table: String, expected: &[&str]| {
        let sandbox = Sandbox::with("plan.toml", TABLE_PLAN);
        sandbox.write("table.csv", table);
        let complaint = sandbox.fail("simulate plan.toml", 3);
        for expected in expected {
            assert!(complaint.contains(expected), "{complaint}");
        }
    };
    let sound = table(40);
    wrong(sound.replace("x,y,", "x,z,"), &["table.csv", "`y`"]);
    wrong(sound.replacen("\n0,0,", "\nmany,0,", 1), &["table.csv", "line 2", "`x`", "many"]);
    wrong(sound.replacen(",red,", ",blue,", 1), &["table.csv", "`colour`", "blue"]);
    wrong(sound.replacen(",red,", ",red,red,", 1), &["table.csv", "line 2"]);
    wrong(sound.replace(",yes\n", ",no\n"), &["table.csv"]);
    wrong("x,y,colour,site,label\n".to_owned(), &["table.csv"]);
    let sandbox = Sandbox::with("plan.toml", TABLE_PLAN);
    assert!(sandbox.fail("simulate plan.toml", 3).contains("table.csv is not there"));
}

#[test]
fn a_model_of_another_architecture_is_refused() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    sandbox.succeed("simulate plan.toml --rounds 1 --quiet --out run");
    let complaint = sandbox.fail("evaluate --model run/model.safetensors --data heart", 3);
    assert!(complaint.contains("64"), "{complaint}");
    let mut damaged = sandbox.read("run/model.safetensors");
    damaged.truncate(100);
    sandbox.write("damaged.safetensors", damaged);
    assert!(
        sandbox.fail("evaluate --model damaged.safetensors --data digits", 3).contains("damaged.safetensors")
    );
    sandbox.fail("evaluate --model missing.safetensors --data digits", 3);
    sandbox.fail("evaluate --model run/model.safetensors --data nowhere", 2);
}

#[test]
fn results_are_never_written_over_files_of_others() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let complaint = sandbox.fail("simulate plan.toml --rounds 1 --out .", 1);
    assert!(complaint.contains("plan.toml") || complaint.contains("--out"), "{complaint}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let complaint = sandbox.fail(&format!("coordinator plan.toml --listen {address}"), 1);
    assert!(complaint.contains(&address.to_string()) && complaint.contains("in use"), "{complaint}");
}

#[test]
fn a_client_says_that_nobody_answers_and_gives_up_when_told_to() {
    // A port that was free a moment ago, and that nobody serves.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sandbox = Sandbox::new();
    let arguments = format!("client --coordinator http://{address} --data built-in --patience 1");
    let complaint = sandbox.fail(&arguments, 1);
    assert!(complaint.contains(&address.to_string()), "{complaint}");
    sandbox.fail("client --coordinator nonsense --data built-in", 2);
}

#[test]
fn a_client_with_the_wrong_part_or_a_taken_place_is_refused() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let coordinator = sandbox.coordinator("plan.toml --out served");
    let url = coordinator.url.clone();
    let client =
        |partition: &str| format!("client --coordinator {url} --data built-in --partition {partition}");
    assert!(sandbox.fail(&client("1/7"), 2).contains("K/4"));
    sandbox.fail(&client("5/4"), 2);
    sandbox.fail(&format!("client --coordinator {url} --data missing.csv"), 3);

    let mut first = sandbox.command(&client("1/4")).stderr(Stdio::piped()).spawn().unwrap();
    crate::harness::wait_for_line(&mut first, "enrolled");
    assert!(sandbox.fail(&client("1/4"), 1).contains("place 1 is taken"));
    first.kill().unwrap();
    first.wait().unwrap();
    coordinator.kill();
}
