//! Whoever lies is refused, each lie with an error of its own, and what was lied to says nothing more.

use super::*;
use agreement::AgreementKey;

const CLIENTS: u32 = 5;

fn world() -> World {
    World::new(CLIENTS, assumptions(Adversary::Lying), 1)
}

fn advertise(world: &World) -> (Advertising, Vec<Advertised<'_>>) {
    let mut advertising = Advertising::open(Arc::clone(&world.setup), context(), world.cohort());
    let states = world.members.iter().map(|(client, member)| {
        let (state, message) = member.advertise(context(), &mut world.rng(*client, 1));
        advertising.accept(message).unwrap();
        state
    });
    let states = states.collect();
    (advertising, states)
}

fn share(world: &World) -> (Sharing, Vec<Shared<'_>>) {
    let (advertising, states) = advertise(world);
    let mut sharing = advertising.close().unwrap();
    let roster = sharing.roster().clone();
    let states = states.into_iter().zip(1..).map(|(state, client)| {
        let (state, message) = state.share(roster.clone(), &mut world.rng(client, 2)).unwrap();
        sharing.accept(message).unwrap();
        state
    });
    let states = states.collect();
    (sharing, states)
}

/// All but the last client send their inputs.
fn mask(world: &World) -> (Confirming<u32>, Vec<Masked<'_>>) {
    let (sharing, mut states) = share(world);
    let mut collecting = sharing.close::<u32>(2).unwrap();
    states.pop();
    let states = states.into_iter().zip(1..).map(|(state, client)| {
        let masking = state.receive(&collecting.delivery(client).unwrap()).unwrap();
        let (state, message) = masking.mask(world.input(client, 2));
        collecting.accept(&message).unwrap();
        state
    });
    let states = states.collect();
    (collecting.close().unwrap(), states)
}

fn confirm(world: &World) -> (Unmasking<u32>, Vec<Confirmed<'_>>) {
    let (mut confirming, states) = mask(world);
    let set = confirming.survivor_set().clone();
    let states = states.into_iter().map(|state| {
        let (state, message) = state.confirm(set.clone()).unwrap();
        confirming.accept(&message).unwrap();
        state
    });
    let states = states.collect();
    (confirming.close().unwrap(), states)
}

fn answers(world: &World) -> (Unmasking<u32>, Vec<Answer>) {
    let (unmasking, states) = confirm(world);
    let answers = states.into_iter().zip(1..).map(|(state, client)| {
        state.answer(&unmasking.confirmations(client).unwrap(), &mut LatestAnswer::default()).unwrap()
    });
    let answers = answers.collect();
    (unmasking, answers)
}

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

/// What client 1 says to a delivery that was changed.
fn to_delivery(change: impl Fn(&mut DeliveryMessage)) -> ClientError {
    let world = world();
    let (sharing, mut states) = share(&world);
    let mut delivery = sharing.close::<u32>(2).unwrap().delivery(1).unwrap();
    change(&mut delivery);
    states.swap_remove(0).receive(&delivery).err().expect("the delivery was changed")
}

#[test]
fn clients_refuse_shares_that_were_altered_or_are_not_for_them() {
    let altered = |from| ClientError::AlteredShare { from };
    assert_eq!(to_delivery(|delivery| delivery.sealed[1].1.0[40] ^= 1), altered(3));
    // The share of client 3 under the name of client 2.
    assert_eq!(to_delivery(|delivery| delivery.sealed[0].1 = delivery.sealed[1].1.clone()), altered(2));
    assert_eq!(to_delivery(|delivery| delivery.sealed[0].0 = 9), ClientError::UnexpectedShare { from: 9 });
    let double = |delivery: &mut DeliveryMessage| delivery.sealed[1] = delivery.sealed[0].clone();
    assert_eq!(to_delivery(double), ClientError::UnexpectedShare { from: 2 });
    let few = |delivery: &mut DeliveryMessage| delivery.sealed.truncate(2);
    assert_eq!(to_delivery(few), ClientError::TooFewNeighbours { found: 2, threshold: 3 });
    let other = |delivery: &mut DeliveryMessage| delivery.to = 2;
    assert_eq!(to_delivery(other), ClientError::OtherClient { client: 1, found: 2 });
    let replayed = |delivery: &mut DeliveryMessage| delivery.round = 6;
    assert_eq!(to_delivery(replayed), ContextError::Round { expected: 7, found: 6 }.into());
}

/// What client 1 says to a survivor set that was changed. The true one: 1 to 4 survive, 5 dropped out.
fn to_survivors(change: impl Fn(&mut SurvivorSet)) -> ClientError {
    let world = world();
    let (confirming, mut states) = mask(&world);
    let mut set = confirming.survivor_set().clone();
    change(&mut set);
    states.swap_remove(0).confirm(set).err().expect("the set was changed")
}

#[test]
fn clients_refuse_a_survivor_set_that_lies() {
    let refused = |change: fn(&mut SurvivorSet)| to_survivors(change);
    assert_eq!(refused(|set| set.dropouts = vec![3, 5]), SurvivorSetError::Both { client: 3 }.into());
    assert_eq!(refused(|set| set.survivors = vec![1, 2, 2, 3]), SurvivorSetError::Twice { client: 2 }.into());
    assert_eq!(refused(|set| set.dropouts = vec![5, 9]), SurvivorSetError::Unknown { client: 9 }.into());
    assert_eq!(refused(|set| set.survivors = vec![2, 3, 4]), ClientError::NotASurvivor { client: 1 });
    let without_me = |set: &mut SurvivorSet| {
        set.survivors = vec![2, 3, 4];
        set.dropouts = vec![1, 5];
    };
    assert_eq!(to_survivors(without_me), ClientError::NotASurvivor { client: 1 });
    assert_eq!(refused(|set| set.dropouts.clear()), ClientError::OtherSharers { neighbour: 5 });
    let few = |set: &mut SurvivorSet| {
        set.survivors = vec![1, 2];
        set.dropouts = vec![3, 4, 5];
    };
    assert_eq!(to_survivors(few), ClientError::CohortTooSmall { client: 1, minimum: 3, found: 2 });
    assert_eq!(refused(|set| set.round = 8), ContextError::Round { expected: 7, found: 8 }.into());
}

/// What client 1 says to confirmations that were changed, and whether its record has an answer then.
fn to_confirmations(change: impl Fn(&mut Confirmations)) -> (ClientError, LatestAnswer) {
    let world = world();
    let (unmasking, mut states) = confirm(&world);
    let mut confirmations = unmasking.confirmations(1).unwrap();
    change(&mut confirmations);
    let mut record = LatestAnswer::default();
    let refused = states.swap_remove(0).answer(&confirmations, &mut record).err().expect("they were changed");
    (refused, record)
}

#[test]
fn clients_refuse_confirmations_that_lie_and_answer_nothing() {
    let nothing = LatestAnswer::default();
    let (refused, record) = to_confirmations(|all| all.signatures[1].1[7] ^= 1);
    assert_eq!((refused, record), (ClientError::ForgedConfirmation { client: 3 }, nothing));
    let (refused, record) = to_confirmations(|all| all.signatures.truncate(2));
    assert_eq!((refused, record), (ClientError::TooFewConfirmations { found: 2, threshold: 3 }, nothing));
    let (refused, _) = to_confirmations(|all| all.signatures[1] = all.signatures[0]);
    assert_eq!(refused, ClientError::UnexpectedConfirmation { client: 2 });
    let (refused, _) = to_confirmations(|all| all.signatures[2].0 = 5);
    assert_eq!(refused, ClientError::UnexpectedConfirmation { client: 5 });
    let (refused, _) = to_confirmations(|all| all.round = 6);
    assert_eq!(refused, ContextError::Round { expected: 7, found: 6 }.into());
}

/// The coordinator says to clients 1 and 2 that 3 survived, and to the others that it did not: neither story finds
/// enough signatures.
#[test]
fn two_stories_about_one_client_find_too_few_signatures_each() {
    let world = world();
    let (confirming, states) = mask(&world);
    let truth = confirming.survivor_set().clone();
    let lie = SurvivorSet { survivors: vec![1, 2, 4], dropouts: vec![3, 5], ..truth.clone() };
    let mut told = Vec::new();
    for (state, set) in states.into_iter().zip([&truth, &truth, &truth, &lie]) {
        told.push(state.confirm(set.clone()).unwrap());
    }
    let signature = |at: usize| (told[at].1.client, told[at].1.signature);
    let honest = Confirmations { round: 7, signatures: vec![signature(1), signature(2)] };
    let mixed = Confirmations { round: 7, signatures: vec![signature(1), signature(2), signature(3)] };
    let mut states = told.into_iter().map(|(state, _)| state);
    let (one, two) = (states.next().unwrap(), states.next().unwrap());
    let refused = one.answer(&mixed, &mut LatestAnswer::default()).err();
    assert_eq!(refused, Some(ClientError::ForgedConfirmation { client: 4 }));
    let refused = two.answer(
        &Confirmations { signatures: vec![honest.signatures[1]], ..honest },
        &mut LatestAnswer::default(),
    );
    assert_eq!(refused.err(), Some(ClientError::TooFewConfirmations { found: 1, threshold: 3 }));
}

#[test]
fn a_second_request_for_shares_is_refused() {
    let world = world();
    let mut record = LatestAnswer::default();
    for expected in [None, Some(AnswerRecordError::AlreadyAnswered { round: 7, latest: 7 })] {
        let (unmasking, mut states) = confirm(&world);
        let answer = states.swap_remove(0).answer(&unmasking.confirmations(1).unwrap(), &mut record);
        assert_eq!(answer.err(), expected.map(ClientError::Unrecorded));
    }
}

#[test]
fn an_answer_has_one_share_of_each_neighbour() {
    let (_, answers) = answers(&world());
    let owners = |shares: &[(u32, shamir::Share)]| shares.iter().map(|(owner, _)| *owner).collect::<Vec<_>>();
    assert_eq!(owners(&answers[0].of_survivors), [2, 3, 4]);
    assert_eq!(owners(&answers[0].of_dropouts), [5]);
}

#[test]
fn the_coordinator_refuses_adverts_that_lie() {
    let world = world();
    let (mut advertising, _) = advertise(&world);
    let mut advert = |client: u32, context: RoundContext, change: fn(&mut Advert)| {
        let mut message = world.members[&client].advertise(context, &mut world.rng(client, 3)).1;
        change(&mut message.advert);
        advertising.accept(message).unwrap_err()
    };
    assert_eq!(advert(1, context(), |_| ()), CoordinatorError::SentBefore { client: 1 });
    assert_eq!(advert(1, context(), |advert| advert.client = 9), CoordinatorError::NotAwaited { client: 9 });
    let other = RoundContext { model: [9; 32], ..context() };
    let refused = CoordinatorError::Context { client: 1, source: ContextError::Model };
    assert_eq!(advert(1, other, |_| ()), refused);

    let mut fresh = Advertising::open(Arc::clone(&world.setup), context(), world.cohort());
    let mut message = world.members[&2].advertise(context(), &mut world.rng(2, 1)).1;
    message.advert.client = 3;
    assert_eq!(fresh.accept(message), Err(CoordinatorError::ForgedAdvert { client: 3 }));
    assert_eq!(fresh.awaited().count(), 5);
}

#[test]
fn the_coordinator_refuses_keys_of_small_order_before_anybody_meets_them() {
    let world = world();
    let identity = Identity::generate(&mut rng(world.seed, 2, 0));
    let (_, message) = world.members[&2].advertise(context(), &mut world.rng(2, 1));
    for small in agreement::SMALL_ORDER {
        let key = hex::decode(small).unwrap().try_into().unwrap();
        for weak in [
            Advert { mask_key: key, ..message.advert.clone() },
            Advert { channel_key: key, ..message.advert.clone() },
        ] {
            let message = AdvertMessage { advert: weak.sign(&context(), &identity), ..message.clone() };
            let mut fresh = Advertising::open(Arc::clone(&world.setup), context(), world.cohort());
            assert_eq!(fresh.accept(message), Err(CoordinatorError::SmallOrderKey { client: 2 }));
        }
    }
}

#[test]
fn the_coordinator_refuses_what_is_late_twice_or_unfit() {
    let world = world();
    let (sharing, mut states) = share(&world);
    let mut collecting = sharing.close::<u32>(2).unwrap();
    let state = states.swap_remove(0).receive(&collecting.delivery(1).unwrap()).unwrap();
    let (_, input) = state.mask(vec![1, 2]);
    let with = |change: fn(&mut MaskedInput<u32>)| {
        let mut input = input.clone();
        change(&mut input);
        input
    };
    let refused = CoordinatorError::WrongLength { client: 1, expected: 2, found: 1 };
    assert_eq!(collecting.accept(&with(|input| input.words.truncate(1))), Err(refused));
    let source = ContextError::Round { expected: 7, found: 6 };
    let refused = CoordinatorError::Context { client: 1, source };
    assert_eq!(collecting.accept(&with(|input| input.round = 6)), Err(refused));
    assert_eq!(
        collecting.accept(&with(|input| input.client = 9)),
        Err(CoordinatorError::NotAwaited { client: 9 })
    );
    assert_eq!(collecting.accept(&input), Ok(()));
    assert_eq!(collecting.accept(&input), Err(CoordinatorError::SentBefore { client: 1 }));

    let (mut confirming, mut states) = mask(&world);
    let set = confirming.survivor_set().clone();
    let (_, mut signed) = states.swap_remove(0).confirm(set).unwrap();
    assert_eq!(confirming.accept(&signed), Ok(()));
    assert_eq!(confirming.accept(&signed), Err(CoordinatorError::SentBefore { client: 1 }));
    signed.client = 2;
    assert_eq!(confirming.accept(&signed), Err(CoordinatorError::ForgedConfirmation { client: 2 }));
    signed.client = 5;
    assert_eq!(confirming.accept(&signed), Err(CoordinatorError::NotAwaited { client: 5 }));
}

#[test]
fn the_coordinator_refuses_shares_for_others_than_the_neighbours() {
    let world = world();
    let (advertising, mut states) = advertise(&world);
    let mut sharing = advertising.close().unwrap();
    let roster = sharing.roster().clone();
    let (_, mut message) = states.swap_remove(0).share(roster, &mut world.rng(1, 2)).unwrap();
    message.sealed.pop();
    assert_eq!(sharing.accept(message), Err(CoordinatorError::OtherNeighbours { client: 1 }));
}

/// Four answers of five clients, each secret with three or four holders of which three are needed, some of them changed.
fn with_altered(change: impl Fn(&mut [Answer])) -> Result<Unmasked<u32>, Failed> {
    let (mut unmasking, mut answers) = answers(&world());
    change(&mut answers);
    answers.into_iter().for_each(|answer| unmasking.accept(answer).unwrap());
    unmasking.close()
}

#[test]
fn one_wrong_share_with_one_to_spare_is_left_out_and_its_holder_named() {
    // Clients 1 to 4 hold shares of the key of client 5, which dropped out.
    for holder in 1..=3 {
        let unmasked = with_altered(|answers| {
            let answer = &mut answers[holder - 1];
            answer.of_dropouts[0].1 = answer.of_survivors[1].1.clone();
        });
        let unmasked = unmasked.unwrap();
        assert_eq!(unmasked.sum, world().sum(&BTreeSet::from([1, 2, 3, 4]), 2));
        assert_eq!(unmasked.altered, Altered::from([(5, BTreeSet::from([holder as u32]))]));
    }
}

#[test]
fn more_wrong_shares_than_there_are_to_spare_release_nothing() {
    let failed = with_altered(|answers| {
        answers[1].of_survivors[0].1 = answers[1].of_survivors[1].1.clone();
    });
    let failed = failed.unwrap_err();
    assert_eq!(failed.reason, CoordinatorError::AlteredShares { owner: 1, threshold: 3, found: 3 });
    // Who is known to have given a wrong share is named none the less.
    let failed = with_altered(|answers| {
        answers[1].of_survivors[0].1 = answers[1].of_survivors[1].1.clone();
        answers[1].of_dropouts[0].1 = answers[1].of_survivors[1].1.clone();
    });
    assert_eq!(failed.unwrap_err().altered, Altered::from([(5, BTreeSet::from([2]))]));
    let failed = with_altered(|answers| {
        for answer in &mut answers[..2] {
            answer.of_dropouts[0].1 = answer.of_survivors[1].1.clone();
        }
    });
    let refused = CoordinatorError::AlteredShares { owner: 5, threshold: 3, found: 4 };
    assert_eq!(failed.unwrap_err().reason, refused);
}

#[test]
fn answers_with_other_shares_are_refused() {
    let (mut unmasking, mut answers) = answers(&world());
    let mut answer = answers.swap_remove(0);
    let share = answer.of_dropouts.pop().unwrap();
    answer.of_survivors.push(share); // the share of a dropout's key as if it were of its self mask
    assert_eq!(unmasking.accept(answer), Err(CoordinatorError::OtherShares { client: 1 }));
}

#[test]
fn below_the_threshold_nothing_is_released() {
    let (mut unmasking, answers) = answers(&world());
    answers.into_iter().take(3).for_each(|answer| unmasking.accept(answer).unwrap());
    let failed = unmasking.close().unwrap_err();
    assert_eq!(failed.reason, CoordinatorError::BelowThreshold { owner: 1, threshold: 3, found: 2 });
    assert_eq!(failed.missing[&Stage::Answer], BTreeSet::from([4]));
}
