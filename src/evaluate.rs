//! `privet evaluate`: how good is a model?

use crate::cli::{self, PlanArgs};
use crate::document::evaluate::{Classification, ModelEvaluation};
use crate::error::CommandError;
use crate::metrics;
use crate::model;
use crate::output;
use crate::setting::{self, read_file};
use crate::table;
use privet_core::data::{DataConfig, DataPlan, Shard, SourceName};
use privet_core::nn::Examples;
use privet_core::plan::built_in;
use privet_core::protocol::HexDigest;
use std::path::Path;

/// Judges the model and prints the result.
pub(crate) fn run(args: &cli::Evaluate) -> Result<(), CommandError> {
    let (file, network, model) = model::read(&args.model)?;
    let rows = rows(args)?;
    let (evaluation, metrics) = metrics::judge(&network, &model, &rows)?;
    let confusion = evaluation.confusion.map(|confusion| confusion.counts);
    let names = rows.dataset().classes().unwrap_or_default();
    let document = ModelEvaluation {
        model_sha256: HexDigest::of(&file).to_string(),
        data: args.data.clone(),
        rows: rows.len() as u64,
        loss: evaluation.loss,
        metrics,
        classification: confusion.and_then(|counts| Classification::of(names, counts)),
    };
    output::result(&document, args.json, || table::evaluation(&document))
}

/// The rows to judge by.
fn rows(args: &cli::Evaluate) -> Result<Shard, CommandError> {
    let place = args.data.as_str();
    if let Some(name) = &args.plan {
        // Rows that lie elsewhere than the plan says, all of them.
        let data = plan_data(name)?.at(place)?;
        let own = Shard::all(data.load_to_judge(&mut read_file)?);
        return Ok(data.standardization().view_own(&own)?);
    }
    let is_plan = built_in(place).is_some() || place.ends_with(".toml");
    let data = if is_plan { plan_data(place)? } else { folder_of_images(place)? };
    let loaded = data.load(&mut read_file)?;
    let split = data.split(&loaded)?;
    Ok(data.standardization().view_own(&split.test)?)
}

fn plan_data(name: &str) -> Result<DataPlan, CommandError> {
    let args = PlanArgs { plan: name.to_owned(), rounds: None, clients: None, seed: None };
    Ok(setting::plan(&args)?.data().clone())
}

/// The four files of an image set in a folder, whose names say nothing of what they show.
fn folder_of_images(place: &str) -> Result<DataPlan, CommandError> {
    if !Path::new(place).is_dir() {
        return Err(CommandError::UnknownData(place.to_owned()));
    }
    let config =
        DataConfig { source: SourceName::Mnist, folder: Some(place.to_owned()), ..DataConfig::default() };
    Ok(DataPlan::new(&config).expect("a folder is all that the source needs"))
}
