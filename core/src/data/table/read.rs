//! Reading the rows of a table.

use super::categories::Categories;
use super::columns::Columns;
use super::error::TableError;
use super::schema::{Label, Schema};
use crate::data::compressed::whole;
use crate::data::config::Missing;
use crate::data::dataset::{Column, Dataset, Features, Groups, Targets};

/// Some programs begin a text with it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The most categories or classes that are collected from a file. One-hot features of a column of names or numbers
/// would fill the memory and teach nothing; declared categories may be more.
const MOST_COLLECTED: usize = 1_000;

/// A table as read, and its schema with everything declared that had to be collected.
pub(in crate::data) struct Parsed {
    pub(in crate::data) dataset: Dataset,
    pub(in crate::data) schema: Schema,
}

/// Reads a CSV file, gzipped or not, with a header line.
pub(in crate::data) fn parse(file: &str, bytes: &[u8], schema: &Schema) -> Result<Parsed, TableError> {
    let bytes = whole(bytes).map_err(|source| TableError::Damaged { file: file.to_owned(), source })?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let mut reader =
        ::csv::ReaderBuilder::new().delimiter(schema.separator).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().expect("bytes in memory of any number of fields are readable").clone();
    let columns = Columns::find(file, &header, schema)?;
    let mut rows = Rows::new(file, bytes, schema, columns);
    let mut record = ::csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).expect("bytes in memory of any number of fields are readable")
    {
        rows.add(&record)?;
    }
    rows.finish()
}

/// The rows read so far: numbers and, for text, the number of each category.
struct Rows<'a> {
    file: &'a str,
    bytes: &'a [u8],
    schema: &'a Schema,
    columns: Columns,
    /// The declared columns whose values must not be missing.
    needed: Vec<usize>,
    numbers: Vec<f32>,
    categories: Vec<Categories>,
    codes: Vec<u32>,
    classes: Categories,
    labels: Vec<u32>,
    values: Vec<f32>,
    clients: Categories,
    of_client: Vec<u32>,
    weights: Vec<f32>,
    dropped: u64,
}

impl<'a> Rows<'a> {
    fn new(file: &'a str, bytes: &'a [u8], schema: &'a Schema, columns: Columns) -> Rows<'a> {
        let mut needed = [&columns.numeric[..], &columns.categorical, &[columns.label]].concat();
        needed.extend(columns.client.iter().chain(&columns.weight));
        let classes = match &schema.label {
            Label::Class(Some(classes)) => classes.as_slice(),
            _ => &[],
        };
        Rows {
            file,
            bytes,
            schema,
            needed,
            numbers: Vec::new(),
            categories: schema.categorical.values().map(|categories| Categories::new(categories)).collect(),
            codes: Vec::new(),
            classes: Categories::new(classes),
            labels: Vec::new(),
            values: Vec::new(),
            clients: Categories::new(&[]),
            of_client: Vec::new(),
            weights: Vec::new(),
            dropped: 0,
            columns,
        }
    }

    fn add(&mut self, record: &::csv::ByteRecord) -> Result<(), TableError> {
        if record.len() != self.columns.names.len() {
            let (expected, found) = (self.columns.names.len(), record.len());
            let line = self.line(record);
            return Err(TableError::RaggedRow { file: self.file.to_owned(), line, expected, found });
        }
        if let Some(&at) = self.needed.iter().find(|&&at| self.is_missing(field(record, at))) {
            return match self.schema.missing {
                Missing::DropRow => {
                    self.dropped += 1;
                    Ok(())
                }
                Missing::Refuse => Err(TableError::MissingValue {
                    file: self.file.to_owned(),
                    line: self.line(record),
                    column: self.columns.names[at].clone(),
                    marker: String::from_utf8_lossy(field(record, at)).into_owned(),
                }),
            };
        }
        self.add_features(record)?;
        self.add_label(record)?;
        if let Some(at) = self.columns.client {
            let client = self.clients.number(field(record, at)).map_err(|_| self.not_text(record, at))?;
            self.of_client.extend(client);
        }
        if let Some(at) = self.columns.weight {
            let weight = self.weight(record, at)?;
            self.weights.push(weight);
        }
        Ok(())
    }

    fn add_features(&mut self, record: &::csv::ByteRecord) -> Result<(), TableError> {
        for at in 0..self.columns.numeric.len() {
            let number = self.number(record, self.columns.numeric[at])?;
            self.numbers.push(number);
        }
        for at in 0..self.columns.categorical.len() {
            let place = self.columns.categorical[at];
            let value = field(record, place);
            match self.categories[at].number(value).map_err(|_| self.not_text(record, place))? {
                Some(code) => self.codes.push(code),
                None => {
                    return Err(TableError::UnseenCategory {
                        file: self.file.to_owned(),
                        line: self.line(record),
                        column: self.columns.names[place].clone(),
                        category: String::from_utf8_lossy(value).into_owned(),
                        known: self.categories[at].listed(),
                    });
                }
            }
        }
        Ok(())
    }

    fn add_label(&mut self, record: &::csv::ByteRecord) -> Result<(), TableError> {
        let place = self.columns.label;
        if self.schema.label == Label::Value {
            let value = self.number(record, place)?;
            self.values.push(value);
            return Ok(());
        }
        match self.classes.number(field(record, place)).map_err(|_| self.not_text(record, place))? {
            Some(class) => {
                self.labels.push(class);
                Ok(())
            }
            None => Err(TableError::UnknownClass {
                file: self.file.to_owned(),
                line: self.line(record),
                column: self.schema.label_column.clone(),
                class: String::from_utf8_lossy(field(record, place)).into_owned(),
                known: self.classes.listed(),
            }),
        }
    }

    fn is_missing(&self, value: &[u8]) -> bool {
        self.schema.missing_markers.iter().any(|marker| marker.as_bytes() == value)
    }

    fn number(&self, record: &::csv::ByteRecord, at: usize) -> Result<f32, TableError> {
        let text = std::str::from_utf8(field(record, at)).map_err(|_| self.not_text(record, at))?;
        text.parse().ok().filter(|number: &f32| number.is_finite()).ok_or_else(|| TableError::NotANumber {
            file: self.file.to_owned(),
            line: self.line(record),
            column: self.columns.names[at].clone(),
            text: text.to_owned(),
        })
    }

    fn weight(&self, record: &::csv::ByteRecord, at: usize) -> Result<f32, TableError> {
        let text = std::str::from_utf8(field(record, at)).map_err(|_| self.not_text(record, at))?;
        let weight = text.parse().ok().filter(|weight: &f32| *weight >= 0.0 && weight.is_finite());
        weight.ok_or_else(|| TableError::NotAWeight {
            file: self.file.to_owned(),
            line: self.line(record),
            column: self.columns.names[at].clone(),
            text: text.to_owned(),
        })
    }

    fn not_text(&self, record: &::csv::ByteRecord, at: usize) -> TableError {
        let (line, column) = (self.line(record), self.columns.names[at].clone());
        TableError::NotText { file: self.file.to_owned(), line, column }
    }

    /// The line on which a record begins. The reader counts the rest of a line's end, and empty lines, to the
    /// record that follows.
    fn line(&self, record: &::csv::ByteRecord) -> u64 {
        let Some(position) = record.position() else { return 0 };
        let before = self.bytes.get(position.byte() as usize..).unwrap_or_default();
        let ends = before.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
    }

    fn finish(self) -> Result<Parsed, TableError> {
        let count = self.labels.len().max(self.values.len());
        if count == 0 {
            return Err(TableError::NoRows { file: self.file.to_owned(), dropped: self.dropped });
        }
        self.refuse_too_many_categories()?;
        if let Some(at) = self.columns.weight
            && self.weights.iter().all(|&weight| weight == 0.0)
        {
            let (file, column) = (self.file.to_owned(), self.columns.names[at].clone());
            return Err(TableError::NothingCounts { file, column });
        }
        let mut schema = self.schema.clone();
        let targets = match self.schema.label {
            Label::Value => Targets::Values(self.values),
            Label::Class(_) => {
                let (names, place) = self.classes.finish();
                if let [class] = &names[..] {
                    return Err(TableError::OneClassOnly {
                        file: self.file.to_owned(),
                        column: self.schema.label_column.clone(),
                        class: class.clone(),
                    });
                }
                schema.label = Label::Class(Some(names.clone()));
                let labels = self.labels.into_iter().map(|label| place[label as usize]).collect();
                Targets::Classes { labels, names }
            }
        };
        let (names, places): (Vec<_>, Vec<_>) = self.categories.into_iter().map(Categories::finish).unzip();
        for (declared, names) in schema.categorical.values_mut().zip(&names) {
            declared.clone_from(names);
        }
        let columns = feature_columns(&schema);
        let width = columns.len();
        let features = expand(count, &self.numbers, &self.codes, &places, width);
        let mut dataset = Dataset::new(self.file, width, Features::Floats(features), targets)?
            .with_columns(columns)?
            .with_dropped(self.dropped);
        if self.columns.weight.is_some() {
            dataset = dataset.with_weights(self.weights)?;
        }
        if let Some(at) = self.columns.client {
            let (names, place) = self.clients.finish();
            let of_row = self.of_client.into_iter().map(|client| place[client as usize]).collect();
            dataset =
                dataset.with_groups(Groups { column: self.columns.names[at].clone(), names, of_row })?;
        }
        Ok(Parsed { dataset, schema })
    }
    fn refuse_too_many_categories(&self) -> Result<(), TableError> {
        let columns = self.schema.categorical.keys().zip(&self.categories);
        let mut all = columns.chain([(&self.schema.label_column, &self.classes)]);
        match all.find_map(|(column, categories)| Some((column, categories.collected_over(MOST_COLLECTED)?)))
        {
            None => Ok(()),
            Some((column, found)) => Err(TableError::TooManyCategories {
                file: self.file.to_owned(),
                column: column.clone(),
                found,
                most: MOST_COLLECTED,
            }),
        }
    }
}

/// A field without the blanks around it.
fn field(record: &::csv::ByteRecord, at: usize) -> &[u8] {
    record[at].trim_ascii()
}

fn feature_columns(schema: &Schema) -> Vec<Column> {
    let numeric = schema.numeric.iter().map(|name| Column { name: name.clone(), measured: true });
    let one_hot = schema.categorical.iter().flat_map(|(column, categories)| {
        categories
            .iter()
            .map(move |category| Column { name: format!("{column}={category}"), measured: false })
    });
    numeric.chain(one_hot).collect()
}

/// Numbers as they are, then a 1 at the category's place for each column of categories.
fn expand(rows: usize, numbers: &[f32], codes: &[u32], places: &[Vec<u32>], width: usize) -> Vec<f32> {
    let (numeric, categorical) = (numbers.len() / rows, places.len());
    let mut features = vec![0.0; rows * width];
    for (row, features) in features.chunks_exact_mut(width.max(1)).enumerate() {
        features[..numeric].copy_from_slice(&numbers[row * numeric..(row + 1) * numeric]);
        let mut start = numeric;
        for (&code, place) in codes[row * categorical..(row + 1) * categorical].iter().zip(places) {
            features[start + place[code as usize] as usize] = 1.0;
            start += place.len();
        }
    }
    features
}

#[cfg(test)]
mod tests;
