//! A coordinator as one would leave it running: TLS, invitations, and the commands of whoever runs it.

use crate::harness::{SMALL, Sandbox, text, wait_for_line};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A coordinator with these arguments, its public address and that of its administration.
fn start(sandbox: &Sandbox, arguments: &str) -> (Child, String, String) {
    let mut command = sandbox.command(&format!("coordinator plan.toml --listen 127.0.0.1:0 {arguments}"));
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let admin = lines.find_map(|line| Some(line.split_once("administration at ")?.1.to_owned())).unwrap();
    let url = lines.find_map(|line| Some(line.split_once(" at ")?.1.split_once(',')?.0.to_owned())).unwrap();
    // The pipe is read on, so that the coordinator never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    (child, url.replace("127.0.0.1", "localhost"), admin.trim().to_owned())
}

#[test]
fn clients_come_by_invitation_and_over_tls_and_can_be_shut_out() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    sandbox.succeed("keys tls tls --host localhost");
    assert!(sandbox.fail("keys tls tls", 1).contains("exists"));
    let (mut coordinator, url, admin) = start(
        &sandbox,
        "--state state --invite --tls-cert tls/coordinator.pem --tls-key tls/coordinator.key",
    );
    assert!(url.starts_with("https://"), "{url}");
    let client = |more: &str| {
        format!(
            "client --coordinator {url} --ca tls/ca.pem --data built-in --partition 1/4 --key one.key {more}"
        )
    };
    assert!(sandbox.fail(&client(""), 1).contains("by invitation"));
    let token = sandbox.succeed(&format!("coordinator clients token --admin {admin}"));
    let mut first =
        sandbox.command(&client(&format!("--token {token}"))).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_line(&mut first, "enrolled in small as client 1");
    let key = sandbox.succeed("keys show one.key");
    let list: Value = sandbox.json(&format!("coordinator clients list --admin {admin} --json"));
    assert_eq!(list["clients"][0]["key"], key.trim());
    assert_eq!(list["clients"][0]["revoked"], false);
    let status = sandbox.json(&format!("status {url} --ca tls/ca.pem --json"));
    assert_eq!((status["phase"].as_str(), status["enrolled"].as_u64()), (Some("gathering"), Some(1)));
    assert!(sandbox.succeed(&format!("status {url} --ca tls/ca.pem")).contains("waiting for clients"));
    assert!(
        sandbox.fail(&format!("status {url}"), 1).contains("cannot be reached"),
        "the authority is unknown"
    );

    sandbox.succeed(&format!("coordinator clients revoke 1 --admin {admin}"));
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(sandbox.fail(&client(""), 1).contains("shut out"));
    assert!(sandbox.succeed(&format!("coordinator clients list --admin {admin}")).contains("shut out"));
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    // Neither the token nor any other secret is in what is kept, and who was shut out stays so.
    let state = [sandbox.read("state/state.sqlite"), sandbox.read("state/state.sqlite-wal")].concat();
    let holds = |secret: &str| state.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds(key.trim()) && !holds(token.trim()), "the digest of a token is kept, never the token");
    let (mut again, url, _) = start(&sandbox, "--state state --invite --out again");
    let client = format!("client --coordinator {url} --data built-in --partition 1/4 --key one.key");
    assert!(sandbox.fail(&client, 1).contains("shut out"));
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn what_would_let_others_in_has_to_be_asked_for() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    assert!(sandbox.fail("coordinator plan.toml --listen 0.0.0.0:0", 2).contains("--insecure"));
    let open = sandbox.fail("coordinator plan.toml --listen 127.0.0.1:0 --admin 0.0.0.0:0", 2);
    assert!(open.contains("administration"), "{open}");
    let plain = sandbox.fail("client --coordinator http://192.0.2.1:7310 --data built-in", 2);
    assert!(plain.contains("--insecure"), "{plain}");
    sandbox.fail("coordinator plan.toml --tls-cert a.pem", 2);
    sandbox.fail("coordinator plan.toml --listen 127.0.0.1:0 --tls-cert a.pem --tls-key a.key", 2);
    sandbox.write("list", "nobody\n");
    let list = sandbox.fail("coordinator plan.toml --listen 127.0.0.1:0 --allow-list list", 2);
    assert!(list.contains("list: line 1"), "{list}");
}

#[test]
fn the_log_can_be_read_by_machines() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let mut command =
        sandbox.command("coordinator plan.toml --quiet --log-format json --listen 127.0.0.1:0 --state state");
    let mut child = command.env("PRIVET_LOG", "info").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["level"], "INFO", "{line}");
    assert!(event["timestamp"].is_string() && event["message"].is_string(), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(text(&sandbox.run("status http://127.0.0.1:9").stdout), "");
}

#[test]
fn receipts_are_kept_and_verified() {
    let sandbox = Sandbox::with("plan.toml", SMALL.replace("fraction = 0.5", "fraction = 1.0"));
    let coordinator = sandbox.coordinator("plan.toml --out served --json");
    let clients: Vec<Child> = (1..=4)
        .map(|client| {
            let url = &coordinator.url;
            let arguments = format!(
                "client --coordinator {url} --data built-in --partition {client}/4 --receipts {client}.jsonl --quiet"
            );
            sandbox.command(&arguments).spawn().unwrap()
        })
        .collect();
    coordinator.finish();
    for mut client in clients {
        assert!(client.wait().unwrap().success());
    }
    let verified = sandbox.succeed("receipt verify 2.jsonl --records served/records.json");
    assert!(verified.starts_with("4 updates are in the 4 rounds that are over"), "{verified}");

    let receipts = text(&sandbox.read("2.jsonl"));
    sandbox.write("forged.jsonl", receipts.replace("\"client\":2", "\"client\":3"));
    let forged = sandbox.fail("receipt verify forged.jsonl --records served/records.json", 1);
    assert!(forged.contains("NOT verified") && forged.contains("another update"), "{forged}");
    let records = text(&sandbox.read("served/records.json"));
    sandbox.write("changed.json", records.replacen("\"weight\":", "\"weight\":1", 1));
    assert!(sandbox.fail("receipt verify 2.jsonl --records changed.json", 1).contains("NOT verified"));
    sandbox.fail("receipt verify 2.jsonl --records plan.toml", 3);
    sandbox.fail("receipt verify 2.jsonl", 2);
}
