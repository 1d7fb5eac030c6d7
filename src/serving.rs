//! A coordinator in this process: served until its federation has finished, its rounds judged and observed.

use crate::document::round::{Bytes, Round, RoundSeconds};
use crate::error::CommandError;
use crate::federated::round_line;
use privet_coordinator::{
    ClosedRound, Doors, Ending, MemoryStore, Options, PastRound, RunError, Service, ServiceEvent,
    SqliteStore, Store, Traffic,
};
use privet_core::data::Shard;
use privet_core::nn::{self, Network};
use privet_core::params::Params;
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::random::Purpose;
use privet_core::round::{Outcome, RoundRecord, SealedRecord};
use privet_core::simulation::Scores;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::block_in_place;

/// A federation to be served.
pub(crate) struct Served {
    /// Its plan.
    pub(crate) plan: Plan,
    /// The network of the plan.
    pub(crate) network: Arc<Network>,
    /// The rows that the model is judged by, if the coordinator has any.
    pub(crate) test: Option<Shard>,
    /// What noise and hidden cohorts are drawn from.
    pub(crate) noise_seed: Arc<NoiseSeed>,
}

/// What a coordinator leaves behind.
pub(crate) struct Concluded {
    /// The file of the final model.
    pub(crate) model: Vec<u8>,
    /// How long it served, in seconds.
    pub(crate) seconds: f64,
    /// Whether the federation has finished.
    pub(crate) ending: Ending,
    /// Whether it finished because the next round would have passed the plan's target epsilon.
    pub(crate) exhausted: bool,
    /// What was spent, also by a round that was open when it stopped; none where no privacy is promised.
    pub(crate) epsilon: Option<f64>,
}

/// What a coordinator tells while it serves.
pub(crate) enum News<'a> {
    /// So many clients have enrolled.
    Enrolled(u32),
    /// A round is over.
    Round {
        /// Its line in the metrics.
        line: &'a Round,
        /// Its record.
        record: &'a RoundRecord,
    },
    /// It has ended, and this is the sealed record of the round that follows.
    Sealed(&'a SealedRecord),
}

/// How the service is watched; an error stops it.
pub(crate) type Observe<'a> = &'a mut dyn FnMut(News<'_>) -> Result<(), CommandError>;

/// A service that is ready, and the end from which its journal is read.
pub(crate) enum Opened {
    /// Its state lasts as long as the process.
    InMemory(Service<MemoryStore>, UnboundedReceiver<ServiceEvent>),
    /// Its state is kept in a folder.
    InFolder(Service<SqliteStore>, UnboundedReceiver<ServiceEvent>),
}

/// Takes the federation up where the folder has it; without a folder it begins anew.
pub(crate) fn open(served: &Served, folder: Option<&Path>, options: Options) -> Result<Opened, CommandError> {
    let Served { plan, network, .. } = served;
    let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
    let network = Arc::clone(network);
    let noise_seed = Arc::clone(&served.noise_seed);
    Ok(match folder {
        None => {
            let (service, events) = Service::in_memory(plan, network, model, noise_seed, options);
            Opened::InMemory(service, events)
        }
        Some(folder) => {
            let (service, events) = Service::in_folder(folder, plan, network, &model, noise_seed, options)?;
            Opened::InFolder(service, events)
        }
    })
}

/// Serves the federation until it has finished, or until `shutdown`.
pub(crate) async fn serve(
    served: &Served,
    opened: Opened,
    doors: Doors,
    shutdown: impl Future<Output = ()> + Send + 'static,
    observe: Observe<'_>,
) -> Result<Concluded, CommandError> {
    match opened {
        Opened::InMemory(service, events) => {
            serve_from(served, service, events, doors, shutdown, observe).await
        }
        Opened::InFolder(service, events) => {
            serve_from(served, service, events, doors, shutdown, observe).await
        }
    }
}

async fn serve_from<S: Store>(
    served: &Served,
    service: Service<S>,
    events: UnboundedReceiver<ServiceEvent>,
    doors: Doors,
    shutdown: impl Future<Output = ()> + Send + 'static,
    observe: Observe<'_>,
) -> Result<Concluded, CommandError> {
    let began = Instant::now();
    let store = service.clone();
    let mut watch = Watch { served, enrolled: 0 };
    watch.take_up(service.store(), observe).await?;
    let (failed, failure) = tokio::sync::oneshot::channel::<()>();
    let (end, ended) = watch::channel(false);
    let server = tokio::spawn(async move {
        let stop = async {
            tokio::select! {
                () = shutdown => {}
                // A sender that is dropped without a word means that all is well.
                Ok(()) = failure => {}
                else => std::future::pending().await,
            }
        };
        let conclusion = privet_coordinator::run(service, doors, stop).await;
        end.send_replace(true);
        conclusion
    });
    let watched = watch.follow(events, ended, observe).await;
    if watched.is_err() {
        let _ = failed.send(());
    }
    let conclusion = server.await.map_err(CommandError::ServiceBrokeOff)??;
    watched?;
    let seconds = began.elapsed().as_secs_f64();
    hand_over(store.store(), observe).await?;
    let spending = conclusion.spending;
    Ok(Concluded {
        model: conclusion.model_file.to_vec(),
        seconds,
        ending: conclusion.ending,
        exhausted: spending.as_ref().is_some_and(|spending| spending.exhausted),
        epsilon: spending.map(|spending| spending.epsilon),
    })
}

/// Tells the sealed records of all rounds.
async fn hand_over(store: &impl Store, observe: Observe<'_>) -> Result<(), CommandError> {
    let mut last = 0;
    loop {
        let page = store.past(last).await.map_err(RunError::from)?;
        let Some(newest) = page.last() else { return Ok(()) };
        last = newest.sealed.record.round;
        page.iter().try_for_each(|past| observe(News::Sealed(&past.sealed)))?;
    }
}

/// The last round that was released.
async fn last_released(store: &impl Store) -> Result<Option<u32>, CommandError> {
    let (mut released, mut last) = (None, 0);
    loop {
        let page = store.past(last).await.map_err(RunError::from)?;
        let Some(newest) = page.last() else { return Ok(released) };
        last = newest.sealed.record.round;
        let is_released = |past: &&PastRound| matches!(past.sealed.record.outcome, Outcome::Released { .. });
        released = page.iter().rfind(is_released).map(|past| past.sealed.record.round).or(released);
    }
}

/// Turns what happens at the service into the lines of the run.
struct Watch<'a> {
    served: &'a Served,
    enrolled: u32,
}

impl Watch<'_> {
    /// Takes up what happened before this process began. Of the models, only the current one is left to be judged.
    async fn take_up(&mut self, store: &impl Store, observe: Observe<'_>) -> Result<(), CommandError> {
        self.enrolled = store.standing().await.map_err(RunError::from)?.enrolled;
        let judged = last_released(store).await?;
        let mut last = 0;
        loop {
            let page = store.past(last).await.map_err(RunError::from)?;
            let Some(newest) = page.last() else { return Ok(()) };
            last = newest.sealed.record.round;
            for SealedRecord { record, model_out, .. } in page.iter().map(|past| &past.sealed) {
                let test = match judged == Some(record.round) {
                    true => store.model(*model_out).await.map_err(RunError::from)?,
                    false => None,
                };
                let model = test.and_then(|file| Some(nn::from_safetensors(&file).ok()?.1));
                let round = block_in_place(|| self.line(record, model.as_ref(), Traffic::default()))?;
                observe(News::Round { line: &round, record })?;
            }
        }
    }

    /// Until the federation has finished, or the service has ended and what it wrote is read. Its journal stays open as long as its
    /// store does, which is longer.
    async fn follow(
        mut self,
        mut events: UnboundedReceiver<ServiceEvent>,
        mut ended: watch::Receiver<bool>,
        observe: Observe<'_>,
    ) -> Result<(), CommandError> {
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                _ = ended.wait_for(|ended| *ended) => events.try_recv().ok(),
            };
            let Some(event) = event else { return Ok(()) };
            match event {
                ServiceEvent::Enrolled { .. } => {
                    self.enrolled += 1;
                    observe(News::Enrolled(self.enrolled))?;
                }
                ServiceEvent::RoundClosed(closed) => {
                    let ClosedRound { record, model, traffic, .. } = &*closed;
                    let released = matches!(record.outcome, Outcome::Released { .. });
                    let round = block_in_place(|| self.line(record, released.then_some(model), *traffic))?;
                    observe(News::Round { line: &round, record })?;
                }
                ServiceEvent::RoundOpened { .. } => {}
                ServiceEvent::Finished { .. } => return Ok(()),
            }
        }
    }

    /// The line of a round, with the judgement of the model if there is one to be judged.
    fn line(
        &self,
        record: &RoundRecord,
        model: Option<&Params>,
        traffic: Traffic,
    ) -> Result<Round, CommandError> {
        let began = Instant::now();
        let test = match (&self.served.test, model) {
            (Some(test), Some(model)) => Some(Scores::from(nn::evaluate(&self.served.network, model, test)?)),
            _ => None,
        };
        let evaluating = began.elapsed().as_secs_f64();
        let open = record.opened.until(record.closed).as_secs_f64();
        let seconds = RoundSeconds {
            training: None,
            encoding: None,
            aggregating: 0.0,
            evaluating,
            total: open + evaluating,
        };
        let bytes = Bytes { up: traffic.up, down: traffic.down };
        Ok(round_line(&self.served.plan, record, test, bytes, seconds))
    }
}
