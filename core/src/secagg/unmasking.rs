//! From shares to seeds, from seeds to masks, and the masks off the sum.

use super::agreement::{AgreementKey, Secret};
use super::answer::Answer;
use super::mask::{self, Mask};
use super::robust::{Recovered, recover};
use super::setup::{Session, adds_mask};
use super::shamir::Share;
use super::survivors::SurvivorSet;
use super::{Altered, CoordinatorError, Word, derive};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

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

/// The masks that one client's secret takes off, and who gave a wrong share of it.
type Opened = Recovered<Vec<Mask>>;

/// Removes the survivors' self masks, and the pairwise masks that they share with dropouts. Notes who gave wrong shares,
/// whether that can be done or not.
pub(crate) fn remove_masks<W: Word>(
    session: &Session,
    set: &SurvivorSet,
    answers: &BTreeMap<u32, Answer>,
    sum: &mut [W],
    altered: &mut Altered,
) -> Result<(), CoordinatorError> {
    check_holders(session, set, |client| answers.contains_key(&client))?;
    let of_survivors = by_owner(answers, |answer| &answer.of_survivors);
    let of_dropouts = by_owner(answers, |answer| &answer.of_dropouts);
    let survivors: BTreeSet<u32> = set.survivors.iter().copied().collect();

    let self_masks = set
        .survivors
        .par_iter()
        .map(|&client| Some((client, self_mask(session, client, shares(&of_survivors, client)))));
    let pairwise_masks = set.dropouts.par_iter().map(|&client| {
        let neighbours = session.graph.neighbours(client);
        let survivors: Vec<u32> = neighbours.intersection(&survivors).copied().collect();
        if survivors.is_empty() {
            return None;
        }
        Some((client, pairwise_masks(session, client, shares(&of_dropouts, client), &survivors)))
    });
    let opened: Vec<(u32, Result<Opened, CoordinatorError>)> =
        self_masks.chain(pairwise_masks).flatten().collect();
    for (owner, found) in &opened {
        if let Ok(Recovered { altered: holders, .. }) = found
            && !holders.is_empty()
        {
            altered.insert(*owner, holders.clone());
        }
    }
    let mut masks = Vec::new();
    for (_, found) in opened {
        masks.extend(found?.secret);
    }
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
fn self_mask(session: &Session, client: u32, shares: &[(u32, &Share)]) -> Result<Opened, CoordinatorError> {
    let advert = session.roster.advert(client).expect("survivors are on the roster");
    let open = |seed: Zeroizing<[u8; 32]>| {
        let commitment = derive::self_commitment(&seed, session.round(), client);
        (advert.commitment == commitment).then(|| Secret::from(seed))
    };
    let Recovered { secret: seed, altered } = recovered(session, client, shares, open)?;
    let mask = Mask::subtracted(&session.salt.self_mask(seed.expose(), client));
    Ok(Recovered { secret: vec![mask], altered })
}

/// The key must be the one whose public half the client advertised.
fn pairwise_masks(
    session: &Session,
    client: u32,
    shares: &[(u32, &Share)],
    survivors: &[u32],
) -> Result<Opened, CoordinatorError> {
    let advert = session.roster.advert(client).expect("dropouts are on the roster");
    let open = |seed: Zeroizing<[u8; 32]>| {
        let key = AgreementKey::new(&derive::mask_key(&seed, session.round(), client));
        (advert.mask_key == key.public()).then_some(key)
    };
    let Recovered { secret: key, altered } = recovered(session, client, shares, open)?;
    let masks = survivors.iter().map(|survivor| pairwise_mask(session, client, &key, *survivor));
    Ok(Recovered { secret: masks.collect::<Result<_, _>>()?, altered })
}

fn recovered<T>(
    session: &Session,
    owner: u32,
    shares: &[(u32, &Share)],
    open: impl Fn(Zeroizing<[u8; 32]>) -> Option<T>,
) -> Result<Recovered<T>, CoordinatorError> {
    let (threshold, found) = (session.threshold(), shares.len());
    recover(threshold, shares, open).ok_or(CoordinatorError::AlteredShares { owner, threshold, found })
}

/// The mask that a survivor applied, undone.
fn pairwise_mask(
    session: &Session,
    dropout: u32,
    key: &AgreementKey,
    survivor: u32,
) -> Result<Mask, CoordinatorError> {
    let advert = session.roster.advert(survivor).expect("survivors are on the roster");
    // Keys that make an agreement of zero were refused with their adverts.
    let agreed =
        key.agree(&advert.mask_key).map_err(|_| CoordinatorError::SmallOrderKey { client: survivor })?;
    let seed = session.salt.pairwise_mask(agreed.expose(), dropout, survivor);
    Ok(if adds_mask(survivor, dropout) { Mask::subtracted(&seed) } else { Mask::added(&seed) })
}
