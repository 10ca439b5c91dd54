//! The envelope around an event.

use alloc::string::String;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::lead::Lead;
use crate::provider::{Event, Layout, Provider};

/// An event together with its envelope.
///
/// It serializes in the provider's layout and with the provider's key names. Every documented value
/// keeps its meaning, but escapes, fractions of a second and numbers as strings may be written
/// differently. An optional value that could not be read is missing, and
/// [`Delivery::unread`](crate::Delivery::unread) lists it. For the bytes as they were sent, use
/// [`Delivery::body`](crate::Delivery::body).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Envelope<E> {
    /// The provider's id, which is `id` for Graphoid, such as `evt_9pQrXy2k`, and `webhook_id` for
    /// Grader.io.
    ///
    /// Grader.io's webhook documentation does not say whether its id belongs to the event, the
    /// delivery or the endpoint, so don't detect duplicates by it.
    pub id: Option<String>,
    /// The envelope's timestamp, or `None` if there is none in RFC 3339.
    ///
    /// Whether it is the time of the event or of the delivery is not known to us for any provider.
    pub timestamp: Option<DateTime<Utc>>,
    /// The account of the event, which is `workspace_id` for Graphoid, such as `ws_7hGt`.
    pub workspace_id: Option<String>,
    /// The version of the provider's API, which is `api_version` for Graphoid, such as `v2`.
    pub api_version: Option<String>,
    /// The event.
    pub event: E,
}

impl<E: Event> Envelope<E> {
    /// Returns the event's name on the wire, such as `lead.won`.
    ///
    /// Tomba's documented bodies have no name. A saved lead is `save_lead`, and a result has the name of
    /// its lookup, such as `email-verifier`. A [`TombaEvent`](crate::tomba::TombaEvent) can also be
    /// `not-found`, `error` or `unknown`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.event.name()
    }

    /// Returns the person or company that the event is about, if contact data is known.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        self.event.lead()
    }

    /// Returns how old the event says it is, or `None` if the envelope has no readable timestamp.
    ///
    /// The age is negative if the timestamp is after `now`, for example because two clocks differ.
    ///
    /// leadhook itself rejects no event for its age, because genuine retries can be old. Graphoid's last
    /// retry comes 10 h 35 min after the first attempt (the sum of the documented delays), and whether it
    /// carries the timestamp of the first attempt is not known to us. If it does, a limit of five minutes,
    /// which is usual elsewhere, rejects every retry. A limit does not prevent replays of recent events
    /// either, but handling each event once does.
    ///
    /// A handler can set its own limit:
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use leadhook::{Delivery, Envelope, Graphoid, graphoid::GraphoidEvent};
    ///
    /// /// Returns whether the event is at most a day old. The clocks may differ by a minute.
    /// fn is_recent(envelope: &Envelope<GraphoidEvent>) -> bool {
    ///     let limits = TimeDelta::minutes(-1)..=TimeDelta::days(1);
    ///     // Without a timestamp, the age is unknown.
    ///     envelope.age(Utc::now()).is_some_and(|age| limits.contains(&age))
    /// }
    ///
    /// let old = r#"{"event":"lead.won","timestamp":"2026-04-03T14:22:00Z","data":{"lead":{"id":1}}}"#;
    /// let delivery = Delivery::<Graphoid>::from_storage(old);
    /// assert!(!is_recent(&delivery.read()?));
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        Some(now.signed_duration_since(self.timestamp?))
    }
}

impl<E: Event> Serialize for Envelope<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Layout::Enveloped(keys) = E::Provider::LAYOUT else {
            let Some(key) = self.event.body_key() else {
                return self.event.serialize(serializer);
            };
            return serializer.collect_map([(key, &self.event)]);
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(keys.event, self.name())?;
        if let (Some(key), Some(id)) = (keys.id, &self.id) {
            map.serialize_entry(key, id)?;
        }
        if let (Some(key), Some(timestamp)) = (keys.timestamp, &self.timestamp) {
            map.serialize_entry(key, timestamp)?;
        }
        if let (Some(key), Some(workspace_id)) = (keys.workspace_id, &self.workspace_id) {
            map.serialize_entry(key, workspace_id)?;
        }
        if let (Some(key), Some(api_version)) = (keys.api_version, &self.api_version) {
            map.serialize_entry(key, api_version)?;
        }
        map.serialize_entry(keys.data, &self.event)?;
        map.end()
    }
}
