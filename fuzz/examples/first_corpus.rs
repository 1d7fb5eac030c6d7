//! Writes something sound of every kind into `corpus/`, for the fuzzer to begin with. The messages of secure
//! aggregation are written by privet-core's own tests.

use privet_core::aggregation::Sum;
use privet_core::encoding::Update;
use privet_core::nn::{Loss, ModelConfig, Network, to_safetensors};
use privet_core::plan::BUILT_IN;
use privet_core::privacy::{Event, Ledger};
use privet_core::protocol::{
    CheckIn, CheckInAnswer, Decline, DeclineReason, Enrol, Enrolled, EnrolledClient, FederationState,
    HexDigest, PhaseName, PrivacyState, Problem, ReceiptMessage, RoundOutcome, RoundSummary, StageReceipt,
    TaskLease, UpdateMessage,
};
use privet_core::random::{Purpose, Seed};
use privet_core::round::{Chain, Contribution, Outcome, Recorded, RoundRecord, Timestamp};
use privet_core::secagg::{MaskedInput, Ring, Stage};
use privet_fuzz::properties::{REQUEST, SIGNED_AT, SIGNED_WITH, signer};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::{fs, io};

fn keep(name: &str, file: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(file), bytes)
}

fn tagged(tag: char, document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    Ok([tag.to_string().into_bytes(), serde_json::to_vec(document)?].concat())
}

fn main() -> Result<(), Box<dyn Error>> {
    vectors()?;
    messages()?;
    records()?;
    files()?;
    let headers = REQUEST.sign(&signer(), SIGNED_AT, SIGNED_WITH);
    let lines = [headers.content_digest, headers.signature_input, headers.signature];
    keep("signature", "sound", lines.join("\n"))?;
    keep("identity_key", "sound", signer().key().to_string())?;
    keep("key_file", "sound", "07".repeat(32) + "\n")?;
    Ok(())
}

fn vectors() -> Result<(), Box<dyn Error>> {
    let update = Update { delta: vec![1, -2, 1 << 16], weight: 7, loss: 5 };
    keep("update", "sound", UpdateMessage { round: 3, client: 2, update }.encode())?;
    keep("sum", "sound", Sum::new(3).encode())?;
    let input = MaskedInput { round: 3, client: 2, ring: Ring::BITS_64, words: vec![1_u64, u64::MAX] };
    keep("wide_input", "sound", input.encode())?;
    Ok(())
}

fn a_ledger() -> Result<Ledger, Box<dyn Error>> {
    let mut ledger = Ledger::new(1e-5, Some(8.0))?;
    ledger.record(Event::sampled_gaussian(1.0, 0.25, 3)?, 0.0)?;
    ledger.record(Event::sampled_gaussian(2.0, 0.5, 1)?, 1e-12)?;
    Ok(ledger)
}

fn messages() -> Result<(), Box<dyn Error>> {
    let (digest, key) = (HexDigest([1; 32]), signer().key());
    let state = FederationState {
        name: "garden".into(),
        plan: "name = \"garden\"\n".into(),
        plan_sha256: digest,
        phase: PhaseName::Collecting,
        round: 3,
        rounds: 10,
        enrolled: 3,
        wait_for: 3,
        places: 4,
        model_sha256: digest,
    };
    let privacy = PrivacyState {
        epsilon: 1.5,
        delta: 1e-5,
        target_epsilon: Some(8.0),
        releases: 4,
        exhausted: false,
        trusted: "coordinator".into(),
        clip: 1.0,
        noise_multiplier: 1.1,
        ledger: a_ledger()?,
    };
    let round = RoundSummary {
        round: 1,
        opened: 1_000,
        closed: 2_000,
        cohort: vec![1, 2],
        contributed: vec![1],
        declined: vec![2],
        late: vec![],
        outcome: RoundOutcome::Released { train_loss: Some(0.25) },
        epsilon: Some(0.5),
        clip: Some(1.0),
        masked: None,
        model_sha256: digest,
    };
    let stage = StageReceipt { round: 3, stage: Stage::Input, client: 2, message_sha256: digest };
    keep("messages", "federation", tagged('0', &state)?)?;
    keep("messages", "enrol", tagged('1', &Enrol { key, place: Some(2), token: None })?)?;
    keep("messages", "enrolled", tagged('2', &Enrolled { client: 2, plan_sha256: digest })?)?;
    keep("messages", "clients", tagged('3', &[EnrolledClient { client: 2, key, revoked: false }])?)?;
    keep("messages", "check-in", tagged('4', &CheckIn { client: 2 })?)?;
    let lease = TaskLease { token: "02".repeat(16).parse()?, milliseconds_left: 250 };
    let train =
        CheckInAnswer::Train { round: 3, model_sha256: digest, milliseconds_left: 500, clip: None, lease };
    keep("messages", "answer", tagged('5', &train)?)?;
    keep("messages", "decline", tagged('6', &Decline { reason: DeclineReason::Diverged, accused: None })?)?;
    let receipt = ReceiptMessage { round: 3, client: 2, weight: 7, update_sha256: digest };
    keep("messages", "receipt", tagged('7', &receipt)?)?;
    keep("messages", "stage", tagged('8', &stage)?)?;
    keep("messages", "rounds", tagged('9', &[round])?)?;
    keep("messages", "privacy", tagged('a', &privacy)?)?;
    keep("messages", "problem", tagged('b', &Problem::TooLate.document("too late"))?)?;
    Ok(())
}

fn records() -> Result<(), Box<dyn Error>> {
    let contribution = Contribution { weight: 7, digest: Some(HexDigest([2; 32])) };
    let record = RoundRecord {
        round: 1,
        opened: Timestamp(1_000),
        closed: Timestamp(2_000),
        cohort: BTreeSet::from([1, 2]),
        contributions: BTreeMap::from([(1, contribution)]),
        declined: BTreeSet::from([2]),
        late: BTreeSet::new(),
        outcome: Outcome::Released { weight: 7, train_loss: Some(0.25) },
        epsilon: Some(0.5),
        diagnostics: None,
        masked: None,
    };
    let digest = HexDigest([1; 32]);
    keep("records", "sealed", tagged('0', &Chain::new(digest).seal(&record, (digest, digest)))?)?;
    let collecting = r#"1{"round":3,"opened":1000,"deadline":2000,"cohort":[1,2],"wanted":2,"weight_cap":9,"norm_limit":65536}"#;
    keep("records", "collecting", collecting)?;
    keep("records", "interrupted", r#"2{"masked_round":3,"opened":1000,"cohort":[1,2]}"#)?;
    let event = Event::sampled_gaussian(1.0, 0.25, 1)?;
    keep("records", "recorded", tagged('3', &Recorded { round: 3, event, distance: 1e-12 })?)?;
    keep("ledger", "sound", serde_json::to_vec(&a_ledger()?)?)?;
    Ok(())
}

fn files() -> Result<(), Box<dyn Error>> {
    for built_in in BUILT_IN {
        keep("plan", built_in.name, built_in.text)?;
    }
    let config = ModelConfig { hidden: vec![2], ..ModelConfig::default() };
    let network = Network::new(&config, 3, 2, Loss::CrossEntropy { label_smoothing: 0.0 })?;
    let params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
    keep("model", "sound", to_safetensors(&network, &params))?;
    let images = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4];
    keep("images", "images", [&b"0"[..], &images].concat())?;
    keep("images", "labels", b"1\0\0\x08\x01\0\0\0\x03\x01\x02\x03")?;
    // An IDX file of two labels, gzipped.
    let gzipped = "1f8b08000000000002036360e0606460606066646206008be5bda40b000000";
    let gzipped = (0..gzipped.len()).step_by(2).map(|at| u8::from_str_radix(&gzipped[at..at + 2], 16));
    keep("images", "gzipped", [vec![b'1'], gzipped.collect::<Result<_, _>>()?].concat())?;
    keep("table", "sound", "age,town,ill\n30,Ulm,no\n41.5,Bonn,yes\n,Ulm,no\n\"7\",\"a \"\"b\"\"\",yes\n")?;
    Ok(())
}
