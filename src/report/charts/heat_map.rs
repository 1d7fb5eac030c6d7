//! A heat map of columns by rows under a strip of bars: who holds how much, and of what.

use super::{Area, Drawn, TEXT, WIDTH, anchored, at, figure, shortened};
use crate::quantity;
use crate::report::ReportError;
use crate::report::palette::{CELL, GRID, INK, MUTED};
use maud::Markup;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

/// Characters of a name that are shown.
const NAME: usize = 16;
/// Width of a character, roughly.
const CHARACTER: f64 = TEXT * 0.62;
const RIGHT: f64 = 20.0;
const STRIP_TOP: f64 = 20.0;
const STRIP: f64 = 54.0;
const GAP: f64 = 10.0;
const BELOW: f64 = 42.0;
/// Height of all cells together, unless there are so few rows that they would be higher than `HIGHEST_CELL`.
const CELLS: f64 = 260.0;
const HIGHEST_CELL: f64 = 26.0;
/// Opacity of the fullest cell: text on it stays readable.
const FULL: f64 = 0.62;
/// Up to this many columns, counts are written into the cells and columns stand apart.
const FEW: usize = 12;

/// What a heat map shows.
pub(in crate::report) struct HeatMap<'a> {
    pub(in crate::report) title: &'a str,
    pub(in crate::report) description: &'a str,
    /// What the columns are.
    pub(in crate::report) x_label: &'a str,
    pub(in crate::report) columns: Vec<Column>,
    /// Names of the rows, top first.
    pub(in crate::report) rows: Vec<String>,
}

/// One column: a bar in the strip, and a cell a row.
pub(in crate::report) struct Column {
    pub(in crate::report) name: String,
    pub(in crate::report) total: u64,
    pub(in crate::report) counts: Vec<u64>,
}

impl Column {
    /// Fraction of the column's total in that row.
    pub(in crate::report) fn share(&self, row: usize) -> f64 {
        let count = self.counts.get(row).copied().unwrap_or(0);
        if self.total == 0 { 0.0 } else { count as f64 / self.total as f64 }
    }
}

impl HeatMap<'_> {
    /// The greatest share of any cell, which is drawn with full strength.
    pub(in crate::report) fn greatest_share(&self) -> f64 {
        let shares = self.columns.iter().flat_map(|column| (0..self.rows.len()).map(|row| column.share(row)));
        shares.fold(0.0, f64::max)
    }

    /// Where the columns begin: right of the names of the rows.
    fn left(&self) -> f64 {
        let longest = self.rows.iter().map(|name| name.chars().count().min(NAME)).max().unwrap_or(0);
        (longest as f64 * CHARACTER + 20.0).max(60.0)
    }

    fn cell_height(&self) -> f64 {
        (CELLS / self.rows.len().max(1) as f64).min(HIGHEST_CELL)
    }

    /// Left and right edge of a column.
    fn edges(&self, column: usize) -> (f64, f64) {
        let left = self.left();
        let width = (f64::from(WIDTH) - left - RIGHT) / self.columns.len() as f64;
        let apart = if self.columns.len() <= FEW { 3.0 } else { 0.0 };
        (left + width * column as f64, left + width * (column + 1) as f64 - apart)
    }
}

/// How opaque a cell of that share is drawn.
pub(in crate::report) fn opacity(share: f64, greatest: f64) -> f64 {
    if greatest > 0.0 { FULL * share / greatest } else { 0.0 }
}

/// Draws the strip, the cells and their names.
pub(in crate::report) fn heat_map(map: &HeatMap<'_>) -> Result<Markup, ReportError> {
    let cells = map.cell_height() * map.rows.len() as f64;
    let height = (STRIP_TOP + STRIP + GAP + cells + BELOW).ceil() as u32;
    figure(map.title, map.description, height, |area| {
        strip(area, map)?;
        grid(area, map)?;
        column_names(area, map, STRIP_TOP + STRIP + GAP + cells)
    })
}

fn strip(area: &Area<'_>, map: &HeatMap<'_>) -> Drawn {
    let greatest = map.columns.iter().map(|column| column.total).max().unwrap_or(0);
    let bottom = STRIP_TOP + STRIP;
    let right = f64::from(WIDTH) - RIGHT;
    for (level, rows) in [(STRIP_TOP, greatest), (bottom, 0)] {
        let line = vec![(at(map.left()), at(level)), (at(right), at(level))];
        area.draw(&PathElement::new(line, GRID.stroke_width(4)))?;
        let label = Text::new(quantity::count(rows), (at(map.left() - 8.0), at(level)), name_style(MUTED));
        area.draw(&label)?;
    }
    let word = Text::new("rows", (at(map.left() - 8.0), at(STRIP_TOP + STRIP / 2.0)), name_style(INK));
    area.draw(&word)?;
    for (index, column) in map.columns.iter().enumerate() {
        let (left, right) = map.edges(index);
        let top = bottom - STRIP * column.total as f64 / greatest.max(1) as f64;
        area.draw(&Rectangle::new([(at(left), at(top)), (at(right), at(bottom))], CELL.mix(FULL).filled()))?;
    }
    Ok(())
}

fn grid(area: &Area<'_>, map: &HeatMap<'_>) -> Drawn {
    let height = map.cell_height();
    let greatest = map.greatest_share();
    let every = (TEXT / height).ceil().max(1.0) as usize;
    let gap = if map.columns.len() <= FEW { 2.0 } else { 0.0 };
    for (row, name) in map.rows.iter().enumerate() {
        let top = STRIP_TOP + STRIP + GAP + height * row as f64;
        let middle = at(top + height / 2.0);
        if row.is_multiple_of(every) {
            area.draw(&Text::new(shortened(name, NAME), (at(map.left() - 8.0), middle), name_style(INK)))?;
        }
        for (index, column) in map.columns.iter().enumerate() {
            let (left, right) = map.edges(index);
            let corners = [(at(left), at(top)), (at(right), at(top + height - gap))];
            let shade = CELL.mix(opacity(column.share(row), greatest));
            area.draw(&Rectangle::new(corners, shade.filled()))?;
            let count = column.counts.get(row).copied().unwrap_or(0);
            if map.columns.len() <= FEW && height >= TEXT && count > 0 {
                let centre = (at((left + right) / 2.0), middle);
                let style = anchored(INK, HPos::Center, VPos::Center);
                area.draw(&Text::new(quantity::count(count), centre, style))?;
            }
        }
    }
    Ok(())
}

fn column_names(area: &Area<'_>, map: &HeatMap<'_>, top: f64) -> Drawn {
    let style = |colour| anchored(colour, HPos::Center, VPos::Top);
    let width = (f64::from(WIDTH) - map.left() - RIGHT) / map.columns.len().max(1) as f64;
    let longest = map.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(1);
    // Few columns cut their names to fit; of many, only every so-manieth is named.
    let few = map.columns.len() <= FEW;
    let needed = (longest.min(NAME) + 1) as f64 * CHARACTER;
    let every = if few { 1 } else { nice_stride((needed / width).ceil() as usize) };
    let characters = if few { ((width / CHARACTER) as usize).clamp(2, NAME) } else { NAME };
    for (index, column) in map.columns.iter().enumerate() {
        if index == 0 || (index + 1).is_multiple_of(every) {
            let (left, right) = map.edges(index);
            let name = shortened(&column.name, characters);
            area.draw(&Text::new(name, (at((left + right) / 2.0), at(top + 6.0)), style(MUTED)))?;
        }
    }
    let centre = (map.left() + f64::from(WIDTH) - RIGHT) / 2.0;
    area.draw(&Text::new(map.x_label.to_owned(), (at(centre), at(top + 24.0)), style(INK)))
}

fn name_style(colour: RGBColor) -> plotters::style::TextStyle<'static> {
    anchored(colour, HPos::Right, VPos::Center)
}

/// The least of 1, 2, 5, 10, 20, ... that is not below `least`.
fn nice_stride(least: usize) -> usize {
    let mut decade = 1;
    loop {
        for step in [1, 2, 5] {
            if step * decade >= least {
                return step * decade;
            }
        }
        decade *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_round_numbers() {
        assert_eq!([1, 2, 3, 7, 11, 60].map(nice_stride), [1, 2, 5, 10, 20, 100]);
    }

    #[test]
    fn a_column_without_rows_has_no_shares() {
        assert_eq!(Column { name: "1".into(), total: 0, counts: vec![0, 0] }.share(1), 0.0);
        assert_eq!(Column { name: "1".into(), total: 4, counts: vec![1, 3] }.share(1), 0.75);
        assert_eq!(opacity(0.0, 0.0), 0.0);
    }
}
