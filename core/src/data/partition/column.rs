//! `column`: every row to the client that the table names.

use super::PartitionError;
use crate::data::shard::Shard;

pub(super) fn deal(train: &Shard, clients: Option<u32>) -> Result<Vec<Vec<u32>>, PartitionError> {
    let dataset = train.dataset();
    let Some(groups) = dataset.groups() else {
        return Err(PartitionError::NoClientColumn { dataset: dataset.name().to_owned() });
    };
    let found = groups.names.len() as u32;
    if let Some(asked) = clients
        && asked != found
    {
        return Err(PartitionError::OtherNumberOfClients { asked, found, column: groups.column.clone() });
    }
    let mut parts = vec![Vec::new(); groups.names.len()];
    for &row in train.rows() {
        parts[groups.of_row[row as usize] as usize].push(row);
    }
    Ok(parts)
}
