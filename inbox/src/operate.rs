//! What operators see and do.

pub(crate) mod batches;
pub(crate) mod clock;
pub(crate) mod count;
pub(crate) mod figures;
pub(crate) mod filter;
pub(crate) mod groups;
pub(crate) mod listing;
pub(crate) mod neighbours;
pub(crate) mod pause;
pub(crate) mod person;
pub(crate) mod prune;
pub(crate) mod retry;
pub(crate) mod rows;
pub(crate) mod sources;
pub(crate) mod state;
pub(crate) mod stats;
