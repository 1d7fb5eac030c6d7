//! What a `[data]` section may say.

use super::*;
use crate::data::{DataPlan, Shape, Standardization};

const TABLE: &str = "
source = 'csv'
path = 'people.csv'
label = 'income'
classes = ['low', 'high']
numeric = ['age', 'hours']
ignore = ['id']
client-column = 'state'
missing = 'drop-row'
[categorical]
job = ['a', 'b', 'c']
state = ['x', 'y']
";

fn plan(text: &str) -> Result<DataPlan, DataConfigError> {
    DataPlan::new(&toml::from_str(text).unwrap())
}

#[test]
fn every_source_knows_its_shape() {
    let shape = |text: &str| plan(text).unwrap().shape();
    assert_eq!(shape(""), Some(Shape { features: 64, outputs: 10 }));
    assert_eq!(shape("source = 'heart'"), Some(Shape { features: 18, outputs: 2 }));
    assert_eq!(shape("source = 'mnist'"), Some(Shape { features: 784, outputs: 10 }));
    assert_eq!(shape(TABLE), Some(Shape { features: 7, outputs: 2 }));
    let regression = TABLE.replace("classes = ['low', 'high']", "task = 'regression'");
    assert_eq!(shape(&regression), Some(Shape { features: 7, outputs: 1 }));
    let open = TABLE.replace("['x', 'y']", "[]").replace("classes = ['low', 'high']\n", "");
    assert_eq!(shape(&open), None);
    assert_eq!(plan(&open).unwrap().undeclared(), ["state", "income"]);
    assert!(plan(TABLE).unwrap().undeclared().is_empty());
}

#[test]
fn the_key_at_fault_is_named() {
    let table = |from: &str, to: &str| TABLE.replace(from, to);
    let idx = "source = 'idx'\ntrain-images = 'a'\ntrain-labels = 'b'\n";
    let cases = [
        ("folder = 'x'".to_owned(), "folder"),
        ("source = 'heart'\nnumeric = ['age']".to_owned(), "numeric"),
        ("source = 'mnist'\ntest-fraction = 0.1".to_owned(), "test-fraction"),
        (table("path =", "test-path = 't.csv'\ntest-fraction = 0.5\npath ="), "test-fraction"),
        ("test-fraction = 1.0".to_owned(), "test-fraction"),
        ("test-fraction = nan".to_owned(), "test-fraction"),
        ("source = 'idx'".to_owned(), "train-images"),
        (format!("{idx}test-images = 'c'"), "test-labels"),
        (format!("{idx}classes = ['one']"), "classes"),
        (table("label = 'income'", ""), "label"),
        (table("['low', 'high']", "['low']"), "classes"),
        (table("['low', 'high']", "['low', 'low']"), "classes"),
        (table("['a', 'b', 'c']", "['a', 'a']"), "categorical"),
        (table("label =", "task = 'regression'\nlabel ="), "classes"),
        (table("ignore = ['id']", "ignore = ['age']"), "ignore"),
        (table("numeric = ['age', 'hours']", "numeric = ['age', 'age']"), "numeric"),
        (table("numeric = ['age', 'hours']", "numeric = ['income']"), "numeric"),
        (table("client-column = 'state'", "client-column = 'income'"), "client-column"),
        (table("label =", "weight-column = 'income'\nlabel ="), "weight-column"),
        (table("label =", "weight-column = 'age'\nlabel ="), "weight-column"),
        (table("client-column = 'state'", "client-column = 'w'\nweight-column = 'w'"), "client-column"),
        ("source = 'heart'\nweight-column = 'age'".to_owned(), "weight-column"),
        (table("label =", "separator = ';;'\nlabel ="), "separator"),
        (table("label =", "separator = ''\nlabel ="), "separator"),
        ("source = 'csv'\nlabel = 'y'".to_owned(), "numeric"),
        (table("label =", "standardize = 'scale'\nlabel ="), "standardize"),
        (table("label =", "standardize = 'plan'\nlabel ="), "reference"),
        ("standardize = 'plan'".to_owned(), "reference"),
        ("reference.pixel = { mean = 0.1, deviation = 0.3 }".to_owned(), "reference"),
        ("standardize = 'plan'\nreference.age = { mean = 0.1, deviation = 0.3 }".to_owned(), "reference"),
        ("standardize = 'plan'\nreference.pixel = { mean = 0.1, deviation = 0.0 }".to_owned(), "reference"),
        ("standardize = 'plan'\nreference.pixel = { mean = inf, deviation = 1.0 }".to_owned(), "reference"),
    ];
    for (text, key) in cases {
        let error = plan(&text).expect_err(&text);
        assert_eq!(error.key(), key, "{text}\n{error}");
    }
    assert!(toml::from_str::<DataConfig>("sauce = 'digits'").is_err());
}

#[test]
fn what_is_publicly_known_can_stand_in_the_plan() {
    let reference = Reference { mean: 0.1307, deviation: 0.3081 };
    let images = plan(
        "source = 'mnist'\nstandardize = 'plan'\nreference.pixel = { mean = 0.1307, deviation = 0.3081 }",
    );
    let expected = Standardization::Plan(crate::data::References::EveryPixel(reference));
    assert_eq!(images.unwrap().standardization(), &expected);

    let heart = plan("source = 'heart'\nreference.age = { mean = 60, deviation = 5 }").unwrap();
    let Standardization::Plan(crate::data::References::PerColumn(of)) = heart.standardization() else {
        panic!()
    };
    assert_eq!((of["age"].mean, of["chol"].mean), (60.0, 200.0));
}

#[test]
fn defaults_are_written_out_where_they_matter() {
    let resolved = |text: &str| toml::from_str::<DataConfig>(text).unwrap().resolved();
    let shown = |text: &str| toml::to_string(&resolved(text)).unwrap();
    assert_eq!(shown(""), "source = \"digits\"\nstandardize = \"scale\"\ntest-fraction = 0.2\n");
    assert_eq!(
        shown("source = 'fashion-mnist'"),
        "source = \"fashion-mnist\"\nfolder = \"data/fashion-mnist\"\nstandardize = \"scale\"\n"
    );
    let heart = shown("source = 'heart'");
    assert!(heart.contains("[reference.oldpeak]\nmean = 1.0\ndeviation = 1.0\n"), "{heart}");
    let table = shown(TABLE);
    for line in [
        "separator = \",\"",
        "task = \"classification\"",
        "missing-markers = [\"\", \"?\"]",
        "standardize = \"client\"",
    ] {
        assert!(table.contains(line), "{line} in\n{table}");
    }
    for text in ["", "source = 'heart'", "source = 'mnist'", TABLE] {
        let resolved = resolved(text);
        assert_eq!(DataPlan::new(&resolved), plan(text), "what is shown means the same");
        assert_eq!(toml::from_str::<DataConfig>(&toml::to_string(&resolved).unwrap()).unwrap(), resolved);
    }
}
