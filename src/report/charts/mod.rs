//! Charts as inline SVG, each with a title and a description for those who do not see it.

mod bars;
mod heat_map;
mod lines;

pub(super) use bars::{Bar, bars};
pub(super) use heat_map::{Column, HeatMap, heat_map, opacity};
pub(super) use lines::{LineChart, Point, Series, lines};

use super::ReportError;
use super::palette::{self, Marker};
use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor, TextStyle};

/// `plotters` places everything on whole pixels. Charts are drawn this many times larger and scaled down by their
/// `viewBox`, so that a curve does not climb in steps.
const FINENESS: u32 = 4;
/// Width of every chart, in the units of its text sizes.
const WIDTH: u32 = 560;
/// Size of text in charts.
const TEXT: f64 = 12.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Draws on a canvas of `WIDTH` by `height` units and wraps the result for the page.
fn figure(
    title: &str,
    description: &str,
    height: u32,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<Markup, ReportError> {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, (fine(WIDTH), fine(height))).into_drawing_area();
        draw(&canvas)
            .and_then(|()| canvas.present())
            .map_err(|source| ReportError::Chart { chart: title.to_owned(), source })?;
    }
    let elements = svg.split_once('>').map_or("", |(_, rest)| rest);
    let elements = elements.trim_end().strip_suffix("</svg>").unwrap_or(elements);
    Ok(html! {
        svg viewBox={ "0 0 " (fine(WIDTH)) " " (fine(height)) } role="img" {
            title { (title) }
            desc { (description) }
            // The elements plotters wrote: it escapes all text itself.
            (PreEscaped(elements))
        }
    })
}

/// Chart units as pixels of the canvas.
fn fine(units: u32) -> u32 {
    units * FINENESS
}

/// [`fine`] for positions.
fn at(units: f64) -> i32 {
    (units * f64::from(FINENESS)).round() as i32
}

/// Chart text in that colour; `plotters` divides the size it is given by 1.24.
fn text(colour: RGBColor) -> TextStyle<'static> {
    let size = TEXT * 1.24 * f64::from(FINENESS);
    let mut style = TextStyle::from(("sans-serif", size));
    style.color = colour.to_backend_color();
    style
}

fn anchored(colour: RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    text(colour).pos(Pos::new(horizontal, vertical))
}

/// The text, or its beginning and an ellipsis.
fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

/// At most `most` (two or more) of the entries, evenly chosen, the first and the last among them.
pub(super) fn evenly<T: Clone>(entries: &[T], most: usize) -> Vec<T> {
    if entries.len() <= most {
        return entries.to_vec();
    }
    let last = entries.len() - 1;
    (0..most).map(|index| entries[index * last / (most - 1)].clone()).collect()
}

/// A swatch of a series as it is drawn, for a legend.
pub(super) fn line_swatch(colour: RGBColor) -> Markup {
    html! {
        svg.swatch viewBox="0 0 128 40" aria-hidden="true" {
            polyline fill="none" stroke=(palette::hex(colour)) stroke-width="9" points="0,20 128,20" {}
            @if let Some(marker) = palette::marker(colour) {
                @match marker {
                    Marker::Circle => { circle cx="64" cy="20" r="18" fill=(palette::hex(colour)) {} }
                    Marker::Square => { rect x="46" y="2" width="36" height="36" fill=(palette::hex(colour)) {} }
                    Marker::Triangle => { polygon points="64,0 86,38 42,38" fill=(palette::hex(colour)) {} }
                }
            }
        }
    }
}
