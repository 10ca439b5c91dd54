//! The body around the data of an event.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny, ser::SerializeMap};

use super::error::LookupError;
use crate::lead::Lead;
use crate::read::lenient::Lenient;
use crate::read::raw_json::RawJson;

/// The data of an event, which a body holds under the key `data`.
pub(super) trait Data: Lenient {
    /// The event's name, which the body does not have.
    const NAME: &'static str;

    /// Returns the person or company that the data is about.
    fn lead(&self) -> Option<Lead>;

    /// Reads the data from its body.
    fn read_body<'de, D: Deserializer<'de>>(body: D) -> Result<Self, D::Error> {
        Body::deserialize(body).map(|body| body.data)
    }

    /// Writes the data in its body.
    fn write_body<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_body("data", self, serializer)
    }
}

/// A body of which only the data is read. It names the other keys, so that a duplicate is rejected.
#[derive(Deserialize)]
#[serde(bound = "T: Lenient")]
struct Body<T> {
    #[serde(with = "Lenient")]
    data: T,
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
    #[serde(default, rename = "errors")]
    _errors: IgnoredAny,
}

/// The body of a look-up that found nothing.
#[derive(Deserialize)]
pub(super) struct NoData {
    #[serde(rename = "data")]
    _data: Option<RawJson>,
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
    #[serde(default, rename = "errors")]
    _errors: IgnoredAny,
}

/// The body of a look-up that failed.
#[derive(Deserialize)]
pub(super) struct Failure {
    #[serde(with = "Lenient")]
    pub(super) errors: LookupError,
    #[serde(default, rename = "data")]
    _data: IgnoredAny,
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
}

/// Writes a body that has one key.
pub(super) fn write_body<S: Serializer>(
    key: &str,
    value: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut body = serializer.serialize_map(Some(1))?;
    body.serialize_entry(key, value)?;
    body.end()
}
