//! Whoever lies is refused, each lie with an error of its own, and what was lied to says nothing more.

mod messages;
mod rosters;
mod shares;
mod survivors;

use super::*;

const CLIENTS: u32 = 5;

fn world() -> World {
    World::new(CLIENTS, assumptions(Adversary::Lying), 1)
}

pub(super) fn advertise(world: &World) -> (Advertising, Vec<Advertised<'_>>) {
    let mut advertising = Advertising::open(Arc::clone(&world.setup), context(), world.cohort());
    let states = world.members.iter().map(|(client, member)| {
        let (state, message) = member.advertise(context(), &mut world.rng(*client, 1));
        advertising.accept(message).unwrap();
        state
    });
    let states = states.collect();
    (advertising, states)
}

pub(super) fn share(world: &World) -> (Sharing, Vec<Shared<'_>>) {
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

/// All but the lost ones send their inputs.
pub(super) fn send<'a>(
    world: &World,
    (sharing, states): (Sharing, Vec<Shared<'a>>),
    lost: &BTreeSet<u32>,
) -> (Collecting<u32>, Vec<Masked<'a>>) {
    let mut collecting = sharing.close::<u32>(2).unwrap();
    let left = states.into_iter().zip(1..).filter(|(_, client)| !lost.contains(client));
    let states = left.map(|(state, client)| {
        let masking = state.receive(&collecting.delivery(client).unwrap()).unwrap();
        let (state, message) = masking.mask(world.input(client, 2));
        collecting.accept(&message).unwrap();
        state
    });
    let states = states.collect();
    (collecting, states)
}

/// All but the last client send their inputs.
fn mask(world: &World) -> (Confirming<u32>, Vec<Masked<'_>>) {
    let (collecting, states) = send(world, share(world), &BTreeSet::from([CLIENTS]));
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
