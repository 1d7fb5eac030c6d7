//! From a `[data]` section as typed to a sound one.

use std::collections::{BTreeMap, BTreeSet};

use super::{DataConfig, DataConfigError, SourceName, Standardize, TEST_FRACTION, Task, usual_markers};
use crate::data::built_in::heart_schema;
use crate::data::source::{IdxFiles, ImageFiles, Source, TableFile};
use crate::data::standardize::{Reference, References, Standardization};
use crate::data::table::{Label, Schema};

/// The name under which a plan gives the reference of every pixel.
const PIXEL: &str = "pixel";

/// Refuses keys that are given and mean nothing here.
pub(in crate::data) fn keys(config: &DataConfig) -> Result<(), DataConfigError> {
    let source = config.source;
    let (idx, csv) = (source == SourceName::Idx, source == SourceName::Csv);
    let keys = [
        ("folder", config.folder.is_some(), source.usual_folder().is_some()),
        ("train-images", config.train_images.is_some(), idx),
        ("train-labels", config.train_labels.is_some(), idx),
        ("test-images", config.test_images.is_some(), idx),
        ("test-labels", config.test_labels.is_some(), idx),
        ("path", config.path.is_some(), csv),
        ("test-path", config.test_path.is_some(), csv),
        ("separator", config.separator.is_some(), csv),
        ("missing", config.missing.is_some(), csv),
        ("missing-markers", config.missing_markers.is_some(), csv),
        ("task", config.task.is_some(), csv),
        ("label", config.label.is_some(), csv),
        ("classes", !config.classes.is_empty(), csv || idx),
        ("client-column", config.client_column.is_some(), csv),
        ("weight-column", config.weight_column.is_some(), csv),
        ("numeric", !config.numeric.is_empty(), csv),
        ("ignore", !config.ignore.is_empty(), csv),
        ("test-fraction", config.test_fraction.is_some(), !config.has_test_files()),
        ("categorical", !config.categorical.is_empty(), csv),
        ("reference", !config.reference.is_empty(), config.standardize() == Standardize::Plan),
    ];
    match keys.into_iter().find(|&(_, given, applies)| given && !applies) {
        Some((key, ..)) => Err(DataConfigError::KeyMeansNothing { key, source_name: source }),
        None => Ok(()),
    }
}

pub(in crate::data) fn test_fraction(config: &DataConfig) -> Result<f64, DataConfigError> {
    match config.test_fraction.unwrap_or(TEST_FRACTION) {
        fraction if fraction > 0.0 && fraction < 1.0 => Ok(fraction),
        fraction => Err(DataConfigError::FractionOutOfRange { fraction }),
    }
}

pub(in crate::data) fn source(config: &DataConfig) -> Result<Source, DataConfigError> {
    let folder = || {
        let usual = || config.source.usual_folder().unwrap_or_default().to_owned();
        config.folder.clone().unwrap_or_else(usual)
    };
    Ok(match config.source {
        SourceName::Digits => Source::Digits,
        SourceName::Heart => Source::Heart,
        SourceName::Mnist => Source::Mnist { folder: folder() },
        SourceName::FashionMnist => Source::FashionMnist { folder: folder() },
        SourceName::Idx => Source::Idx(idx_files(config)?),
        SourceName::Csv => Source::Csv(Box::new(TableFile {
            path: config.path.clone(),
            test_path: config.test_path.clone(),
            schema: schema(config)?,
        })),
    })
}

fn idx_files(config: &DataConfig) -> Result<IdxFiles, DataConfigError> {
    let needed = |value: &Option<String>, key| {
        value.clone().ok_or(DataConfigError::MissingKey { key, source_name: SourceName::Idx })
    };
    let train = ImageFiles {
        images: needed(&config.train_images, "train-images")?,
        labels: needed(&config.train_labels, "train-labels")?,
    };
    let test = match (&config.test_images, &config.test_labels) {
        (None, None) => None,
        (images, labels) => Some(ImageFiles {
            images: needed(images, "test-images")?,
            labels: needed(labels, "test-labels")?,
        }),
    };
    Ok(IdxFiles { train, test, classes: classes(config)?.unwrap_or_default() })
}

fn schema(config: &DataConfig) -> Result<Schema, DataConfigError> {
    let missing_key = |key| DataConfigError::MissingKey { key, source_name: SourceName::Csv };
    if config.numeric.is_empty() && config.categorical.is_empty() {
        return Err(DataConfigError::NoFeatures);
    }
    let label_column = config.label.clone().ok_or_else(|| missing_key("label"))?;
    refuse_columns_of_two_roles(config, &label_column)?;
    for (column, categories) in &config.categorical {
        refuse_twice("categorical", column, categories)?;
    }
    let label = match (config.task.unwrap_or_default(), classes(config)?) {
        (Task::Classification, classes) => Label::Class(classes),
        (Task::Regression, None) => Label::Value,
        (Task::Regression, Some(_)) => return Err(DataConfigError::ClassesOfNumbers),
    };
    Ok(Schema {
        numeric: config.numeric.clone(),
        categorical: config.categorical.clone(),
        label_column,
        label,
        ignore: config.ignore.clone(),
        client_column: config.client_column.clone(),
        client_column_may_lack: false,
        weight_column: config.weight_column.clone(),
        weight_column_may_lack: false,
        separator: separator(config)?,
        missing: config.missing.unwrap_or_default(),
        missing_markers: config.missing_markers.clone().unwrap_or_else(usual_markers),
    })
}

fn separator(config: &DataConfig) -> Result<u8, DataConfigError> {
    match config.separator.as_deref().unwrap_or(",").as_bytes() {
        &[byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(byte),
        _ => Err(DataConfigError::Separator { separator: config.separator.clone().unwrap_or_default() }),
    }
}

/// The declared classes, if there are any.
fn classes(config: &DataConfig) -> Result<Option<Vec<String>>, DataConfigError> {
    refuse_twice("classes", "classes", &config.classes)?;
    match config.classes.len() {
        0 => Ok(None),
        1 => Err(DataConfigError::OneClass),
        _ => Ok(Some(config.classes.clone())),
    }
}

/// A column is numeric, categorical, the label, the weight or ignored. The client's column may be a feature besides.
fn refuse_columns_of_two_roles(config: &DataConfig, label: &String) -> Result<(), DataConfigError> {
    let numeric = config.numeric.iter().map(|column| ("numeric", column));
    let categorical = config.categorical.keys().map(|column| ("categorical", column));
    let ignore = config.ignore.iter().map(|column| ("ignore", column));
    let weight = config.weight_column.iter().map(|column| ("weight-column", column));
    let features = numeric.chain(categorical);
    let mut roles = BTreeMap::new();
    for (second, column) in [("label", label)].into_iter().chain(features).chain(ignore).chain(weight) {
        if let Some(first) = roles.insert(column, second) {
            return Err(DataConfigError::ColumnTwice { column: column.clone(), first, second });
        }
    }
    let Some(column) = &config.client_column else { return Ok(()) };
    match roles.get(column) {
        Some(&first @ ("label" | "ignore" | "weight-column")) => {
            Err(DataConfigError::ColumnTwice { column: column.clone(), first, second: "client-column" })
        }
        _ => Ok(()),
    }
}

fn refuse_twice(key: &'static str, list: &str, names: &[String]) -> Result<(), DataConfigError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(DataConfigError::NameTwice { key, list: list.to_owned(), name: name.clone() }),
    }
}

pub(in crate::data) fn standardization(config: &DataConfig) -> Result<Standardization, DataConfigError> {
    let numeric = match config.source {
        SourceName::Csv => Some(config.numeric.clone()),
        SourceName::Heart => Some(heart_schema().numeric),
        _ => None,
    };
    match (config.standardize(), numeric) {
        (Standardize::None, _) => Ok(Standardization::None),
        (Standardize::Client, _) => Ok(Standardization::Client),
        (Standardize::Scale, None) => Ok(Standardization::Scale),
        (Standardize::Scale, Some(_)) => Err(DataConfigError::ScaleOfTable),
        (Standardize::Plan, numeric) => references(config, numeric).map(Standardization::Plan),
    }
}

/// The references of all numeric columns, or of the pixel, and of nothing else.
fn references(config: &DataConfig, numeric: Option<Vec<String>>) -> Result<References, DataConfigError> {
    let images = numeric.is_none();
    let needed = numeric.unwrap_or_else(|| vec![PIXEL.to_owned()]);
    let references = config.references();
    if let Some((column, &reference)) = references.iter().find(|(_, reference)| !is_sound(reference)) {
        return Err(DataConfigError::ReferenceOutOfRange { column: column.clone(), reference });
    }
    if let Some(column) = references.keys().find(|column| !needed.contains(column)) {
        return Err(DataConfigError::ReferenceOfNothing { column: column.clone(), images });
    }
    if let Some(column) = needed.iter().find(|column| !references.contains_key(*column)) {
        return Err(DataConfigError::NoReference { column: column.clone() });
    }
    Ok(match references.get(PIXEL) {
        Some(&pixel) if images => References::EveryPixel(pixel),
        _ => References::PerColumn(references),
    })
}

fn is_sound(reference: &Reference) -> bool {
    reference.mean.is_finite() && reference.deviation.is_finite() && reference.deviation > 0.0
}
