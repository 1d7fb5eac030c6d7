//! A participant's way through a masked round: typed states, each consumed by the next, from bytes to bytes.
//!
//! ```text
//! Masker --advertise--> Advertised --roster--> Shared --delivery--> Masked --survivor set--> Confirmed
//!                                                                       --confirmations--> the answer
//! ```
//!
//! What each state gives is sent as it is, as often as it takes. A refusal consumes the state: a participant that was
//! lied to says nothing more in the round, and tells nothing of why.

use super::{Declined, Ready, Task, Worker};
use crate::aggregation::WordLayout;
use crate::encoding::Update;
use crate::nn::Examples;
use crate::round::{MaskingRules, StageContent};
use crate::secagg::{
    self, AnswerRecord, ClientError, Confirmations, DecodeError, DeliveryMessage, Member, Roster,
    RoundContext, Session, SurvivorSet,
};
use rand::CryptoRng;
use std::sync::Arc;
use zeroize::Zeroizing;

/// An update that leaves its client under masks only, and what the round is about.
/// The update does not print, nor compare, and is wiped when it is dropped.
#[derive(Clone)]
pub struct HiddenUpdate {
    /// What the round is about, as this client sees it.
    pub context: RoundContext,
    /// The update.
    pub update: Zeroizing<Update>,
}

/// A client in a masked round.
pub struct Masker {
    member: Member,
    context: RoundContext,
    layout: WordLayout,
}

/// Has sent its keys, and awaits everybody's.
pub struct Advertised<'a> {
    state: secagg::Advertised<'a>,
    layout: WordLayout,
}

/// Has shared its secrets, and awaits those of its neighbours.
pub struct Shared<'a> {
    state: secagg::Shared<'a>,
    layout: WordLayout,
}

/// Has sent its masked update, and awaits who else did.
pub struct Masked<'a>(secagg::Masked<'a>);

/// Has signed who survived, and awaits its neighbours' signatures.
pub struct Confirmed<'a>(secagg::Confirmed<'a>);

/// Why a participant leaves a masked round.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
pub enum MaskedRoundError {
    /// The coordinator's bytes are no message.
    #[error("the coordinator's message cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
    /// The coordinator's message would harm this client.
    #[error(transparent)]
    Refused(#[from] ClientError),
}

impl MaskedRoundError {
    /// The other participant because of which this one leaves, if the coordinator is honest: whom to name when it declines
    /// the rest of the round. None if nobody but the coordinator can be the cause.
    pub fn accused(&self) -> Option<u32> {
        match self {
            MaskedRoundError::Unreadable(_) => None,
            MaskedRoundError::Refused(error) => error.accused(),
        }
    }
}

impl Ready<'_> {
    /// Trains on the client's own rows, for a masked round. Long and blocking.
    pub fn train_masked(
        self,
        rules: &MaskingRules,
        examples: &dyn Examples,
        worker: &mut Worker,
    ) -> Result<HiddenUpdate, Declined> {
        let Ready { participant, round, model, clip } = self;
        let task = Task { round, client: participant.client(), model: &model, clip };
        let update = participant.update(task, examples, worker)?;
        Ok(HiddenUpdate { context: rules.context(round, &model, clip), update: update.into() })
    }
}

impl Masker {
    /// A client in the round that the context says, and how it writes its update.
    pub fn new(member: Member, context: RoundContext, layout: WordLayout) -> Masker {
        Masker { member, context, layout }
    }

    /// Gives its keys, signed.
    pub fn advertise(&self, rng: &mut impl CryptoRng) -> (Advertised<'_>, Vec<u8>) {
        let (state, message) = self.member.advertise(self.context, rng);
        (Advertised { state, layout: self.layout }, message.encode())
    }
}

impl<'a> Advertised<'a> {
    /// Takes everybody's keys, and gives its secrets in sealed shares.
    pub fn share(
        self,
        roster: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(Shared<'a>, Vec<u8>), MaskedRoundError> {
        let (state, message) = self.state.share(Roster::decode(roster)?, rng)?;
        Ok((Shared { state, layout: self.layout }, message.encode()))
    }

    /// [`Advertised::share`] with a roster that was verified in this process.
    pub(crate) fn share_in(
        self,
        session: Arc<Session>,
        rng: &mut impl CryptoRng,
    ) -> Result<(Shared<'a>, Vec<u8>), MaskedRoundError> {
        let (state, message) = self.state.share_in(session, rng)?;
        Ok((Shared { state, layout: self.layout }, message.encode()))
    }
}

impl<'a> Shared<'a> {
    /// Takes its neighbours' shares, and gives its update under masks.
    pub fn mask(self, delivery: &[u8], update: &Update) -> Result<(Masked<'a>, Vec<u8>), MaskedRoundError> {
        let masking = self.state.receive(&DeliveryMessage::decode(delivery)?)?;
        let (state, content) = mask_update(masking, update, &self.layout);
        Ok((Masked(state), content.encode()))
    }
}

impl<'a> Masked<'a> {
    /// Takes who survived, and gives its signature of it.
    pub fn confirm(self, survivors: &[u8]) -> Result<(Confirmed<'a>, Vec<u8>), MaskedRoundError> {
        let (state, message) = self.0.confirm(SurvivorSet::decode(survivors)?)?;
        Ok((Confirmed(state), message.encode()))
    }
}

impl Confirmed<'_> {
    /// Takes its neighbours' signatures, and gives the one answer of the round, which is on record before it is here.
    pub fn answer(
        self,
        confirmations: &[u8],
        record: &mut dyn AnswerRecord,
    ) -> Result<Zeroizing<Vec<u8>>, MaskedRoundError> {
        let answer = self.0.answer(&Confirmations::decode(confirmations)?, record)?;
        Ok(answer.encode())
    }
}

/// Masks an update in words of the layout's ring.
fn mask_update<'a>(
    masking: secagg::Masking<'a>,
    update: &Update,
    layout: &WordLayout,
) -> (secagg::Masked<'a>, StageContent) {
    if layout.ring().is_wide() {
        let (state, message) = masking.mask(update.to_words::<u64>(layout));
        (state, StageContent::WideInput(message))
    } else {
        let (state, message) = masking.mask(update.to_words::<u32>(layout));
        (state, StageContent::Input(message))
    }
}
