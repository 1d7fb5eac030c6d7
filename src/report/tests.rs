//! What must hold of every page, whatever is in it.

use super::{ClientLabels, LabelDistribution, compare, simulate, tune};
use crate::document::origin::Origin;
use crate::document::sample;
use roxmltree::Document;

const HOSTILE: &str = "<script>alert(1)</script>\"'&<b>";

fn labels(clients: usize, labels: usize) -> LabelDistribution {
    LabelDistribution {
        labels: (0..labels).map(|label| format!("{HOSTILE}{label}")).collect(),
        clients: (0..clients)
            .map(|client| ClientLabels {
                name: format!("{HOSTILE}{client}"),
                rows: 100,
                labels: (0..labels)
                    .map(|label| if (client + label).is_multiple_of(3) { 50 } else { 0 })
                    .collect(),
            })
            .collect(),
    }
}

fn hostile(origin: &mut Origin) {
    for text in [
        &mut origin.version,
        &mut origin.started,
        &mut origin.plan.name,
        &mut origin.plan.sha256,
        &mut origin.data.name,
    ] {
        *text = HOSTILE.into();
    }
    origin.data.attribution = Some(HOSTILE.into());
}

/// Pages of both kinds, made of hostile text and of every size.
fn pages() -> Vec<String> {
    let mut comparison = sample::every_field();
    hostile(&mut comparison.origin);
    comparison.rows[0].name = HOSTILE.into();
    comparison.rows[0].trusted = Some(HOSTILE.into());
    comparison.explanation.as_mut().unwrap().features[0].name = HOSTILE.into();
    let mut simulation = sample::simulation();
    hostile(&mut simulation.origin);
    simulation.outcome.model_sha256 = HOSTILE.into();
    let mut pages = vec![
        compare(&comparison, None, HOSTILE).unwrap(),
        compare(&sample::comparison(), None, "").unwrap(),
        simulate(&simulation, None, HOSTILE).unwrap(),
    ];
    for (clients, classes) in [(0, 0), (1, 1), (4, 2), (10, 10), (100, 10), (10_000, 3), (5, 0), (3, 120)] {
        pages.push(compare(&comparison, Some(&labels(clients, classes)), HOSTILE).unwrap());
        pages.push(simulate(&simulation, Some(&labels(clients, classes)), HOSTILE).unwrap());
    }
    let mut tuning = sample::tuning();
    hostile(&mut tuning.origin);
    tuning.keys = vec![HOSTILE.into()];
    tuning.candidates.iter_mut().for_each(|candidate| candidate.values = vec![HOSTILE.into()]);
    tuning.candidates[1].failure = Some(HOSTILE.into());
    pages.push(tune(&tuning, HOSTILE).unwrap());
    tuning.candidates.clear();
    pages.push(tune(&tuning, "").unwrap());
    simulation.rounds.clear();
    pages.push(simulate(&simulation, None, HOSTILE).unwrap());
    comparison.rows.clear();
    comparison.seeds.clear();
    pages.push(compare(&comparison, None, HOSTILE).unwrap());
    pages
}

/// The page as XML: elements that HTML leaves open are closed, and the doctype is dropped.
fn as_xml(page: &str) -> String {
    let page = page.strip_prefix("<!DOCTYPE html>").expect("a page begins with its doctype");
    let mut xml = String::new();
    for part in page.split_inclusive('>') {
        let void = part.starts_with("<meta ");
        xml += &if void { part.replace('>', "/>") } else { part.to_owned() };
    }
    xml
}

#[test]
fn every_page_is_well_formed_and_its_text_is_escaped() {
    for page in pages() {
        let xml = as_xml(&page);
        let document = Document::parse(&xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
        for node in document.descendants().filter(|node| node.is_element()) {
            let name = node.tag_name().name();
            assert!(
                !["script", "link", "img", "iframe", "object", "image", "use", "a", "b"].contains(&name),
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    for page in pages() {
        for loads in ["http:", "https:", "//", "url(", "@import", "src=", "href="] {
            assert!(!page.contains(loads), "{loads}");
        }
    }
}

#[test]
fn text_of_people_arrives_whole() {
    let page = &pages()[0];
    let xml = as_xml(page);
    let document = Document::parse(&xml).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    // Title, heading, table, legends, provenance, plan.
    assert!(texts.iter().filter(|text| text.contains(HOSTILE)).count() > 8, "{texts:?}");
}

#[test]
fn every_chart_says_what_it_is_and_its_legend_names_every_series() {
    let page = compare(&sample::comparison(), Some(&labels(10, 10)), "").unwrap();
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    let figures: Vec<_> = document.descendants().filter(|node| node.has_tag_name("figure")).collect();
    assert_eq!(figures.len(), 5);
    for figure in &figures {
        let child = |name: &str| figure.descendants().any(|node| node.has_tag_name(name));
        assert!(child("title") && child("desc") && child("table"), "{:?}", figure.range());
    }
    for figure in &figures[..2] {
        let keys = figure.descendants().filter(|node| node.attribute("class") == Some("key"));
        let names: Vec<_> = keys.filter_map(|key| key.last_child()?.text()).collect();
        assert_eq!(names, ["centralized", "local-only", "federated"]);
        let colours = |name: &str| {
            let lines = figure.descendants().filter(|node| node.has_tag_name("polyline"));
            lines.filter(|node| node.attribute("stroke") == Some(name)).count()
        };
        // One in the legend, one in the chart.
        assert_eq!(["#0072B2", "#009E73", "#D55E00"].map(colours), [2, 2, 2]);
    }
}

#[test]
fn the_answer_stands_in_the_page() {
    let page = compare(&sample::comparison(), None, "").unwrap();
    for figure in ["92.50 ± 6.21", "-2.50 ± 0.00", "0.2500 ± 0.6210", "6.00 s", "3.00 MB", "1, 2, 3"] {
        assert!(page.contains(figure), "{figure}");
    }
    let page = tune(&sample::tuning(), "").unwrap();
    let headline =
        "The best of 2 is training.learning-rate = 0.1, with 75.00 ± 158.83 % validation accuracy.";
    for figure in [headline, "0.7500 ± 1.5883", "diverged", "2 of 4 combinations"] {
        assert!(page.contains(figure), "{figure}");
    }
    let page = simulate(&sample::simulation(), None, "").unwrap();
    for figure in ["Permutation importance", "-0.0010", "Integrated gradients", "0.1250"] {
        assert!(page.contains(figure), "{figure}");
    }
    for figure in ["10 clients reached 90.00 % test accuracy together in 1 round, in 1.25 s.", "CC BY 4.0"] {
        assert!(page.contains(figure), "{figure}");
    }
}
