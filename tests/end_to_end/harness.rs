//! Runs the command, and a federation of it in separate processes.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder of its own for a test, and the command run in it.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// A small federation over the built-in digits: quick, and with cohorts that differ between rounds.
pub(crate) const SMALL: &str = "\
[federation]
name = \"small\"
rounds = 4
[data]
source = \"digits\"
[partition]
by = \"dirichlet\"
clients = 4
[model]
hidden = [16]
[cohort]
fraction = 0.5
deadline-seconds = 120
";

impl Sandbox {
    pub(crate) fn new() -> Sandbox {
        Sandbox { folder: tempfile::tempdir().unwrap() }
    }

    /// A sandbox with one file in it.
    pub(crate) fn with(name: &str, contents: impl AsRef<[u8]>) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write(name, contents);
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The command with these arguments, separated by spaces.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privet"));
        command.current_dir(self.folder.path()).args(arguments.split_whitespace());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the command, which must succeed; gives what it printed.
    pub(crate) fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "privet {arguments}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs the command, which must print one JSON document.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.succeed(arguments)).unwrap()
    }

    /// Runs the command, which must fail with this code; gives its complaint.
    pub(crate) fn fail(&self, arguments: &str, code: i32) -> String {
        let output = self.run(arguments);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "privet {arguments}: {complaint}");
        assert!(!complaint.contains("panicked"), "{complaint}");
        complaint
    }

    /// Starts a coordinator and reads from its first line where it serves.
    pub(crate) fn coordinator(&self, arguments: &str) -> Coordinator {
        let mut child = self
            .command(&format!("coordinator {arguments} --listen 127.0.0.1:0"))
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("http://")?.1.split_once(',')?.0.to_owned()))
            .expect("a coordinator says where it serves");
        // The pipe is read on, so that the coordinator never waits for a reader.
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        Coordinator { child, url: format!("http://{address}"), reader }
    }
}

/// A coordinator in a process of its own.
pub(crate) struct Coordinator {
    child: Child,
    pub(crate) url: String,
    reader: std::thread::JoinHandle<Vec<String>>,
}

impl Coordinator {
    /// Waits for its end, which must be a success; gives what it printed on standard output.
    pub(crate) fn finish(self) -> String {
        let output = self.child.wait_with_output().unwrap();
        let complaints = self.reader.join().unwrap().join("\n");
        assert!(output.status.success(), "the coordinator failed: {complaints}");
        text(&output.stdout)
    }

    /// Ends it as `kill` would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The model that a run left in a folder.
pub(crate) fn model(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model.safetensors")).unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads what a process says on standard error until a line contains the text.
pub(crate) fn wait_for_line(child: &mut Child, expected: &str) {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let found = lines.map_while(Result::ok).any(|line| line.contains(expected));
    assert!(found, "the process ended without saying \"{expected}\"");
}
