//! The colours and dashes of the charts.
//!
//! Series colours are those of Okabe and Ito 2008 ("Color universal design"), told apart with every common colour
//! vision; each has a dash pattern of its own for black-and-white print. Where there are more series than that, they have
//! markers on their lines besides: dashes and marker together are every series' own, whatever a reader sees of its colour.
//! The light theme's colours are written into the charts; `style.css` names each of them to set its dark counterpart and its
//! dashes.

use crate::document::compare::{CENTRALIZED, FEDERATED, LOCAL_ONLY};
use plotters::style::RGBColor;

/// Text.
pub(super) const INK: RGBColor = RGBColor(0x1B, 0x1F, 0x24);
/// Text of less weight, and axes.
pub(super) const MUTED: RGBColor = RGBColor(0x57, 0x60, 0x6A);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xD8, 0xDE, 0xE4);
/// Cells of a heat map, more or less opaque.
pub(super) const CELL: RGBColor = RGBColor(0x1F, 0x6F, 0xB2);

/// Vermilion and solid: what the page is about.
pub(super) const FIRST: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Blue, dashed.
pub(super) const SECOND: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Bluish green, dotted.
pub(super) const THIRD: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Reddish purple, dash and dot.
pub(super) const FOURTH: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// Orange, long dashes.
pub(super) const FIFTH: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// Sky blue, dash and two dots.
pub(super) const SIXTH: RGBColor = RGBColor(0x56, 0xB4, 0xE9);

/// The series colours in the order they are dealt out.
pub(super) const SERIES: [RGBColor; 6] = [FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH];

/// The colours of series with markers, three of each marker: solid, dashed and dotted.
const MARKED: [(Marker, [RGBColor; 3]); 3] = [
    (Marker::Circle, [RGBColor(0x33, 0x22, 0x88), RGBColor(0x88, 0x22, 0x55), RGBColor(0x7A, 0x7A, 0x1F)]),
    (Marker::Square, [RGBColor(0x1F, 0x7A, 0x8C), RGBColor(0x7A, 0x4B, 0x2A), RGBColor(0xC1, 0x12, 0x1F)]),
    (Marker::Triangle, [RGBColor(0x8A, 0x3F, 0xA0), RGBColor(0x11, 0x77, 0x33), RGBColor(0x3F, 0x6F, 0xA8)]),
];

/// A shape on the line of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
}

/// The marker of the series with this colour, if it has one.
pub(super) fn marker(colour: RGBColor) -> Option<Marker> {
    MARKED.into_iter().find(|(_, colours)| colours.contains(&colour)).map(|(marker, _)| marker)
}

/// The colours of the regimes, the same in every chart; other rows take those left over in turn, twelve before one comes again.
pub(super) fn of_regimes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<RGBColor> {
    let marked = MARKED.iter().flat_map(|(_, colours)| colours);
    let mut left = SERIES[3..].iter().chain(marked).cycle();
    let colour = |name: &str| match name {
        FEDERATED => FIRST,
        CENTRALIZED => SECOND,
        LOCAL_ONLY => THIRD,
        _ => *left.next().expect("a cycle of twelve has no end"),
    };
    names.map(colour).collect()
}

/// As the charts write it: `#D55E00`.
pub(super) fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn every_series() -> impl Iterator<Item = RGBColor> {
        SERIES.into_iter().chain(MARKED.into_iter().flat_map(|(_, colours)| colours))
    }

    /// What is left of a series to those who see no colours.
    #[test]
    fn dashes_and_marker_tell_every_series_from_every_other() {
        let style = include_str!("style.css");
        let dashes = |colour: RGBColor| {
            let (_, rule) = style.split_once(&format!("svg [stroke=\"{}\"]", hex(colour))).expect("a rule");
            let rule = rule.split('}').next().unwrap();
            rule.split_once("stroke-dasharray: ").map(|(_, dashes)| dashes.trim().to_owned())
        };
        let looks: Vec<_> = every_series()
            .map(|colour| (dashes(colour), marker(colour).map(|marker| marker as u8)))
            .collect();
        assert_eq!(looks.iter().collect::<HashSet<_>>().len(), looks.len(), "{looks:?}");
    }

    #[test]
    fn twelve_rows_beside_the_regimes_have_colours_of_their_own() {
        let names = ["centralized", "local-only", "federated"].map(str::to_owned);
        let names: Vec<String> = names.into_iter().chain((1..=12).map(|row| format!("row {row}"))).collect();
        let colours = of_regimes(names.iter().map(String::as_str));
        assert_eq!(colours.iter().copied().map(hex).collect::<HashSet<_>>().len(), 15);
    }

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let style = include_str!("style.css");
        for colour in [INK, MUTED, GRID, CELL].into_iter().chain(every_series()) {
            assert!(
                style.contains(&format!("\"{}\"", hex(colour))),
                "{} is missing in style.css",
                hex(colour)
            );
        }
    }

    #[test]
    fn regimes_keep_their_colours_whatever_stands_beside_them() {
        let names = ["centralized", "federated", "federated + x", "local-only", "federated + y"];
        assert_eq!(of_regimes(names.into_iter()), [SECOND, FIRST, FOURTH, THIRD, FIFTH]);
    }
}
