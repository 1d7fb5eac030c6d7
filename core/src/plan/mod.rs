//! The plan: everything about a federation in one TOML file.
//!
//! [`RawPlan`] is what the file says; [`Plan`] is what is meant, and can only be made by checking the former.
//! Whoever has a `Plan` in hand has a sound one.

mod check;
mod cohort;
mod conflict;
mod correlation;
mod error;
mod example_privacy;
mod masking;
mod noise_search;
mod privacy;
mod privacy_fault;
mod protection;
mod raw;
mod reading;
mod rows;
mod sampling_law;
mod search;
mod template;
mod value_fault;
mod weights;

pub use check::{Overrides, Plan};
pub use cohort::{CohortRule, SamplingRule};
pub use conflict::Conflict;
pub(crate) use correlation::CorrelatedSource;
pub use correlation::Correlation;
pub use error::PlanError;
pub use example_privacy::{ExampleRule, noise_for_steps};
pub use masking::Masking;
pub use privacy_fault::PrivacyFault;
pub use protection::{NoiseAt, Protection, RoundProtection, VOTE};
pub use raw::{
    AdversaryName, AggregationSection, CohortSection, CompareSection, EncodingSection, FederationSection,
    MatrixSection, NoiseAtName, PrivacySection, RawPlan, RowSection, SecureAggregationSection, StrategyName,
    UnitName, WeightsName,
};
pub use rows::RowFault;
pub use search::{
    Candidate, Dimension, Number, Range, RangeFault, Scale, SearchError, SearchSpace, TuneSection, Values,
};
pub use template::{BUILT_IN, BuiltIn, built_in};
pub use value_fault::{Place, ValueFault};
pub use weights::Weights;
