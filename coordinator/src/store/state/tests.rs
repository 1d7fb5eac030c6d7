//! What a state holds.

use super::*;
use privet_core::encoding::Update;
use privet_core::identity::Identity;
use privet_core::params::Layout;
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::round::Rules;

const START: Timestamp = Timestamp(1_000);
const PLAN: &str = "[federation]\nrounds = 3000\n[data]\nsource = \"digits\"\n[partition]\nclients = 3\n\
                    [cohort]\nminimum = 2\ndeadline-seconds = 10\n[encoding]\nfraction-bits = 16\n";

/// How much there is of all that a state holds but model files, which are two at the most.
fn size(state: &State) -> usize {
    let State {
        federation,
        members,
        nonces,
        chain,
        totals,
        current: _,
        previous: _,
        encode: _,
        lease_key: _,
    } = state;
    format!("{federation:?} {members:?} {nonces:?} {chain:?} {totals:?}").len()
}

#[test]
fn it_does_not_grow_with_the_rounds() {
    let layout = Arc::new(Layout::new([("0.bias".into(), vec![2])]));
    let federation = Federation::new(Rules::new(&Plan::parse(PLAN).unwrap()), Params::zeros(layout));
    let encode: Arc<ModelEncoder> =
        Arc::new(|model: &Params| model.values().iter().flat_map(|value| value.to_le_bytes()).collect());
    let lease_key = LeaseKey::new(&NoiseSeed::given([1; 32]));
    let mut state = State::new(federation, HexDigest::of(PLAN.as_bytes()), encode, lease_key);
    let (mut changes, mut now, mut sizes) = (Vec::new(), START, Vec::new());
    for client in 1..=3 {
        let key = Identity::from_random(&[client as u8; 32]).key();
        let request = Enrol { key, place: Some(client), token: None };
        state.enrol(&request, Invitation::NotNeeded, now, &mut changes).unwrap().unwrap();
    }
    for round in 1..=2_999 {
        // One of five rounds has too few.
        for client in 1..=(if round % 5 == 0 { 1 } else { 2 }) {
            let lease = state.check_in(client, now, &mut changes).unwrap().lease.unwrap();
            let holding = Holding { token: Some(lease.token), begun: now };
            let update = Update { delta: vec![1, 2], weight: client, loss: 3 };
            let digest = Some(HexDigest([client as u8; 32]));
            let submission = Submission { client, round, update, digest };
            state.submit(submission, holding, now, &mut changes).unwrap().unwrap();
        }
        now.0 += 10_000;
        state.tick(now, &mut changes);
        changes.clear();
        sizes.extend((round == 30 || round == 2_999).then(|| size(&state)));
    }
    assert_eq!((state.totals().released, state.totals().abandoned), (2_400, 599));
    assert!(sizes[1].abs_diff(sizes[0]) < 200, "{sizes:?}");
}
