//! The operating system's randomness.

use std::{io, sync::Arc};

use crate::error::Error;

/// A name that nothing else has.
pub(crate) fn id() -> Result<Arc<str>, Error> {
    let number =
        || getrandom::u64().map_err(|error| Error::Randomness(io::Error::other(error).into()));
    Ok(format!("{:016x}{:016x}", number()?, number()?).into())
}

/// A number for jitter, where none at all would do as well.
pub(crate) fn number() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// From 0.8 to 1.2.
pub(crate) fn jitter() -> f64 {
    0.8 + 0.4 * f64::from(number()) / f64::from(u32::MAX)
}
