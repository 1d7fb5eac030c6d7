//! `privet plan`: begin, check or show a plan.

use crate::cli::{PlanArgs, PlanCommand};
use crate::error::CommandError;
use crate::output;
use crate::setting;
use privet_core::plan::{ExampleRule, NoiseAt, Plan, Protection, built_in};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Does what was asked for.
pub(crate) fn run(command: &PlanCommand) -> Result<(), CommandError> {
    match command {
        PlanCommand::New { file, from } => {
            let plan = built_in(from).ok_or_else(|| CommandError::NoSuchBuiltIn(from.clone()))?;
            match file {
                Some(file) => write_new(file, plan.text),
                None => output::print(plan.text),
            }
        }
        PlanCommand::Check { plan } => {
            let args = PlanArgs { plan: plan.clone(), rounds: None, clients: None, seed: None };
            let checked = setting::plan(&args)?;
            let shape = checked.data().shape();
            if let Some(shape) = shape {
                let fits = checked.network(shape.features, shape.outputs);
                fits.map_err(|error| CommandError::plan(plan, error))?;
            }
            for rows in [checked.private_rows().map(drop), checked.named_rows().map(drop)] {
                rows.map_err(|error| CommandError::plan(plan, error))?;
            }
            let digest = checked.digest();
            let (clients, rounds) = (checked.clients(), checked.rounds());
            let unseen = match shape {
                Some(_) => "",
                None => "\nIts network is checked when its data are read: they tell how many inputs it has.",
            };
            output::print(&format!(
                "{plan} is sound: {clients} clients, {rounds} rounds, plan digest {digest}.{unseen}"
            ))
        }
        PlanCommand::Show { plan } => output::print(&shown(&setting::plan(plan)?)),
    }
}

/// Every value of a plan. Those that follow from others unless they are given, and those that only follow, are told in
/// comments, so that a plan that is shown, saved and then changed elsewhere does not hold on to what no longer follows.
fn shown(plan: &Plan) -> String {
    let text = plan.to_toml();
    let shares = plan.protection().and_then(|protection| match protection.noise_at() {
        NoiseAt::Clients { shares } => Some(("noise-shares", "privacy", shares)),
        _ => None,
    });
    let derived =
        [("wait-for", "cohort", plan.wait_for()), ("weight-cap", "aggregation", plan.weights().largest())];
    let shown = derived
        .into_iter()
        .chain(shares)
        .filter(|(key, ..)| !text.contains(&format!("\n{key} = ")))
        .fold(text.clone(), |shown, (key, section, value)| {
            format!("{shown}\n# {key} = {value} in [{section}] follows from the rest")
        });
    plan.protection().map(divided).into_iter().fold(shown, |shown, told| format!("{shown}\n# {told}"))
}

/// By what private sums are divided, which no key says.
fn divided(protection: &Protection) -> String {
    match protection.examples() {
        None => {
            format!("the noised sum of a round is divided by {}, whoever took part", protection.denominator())
        }
        Some(ExampleRule { rate, steps, denominator, .. }) => format!(
            "a round of a client has {steps} steps; each draws every example with a chance of {rate:.6}, and divides \
             its noised sum by {denominator}"
        ),
    }
}

/// Writes a file that was not there before.
fn write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => CommandError::PlanExists(path.to_owned()),
        _ => CommandError::Write { path: path.to_owned(), source },
    })
}
