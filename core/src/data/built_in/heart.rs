//! `heart`: heart disease in four hospitals, a federation as it occurs in nature.
//!
//! The recipe is that of FLamby (Ogier du Terrail et al. 2022, arXiv:2210.04620, Fed-Heart-Disease): the columns
//! `slope`, `ca` and `thal`, of which most values are missing, are left out, then every row with a gap. 303, 261, 46
//! and 130 rows remain. The hospital is the client, and no feature.

use crate::data::config::Missing;
use crate::data::dataset::{Attribution, Dataset};
use crate::data::standardize::Reference;
use crate::data::table::{Label, Schema, parse};

const COMPRESSED: &[u8] = include_bytes!("heart.csv.gz");

const ATTRIBUTION: Attribution = Attribution {
    citation: "A. Janosi, W. Steinbrunn, M. Pfisterer and R. Detrano (1988). Heart Disease. \
               UCI Machine Learning Repository. doi:10.24432/C52P4X",
    licence: "CC BY 4.0",
    changes: "the columns slope, ca and thal and then the rows with gaps left out; the four degrees of disease joined",
};

/// What the measured columns are standardized by: round values that any hospital could name before it has seen a
/// patient, and none of which was computed from these rows. Age of adults under examination in years; blood pressure
/// at rest in mm Hg; cholesterol in mg/dl, around the limit of 200; the highest heart rate reached, around
/// 220 - age less what patients fall short; ST depression in mm, around the limit of 1.
pub(in crate::data) const HEART_REFERENCES: [(&str, Reference); 5] = [
    ("age", Reference { mean: 55.0, deviation: 10.0 }),
    ("trestbps", Reference { mean: 130.0, deviation: 20.0 }),
    ("chol", Reference { mean: 200.0, deviation: 100.0 }),
    ("thalch", Reference { mean: 145.0, deviation: 25.0 }),
    ("oldpeak", Reference { mean: 1.0, deviation: 1.0 }),
];

const CATEGORICAL: [(&str, &[&str]); 5] = [
    ("cp", &["typical angina", "atypical angina", "non-anginal", "asymptomatic"]),
    ("exang", &["FALSE", "TRUE"]),
    ("fbs", &["FALSE", "TRUE"]),
    ("restecg", &["normal", "st-t abnormality", "lv hypertrophy"]),
    ("sex", &["Female", "Male"]),
];

/// 740 patients of four hospitals: 5 measurements and 13 one-hot features, with or without heart disease. The client
/// is the hospital.
pub fn heart() -> Dataset {
    parse("heart", COMPRESSED, &heart_schema())
        .expect("the embedded rows are sound")
        .dataset
        .with_attribution(ATTRIBUTION)
}

pub(in crate::data) fn heart_schema() -> Schema {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    Schema {
        numeric: HEART_REFERENCES.iter().map(|&(column, _)| column.to_owned()).collect(),
        categorical: CATEGORICAL.iter().map(|&(column, names)| (column.to_owned(), owned(names))).collect(),
        label_column: "disease".to_owned(),
        label: Label::Class(Some(owned(&["no", "yes"]))),
        ignore: Vec::new(),
        client_column: Some("hospital".to_owned()),
        client_column_may_lack: false,
        weight_column: None,
        weight_column_may_lack: false,
        separator: b',',
        missing: Missing::DropRow,
        missing_markers: vec![String::new()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Targets;

    #[test]
    fn four_hospitals_remain_as_in_flamby() {
        let heart = heart();
        let groups = heart.groups().unwrap();
        assert_eq!(groups.names, ["Cleveland", "Hungary", "Switzerland", "VA Long Beach"]);
        let Targets::Classes { labels, names } = heart.targets() else { panic!("classes") };
        assert_eq!(names[..], ["no", "yes"]);
        let of = |hospital: u32, at_least: u32| {
            groups
                .of_row
                .iter()
                .zip(labels)
                .filter(|&(&of, &label)| of == hospital && label >= at_least)
                .count()
        };
        assert_eq!([0, 1, 2, 3].map(|hospital| of(hospital, 0)), [303, 261, 46, 130]);
        assert_eq!([0, 1, 2, 3].map(|hospital| of(hospital, 1)), [139, 98, 45, 101]);
        assert_eq!((heart.rows(), heart.dropped()), (740, 180));
    }

    #[test]
    fn the_features_are_those_of_the_schema() {
        let heart = heart();
        let names: Vec<&str> = heart.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names[..6], ["age", "trestbps", "chol", "thalch", "oldpeak", "cp=typical angina"]);
        assert_eq!(names.len(), 18);
        assert_eq!(heart_schema().shape(), Some((18, 2)));
        let mut first = [0.0; 18];
        heart.copy_stored(0, &mut first);
        let one_hot = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        assert_eq!(first[..5], [63.0, 145.0, 233.0, 150.0, 2.3]);
        assert_eq!(first[5..], one_hot);
    }
}
