//! The same plan and seed give the same model file, whatever happens on the way.

use crate::harness::{SMALL, Sandbox, model};
use privet_core::data::Holdings;
use privet_core::nn::{self, Network};
use privet_core::params::Params;
use privet_core::participant::{LocalTraining, Task};
use privet_core::plan::Plan;
use privet_core::random::Purpose;
use privet_core::round::{Event, Federation, Phase, Rules, Submission, Timestamp};
use proptest::prelude::*;
use std::process::Stdio;
use std::sync::Arc;

/// (a) With one thread, with two and with more than there are cores.
#[test]
fn with_any_number_of_threads() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    let mut models = Vec::new();
    for threads in [1, 2, 8] {
        sandbox.succeed(&format!("simulate plan.toml --quiet --threads {threads} --out run-{threads}"));
        models.push(model(&sandbox.path(&format!("run-{threads}"))));
    }
    assert!(models[0] == models[1] && models[1] == models[2]);
}

/// (c) In one process in memory, in one process over HTTP, and with a process for every client.
#[test]
fn in_memory_and_over_http() {
    let sandbox = Sandbox::with("plan.toml", SMALL);
    sandbox.succeed("simulate plan.toml --quiet --out memory");
    sandbox.succeed("simulate plan.toml --quiet --over http --out http");

    let coordinator = sandbox.coordinator("plan.toml --out served --json");
    // The last client first: who comes when must not matter.
    let clients: Vec<_> = (1..=4)
        .rev()
        .map(|number| {
            let url = &coordinator.url;
            sandbox
                .command(&format!("client --coordinator {url} --data built-in --partition {number}/4"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut client in clients {
        assert!(client.wait().unwrap().success());
    }
    let document: serde_json::Value = serde_json::from_str(&coordinator.finish()).unwrap();

    let expected = model(&sandbox.path("memory"));
    assert!(model(&sandbox.path("http")) == expected, "over HTTP in one process");
    assert!(model(&sandbox.path("served")) == expected, "with a process for every client");
    assert!(document["final"]["test_accuracy"].is_number());
    assert_eq!(document["rounds"].as_array().unwrap().len(), 4);
}

/// A federation, driven by hand.
struct Driver {
    training: LocalTraining,
    network: Arc<Network>,
    holdings: Holdings,
    rules: Rules,
    first: Params,
}

impl Driver {
    fn new() -> Driver {
        let plan = Plan::parse(&SMALL.replace("fraction = 0.5", "fraction = 1.0")).unwrap();
        let split = plan.data().split(&plan.data().load(&mut |_| unreachable!()).unwrap()).unwrap();
        let stream = plan.seed().stream(Purpose::Partition);
        let standardization = plan.data().standardization();
        let holdings = Holdings::new(&split, plan.partition(), standardization, stream).unwrap();
        let network = Arc::new(plan.network(64, 10).unwrap());
        Driver {
            training: LocalTraining::new(&plan, Arc::clone(&network)),
            first: network.initialize(&mut plan.seed().stream(Purpose::Initialization)),
            rules: Rules::new(&plan),
            network,
            holdings,
        }
    }

    /// Runs all rounds. In each the updates arrive in the order that `arrivals` says, each as often as it says.
    fn run(&self, mut arrivals: impl FnMut(u32) -> Vec<u32>) -> Vec<u8> {
        let now = Timestamp(0);
        let mut worker = self.training.worker();
        let mut federation = Federation::new(self.rules.clone(), self.first.clone());
        for client in 1..=4 {
            federation = federation.step(Event::Enrol { place: Some(client), key: None }, now).0;
        }
        while let Phase::Collecting(collecting) = federation.phase() {
            let round = collecting.round();
            let model = federation.model().clone();
            for client in arrivals(round) {
                let task = Task { round, client, model: &model };
                let shard = &self.holdings.clients[client as usize - 1];
                let update = self.training.update(task, shard, &mut worker).unwrap();
                // The digest of what was sent; the same for the same update.
                let digest = Some(privet_core::protocol::HexDigest([client as u8; 32]));
                let submission = Submission { client, round, update, digest };
                federation = federation.step(Event::Submit(submission), now).0;
            }
        }
        nn::to_safetensors(&self.network, federation.model())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// (b) Updates arrive in any order; (d) any of them is sent twice.
    #[test]
    fn in_any_order_and_sent_twice(
        order in Just(vec![1_u32, 2, 3, 4, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let driver = Driver::new();
        let expected = driver.run(|_| vec![1, 2, 3, 4]);
        // Every client twice: the second time the round may be over already.
        let model = driver.run(|_| order.clone());
        prop_assert!(model == expected);
    }
}
