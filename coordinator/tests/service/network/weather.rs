//! Which faults there are, and when: drawn from a seed before anything happens.

use super::federation::CLIENTS;
use super::line::COORDINATOR;
use privet_core::random::{Purpose, Seed, Stream};
use rand::RngExt;
use std::ops::Range;
use std::time::Duration;
use turmoil::Sim;

/// From then on there are no faults.
pub(super) const CALM: Duration = Duration::from_secs(10);
/// The most that a message is under way when nothing slows it down.
pub(super) const USUAL_DELAY: Duration = Duration::from_millis(60);

/// What happens at a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    /// A fault between a client and the coordinator begins.
    Begins(u32, Fault),
    /// It is over.
    Heals(u32),
    /// A client's process dies.
    ClientDies(u32),
    /// And starts again.
    ClientStarts(u32),
    /// The coordinator's process dies, unless it has already.
    CoordinatorDies,
    /// And starts again.
    CoordinatorStarts,
}

/// A fault of the network between a client and the coordinator.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Nothing gets through.
    Cut,
    /// What the client sends is lost.
    RequestsLost,
    /// What the coordinator answers is lost.
    AnswersLost,
    /// Messages wait until it is over.
    Held,
    /// So many of a thousand messages break the line until another gets through.
    Lossy(u32),
    /// Messages take up to so long.
    Slow(Duration),
}

/// Everything that happens on its own, in its order.
pub(super) fn forecast(seed: u64) -> Vec<(Duration, Happening)> {
    let mut happenings = Vec::new();
    for client in 1..=CLIENTS {
        let mut draws = Seed(seed).stream_for(Purpose::Cohort, 0, client);
        let mut at = time(&mut draws, 0..1_500);
        while at < CALM {
            let end = at + time(&mut draws, 100..4_000);
            happenings.push((at, Happening::Begins(client, fault(&mut draws))));
            happenings.push((end, Happening::Heals(client)));
            at = end + time(&mut draws, 100..2_500);
        }
        if draws.random_bool(0.4) {
            let at = time(&mut draws, 0..6_000);
            happenings.push((at, Happening::ClientDies(client)));
            happenings.push((at + time(&mut draws, 20..3_000), Happening::ClientStarts(client)));
        }
    }
    let mut draws = Seed(seed).stream_for(Purpose::Cohort, 0, 0);
    let mut at = time(&mut draws, 0..6_000);
    while at < CALM {
        let up = at + time(&mut draws, 20..2_500);
        happenings.push((at, Happening::CoordinatorDies));
        happenings.push((up, Happening::CoordinatorStarts));
        at = up + time(&mut draws, 500..8_000);
    }
    happenings.retain(|(at, _)| *at < CALM);
    happenings.sort_by_key(|(at, _)| *at);
    happenings
}

/// Lets a fault begin.
pub(super) fn begin(sim: &mut Sim<'_>, client: u32, fault: Fault) {
    let client = &*name(client);
    match fault {
        Fault::Cut => sim.partition(client, COORDINATOR),
        Fault::RequestsLost => sim.partition_oneway(client, COORDINATOR),
        Fault::AnswersLost => sim.partition_oneway(COORDINATOR, client),
        Fault::Held => sim.hold(client, COORDINATOR),
        Fault::Lossy(of_a_thousand) => {
            sim.set_link_fail_rate(client, COORDINATOR, f64::from(of_a_thousand) / 1_000.0);
        }
        Fault::Slow(longest) => sim.set_link_max_message_latency(client, COORDINATOR, longest),
    }
}

/// Ends whatever fault there is.
pub(super) fn heal(sim: &mut Sim<'_>, client: u32) {
    let client = &*name(client);
    sim.set_link_fail_rate(client, COORDINATOR, 0.0);
    sim.set_link_max_message_latency(client, COORDINATOR, USUAL_DELAY);
    sim.release(client, COORDINATOR);
}

/// The name of a client's host.
pub(super) fn name(client: u32) -> String {
    format!("client-{client}")
}

fn fault(draws: &mut Stream) -> Fault {
    match draws.random_range(0..7) {
        0 => Fault::Cut,
        1 => Fault::RequestsLost,
        2 | 3 => Fault::AnswersLost,
        4 => Fault::Held,
        5 => Fault::Lossy(draws.random_range(10..200)),
        _ => Fault::Slow(time(draws, 200..3_000)),
    }
}

fn time(draws: &mut Stream, milliseconds: Range<u64>) -> Duration {
    Duration::from_millis(draws.random_range(milliseconds))
}
