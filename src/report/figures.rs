//! What stands around a chart: its heading, legend, a sentence, and the numbers behind it.

use super::ReportError;
use super::charts::{LineChart, Point, Series, evenly, line_swatch, lines};
use maud::{Markup, html};

/// Rows of a table of numbers a curve may fill.
const MOST_ROWS: usize = 25;

/// A chart with its heading, its legend, a sentence beneath, and its numbers to unfold.
pub(super) fn figure(
    title: &str,
    legend: &Markup,
    chart: &Markup,
    sentence: &str,
    numbers: &Markup,
) -> Markup {
    html! {
        figure {
            figcaption { h3 { (title) } div.legend { (legend) } }
            (chart)
            p.note { (sentence) }
            details.numbers { summary { "Numbers" } (numbers) }
        }
    }
}

/// A chart of curves with its legend and numbers; nothing when there is nothing to draw.
/// `write` turns a value into the text of its cell.
pub(super) fn curves(chart: &LineChart<'_>, write: fn(&Point) -> String) -> Result<Markup, ReportError> {
    let Some(svg) = lines(chart)? else { return Ok(html! {}) };
    let legend = html! {
        @for series in &chart.series { span.key { (line_swatch(series.colour)) (series.name) } }
    };
    let row = |series: &Series, point: &Point| {
        vec![series.name.clone(), crate::quantity::count(point.x.max(0.0) as u64), write(point)]
    };
    let rows = chart.series.iter().flat_map(|series| {
        evenly(&series.points, MOST_ROWS).into_iter().map(move |point| row(series, &point))
    });
    let table = numbers(&["", chart.x_label, chart.title], rows);
    Ok(figure(chart.title, &legend, &svg, chart.description, &table))
}

/// A table whose first column names its rows.
pub(super) fn numbers<Cells: IntoIterator<Item = String>>(
    header: &[&str],
    rows: impl Iterator<Item = Cells>,
) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { @for name in header { th scope="col" { (name) } } } }
                tbody {
                    @for cells in rows {
                        tr {
                            @for (index, cell) in cells.into_iter().enumerate() {
                                @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A tick in percent, with decimals only where ticks are closer than a point.
pub(super) fn percent_tick(value: f64, step: f64) -> String {
    plain_tick(value * 100.0, step * 100.0) + " %"
}

/// A tick with as many decimals as tell it from its neighbour.
pub(super) fn plain_tick(value: f64, step: f64) -> String {
    if value.abs() >= 1e6 {
        return format!("{value:.1e}");
    }
    let decimals = (-step.log10()).ceil().clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}

/// A tick in bytes.
pub(super) fn bytes_tick(value: f64, _: f64) -> String {
    crate::quantity::bytes(value.max(0.0) as u64).replace(".00", "").replace(".0 ", " ")
}
