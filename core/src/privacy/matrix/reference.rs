//! Agreement with `vectors/matrix_mechanism_reference.csv`, all rows, and what a fit must reach.

use super::{Blt, Buffer, Factor, Loss, MatrixError, Participation, binary_tree_loss};

fn numbers(text: &str, name: &str) -> Vec<f64> {
    let value = text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or("").split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn all_rows_agree() {
    let text = include_str!("../../../vectors/matrix_mechanism_reference.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut checked = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let number = |i: usize| record[i].parse::<f64>().unwrap();
        let participation =
            Participation::new(number(1) as usize, number(2) as usize, number(3) as usize).unwrap();
        let name = &record[0];
        let (loss, tolerance): (Loss, f64) = if name.starts_with("optimal-toeplitz") {
            (Factor::SquareRoot.loss(&participation), 1e-10)
        } else if name.starts_with("input-perturbation") {
            (Factor::banded(1).unwrap().loss(&participation), 1e-10)
        } else if name.starts_with("banded") {
            let bands = numbers(&record[4], "bands")[0] as usize;
            (Factor::banded(bands).unwrap().loss(&participation), 1e-10)
        } else if name.starts_with("binary-tree") {
            (binary_tree_loss(number(1) as usize), 1e-10)
        } else {
            let pairs = numbers(&record[4], "theta").into_iter().zip(numbers(&record[4], "omega"));
            let buffers: Vec<Buffer> = pairs.map(|(theta, omega)| Buffer { theta, omega }).collect();
            // The file's parameters have twelve digits; so do ours, at other places.
            (Factor::Blt(Blt::new(&buffers).unwrap()).loss(&participation), 1e-8)
        };
        let found = [loss.sensitivity, loss.row_norm, loss.worst, loss.root_mean_square];
        for (found, column) in found.into_iter().zip(5..) {
            let expected = number(column);
            assert!((found / expected - 1.0).abs() < tolerance, "{record:?}: {found}, expected {expected}");
        }
        checked += 1;
    }
    assert_eq!(checked, 33);
}

#[test]
fn a_fit_is_as_good_as_the_references_and_better_where_that_was_not_fitted() {
    let once = Participation::once(1000).unwrap();
    for (buffers, reached) in [(1, 3.850_204_991_05), (2, 3.321_261_737_65), (3, 3.269_917_805_94)] {
        let loss = Factor::Blt(Blt::fitted(&once, buffers).unwrap()).loss(&once).worst;
        assert!(loss <= reached * 1.001, "{buffers}: {loss}");
    }
    let often = Participation::new(1000, 100, 10).unwrap();
    let loss = Factor::Blt(Blt::fitted(&often, 2).unwrap()).loss(&often).worst;
    assert!(loss < 16.0, "{loss}");
}

#[test]
fn the_inverse_is_the_inverse() {
    let participation = Participation::once(50).unwrap();
    let blt = Blt::fitted(&participation, 2).unwrap();
    for factor in [Factor::SquareRoot, Factor::banded(7).unwrap(), Factor::Blt(blt)] {
        let (coefficients, inverse) = (factor.coefficients(50), factor.inverse(50));
        for t in 0..50 {
            let product: f64 = (0..=t).map(|k| coefficients[k] * inverse[t - k]).sum();
            assert!((product - if t == 0 { 1.0 } else { 0.0 }).abs() < 1e-12, "{factor:?} {t}");
        }
    }
}

#[test]
fn impossible_mechanisms_are_refused() {
    assert!(Participation::new(10, 5, 2).is_ok());
    for (rounds, separation, times) in [(0, 1, 1), (10, 0, 1), (10, 1, 0), (10, 5, 3), (usize::MAX, 1, 1)] {
        assert!(Participation::new(rounds, separation, times).is_err(), "{rounds} {separation} {times}");
    }
    assert_eq!(Factor::banded(0), Err(MatrixError::Bands));
    let bad = [(1.0, 0.1), (0.5, 0.0), (0.5, 1.1), (f64::NAN, 0.1), (0.5, f64::NAN)];
    for (theta, omega) in bad {
        assert_eq!(Blt::new(&[Buffer { theta, omega }]), Err(MatrixError::Blt));
    }
    assert_eq!(Blt::new(&[]), Err(MatrixError::Blt));
}
