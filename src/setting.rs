//! From what was typed to a plan with its rows: what every run starts from.

use crate::cli::PlanArgs;
use crate::error::CommandError;
use crate::noise;
use crate::progress::Progress;
use privet_core::data::{Holdings, LabelDistribution, LoadError, Split};
use privet_core::nn::{Examples, Network};
use privet_core::plan::{Overrides, Plan, built_in};
use privet_core::privacy::NoiseSeed;
use privet_core::random::{Purpose, Seed};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

/// A plan, and the rows that it speaks of.
pub(crate) struct Prepared {
    /// The plan.
    pub(crate) plan: Plan,
    /// The rows to train on and to judge by: the same for every seed.
    pub(crate) split: Split,
    /// From what the noise is drawn, if the user gives up the guarantee.
    pub(crate) noise_seed: Option<u64>,
}

/// A plan with one seed: who holds which rows, and the network that fits them.
pub(crate) struct Setting {
    /// The plan, with this seed.
    pub(crate) plan: Plan,
    /// The network.
    pub(crate) network: Arc<Network>,
    /// Who holds which rows.
    pub(crate) holdings: Holdings,
    /// What noise and hidden cohorts are drawn from.
    pub(crate) noise_seed: Arc<NoiseSeed>,
}

impl Prepared {
    /// Reads the plan and its rows.
    pub(crate) fn new(
        args: &PlanArgs,
        noise_seed: Option<u64>,
        progress: &Progress,
    ) -> Result<Prepared, CommandError> {
        let plan = plan(args)?;
        note_counted_rows(&plan, progress);
        let loaded = plan.data().load(&mut read_file)?;
        let split = plan.data().split(&loaded)?;
        Ok(Prepared { plan, split, noise_seed })
    }

    /// Deals the rows by the plan and one seed.
    pub(crate) fn with_seed(&self, seed: Seed) -> Result<Setting, CommandError> {
        self.variant(&self.plan, seed)
    }

    /// Deals the rows by a plan of the same rows that differs elsewhere, and one seed.
    pub(crate) fn variant(&self, plan: &Plan, seed: Seed) -> Result<Setting, CommandError> {
        let plan = plan.with_seed(seed);
        let stream = seed.stream(Purpose::Partition);
        let holdings = Holdings::new(&self.split, plan.partition(), plan.data().standardization(), stream)?;
        let dataset = self.split.train.dataset();
        let network = Arc::new(plan.network(dataset.width(), dataset.outputs())?);
        let noise_seed = noise::seed(self.noise_seed, seed.0)?;
        Ok(Setting { plan, network, holdings, noise_seed })
    }
}

impl Setting {
    /// How many rows of each class each client has.
    pub(crate) fn labels(&self) -> LabelDistribution {
        self.holdings.label_distribution()
    }
}

/// Reads and checks a plan: a file, or else one of the built-in plans by its name.
pub(crate) fn plan(args: &PlanArgs) -> Result<Plan, CommandError> {
    let text = plan_text(&args.plan)?;
    let refused = |error| CommandError::plan(&args.plan, error);
    match Plan::parse_with(&text, overrides(args)) {
        Err(error) if error.asks_for_rows() => {
            let bare = Plan::parse_without_privacy(&text, overrides(args)).map_err(refused)?;
            let rows = rows_per_client(&bare)?.ok_or_else(|| refused(error))?;
            Plan::parse_with(&text, Overrides { rows: Some(rows), ..overrides(args) }).map_err(refused)
        }
        Ok(plan) if plan.rows_ask_for_rows() => match rows_per_client(&plan)? {
            // Whoever needs the rows of the comparison is told what is missing.
            None => Ok(plan),
            rows => Plan::parse_with(&text, Overrides { rows, ..overrides(args) }).map_err(refused),
        },
        plan => plan.map_err(refused),
    }
}

/// Says that a number in the plan was counted from private rows, where it was.
pub(crate) fn note_counted_rows(plan: &Plan, progress: &Progress) {
    if let Some(rows) = plan.counted_rows() {
        progress.note(&format!(
            "note: rows-per-client = {rows} is counted from the clients' rows, and no noise hides it; give it in [privacy] \
             where not even their number may be told"
        ));
    }
}

/// How many training rows a client holds on average, if they are at hand: the rate at which single examples are drawn
/// follows from it where the plan does not say.
fn rows_per_client(plan: &Plan) -> Result<Option<u32>, CommandError> {
    let loaded = match plan.data().load(&mut read_file) {
        Err(LoadError::NotFound { .. } | LoadError::NoPath) => return Ok(None),
        loaded => loaded?,
    };
    let rows = plan.data().split(&loaded)?.train.len() / plan.clients() as usize;
    Ok(Some(u32::try_from(rows.max(1)).unwrap_or(u32::MAX)))
}

/// What the command line puts in the place of the plan's values.
pub(crate) fn overrides(args: &PlanArgs) -> Overrides {
    Overrides { seed: args.seed, rounds: args.rounds, clients: args.clients, rows: None }
}

/// The text of a plan file, or of the built-in plan of that name.
pub(crate) fn plan_text(name: &str) -> Result<String, CommandError> {
    if !Path::new(name).exists()
        && let Some(plan) = built_in(name)
    {
        return Ok(plan.text.to_owned());
    }
    fs::read_to_string(name).map_err(|source| CommandError::ReadPlan { plan: name.to_owned(), source })
}

/// Reads a file for the library, which opens none.
pub(crate) fn read_file(path: &str) -> io::Result<Vec<u8>> {
    fs::read(path)
}

/// How many threads to use: what was asked for, or all cores.
pub(crate) fn threads(asked: Option<u16>) -> usize {
    match asked {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}
