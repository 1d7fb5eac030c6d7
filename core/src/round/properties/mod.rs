//! Whatever happens to a federation, and in whatever order: what must hold, holds after each event.
//!
//! Lists of operations are carried to the engine and to a small reference of sets and integers. The engine must give
//! the answers that the reference expects, and everything that can be seen of it must follow from the reference.

mod face;
mod kept;
mod masking;
mod reference;
mod setting;
mod world;

use masking::Members;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use setting::{Body, Kind, Setting};
use world::World;

/// Something that happens. Clients and places may be none.
#[derive(Debug, Clone)]
enum Operation {
    Enrol {
        place: Option<u32>,
        keyed: bool,
    },
    Update {
        client: u32,
        which: Which,
        body: Body,
    },
    /// Everybody who is awaited does its part.
    Everybody,
    Decline {
        client: u32,
        which: Which,
    },
    /// Time passes, and nobody notices yet.
    Wait(Pause),
    Tick,
    Expire,
    /// Some are collected by a worker of its own.
    Apart(Vec<u32>),
    /// A client does its part in the stage of a masked round.
    GoOn(u32),
    Meddle(u32, Meddling),
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Which {
    Current,
    Before,
    /// The first of all, however long ago it was.
    First,
    After,
}

#[derive(Debug, Clone, Copy)]
enum Pause {
    Short,
    UntilJustBefore,
    Until,
    Long,
}

/// What may be done with messages of a masked round that were sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meddling {
    /// The one that was sent so many messages ago.
    Again(usize),
    Altered,
    AsAnother,
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![6 => Just(Which::Current), 2 => Just(Which::Before), 1 => Just(Which::First), 1 => Just(Which::After)]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        8 => Just(Body::Right),
        2 => Just(Body::Other),
        1 => Just(Body::Weightless),
        1 => Just(Body::Overweight),
        1 => Just(Body::Short),
        1 => Just(Body::Long),
    ]
}

fn client() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 1_u32..=5, 1 => Just(0), 1 => Just(6)]
}

/// What happens to every kind of federation.
fn common() -> impl Strategy<Value = Operation> {
    let pause =
        prop_oneof![Just(Pause::Short), Just(Pause::UntilJustBefore), Just(Pause::Until), Just(Pause::Long)];
    let place = prop_oneof![3 => Just(None), 1 => (0_u32..=6).prop_map(Some)];
    prop_oneof![
        5 => (place, prop::bool::weighted(0.9)).prop_map(|(place, keyed)| Operation::Enrol { place, keyed }),
        2 => Just(Operation::Everybody),
        2 => (client(), which()).prop_map(|(client, which)| Operation::Decline { client, which }),
        3 => pause.prop_map(Operation::Wait),
        1 => Just(Operation::Tick),
        1 => Just(Operation::Expire),
        2 => Just(Operation::Restart),
    ]
}

fn in_the_clear() -> impl Strategy<Value = Vec<Operation>> {
    let update = (client(), which(), body()).prop_map(|(client, which, body)| Operation::Update {
        client,
        which,
        body,
    });
    let apart = prop::collection::vec(client(), 1..4).prop_map(Operation::Apart);
    prop::collection::vec(prop_oneof![8 => common(), 8 => update, 1 => apart], 1..50)
}

fn behind_masks() -> impl Strategy<Value = Vec<Operation>> {
    let update = (client(), which()).prop_map(|(client, which)| {
        let body = Body::Right;
        Operation::Update { client, which, body }
    });
    let meddling = prop_oneof![
        (0_usize..4).prop_map(Meddling::Again),
        Just(Meddling::Altered),
        Just(Meddling::AsAnother),
    ];
    let meddle = (client(), meddling).prop_map(|(client, meddling)| Operation::Meddle(client, meddling));
    let operation = prop_oneof![
        3 => common(),
        8 => Just(Operation::Everybody),
        6 => (1_u32..=4).prop_map(Operation::GoOn),
        4 => meddle,
        2 => (1_u32..=4).prop_map(|client| Operation::Decline { client, which: Which::Current }),
        1 => update,
    ];
    prop::collection::vec(operation, 1..50)
}

/// The same cases every time.
fn replayable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_160_217),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Everybody enrols first, if `all` says so: most of what can happen, happens after that. Gives how many rounds released
/// their sum.
fn run(setting: Setting, all: bool, operations: &[Operation]) -> usize {
    let members = Members::new(setting);
    let mut world = World::new(setting, &members);
    let places = if all { setting.places } else { 0 };
    for place in 1..=places {
        world.apply(&Operation::Enrol { place: Some(place), keyed: true });
    }
    operations.iter().for_each(|operation| world.apply(operation));
    world.released()
}

/// Or else nothing is shown by what follows.
#[test]
fn whoever_does_what_is_asked_gets_to_the_end() {
    let plain = Setting { kind: Kind::Plain, ..setting::masked() };
    let protected = Setting { kind: Kind::Protected, cap: 1, rounds: 6, ..setting::masked() };
    for (setting, released) in [(plain, 3..=3), (protected, 1..=5), (setting::masked(), 3..=3)] {
        let rounds = run(setting, true, &[const { Operation::Everybody }; 15]);
        assert!(released.contains(&rounds), "{rounds} rounds of {setting:?}");
    }
}

proptest! {
    #![proptest_config(replayable(1500))]

    #[test]
    fn what_must_hold_of_rounds_holds_after_each_event(
        setting in setting::plain(), all in any::<bool>(), operations in in_the_clear(),
    ) {
        run(setting, all, &operations);
    }
}

proptest! {
    #![proptest_config(replayable(60))]

    #[test]
    fn what_must_hold_of_protected_rounds_holds_after_each_event(
        setting in setting::protected(), operations in in_the_clear(),
    ) {
        run(setting, true, &operations);
    }
}

proptest! {
    #![proptest_config(replayable(150))]

    #[test]
    fn what_must_hold_of_masked_rounds_holds_after_each_event(operations in behind_masks()) {
        run(setting::masked(), true, &operations);
    }
}
