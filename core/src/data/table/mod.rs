//! Tables: CSV files whose columns the plan declares.

mod categories;
mod columns;
mod error;
mod read;
mod schema;

pub use error::TableError;
pub(super) use read::parse;
pub(super) use schema::{Label, Schema};
