//! A federated run through a coordinator on loopback, with all its clients in this process.

use crate::document::round::Round;
use crate::error::CommandError;
use crate::federated::FederatedRun;
use crate::runtime;
use crate::serving::{self, News, Served};
use crate::setting::Setting;
use privet_client::{
    Agent, AgentError, AgentEvent, AnsweredRounds, Connection, HttpTransport, Masks, Membership, Patience,
    key_from,
};
use privet_coordinator::Options;
use privet_core::participant::LocalTraining;
use privet_core::round::RoundRecord;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A free port, for nobody but this machine.
const LOOPBACK: &str = "127.0.0.1:0";

/// Runs the federation of a setting over HTTP. `observe` sees each round when it is over.
pub(crate) fn run(
    setting: &Setting,
    threads: usize,
    observe: &mut dyn FnMut(&Round) -> Result<(), CommandError>,
) -> Result<FederatedRun, CommandError> {
    let served = Served {
        plan: setting.plan.clone(),
        network: Arc::clone(&setting.network),
        test: Some(setting.holdings.test.clone()),
        noise_seed: Arc::clone(&setting.noise_seed),
    };
    runtime::new(threads)?.block_on(async {
        let listener = privet_coordinator::bind(LOOPBACK).await?;
        let address = listener.local_addr().map_err(CommandError::Runtime)?;
        let zeros = Arc::new(AtomicU64::new(0));
        let agents = enlist(setting, &format!("http://{address}"), &zeros)?;

        let opened = serving::open(&served, None, Options::default())?;
        let mut gradients = Vec::new();
        let mut updates = 0;
        let mut rounds = Vec::new();
        let mut watch = |news: News<'_>| match news {
            News::Enrolled(_) => Ok(()),
            News::Round { line, record } => {
                gradients.push(gradients.last().unwrap_or(&0) + gradients_of(setting, record));
                updates += record.contributors().len();
                rounds.push(line.clone());
                observe(line)
            }
            News::Sealed(_) => Ok(()),
        };
        let (failed, failure) = oneshot::channel::<()>();
        let first_failure = async {
            if failure.await.is_err() {
                // All agents have ended well: the service ends by itself.
                pending::<()>().await;
            }
        };
        let (agents, concluded) = tokio::join!(
            all_end(agents, failed),
            serving::serve(&served, opened, listener.into(), first_failure, &mut watch)
        );
        agents?;
        let serving::Concluded { model, seconds, exhausted, .. } = concluded?;
        let warning = match zeros.load(Ordering::Relaxed) {
            0 => None,
            zeros => Some(format!(
                "clients sent zeros {zeros} times, because a training came to nothing, and {updates} updates are counted; the \
                 log says why. This process knows it because the clients are in it: the coordinator was not told"
            )),
        };
        Ok(FederatedRun { model, rounds, gradients, seconds, exhausted, warning })
    })
}

/// Starts an agent for every client; `zeros` counts updates that are zeros because a training came to nothing.
fn enlist(
    setting: &Setting,
    address: &str,
    zeros: &Arc<AtomicU64>,
) -> Result<JoinSet<Result<(), AgentError>>, CommandError> {
    let (network, noise_seed) = (Arc::clone(&setting.network), Arc::clone(&setting.noise_seed));
    let training = LocalTraining::with_noise(&setting.plan, network, noise_seed);
    let mut agents = JoinSet::new();
    for (place, shard) in (1..).zip(&setting.holdings.clients) {
        let transport = HttpTransport::new(address)?;
        let connection = Connection::new(transport, Patience::default(), place.into());
        let membership = Membership {
            identity: Arc::new(key_from(None)?),
            place: Some(place),
            token: None,
            plan_sha256: setting.plan.digest(),
            answered: AnsweredRounds::default(),
            masks: Masks::of(&setting.plan, 0, None),
        };
        let agent = Agent::new(connection, membership, training.clone(), Arc::new(shard.clone()));
        let zeros = Arc::clone(zeros);
        let count = move |event| {
            if matches!(event, AgentEvent::Zeros { .. }) {
                zeros.fetch_add(1, Ordering::Relaxed);
            }
        };
        agents.spawn(async move { agent.run(count, pending()).await.map(drop) });
    }
    Ok(agents)
}

/// Waits for all agents; the first that fails is reported through `failed`, so that nobody waits for it.
async fn all_end(
    mut agents: JoinSet<Result<(), AgentError>>,
    failed: oneshot::Sender<()>,
) -> Result<(), CommandError> {
    while let Some(ended) = agents.join_next().await {
        if let Err(error) = ended.map_err(CommandError::AgentBrokeOff).and_then(|ended| Ok(ended?)) {
            let _ = failed.send(());
            return Err(error);
        }
    }
    Ok(())
}

/// How many example-gradients the contributions of a round cost.
fn gradients_of(setting: &Setting, record: &RoundRecord) -> u64 {
    let rows = |client: u32| setting.holdings.clients[client as usize - 1].rows().len() as u64;
    let epochs = u64::from(setting.plan.recipe().epochs());
    record.contributors().into_iter().map(|client| rows(client) * epochs).sum()
}
