//! Masked rounds, step by step.

mod world;

use super::*;
use crate::encoding::Update;
use crate::params::{Layout, Params};
use crate::participant::Masker;
use crate::plan::Plan;
use crate::round::testing::closed;
use crate::round::{
    Assignment, Belated, BelatedContent, Effect, Event, Federation, MaskingRules, Outcome, Phase,
    RoundRecord, Rules,
};
use crate::secagg::{Identity, LatestAnswer, Member, Ring};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use world::*;

#[test]
fn whoever_vanishes_at_whatever_stage_the_sum_is_that_of_an_unmasked_round_and_the_record_names_it() {
    for vanishes in [None].into_iter().chain(Stage::ALL.map(Some)) {
        let mut world = World::new();
        world.run(vanishes);
        let counts = vanishes.is_none_or(|stage| stage > Stage::Input);
        let (model, outcome) = unmasked((1..=4).filter(|client| *client != 2 || counts));
        let record = world.closed.pop().unwrap();
        assert_eq!((record.outcome, world.federation().model()), (outcome, &model), "{vanishes:?}");
        assert!(record.contributions.is_empty());
        let masked = record.masked.as_ref().unwrap();
        assert_eq!(masked.missed, vanishes.map(|stage| (stage, BTreeSet::from([2]))).into_iter().collect());
        assert_eq!(record.contributors().contains(&2), counts);
        // Nobody's weight, nor the digest of anybody's message.
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("sha256") && !text.contains("\"contributions\":{\""), "{text}");
        assert_eq!(world.open().round(), 2);
    }
}

/// While masks are taken off elsewhere the round answers, waits however long that takes, and takes what comes of it once.
#[test]
fn masks_that_are_taken_off_elsewhere_leave_the_same_sum() {
    let mut within = World::new();
    within.run(Some(Stage::Answer));
    let mut apart = World::new();
    apart.federation = apart.federation.take().map(Federation::unmasking_apart);
    apart.run(Some(Stage::Answer));
    assert_eq!(apart.closed, []);
    let (round, client, stage) = (1, 2, Stage::Answer);
    assert_eq!((apart.stage(), apart.open().awaited().len()), (stage, 0));
    assert_eq!(apart.federation().assignment(client), Ok(Assignment::Wait));
    assert_eq!(apart.federation().task(1, client, stage), Err(Refusal::StageOver { round, client, stage }));
    apart.now = apart.now.after(Duration::from_secs(3_600));
    apart.step(Event::Tick);
    apart.step(Event::Decline { client: 3, round: 1, accused: None });
    assert_eq!(apart.refused.pop(), Some(Refusal::AnotherUpdate { round: 1, client: 3 }));

    let answered = apart.open().answered().unwrap();
    let mut of_another_round = answered.clone().unmask();
    of_another_round.round = 2;
    apart.step(Event::Unmasked(Box::new(of_another_round)));
    assert_eq!(apart.closed, []);
    // What a process that ended has not entered is computed again.
    drop(answered.clone().unmask());
    apart.step(Event::Unmasked(Box::new(answered.clone().unmask())));
    apart.step(Event::Unmasked(Box::new(answered.unmask())));
    let [one, other] =
        [&within, &apart].map(|world| RoundRecord { closed: START, ..world.closed[0].clone() });
    assert_eq!(one, other);
    assert!(matches!(one.outcome, Outcome::Released { .. }));
    assert_eq!(apart.federation().model(), within.federation().model());
    assert_eq!((apart.open().round(), apart.stage()), (2, Stage::Advertise));
}

#[test]
fn a_round_that_loses_too_many_releases_nothing_and_the_next_one_begins() {
    let mut world = World::new();
    for client in [1, 3] {
        let (_, message) = world.masker(client).advertise(&mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(world.send(client, Stage::Advertise, &message), None);
    }
    world.step(Event::Decline { client: 2, round: 1, accused: None });
    assert_eq!(world.stage(), Stage::Advertise);
    world.wait();
    let record = world.closed.pop().unwrap();
    assert_eq!(record.outcome, Outcome::Abandoned { minimum: 3 });
    assert_eq!((record.declined, world.federation().model()), (BTreeSet::from([2]), &model()));
    let masked = record.masked.unwrap();
    assert_eq!(masked.missed, Missing::from([(Stage::Advertise, BTreeSet::from([2, 4]))]));
    assert!(masked.failure.unwrap().contains("2 clients are left, 3 at least must be"));
    assert_eq!((world.open().round(), world.stage()), (2, Stage::Advertise));
}

#[test]
fn messages_out_of_turn_are_refused_and_late_ones_are_named() {
    let mut world = World::new();
    let maskers: Vec<Masker> = (1..=4).map(|client| world.masker(client)).collect();
    let advert =
        |client: u32, seed| maskers[client as usize - 1].advertise(&mut ChaCha20Rng::seed_from_u64(seed)).1;
    let no_task = world.federation().task(1, 1, Stage::Share);
    assert_eq!(no_task, Err(Refusal::StageNotOpen { round: 1, stage: Stage::Share }));
    for client in 1..=3 {
        assert_eq!(world.send(client, Stage::Advertise, &advert(client, 1)), None);
    }
    let another = Refusal::AnotherMessage { round: 1, client: 1, stage: Stage::Advertise };
    assert_eq!(world.send(1, Stage::Advertise, &advert(1, 2)), Some(another));
    let as_another = world.send(4, Stage::Advertise, &advert(1, 1));
    assert!(matches!(as_another, Some(Refusal::Stage { .. })), "{as_another:?}");
    let plain = crate::round::Submission { client: 4, round: 1, update: update(4), digest: None };
    world.step(Event::Submit(plain));
    assert_eq!(world.refused.pop(), Some(Refusal::OnlyMasked { round: 1 }));

    world.wait();
    let late = Refusal::StageOver { round: 1, client: 4, stage: Stage::Advertise };
    assert_eq!(world.send(4, Stage::Advertise, &advert(4, 1)), Some(late));
    assert_eq!(world.federation().assignment(4), Ok(Assignment::Wait));
    world.wait();
    let record = world.closed.pop().unwrap();
    let masked = record.masked.clone().unwrap();
    assert_eq!(masked.late, Missing::from([(Stage::Advertise, BTreeSet::from([4]))]));
    assert_eq!(masked.missed[&Stage::Share], BTreeSet::from([1, 2, 3]));
    assert_eq!(masked.repeated, Missing::from([(Stage::Advertise, BTreeSet::from([1]))]));
    // After the end of the round, who was missed comes late.
    let late = Refusal::TooLate { round: 1, client: 4 };
    assert_eq!(world.send(4, Stage::Advertise, &advert(4, 1)), None);
    let belated = Belated { round: 1, client: 4, content: BelatedContent::Message };
    assert_eq!(world.belated.pop(), Some(belated));
    assert_eq!(belated.answer(&RoundRecord { masked: Some(masked), ..record }), Err(late));
}

/// The last answer ends the round. Whoever sends it, and does not hear so, sends it again.
#[test]
fn who_sends_again_what_was_in_time_is_not_late() {
    let mut world = World::new();
    world.run(Some(Stage::Answer));
    let content = |client: u32| {
        let advert = world.masker(client).advertise(&mut ChaCha20Rng::seed_from_u64(1)).1;
        StageContent::decode(Stage::Advertise, Ring::BITS_32, &advert).unwrap()
    };
    for (client, refusal) in [
        (1, Refusal::RoundOver { round: 1, client: 1 }),
        (2, Refusal::TooLate { round: 1, client: 2 }), // it had not answered
    ] {
        let digest = Some(HexDigest::of(b"again"));
        let message = StageMessage { client, round: 1, digest, content: content(client) };
        let (_, effects) = world.federation().clone().step(Event::Send(Box::new(message)), world.now);
        let [Effect::Belated(belated)] = effects[..] else { panic!("the round is over: {effects:?}") };
        assert_eq!(belated.answer(&world.closed[0]), Err(refusal));
    }
}

/// Client 3 gives a wrong share of every neighbour's secret. The others have enough without it.
#[test]
fn who_gives_wrong_shares_is_named_whether_they_were_needed_or_not() {
    let mut world = World::new();
    world.alters = Some(3);
    world.run(None);
    let record = world.closed.pop().unwrap();
    let (model, outcome) = unmasked(1..=4);
    assert_eq!((record.outcome, world.federation().model()), (outcome, &model));
    let masked = record.masked.unwrap();
    let holders = BTreeSet::from([3]);
    assert_eq!(masked.altered, [1, 2, 4].map(|owner| (owner, holders.clone())).into());
}

/// Client 3 seals a share for client 1 that does not open: client 1 leaves, and says because of whom.
#[test]
fn who_leaves_because_of_another_names_it_and_the_round_goes_on() {
    let mut world = World::new();
    let rng = |client: u32| ChaCha20Rng::seed_from_u64(client.into());
    let maskers: Vec<Masker> = (1..=4).map(|client| world.masker(client)).collect();
    let mut states = Vec::new();
    for (client, masker) in (1..).zip(&maskers) {
        let (state, message) = masker.advertise(&mut rng(client));
        assert_eq!(world.send(client, Stage::Advertise, &message), None);
        states.push(state);
    }
    let mut shared = Vec::new();
    for (client, state) in (1..).zip(states) {
        let roster = world.federation().task(1, client, Stage::Share).unwrap();
        let (state, mut message) = state.share(&roster, &mut rng(client + 10)).unwrap();
        if client == 3 {
            message[17 + 40] ^= 1; // within the first sealed share
        }
        assert_eq!(world.send(client, Stage::Share, &message), None);
        shared.push(state);
    }
    for (client, state) in (1..).zip(shared) {
        let delivery = world.federation().task(1, client, Stage::Input).unwrap();
        match state.mask(&delivery, &update(client)) {
            Ok((_, message)) => assert_eq!(world.send(client, Stage::Input, &message), None),
            Err(error) => {
                assert_eq!((client, error.accused()), (1, Some(3)));
                world.step(Event::Decline { client, round: 1, accused: error.accused() });
                // The first decline counts; a second one accuses nobody.
                world.step(Event::Decline { client, round: 1, accused: Some(2) });
            }
        }
    }
    assert_eq!(world.stage(), Stage::Confirm, "nobody waits for who left");
    world.wait();
    let record = world.closed.pop().unwrap();
    let masked = record.masked.unwrap();
    assert_eq!(record.declined, BTreeSet::from([1]));
    assert_eq!(masked.complaints, Complaints::from([(3, BTreeSet::from([1]))]));
    assert_eq!(masked.inputs, BTreeSet::from([2, 3, 4]));
}

#[test]
fn a_complaint_of_oneself_or_of_a_stranger_is_a_decline_and_no_more() {
    for accused in [1, 9] {
        let mut world = World::new();
        world.step(Event::Decline { client: 1, round: 1, accused: Some(accused) });
        world.wait();
        let record = world.closed.pop().unwrap();
        assert_eq!(
            (record.declined, record.masked.unwrap().complaints),
            (BTreeSet::from([1]), Complaints::new())
        );
    }
}

#[test]
fn keys_for_another_model_or_without_enrolment_are_refused() {
    let mut world = World::new();
    let open = world.open();
    let context = RoundContext { model: [9; 32], ..open.context() };
    let member = Member::new(1, identity(1), Arc::clone(open.setup()));
    let (_, message) = member.advertise(context, &mut ChaCha20Rng::seed_from_u64(1));
    let refused = world.send(1, Stage::Advertise, &message.encode()).unwrap();
    assert!(refused.to_string().contains("another model"), "{refused}");

    let rules = Rules::new(&Plan::parse(PLAN).unwrap());
    let (_, effects) = Federation::new(rules, model()).step(Event::Enrol { place: None, key: None }, START);
    assert!(matches!(effects[..], [Effect::Refused(Refusal::NoKey)]));
    let bare = Rules { masking: None::<MaskingRules>, ..Rules::new(&Plan::parse(PLAN).unwrap()) };
    let mut federation = Federation::new(bare, model());
    for client in 1..=4 {
        federation = federation.step(Event::Enrol { place: Some(client), key: None }, START).0;
    }
    let content = StageContent::Advert(message.into());
    let message = StageMessage { client: 1, round: 1, digest: None, content };
    let (_, effects) = federation.step(Event::Send(Box::new(message)), START);
    assert!(matches!(effects[..], [Effect::Refused(Refusal::NotMasked { round: 1 })]));
}
