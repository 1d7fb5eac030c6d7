//! `dirichlet`: label skew after Hsu, Qi and Brown 2019, section 3 (arXiv:1909.06335).
//!
//! Every client has the same number of rows and a class mix of its own, `q ~ Dirichlet(alpha C p)`, where `p` are the
//! shares of the `C` classes among all rows. Where classes are equally frequent this is the symmetric
//! `Dirichlet(alpha)` that most experiments use; the paper's own concentration is `alpha C`.
//!
//! Rows are drawn without replacement. A class that is used up leaves the mix, and the others keep their proportions
//! (as in Reddi et al. 2021). The clients draw one row each in turn, not all of their rows at once: what is left at
//! the end is then shared by all, and does not fall to the clients with high numbers.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::PartitionError;
use super::draws::dirichlet;
use crate::data::dataset::Targets;
use crate::data::shard::Shard;
use crate::nn::Examples;
use crate::random::Stream;

pub(super) fn deal(
    train: &Shard,
    clients: u32,
    alpha: f64,
    stream: &mut Stream,
) -> Result<Vec<Vec<u32>>, PartitionError> {
    let Targets::Classes { labels, names } = train.dataset().targets() else {
        return Err(PartitionError::NeedsClasses { dataset: train.dataset().name().to_owned() });
    };
    let mut left: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
    for &row in train.rows() {
        left[labels[row as usize] as usize].push(row);
    }
    let scale = alpha * names.len() as f64 / train.len() as f64;
    let concentrations: Vec<f64> = left.iter().map(|rows| scale * rows.len() as f64).collect();
    for rows in &mut left {
        rows.shuffle(stream);
    }
    let mixes: Vec<Vec<f64>> = (0..clients).map(|_| dirichlet(&concentrations, stream)).collect();
    let mut parts = vec![Vec::with_capacity(train.len() / clients as usize + 1); clients as usize];
    for turn in 0..train.len() {
        let client = turn % clients as usize;
        let class = draw_class(&mixes[client], &left, stream);
        parts[client].extend(left[class].pop());
    }
    Ok(parts)
}

/// A class that still has rows, with the probability that the mix gives it among such classes.
fn draw_class(mix: &[f64], left: &[Vec<u32>], stream: &mut Stream) -> usize {
    let open = || mix.iter().zip(left).enumerate().filter(|(_, (_, rows))| !rows.is_empty());
    let total: f64 = open().map(|(_, (share, _))| share).sum();
    let mut point = stream.random::<f64>() * total;
    let mut last = 0;
    for (class, (share, _)) in open() {
        last = class;
        point -= share;
        if point < 0.0 {
            break;
        }
    }
    last
}
