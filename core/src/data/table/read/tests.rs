//! Tables as they should be, and as they come.

use proptest::prelude::*;

use super::*;
use crate::data::config::{DataConfig, check};
use crate::data::source::Source;

const SECTION: &str = "
source = 'csv'
label = 'sick'
numeric = ['age', 'weight']
ignore = ['id']
client-column = 'site'
[categorical]
sex = ['f', 'm']
blood = []
";

const GOOD: &str = "\
id,weight,age,sex,blood,site,sick
1,70.5,50,f,A,north,yes
2,80,40,m,0,south,no
3,60,30,f,AB,north,no
";

fn schema(section: &str) -> Schema {
    let config: DataConfig = toml::from_str(section).unwrap();
    match check::source(&config).unwrap() {
        Source::Csv(table) => table.schema,
        other => panic!("{other:?}"),
    }
}

fn read(text: &str) -> Result<Parsed, TableError> {
    parse("t.csv", text.as_bytes(), &schema(SECTION))
}

fn refused(text: &str) -> String {
    read(text).map(|_| ()).unwrap_err().to_string()
}

fn with(section: &str, text: &str) -> Result<Parsed, TableError> {
    parse("t.csv", text.as_bytes(), &schema(section))
}

#[test]
fn the_features_come_in_the_order_of_the_plan() {
    let Parsed { dataset, schema } = read(GOOD).unwrap();
    let names: Vec<_> = dataset.columns().iter().map(|column| (&*column.name, column.measured)).collect();
    let expected = [
        ("age", true),
        ("weight", true),
        ("blood=0", false),
        ("blood=A", false),
        ("blood=AB", false),
        ("sex=f", false),
        ("sex=m", false),
    ];
    assert_eq!(names, expected);
    let Features::Floats(values) = dataset.features() else { panic!("floats") };
    assert_eq!(values[..7], [50.0, 70.5, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(values[7..14], [40.0, 80.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let (labels, names) = (vec![1, 0, 0], vec!["no".into(), "yes".into()]);
    assert_eq!(dataset.targets(), &Targets::Classes { labels, names });
    let groups = dataset.groups().unwrap();
    assert_eq!(
        (&groups.names[..], &groups.of_row[..]),
        (&["north".into(), "south".into()][..], &[0, 1, 0][..])
    );
    assert!(schema.undeclared().is_empty(), "what was collected is declared for the test file");
    assert_eq!(schema.shape(), Some((7, 2)));
}

#[test]
fn a_weight_is_no_feature_and_must_be_a_number_from_zero_on() {
    let section = format!("weight-column = 'id'\n{}", SECTION.replace("ignore = ['id']", ""));
    let weighted = with(&section, &GOOD.replace("\n2,", "\n0,")).unwrap().dataset;
    assert_eq!(weighted.weights(), Some(&[1.0, 0.0, 3.0][..]));
    assert_eq!(weighted.width(), read(GOOD).unwrap().dataset.width());
    assert_eq!(read(GOOD).unwrap().dataset.weights(), None);
    let shard = crate::data::Shard::all(std::sync::Arc::new(weighted)).select([2, 1]).unwrap();
    assert_eq!([0, 1].map(|row| crate::nn::Examples::weight(&shard, row)), [0.0, 3.0]);
    let refused = |to: &str| with(&section, &GOOD.replace("\n2,", to)).map(|_| ()).unwrap_err().to_string();
    for bad in ["-1", "nan", "inf", "much"] {
        let said = refused(&format!("\n{bad},"));
        assert!(said.contains("line 3, column `id`") && said.contains("no weight"), "{said}");
    }
    assert!(refused("\n?,").contains("missing"));
    let nothing = GOOD.replace("\n1,", "\n0,").replace("\n2,", "\n0.0,").replace("\n3,", "\n0,");
    let said = with(&section, &nothing).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("weight 0") && said.contains("`id`"), "{said}");
    // Rows to judge by may lack them, rows to learn from may not.
    let bare = GOOD.lines().map(|line| format!("{}\n", &line[line.find(',').unwrap() + 1..]));
    let bare: String = bare.collect();
    assert!(matches!(with(&section, &bare), Err(TableError::MissingColumn { key: "weight-column", .. })));
    let judged = Schema { weight_column_may_lack: true, ..schema(&section) };
    assert_eq!(parse("t.csv", bare.as_bytes(), &judged).unwrap().dataset.weights(), None);
}

#[test]
fn the_order_of_rows_and_columns_does_not_matter() {
    let other = "\
blood,sick,site,sex,age,weight,id
AB,no,north,f,30,60,3
0,no,south,m,40,80,2
A,yes,north,f,50,70.5,1
";
    let (good, other) = (read(GOOD).unwrap().dataset, read(other).unwrap().dataset);
    assert_eq!(good.columns(), other.columns());
    assert_eq!(good.classes(), other.classes());
    let (mut first, mut last) = ([0.0; 7], [0.0; 7]);
    good.copy_stored(0, &mut first);
    other.copy_stored(2, &mut last);
    assert_eq!(first, last);
}

#[test]
fn spreadsheets_write_tables_in_many_ways() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n").replace("f,A", "\"f\" , A"));
    assert_eq!(read(&windows).unwrap().dataset, read(GOOD).unwrap().dataset);
    let fault = refused(&windows.replace("40", "forty"));
    assert!(fault.contains("line 3, column `age`"), "{fault}");
    let semicolons = with(&format!("separator = ';'{SECTION}"), &GOOD.replace(',', ";"));
    assert_eq!(semicolons.unwrap().dataset, read(GOOD).unwrap().dataset);
    let one_holder = Schema { client_column_may_lack: true, ..schema(SECTION) };
    let without_site = GOOD.replace(",site", "").replace(",north", "").replace(",south", "");
    assert_eq!(parse("t", without_site.as_bytes(), &one_holder).unwrap().dataset.groups(), None);
}

#[test]
fn rows_with_gaps_are_refused_or_dropped_and_counted() {
    let gap = GOOD.replace("40,m", "?,m");
    assert_eq!(
        refused(&gap),
        "t.csv, line 3, column `age`: the value is missing (`?`); fill it in, \
         or leave such rows out with `missing = \"drop-row\"`"
    );
    let dropping = format!("missing = 'drop-row'{SECTION}");
    let dropped = with(&dropping, &gap).unwrap().dataset;
    assert_eq!((dropped.rows(), dropped.dropped()), (2, 1));
    assert_eq!(dropped.columns().len(), 6, "no category comes from a row that was dropped");
    let none = with(&dropping, "id,weight,age,sex,blood,site,sick\n1,,1,f,A,x,no\n").map(|_| ()).unwrap_err();
    assert!(matches!(none, TableError::NoRows { dropped: 1, .. }));
    let in_ignored = GOOD.replace("\n2,", "\n?,");
    assert_eq!(read(&in_ignored).unwrap().dataset.rows(), 3);
    let marked = with(&format!("missing-markers = ['80']\n{dropping}"), GOOD).unwrap();
    assert_eq!(marked.dataset.dropped(), 1);
}

#[test]
fn line_and_column_of_a_fault_are_named() {
    let cases = [
        (GOOD.replace("40,m", "forty,m"), "line 3, column `age`: `forty` is not a finite number"),
        (GOOD.replace("2,80,40", "\n2,80,forty"), "line 4, column `age`: `forty` is not a finite number"),
        (GOOD.replace("60,30", "NaN,30"), "line 4, column `weight`: `NaN` is not a finite number"),
        (GOOD.replace("60,30", "1e99,30"), "line 4, column `weight`: `1e99` is not a finite number"),
        (GOOD.replace("40,m", "40,x"), "line 3, column `sex`: `x` is none of its categories (f, m)"),
        (GOOD.replace("3,60,", "3,60,60,"), "line 4: 8 field(s), but the header has 7"),
        (GOOD.replace("south,no", "south"), "line 3: 6 field(s), but the header has 7"),
        (GOOD.replace("2,80,", "2,\"80,"), "line 3: 2 field(s), but the header has 7"),
        (GOOD.replace("age", "Age"), "no column `age`, which `numeric` under [data] names; it has `Age`"),
        (GOOD.replace("id", "number"), "no column `id`, which `ignore` under [data] names"),
        (GOOD.replace("site", "region"), "no column `site`, which `client-column` under [data] names"),
        (GOOD.replace("sick", "ill"), "no column `sick`, which `label` under [data] names"),
        (GOOD.replace("blood,", "weight,"), "two columns `weight`"),
        (GOOD.replace("yes", "no"), "every row of the label column `sick` is `no`"),
        ("id,weight,age,sex,blood,site,sick\n".into(), "no rows to learn from (0 dropped"),
        (String::new(), "is empty: a header line"),
        ("\n\n".into(), "is empty: a header line"),
    ];
    for (text, expected) in cases {
        let error = refused(&text);
        assert!(error.starts_with("t.csv") && error.contains(expected), "{error}\n  should say: {expected}");
    }
    let more = refused(&GOOD.replace("id,", "id,size,").replace("\n1", "\n1,1").replace("\n2", "\n2,2"));
    assert!(more.contains("column `size`, of which [data] says nothing"), "{more}");
    let bytes = [GOOD.as_bytes(), b"4,1,1,f,\xff,north,no\n"].concat();
    let no_text = parse("t.csv", &bytes, &schema(SECTION)).map(|_| ()).unwrap_err().to_string();
    assert!(no_text.contains("line 5, column `blood`: not UTF-8"), "{no_text}");
}

#[test]
fn declared_classes_bind_the_file() {
    let section = format!("classes = ['yes', 'no']{SECTION}");
    let Targets::Classes { labels, .. } = with(&section, GOOD).unwrap().dataset.targets().clone() else {
        panic!()
    };
    assert_eq!(labels, [0, 1, 1]);
    let error = with(&section, &GOOD.replace("south,no", "south,maybe")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("line 3, column `sick`: `maybe` is none of the classes (yes, no)"), "{error}");
    assert!(
        with(&section, &GOOD.replace("yes", "no")).is_ok(),
        "one hospital may have healthy patients only"
    );
}

#[test]
fn a_regression_predicts_the_label_column() {
    let section = SECTION.replace("label = 'sick'", "label = 'weight'\ntask = 'regression'");
    let section = section.replace("['age', 'weight']", "['age']").replace("['id']", "['id', 'sick']");
    let dataset = with(&section, GOOD).unwrap().dataset;
    assert_eq!((dataset.targets(), dataset.width()), (&Targets::Values(vec![70.5, 80.0, 60.0]), 6));
}

#[test]
fn a_table_of_categories_alone_is_one_too() {
    let section = "source = 'csv'\nlabel = 'y'\ncategorical.x = []";
    let dataset = with(section, "x,y\na,0\nb,1\na,1\n").unwrap().dataset;
    assert_eq!(dataset.features(), &Features::Floats(vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0]));
}

#[test]
fn a_column_of_names_is_not_taken_apart() {
    let rows = (0..1_001).map(|row| format!("person {row},{}\n", row % 2)).collect::<String>();
    let section = "source = 'csv'\nlabel = 'y'\ncategorical.x = []";
    let error = with(section, &format!("x,y\n{rows}")).map(|_| ()).unwrap_err();
    assert!(matches!(error, TableError::TooManyCategories { found: 1_001, .. }), "{error}");
    let names = (0..1_001).map(|row| format!("'person {row}'")).collect::<Vec<_>>().join(",");
    assert!(with(&section.replace("[]", &format!("[{names}]")), &format!("x,y\n{rows}")).is_ok());
}

proptest! {
    #[test]
    fn garbage_is_refused_without_a_panic(garbage in prop::collection::vec(any::<u8>(), 0..80)) {
        let behind_header = [b"id,weight,age,sex,blood,site,sick\n", &garbage[..]].concat();
        let in_a_row = [GOOD.as_bytes(), b"4,1,1,f,", &garbage].concat();
        for bytes in [garbage, behind_header, in_a_row] {
            let _ = parse("t.csv", &bytes, &schema(SECTION));
        }
    }
}
