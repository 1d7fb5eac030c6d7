//! Who holds which labels.

use super::ReportError;
use super::charts::{Column, HeatMap, evenly, heat_map, opacity};
use super::figures::{figure, numbers};
use super::palette;
use crate::quantity;
use maud::{Markup, html};

/// Clients shown at most; of more, as many are chosen evenly.
const MOST_CLIENTS: usize = 200;
/// What the columns are.
const AXIS: &str = "client";

/// The labels of every client's training rows.
///
/// In a simulation all of it is known. A coordinator of separate clients knows none of it, and reports without.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LabelDistribution {
    /// Names of the classes; empty for a regression.
    pub(crate) labels: Vec<String>,
    /// The clients in order of their ids.
    pub(crate) clients: Vec<ClientLabels>,
}

/// What one client holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClientLabels {
    /// What the data calls the client (a hospital), or its id.
    pub(crate) name: String,
    /// Training rows.
    pub(crate) rows: u64,
    /// Rows of each class, in the order of [`LabelDistribution::labels`]; empty for a regression.
    pub(crate) labels: Vec<u64>,
}

/// The figure of the distribution; `None` without clients.
pub(super) fn distribution(distribution: &LabelDistribution) -> Result<Option<Markup>, ReportError> {
    if distribution.clients.is_empty() {
        return Ok(None);
    }
    let shown = evenly(&distribution.clients, MOST_CLIENTS);
    let title = if distribution.labels.is_empty() { "Rows over clients" } else { "Labels over clients" };
    let description = description(distribution);
    let columns = shown.iter().map(|client| Column {
        name: beside_axis(&client.name).to_owned(),
        total: client.rows,
        counts: client.labels.clone(),
    });
    let map = HeatMap {
        title,
        description: &description,
        x_label: AXIS,
        columns: columns.collect(),
        rows: distribution.labels.clone(),
    };
    let chart = heat_map(&map)?;
    let legend = html! { @if !map.rows.is_empty() { (scale(map.greatest_share())) } };
    Ok(Some(figure(title, &legend, &chart, &description, &table(&map))))
}

/// `client 7` as `7`, where the axis already says what is counted.
fn beside_axis(name: &str) -> &str {
    name.strip_prefix(AXIS).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(name)
}

fn description(distribution: &LabelDistribution) -> String {
    let rows = || distribution.clients.iter().map(|client| client.rows);
    let (least, most) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
    let clients = distribution.clients.len();
    let mut text = if least == most {
        format!("Each of the {} clients holds {} training rows.", count(clients), quantity::count(least))
    } else {
        format!(
            "{} clients hold between {} and {} training rows.",
            count(clients),
            quantity::count(least),
            quantity::count(most)
        )
    };
    if !distribution.labels.is_empty() {
        text += " The stronger the colour of a cell, the larger the share of the client's rows that has the label.";
    }
    if clients > MOST_CLIENTS {
        text += &format!(" Shown are {MOST_CLIENTS} of them, evenly chosen by number.");
    }
    text
}

/// The legend of the cells' strength.
fn scale(greatest: f64) -> Markup {
    const STEPS: u32 = 4;
    let shares = (0..=STEPS).map(|step| greatest * f64::from(step) / f64::from(STEPS));
    html! {
        @for share in shares {
            span.key {
                svg.swatch.cell viewBox="0 0 40 40" aria-hidden="true" {
                    rect.edge x="1" y="1" width="38" height="38" fill="none" {}
                    rect width="40" height="40" fill=(palette::hex(palette::CELL))
                        opacity=(opacity(share, greatest)) {}
                }
                (format!("{:.0} %", share * 100.0))
            }
        }
    }
}

fn table(map: &HeatMap<'_>) -> Markup {
    let mut header = vec![AXIS, "rows"];
    header.extend(map.rows.iter().map(String::as_str));
    let rows = map.columns.iter().map(|column| {
        let mut cells = vec![column.name.clone(), quantity::count(column.total)];
        cells.extend(column.counts.iter().copied().map(quantity::count));
        cells
    });
    numbers(&header, rows)
}

fn count(number: usize) -> String {
    quantity::count(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_repeat_its_axis() {
        assert_eq!(
            ["client 7", "Cleveland", "client", "clients 7"].map(beside_axis),
            ["7", "Cleveland", "client", "clients 7"]
        );
    }
}
