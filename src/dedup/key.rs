//! The key that duplicate deliveries of one event share.

use alloc::string::String;
use core::{fmt, iter, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::auth::verifier::sha256_of_parts;
use crate::delivery::Delivery;
use crate::provider::{DedupBy, Layout, Provider};
use crate::read::json;
use crate::read::second::identity;

/// Changes whenever keys are computed in another way, so that keys of two versions are never equal.
const VERSION: &[u8] = b"1";

/// The 32 bytes that identify an event.
///
/// Two deliveries with equal keys are duplicates of each other. A key is a SHA-256 hash of
/// authenticated bytes only: the provider, the receiver's [scope](crate::Receiver::with_scope), and the
/// data that the provider's [`DedupBy`] names. The signature is not part of it, because it changes
/// when the secret is rotated between two attempts. Headers are not part of it, because they are not
/// signed.
///
/// - [`DedupBy::EventId`] (Graphoid): the event's name, the workspace and the event's id. If a retry keeps
///   the id, which is assumed, it is recognized even if its bytes differ.
/// - [`DedupBy::Body`] (Grader.io, `ScoreApp`, Tomba): the bytes of the body. If the body
///   [does not identify](Provider::body_identifies_event) an event, as for a lookup of Tomba that found
///   nothing, the key is random, so no event is lost as a duplicate.
///
/// # False duplicates
///
/// `ScoreApp` and Tomba send neither an id nor a timestamp of the event. If a lead is changed and then
/// changed back, the third payload can equal the first byte for byte. It is then treated as a duplicate
/// for as long as the first is remembered. In the same way, two lookups with equal results are one event,
/// and so are two test deliveries with equal bytes. Grader.io documents one body for its tests, so
/// pressing its test button twice probably sends a duplicate. To make a key from values that you choose, use
/// [`from_parts`](Self::from_parts).
///
/// # Other systems
///
/// A key is written and serialized as 64 lower-case hex digits, and read from digits in either case. Pass
/// it on as an idempotency key, or store its 32 bytes.
///
/// ```
/// use leadhook::{Delivery, Grader, dedup::Key};
///
/// let key = Delivery::<Grader>::from_storage("{}").key();
/// assert_eq!(key.to_string().parse(), Ok(key));
/// assert_eq!(Key::from_bytes(*key.as_bytes()), key);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// Computes a key from values that you choose.
    ///
    /// Two deliveries share the key if their provider, their [scope](crate::Receiver::with_scope) and all
    /// parts are equal. It never equals a key that is not made from parts.
    ///
    /// Use only parts of the event that the delivery was read as. Headers and query parameters are not
    /// authenticated, so whoever can choose them can make an event look like a duplicate. An empty
    /// part identifies nothing, so if any part is empty or there is none, this returns
    /// [`delivery.key()`](Delivery::key) instead.
    ///
    /// ```
    /// use leadhook::{Delivery, Grader, dedup::Key, grader::GraderEvent};
    ///
    /// # let body = r#"{"event":"submission.created","data":{"submission":{"id":"sub_1"}}}"#;
    /// # let delivery = Delivery::<Grader>::from_storage(body);
    /// let envelope = delivery.read()?;
    /// let key = match &envelope.event {
    ///     // Each submission is handled once, whatever else changes in it.
    ///     GraderEvent::SubmissionCreated(data) => {
    ///         Key::from_parts(&delivery, &[envelope.name(), &data.submission.id])
    ///     }
    ///     _ => delivery.key(),
    /// };
    /// # assert_ne!(key, delivery.key());
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    #[must_use]
    pub fn from_parts<P: Provider>(delivery: &Delivery<P>, parts: &[&str]) -> Self {
        if parts.is_empty() || parts.contains(&"") {
            return delivery.key();
        }
        Self::hash(delivery, b"own", parts.iter().map(|part| part.as_bytes()))
    }

    /// Creates the key that has these bytes, such as a key that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the key's bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Computes the key of the event's name, the workspace and the id, if they identify an event.
    fn of_event_id<P: Provider>(delivery: &Delivery<P>) -> Option<Self> {
        let Layout::Enveloped(keys) = P::LAYOUT else {
            return None;
        };
        json::checked(delivery.body(), |body| {
            let identity = identity(body, keys)?;
            let parts = identity.iter().map(|part| part.as_bytes());
            Some(Self::hash(delivery, b"id", parts))
        })?
    }

    /// Hashes an identity together with its kind and with everything else that a key depends on.
    fn hash<'a, P: Provider>(
        delivery: &'a Delivery<P>,
        kind: &'a [u8],
        identity: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let scope: &[u8] = match delivery.scope() {
            None => b"",
            // No text contains this byte, so the empty scope differs from no scope and from all others.
            Some("") => &[0xff],
            Some(scope) => scope.as_bytes(),
        };
        let context = [VERSION, P::NAME.as_bytes(), scope, kind];
        Self(sha256_of_parts(context.into_iter().chain(identity)))
    }
}

/// Writes the key as 64 lower-case hex digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads exactly 64 hex digits, in either case.
impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError)?;
        Ok(Self(bytes))
    }
}

/// Serializes the key as 64 lower-case hex digits.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The error returned when a text is not a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key; expected 64 hex digits")]
#[non_exhaustive]
pub struct KeyError;

impl<P: Provider> Delivery<P> {
    /// Computes the key that duplicates of this delivery share.
    ///
    /// A Graphoid delivery without a readable event name or id gets the key of its body, so every
    /// delivery has a key. If the body [does not identify](Provider::body_identifies_event) the event,
    /// each call returns a new key.
    ///
    /// The key is computed at each call, from the body or, for Graphoid, from the envelope around the
    /// data. Needs the `dedup` feature.
    ///
    /// ```
    /// use leadhook::{Delivery, Graphoid};
    ///
    /// let delivery = |body| Delivery::<Graphoid>::from_storage(body);
    /// let first = delivery(r#"{"id": "evt_1", "event": "lead.won", "workspace_id": "ws_1"}"#);
    /// let retry = delivery(r#"{"workspace_id": "ws_1", "id": "evt_1", "event": "lead.won"}"#);
    /// let other = delivery(r#"{"id": "evt_2", "event": "lead.won", "workspace_id": "ws_1"}"#);
    ///
    /// assert_eq!(first.key(), retry.key());
    /// assert_ne!(first.key(), other.key());
    /// ```
    #[must_use]
    pub fn key(&self) -> Key {
        if P::DEDUP_BY == DedupBy::EventId
            && let Some(key) = Key::of_event_id(self)
        {
            return key;
        }
        if !P::body_identifies_event(self.body()) {
            let mut random = [0; 16];
            if getrandom::fill(&mut random).is_ok() {
                return Key::hash(self, b"random", iter::once(&random[..]));
            }
        }
        Key::hash(self, b"body", iter::once(&self.body()[..]))
    }
}
