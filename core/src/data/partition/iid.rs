//! `iid`: in random order, in parts whose sizes differ by one at most.

use rand::seq::SliceRandom;

use super::cut;
use crate::random::Stream;

pub(super) fn deal(rows: &[u32], clients: u32, stream: &mut Stream) -> Vec<Vec<u32>> {
    let mut rows = rows.to_vec();
    rows.shuffle(stream);
    cut(&rows, clients as usize).map(<[u32]>::to_vec).collect()
}
