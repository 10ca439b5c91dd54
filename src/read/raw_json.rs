//! A JSON value as it was sent.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::read::error::ReadError;
use crate::read::json;

/// A JSON value, byte for byte as it was sent.
///
/// It holds values without a documented type, such as the data of unknown events and the fields of a
/// form. Numbers keep all digits, and the depth is not limited. Two values are equal if their texts are
/// equal. Only `serde_json` can deserialize it.
///
/// ```
/// use leadhook::RawJson;
///
/// let raw: RawJson = serde_json::from_str(r#"{"budget": 1e2}"#)?;
/// assert_eq!(raw.as_str(), r#"{"budget": 1e2}"#);
///
/// #[derive(serde::Deserialize)]
/// struct Form {
///     budget: f64,
/// }
/// assert_eq!(raw.json::<Form>()?.budget, 100.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Returns the JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads the value as a type of your own.
    ///
    /// # Errors
    ///
    /// [`UnexpectedShape`](ReadError::UnexpectedShape) with `*` for every key of the path.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ReadError> {
        json::read(self.as_str().as_bytes())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawJson {}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::deserialize(deserializer).map(Self)
    }
}
