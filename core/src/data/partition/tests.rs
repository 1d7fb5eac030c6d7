//! What every rule promises, and what each of them does to real digits.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::data::Split;
use crate::data::built_in::digits;
use crate::data::dataset::{Dataset, Features, Groups, Targets};
use crate::random::{Purpose, Seed};

fn partition(text: &str) -> Partition {
    Partition::new(&toml::from_str(text).unwrap()).unwrap()
}

fn stream(seed: u64) -> Stream {
    Seed(seed).stream(Purpose::Partition)
}

fn table(labels: Vec<u32>) -> Dataset {
    let features = Features::Floats(vec![0.0; labels.len()]);
    let names = (0..4).map(|class| class.to_string()).collect();
    Dataset::new("t", 1, features, Targets::Classes { labels, names }).unwrap()
}

fn regression(rows: u16) -> Shard {
    let values = (0..rows).map(|row| f32::from(row % 7)).collect();
    let features = Features::Floats(vec![0.0; rows.into()]);
    Shard::all(Arc::new(Dataset::new("r", 1, features, Targets::Values(values)).unwrap()))
}

fn train_digits() -> Shard {
    Split::hold_back(Arc::new(digits()), 0.2).unwrap().train
}

fn sizes(shards: &[Shard]) -> Vec<usize> {
    shards.iter().map(Shard::len).collect()
}

/// How many classes a client has on average, of those with a share of at least 1 % of its rows.
fn mean_classes(shards: &[Shard]) -> f64 {
    let of = |shard: &Shard| {
        let least = shard.len() as u64 / 100;
        shard.class_counts().into_iter().filter(|&count| count > least).count()
    };
    shards.iter().map(of).sum::<usize>() as f64 / shards.len() as f64
}

proptest! {
    #[test]
    fn every_row_goes_to_one_client_and_every_client_has_rows(
        labels in prop::collection::vec(0u32..4, 40..300),
        clients in 1u32..20,
        seed in any::<u64>(),
        rule in prop::sample::select(vec![
            "by = 'iid'", "by = 'shards'", "by = 'dirichlet'\nalpha = 0.05", "by = 'dirichlet'\nalpha = 50.0",
            "by = 'quantity'\nsigma = 3.0\nmin-rows = 2", "by = 'quantity'\nsigma = 0.0",
        ]),
    ) {
        let rows = labels.len();
        let train = Shard::all(Arc::new(table(labels)));
        let partition = partition(&format!("{rule}\nclients = {clients}"));
        let shards = partition.assign(&train, stream(seed)).unwrap();

        prop_assert_eq!(shards.len(), clients as usize);
        prop_assert!(shards.iter().all(|shard| shard.len() >= partition.min_rows as usize));
        prop_assert!(shards.iter().all(|shard| shard.rows().is_sorted()));
        let mut all = shards.iter().flat_map(|shard| shard.rows().to_vec()).collect::<Vec<_>>();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..rows as u32), "disjoint and complete");

        let again = partition.assign(&train, stream(seed)).unwrap();
        prop_assert!(shards.iter().zip(&again).all(|(a, b)| a.rows() == b.rows()), "repeatable");
        let spread = sizes(&shards).into_iter().max().unwrap() - sizes(&shards).into_iter().min().unwrap();
        match partition.rule {
            CheckedRule::Iid { .. } | CheckedRule::Dirichlet { .. } => prop_assert!(spread <= 1),
            CheckedRule::Shards { shards, .. } => prop_assert!(spread <= shards as usize),
            _ => {}
        }
    }
}

#[test]
fn another_seed_deals_other_rows() {
    let train = train_digits();
    for rule in ["by = 'iid'", "by = 'shards'", "by = 'dirichlet'", "by = 'quantity'"] {
        let [one, two] = [1, 2].map(|seed| partition(rule).assign(&train, stream(seed)).unwrap());
        assert_ne!(one[0].rows(), two[0].rows(), "{rule}");
    }
}

#[test]
fn two_shards_are_about_two_classes() {
    let shards = partition("by = 'shards'\nclients = 100").assign(&train_digits(), stream(1)).unwrap();
    assert_eq!(sizes(&shards).iter().sum::<usize>(), 4_496);
    assert!((1.5..2.6).contains(&mean_classes(&shards)), "{}", mean_classes(&shards));
}

#[test]
fn a_smaller_alpha_leaves_fewer_classes() {
    let train = train_digits();
    let of = |alpha: &str| {
        let rule = format!("by = 'dirichlet'\nalpha = {alpha}\nclients = 40");
        mean_classes(&partition(&rule).assign(&train, stream(1)).unwrap())
    };
    let (strong, usual, none) = (of("0.05"), of("0.5"), of("100.0"));
    assert!(strong < 4.0 && (4.0..9.0).contains(&usual) && none > 9.9, "{strong} {usual} {none}");
}

#[test]
fn what_is_left_at_the_end_does_not_fall_to_the_last_clients() {
    let train = train_digits();
    let rule = partition("by = 'dirichlet'\nalpha = 0.3\nclients = 40");
    let largest_share = |shards: &[Shard]| {
        let of = |shard: &Shard| *shard.class_counts().iter().max().unwrap() as f64 / shard.len() as f64;
        shards.iter().map(of).sum::<f64>() / shards.len() as f64
    };
    let (mut first, mut last) = (0.0, 0.0);
    for seed in 0..20 {
        let shards = rule.assign(&train, stream(seed)).unwrap();
        first += largest_share(&shards[..4]) / 20.0;
        last += largest_share(&shards[36..]) / 20.0;
    }
    assert!((first - last).abs() < 0.05, "{first} {last}");
}

#[test]
fn a_large_sigma_makes_sizes_differ() {
    let train = train_digits();
    let shards = partition("by = 'quantity'\nclients = 50\nmin-rows = 5").assign(&train, stream(1)).unwrap();
    let sizes = sizes(&shards);
    let (least, most) = (*sizes.iter().min().unwrap(), *sizes.iter().max().unwrap());
    assert!(least >= 5 && most > 10 * least, "{least} to {most}");
}

#[test]
fn a_column_deals_its_own_rows() {
    let groups =
        Groups { column: "site".into(), names: vec!["a".into(), "b".into()], of_row: vec![1, 0, 1, 1] };
    let train = Shard::all(Arc::new(table(vec![0, 1, 0, 1]).with_groups(groups).unwrap()));
    let by_column = partition("by = 'column'");
    let shards = by_column.assign(&train, stream(1)).unwrap();
    assert_eq!(shards.iter().map(Shard::rows).collect::<Vec<_>>(), [&[1][..], &[0, 2, 3]]);
    assert_eq!(by_column.client_names(&train), ["a", "b"]);

    let refused = partition("by = 'column'\nclients = 3").assign(&train, stream(1)).unwrap_err();
    assert_eq!(refused, PartitionError::OtherNumberOfClients { asked: 3, found: 2, column: "site".into() });
    let small = partition("by = 'column'\nmin-rows = 2").assign(&train, stream(1)).unwrap_err();
    assert!(matches!(small, PartitionError::TooFewRows { client: 1, rows: 1, min_rows: 2, .. }), "{small}");
    let without = train.select([0, 2, 3]).unwrap();
    let none = by_column.assign(&without, stream(1)).unwrap_err();
    assert!(none.to_string().starts_with("client 1 (a) has 0 training row(s)"), "{none}");
}

#[test]
fn what_cannot_be_dealt_is_refused() {
    let train = Shard::all(Arc::new(table(vec![0, 1, 2])));
    let refused = |rule: &str, train: &Shard| partition(rule).assign(train, stream(1)).unwrap_err();
    for rule in ["iid", "shards", "dirichlet", "quantity"] {
        let error = refused(&format!("by = '{rule}'\nclients = 4"), &train);
        assert_eq!(error, PartitionError::MoreClientsThanRows { clients: 4, rows: 3 });
        assert_eq!(error.key(), "clients");
    }
    let error = refused("by = 'shards'\nclients = 2", &train);
    assert_eq!(error, PartitionError::MoreShardsThanRows { clients: 2, shards: 2, rows: 3 });
    assert_eq!(refused("by = 'column'", &train), PartitionError::NoClientColumn { dataset: "t".into() });
    assert!(matches!(
        refused("by = 'quantity'\nclients = 3\nmin-rows = 2", &train),
        PartitionError::TooFewRows { client: 1, rows: 1, min_rows: 2, .. }
    ));
    let values = regression(40);
    assert_eq!(refused("by = 'dirichlet'", &values), PartitionError::NeedsClasses { dataset: "r".into() });
    assert_eq!(sizes(&partition("by = 'shards'").assign(&values, stream(1)).unwrap()), [4; 10]);
}

#[test]
fn ten_thousand_clients_are_served() {
    let labels = (0..60_000).map(|row| row % 4).collect();
    let train = Shard::all(Arc::new(table(labels)));
    for rule in ["iid", "shards", "dirichlet", "quantity"] {
        let shards = partition(&format!("by = '{rule}'\nclients = 10000")).assign(&train, stream(1)).unwrap();
        assert_eq!(sizes(&shards).iter().sum::<usize>(), 60_000, "{rule}");
    }
}
