//! Horizontal bars, each with its name before it and its value behind it.

use super::{FINENESS, WIDTH, anchored, at, figure, shortened};
use crate::report::ReportError;
use crate::report::palette::{INK, MUTED};
use maud::Markup;
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

const ROW: f64 = 30.0;
const BAR: f64 = 18.0;
const NAMES: f64 = 206.0;
const VALUES: f64 = 90.0;

/// One bar.
pub(in crate::report) struct Bar {
    pub(in crate::report) name: String,
    /// Its length, in whatever unit all bars of the chart share.
    pub(in crate::report) value: f64,
    /// The value as it is written behind the bar.
    pub(in crate::report) written: String,
    pub(in crate::report) colour: RGBColor,
}

/// Draws the bars from top to bottom, the longest over the whole width.
pub(in crate::report) fn bars(title: &str, description: &str, bars: &[Bar]) -> Result<Markup, ReportError> {
    let height = (ROW * bars.len() as f64).ceil() as u32 + 8;
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    figure(title, description, height, |area| {
        for (row, bar) in bars.iter().enumerate() {
            let middle = 4.0 + ROW * (row as f64 + 0.5);
            // A value that is no number has no length.
            let share = (bar.value / longest).clamp(0.0, 1.0);
            let share = if share.is_nan() { 0.0 } else { share };
            let end = NAMES + share * (f64::from(WIDTH) - NAMES - VALUES);
            let corners = [
                (at(NAMES), at(middle - BAR / 2.0)),
                (at(end).max(at(NAMES) + FINENESS as i32), at(middle + BAR / 2.0)),
            ];
            let name = shortened(&bar.name, 32);
            area.draw(&Text::new(
                name,
                (at(NAMES - 8.0), at(middle)),
                anchored(INK, HPos::Right, VPos::Center),
            ))?;
            area.draw(&Rectangle::new(corners, bar.colour.filled()))?;
            let written = bar.written.clone();
            area.draw(&Text::new(
                written,
                (at(end + 8.0), at(middle)),
                anchored(MUTED, HPos::Left, VPos::Center),
            ))?;
        }
        Ok(())
    })
}
