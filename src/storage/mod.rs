//! Floor 4: schemas, the catalog, and locations on disk: intraday ones that grow, historical ones that are sealed.
//!
//! The engine above sees [`location`] and [`region`] only.

pub mod appender;
pub mod catalog;
pub mod check;
pub mod computation;
pub mod findings;
pub mod historical;
pub mod import;
pub mod intraday;
mod items;
mod kept_open;
pub mod layout;
pub mod location;
pub mod read_stats;
pub mod region;
pub mod root;
pub mod schema;
mod sealed_text;
pub mod tail;
#[cfg(test)]
mod testing;
mod toml_reader;
pub mod validation;
mod widened;

pub use appender::Appender;
pub use catalog::Catalog;
pub use computation::Computation;
pub use kept_open::KeptOpen;
pub use location::{GroupingIndex, Location, LocationHandle, LocationKey, LocationSource, TableKind};
pub use read_stats::ReadStats;
pub use region::{ColumnRegion, Zone};
pub use root::{Root, RootConfig, Storage};
pub use schema::TableSchema;
