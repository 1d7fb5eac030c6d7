//! A small round, message by message, as it must stay: another version that speaks the same protocol sends the same.

use super::*;

/// One message a line, in hexadecimal; written by [`write_the_round_down`].
const ROUND: &str = include_str!("../../../vectors/secagg_round.txt");

/// Four clients; the second vanishes before its masked input.
fn round() -> Transcript {
    let world = World::new(4, assumptions(Adversary::Curious), 2020);
    let (result, transcript) = world.run::<u32>(3, &BTreeMap::from([(2, Stage::Input)]));
    assert_eq!(result.unwrap().sum, world.sum::<u32>(&BTreeSet::from([1, 3, 4]), 3));
    transcript
}

#[test]
fn the_round_is_the_known_one() {
    let known: Vec<Vec<u8>> = ROUND.lines().map(|line| hex::decode(line).unwrap()).collect();
    assert_eq!(round().len(), 25);
    assert_eq!(round(), known);
}

/// Only for a new version of the protocol; also gives the decoders' fuzz targets a corpus to begin with.
#[test]
#[ignore = "writes files"]
fn write_the_round_down() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines: String = round().iter().map(|message| hex::encode(message) + "\n").collect();
    std::fs::write(root.join("vectors/secagg_round.txt"), lines).unwrap();
    for (at, message) in round().iter().enumerate() {
        let folder = root.join("../fuzz/corpus").join(decoding::DECODERS[usize::from(message[4]) - 1].name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("round-{at:02}")), message).unwrap();
    }
}
