//! What a participant does to its update before it leaves: it is clipped, and noised where the plan says so.

use super::writing::Writing;
use super::{LocalTrainingError, Task};
use crate::params::Params;
use crate::plan::{NoiseAt, Protection};
use crate::privacy::{NoisePurpose, NoiseSeed};

/// Clips the movement of the model and writes it on the grid. On return `local` holds the movement, not the model.
///
/// The clip covers the whole vector, weights and biases. It is applied twice: before the encoding, so that a long
/// update fits the grid, and on the grid, where it is exact.
pub(super) fn clipped(
    protection: &Protection,
    writing: &Writing,
    task: Task<'_>,
    local: &mut Params,
) -> Result<Vec<i32>, LocalTrainingError> {
    let Task { round, client, model } = task;
    for (value, before) in local.values_mut().iter_mut().zip(model.values()) {
        *value -= before;
    }
    let clip = protection.clip();
    let refused = |source| LocalTrainingError::Clip { client, round, source };
    clip.clip(local.values_mut()).map_err(refused)?;
    let mut delta = writing.difference(task, local.values(), &vec![0.0; local.len()])?;
    clip.clip_on_grid(writing.grid.scale(), &mut delta).map_err(refused)?;
    Ok(delta)
}

/// Adds the participant's noise, if it is the one to add any.
///
/// # Panics
/// If noise is to be added and there is no seed: whoever builds a participant of such a plan gives it one.
pub(super) fn add_noise(
    protection: &Protection,
    task: Task<'_>,
    seed: Option<&NoiseSeed>,
    delta: &mut [i32],
) {
    if matches!(protection.noise_at(), NoiseAt::Coordinator | NoiseAt::Examples) {
        return;
    }
    let seed = seed.expect("a participant that adds noise has the seed of it");
    let mut stream = seed.stream_for(NoisePurpose::Update, task.round, task.client);
    for value in delta {
        let noised = i64::from(*value) + protection.noise().sample(&mut stream);
        // The plan leaves room for thirteen deviations; what is cut beyond them is post-processing.
        *value = noised.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    }
}
