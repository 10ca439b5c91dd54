//! A JSON value as it was sent.

use alloc::{borrow::Cow, boxed::Box};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;

use crate::read::error::ReadError;
use crate::read::json::Json;
use crate::read::own;
use crate::read::slices;

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
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Returns the JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text of a string, or a number or boolean as it was sent.
    pub(crate) fn scalar(&self) -> Option<Cow<'_, str>> {
        slices::scalar(&self.0)
    }

    /// Reads the value as your own type.
    ///
    /// # Errors
    ///
    /// [`UnexpectedShape`](ReadError::UnexpectedShape) with the path of the value. A key that is not a
    /// field of your types is shown as `*`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ReadError> {
        own::read(self.0.as_bytes())
    }
}

impl From<Json<'_>> for RawJson {
    fn from(json: Json<'_>) -> Self {
        Self(json.as_str().into())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}
