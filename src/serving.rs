//! A coordinator in this process: served until its federation has finished, its rounds judged and observed.

use crate::document::round::{Bytes, Round, RoundSeconds};
use crate::error::CommandError;
use crate::federated::round_line;
use privet_coordinator::{ClosedRound, Ending, Options, Service, ServiceEvent};
use privet_core::data::Shard;
use privet_core::nn::{self, Network};
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::random::Purpose;
use privet_core::round::{Outcome, RoundRecord};
use privet_core::simulation::Scores;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
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
    /// The rounds, in their order.
    pub(crate) rounds: Vec<Round>,
    /// How long it served, in seconds.
    pub(crate) seconds: f64,
    /// Whether the federation has finished.
    pub(crate) ending: Ending,
    /// Whether it finished because the next round would have passed the plan's target epsilon.
    pub(crate) exhausted: bool,
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
}

/// How the service is watched; an error stops it.
pub(crate) type Observe<'a> = &'a mut dyn FnMut(News<'_>) -> Result<(), CommandError>;

/// Serves the federation until it has finished, or until `shutdown`.
pub(crate) async fn serve(
    served: &Served,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
    observe: Observe<'_>,
) -> Result<Concluded, CommandError> {
    let Served { plan, network, .. } = served;
    let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
    let noise_seed = Arc::clone(&served.noise_seed);
    let (service, events) =
        Service::in_memory(plan, Arc::clone(network), model, noise_seed, Options::default());

    let began = Instant::now();
    let (failed, failure) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let stop = async {
            tokio::select! {
                () = shutdown => {}
                // A sender that is dropped without a word means that all is well.
                Ok(()) = failure => {}
                else => std::future::pending().await,
            }
        };
        privet_coordinator::run(service, listener, stop).await
    });
    let watched = Watch { served, rounds: Vec::new() }.follow(events, observe).await;
    if watched.is_err() {
        let _ = failed.send(());
    }
    let conclusion = server.await.map_err(CommandError::ServiceBrokeOff)??;
    Ok(Concluded {
        model: conclusion.model_file.to_vec(),
        rounds: watched?,
        seconds: began.elapsed().as_secs_f64(),
        ending: conclusion.ending,
        exhausted: conclusion.spending.is_some_and(|spending| spending.exhausted),
    })
}

/// Turns what happens at the service into the lines of the run.
struct Watch<'a> {
    served: &'a Served,
    rounds: Vec<Round>,
}

impl Watch<'_> {
    /// Until the service writes no more.
    async fn follow(
        mut self,
        mut events: UnboundedReceiver<ServiceEvent>,
        observe: Observe<'_>,
    ) -> Result<Vec<Round>, CommandError> {
        let mut enrolled = 0;
        while let Some(event) = events.recv().await {
            match event {
                ServiceEvent::Enrolled { .. } => {
                    enrolled += 1;
                    observe(News::Enrolled(enrolled))?;
                }
                ServiceEvent::RoundClosed(closed) => {
                    let round = block_in_place(|| self.line(&closed))?;
                    observe(News::Round { line: &round, record: &closed.record })?;
                    self.rounds.push(round);
                }
                ServiceEvent::RoundOpened { .. } => {}
                ServiceEvent::Finished { .. } => break,
            }
        }
        Ok(self.rounds)
    }

    fn line(&self, closed: &ClosedRound) -> Result<Round, CommandError> {
        let ClosedRound { record, model, traffic, .. } = closed;
        let began = Instant::now();
        let released = matches!(record.outcome, Outcome::Released { .. });
        let test = match &self.served.test {
            Some(test) if released => Some(Scores::from(nn::evaluate(&self.served.network, model, test)?)),
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
