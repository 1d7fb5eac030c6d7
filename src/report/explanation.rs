//! What the model goes by: two charts of its features.

use super::ReportError;
use super::charts::{Bar, bars};
use super::figures::{figure, numbers};
use super::palette::{FIRST, SECOND};
use crate::document::explanation::{ExplainedFeature, Explanation};
use maud::{Markup, html};
use plotters::style::RGBColor;

/// Bars in a chart; of more features, those that matter most are shown. The document has all of them.
const MOST_BARS: usize = 20;

/// The two charts; nothing without features.
pub(super) fn charts(explanation: &Explanation) -> Result<Markup, ReportError> {
    let features = &explanation.features;
    if features.is_empty() {
        return Ok(html! {});
    }
    let shuffled = format!(
        "By how much the test loss rises when a column is shuffled over the test rows, mean of {} times. About 0: the \
         model does not need the column.",
        explanation.repeats
    );
    let importance =
        chart("Permutation importance", &shuffled, features, FIRST, |feature| feature.loss_increase)?;
    let divided = "Each column's part of what the model says of a row, from a row of zeros on; mean of the absolute \
                   values over test rows.";
    let attribution =
        chart("Integrated gradients", divided, features, SECOND, |feature| feature.attribution)?;
    Ok(html! { (importance) (attribution) })
}

fn chart(
    title: &str,
    sentence: &str,
    features: &[ExplainedFeature],
    colour: RGBColor,
    measure: impl Fn(&ExplainedFeature) -> f64,
) -> Result<Markup, ReportError> {
    let mut rows: Vec<Bar> = features
        .iter()
        .map(|feature| {
            let value = measure(feature);
            Bar { name: feature.name.clone(), value, written: format!("{value:.4}"), colour }
        })
        .collect();
    rows.sort_by(|one, other| other.value.total_cmp(&one.value));
    let left_out = rows.len().saturating_sub(MOST_BARS);
    rows.truncate(MOST_BARS);
    let sentence = match left_out {
        0 => sentence.to_owned(),
        few => format!("{sentence} The {few} columns with the least are left out."),
    };
    let svg = bars(title, &sentence, &rows)?;
    let table = numbers(&["column", title], rows.iter().map(|bar| [bar.name.clone(), bar.written.clone()]));
    Ok(figure(title, &html! {}, &svg, &sentence, &table))
}
