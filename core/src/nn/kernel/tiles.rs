//! How a matrix product is cut into register tiles.
//!
//! Wide strips of columns first; what is left over at the right, fewer columns than such a strip has, is copied into
//! padded strips of [`NARROW`] columns, so that every tile is whole and its loops have a fixed length.

use std::ops::Range;

use crate::instructions::{InstructionSet, Job};

/// Columns of a padded strip.
pub(super) const NARROW: usize = 16;
/// Rows of the tallest tile in a padded strip.
pub(super) const TALLEST: usize = 6;

/// A product whose result can be computed tile by tile.
pub(super) trait Tiles {
    /// Computes rows `i..i + R` and columns `j..j + C` of the result.
    ///
    /// To be `#[inline(always)]`, see [`Job`].
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize);
}

/// Computes all wide strips of a result of `rows x columns`; from which column on something is left to do.
pub(super) fn wide(set: InstructionSet, rows: usize, columns: usize, product: &mut impl Tiles) -> usize {
    let (tallest, width) = set.tile();
    let whole = columns - columns % width;
    for j in (0..whole).step_by(width) {
        strip::<_, true>(set, tallest, rows, j, product);
    }
    whole
}

/// Computes a result of `rows x NARROW`.
pub(super) fn narrow(set: InstructionSet, rows: usize, product: &mut impl Tiles) {
    strip::<_, false>(set, TALLEST, rows, 0, product);
}

/// Visits the tiles of one wide strip: each row of the result once, in the tiles that it has in every strip.
pub(super) fn column_of_tiles(set: InstructionSet, rows: usize, visitor: &mut impl Tiles) {
    strip::<_, true>(set, set.tile().0, rows, 0, visitor);
}

/// One strip of columns in tiles of nearly equal height: first the taller ones, then those with a row less.
fn strip<T: Tiles, const WIDE: bool>(
    set: InstructionSet,
    tallest: usize,
    rows: usize,
    j: usize,
    product: &mut T,
) {
    let tiles = rows.div_ceil(tallest);
    if tiles == 0 {
        return;
    }
    let (height, taller) = (rows / tiles, rows % tiles);
    let edge = taller * (height + 1);
    column::<T, WIDE>(set, height + 1, 0..edge, j, product);
    column::<T, WIDE>(set, height, edge..rows, j, product);
}

/// Tiles of one height below each other.
fn column<T: Tiles, const WIDE: bool>(
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
        1 => set.run(Column::<T, 1, WIDE> { product, rows, j }),
        2 => set.run(Column::<T, 2, WIDE> { product, rows, j }),
        3 => set.run(Column::<T, 3, WIDE> { product, rows, j }),
        4 => set.run(Column::<T, 4, WIDE> { product, rows, j }),
        5 => set.run(Column::<T, 5, WIDE> { product, rows, j }),
        _ => set.run(Column::<T, TALLEST, WIDE> { product, rows, j }),
    }
}

/// A job of its own for each shape of tile: the compiler keeps a tile in registers only in a function that is small.
struct Column<'a, T, const R: usize, const WIDE: bool> {
    product: &'a mut T,
    rows: Range<usize>,
    j: usize,
}

impl<T: Tiles, const R: usize, const WIDE: bool> Job for Column<'_, T, R, WIDE> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for i in self.rows.step_by(R) {
            if WIDE {
                self.product.tile::<R, COLUMNS>(i, self.j);
            } else {
                self.product.tile::<R, NARROW>(i, self.j);
            }
        }
    }
}
