//! The parts of a body that the typed event does not hold.

use alloc::{string::String, vec::Vec};

use serde::{Serialize, Serializer};

/// The number of paths that are kept.
pub(super) const MAX_PATHS: usize = 100;

/// The number of characters of a key that are kept in a path.
pub(super) const MAX_KEY: usize = 100;

/// The parts of a body that a typed event does not hold, as paths such as `data.answers[2].new`.
///
/// [`Delivery::unread`](crate::Delivery::unread) returns it. It keeps the first 100 paths and the
/// number of all. It serializes as the list of its paths.
///
/// The paths quote keys of the body, up to 100 characters of each. Keys that the provider does not
/// document may be personal data, such as the names of a form's fields, so protect the paths as you
/// protect the body. [`count`](Self::count) is safe to log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    paths: Vec<String>,
    count: usize,
}

impl Unread {
    pub(super) fn new(paths: Vec<String>, count: usize) -> Self {
        Self { paths, count }
    }

    /// Returns the paths in the order of the body, at most 100.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Returns how many parts were not read, including those whose path was not kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.paths.serialize(serializer)
    }
}
