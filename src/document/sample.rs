//! Documents to test with.

use super::compare::{Comparison, CurvePoint, Regime};
use super::estimate::{Estimate, Interval};
use super::evaluate::{Classification, ModelEvaluation};
use super::explanation::{ExplainedFeature, Explanation};
use super::metrics::{Averages, Metrics};
use super::model::{ModelDescription, ModelLayer};
use super::origin::{DataIdentity, Origin, PlanIdentity, Transport};
use super::privacy::{Bounds, Privacy as Accounted, Release};
use super::round::{AlteredShares, Bytes, Complaint, Masked, Round, RoundSeconds, StageClients, Unprotected};
use super::simulate::{Outcome, Privacy, RunSeconds, Simulation};
use super::tune::{TunedCandidate, Tuning};
use privet_core::privacy::Neighbouring;

pub(crate) fn origin() -> Origin {
    Origin {
        version: "0.1.0".into(),
        started: "2026-01-02T03:04:05Z".into(),
        over: Transport::Http,
        threads: 2,
        plan: PlanIdentity { name: "digits".into(), sha256: "00".into() },
        data: DataIdentity {
            name: "digits".into(),
            attribution: Some("someone, CC BY 4.0".into()),
            training_rows: 4_000,
            test_rows: 1_000,
        },
        clients: 10,
    }
}

/// A comparison in which no field is missing.
pub(crate) fn every_field() -> Comparison {
    let estimate = Estimate::of(vec![0.5, 0.75]).unwrap();
    let interval = Interval { mean: 0.5, ci95: Some(0.1) };
    Comparison {
        origin: origin(),
        seeds: vec![1, u64::MAX],
        rounds: 20,
        budget: 100_000,
        rows: vec![Regime {
            name: "federated".into(),
            test_accuracy: Some(estimate.clone()),
            test_loss: estimate,
            seconds: 1.5,
            bytes_up: 10,
            bytes_down: 20,
            curve: vec![CurvePoint {
                examples: 5_000,
                round: Some(1),
                test_accuracy: Some(interval),
                test_loss: interval,
            }],
            unit: Some("client".into()),
            epsilon: Some(1.0),
            delta: Some(1e-5),
            trusted: Some("the coordinator".into()),
        }],
        explanation: Some(explanation()),
    }
}

pub(crate) fn simulation() -> Simulation {
    let rounds = vec![round()];
    Simulation {
        origin: origin(),
        seed: 1,
        outcome: Outcome {
            test_accuracy: Some(0.9),
            test_loss: Some(0.3),
            metrics: Some(metrics()),
            model_sha256: "ff".into(),
        },
        seconds: RunSeconds::of(1.25, &rounds),
        bytes: Bytes::of(&rounds),
        privacy: Some(Privacy {
            unit: "client".into(),
            trusted: "coordinator".into(),
            epsilon: 1.0,
            delta: 1e-5,
            target_epsilon: Some(2.0),
            noise_multiplier: 1.1,
            clip: 0.5,
            guarantee: true,
            exhausted: false,
        }),
        rounds,
        explanation: Some(explanation()),
    }
}

pub(crate) fn round() -> Round {
    Round {
        seed: 1,
        round: 1,
        train_loss: Some(0.5),
        test_loss: Some(0.6),
        test_accuracy: Some(0.8),
        cohort: vec![1, 4],
        contributed: 1,
        declined: 0,
        late: 1,
        bytes: Bytes { up: 100, down: 200 },
        seconds: RoundSeconds {
            training: Some(0.5),
            encoding: Some(0.01),
            aggregating: 0.02,
            evaluating: 0.03,
            total: 0.6,
        },
        row: Some("federated + client-level DP".into()),
        masked: Some(Masked {
            missed: vec![StageClients { stage: "input".into(), clients: vec![4] }],
            late: vec![StageClients { stage: "advertise".into(), clients: vec![3] }],
            repeated: vec![StageClients { stage: "share".into(), clients: vec![2] }],
            altered: vec![AlteredShares { owner: 1, holders: vec![2] }],
            complaints: vec![Complaint { accused: 3, accusers: vec![4] }],
            failure: Some("2 clients are left".into()),
        }),
        epsilon: Some(0.5),
        noise_deviation: Some(0.01),
        clip: Some(0.5),
        signal_to_noise: Some(1.5),
        within_clip: Some(0.5),
        unprotected: Some(Unprotected { clipped: 0.5, median_norm: 0.5, zeros: 1 }),
    }
}

pub(crate) fn explanation() -> Explanation {
    let feature = |name: &str, size: f64| ExplainedFeature {
        name: name.into(),
        loss_increase: size,
        accuracy_drop: Some(size / 4.0),
        attribution: size / 2.0,
    };
    Explanation { repeats: 10, features: vec![feature("age", 0.25), feature("sex", -0.001)] }
}

/// A search over two values, one of which failed.
pub(crate) fn tuning() -> Tuning {
    let estimate = Estimate::of(vec![0.625, 0.875]);
    let candidate = |value: &str, estimate: Option<Estimate>, failure: Option<&str>| TunedCandidate {
        values: vec![value.into()],
        plan_sha256: "ff".into(),
        validation_accuracy: estimate.clone(),
        validation_loss: estimate,
        seconds: 0.5,
        failure: failure.map(str::to_owned),
    };
    Tuning {
        origin: origin(),
        seed: 1,
        regime: "federated".into(),
        folds: 2,
        combinations: Some(4),
        keys: vec!["training.learning-rate".into()],
        seconds: 2.5,
        candidates: vec![candidate("0.1", estimate, None), candidate("10.0", None, Some("diverged"))],
    }
}

pub(crate) fn model() -> ModelDescription {
    let layer = |number, kind: &str, inputs, outputs, parameters| ModelLayer {
        number,
        kind: kind.into(),
        inputs,
        outputs,
        parameters,
    };
    ModelDescription {
        model_sha256: "ff".into(),
        bytes: 4_321,
        inputs: 13,
        outputs: 2,
        loss: "cross-entropy".into(),
        parameters: 1_234,
        layers: vec![layer(0, "dense", 13, 64, 896), layer(1, "relu", 64, 64, 0)],
        model: serde_json::json!({ "hidden": [64] }),
    }
}

/// Those of a classifier and of a regression together, so that no field is missing.
pub(crate) fn metrics() -> Metrics {
    let averages = Some(Averages { by_class: 0.625, by_row: 0.75 });
    Metrics {
        top_5_accuracy: Some(0.95),
        precision: averages,
        recall: averages,
        f1: averages,
        roc_auc: Some(0.875),
        mean_absolute_error: Some(1.5),
        mean_squared_error: Some(4.5),
        r2: Some(0.25),
    }
}

pub(crate) fn evaluation() -> ModelEvaluation {
    let names: Vec<String> = ["0", "1"].map(String::from).into();
    ModelEvaluation {
        model_sha256: "ff".into(),
        data: "digits".into(),
        rows: 4,
        loss: 0.4,
        metrics: metrics(),
        classification: Classification::of(&names, vec![vec![1, 1], vec![0, 2]]),
    }
}

/// Three regimes over three seeds: accuracies around 95, 80 and 92.5 %, losses around 0.2, 0.6 and 0.25.
pub(crate) fn comparison() -> Comparison {
    let spread = |mean: f64| Estimate::of(vec![mean - 0.025, mean, mean + 0.025]).unwrap();
    let spread_loss = |mean: f64| Estimate::of(vec![mean - 0.25, mean, mean + 0.25]).unwrap();
    let regime = |name: &str, accuracy: f64, loss: f64, seconds: f64, bytes: u64| Regime {
        name: name.into(),
        test_accuracy: Some(spread(accuracy)),
        test_loss: spread_loss(loss),
        seconds,
        bytes_up: 3 * bytes,
        bytes_down: 4 * bytes,
        curve: (0..=20).map(|step| point(step, accuracy, loss)).collect(),
        unit: None,
        epsilon: None,
        delta: None,
        trusted: None,
    };
    let rows = vec![
        regime("centralized", 0.95, 0.2, 4.0, 0),
        regime("local-only", 0.8, 0.6, 5.0, 0),
        regime("federated", 0.925, 0.25, 6.0, 1_000_000),
    ];
    Comparison {
        origin: origin(),
        seeds: vec![1, 2, 3],
        rounds: 20,
        budget: 100_000,
        rows,
        explanation: None,
    }
}

/// A point on a curve that climbs from one in ten to its end.
fn point(step: u32, accuracy: f64, loss: f64) -> CurvePoint {
    let rest = (-f64::from(step) / 4.0).exp();
    CurvePoint {
        examples: u64::from(step) * 5_000,
        round: Some(step),
        test_accuracy: Some(Interval {
            mean: accuracy - (accuracy - 0.1) * rest,
            ci95: Some(0.01 + 0.05 * rest),
        }),
        test_loss: Interval { mean: loss + (2.3 - loss) * rest, ci95: Some(0.02) },
    }
}

fn bounds() -> Bounds {
    Bounds { analytic: Some(1.0), pld: Some(1.0), rdp: Some(1.2), rdp_fractional: Some(1.1) }
}

fn release() -> Release {
    Release {
        mechanism: "gaussian".into(),
        sampling: "poisson".into(),
        q: 0.1,
        neighbouring: Neighbouring::AddOrRemoveOne,
    }
}

pub(crate) fn epsilon() -> Accounted {
    Accounted {
        noise_multiplier: 1.1,
        rounds: 100,
        target_epsilon: None,
        epsilon: 1.0,
        bound: "pld".into(),
        bounds: bounds(),
        delta: 1e-5,
        release: release(),
    }
}

/// What noise, rounds or a rate were found for.
pub(crate) fn within_target() -> Accounted {
    Accounted { target_epsilon: Some(1.0), ..epsilon() }
}
