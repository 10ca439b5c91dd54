//! The facts, events and payload types of the four providers.

mod contact;
pub mod grader;
pub mod graphoid;
mod macros;
pub mod scoreapp;
pub mod tomba;

/// The provider Grader.io.
///
/// Duplicates are detected by the body, because `webhook_id` may be the id of the endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Grader;

/// The provider Graphoid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Graphoid;

/// The provider `ScoreApp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ScoreApp;

/// The provider Tomba.
///
/// Its documented bodies have no id, so duplicates are detected by the body. A body without data, which is
/// the result of a lookup that found nothing or failed, is never a duplicate of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Tomba;
