//! Rosters and keys: what a client refuses before it shares a secret.

use super::*;
use agreement::AgreementKey;

/// What client 1 says to a roster that was changed.
fn to_roster(change: impl Fn(&mut Roster)) -> ClientError {
    let world = world();
    let (advertising, mut states) = advertise(&world);
    let mut roster = advertising.close().unwrap().roster().clone();
    change(&mut roster);
    states.swap_remove(0).share(roster, &mut world.rng(1, 2)).err().expect("the roster was changed")
}

#[test]
fn clients_refuse_a_roster_that_lies() {
    let forged = |client| ClientError::ForgedAdvert { client };
    assert_eq!(to_roster(|roster| roster.adverts[2].signature[5] ^= 1), forged(3));
    assert_eq!(
        to_roster(|roster| roster.adverts[2].mask_key = AgreementKey::new(&[9; 32]).public()),
        forged(3)
    );
    assert_eq!(to_roster(|roster| roster.adverts[3].commitment[0] ^= 1), forged(4));
    // Swapped: another's keys under a client's name, or one's two keys the other way round.
    let swapped = |roster: &mut Roster| roster.adverts[1].channel_key = roster.adverts[2].channel_key;
    assert_eq!(to_roster(swapped), forged(2));
    let exchanged = |roster: &mut Roster| {
        let advert = &mut roster.adverts[1];
        std::mem::swap(&mut advert.channel_key, &mut advert.mask_key);
    };
    assert_eq!(to_roster(exchanged), forged(2));
    let own = |roster: &mut Roster| {
        roster.adverts.remove(0);
    };
    assert_eq!(to_roster(own), ClientError::NotListed { client: 1 });
    assert_eq!(to_roster(|roster| roster.adverts[1].client = 1), ClientError::Unordered { client: 1 });
    assert_eq!(to_roster(|roster| roster.adverts[4].client = 9), ClientError::UnknownClient { client: 9 });
    let few = |roster: &mut Roster| roster.adverts.truncate(2);
    assert_eq!(to_roster(few), ClientError::CohortTooSmall { client: 1, minimum: 3, found: 2 });
}

/// Client 1 asks for more than the others and the coordinator, who are content with three: for more than there are on the
/// roster, and for more than survive.
#[test]
fn a_client_leaves_a_round_that_is_too_small_for_it_alone() {
    let asking_for = |minimum: u32| {
        let mut world = world();
        let setup = Arc::new(Setup { minimum, ..Setup::clone(&world.setup) });
        let identity = Identity::generate(&mut rng(world.seed, 1, 0));
        world.members.insert(1, Member::new(1, identity, setup));
        world
    };
    let refused = |minimum, found| Some(ClientError::CohortTooSmall { client: 1, minimum, found });

    let world = asking_for(6);
    let (advertising, states) = advertise(&world);
    let roster = advertising.close().unwrap().roster().clone();
    let said = states
        .into_iter()
        .zip(1..)
        .map(|(state, client)| state.share(roster.clone(), &mut world.rng(client, 2)).err());
    assert_eq!(said.collect::<Vec<_>>(), [refused(6, 5), None, None, None, None]);

    let world = asking_for(5);
    let (confirming, states) = mask(&world);
    let set = confirming.survivor_set();
    let said = states.into_iter().map(|state| state.confirm(set.clone()).err());
    assert_eq!(said.collect::<Vec<_>>(), [refused(5, 4), None, None, None]);
}

#[test]
fn clients_refuse_another_model_plan_round_or_federation() {
    let refused = |change: fn(&mut RoundContext)| to_roster(|roster| change(&mut roster.context));
    assert_eq!(refused(|context| context.model[0] ^= 1), ContextError::Model.into());
    assert_eq!(refused(|context| context.plan[0] ^= 1), ContextError::Plan.into());
    assert_eq!(refused(|context| context.federation[0] ^= 1), ContextError::Federation.into());
    assert_eq!(refused(|context| context.round = 8), ContextError::Round { expected: 7, found: 8 }.into());
}

/// The coordinator tells client 2 of another model and client 1 of the right one, with a roster for each: the
/// signatures do not fit.
#[test]
fn an_advert_for_another_model_does_not_pass_as_one_for_this() {
    let world = world();
    let other = RoundContext { model: [9; 32], ..context() };
    let advert = world.members[&2].advertise(other, &mut world.rng(2, 1)).1.advert;
    assert_eq!(
        to_roster(|roster| roster.adverts[1] = advert.clone()),
        ClientError::ForgedAdvert { client: 2 }
    );
}

#[test]
fn keys_of_small_order_are_refused_even_when_signed() {
    let world = world();
    let identity = Identity::generate(&mut rng(world.seed, 2, 0));
    let weak = |roster: &mut Roster| {
        let advert = Advert { mask_key: [0; 32], ..roster.adverts[1].clone() };
        roster.adverts[1] = advert.sign(&context(), &identity);
    };
    assert_eq!(to_roster(weak), ClientError::ZeroAgreement { client: 2 });
}
