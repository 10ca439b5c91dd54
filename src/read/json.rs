//! Reads JSON as a type of the user's own.

use core::str;

use serde::{Deserialize, de::IgnoredAny};

use crate::read::diagnose;
use crate::read::error::ReadError;

/// Reads JSON as any type, with the path of the value that can't be read.
pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ReadError> {
    let text = utf8(json)?;
    serde_json::from_str(text).or_else(|_| {
        check_syntax(text)?;
        diagnose::read(text)
    })
}

/// Returns a body as text.
pub(super) fn utf8(body: &[u8]) -> Result<&str, ReadError> {
    str::from_utf8(body).map_err(|error| ReadError::NotUtf8 {
        index: error.valid_up_to(),
    })
}

/// Checks that a text is JSON.
pub(super) fn check_syntax(text: &str) -> Result<(), ReadError> {
    match serde_json::from_str(text) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => Err(ReadError::not_json(&error)),
    }
}
