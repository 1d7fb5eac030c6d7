//! The clients of masked rounds: each goes its way stage by stage, and its messages are sent as they are, again,
//! altered, or as somebody else's.

use super::Meddling;
use super::reference::{Ask, Manner};
use super::setting::{Body, Setting};
use super::world::World;
use crate::aggregation::WordLayout;
use crate::encoding::Update;
use crate::protocol::HexDigest;
use crate::round::{Event, Phase, StageContent, StageMessage};
use crate::secagg::{
    Advertised, Confirmations, Confirmed, DeliveryMessage, Identities, Identity, IdentityKey, LatestAnswer,
    Masked, Member, Roster, RoundContext, Setup, Shared, Stage, SurvivorSet,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::sync::Arc;

/// Everybody who may enrol.
pub(super) struct Members {
    identities: Vec<Identity>,
    members: Vec<Member>,
}

/// How far a client is in a masked round.
pub(super) enum Way<'a> {
    Advertised(Box<Advertised<'a>>),
    Shared(Shared<'a>),
    Masked(Masked<'a>),
    Confirmed(Confirmed<'a>),
}

impl Members {
    pub(super) fn new(setting: Setting) -> Members {
        let identities: Vec<Identity> =
            (1..=setting.places + 2).map(|client| Identity::from_random(&[client as u8; 32])).collect();
        let rules = setting.rules();
        let members = rules.masking.map(|masking| {
            let keys: Identities = (1..=setting.places).zip(identities.iter().map(Identity::key)).collect();
            let setup = Arc::new(Setup {
                identities: keys,
                assumptions: masking.masking.assumptions(),
                minimum: rules.minimum,
                ring: masking.masking.ring(),
            });
            let own = (1..=setting.places).map(|client| Identity::from_random(&[client as u8; 32]));
            (1..)
                .zip(own)
                .map(|(client, identity)| Member::new(client, identity, Arc::clone(&setup)))
                .collect()
        });
        Members { identities, members: members.unwrap_or_default() }
    }

    /// The key of whoever has this place, or would have it if there were one.
    pub(super) fn key(&self, client: u32) -> IdentityKey {
        let others = self.identities.len() - 1;
        self.identities[(client as usize + others) % self.identities.len()].key()
    }
}

impl<'a> World<'a> {
    /// Lets an awaited client do its part in the open stage.
    pub(super) fn go_on(&mut self, client: u32) {
        let Phase::Masked(open) = self.federation.phase() else { return };
        if !open.awaits(client) {
            return;
        }
        let (round, stage, layout, context) = (open.round(), open.stage(), open.layout(), open.context());
        let task = || self.federation.task(round, client, stage).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(round) * 1_000 + u64::from(client) * 10);
        let member = &self.members.members[client as usize - 1];
        let update = self.reference.setting.sent(client, round, Body::Right);
        let way = self.ways.remove(&client);
        let (next, content) = go(member, way, stage, context, layout, &update.update(), task, &mut rng);
        let bytes = content.encode();
        self.ways.extend(next.map(|next| (client, next)));
        self.sent.insert((round, stage, client), bytes.clone());
        let hides = (stage == Stage::Input).then_some(update);
        self.send((round, stage, client), &bytes, HexDigest::of(&bytes), Manner::InTurn(hides));
    }

    /// Sends what was sent before in another way: nothing comes of it.
    pub(super) fn meddle(&mut self, client: u32, meddling: Meddling) {
        let mut latest = self.sent.iter().rev();
        let found = match meddling {
            Meddling::Again(back) => latest.filter(|(at, _)| at.2 == client).nth(back),
            Meddling::Altered => latest.find(|(at, _)| at.2 == client),
            Meddling::AsAnother => latest.find(|(at, _)| at.2 != client),
        };
        let Some((&(round, stage, _), bytes)) = found else { return };
        let (bytes, mut digest) = (bytes.clone(), HexDigest::of(bytes));
        digest.0[0] ^= u8::from(meddling == Meddling::Altered);
        let counted = self.reference.counted.clone();
        let manner = if let Meddling::Again(_) = meddling { Manner::Again } else { Manner::Altered };
        self.send((round, stage, client), &bytes, digest, manner);
        assert_eq!(self.reference.counted, counted);
    }

    fn send(&mut self, at: (u32, Stage, u32), bytes: &[u8], digest: HexDigest, manner: Manner) {
        let (round, stage, client) = at;
        let ring = self.rules.masking.expect("it is masked").masking.ring();
        let content = StageContent::decode(stage, ring, bytes).unwrap();
        let message = StageMessage { client, round, digest: Some(digest), content };
        self.step(Event::Send(Box::new(message)), Ask::Message { client, round, stage, manner });
    }
}

/// The next state of a client, and what it sends.
#[expect(clippy::too_many_arguments, reason = "a client's part needs all that it was told")]
fn go<'a>(
    member: &'a Member,
    way: Option<Way<'a>>,
    stage: Stage,
    context: RoundContext,
    layout: WordLayout,
    update: &Update,
    task: impl Fn() -> Vec<u8>,
    rng: &mut ChaCha20Rng,
) -> (Option<Way<'a>>, StageContent) {
    match (stage, way) {
        (Stage::Advertise, _) => {
            let (state, message) = member.advertise(context, rng);
            (Some(Way::Advertised(Box::new(state))), StageContent::Advert(message.into()))
        }
        (Stage::Share, Some(Way::Advertised(state))) => {
            let (state, message) = state.share(Roster::decode(&task()).unwrap(), rng).unwrap();
            (Some(Way::Shared(state)), StageContent::Shares(message))
        }
        (Stage::Input, Some(Way::Shared(state))) => {
            let masking = state.receive(&DeliveryMessage::decode(&task()).unwrap()).unwrap();
            if layout.ring().is_wide() {
                let (state, input) = masking.mask(update.to_words::<u64>(&layout));
                return (Some(Way::Masked(state)), StageContent::WideInput(input));
            }
            let (state, input) = masking.mask(update.to_words::<u32>(&layout));
            (Some(Way::Masked(state)), StageContent::Input(input))
        }
        (Stage::Confirm, Some(Way::Masked(state))) => {
            let (state, message) = state.confirm(SurvivorSet::decode(&task()).unwrap()).unwrap();
            (Some(Way::Confirmed(state)), StageContent::Confirmation(message))
        }
        (Stage::Answer, Some(Way::Confirmed(state))) => {
            let confirmations = Confirmations::decode(&task()).unwrap();
            let answer = state.answer(&confirmations, &mut LatestAnswer::default()).unwrap();
            (None, StageContent::Answer(answer))
        }
        (stage, _) => panic!("the stage {stage} awaits a client that was not in the one before"),
    }
}
