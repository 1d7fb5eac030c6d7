//! From shares to seeds, from seeds to masks, and the masks off the sum.

use super::agreement::{AgreementKey, Secret};
use super::answer::Answer;
use super::mask::{self, Mask};
use super::setup::{Session, adds_mask};
use super::shamir::{self, Share};
use super::survivors::SurvivorSet;
use super::{CoordinatorError, Word, derive};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Shares of one client's secret, by holder.
type Shares<'a> = Vec<(u32, &'a Share)>;

/// Checks that each secret that is needed has enough holders left.
pub(crate) fn check_holders(
    session: &Session,
    set: &SurvivorSet,
    is_left: impl Fn(u32) -> bool,
) -> Result<(), CoordinatorError> {
    let survivors: BTreeSet<u32> = set.survivors.iter().copied().collect();
    let threshold = session.threshold();
    for &owner in set.survivors.iter().chain(&set.dropouts) {
        let neighbours = session.graph.neighbours(owner);
        let is_needed = survivors.contains(&owner) || !neighbours.is_disjoint(&survivors);
        let found = neighbours.into_iter().filter(|holder| is_left(*holder)).count();
        if is_needed && found < threshold {
            return Err(CoordinatorError::BelowThreshold { owner, threshold, found });
        }
    }
    Ok(())
}

/// Removes the survivors' self masks, and the pairwise masks that they share with dropouts.
pub(crate) fn remove_masks<W: Word>(
    session: &Session,
    set: &SurvivorSet,
    answers: &BTreeMap<u32, Answer>,
    sum: &mut [W],
) -> Result<(), CoordinatorError> {
    check_holders(session, set, |client| answers.contains_key(&client))?;
    let of_survivors = by_owner(answers, |answer| &answer.of_survivors);
    let of_dropouts = by_owner(answers, |answer| &answer.of_dropouts);
    let survivors: BTreeSet<u32> = set.survivors.iter().copied().collect();

    let self_masks = set.survivors.par_iter().map(|&client| {
        let seed = self_seed(session, client, shares(&of_survivors, client))?;
        Ok(vec![Mask::subtracted(&session.salt.self_mask(seed.expose(), client))])
    });
    let pairwise_masks = set.dropouts.par_iter().map(|&client| {
        let neighbours = session.graph.neighbours(client);
        let survivors: Vec<u32> = neighbours.intersection(&survivors).copied().collect();
        if survivors.is_empty() {
            return Ok(Vec::new());
        }
        let key = mask_key(session, client, shares(&of_dropouts, client))?;
        survivors.into_iter().map(|survivor| pairwise_mask(session, client, &key, survivor)).collect()
    });
    let masks: Vec<Vec<Mask>> = self_masks.chain(pairwise_masks).collect::<Result<_, CoordinatorError>>()?;
    let masks: Vec<Mask> = masks.into_iter().flatten().collect();
    mask::apply_in_parallel(&masks, sum);
    Ok(())
}

fn by_owner(
    answers: &BTreeMap<u32, Answer>,
    kind: impl Fn(&Answer) -> &Vec<(u32, Share)>,
) -> BTreeMap<u32, Shares<'_>> {
    let mut shares: BTreeMap<u32, Shares<'_>> = BTreeMap::new();
    for (holder, answer) in answers {
        for (owner, share) in kind(answer) {
            shares.entry(*owner).or_default().push((*holder, share));
        }
    }
    shares
}

fn shares<'a, 'b>(by_owner: &'b BTreeMap<u32, Shares<'a>>, owner: u32) -> &'b [(u32, &'a Share)] {
    by_owner.get(&owner).map_or(&[], Vec::as_slice)
}

/// The seed must be the one to which the client committed.
fn self_seed(session: &Session, client: u32, shares: &[(u32, &Share)]) -> Result<Secret, CoordinatorError> {
    let altered = CoordinatorError::AlteredShares { owner: client };
    let seed = Secret::from(shamir::combine(session.threshold(), shares).map_err(|_| altered)?);
    let commitment = derive::self_commitment(seed.expose(), session.round(), client);
    let advert = session.roster.advert(client).expect("survivors are on the roster");
    if advert.commitment == commitment { Ok(seed) } else { Err(altered) }
}

/// The key must be the one whose public half the client advertised.
fn mask_key(
    session: &Session,
    client: u32,
    shares: &[(u32, &Share)],
) -> Result<AgreementKey, CoordinatorError> {
    let altered = CoordinatorError::AlteredShares { owner: client };
    let seed = Secret::from(shamir::combine(session.threshold(), shares).map_err(|_| altered)?);
    let key = AgreementKey::new(&derive::mask_key(seed.expose(), session.round(), client));
    let advert = session.roster.advert(client).expect("dropouts are on the roster");
    if advert.mask_key == key.public() { Ok(key) } else { Err(altered) }
}

/// The mask that a survivor applied, undone.
fn pairwise_mask(
    session: &Session,
    dropout: u32,
    key: &AgreementKey,
    survivor: u32,
) -> Result<Mask, CoordinatorError> {
    let advert = session.roster.advert(survivor).expect("survivors are on the roster");
    // The survivor made this agreement itself and refuses one that is zero, so that there is none.
    let agreed =
        key.agree(&advert.mask_key).map_err(|_| CoordinatorError::AlteredShares { owner: dropout })?;
    let seed = session.salt.pairwise_mask(agreed.expose(), dropout, survivor);
    Ok(if adds_mask(survivor, dropout) { Mask::subtracted(&seed) } else { Mask::added(&seed) })
}
