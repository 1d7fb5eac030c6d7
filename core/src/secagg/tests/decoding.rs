//! Whatever bytes come: a decoder gives the one message that they write, or refuses them.

use super::*;
use proptest::prelude::*;

/// A decoder, by the name of its fuzz target. It decodes, and writes again what it decoded.
pub(super) struct Decoder {
    pub(super) name: &'static str,
    again: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
}

/// In the order of stages, from 1.
pub(super) const DECODERS: [Decoder; 9] = [
    Decoder { name: "advert", again: |bytes| AdvertMessage::decode(bytes).map(|message| message.encode()) },
    Decoder { name: "roster", again: |bytes| Roster::decode(bytes).map(|message| message.encode()) },
    Decoder { name: "shares", again: |bytes| SharesMessage::decode(bytes).map(|message| message.encode()) },
    Decoder {
        name: "delivery",
        again: |bytes| DeliveryMessage::decode(bytes).map(|message| message.encode()),
    },
    Decoder {
        name: "masked_input",
        again: |bytes| MaskedInput::<u32>::decode(bytes).map(|message| message.encode()),
    },
    Decoder {
        name: "survivor_set",
        again: |bytes| SurvivorSet::decode(bytes).map(|message| message.encode()),
    },
    Decoder {
        name: "confirmation",
        again: |bytes| Confirmation::decode(bytes).map(|message| message.encode()),
    },
    Decoder {
        name: "confirmations",
        again: |bytes| Confirmations::decode(bytes).map(|message| message.encode()),
    },
    Decoder { name: "answer", again: |bytes| Answer::decode(bytes).map(|message| message.encode().to_vec()) },
];

/// The masked input of the other kind of word.
const WIDE_INPUT: Decoder = Decoder {
    name: "masked_input",
    again: |bytes| MaskedInput::<u64>::decode(bytes).map(|message| message.encode()),
};

fn messages() -> Transcript {
    let world = World::new(4, assumptions(Adversary::Curious), 2020);
    world.run::<u32>(3, &BTreeMap::from([(2, Stage::Input)])).1
}

fn decoder(message: &[u8]) -> &'static Decoder {
    &DECODERS[usize::from(message[4]) - 1]
}

#[test]
fn every_message_has_one_writing_and_no_other_length() {
    for message in messages() {
        let Decoder { name, again } = decoder(&message);
        assert_eq!(again(&message).as_ref(), Ok(&message), "{name}");
        for end in 0..message.len() {
            let refused = again(&message[..end]).unwrap_err();
            assert!(matches!(refused, DecodeError::TooShort { .. }), "{name}, {end}: {refused}");
        }
        let longer = [&message[..], &[0]].concat();
        assert_eq!(again(&longer), Err(DecodeError::Trailing { excess: 1 }), "{name}");
    }
}

#[test]
fn another_protocol_or_stage_is_refused() {
    for message in messages() {
        let Decoder { name, again } = decoder(&message);
        let mut other = message.clone();
        other[3] ^= 1;
        assert_eq!(again(&other), Err(DecodeError::Magic), "{name}");
        for found in [0, 10, 255, message[4] % 9 + 1] {
            let mut other = message.clone();
            other[4] = found;
            assert_eq!(again(&other), Err(DecodeError::Stage { expected: message[4], found }), "{name}");
        }
    }
}

#[test]
fn lists_that_lie_about_their_length_are_refused_before_anything_is_allocated() {
    let mut survivors = SurvivorSet { round: 1, survivors: vec![1], dropouts: vec![] }.encode();
    survivors[9..13].fill(0xff);
    assert!(matches!(SurvivorSet::decode(&survivors), Err(DecodeError::TooShort { .. })));
    let mut input = MaskedInput { round: 1, client: 1, ring: Ring::BITS_32, words: vec![1_u32] }.encode();
    input[14..18].fill(0xff);
    assert!(matches!(MaskedInput::<u32>::decode(&input), Err(DecodeError::TooShort { .. })));
}

#[test]
fn clients_out_of_order_are_refused() {
    for survivors in [vec![0], vec![2, 1], vec![3, 3]] {
        let client = *survivors.last().unwrap();
        let bytes = SurvivorSet { round: 1, survivors, dropouts: vec![] }.encode();
        assert_eq!(SurvivorSet::decode(&bytes), Err(DecodeError::Order { client }));
    }
}

#[test]
fn points_field_elements_and_words_have_one_writing() {
    let channel_key = 9 + 96 + 4;
    for key in [channel_key, channel_key + 32] {
        let mut advert = messages().remove(0);
        advert[key..key + 32].copy_from_slice(&[0xff; 32]);
        assert_eq!(AdvertMessage::decode(&advert), Err(DecodeError::Point { client: 1 }));
        advert[key] = 0xed; // 2^255 - 19, which is zero
        advert[key + 31] = 0x7f;
        assert_eq!(AdvertMessage::decode(&advert), Err(DecodeError::Point { client: 1 }));
        advert[key] = 0xec; // one less
        assert!(AdvertMessage::decode(&advert).is_ok());
    }

    let mut answer = messages().pop().unwrap();
    let first_share = 9 + 4 + 4 + 4;
    answer[first_share..first_share + 8].copy_from_slice(&((1_u64 << 61) - 1).to_le_bytes());
    assert!(matches!(Answer::decode(&answer), Err(DecodeError::FieldElement { .. })));

    let wide = MaskedInput { round: 1, client: 1, ring: Ring::BITS_64, words: vec![1_u64] }.encode();
    let refused = MaskedInput::<u32>::decode(&wide);
    assert_eq!(refused, Err(DecodeError::Ring { expected: 32, found: 64 }));
    assert_eq!(MaskedInput::<u64>::decode(&wide).unwrap().words, [1]);
}

#[test]
fn every_bit_behind_the_last_word_must_be_zero() {
    let ring = Ring::new(17).unwrap();
    let sent = MaskedInput { round: 1, client: 1, ring, words: vec![0x1_ffff_u32; 3] }.encode();
    assert_eq!(MaskedInput::<u32>::decode(&sent).unwrap().words, [0x1_ffff; 3]);
    // Three words have 51 bits: three of the seventh byte are theirs.
    assert_eq!(sent.last(), Some(&0b111));
    for bit in 3..8 {
        let mut padded = sent.clone();
        *padded.last_mut().unwrap() |= 1 << bit;
        assert_eq!(MaskedInput::<u32>::decode(&padded), Err(DecodeError::Padding), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn what_is_decoded_is_written_back_as_it_came(
        which: prop::sample::Index, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let messages = messages_once();
        let mut message = messages[which.index(messages.len())].clone();
        let again = decoder(&message).again;
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if let Ok(written) = again(&message) {
            prop_assert_eq!(written, message);
        }
    }

    #[test]
    fn a_masked_input_of_any_ring_is_written_back_as_it_came_or_refused(
        words in prop::collection::vec(any::<u64>(), 0..9), bits in prop_oneof![16_u32..=32, Just(64)],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let ring = Ring::new(bits).unwrap();
        let narrow = || words.iter().map(|word| *word as u32 & u32::MAX >> (32 - bits)).collect();
        let sent = match ring.is_wide() {
            true => MaskedInput { round: 7, client: 1, ring, words: words.clone() }.encode(),
            false => MaskedInput::<u32> { round: 7, client: 1, ring, words: narrow() }.encode(),
        };
        let mut bytes = sent.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let read = [DECODERS[4].again, WIDE_INPUT.again].map(|again| again(&bytes));
        for written in read.iter().flatten() {
            prop_assert_eq!(written, &bytes);
        }
        prop_assert!(read.iter().any(Result::is_err), "words of both kinds");
        prop_assert!(bytes != sent || read.iter().any(Result::is_ok));
    }

    #[test]
    fn garbage_behind_a_header_makes_no_decoder_panic(stage in 1_u8..=9, body in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [&b"psa1"[..], &[stage], &body].concat();
        if let Ok(written) = (DECODERS[usize::from(stage) - 1].again)(&bytes) {
            prop_assert_eq!(written, bytes);
        }
    }
}

fn messages_once() -> &'static Transcript {
    static MESSAGES: std::sync::OnceLock<Transcript> = std::sync::OnceLock::new();
    MESSAGES.get_or_init(messages)
}
