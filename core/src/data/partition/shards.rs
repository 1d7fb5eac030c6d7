//! `shards`: the pathological split of McMahan et al. 2017, section 3 (arXiv:1602.05629).
//!
//! The rows are sorted by label and cut into `clients x shards` runs, of which every client draws `shards`. With two
//! shards most clients see two classes of ten. Values to predict are sorted like labels.

use rand::seq::SliceRandom;

use super::{PartitionError, cut};
use crate::data::dataset::Targets;
use crate::data::shard::Shard;
use crate::random::Stream;

pub(super) fn deal(
    train: &Shard,
    clients: u32,
    shards: u32,
    stream: &mut Stream,
) -> Result<Vec<Vec<u32>>, PartitionError> {
    let mut rows = train.rows().to_vec();
    let all = u64::from(clients) * u64::from(shards);
    if all > rows.len() as u64 {
        return Err(PartitionError::MoreShardsThanRows { clients, shards, rows: rows.len() });
    }
    match train.dataset().targets() {
        Targets::Classes { labels, .. } => rows.sort_by_key(|&row| labels[row as usize]),
        Targets::Values(values) => {
            rows.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
        }
    }
    let mut runs: Vec<&[u32]> = cut(&rows, all as usize).collect();
    runs.shuffle(stream);
    Ok(runs.chunks(shards as usize).map(<[&[u32]]>::concat).collect())
}
