//! What a participant does to its update before it leaves: it is clipped, and noised where the plan says so.

use super::writing::Writing;
use super::{LocalTrainingError, Task};
use crate::params::Params;
use crate::plan::{NoiseAt, RoundProtection, VOTE};
use crate::privacy::{Clipped, NoisePurpose, NoiseSeed};

/// Clips the movement of the model and writes it on the grid, with a vote on the clip behind it where there are votes.
/// On return `local` holds the movement, not the model.
///
/// The clip covers the whole vector, weights and biases. It is applied twice: before the encoding, so that a long
/// update fits the grid, and on the grid, where it is exact.
pub(super) fn clipped(
    protection: &RoundProtection,
    writing: &Writing,
    task: Task<'_>,
    local: &mut Params,
) -> Result<(Vec<i32>, Clipped), LocalTrainingError> {
    let Task { round, client, model, .. } = task;
    for (value, before) in local.values_mut().iter_mut().zip(model.values()) {
        *value -= before;
    }
    let clip = protection.clip();
    let refused = |source| LocalTrainingError::Clip { client, round, source };
    let clipped = clip.clip(local.values_mut()).map_err(refused)?;
    let mut delta = writing.difference(task, local.values(), &vec![0.0; local.len()])?;
    clip.clip_on_grid(writing.grid.scale(), &mut delta).map_err(refused)?;
    if protection.votes().is_some() {
        delta.push(if clipped.shortened { -VOTE } else { VOTE });
    }
    Ok((delta, clipped))
}

/// What a participant sends that has no update to send: it did not move, and votes as one whose update was cut.
pub(super) fn nothing(protection: &RoundProtection, parameters: usize) -> Vec<i32> {
    let mut delta = vec![0; parameters];
    if protection.votes().is_some() {
        delta.push(-VOTE);
    }
    delta
}

/// Adds the participant's noise, if it is the one to add any.
///
/// # Panics
/// If noise is to be added and there is no seed: whoever builds a participant of such a plan gives it one.
pub(super) fn add_noise(
    protection: &RoundProtection,
    task: Task<'_>,
    seed: Option<&NoiseSeed>,
    delta: &mut [i32],
) {
    if matches!(protection.noise_at(), NoiseAt::Coordinator | NoiseAt::Examples) {
        return;
    }
    let seed = seed.expect("a participant that adds noise has the seed of it");
    let stream = |purpose| seed.stream_for(purpose, task.round, task.client);
    let movement = delta.len() - usize::from(protection.votes().is_some());
    let (movement, vote) = delta.split_at_mut(movement);
    let mut noise = stream(NoisePurpose::Update);
    movement.iter_mut().for_each(|value| add(value, protection.noise().sample(&mut noise)));
    if let (Some(law), [vote]) = (protection.votes(), vote) {
        add(vote, law.sample(&mut stream(NoisePurpose::Votes)));
    }
}

/// The plan leaves room for thirteen deviations; what is cut beyond them is post-processing.
fn add(value: &mut i32, noise: i64) {
    *value = (i64::from(*value) + noise).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
}
