//! What must hold of every decoder that faces the network or a file, whatever bytes come.
//!
//! Each property is a function from bytes; it panics if it does not hold. The fuzz targets call them with what the
//! fuzzer finds, and an ordinary test calls them with every file of `corpus/`: it includes this file by its path, so
//! that both mean the same.

use privet_core::aggregation::Sum;
use privet_core::data::idx;
use privet_core::identity::{Identity, IdentityKey};
use privet_core::nn::{from_safetensors, to_safetensors};
use privet_core::plan::Plan;
use privet_core::privacy::Ledger;
use privet_core::protocol::signature::{Nonce, SIGNATURE_WINDOW, SignatureHeaders, SignedParts};
use privet_core::protocol::{
    CheckIn, CheckInAnswer, Decline, Enrol, Enrolled, EnrolledClient, FederationState, HexDigest,
    PrivacyState, ProblemDocument, ReceiptMessage, RoundSummary, StageReceipt, UpdateMessage,
};
use privet_core::round::{Collecting, Interrupted, Recorded, Rules, SealedRecord};
use privet_core::secagg::{
    AdvertMessage, Answer, Confirmation, Confirmations, DeliveryMessage, MaskedInput, Roster, SharesMessage,
    SurvivorSet,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What must hold of a decoder.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The name of its fuzz target and of its folder in `corpus/`.
    pub name: &'static str,
    /// Panics if it does not hold for these bytes.
    pub holds: fn(&[u8]),
    /// How many bytes one allocation may have for each byte of input, beside [`ALLOWANCE`].
    pub expansion: usize,
}

/// The bytes that an allocation may have however short the input is.
pub const ALLOWANCE: usize = 1 << 20;

/// Deflate makes no more of a byte, and a vector that grows reserves twice as much.
const INFLATED: usize = 2 * 1032;

/// The properties, by name.
pub const PROPERTIES: [Property; 22] = [
    property("advert", advert),
    property("roster", roster),
    property("shares", shares),
    property("delivery", delivery),
    property("masked_input", masked_input),
    property("wide_input", wide_input),
    property("survivor_set", survivor_set),
    property("confirmation", confirmation),
    property("confirmations", confirmations),
    property("answer", answer),
    property("update", update),
    property("sum", sum),
    property("messages", messages),
    property("records", records),
    property("ledger", ledger),
    property("identity_key", identity_key),
    property("key_file", key_file),
    property("signature", signature),
    property("model", model),
    property("plan", plan),
    Property { expansion: INFLATED, ..property("images", images) },
    Property { expansion: INFLATED, ..property("table", table) },
];

const fn property(name: &'static str, holds: fn(&[u8])) -> Property {
    Property { name, holds, expansion: 64 }
}

/// The property of this name.
pub fn named(name: &str) -> Property {
    *PROPERTIES.iter().find(|property| property.name == name).expect("every target has its property")
}

/// Bytes are the one writing of a message, or no message.
fn one_writing<M, E>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<M, E>, encode: impl Fn(&M) -> Vec<u8>) {
    if let Ok(message) = decode(bytes) {
        assert_eq!(encode(&message), bytes);
    }
}

fn advert(bytes: &[u8]) {
    one_writing(bytes, AdvertMessage::decode, AdvertMessage::encode);
}

fn roster(bytes: &[u8]) {
    one_writing(bytes, Roster::decode, Roster::encode);
}

fn shares(bytes: &[u8]) {
    one_writing(bytes, SharesMessage::decode, SharesMessage::encode);
}

fn delivery(bytes: &[u8]) {
    one_writing(bytes, DeliveryMessage::decode, DeliveryMessage::encode);
}

fn masked_input(bytes: &[u8]) {
    one_writing(bytes, MaskedInput::<u32>::decode, MaskedInput::encode);
}

fn wide_input(bytes: &[u8]) {
    one_writing(bytes, MaskedInput::<u64>::decode, MaskedInput::encode);
}

fn survivor_set(bytes: &[u8]) {
    one_writing(bytes, SurvivorSet::decode, SurvivorSet::encode);
}

fn confirmation(bytes: &[u8]) {
    one_writing(bytes, Confirmation::decode, Confirmation::encode);
}

fn confirmations(bytes: &[u8]) {
    one_writing(bytes, Confirmations::decode, Confirmations::encode);
}

fn answer(bytes: &[u8]) {
    one_writing(bytes, Answer::decode, |answer| answer.encode().to_vec());
}

fn update(bytes: &[u8]) {
    one_writing(bytes, UpdateMessage::decode, UpdateMessage::encode);
}

fn sum(bytes: &[u8]) {
    one_writing(bytes, Sum::decode, Sum::encode);
}

/// What is read of JSON is written, and read again, as the same.
fn one_meaning<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(document) = serde_json::from_slice::<T>(bytes) {
        let text = serde_json::to_vec(&document).expect("what was read can be written");
        let again: T = serde_json::from_slice(&text).expect("what was written can be read");
        assert_eq!(serde_json::to_vec(&again).expect("it was written before"), text);
    }
}

/// The first byte says which message it is.
fn messages(bytes: &[u8]) {
    let Some((which, document)) = bytes.split_first() else { return };
    match which {
        b'0' => one_meaning::<FederationState>(document),
        b'1' => one_meaning::<Enrol>(document),
        b'2' => one_meaning::<Enrolled>(document),
        b'3' => one_meaning::<Vec<EnrolledClient>>(document),
        b'4' => one_meaning::<CheckIn>(document),
        b'5' => one_meaning::<CheckInAnswer>(document),
        b'6' => one_meaning::<Decline>(document),
        b'7' => one_meaning::<ReceiptMessage>(document),
        b'8' => one_meaning::<StageReceipt>(document),
        b'9' => one_meaning::<Vec<RoundSummary>>(document),
        b'a' => one_meaning::<PrivacyState>(document),
        _ => one_meaning::<ProblemDocument>(document),
    }
}

/// What a coordinator keeps of rounds. The first byte says which of it.
fn records(bytes: &[u8]) {
    let Some((which, document)) = bytes.split_first() else { return };
    match which {
        b'0' => one_meaning::<SealedRecord>(document),
        b'1' => one_meaning::<Collecting>(document),
        b'2' => one_meaning::<Interrupted>(document),
        _ => one_meaning::<Recorded>(document),
    }
}

fn ledger(bytes: &[u8]) {
    one_meaning::<Ledger>(bytes);
}

/// A key has one writing but for capitals, and none that is weak is taken.
fn identity_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = text.parse::<IdentityKey>() {
        assert_eq!(key.to_string(), text.to_lowercase());
        assert_eq!(IdentityKey::from_bytes(&key.to_bytes()), Ok(key));
    }
}

/// A secret key is 64 digits, whose bytes it is of, and white space around them.
fn key_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let digits = text.trim();
    let is_key = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let identity = Identity::from_text(text);
    assert_eq!(identity.is_ok(), is_key);
    if let Ok(identity) = identity {
        let byte = |at: usize| u8::from_str_radix(&digits[2 * at..][..2], 16).expect("two digits");
        assert_eq!(identity.key(), Identity::from_random(&std::array::from_fn(byte)).key());
    }
}

/// The parts of the request that is signed in the corpus.
pub const REQUEST: SignedParts<'static> = SignedParts {
    method: "PUT",
    authority: "coordinator.example:7310",
    path: "/v1/rounds/3/updates/2",
    query: "",
    content: HexDigest([9; 32]),
};
/// When it is signed, in seconds since the Unix epoch.
pub const SIGNED_AT: u64 = 1_800_000_000;
/// With which nonce.
pub const SIGNED_WITH: Nonce = Nonce([3; 16]);

/// Whose signature it is.
pub fn signer() -> Identity {
    Identity::from_random(&[7; 32])
}

/// Three lines: `Content-Digest`, `Signature-Input`, `Signature`. Whatever they are, nobody has signed anything under
/// the signer's key but the one request.
fn signature(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n').map(str::to_owned);
    let (Some(content_digest), Some(signature_input), Some(signature)) =
        (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let headers = SignatureHeaders { content_digest, signature_input, signature };
    if let Ok(claim) = headers.verify(&REQUEST, SIGNED_AT) {
        assert!(claim.created.abs_diff(SIGNED_AT) <= SIGNATURE_WINDOW.as_secs());
        if claim.key == signer().key() {
            assert_eq!(
                (claim.created, claim.nonce, claim.content),
                (SIGNED_AT, SIGNED_WITH, REQUEST.content)
            );
        }
    }
}

/// A model that is read is finite, and comes back the same from what is written of it.
fn model(bytes: &[u8]) {
    if let Ok((network, params)) = from_safetensors(bytes) {
        assert!(params.values().iter().all(|value| value.is_finite()));
        let written = to_safetensors(&network, &params);
        let (same, again) = from_safetensors(&written).expect("what was written can be read");
        assert_eq!(again, params);
        assert_eq!(to_safetensors(&same, &again), written);
    }
}

/// A plan that is read means the same when it is written out, and has rules.
fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(plan) = Plan::parse(text) {
        let written = plan.to_toml();
        let again = Plan::parse(&written).expect("what was written can be read");
        assert_eq!(again.to_toml(), written);
        assert_eq!(again.digest(), plan.digest());
        assert_eq!(Rules::new(&again), Rules::new(&plan));
    }
}

/// The first byte says whether it is a file of images or of labels.
fn images(bytes: &[u8]) {
    let Some((which, file)) = bytes.split_first() else { return };
    if *which == b'0' {
        if let Ok(images) = idx::images("images", file) {
            assert_eq!(images.pixels.len(), images.count * images.height * images.width);
        }
    } else if let Ok(labels) = idx::labels("labels", file) {
        assert!(labels.len() <= INFLATED * file.len());
    }
}

/// A table with a number, a name and a label, in which values may be missing.
const TABLE_PLAN: &str = "\
[data]
source = \"csv\"
path = \"rows.csv\"
label = \"ill\"
classes = [\"no\", \"yes\"]
numeric = [\"age\"]
missing = \"drop-row\"
[data.categorical]
town = []
[partition]
clients = 2
";

fn table(bytes: &[u8]) {
    let plan = Plan::parse(TABLE_PLAN).expect("the plan of this table is sound");
    if let Ok(table) = plan.data().load_own(&mut |_| Ok(bytes.to_vec())) {
        let targets = table.targets().len();
        assert_eq!(targets, table.rows());
        assert!(table.rows() as u64 + table.dropped() <= (INFLATED * bytes.len()) as u64);
    }
}
