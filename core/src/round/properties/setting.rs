//! Small federations of every kind, and the updates that their clients send.

use crate::aggregation::FederatedAveraging;
use crate::encoding::{FixedPoint, Update};
use crate::params::{Layout, Params};
use crate::plan::{CohortRule, Plan, SamplingRule};
use crate::protocol::HexDigest;
use crate::random::Seed;
use crate::round::{Rules, Submission};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// The steps of the grid in 1.
pub(super) const ONE: i32 = 1 << 16;
/// How long a round waits, in milliseconds.
pub(super) const DEADLINE: u64 = 10_000;
/// More coordinates than any setting has places: each client moves one of its own.
pub(super) const PARAMETERS: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Clipped updates, noise on the coordinator, and a target that ends the federation before its last round.
    Protected,
    Masked,
}

/// What a federation is run by, in integers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) kind: Kind,
    pub(super) places: u32,
    pub(super) wait_for: u32,
    pub(super) rounds: u32,
    pub(super) minimum: u32,
    /// The client fraction, in quarters.
    pub(super) quarters: u32,
    /// Whether three clients are asked for every two that are wanted.
    pub(super) over_selects: bool,
    /// Whether clients are drawn by coins.
    pub(super) coins: bool,
    /// The largest weight.
    pub(super) cap: u32,
}

pub(super) fn plain() -> impl Strategy<Value = Setting> {
    (1_u32..=5, 1_u32..=5, 1_u32..=5, 1_u32..=3, 1_u32..=4, any::<bool>(), any::<bool>()).prop_map(
        |(places, wait_for, rounds, minimum, quarters, over_selects, coins)| Setting {
            kind: Kind::Plain,
            places,
            wait_for: wait_for.min(places),
            rounds,
            minimum,
            quarters,
            over_selects: over_selects && !coins,
            coins,
            cap: 9,
        },
    )
}

pub(super) fn protected() -> impl Strategy<Value = Setting> {
    // Who was drawn by coins is hidden, and a minimum would tell of it.
    (2_u32..=4, 1_u32..=2, 2_u32..=4, any::<bool>()).prop_map(|(places, minimum, quarters, coins)| Setting {
        kind: Kind::Protected,
        places,
        wait_for: places,
        rounds: 6,
        minimum: if coins { 0 } else { minimum },
        quarters: if coins { quarters } else { 4 },
        over_selects: false,
        coins,
        cap: 1,
    })
}

pub(super) fn masked() -> Setting {
    Setting {
        kind: Kind::Masked,
        places: 4,
        wait_for: 4,
        rounds: 3,
        minimum: 3,
        quarters: 4,
        over_selects: false,
        coins: false,
        cap: 9,
    }
}

impl Setting {
    pub(super) fn rules(&self) -> Rules {
        match self.kind {
            Kind::Plain => self.plain_rules(),
            Kind::Protected => Rules::new(&Plan::parse(&self.protected_plan()).unwrap()),
            Kind::Masked => Rules::new(&Plan::parse(&self.masked_plan()).unwrap()),
        }
    }

    fn plain_rules(&self) -> Rules {
        Rules {
            places: self.places,
            wait_for: self.wait_for,
            rounds: self.rounds,
            cohort: CohortRule {
                sampling: if self.coins { SamplingRule::Poisson } else { SamplingRule::Fixed },
                fraction: f64::from(self.quarters) / 4.0,
                over_selection: if self.over_selects { 1.5 } else { 1.0 },
            },
            minimum: self.minimum,
            deadline: Duration::from_millis(DEADLINE),
            weight_cap: self.cap,
            grid: FixedPoint::new(16).unwrap(),
            strategy: FederatedAveraging { server_learning_rate: 1.0 },
            seed: Seed(1),
            protection: None,
            masking: None,
        }
    }

    fn protected_plan(&self) -> String {
        let Setting { places, rounds, minimum, .. } = self;
        let sampling = match self.coins {
            true => format!("sampling = \"poisson\"\nfraction = {}", f64::from(self.quarters) / 4.0),
            false => "sampling = \"all\"".to_owned(),
        };
        format!(
            "[federation]\nrounds = {rounds}\n[data]\nsource = \"digits\"\n[partition]\nclients = {places}\n\
             [cohort]\n{sampling}\nminimum = {minimum}\ndeadline-seconds = 10\n\
             [aggregation]\nweights = \"uniform\"\n[encoding]\nfraction-bits = 16\n\
             [privacy]\nclip = 2.0\ndelta = 1e-5\nnoise-multiplier = 1.0\ntarget-epsilon = 8.0\n"
        )
    }

    fn masked_plan(&self) -> String {
        let Setting { places, rounds, minimum, cap, .. } = self;
        format!(
            "[federation]\nrounds = {rounds}\n[data]\nsource = \"digits\"\n[partition]\nclients = {places}\n\
             [cohort]\nminimum = {minimum}\ndeadline-seconds = 10\n[aggregation]\nweight-cap = {cap}\n\
             [encoding]\nfraction-bits = 16\nlargest = 16.0\n\
             [secure-aggregation]\ncoordinator = \"curious\"\nadversarial-fraction = 0.0\n\
             dropout-fraction = 0.0\nstage-seconds = 2\n"
        )
    }

    /// How many updates a round wants, whose cohort was drawn from so many.
    pub(super) fn wanted(&self, enrolled: usize, cohort: usize) -> usize {
        match self.coins {
            true => cohort,
            // The fraction of them, rounded half up.
            false => ((2 * enrolled * self.quarters as usize + 4) / 8).clamp(1, enrolled),
        }
    }

    /// How many clients a round asks, where no coins are thrown.
    pub(super) fn selected(&self, enrolled: usize) -> usize {
        let wanted = self.wanted(enrolled, 0);
        let selected = if self.over_selects { (3 * wanted).div_ceil(2) } else { wanted };
        selected.min(enrolled)
    }
}

pub(super) fn model() -> Params {
    Params::zeros(Arc::new(Layout::new([("0.bias".into(), vec![PARAMETERS])])))
}

/// What a client sends as its update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// The same whenever it is sent.
    Right,
    /// As sound, and not the same.
    Other,
    Weightless,
    Overweight,
    Short,
    /// Longer than the clip, where there is one.
    Long,
}

/// An update: how far it moves the client's own coordinate, and its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) client: u32,
    pub(super) round: u32,
    pub(super) body: Body,
    pub(super) steps: i32,
    pub(super) weight: u32,
}

impl Setting {
    pub(super) fn sent(&self, client: u32, round: u32, body: Body) -> Sent {
        let steps = match body {
            Body::Other => ONE / 2,
            Body::Long => 3 * ONE,
            _ => ONE + round as i32,
        };
        let weight = match body {
            Body::Weightless => 0,
            Body::Overweight => self.cap + 1,
            _ => 1 + (client + round) % self.cap.min(4),
        };
        Sent { client, round, body, steps, weight }
    }

    /// Whether it may count.
    pub(super) fn is_sound(&self, sent: &Sent) -> bool {
        match sent.body {
            Body::Right | Body::Other => true,
            Body::Weightless | Body::Overweight | Body::Short => false,
            Body::Long => self.kind != Kind::Protected,
        }
    }
}

impl Sent {
    pub(super) fn digest(&self) -> HexDigest {
        let mut digest = [self.body as u8; 32];
        digest[1] = self.client as u8;
        digest[2] = self.round as u8;
        HexDigest(digest)
    }

    pub(super) fn update(&self) -> Update {
        let mut delta = vec![0; PARAMETERS];
        if let Some(own) = delta.get_mut((self.client as usize).wrapping_sub(1)) {
            *own = self.steps;
        }
        delta.truncate(PARAMETERS - usize::from(self.body == Body::Short));
        Update { delta, weight: self.weight, loss: 7 }
    }

    pub(super) fn submission(&self) -> Submission {
        let (client, round, update) = (self.client, self.round, self.update());
        Submission { client, round, update, digest: Some(self.digest()) }
    }
}
