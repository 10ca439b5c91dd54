//! Where the model of the tests takes turns.

/// Runs before each statement and around each COMMIT of the inbox's own. In the library it does nothing; in the
/// tests of the model, the scheduler decides who goes on.
#[cfg(not(test))]
pub(crate) async fn step() {}

#[cfg(test)]
pub(crate) use crate::model::schedule::step;
