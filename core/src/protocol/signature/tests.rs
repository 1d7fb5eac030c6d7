use super::*;
use crate::identity::IdentityKey;
use httpsig::prelude::message_component::{HttpMessageComponent, HttpMessageComponentId};
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, PublicKey, SecretKey,
};

const NOW: u64 = 1_800_000_000;
const SECRET: [u8; 32] = [7; 32];
const ONCE: Nonce = Nonce([3; 16]);

fn identity() -> Identity {
    Identity::from_random(&SECRET)
}

fn parts() -> SignedParts<'static> {
    SignedParts {
        method: "PUT",
        authority: "coordinator.example:7310",
        path: "/v1/rounds/3/updates/2",
        query: "",
        content: HexDigest::of(b"update"),
    }
}

fn signed() -> SignatureHeaders {
    parts().sign(&identity(), NOW, ONCE)
}

#[test]
fn what_is_signed_is_claimed() {
    let claim = signed().verify(&parts(), NOW).unwrap();
    let expected =
        Claim { key: identity().key(), created: NOW, nonce: ONCE, content: HexDigest::of(b"update") };
    assert_eq!(claim, expected);
}

/// RFC 9421, appendix B.2.6, with the key of B.1.4.
#[test]
fn the_signature_of_the_rfc_is_ours() {
    let public = "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb".parse::<IdentityKey>();
    let mut secret = [0; 32];
    let digits = "9f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5";
    hex::decode_to_slice(digits, &mut secret).unwrap();
    let fields = [
        (string_ref("date"), "Tue, 20 Apr 2021 02:07:55 GMT"),
        (string_ref("@method"), "POST"),
        (string_ref("@path"), "/foo"),
        (string_ref("@authority"), "example.com"),
        (string_ref("content-type"), "application/json"),
        (string_ref("content-length"), "18"),
    ];
    let parameters = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                      ;created=1618884473;keyid=\"test-key-ed25519\"";
    let base = signature_base(fields.map(|(name, value)| line(name, value)), parameters);
    let expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let mut signature = DictSerializer::new();
    let _ = signature.bare_item(key_ref("sig"), &Identity::from_random(&secret).sign(base.as_bytes())[..]);
    assert_eq!(signature.finish().unwrap(), format!("sig=:{expected}:"));
    assert_eq!(Ok(Identity::from_random(&secret).key()), public);
}

fn component(line: &str) -> HttpMessageComponent {
    HttpMessageComponent::try_from(line).unwrap()
}

/// The lines of a signature base as another implementation writes them.
fn independent_lines(order: [usize; 5]) -> Vec<HttpMessageComponent> {
    let lines = [
        "\"@method\": PUT".to_owned(),
        "\"@authority\": coordinator.example:7310".to_owned(),
        "\"@path\": /v1/rounds/3/updates/2".to_owned(),
        "\"@query\": ?".to_owned(),
        format!("\"content-digest\": {}", signed().content_digest),
    ];
    order.map(|at| component(&lines[at])).to_vec()
}

#[test]
fn an_independent_implementation_takes_our_signature() {
    let headers = signed();
    let parsed = HttpSignatureHeaders::try_parse(&headers.signature, &headers.signature_input).unwrap();
    let theirs = &parsed["privet"];
    let base =
        HttpSignatureBase::try_new(&independent_lines([0, 1, 2, 3, 4]), theirs.signature_params()).unwrap();
    let key = PublicKey::from_bytes(&AlgorithmName::Ed25519, &identity().key().to_bytes()).unwrap();
    base.verify_signature_headers(&key, theirs).unwrap();
}

#[test]
fn we_take_the_signature_of_an_independent_implementation() {
    let lines = independent_lines([4, 2, 0, 3, 1]);
    let ids: Vec<HttpMessageComponentId> = lines.iter().map(|line| line.id.clone()).collect();
    let mut parameters = HttpSignatureParams::try_new(&ids).unwrap();
    parameters.set_created(NOW).set_keyid(&identity().key().to_string());
    parameters.set_nonce(&hex::encode(ONCE.0)).set_tag("privet-request").set_alg(&AlgorithmName::Ed25519);
    let base = HttpSignatureBase::try_new(&lines, &parameters).unwrap();
    let key = SecretKey::from_bytes(&AlgorithmName::Ed25519, &SECRET).unwrap();
    let theirs = base.build_signature_headers(&key, Some("privet")).unwrap();
    let headers = SignatureHeaders {
        content_digest: signed().content_digest,
        signature_input: theirs.signature_input_header_value(),
        signature: theirs.signature_header_value(),
    };
    let claim = headers.verify(&parts(), NOW).unwrap();
    assert_eq!((claim.key, claim.nonce), (identity().key(), ONCE));
}

#[test]
fn a_signature_for_anything_else_is_none() {
    let other = |parts: SignedParts<'_>| signed().verify(&parts, NOW);
    for parts in [
        SignedParts { method: "POST", ..parts() },
        SignedParts { authority: "coordinator.example", ..parts() },
        SignedParts { path: "/v1/rounds/3/updates/1", ..parts() },
        SignedParts { query: "a", ..parts() },
    ] {
        assert_eq!(other(parts), Err(SignatureError::Forged));
    }
    let another = parts().sign(&Identity::from_random(&[8; 32]), NOW, ONCE);
    let stolen = SignatureHeaders { signature: another.signature, ..signed() };
    assert_eq!(stolen.verify(&parts(), NOW), Err(SignatureError::Forged));
    let content = SignedParts { content: HexDigest::of(b"other"), ..parts() }.content_digest();
    let replaced = SignatureHeaders { content_digest: content, ..signed() };
    assert_eq!(replaced.verify(&parts(), NOW), Err(SignatureError::Forged));
    let nonce = signed().signature_input.replacen("03", "04", 1);
    let renewed = SignatureHeaders { signature_input: nonce, ..signed() };
    assert_eq!(renewed.verify(&parts(), NOW), Err(SignatureError::Forged));
}

#[test]
fn a_signature_lasts_as_long_as_the_window() {
    let window = SIGNATURE_WINDOW.as_secs();
    for now in [NOW - window, NOW, NOW + window] {
        signed().verify(&parts(), now).unwrap();
    }
    for now in [0, NOW - window - 1, NOW + window + 1, u64::MAX] {
        assert_eq!(signed().verify(&parts(), now), Err(SignatureError::Stale { created: NOW, now }));
    }
}

#[test]
fn headers_that_say_something_else_are_refused() {
    use SignatureError as E;
    let input = |from: &str, to: &str| {
        let sound = signed();
        assert!(sound.signature_input.contains(from), "{}", sound.signature_input);
        let signature_input = sound.signature_input.replacen(from, to, 1);
        SignatureHeaders { signature_input, ..sound }.verify(&parts(), NOW).unwrap_err()
    };
    assert_eq!(input("\"@path\" ", ""), E::Coverage);
    assert_eq!(input("\"@path\"", "\"@path\" \"@path\""), E::Coverage);
    assert_eq!(input("\"@path\"", "\"@path\" \"date\""), E::Coverage);
    assert_eq!(input("\"@path\"", "\"@path\";req"), E::Coverage);
    assert_eq!(input("ed25519", "hmac-sha256"), E::Parameter("alg"));
    assert_eq!(input("privet-request", "another"), E::Parameter("tag"));
    assert_eq!(input(";created=1800000000", ""), E::Parameter("created"));
    assert_eq!(input("1800000000", "-1800000000"), E::Parameter("created"));
    assert_eq!(input("\"0303", "\"03"), E::Parameter("nonce"));
    assert_eq!(input(";nonce=", ";n="), E::Parameter("nonce"));
    assert_eq!(input(";keyid=", ";k="), E::Parameter("keyid"));
    assert_eq!(input("privet=", "another="), E::NoSignature);
    assert_eq!(input("privet=(", "privet=1, x=("), E::Header("Signature-Input"));
    assert_eq!(input("(", "(("), E::Header("Signature-Input"));
    let key = identity().key().to_string();
    let one = format!("01{}", "0".repeat(62));
    assert_eq!(input(&key, &one), E::Key, "the neutral element verifies anything");
    assert_eq!(input(&key, &"f".repeat(64)), E::Key);

    let headers = |content_digest: &str, signature: &str| {
        let signature_input = signed().signature_input;
        let (content_digest, signature) = (content_digest.to_owned(), signature.to_owned());
        SignatureHeaders { content_digest, signature_input, signature }.verify(&parts(), NOW).unwrap_err()
    };
    let SignatureHeaders { content_digest, signature, .. } = signed();
    assert_eq!(headers("", &signature), E::NoContentDigest);
    assert_eq!(headers("sha-256=1", &signature), E::NoContentDigest);
    assert_eq!(headers("sha-256=:AAAA:", &signature), E::NoContentDigest);
    assert_eq!(headers("sha-256=", &signature), E::Header("Content-Digest"));
    assert_eq!(headers(&content_digest, ""), E::NoSignature);
    assert_eq!(headers(&content_digest, "privet=:AAAA:"), E::Header("Signature"));
    assert_eq!(headers(&content_digest, "privet=()"), E::Header("Signature"));
}
