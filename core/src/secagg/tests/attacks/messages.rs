//! What the coordinator refuses of clients, stage by stage.

use super::*;

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
    // As it travels: the decoder takes every narrow ring, and the words of this one fit its memory.
    let narrow = with(|input| input.ring = Ring::new(22).unwrap()).encode();
    let refused = CoordinatorError::OtherRing { client: 1, expected: 32, found: 22 };
    assert_eq!(collecting.accept(&MaskedInput::decode(&narrow).unwrap()), Err(refused));
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

/// Each message is fit for this round but for the number that it bears, and is taken once it bears the right one.
#[test]
fn the_coordinator_refuses_a_message_of_another_round_at_every_stage() {
    let source = ContextError::Round { expected: 7, found: 6 };
    let refused = Err(CoordinatorError::Context { client: 1, source });
    let world = world();

    let mut advertising = Advertising::open(Arc::clone(&world.setup), context(), world.cohort());
    let before = RoundContext { round: 6, ..context() };
    let old = world.members[&1].advertise(before, &mut world.rng(1, 1)).1;
    assert_eq!(advertising.accept(old.clone()), refused);
    // Under this round's number it does not have its client's signature.
    let relabelled = AdvertMessage { context: context(), ..old };
    assert_eq!(advertising.accept(relabelled), Err(CoordinatorError::ForgedAdvert { client: 1 }));
    let message = world.members[&1].advertise(context(), &mut world.rng(1, 1)).1;
    assert_eq!(advertising.accept(message), Ok(()));

    let (advertising, mut states) = advertise(&world);
    let mut sharing = advertising.close().unwrap();
    let roster = sharing.roster().clone();
    let (_, shares) = states.swap_remove(0).share(roster, &mut world.rng(1, 2)).unwrap();
    assert_eq!(sharing.accept(SharesMessage { round: 6, ..shares.clone() }), refused);
    assert_eq!(sharing.accept(shares), Ok(()));

    let (mut confirming, mut states) = mask(&world);
    let (_, signed) = states.swap_remove(0).confirm(confirming.survivor_set().clone()).unwrap();
    assert_eq!(confirming.accept(&Confirmation { round: 6, ..signed }), refused);
    assert_eq!(confirming.accept(&signed), Ok(()));

    let (mut unmasking, mut answers) = answers(&world);
    let answer = answers.swap_remove(0);
    assert_eq!(unmasking.accept(Answer { round: 6, ..answer.clone() }), refused);
    assert_eq!(unmasking.accept(answer), Ok(()));
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
