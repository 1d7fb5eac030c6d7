//! `digits`: 5,620 handwritten digits of 8 x 8 pixels.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::data::dataset::{Attribution, Column, Dataset, Features, Targets};

/// 5,620 x 64 pixels, then 5,620 classes, a byte each.
const COMPRESSED: &[u8] = include_bytes!("digits.bin.gz");
const ROWS: usize = 5_620;
const SIDE: usize = 8;
const WIDTH: usize = SIDE * SIDE;

/// Who wrote down the digits, and on which terms.
const ATTRIBUTION: Attribution = Attribution {
    citation: "E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits. \
               UCI Machine Learning Repository. doi:10.24432/C50P49",
    licence: "CC BY 4.0",
    changes: "training and test file joined, values unchanged",
};

/// 5,620 handwritten digits by 43 people: 8 x 8 pixels of 0 to 16, ten classes.
pub fn digits() -> Dataset {
    let mut bytes = Vec::with_capacity(ROWS * (WIDTH + 1));
    GzDecoder::new(COMPRESSED).read_to_end(&mut bytes).expect("the embedded file is whole");
    let labels = bytes.split_off(ROWS * WIDTH).into_iter().map(u32::from).collect();
    let names = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::new(
        "digits",
        WIDTH,
        Features::Bytes { values: bytes, largest: 16 },
        Targets::Classes { labels, names },
    )
    .and_then(|digits| digits.with_columns(pixels(SIDE, SIDE)))
    .expect("the embedded rows are sound")
    .with_attribution(ATTRIBUTION)
}

/// The features of an image, row after row: `pixel 1,1` is the upper left one.
pub(in crate::data) fn pixels(height: usize, width: usize) -> Vec<Column> {
    (1..=height)
        .flat_map(|row| {
            (1..=width).map(move |column| Column { name: format!("pixel {row},{column}"), measured: true })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::Shard;
    use crate::nn::{Examples, Target};

    #[test]
    fn the_digits_are_those_of_the_original() {
        let digits = Shard::all(Arc::new(digits()));
        assert_eq!((digits.len(), digits.width()), (5_620, 64));
        assert_eq!(digits.class_counts(), [554, 571, 557, 572, 568, 558, 558, 566, 554, 562]);
        let mut first = [0.0; 64];
        digits.copy_features(0, &mut first);
        assert_eq!(first[..8], [0.0, 1.0, 6.0, 15.0, 12.0, 1.0, 0.0, 0.0].map(|pixel: f32| pixel / 16.0));
        let mut last = [0.0; 64];
        digits.copy_features(5_619, &mut last);
        assert_eq!(last[56..], [0.0, 1.0, 8.0, 12.0, 14.0, 12.0, 1.0, 0.0].map(|pixel: f32| pixel / 16.0));
        assert_eq!((digits.target(0), digits.target(5_619)), (Target::Class(0), Target::Class(8)));
        assert_eq!(digits.dataset().columns()[9].name, "pixel 2,2");
    }
}
