//! Figures of a simulation that no noise hides, for people.

use crate::document::simulate::Simulation;
use crate::quantity;

/// What the clip did, by name: of the last round that knows it, and how much of all rounds was zeros. Nothing where no
/// privacy is promised, or where a coordinator made the rounds.
pub(crate) fn figures(simulation: &Simulation) -> Vec<(&'static str, String)> {
    let known = || simulation.rounds.iter().filter_map(|round| round.unprotected);
    let Some(last) = known().next_back() else { return Vec::new() };
    let (cut, zeros) = match protects_examples(simulation) {
        true => ("gradients cut", "gradients that were not finite"),
        false => ("updates cut", "updates that were zeros"),
    };
    let clipped = quantity::percent(last.clipped);
    let mut figures = vec![(
        cut,
        format!("{clipped} % in the last round, median norm {:.4}; unprotected", last.median_norm),
    )];
    let sum = known().map(|unprotected| unprotected.zeros).sum();
    if sum > 0 {
        figures.push((zeros, format!("{}; unprotected", quantity::count(sum))));
    }
    figures
}

/// Whether what is clipped are the gradients of single examples.
pub(crate) fn protects_examples(simulation: &Simulation) -> bool {
    simulation.privacy.as_ref().is_some_and(|privacy| privacy.unit == "example")
}
