//! Wrong shares in answers: left out and named, or the round releases nothing.

use super::*;

/// Four answers of five clients, each secret with three or four holders of which three are needed, some of them changed.
fn with_altered(change: impl Fn(&mut [Answer])) -> Result<Unmasked<u32>, Failed> {
    let (mut unmasking, mut answers) = answers(&world());
    change(&mut answers);
    answers.into_iter().for_each(|answer| unmasking.accept(answer).unwrap());
    unmasking.close()
}

#[test]
fn one_wrong_share_with_one_to_spare_is_left_out_and_its_holder_named() {
    // Clients 1 to 4 hold shares of the key of client 5, which dropped out. That of client 4 is one more than is needed.
    for holder in 1..=4 {
        let unmasked = with_altered(|answers| {
            let answer = &mut answers[holder - 1];
            answer.of_dropouts[0].1 = answer.of_survivors[1].1.clone();
        });
        let unmasked = unmasked.unwrap();
        assert_eq!(unmasked.sum, world().sum::<u32>(&BTreeSet::from([1, 2, 3, 4]), 2));
        assert_eq!(unmasked.altered, Altered::from([(5, BTreeSet::from([holder as u32]))]));
    }
}

#[test]
fn more_wrong_shares_than_there_are_to_spare_release_nothing() {
    let failed = with_altered(|answers| {
        answers[1].of_survivors[0].1 = answers[1].of_survivors[1].1.clone();
    });
    let failed = failed.unwrap_err();
    assert_eq!(failed.reason, CoordinatorError::AlteredShares { owner: 1, threshold: 3, found: 3 });
    // Who is known to have given a wrong share is named none the less.
    let failed = with_altered(|answers| {
        answers[1].of_survivors[0].1 = answers[1].of_survivors[1].1.clone();
        answers[1].of_dropouts[0].1 = answers[1].of_survivors[1].1.clone();
    });
    assert_eq!(failed.unwrap_err().altered, Altered::from([(5, BTreeSet::from([2]))]));
    let failed = with_altered(|answers| {
        for answer in &mut answers[..2] {
            answer.of_dropouts[0].1 = answer.of_survivors[1].1.clone();
        }
    });
    let refused = CoordinatorError::AlteredShares { owner: 5, threshold: 3, found: 4 };
    assert_eq!(failed.unwrap_err().reason, refused);
}
