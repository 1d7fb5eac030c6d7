//! The accountant as a command.

use crate::harness::{Sandbox, text};

#[test]
fn epsilon_names_every_bound_and_the_one_that_counts() {
    let sandbox = Sandbox::new();
    let document = sandbox.json(
        "privacy epsilon --mechanism gaussian --noise-multiplier 1.1 --sampling poisson --q 0.01 --rounds 10000 \
         --delta 1e-5 --json",
    );
    let (epsilon, bounds) = (document["epsilon"].as_f64().unwrap(), &document["bounds"]);
    assert_eq!(document["bound"], "pld");
    assert_eq!(bounds["pld"].as_f64(), Some(epsilon));
    assert!(bounds["rdp"].as_f64().unwrap() > epsilon && bounds["analytic"].is_null(), "{document}");
    assert!((5.0..6.5).contains(&epsilon), "{document}");
}

#[test]
fn noise_and_rounds_answer_the_same_question_from_the_other_side() {
    let sandbox = Sandbox::new();
    let asked = "--q 0.1 --delta 1e-5 --json";
    let noise = sandbox.json(&format!("privacy noise --epsilon 2 --rounds 50 {asked}"));
    let multiplier = noise["noise_multiplier"].as_f64().unwrap();
    assert!(noise["epsilon"].as_f64().unwrap() <= 2.0, "{noise}");
    let rounds = sandbox.json(&format!("privacy rounds --epsilon 2 --noise-multiplier {multiplier} {asked}"));
    assert_eq!(rounds["rounds"], 50);
    let spent = sandbox.json(&format!("privacy epsilon --noise-multiplier {multiplier} --rounds 50 {asked}"));
    assert_eq!(spent["epsilon"], noise["epsilon"]);
    let sampling = sandbox.json(&format!(
        "privacy sampling --epsilon 2 --noise-multiplier {multiplier} --rounds 50 --delta 1e-5 --json"
    ));
    let q = sampling["q"].as_f64().unwrap();
    assert!((q - 0.1).abs() < 1e-5 && sampling["epsilon"].as_f64().unwrap() <= 2.0, "{sampling}");
    assert_eq!(sampling["sampling"], "poisson");
    // Without sampling the answer is exact.
    let all = sandbox.json("privacy epsilon --noise-multiplier 1 --delta 1e-5 --json");
    assert_eq!((&all["bound"], &all["sampling"]), (&"analytic".into(), &"all".into()));
    assert!((all["epsilon"].as_f64().unwrap() - 4.377_178_096).abs() < 1e-8, "{all}");
}

#[test]
fn people_get_a_table_and_a_chart() {
    let sandbox = Sandbox::new();
    let asked = "privacy epsilon --noise-multiplier 1 --q 0.1 --rounds 20 --delta 1e-5";
    let table = sandbox.succeed(&format!("{asked} --chart curve.svg"));
    assert!(table.contains("pld") && table.contains("counts"), "{table}");
    assert!(text(&sandbox.read("curve.svg")).starts_with("<svg xmlns="));
    let table = sandbox.succeed("privacy sampling --epsilon 1 --noise-multiplier 1.1 --delta 1e-5");
    assert!(table.contains("sampling rate q") && table.contains("target epsilon"), "{table}");
    sandbox.succeed(&format!("{asked} --chart curve.html"));
    assert!(sandbox.fail(&format!("{asked} --chart curve.png"), 2).contains(".svg or .html"));
}

#[test]
fn questions_without_an_answer_say_why() {
    let sandbox = Sandbox::new();
    let sound = [("--noise-multiplier", "1"), ("--q", "0.1"), ("--rounds", "10"), ("--delta", "1e-5")];
    let bad = [
        ("--delta", "0", "delta is 0"),
        ("--delta", "1", "delta is 1"),
        ("--q", "0", "sampl"),
        ("--q", "1.5", "sampl"),
        ("--noise-multiplier", "0", "noise"),
        ("--noise-multiplier", "NaN", "noise"),
        ("--noise-multiplier", "-1", "the noise is -1"),
        ("--delta", "-1", "delta is -1"),
        ("--rounds", "0", "0"),
        ("--rounds", "1000000000", "1000000000"),
    ];
    for (flag, value, complaint) in bad {
        let arguments =
            sound.map(|(name, usual)| format!("{name} {}", if name == flag { value } else { usual }));
        let said = sandbox.fail(&format!("privacy epsilon {}", arguments.join(" ")), 2);
        assert!(said.contains(complaint), "{flag} {value}: {said}");
    }
    let said = sandbox.fail("privacy noise --epsilon 0 --delta 1e-5", 2);
    assert!(said.contains("target epsilon is 0"), "{said}");
    let said = sandbox.fail("privacy noise --epsilon 1e-12 --rounds 1000000 --delta 1e-12", 2);
    assert!(said.contains("no noise up to"), "{said}");
    let rare = "privacy sampling --delta 1e-12 --rounds 1000000";
    let said = sandbox.fail(&format!("{rare} --epsilon 1e-9 --noise-multiplier 0.5"), 2);
    assert!(said.contains("no sampling rate down to 0.000000001 meets epsilon"), "{said}");
    let said = sandbox.fail(&format!("{rare} --epsilon -1 --noise-multiplier 1"), 2);
    assert!(said.contains("target epsilon is -1"), "{said}");
    let said = sandbox.fail(&format!("{rare} --epsilon 1 --noise-multiplier 0"), 2);
    assert!(said.contains("the noise is 0"), "{said}");
    let said = sandbox.fail(
        &format!("{rare} --epsilon 1 --noise-multiplier 1 --mechanism laplace --neighbouring replace-one"),
        2,
    );
    assert!(said.contains("laplace"), "{said}");
    let said = sandbox.fail("privacy epsilon --noise-multiplier 1 --sampling poisson --delta 1e-5", 2);
    assert!(said.contains("--q"), "{said}");
    let said = sandbox.fail("privacy epsilon --noise-multiplier 1 --sampling all --q 0.1 --delta 1e-5", 2);
    assert!(said.contains("--q does not go with --sampling all"), "{said}");
    let said = sandbox.fail("privacy epsilon --noise-multiplier 1 --sample 10 --delta 1e-5", 2);
    assert!(said.contains("--population"), "{said}");
}
