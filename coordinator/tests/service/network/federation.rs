//! A federation in which each client's update is a unit vector of its own.
//!
//! The model is linear, with one weight a client and nothing else, and starts at zero. A client has one row, which is 1
//! at its own feature and 0 elsewhere, and whose value is out of reach: by the absolute error, with a learning rate of 1,
//! its training moves its own weight by exactly 1. A round with n contributions therefore moves exactly their weights, each
//! by 1/n; whatever else happens is a loss or a double count.

use privet_core::identity::Identity;
use privet_core::nn::{Examples, Network, Target};
use privet_core::params::Params;
use privet_core::plan::Plan;
use std::sync::Arc;

pub(super) const CLIENTS: u32 = 4;

const PLAN: &str = "\
[federation]
name = \"units\"
rounds = 10
[data]
source = \"csv\"
path = \"rows.csv\"
label = \"value\"
task = \"regression\"
numeric = [\"one\", \"two\", \"three\", \"four\"]
[partition]
clients = 4
[model]
hidden = []
bias = false
[training]
loss = \"mean-absolute-error\"
learning-rate = 1.0
batch-size = \"full\"
epochs = 1
[cohort]
minimum = 2
deadline-seconds = 3
[aggregation]
weights = \"uniform\"
[encoding]
fraction-bits = 16
";

/// The same federation with masks: a quarter of a cohort may vanish.
const MASKS: &str = "\
largest = 2.0
[secure-aggregation]
coordinator = \"curious\"
adversarial-fraction = 0.0
dropout-fraction = 0.25
stage-seconds = 2
";

/// Whether updates are hidden, on the way or from the coordinator too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// By TLS.
    Secured,
    Masked,
}

impl Kind {
    /// How many rounds there are.
    pub(super) fn rounds(self) -> usize {
        match self {
            Kind::Plain | Kind::Secured => 10,
            Kind::Masked => 5,
        }
    }

    /// How many contributions a round needs: with two or more, a double count cannot hide in the mean.
    pub(super) fn minimum(self) -> usize {
        match self {
            Kind::Plain | Kind::Secured => 2,
            Kind::Masked => 3,
        }
    }
}

pub(super) fn plan(kind: Kind) -> (Plan, Arc<Network>) {
    let text = match kind {
        Kind::Plain | Kind::Secured => PLAN.to_owned(),
        Kind::Masked => format!("{PLAN}{MASKS}")
            .replace("minimum = 2", "minimum = 3")
            .replace("rounds = 10", "rounds = 5"),
    };
    let plan = Plan::parse(&text).unwrap();
    let network = plan.network(CLIENTS as usize, 1).unwrap();
    assert_eq!(network.layout().len(), CLIENTS as usize, "a weight for each client");
    (plan, Arc::new(network))
}

pub(super) fn first_model(network: &Network) -> Params {
    Params::zeros(Arc::clone(network.layout()))
}

pub(super) fn identity(client: u32) -> Arc<Identity> {
    Arc::new(Identity::from_random(&[client as u8; 32]))
}

/// The row of a client.
pub(super) struct UnitRow {
    pub(super) client: u32,
}

impl Examples for UnitRow {
    fn len(&self) -> usize {
        1
    }

    fn width(&self) -> usize {
        CLIENTS as usize
    }

    fn copy_features(&self, _row: usize, out: &mut [f32]) {
        out.fill(0.0);
        out[self.client as usize - 1] = 1.0;
    }

    fn target(&self, _row: usize) -> Target {
        Target::Value(1e6)
    }
}
