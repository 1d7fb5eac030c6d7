//! What a participant computes: from the round's model and its own rows to an update.
//!
//! ClientUpdate of McMahan et al. 2017, Algorithm 1: `E` epochs of mini-batches of size `B` over its own rows,
//! starting from the model of the round.

use super::gradient_norms::GradientNorms;
use super::private_training::{self, Account, TrainedRounds};
use super::protecting;
use super::writing::Writing;
use crate::encoding::{EncodingError, Update};
use crate::nn::{self, Examples, Network, Progress, Recipe, TrainError, Workspace};
use crate::params::Params;
use crate::plan::{NoiseAt, Plan, Protection, Weights};
use crate::privacy::{Clip, Clipped, ClippingError, ExampleNoiseError, NoiseSeed};
use crate::protocol::DeclineReason;
use crate::random::{Purpose, Seed};
use std::fmt;
use std::sync::Arc;

/// The local training that a plan asks for, the same for every client and every round.
#[derive(Clone)]
pub struct LocalTraining {
    network: Arc<Network>,
    recipe: Recipe,
    weights: Weights,
    rounds: u32,
    masked: bool,
    writing: Writing,
    seed: Seed,
    pub(super) protection: Option<Protection>,
    noise_seed: Option<Arc<NoiseSeed>>,
    pub(super) account: Arc<Account>,
}

/// One participant's task in one round.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The round, from 1.
    pub round: u32,
    /// The client, from 1.
    pub client: u32,
    /// The model to start from.
    pub model: &'a Params,
    /// The clip of the round; the plan's if none is named.
    pub clip: Option<Clip>,
}

/// The memory in which one participant at a time trains; it is used again for the next.
pub struct Worker {
    pub(super) workspace: Workspace,
    pub(super) local: Params,
    clipped: Option<Clipped>,
    failure: Option<LocalTrainingError>,
    pub(super) gradients: Option<GradientNorms>,
}

/// Why a participant has no update to give.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum LocalTrainingError {
    /// It has no rows.
    #[error("client {client} has no rows to train on: give it data, or leave it out of the federation")]
    NoExamples {
        /// Which client.
        client: u32,
    },
    /// Training failed.
    #[error("client {client}, round {round}: {source}")]
    Train {
        /// Which client.
        client: u32,
        /// In which round.
        round: u32,
        /// Why.
        source: TrainError,
    },
    /// The update cannot be clipped.
    #[error("client {client}, round {round}: {source}")]
    Clip {
        /// Which client.
        client: u32,
        /// In which round.
        round: u32,
        /// Why.
        source: ClippingError,
    },
    /// The task names a clip that no round of the plan has.
    #[error(
        "client {client}, round {round}: no round of the plan has a clip of {clip}: the task is not taken"
    )]
    ForeignClip {
        /// Which client.
        client: u32,
        /// In which round.
        round: u32,
        /// The clip that was named.
        clip: f64,
    },
    /// There is no such noise on these rows.
    #[error("client {client}, round {round}: {source}")]
    ExampleNoise {
        /// Which client.
        client: u32,
        /// In which round.
        round: u32,
        /// Why.
        source: ExampleNoiseError,
    },
    /// A round that is not after all rounds in which the client has trained.
    #[error(
        "client {client} is asked to train in round {round} after round {last}: its noise would be drawn again, and \
         tell; it trains in later rounds only"
    )]
    RoundAgain {
        /// Which client.
        client: u32,
        /// The round it is asked for.
        round: u32,
        /// The last one in which it trained.
        last: u32,
    },
    /// One round more would pass the target epsilon.
    #[error(
        "client {client} has trained in {rounds} rounds, and round {round} would pass the target epsilon"
    )]
    PrivacySpent {
        /// Which client.
        client: u32,
        /// The round it is asked for.
        round: u32,
        /// How many it has trained in.
        rounds: u32,
    },
    /// The plan hides updates, and the task would have one leave bare.
    #[error(
        "client {client} is asked for a bare update in round {round}, and the plan hides updates: it gives none"
    )]
    OnlyMasked {
        /// Which client.
        client: u32,
        /// In which round.
        round: u32,
    },
    /// The update does not fit the encoding.
    #[error("client {client}, round {round}: {source}")]
    Encode {
        /// Which client.
        client: u32,
        /// In which round.
        round: u32,
        /// Why.
        source: EncodingError,
    },
}

impl LocalTrainingError {
    /// What the coordinator is told.
    pub fn reason(&self) -> DeclineReason {
        match self {
            LocalTrainingError::Encode { source: EncodingError::OutOfRange { .. }, .. } => {
                DeclineReason::OutOfRange
            }
            LocalTrainingError::RoundAgain { .. }
            | LocalTrainingError::PrivacySpent { .. }
            | LocalTrainingError::OnlyMasked { .. } => DeclineReason::Privacy,
            _ => DeclineReason::Diverged,
        }
    }
}

impl LocalTraining {
    /// The local training of a plan's participants, none of which adds noise.
    ///
    /// # Panics
    /// If the plan says that participants add noise: see [`LocalTraining::with_noise`].
    pub fn new(plan: &Plan, network: Arc<Network>) -> LocalTraining {
        let noised =
            plan.protection().is_some_and(|protection| protection.noise_at() != NoiseAt::Coordinator);
        assert!(!noised, "participants that add noise need the seed of it");
        LocalTraining::whole(plan, network, None)
    }

    /// The local training of a plan's participants, whose noise, if they add any, is drawn from this seed.
    pub fn with_noise(plan: &Plan, network: Arc<Network>, noise_seed: Arc<NoiseSeed>) -> LocalTraining {
        LocalTraining::whole(plan, network, Some(noise_seed))
    }

    fn whole(plan: &Plan, network: Arc<Network>, noise_seed: Option<Arc<NoiseSeed>>) -> LocalTraining {
        LocalTraining {
            network,
            recipe: plan.recipe().clone(),
            weights: plan.weights(),
            rounds: plan.rounds(),
            masked: plan.masking().is_some(),
            writing: Writing::new(plan),
            seed: plan.seed(),
            protection: plan.protection().cloned(),
            noise_seed,
            account: Arc::default(),
        }
    }

    /// The same for a process of one client, which has trained in some rounds already: its account is its own, whatever
    /// number the coordinator gives it.
    pub fn for_one_client(&self, trained: TrainedRounds) -> LocalTraining {
        LocalTraining { account: Arc::new(Account::of_one(trained)), ..self.clone() }
    }

    /// The network that is trained.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Whether the plan hides updates, so that none ever leaves a client but under masks.
    pub fn hides_updates(&self) -> bool {
        self.masked
    }

    /// How many rounds the plan has.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whether participants noise their own updates, so that each answer spends their privacy.
    pub fn adds_noise(&self) -> bool {
        self.protection.as_ref().is_some_and(|protection| protection.noise_at() != NoiseAt::Coordinator)
    }

    /// Memory for one participant at a time.
    pub fn worker(&self) -> Worker {
        let local = Params::zeros(Arc::clone(self.network.layout()));
        Worker {
            workspace: Workspace::new(&self.network),
            local,
            clipped: None,
            failure: None,
            gradients: None,
        }
    }

    /// Trains a copy of the round's model on a client's rows: how it moved is the update.
    ///
    /// Where a promise is made to whole clients, whether the training succeeds is as private as the rows: if it does not,
    /// the update is zero, protected like any other, and [`Worker::take_failure`] says why.
    ///
    /// The result depends on the plan, the round, the client, the model and the rows, and on nothing else.
    ///
    /// # Errors
    /// Without such a promise, whatever keeps the client from an update; with it, what follows from the task alone.
    pub fn update(
        &self,
        task: Task<'_>,
        examples: &dyn Examples,
        worker: &mut Worker,
    ) -> Result<Update, LocalTrainingError> {
        let trained = self.train(task, examples, worker);
        self.encode(task, examples.len(), trained, worker)
    }

    /// The first half of [`LocalTraining::update`]: leaves the trained model with the worker.
    pub(crate) fn train(
        &self,
        task: Task<'_>,
        examples: &dyn Examples,
        worker: &mut Worker,
    ) -> Result<Progress, LocalTrainingError> {
        let Task { round, client, model, .. } = task;
        if examples.is_empty() {
            return Err(LocalTrainingError::NoExamples { client });
        }
        worker.local.values_mut().copy_from_slice(model.values());
        let shuffle = self.seed.stream_for(Purpose::Shuffle, round, client);
        // A schedule of learning rates runs over all rounds, not anew in each.
        let epochs_before = f64::from(round.saturating_sub(1)) * f64::from(self.recipe.epochs());
        let recipe = self.recipe.from_epoch(epochs_before);
        if let Some(protection) = &self.protection
            && let Some(rule) = protection.examples()
        {
            let seed = self.noise_seed.as_deref().expect("a participant that adds noise has the seed of it");
            return private_training::train(
                self,
                (protection, rule),
                (&recipe, seed),
                task,
                examples,
                worker,
            );
        }
        let Worker { workspace, local, .. } = worker;
        nn::train(&self.network, &recipe, local, examples, shuffle, workspace)
            .map_err(|source| LocalTrainingError::Train { client, round, source })
    }

    /// The second half of [`LocalTraining::update`]: writes on the grid how the worker's model moved, within the
    /// protection of the plan.
    pub(crate) fn encode(
        &self,
        task: Task<'_>,
        examples: usize,
        trained: Result<Progress, LocalTrainingError>,
        worker: &mut Worker,
    ) -> Result<Update, LocalTrainingError> {
        (worker.clipped, worker.failure) = (None, None);
        let weight = self.weights.of(examples);
        let by_client = self.protection.as_ref().filter(|protection| protection.examples().is_none());
        if let Some(protection) = by_client {
            let clip = task.clip.unwrap_or(protection.clip());
            let protection = protection.in_round(clip).ok_or(LocalTrainingError::ForeignClip {
                client: task.client,
                round: task.round,
                clip: clip.norm(),
            })?;
            let written = trained
                .and_then(|_| protecting::clipped(&protection, &self.writing, task, &mut worker.local));
            let mut delta = match written {
                Ok((delta, clipped)) => {
                    worker.clipped = Some(clipped);
                    delta
                }
                // To decline would tell of the rows, in front of everybody and under no noise.
                Err(failure) => {
                    worker.failure = Some(failure);
                    protecting::nothing(&protection, worker.local.len())
                }
            };
            protecting::add_noise(&protection, task, self.noise_seed.as_deref(), &mut delta);
            // The loss is a function of the rows that no clip bounds: it stays at home.
            return Ok(Update { delta, weight, loss: 0 });
        }
        let progress = trained?;
        let delta = self.writing.difference(task, worker.local.values(), task.model.values())?;
        // Where single examples are protected the training has told no loss.
        let loss = self.writing.grid.encode_saturating(progress.mean_loss);
        Ok(Update { delta, weight, loss })
    }
}

impl Worker {
    /// What the clip did to the update that was encoded last. It is a function of the client's rows that nothing
    /// protects: a simulation may look at it, and nobody else.
    pub(crate) fn take_clipped(&mut self) -> Option<Clipped> {
        self.clipped.take()
    }

    /// A worker that keeps the norms of single examples' gradients, where those are what is protected. For simulations: what
    /// a client's own agent trains with sees none.
    pub(crate) fn watching(self) -> Worker {
        Worker { gradients: Some(GradientNorms::default()), ..self }
    }

    /// What was seen since this was asked last; `None` if the worker does not watch.
    pub(crate) fn take_gradients(&mut self) -> Option<GradientNorms> {
        self.gradients.as_mut().map(std::mem::take)
    }

    /// Why the update that was encoded last is zero, if it is because there was none. It is for the client alone, or for
    /// a simulation: no noise hides it.
    pub fn take_failure(&mut self) -> Option<LocalTrainingError> {
        self.failure.take()
    }
}

impl fmt::Debug for LocalTraining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTraining").field("recipe", &self.recipe).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Shard, sets};

    fn update(schedule: &str, round: u32) -> Update {
        let text = format!(
            "[data]\nsource = \"digits\"\n[model]\nhidden = []\n[training]\nbatch-size = \"full\"\n{schedule}"
        );
        let plan = Plan::parse(&text).unwrap();
        let network = Arc::new(plan.network(64, 10).unwrap());
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let training = LocalTraining::new(&plan, network);
        let rows = Shard::all(Arc::new(sets::digits())).select(0..50).unwrap();
        let task = Task { round, client: 1, model: &model, clip: None };
        training.update(task, &rows, &mut training.worker()).unwrap()
    }

    /// With the full batch and the same model, rounds differ by the learning rate alone.
    #[test]
    fn a_schedule_runs_over_the_rounds() {
        let halving = "schedule = \"step\"\nschedule-epochs = 1\nschedule-factor = 0.5\n";
        let (first, second) = (update(halving, 1), update(halving, 2));
        let size = |update: &Update| update.delta.iter().map(|value| f64::from(value.abs())).sum::<f64>();
        assert!((size(&second) / size(&first) - 0.5).abs() < 1e-3);
        assert_eq!(update("", 1), update("", 2));
    }

    #[test]
    fn a_client_without_rows_is_told_so() {
        let plan = Plan::parse("[data]\nsource = \"digits\"\n").unwrap();
        let network = Arc::new(plan.network(64, 10).unwrap());
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let training = LocalTraining::new(&plan, network);
        let none = Shard::all(Arc::new(sets::digits())).select([]).unwrap();
        let task = Task { round: 1, client: 7, model: &model, clip: None };
        let refused = training.update(task, &none, &mut training.worker()).unwrap_err();
        assert_eq!(refused, LocalTrainingError::NoExamples { client: 7 });
    }
}
