//! Whether a request carries a sound signature, and what it claims then.

use super::base::{COVERED, line, signature_base};
use super::{
    ALGORITHM, CREATED, DIGEST, ED25519, KEY_ID, LABEL, NONCE, Nonce, REQUEST, SIGNATURE_WINDOW, SignedParts,
    TAG,
};
use crate::identity::IdentityKey;
use crate::protocol::HexDigest;
use sfv::{BareItem, Dictionary, InnerList, KeyRef, ListEntry, ListSerializer, Parser, StringRef};

/// The headers of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// The value of `Content-Digest`.
    pub content_digest: String,
    /// The value of `Signature-Input`.
    pub signature_input: String,
    /// The value of `Signature`.
    pub signature: String,
}

/// What a sound signature claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Whoever holds the secret half of this key has signed.
    pub key: IdentityKey,
    /// When, in seconds since the Unix epoch.
    pub created: u64,
    /// With this nonce.
    pub nonce: Nonce,
    /// A content with this digest: whether the content is that one is to be checked when it is there.
    pub content: HexDigest,
}

/// Why a request is not taken as signed.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// A header is not a structured field as it should be.
    #[error("the header `{0}` cannot be read: see RFC 9421 and RFC 9530")]
    Header(&'static str),
    /// There is no SHA-256 of the content.
    #[error("the header `Content-Digest` has no `sha-256`: send the digest of the content")]
    NoContentDigest,
    /// There is no signature under the label.
    #[error("`Signature-Input` and `Signature` have no member `privet`: sign the request under that label")]
    NoSignature,
    /// It covers too little, or what cannot be checked here.
    #[error(
        "the signature must cover \"@method\", \"@authority\", \"@path\", \"@query\" and \"content-digest\", each once \
         and nothing else"
    )]
    Coverage,
    /// A parameter is missing, or of another kind.
    #[error("the signature's parameter `{0}` is missing, or is not what it should be")]
    Parameter(&'static str),
    /// The key is weak, or none.
    #[error("`keyid` is no Ed25519 public key in 64 hexadecimal digits, or a weak one")]
    Key,
    /// It was signed too long ago, or is from the future.
    #[error(
        "the request was signed at {created}, it is {now} here (seconds since 1970): set this machine's clock, which \
         may differ by {window} s at the most", window = SIGNATURE_WINDOW.as_secs()
    )]
    Stale {
        /// When it says that it was signed, in seconds.
        created: u64,
        /// What time it is, in seconds.
        now: u64,
    },
    /// It is not the key's, or not for this request.
    #[error("the signature does not belong to this request and this key")]
    Forged,
}

impl SignatureHeaders {
    /// Checks that these parts of a request are signed, and gives what the signature claims. The `content` of the
    /// parts is not looked at: the claim has what was announced. `now` is in seconds since the Unix epoch.
    pub fn verify(&self, parts: &SignedParts<'_>, now: u64) -> Result<Claim, SignatureError> {
        let announced = announced(&self.content_digest)?;
        let parts = SignedParts { content: announced, ..*parts };
        let input = member(&self.signature_input, "Signature-Input")?;
        let ListEntry::InnerList(input) = input else {
            return Err(SignatureError::Header("Signature-Input"));
        };
        let ListEntry::Item(signature) = member(&self.signature, "Signature")? else {
            return Err(SignatureError::Header("Signature"));
        };
        let signature = signature.bare_item.as_byte_sequence().and_then(|bytes| bytes.try_into().ok());
        let signature: [u8; 64] = signature.ok_or(SignatureError::Header("Signature"))?;

        let claim = claim(&input, announced)?;
        if claim.created.abs_diff(now) > SIGNATURE_WINDOW.as_secs() {
            return Err(SignatureError::Stale { created: claim.created, now });
        }
        // The digest is covered in the writing in which it arrived, which may be another than ours.
        let value = |component: &StringRef| match component.as_str() {
            "content-digest" => self.content_digest.trim().to_owned(),
            component => parts.value(component),
        };
        let lines = covered(&input)?.into_iter().map(|component| line(component, value(component)));
        let base = signature_base(lines, &written(&input));
        match claim.key.verifies(base.as_bytes(), &signature) {
            true => Ok(claim),
            false => Err(SignatureError::Forged),
        }
    }
}

/// The digest that `Content-Digest` announces.
fn announced(header: &str) -> Result<HexDigest, SignatureError> {
    let digests: Dictionary =
        Parser::new(header).parse().map_err(|_| SignatureError::Header("Content-Digest"))?;
    let digest = match digests.get(DIGEST) {
        Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence(),
        _ => None,
    };
    let bytes = digest.and_then(|bytes| bytes.try_into().ok()).ok_or(SignatureError::NoContentDigest)?;
    Ok(HexDigest(bytes))
}

fn member(header: &str, name: &'static str) -> Result<ListEntry, SignatureError> {
    let mut members: Dictionary = Parser::new(header).parse().map_err(|_| SignatureError::Header(name))?;
    members.swap_remove(LABEL).ok_or(SignatureError::NoSignature)
}

/// The components that are covered, in their order: ours, each once, without parameters.
fn covered(input: &InnerList) -> Result<Vec<&StringRef>, SignatureError> {
    let known = |item: &sfv::Item| {
        let component = item.bare_item.as_string()?;
        let ours = COVERED.into_iter().find(|ours| *ours == component)?;
        item.params.is_empty().then_some(ours)
    };
    let found: Option<Vec<&StringRef>> = input.items.iter().map(known).collect();
    let found = found.ok_or(SignatureError::Coverage)?;
    let all = COVERED.iter().all(|component| found.contains(component));
    if all && found.len() == COVERED.len() { Ok(found) } else { Err(SignatureError::Coverage) }
}

fn claim(input: &InnerList, content: HexDigest) -> Result<Claim, SignatureError> {
    let text = |name: &KeyRef| input.params.get(name).and_then(BareItem::as_string).map(StringRef::as_str);
    if text(TAG) != Some(REQUEST.as_str()) {
        return Err(SignatureError::Parameter("tag"));
    }
    if input.params.contains_key(ALGORITHM) && text(ALGORITHM) != Some(ED25519.as_str()) {
        return Err(SignatureError::Parameter("alg"));
    }
    let created = input.params.get(CREATED).and_then(BareItem::as_integer).map(i64::from);
    let created = created.and_then(|seconds| u64::try_from(seconds).ok());
    let mut nonce = Nonce([0; 16]);
    let written = text(NONCE).ok_or(SignatureError::Parameter("nonce"))?;
    hex::decode_to_slice(written, &mut nonce.0).map_err(|_| SignatureError::Parameter("nonce"))?;
    let key = text(KEY_ID).ok_or(SignatureError::Parameter("keyid"))?;
    Ok(Claim {
        key: key.parse().map_err(|_| SignatureError::Key)?,
        created: created.ok_or(SignatureError::Parameter("created"))?,
        nonce,
        content,
    })
}

/// The covered components and the parameters, in the one writing that they have.
fn written(input: &InnerList) -> String {
    let mut list = ListSerializer::new();
    let mut covered = list.inner_list();
    covered.items(&input.items);
    let _ = covered.finish().parameters(&input.params);
    list.finish().expect("the list has a member")
}
