//! Making data sets of files: 60,000 and 10,000 images of 28 x 28 in IDX files, as MNIST comes, and a table of 100,000
//! rows and 20 columns.
//!
//! `cargo bench -p privet-core --bench loading`. The files are made up and lie in memory, so that what is timed is the
//! reading and checking; throughput is in bytes of the files.

use divan::Bencher;
use divan::counter::BytesCount;
use privet_core::plan::Plan;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

fn main() {
    divan::main();
}

/// The four files of MNIST, not compressed.
#[divan::bench]
fn images(bencher: Bencher) {
    let files = [("train", 60_000), ("t10k", 10_000)].into_iter().flat_map(|(set, rows)| {
        [
            (format!("folder/{set}-images-idx3-ubyte"), image_file(rows)),
            (format!("folder/{set}-labels-idx1-ubyte"), label_file(rows)),
        ]
    });
    load(bencher, "source = \"mnist\"\nfolder = \"folder\"", files.collect());
}

/// Twenty columns of numbers and one of two words.
#[divan::bench(sample_count = 10)]
fn table(bencher: Bencher) {
    let files = BTreeMap::from([("rows.csv".to_owned(), table_file(100_000, 20))]);
    let columns: Vec<String> = (0..20).map(|column| format!("\"x{column}\"")).collect();
    let numeric = columns.join(",");
    let data = format!("source = \"csv\"\npath = \"rows.csv\"\nlabel = \"ill\"\nnumeric = [{numeric}]");
    load(bencher, &data, files);
}

fn load(bencher: Bencher, data: &str, files: BTreeMap<String, Vec<u8>>) {
    let plan =
        Plan::parse(&format!("[data]\n{data}\n[partition]\nclients = 10\n")).expect("the plan is sound");
    let bytes: usize = files.values().map(Vec::len).sum();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let mut read =
            |path: &str| files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        plan.data().load(&mut read).expect("the files are sound")
    });
}

fn image_file(rows: u32) -> Vec<u8> {
    let mut file = [2051, rows, 28, 28].map(u32::to_be_bytes).concat();
    file.extend((0..rows * 784).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8));
    file
}

fn label_file(rows: u32) -> Vec<u8> {
    let mut file = [2049, rows].map(u32::to_be_bytes).concat();
    file.extend((0..rows).map(|row| (row % 10) as u8));
    file
}

fn table_file(rows: u32, columns: u32) -> Vec<u8> {
    let mut text: String = (0..columns).map(|column| format!("x{column},")).collect();
    text.push_str("ill\n");
    for row in 0..rows {
        for column in 0..columns {
            let number = (row * columns + column).wrapping_mul(2_654_435_761) >> 12;
            write!(text, "{}.{:03},", number / 1000, number % 1000).expect("a string takes all text");
        }
        text.push_str(if row % 3 == 0 { "yes\n" } else { "no\n" });
    }
    text.into_bytes()
}
