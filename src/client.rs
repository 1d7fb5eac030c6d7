//! `privet client`: take part in a federation with one's own rows.

use crate::cli::{self, PartitionNumber};
use crate::error::CommandError;
use crate::interrupt;
use crate::noise;
use crate::progress::Progress;
use crate::runtime;
use crate::setting::{self, read_file};
use privet_client::{
    Agent, AgentEvent, AnsweredRounds, Connection, Ending, HttpTransport, Masks, Membership, Outcome,
    Patience, ReceiptFile, SeenKeys, Trust, doubled, key_from,
};
use privet_core::data::{DataPlan, Holdings, Shard};
use privet_core::participant::{LocalTraining, OwnLimit};
use privet_core::plan::{NoiseAt, Plan};
use privet_core::protocol::{EnrolledClient, FederationState};
use privet_core::random::Purpose;
use privet_core::secagg::{Adversary, Identities};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Takes part until the federation has finished, or until Ctrl-C.
pub(crate) fn run(args: &cli::Client, progress: &Progress) -> Result<(), CommandError> {
    let runtime = runtime::new(1)?;
    let identity = Arc::new(key_from(args.key.as_deref())?);
    let patience = Patience { give_up_after: args.patience.map(Duration::from_secs), ..Patience::default() };
    let trust = Trust { ca: args.ca.clone(), certificate: args.tls_cert.clone(), insecure: args.insecure };
    let transport = HttpTransport::with_trust(&args.coordinator, &trust)?;
    let connection = Connection::new(transport, patience, jitter_seed());

    progress.note(&format!("asking {} for its plan", args.coordinator));
    let state: FederationState = runtime.block_on(async {
        tokio::select! {
            () = interrupt::pressed() => Err(CommandError::Interrupted),
            state = connection.federation() => Ok(state?),
        }
    })?;
    let plan =
        Plan::parse(&state.plan).map_err(|error| CommandError::plan("the coordinator's plan", error))?;
    if let Some(path) = &args.plan {
        expect_plan(path, &state)?;
    }
    let rows = rows(args, &plan)?;
    let dataset = rows.dataset();
    let network = Arc::new(plan.network(dataset.width(), dataset.outputs())?);
    let place = args.partition.map(|partition| partition.number);
    let answered = AnsweredRounds::beside(args.key.as_deref())?;
    let limit = limit(args, &plan, progress)?;
    if limit.is_some() {
        let rounds = answered.by_other_plans(state.plan_sha256);
        if rounds > 0 {
            return Err(CommandError::SpentElsewhere { rounds });
        }
    }
    let masks = masks(args, &plan, progress)?;
    let (token, plan_sha256) = (args.token.clone(), state.plan_sha256);
    let membership = Membership { identity, place, token, plan_sha256, answered, masks };
    let training = LocalTraining::with_noise(&plan, network, noise::seed(None, 0)?);
    let agent = Agent::new(connection, membership, training, Arc::new(rows));
    let agent = match &args.receipts {
        Some(path) => agent.keeping_receipts(ReceiptFile::open(path)?),
        None => agent,
    };
    let agent = match limit {
        Some(limit) => agent.within(limit),
        None => agent,
    };
    let told = |event| progress.note(&line(&state.name, event));
    let outcome = runtime.block_on(agent.run(told, interrupt::pressed()));
    // A training that was interrupted would go on to its end, for nobody.
    runtime.shutdown_background();
    concluded(progress, &outcome?)
}

/// The client's rows: its part of the plan's, or all of its own.
fn rows(args: &cli::Client, plan: &Plan) -> Result<Shard, CommandError> {
    let data = located(args, plan)?;
    let Some(PartitionNumber { number, of }) = args.partition else {
        let own = Shard::all(data.load_own(&mut read_file)?);
        return Ok(data.standardization().view_own(&own)?);
    };
    if of != plan.clients() {
        return Err(CommandError::OtherPartition { of, clients: plan.clients() });
    }
    let split = data.split(&data.load(&mut read_file)?)?;
    let stream = plan.seed().stream(Purpose::Partition);
    let mut holdings = Holdings::new(&split, plan.partition(), data.standardization(), stream)?;
    Ok(holdings.clients.swap_remove(number as usize - 1))
}

/// Whether the coordinator works by the plan that the client was given.
fn expect_plan(path: &Path, state: &FederationState) -> Result<(), CommandError> {
    let name = path.display().to_string();
    let text = setting::plan_text(&name)?;
    let expected = Plan::parse(&text).map_err(|error| CommandError::plan(name, error))?.digest();
    match state.plan_sha256 == expected {
        true => Ok(()),
        false => Err(CommandError::OtherPlan { path: path.into(), found: state.plan_sha256, expected }),
    }
}

/// How much the client allows itself to spend. Says how far that goes, and what of it the client can know by itself.
fn limit(args: &cli::Client, plan: &Plan, progress: &Progress) -> Result<Option<OwnLimit>, CommandError> {
    let Some(epsilon) = args.maximum_epsilon else { return Ok(None) };
    let limit = OwnLimit::new(plan, epsilon, args.delta)?;
    let (rounds, of, delta) = (limit.rounds(), plan.rounds(), limit.delta());
    let within = format!("within epsilon {epsilon} at delta {delta:e}");
    progress.note(&match limit.noise_at() {
        NoiseAt::Local | NoiseAt::Examples => format!(
            "{within}: this client answers at most {rounds} of {of} rounds. All the noise is its own, and it relies on nobody for \
             this"
        ),
        NoiseAt::Clients { .. } => format!(
            "{within}: this client answers at most {rounds} of {of} rounds, if the others add their shares of the noise. It can \
             verify its own share and what it answers, and nothing of theirs"
        ),
        NoiseAt::Coordinator => format!(
            "{within}: this client answers no round after round {rounds} of {of}, if the coordinator adds the noise and draws the \
             cohorts as the plan says. It can verify its clip and the number of a round, and nothing of the noise"
        ),
    });
    Ok(Some(limit))
}

/// How the client hides its updates, as the plan says and not less than it asks for itself.
fn masks(args: &cli::Client, plan: &Plan, progress: &Progress) -> Result<Option<Masks>, CommandError> {
    let known = args.roster.as_deref().map(roster).transpose()?;
    let demands = known.is_some() || args.minimum_cohort > 0;
    let Some(masks) = Masks::of(plan, args.minimum_cohort, known) else {
        return if demands { Err(CommandError::NoMasks) } else { Ok(None) };
    };
    if masks.known.is_none() && masks.rules.masking.assumptions().adversary() == Adversary::Lying {
        progress.note(
            "warning: without --roster the coordinator says who the other clients are, and one that lies can invent them",
        );
    }
    Ok(Some(Masks { seen: SeenKeys::beside(args.key.as_deref())?, ..masks }))
}

/// The keys of the clients that this one takes part with.
fn roster(path: &Path) -> Result<Identities, CommandError> {
    let unreadable = |source: io::Error| CommandError::Roster { path: path.into(), source };
    let text = std::fs::read(path).map_err(unreadable)?;
    let listed: Vec<EnrolledClient> =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.into()))?;
    let mut known = Identities::new();
    for EnrolledClient { client, key, .. } in listed {
        if known.insert(client, key).is_some() {
            return Err(CommandError::DoubledRoster { path: path.into(), one: client, other: client });
        }
    }
    match doubled(&known) {
        None => Ok(known),
        Some((one, other)) => Err(CommandError::DoubledRoster { path: path.into(), one, other }),
    }
}

/// The plan's data, where they lie for this client.
fn located(args: &cli::Client, plan: &Plan) -> Result<DataPlan, CommandError> {
    match args.data.as_str() {
        place if place == "built-in" || plan.data().source().is_built_in(place) => Ok(plan.data().clone()),
        place => Ok(plan.data().at(place)?),
    }
}

/// Differs between clients, so that those that failed together do not come back together. No secret.
fn jitter_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ (u64::from(std::process::id()) << 32)
}

fn line(federation: &str, event: AgentEvent) -> String {
    match event {
        AgentEvent::Enrolled { client } => format!("enrolled in {federation} as client {client}"),
        AgentEvent::Training { round } => format!("round {round}: training"),
        AgentEvent::Zeros { round } => {
            format!("round {round}: sends zeros, because its training came to nothing; the log says why")
        }
        AgentEvent::Counted { round, weight } => format!("round {round}: counted with weight {weight}"),
        AgentEvent::Missed { round } => format!("round {round}: closed before the update arrived"),
        AgentEvent::Left { round } => format!("round {round}: left, the log says why"),
        AgentEvent::Declined { round, reason } => format!("round {round}: declined ({reason:?})"),
    }
}

fn concluded(progress: &Progress, outcome: &Outcome) -> Result<(), CommandError> {
    match outcome.ending {
        Ending::Finished { model_sha256 } => {
            let rounds = outcome.counted.len();
            progress.note(&format!("finished: counted in {rounds} rounds, final model {model_sha256}"));
            Ok(())
        }
        Ending::Stopped => Err(CommandError::Interrupted),
    }
}
