//! Charts of what privacy costs.

use super::ReportError;
use super::charts::{LineChart, Point, Series, lines};
use super::figures::plain_tick;
use super::palette::FIRST;
use maud::{DOCTYPE, PreEscaped, html};

/// In what form a chart stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chart {
    /// As a picture.
    Svg,
    /// As a page, with its sentence.
    Html,
}

/// Epsilon over the rounds: `points` are numbers of rounds with what they cost at this delta.
pub(crate) fn epsilon_over_rounds(
    points: &[(f64, f64)],
    delta: f64,
    chart: Chart,
) -> Result<String, ReportError> {
    let sentence = format!("Privacy spent after so many rounds, at delta = {delta:e}.");
    let points = points.iter().map(|&(x, y)| Point { x, y, half: None }).collect();
    let drawn = lines(&LineChart {
        title: "Epsilon over rounds",
        description: &sentence,
        x_label: "round",
        y_tick: plain_tick,
        y_limits: 0.0..f64::INFINITY,
        series: vec![Series { name: "epsilon".into(), colour: FIRST, points }],
    })?;
    let svg = drawn.map_or_else(String::new, |markup| markup.into_string());
    let svg = svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    Ok(match chart {
        Chart::Svg => svg,
        Chart::Html => html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { "Epsilon over rounds" } }
                body { h1 { "Epsilon over rounds" } (PreEscaped(svg)) p { (sentence) } }
            }
        }
        .into_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_stands_alone_as_a_picture_and_as_a_page() {
        let points = [(1.0, 0.5), (10.0, 1.0)];
        let svg = epsilon_over_rounds(&points, 1e-5, Chart::Svg).unwrap();
        let picture = roxmltree::Document::parse(&svg).unwrap();
        assert_eq!(picture.root_element().tag_name().name(), "svg");
        let page = epsilon_over_rounds(&points, 1e-5, Chart::Html).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("delta = 1e-5"), "{page}");
    }
}
