//! The plan: everything about a federation in one TOML file.
//!
//! [`RawPlan`] is what the file says; [`Plan`] is what is meant, and can only be made by checking the former.
//! Whoever has a `Plan` in hand has a sound one.

mod check;
mod cohort;
mod error;
mod example_privacy;
mod masking;
mod privacy;
mod protection;
mod raw;
mod reading;
mod search;
mod template;
mod weights;

pub use check::{Overrides, Plan};
pub use cohort::{CohortRule, SamplingRule};
pub use error::{Conflict, Place, PlanError, ValueFault};
pub use example_privacy::{ExampleRule, noise_for_steps};
pub use masking::Masking;
pub use privacy::PrivacyFault;
pub use protection::{NoiseAt, Protection};
pub use raw::{
    AdversaryName, AggregationSection, CohortSection, CompareSection, EncodingSection, FederationSection,
    NoiseAtName, PrivacySection, RawPlan, SecureAggregationSection, StrategyName, UnitName, WeightsName,
};
pub use search::{
    Candidate, Dimension, Number, Range, RangeFault, Scale, SearchError, SearchSpace, TuneSection, Values,
};
pub use template::{BUILT_IN, BuiltIn, built_in};
pub use weights::Weights;
