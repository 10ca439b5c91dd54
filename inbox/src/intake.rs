//! From a delivery to a stored row.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
pub(crate) mod queue;
pub(crate) mod trace;

/// The result of accepting a delivery. Respond with 200 to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third case")]
pub enum Accepted {
    /// The event was stored.
    New,
    /// The event is stored already. It is counted, and nothing else happens.
    Duplicate,
}
