//! A coordinator that is killed at any point of its work, or a client, changes nothing: the model is, byte for byte,
//! the one of an undisturbed run.

use crate::harness::{Sandbox, model, text};
use privet_coordinator::CrashPoint;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

const PLAN: &str = "\
[federation]
name = \"small\"
rounds = 3
[data]
source = \"digits\"
[partition]
by = \"iid\"
clients = 3
[model]
hidden = [4]
[cohort]
deadline-seconds = 600
";
/// The same federation with a promise, whose noise is drawn from a number so that its model can be compared.
const PROMISE: &str = "\
sampling = \"poisson\"
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.5
delta = 1e-3
noise-multiplier = 1.0
adaptive-clip = { quantile = 0.5 }
";
/// The same federation with masks.
const MASKS: &str = "\
minimum = 3
[aggregation]
weight-cap = 2000
[encoding]
fraction-bits = 16
largest = 2.0
[secure-aggregation]
adversarial-fraction = 0.0
";
const CLIENTS: u32 = 3;
const SIGKILL: i32 = 9;

/// Whether privacy is promised, and by noise of which kind, or updates are hidden.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Private,
    Correlated,
    Masked,
}

impl Kind {
    fn plan(self) -> String {
        match self {
            Kind::Plain => PLAN.to_owned(),
            Kind::Private => format!("{PLAN}{PROMISE}"),
            Kind::Masked => format!("{PLAN}{MASKS}"),
            // The noise of a round takes back some of the rounds before: its memory must outlive the process.
            Kind::Correlated => {
                let promise = PROMISE
                    .replace("poisson", "all")
                    .replace("adaptive-clip = { quantile = 0.5 }", "matrix = { separation = 1, bands = 3 }");
                format!("{PLAN}{promise}")
            }
        }
    }

    fn flags(self) -> &'static str {
        match self {
            Kind::Plain | Kind::Masked => "",
            Kind::Private | Kind::Correlated => " --noise-seed 5",
        }
    }

    /// The final model of a run in which nothing is killed, and in which there is no network either.
    fn undisturbed(self) -> &'static [u8] {
        static MODELS: [OnceLock<Vec<u8>>; 4] = [const { OnceLock::new() }; 4];
        MODELS[self as usize].get_or_init(|| {
            let sandbox = Sandbox::with("plan.toml", self.plan());
            sandbox.succeed(&format!("simulate plan.toml --quiet --out out{}", self.flags()));
            model(&sandbox.path("out"))
        })
    }
}

/// One address for the clients, whatever port the coordinator has after a restart.
struct Gateway {
    address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    /// What clients have said, one after the other on each connection.
    heard: Heard,
}

type Heard = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

impl Gateway {
    fn open() -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(None::<SocketAddr>));
        let heard = Heard::default();
        let (towards, hears) = (Arc::clone(&target), Arc::clone(&heard));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let coordinator = towards.lock().unwrap().map(TcpStream::connect);
                // Otherwise the client's connection is closed without an answer.
                if let Some(Ok(coordinator)) = coordinator {
                    let said = Arc::default();
                    hears.lock().unwrap().push(Arc::clone(&said));
                    carry(&client, &coordinator, said);
                    carry(&coordinator, &client, Arc::default());
                }
            }
        });
        Gateway { address, target, heard }
    }

    /// The digests of the answers that clients have given in masked rounds, by the address, which names round and client.
    fn answers(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut answers = BTreeMap::<String, BTreeSet<String>>::new();
        for said in &*self.heard.lock().unwrap() {
            let said = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
            for head in said.split("PUT ").skip(1).map(|request| request.split("\r\n\r\n").next().unwrap()) {
                let address = head.split(['?', ' ']).next().unwrap();
                if let Some(digest) =
                    head.split("sha-256=:").nth(1).filter(|_| address.contains("/stages/answer/"))
                {
                    let digest = digest.split(':').next().unwrap().to_owned();
                    answers.entry(address.to_owned()).or_default().insert(digest);
                }
            }
        }
        answers
    }

    fn lead_to(&self, coordinator: SocketAddr) {
        *self.target.lock().unwrap() = Some(coordinator);
    }
}

/// Carries bytes one way until that way ends, and remembers them.
fn carry(from: &TcpStream, to: &TcpStream, said: Arc<Mutex<Vec<u8>>>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let mut piece = [0; 1 << 14];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            said.lock().unwrap().extend(&piece[..read]);
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}

/// A federation whose coordinator keeps its state in a folder, with all its clients in processes of their own.
struct Federation {
    sandbox: Sandbox,
    kind: Kind,
    gateway: Gateway,
    clients: Vec<Child>,
}

impl Federation {
    fn begin(kind: Kind) -> Federation {
        let mut federation = Federation {
            sandbox: Sandbox::with("plan.toml", kind.plan()),
            kind,
            gateway: Gateway::open(),
            clients: Vec::new(),
        };
        federation.clients = (1..=CLIENTS).map(|client| federation.client(client)).collect();
        federation
    }

    fn client(&self, client: u32) -> Child {
        let url = format!("http://{}", self.gateway.address);
        self.sandbox
            .command(&format!(
                "client --coordinator {url} --data built-in --partition {client}/{CLIENTS} --key {client}.key"
            ))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts a coordinator and lets the clients reach it, if it lives long enough to say where it is.
    fn coordinator(&self, crash_at: Option<(CrashPoint, u32)>) -> (Child, BufReader<ChildStderr>) {
        let arguments = "coordinator plan.toml --state state --out out --listen 127.0.0.1:0";
        let mut command = self.sandbox.command(&format!("{arguments}{}", self.kind.flags()));
        if let Some((point, time)) = crash_at {
            command.env("PRIVET_CRASH_AT", format!("{}:{time}", point.name()));
        }
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once("http://") {
                self.gateway.lead_to(rest.split_once(',').unwrap().0.parse().unwrap());
                break;
            }
            line.clear();
        }
        (child, lines)
    }

    /// Runs a coordinator that is to be killed at a point, and makes sure that it was.
    fn run_until_killed(&self, point: CrashPoint, time: u32) {
        let (mut child, mut rest) = self.coordinator(Some((point, time)));
        let mut said = String::new();
        rest.read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "it did not come to {point:?} {time} times: {said}");
    }

    /// Runs a coordinator to the end of the federation; the model must be the right one.
    fn finish(mut self, what: &str) {
        let (mut child, mut rest) = self.coordinator(None);
        let mut said = String::new();
        rest.read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{what}: {said}");
        for client in self.clients.drain(..) {
            let output = client.wait_with_output().unwrap();
            assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let model = model(&self.sandbox.path("out"));
        // A masked round is lost with its coordinator, and the model is that of the others.
        assert!(self.kind == Kind::Masked || model == self.kind.undisturbed(), "{what}: another model");
        let checked = self.sandbox.succeed("coordinator --check state");
        assert!(
            checked.starts_with("sound: 3 clients, 3 rounds over, no round is open"),
            "{what}: {checked}"
        );
        if self.kind == Kind::Masked {
            let answers = self.gateway.answers();
            assert!(answers.len() >= 2 * CLIENTS as usize, "{what}: {answers:?}");
            assert!(answers.values().all(|digests| digests.len() == 1), "{what}: {answers:?}");
            let records = text(&self.sandbox.read("out/records.json"));
            assert!(records.matches("\"failure\":\"").count() <= 1, "{what}: {records}");
        }
        if self.kind == Kind::Private {
            // Three rounds, each once, however often they were begun.
            let spent = format!("privacy spent: epsilon {:.3}", three_rounds());
            assert!(checked.contains(&spent), "{what}: {checked}");
        }
    }
}

impl Drop for Federation {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        for client in &mut self.clients {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

/// What three rounds cost, by the accountant as a command.
fn three_rounds() -> f64 {
    static EPSILON: OnceLock<f64> = OnceLock::new();
    *EPSILON.get_or_init(|| {
        let asked =
            "privacy epsilon --noise-multiplier 1 --rounds 3 --delta 1e-3 --sampling poisson --q 1 --json";
        Sandbox::new().json(asked)["epsilon"].as_f64().unwrap()
    })
}

/// A masked round that its coordinator does not survive is abandoned, the next one begins, and whatever the clients are asked
/// for afterwards, each answers a round once at the most.
#[test]
fn killed_at_any_point_of_a_masked_round_nobody_answers_twice() {
    use CrashPoint::{
        Acknowledging, Applied, BlobCompleted, BlobPartial, BlobUncompleted, Collected, Committed,
        ModelWritten, Told, Uncommitted,
    };
    // Three clients and five stages: the second message of each is acknowledged, and the last of all.
    let mut points: Vec<(CrashPoint, u32)> = [2, 5, 8, 11, 14, 15].map(|time| (Acknowledging, time)).into();
    points.extend([Applied, Uncommitted, Committed, Told, Collected].map(|point| (point, 40)));
    points.extend([BlobPartial, BlobUncompleted, BlobCompleted].map(|point| (point, 2)));
    points.push((ModelWritten, 1));
    for (point, time) in points {
        let federation = Federation::begin(Kind::Masked);
        federation.run_until_killed(point, time);
        federation.finish(&format!("killed at {point:?}, time {time}, with masks"));
    }
}

fn killed_once(kind: Kind, point: CrashPoint, times: &[u32]) {
    for &time in times {
        let federation = Federation::begin(kind);
        federation.run_until_killed(point, time);
        federation.finish(&format!("killed at {point:?}, time {time}"));
    }
}

/// How often a point is certain to be reached in a run, as far as it matters.
fn times(point: CrashPoint) -> &'static [u32] {
    match point {
        // Once a process.
        CrashPoint::Migrated | CrashPoint::FirstModelWritten | CrashPoint::Founded | CrashPoint::Resumed => {
            &[1]
        }
        // Before the federation is founded, and while a round is open or closes.
        CrashPoint::BlobPartial | CrashPoint::BlobUncompleted | CrashPoint::BlobCompleted => &[1, 3],
        CrashPoint::SumWritten => &[1],
        // At the end of the first round, and of the last.
        CrashPoint::ModelWritten => &[1, 3],
        // At an enrolment, and in a round.
        CrashPoint::Applied
        | CrashPoint::Uncommitted
        | CrashPoint::Committed
        | CrashPoint::Told
        | CrashPoint::Collected => &[1, 9],
        // The first update of all, and the very last.
        CrashPoint::Acknowledging => &[1, 9],
    }
}

#[test]
fn killed_at_any_point_it_goes_on_and_gives_the_same_model() {
    for point in CrashPoint::ALL {
        killed_once(Kind::Plain, point, times(point));
    }
}

/// Between an entry in the ledger and its release, or anywhere else: what was spent is neither forgotten nor counted twice.
#[test]
fn killed_at_any_point_a_promise_is_kept() {
    use CrashPoint::{Acknowledging, Applied, Committed, ModelWritten, SumWritten, Told, Uncommitted};
    for point in [Applied, SumWritten, ModelWritten, Uncommitted, Committed, Told, Acknowledging] {
        killed_once(Kind::Private, point, &times(point)[..1]);
    }
    for point in [ModelWritten, Committed] {
        killed_once(Kind::Private, point, &times(point)[1..]);
        killed_once(Kind::Correlated, point, times(point));
    }
}

#[test]
fn killed_again_while_it_recovers_it_still_gives_the_same_model() {
    let federation = Federation::begin(Kind::Plain);
    federation.run_until_killed(CrashPoint::Committed, 4);
    for point in [CrashPoint::Migrated, CrashPoint::Resumed, CrashPoint::Applied, CrashPoint::Uncommitted] {
        federation.run_until_killed(point, 1);
    }
    federation.finish("killed five times");
}

#[test]
fn a_client_that_is_killed_and_comes_back_changes_nothing() {
    for said in ["enrolled in", "round 1: training", "round 2: counted"] {
        let mut federation = Federation::begin(Kind::Plain);
        let (mut coordinator, mut rest) = federation.coordinator(None);
        let victim = &mut federation.clients[1];
        crate::harness::wait_for_line(victim, said);
        victim.kill().unwrap();
        victim.wait().unwrap();
        federation.clients[1] = federation.client(2);
        let mut complaints = String::new();
        rest.read_to_string(&mut complaints).unwrap();
        assert!(coordinator.wait().unwrap().success(), "{complaints}");
        assert!(
            model(&federation.sandbox.path("out")) == Kind::Plain.undisturbed(),
            "killed after \"{said}\""
        );
        for client in federation.clients.drain(..) {
            assert!(client.wait_with_output().unwrap().status.success());
        }
    }
}
