//! The corpus of the fuzz targets, replayed: what fuzzing has found once is looked at on every change.

#[allow(dead_code, unreachable_pub, reason = "the fuzz targets use the rest")]
#[path = "../../fuzz/src/properties.rs"]
mod properties;

use properties::PROPERTIES;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn fuzz(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(path)
}

#[test]
fn what_must_hold_of_decoders_holds_for_the_corpus() {
    for property in PROPERTIES {
        let files: Vec<PathBuf> = fs::read_dir(fuzz("corpus").join(property.name))
            .unwrap_or_else(|error| panic!("{} has no corpus: {error}", property.name))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{} has no corpus", property.name);
        for file in files {
            // Shown if the property does not hold.
            println!("{}", file.display());
            (property.holds)(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_property_has_its_target_and_every_target_its_property() {
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for property in PROPERTIES {
        let name = property.name;
        let target = fs::read_to_string(fuzz("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(target.contains(&format!("check(\"{name}\", bytes)")), "{name}: {target}");
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is not in Cargo.toml"
        );
    }
    let names: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name).collect();
    for folder in ["fuzz_targets", "corpus"] {
        for entry in fs::read_dir(fuzz(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
            assert!(names.contains(name), "{} has no property", path.display());
        }
    }
}
