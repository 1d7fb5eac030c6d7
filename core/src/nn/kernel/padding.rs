//! Copies of a matrix's last columns in rows of a fixed length, and back.

use super::tiles::WIDEST;

/// The buffers of padded strips and of panels. They grow to the largest met.
#[derive(Debug, Clone)]
pub(in crate::nn) struct Padding {
    /// The left matrix in panels.
    pub(super) panels: Vec<f32>,
    /// Columns of the right matrix.
    pub(super) right: Vec<f32>,
    /// Columns of the result.
    pub(super) result: Vec<f32>,
    /// Where the chains of the columns start.
    pub(super) start: [f32; WIDEST],
}

impl Default for Padding {
    fn default() -> Padding {
        Padding { panels: Vec::new(), right: Vec::new(), result: Vec::new(), start: [0.0; WIDEST] }
    }
}

/// Copies the columns from `first` on of a matrix of so many `columns` into rows of `width` numbers; what the rows hold beyond
/// them is of no account.
pub(super) fn pad(from: &[f32], columns: usize, first: usize, width: usize, to: &mut Vec<f32>) {
    to.resize(from.len() / columns * width, 0.0);
    copy_columns(from, (columns, first), to, (width, 0), columns - first);
}

/// Copies them back.
pub(super) fn unpad(from: &[f32], width: usize, to: &mut [f32], columns: usize, first: usize) {
    copy_columns(from, (width, 0), to, (columns, first), columns - first);
}

/// Copies `width` columns, fewer than [`WIDEST`], from a matrix to another; `(row length, first column)` of each.
fn copy_columns(from: &[f32], source: (usize, usize), to: &mut [f32], target: (usize, usize), width: usize) {
    // Pieces of a fixed length each: a copy of unknown length is a call, and there are hundreds of rows.
    let mut done = 0;
    if width & 32 != 0 {
        copy::<32>(from, source, to, target, &mut done);
    }
    if width & 16 != 0 {
        copy::<16>(from, source, to, target, &mut done);
    }
    if width & 8 != 0 {
        copy::<8>(from, source, to, target, &mut done);
    }
    if width & 4 != 0 {
        copy::<4>(from, source, to, target, &mut done);
    }
    if width & 2 != 0 {
        copy::<2>(from, source, to, target, &mut done);
    }
    if width & 1 != 0 {
        copy::<1>(from, source, to, target, &mut done);
    }
}

fn copy<const N: usize>(
    from: &[f32],
    source: (usize, usize),
    to: &mut [f32],
    target: (usize, usize),
    done: &mut usize,
) {
    for (from, to) in from.chunks_exact(source.0).zip(to.chunks_exact_mut(target.0)) {
        let piece: &[f32; N] =
            from[source.1 + *done..].first_chunk().expect("the columns lie inside the matrix");
        let place = to[target.1 + *done..].first_chunk_mut().expect("the columns lie inside the matrix");
        *place = *piece;
    }
    *done += N;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_and_come_back() {
        for count in 1..WIDEST {
            let columns = count + 4;
            let matrix: Vec<f32> = (0..3 * columns).map(|value| value as f32).collect();
            let (mut padded, width) = (Vec::new(), count.next_multiple_of(8));
            pad(&matrix, columns, 4, width, &mut padded);
            let mut back = vec![-1.0; matrix.len()];
            unpad(&padded, width, &mut back, columns, 4);
            for (index, value) in back.iter().enumerate() {
                let inside = index % columns >= 4;
                assert_eq!(*value, if inside { index as f32 } else { -1.0 }, "{count} columns");
            }
        }
    }
}
