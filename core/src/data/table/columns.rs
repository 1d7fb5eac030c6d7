//! Where the declared columns stand in a file.

use std::collections::BTreeMap;

use super::error::TableError;
use super::schema::Schema;

/// The nearest name is offered if it is at least this similar (Jaro-Winkler, 0 to 1).
const SIMILAR: f64 = 0.8;

/// The places of the declared columns, from 0.
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) numeric: Vec<usize>,
    /// In alphabetical order of the names.
    pub(super) categorical: Vec<usize>,
    pub(super) label: usize,
    pub(super) client: Option<usize>,
    pub(super) weight: Option<usize>,
}

impl Columns {
    pub(super) fn find(
        file: &str,
        header: &::csv::ByteRecord,
        schema: &Schema,
    ) -> Result<Columns, TableError> {
        let names = names(file, header)?;
        let mut places = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            if places.insert(name.as_str(), at).is_some() {
                return Err(TableError::ColumnTwice { file: file.to_owned(), column: name.clone() });
            }
        }
        let place = |column: &String, key| {
            places.get(column.as_str()).copied().ok_or_else(|| TableError::MissingColumn {
                file: file.to_owned(),
                column: column.clone(),
                key,
                nearest: nearest(column, &names),
            })
        };
        let numeric =
            schema.numeric.iter().map(|column| place(column, "numeric")).collect::<Result<_, _>>()?;
        let categorical =
            schema.categorical.keys().map(|column| place(column, "categorical")).collect::<Result<_, _>>()?;
        let label = place(&schema.label_column, "label")?;
        for column in &schema.ignore {
            place(column, "ignore")?;
        }
        let role = |column: &Option<String>, may_lack: bool, key| match column {
            Some(column) if may_lack => Ok(places.get(column.as_str()).copied()),
            Some(column) => place(column, key).map(Some),
            None => Ok(None),
        };
        let client = role(&schema.client_column, schema.client_column_may_lack, "client-column")?;
        let weight = role(&schema.weight_column, schema.weight_column_may_lack, "weight-column")?;
        let columns = Columns { names, numeric, categorical, label, client, weight };
        columns.refuse_undeclared(file, schema)?;
        Ok(columns)
    }

    fn refuse_undeclared(&self, file: &str, schema: &Schema) -> Result<(), TableError> {
        let declared = |at: usize, name: &String| {
            at == self.label
                || self.client == Some(at)
                || self.weight == Some(at)
                || self.numeric.contains(&at)
                || self.categorical.contains(&at)
                || schema.ignore.contains(name)
        };
        match self.names.iter().enumerate().find(|&(at, name)| !declared(at, name)) {
            None => Ok(()),
            Some((_, name)) => {
                Err(TableError::UndeclaredColumn { file: file.to_owned(), column: name.clone() })
            }
        }
    }
}

fn names(file: &str, header: &::csv::ByteRecord) -> Result<Vec<String>, TableError> {
    if header.is_empty() || header.iter().all(|name| name.trim_ascii().is_empty()) {
        return Err(TableError::Empty { file: file.to_owned() });
    }
    let name = |(at, name): (usize, &[u8])| {
        String::from_utf8(name.trim_ascii().to_vec()).map_err(|_| TableError::NotText {
            file: file.to_owned(),
            line: 1,
            column: (at + 1).to_string(),
        })
    };
    header.iter().enumerate().map(name).collect()
}

fn nearest(column: &str, names: &[String]) -> Option<String> {
    let similarity = |name: &String| strsim::jaro_winkler(&column.to_lowercase(), &name.to_lowercase());
    let best = names.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) >= SIMILAR).then(|| best.clone())
}
