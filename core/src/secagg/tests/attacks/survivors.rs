//! Deliveries, survivor sets and confirmations: what a client refuses before it answers, and that it answers once.

use super::*;

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
