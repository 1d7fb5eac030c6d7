//! The colours and dashes of the charts.
//!
//! Series colours are those of Okabe and Ito 2008 ("Color universal design"), told apart with every common colour
//! vision; each has a dash pattern of its own for black-and-white print. The light theme's colours are written into
//! the charts; `style.css` names each of them to set its dark counterpart and its dashes.

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

/// The colours of the regimes, the same in every chart; protected variants take those left over in turn.
pub(super) fn of_regimes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<RGBColor> {
    let mut left = SERIES[3..].iter().cycle();
    let colour = |name: &str| match name {
        FEDERATED => FIRST,
        CENTRALIZED => SECOND,
        LOCAL_ONLY => THIRD,
        _ => *left.next().expect("a cycle of three has no end"),
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

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let style = include_str!("style.css");
        for colour in [INK, MUTED, GRID, CELL].into_iter().chain(SERIES) {
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
