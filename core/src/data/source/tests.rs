//! Files that are there, are not, and do not belong together.

use std::collections::BTreeMap;
use std::io;

use super::*;
use crate::nn::Examples;

/// Files in memory.
struct Folder(BTreeMap<&'static str, Vec<u8>>);

impl Folder {
    fn load(&self, plan: &DataPlan) -> Result<Loaded, LoadError> {
        plan.load(&mut |path| self.read(path))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn plan(text: &str) -> DataPlan {
    DataPlan::new(&toml::from_str(text).unwrap()).unwrap()
}

fn images(count: u8, side: u8) -> Vec<u8> {
    let header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side];
    let size = usize::from(count) * usize::from(side) * usize::from(side);
    header.into_iter().chain((0..size).map(|at| at as u8)).collect()
}

fn labels(labels: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat()
}

fn mnist() -> Folder {
    Folder(BTreeMap::from([
        ("d/train-images-idx3-ubyte.gz", images(4, 28)),
        ("d/train-labels-idx1-ubyte.gz", labels(&[0, 9, 1, 1])),
        ("d/t10k-images-idx3-ubyte", images(2, 28)),
        ("d/t10k-labels-idx1-ubyte", labels(&[3, 4])),
    ]))
}

const MNIST: &str = "source = 'mnist'\nfolder = 'd/'";

#[test]
fn the_four_files_of_mnist_are_found_gzipped_or_not() {
    let plan = plan(MNIST);
    let loaded = mnist().load(&plan).unwrap();
    let split = plan.split(&loaded).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (4, 2));
    assert_eq!(split.train.class_counts(), [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
    let mut row = [0.0; 784];
    split.test.copy_features(1, &mut row);
    assert_eq!(row[0], f32::from((784 % 256) as u8) / 255.0);
    assert!(loaded.train.attribution().is_some());
}

#[test]
fn what_is_wrong_with_the_files_is_told() {
    type Change = fn(&mut Folder);
    let cases: [(Change, &str); 6] = [
        (
            |f| drop(f.0.remove("d/train-labels-idx1-ubyte.gz")),
            "d/train-labels-idx1-ubyte.gz is not there: fetch it",
        ),
        (
            |f| drop(f.0.insert("d/train-labels-idx1-ubyte.gz", labels(&[1, 2]))),
            "d/train-images-idx3-ubyte.gz has 4 images, but d/train-labels-idx1-ubyte.gz has 2 labels",
        ),
        (
            |f| drop(f.0.insert("d/t10k-labels-idx1-ubyte", labels(&[3, 10]))),
            "d/t10k-labels-idx1-ubyte: the label of row 2 is 10, but there are only the classes 0 to 9",
        ),
        (
            |f| drop(f.0.insert("d/t10k-images-idx3-ubyte", images(2, 10))),
            "d/t10k-images-idx3-ubyte has images of 10 x 10 pixels, expected are 28 x 28",
        ),
        (|f| drop(f.0.insert("d/t10k-images-idx3-ubyte", Vec::new())), "d/t10k-images-idx3-ubyte is empty"),
        (
            |f| drop(f.0.insert("d/train-images-idx3-ubyte.gz", labels(&[1]))),
            "d/train-images-idx3-ubyte.gz is no IDX file of images: it begins with [00, 00, 08, 01]",
        ),
    ];
    for (change, expected) in cases {
        let mut folder = mnist();
        change(&mut folder);
        let error = folder.load(&plan(MNIST)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n  should say: {expected}");
    }
    let denied = plan(MNIST).load(&mut |_| Err(io::ErrorKind::PermissionDenied.into())).unwrap_err();
    assert!(matches!(denied, LoadError::Unreadable { .. }));
}

#[test]
fn images_of_any_name_and_size_are_read() {
    let files = Folder(BTreeMap::from([
        ("x/images", images(3, 2)),
        ("x/labels", labels(&[0, 2, 2])),
        ("y/images", images(2, 2)),
        ("y/labels", labels(&[0, 1])),
        ("x/test", images(1, 3)),
        ("x/answers", labels(&[3])),
    ]));
    let section = "source = 'idx'\ntrain-images = 'x/images'\ntrain-labels = 'x/labels'\n";
    let idx = plan(section);
    let loaded = files.load(&idx).unwrap();
    assert_eq!((loaded.train.width(), loaded.train.outputs(), loaded.test), (4, 3, None));
    assert_eq!(files.load(&idx.at("y").unwrap()).unwrap().train.rows(), 2);
    let other = plan(&format!("{section}test-images = 'x/test'\ntest-labels = 'x/answers'"));
    assert!(matches!(files.load(&other), Err(LoadError::Idx(IdxError::OtherSize { expected: (2, 2), .. }))));
    let other = plan(&format!("{section}test-images = 'x/images'\ntest-labels = 'x/answers'"));
    assert!(files.load(&other).is_err());
}

#[test]
fn test_rows_may_have_a_file_of_their_own() {
    let table = |rows: &str| format!("x,y\n{rows}").into_bytes();
    let mut files = Folder(BTreeMap::from([
        ("train.csv", table("a,no\nb,yes\nc,no\n")),
        ("test.csv", table("b,no\n")),
        ("mine.csv", table("b,no\nc,yes\n")),
    ]));
    let table_plan =
        plan("source = 'csv'\npath = 'train.csv'\ntest-path = 'test.csv'\nlabel = 'y'\ncategorical.x = []");
    let loaded = files.load(&table_plan).unwrap();
    let split = table_plan.split(&loaded).unwrap();
    assert_eq!((split.train.len(), split.test.len(), split.test.width()), (3, 1, 3));
    files.0.insert("test.csv", table("d,no\n"));
    let unseen = files.load(&table_plan).unwrap_err();
    assert!(matches!(unseen, LoadError::Table(TableError::UnseenCategory { line: 2, .. })), "{unseen}");

    let mine = table_plan.at("mine.csv").unwrap().load_own(&mut |path| files.read(path)).unwrap();
    assert_eq!((mine.rows(), mine.name()), (2, "mine.csv"));
    let nowhere = plan("source = 'csv'\nlabel = 'y'\ncategorical.x = []");
    assert!(matches!(files.load(&nowhere), Err(LoadError::NoPath)));
    assert!(matches!(plan("").at("mine.csv"), Err(LoadError::BuiltIn { source_name: "digits" })));
}
