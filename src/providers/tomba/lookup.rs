//! The result of a lookup.

use serde::Serialize;

use super::body::{Body, Data};
use super::error::LookupError;
use crate::lead::Lead;
use crate::provider::Event;
use crate::providers::Tomba;
use crate::read::error::ShapeError;
use crate::read::json::Json;

/// The result of a lookup.
///
/// `T` is the payload type of the lookup. Tomba's bodies don't name the lookup, so each lookup
/// needs its own `webhook_url` and route, and the route determines `T`:
///
/// ```
/// use leadhook::{
///     Delivery, Tomba,
///     tomba::{EmailFinder, LookupResult},
/// };
///
/// let body = r#"{"data": {"email": "ann.lee@example.com", "score": 97}}"#;
/// let delivery = Delivery::<Tomba>::from_storage(body);
/// match delivery.read_as::<LookupResult<EmailFinder>>()?.event {
///     LookupResult::Found(found) => assert_eq!(found.score, Some(97.0)),
///     other => panic!("{other:?}"),
/// }
///
/// let delivery = Delivery::<Tomba>::from_storage(r#"{"data": null}"#);
/// let envelope = delivery.read_as::<LookupResult<EmailFinder>>()?;
/// assert_eq!(envelope.event, LookupResult::NotFound);
/// # Ok::<(), leadhook::ReadError>(())
/// ```
///
/// It serializes as the payload, null, or the error. An [`Envelope`](crate::Envelope) adds the body
/// around it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum LookupResult<T> {
    /// The lookup found something, because the body's data has a value in it.
    ///
    /// If all values are undocumented, every field of the payload is empty, and
    /// [`Delivery::unread`](crate::Delivery::unread) lists the values. Such an envelope serializes without
    /// the values and reads as [`NotFound`](Self::NotFound) then, so store the body instead.
    Found(T),
    /// The lookup found nothing, because the body has no data or no value in its data.
    ///
    /// That Tomba sends such a body to a webhook is assumed. Its own tools expect it from the API.
    NotFound,
    /// The lookup failed.
    ///
    /// That Tomba sends errors to a webhook is assumed.
    Failed(LookupError),
}

impl<T> LookupResult<T> {
    /// Returns the payload, or `None` if the lookup found nothing or failed.
    #[must_use]
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(found) => Some(found),
            Self::NotFound | Self::Failed(_) => None,
        }
    }
}

impl<T: Data> Event for LookupResult<T> {
    type Provider = Tomba;

    const NAMES: &'static [&'static str] = &[T::NAME];

    fn read(_: &str, body: Json<'_>) -> Result<Self, ShapeError> {
        let body = Body(body);
        if body.is_failure() {
            body.read_errors().map(Self::Failed)
        } else if body.data().is_some() {
            body.read_data().map(Self::Found)
        } else {
            body.ignore_all_but("data");
            Ok(Self::NotFound)
        }
    }

    fn name(&self) -> &str {
        T::NAME
    }

    fn lead(&self) -> Option<Lead> {
        match self {
            Self::Found(found) => found.lead(),
            Self::NotFound | Self::Failed(_) => None,
        }
    }

    fn body_key(&self) -> Option<&'static str> {
        Some(match self {
            Self::Found(_) | Self::NotFound => "data",
            Self::Failed(_) => "errors",
        })
    }
}
