//! `report.html`: one self-contained page about a run, for people.
//!
//! Nothing is loaded from anywhere: style and charts are inside, there is no script. Charts are SVG drawn by
//! `plotters` in the colours of [`palette`]; the page's style sheet finds those colours by attribute selectors and
//! replaces them in a dark browser, so a chart copied out of the page still has its colours. Text is escaped by
//! `maud`, inside charts by `plotters`.

mod charts;
mod compare;
mod explanation;
mod figures;
mod headline;
mod labels;
mod page;
mod palette;
mod privacy;
mod simulate;
mod tune;

pub(crate) use compare::compare;
pub(crate) use labels::{ClientLabels, LabelDistribution};
pub(crate) use privacy::{Chart, epsilon_over_rounds};
pub(crate) use simulate::simulate;
pub(crate) use tune::tune;

use plotters::drawing::DrawingAreaErrorKind;
use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Error)]
pub(crate) enum ReportError {
    /// A chart could not be drawn; all input is checked before, so this is a mistake of privet's.
    #[error(
        "cannot draw the chart \"{chart}\": {source}; please report this, the other files of the run are complete"
    )]
    Chart {
        /// The chart's title.
        chart: String,
        /// What the drawing library said.
        source: DrawingAreaErrorKind<std::io::Error>,
    },
}

#[cfg(test)]
mod tests;
