//! How a matrix product is cut into register tiles.
//!
//! Columns are cut into strips, each a multiple of [`LANES`] wide. If the last one is not full, its columns are copied into
//! rows of its whole width, so that every tile is whole and its loops have a fixed length.

use std::ops::Range;

use crate::instructions::{InstructionSet, Job};

/// Strips are so many columns wide, or a multiple of it.
pub(super) const LANES: usize = 8;
/// Columns of the widest strip of all instruction sets.
pub(super) const WIDEST: usize = 64;
/// How wide a strip may be, in `LANES`, the widest first.
const WIDTHS: [usize; 7] = [8, 6, 5, 4, 3, 2, 1];
/// Rows of the tallest tile: with as many columns as it can have, and what is multiplied into it, it fits the registers.
const TALLEST: usize = 6;

/// A product whose result can be computed tile by tile.
pub(super) trait Tiles {
    /// Computes rows `i..i + R` and columns `j..j + C` of the result.
    ///
    /// To be `#[inline(always)]`, see [`Job`].
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize);
}

/// Some columns of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strip {
    /// The first one.
    pub(super) first: usize,
    /// How many there are; beyond the result's last one if the strip is not full.
    pub(super) width: usize,
}

impl Strip {
    /// The strips of so many columns, from left to right.
    ///
    /// Wide ones first, but none that leaves a strip of 8 or 24 over: those do half the work a step, or need a register for it
    /// that is not full. 56 is no width at all: the compiler does not keep three and a half registers a row (40 and two and
    /// a half it does).
    pub(super) fn of(set: InstructionSet, columns: usize) -> impl Iterator<Item = Strip> {
        let widest = set.columns() / LANES;
        let (mut first, mut left) = (0, columns.div_ceil(LANES));
        std::iter::from_fn(move || {
            let mut lanes = WIDTHS.into_iter().filter(|lanes| *lanes <= widest.min(left));
            let lanes = lanes.find(|lanes| !matches!(left - lanes, 1 | 3))?;
            let strip = Strip { first, width: lanes * LANES };
            (first, left) = (first + strip.width, left - lanes);
            Some(strip)
        })
    }
}

/// Computes all full strips of a result of `rows x columns`; the one that is not full, if there is one, is left to do.
pub(super) fn full_strips(
    set: InstructionSet,
    rows: usize,
    columns: usize,
    product: &mut impl Tiles,
) -> Option<Strip> {
    for strip in Strip::of(set, columns) {
        if strip.first + strip.width > columns {
            return Some(strip);
        }
        column_of_tiles(set, rows, strip, product);
    }
    None
}

/// One strip in tiles of nearly equal height: first the taller ones, then those with a row less.
pub(super) fn column_of_tiles(set: InstructionSet, rows: usize, strip: Strip, product: &mut impl Tiles) {
    match strip.width {
        8 => of_width::<_, 8>(set, rows, strip.first, product),
        16 => of_width::<_, 16>(set, rows, strip.first, product),
        24 => of_width::<_, 24>(set, rows, strip.first, product),
        32 => of_width::<_, 32>(set, rows, strip.first, product),
        40 => of_width::<_, 40>(set, rows, strip.first, product),
        48 => of_width::<_, 48>(set, rows, strip.first, product),
        _ => of_width::<_, WIDEST>(set, rows, strip.first, product),
    }
}

fn of_width<T: Tiles, const C: usize>(set: InstructionSet, rows: usize, j: usize, product: &mut T) {
    let tiles = rows.div_ceil(TALLEST);
    if tiles == 0 {
        return;
    }
    let (height, taller) = (rows / tiles, rows % tiles);
    let edge = taller * (height + 1);
    of_height::<T, C>(set, height + 1, 0..edge, j, product);
    of_height::<T, C>(set, height, edge..rows, j, product);
}

/// Tiles of one height below each other.
fn of_height<T: Tiles, const C: usize>(
    set: InstructionSet,
    height: usize,
    rows: Range<usize>,
    j: usize,
    product: &mut T,
) {
    if rows.is_empty() {
        return;
    }
    match height {
        1 => set.run(Column::<T, 1, C> { product, rows, j }),
        2 => set.run(Column::<T, 2, C> { product, rows, j }),
        3 => set.run(Column::<T, 3, C> { product, rows, j }),
        4 => set.run(Column::<T, 4, C> { product, rows, j }),
        5 => set.run(Column::<T, 5, C> { product, rows, j }),
        _ => set.run(Column::<T, TALLEST, C> { product, rows, j }),
    }
}

/// A job of its own for each shape of tile: the compiler keeps a tile in registers only in a function that is small.
struct Column<'a, T, const R: usize, const C: usize> {
    product: &'a mut T,
    rows: Range<usize>,
    j: usize,
}

impl<T: Tiles, const R: usize, const C: usize> Job for Column<'_, T, R, C> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        // No instruction set gets strips wider than its tile: nothing is compiled for them.
        if C <= COLUMNS {
            for i in self.rows.step_by(R) {
                self.product.tile::<R, C>(i, self.j);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_cover_all_columns_once_and_are_of_the_widths_that_are_compiled() {
        for set in InstructionSet::available() {
            for columns in 1..500 {
                let mut next = 0;
                for strip in Strip::of(set, columns) {
                    assert_eq!(strip.first, next, "{} {columns}", set.name());
                    assert!(strip.first < columns && strip.width <= set.columns());
                    assert!(WIDTHS.contains(&(strip.width / LANES)) && strip.width % LANES == 0);
                    next += strip.width;
                }
                assert_eq!(next, columns.next_multiple_of(LANES), "{} {columns}", set.name());
            }
        }
    }

    #[test]
    fn wide_results_have_no_narrow_strips() {
        let Some(set) = InstructionSet::available().find(|set| set.columns() == WIDEST) else { return };
        for columns in (1..500).filter(|columns| ![8, 24].contains(&usize::next_multiple_of(*columns, LANES)))
        {
            assert!(Strip::of(set, columns).all(|strip| ![8, 24].contains(&strip.width)), "{columns}");
        }
    }
}
