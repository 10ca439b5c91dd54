//! What operators see and do.

pub(crate) mod batches;
pub(crate) mod filter;
pub(crate) mod person;
pub(crate) mod prune;
pub(crate) mod rows;
pub(crate) mod state;
pub(crate) mod stats;
