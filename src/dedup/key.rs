//! The key that duplicate deliveries of one event share.

use core::{fmt, iter, str, time::Duration};

use crate::auth::verifier::sha256;
use crate::delivery::Delivery;
use crate::provider::{DedupBy, Provider};
use crate::read::parse::Head;

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
/// - [`DedupBy::EventId`] (Graphoid): the event's name, the workspace and the event's id. A retry is
///   recognized although its bytes differ.
/// - [`DedupBy::Body`] (Grader.io, `ScoreApp`, Tomba): the bytes of the body. If the body
///   [does not identify](Provider::body_identifies_event) an event, as the body of a look-up of Tomba
///   that found nothing, the key is random, so that no event is lost as a duplicate.
///
/// # False duplicates
///
/// `ScoreApp` and Tomba send neither an id nor a timestamp of the event. If a lead is changed and then
/// changed back, the third payload can equal the first byte for byte. It is then treated as a duplicate
/// for as long as the first is remembered. The test delivery of Grader.io always has the same bytes, so
/// sending it twice gives a duplicate, too. To make a key from values that you choose, use
/// [`Delivery::key_from_parts`](crate::Delivery::key_from_parts).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    bytes: [u8; 32],
    retry_window: Duration,
}

impl Key {
    /// Returns the key's bytes, for a store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Returns how long the provider may retry the event.
    ///
    /// It is the provider's [`RETRY_WINDOW`](crate::Provider::RETRY_WINDOW), and the default retention
    /// of a handled event.
    #[must_use]
    pub fn retry_window(&self) -> Duration {
        self.retry_window
    }
}

/// Writes the key as 64 lower-case hex digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.bytes))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl<P: Provider> Delivery<P> {
    /// Computes the key that duplicates of this delivery share.
    ///
    /// A Graphoid delivery without a readable event name or id gets the key of its body, so every
    /// delivery has a key. If the body [does not identify](Provider::body_identifies_event) the event,
    /// each call returns a new key.
    ///
    /// A Graphoid delivery that was read before keeps the place of its id, so the key costs one hash.
    /// Otherwise the body is parsed again. The key is the same. Needs the `dedup` feature.
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
            && let Some(key) = self.key_of_event_id()
        {
            return key;
        }
        if !P::body_identifies_event(self.body()) {
            let mut random = [0; 16];
            if getrandom::fill(&mut random).is_ok() {
                return self.hash(b"random", [&random]);
            }
        }
        self.hash(b"body", [self.body()])
    }

    /// Computes a key from values of your own choice.
    ///
    /// Two deliveries share the key if their provider, their [scope](crate::Receiver::with_scope) and all
    /// parts are equal. It never equals a key that is not made from parts. Needs the `dedup` feature.
    ///
    /// Take every part from the event that this delivery was read as. A header or a query parameter is
    /// not authenticated, so whoever can choose it can make an event look like a duplicate. An empty
    /// part identifies nothing, so if any part is empty, this returns [`key`](Self::key) instead.
    /// One to eight parts are possible; other numbers do not compile.
    ///
    /// ```
    /// use leadhook::{Delivery, Grader, grader::GraderEvent};
    ///
    /// # let body = r#"{"event":"submission.created","data":{"submission":{"id":"sub_1"}}}"#;
    /// # let delivery = Delivery::<Grader>::from_storage(body);
    /// let envelope = delivery.read()?;
    /// let key = match &envelope.event {
    ///     // Each submission is handled once, whatever else changes in it.
    ///     GraderEvent::SubmissionCreated(data) => {
    ///         delivery.key_from_parts([envelope.name(), &data.submission.id])
    ///     }
    ///     _ => delivery.key(),
    /// };
    /// # assert_ne!(key, delivery.key());
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    #[must_use]
    pub fn key_from_parts<const N: usize>(&self, parts: [&str; N]) -> Key {
        const { assert!(N > 0 && N <= 8, "a key is made of one to eight parts") };

        if parts.iter().any(|part| part.is_empty()) {
            return self.key();
        }
        self.hash(b"own", parts.map(str::as_bytes))
    }

    /// Computes the key of the event's name, the workspace and the id, if they identify an event.
    fn key_of_event_id(&self) -> Option<Key> {
        if let Some(identity) = self.known_identity() {
            return Some(self.hash(b"id", identity));
        }
        let text = str::from_utf8(self.body()).ok()?;
        let head = Head::read(text, P::LAYOUT).ok()?;
        Some(self.hash(b"id", head.identity()?.map(str::as_bytes)))
    }

    /// Hashes all parts of a key in one pass.
    fn hash<const N: usize>(&self, kind: &[u8], identity: [&[u8]; N]) -> Key {
        let scope: &[u8] = match self.scope() {
            None => b"",
            // No text contains this byte, so the empty scope differs from no scope and from all others.
            Some("") => &[0xff],
            Some(scope) => scope.as_bytes(),
        };
        let context = [VERSION, P::NAME.as_bytes(), scope, kind];
        let parts = || context.iter().chain(&identity).copied();
        let lengths = Lengths::of(parts());
        Key {
            bytes: sha256(iter::once(lengths.as_bytes()).chain(parts())),
            retry_window: P::RETRY_WINDOW,
        }
    }
}

/// The number of parts, and the length of each in as few bytes as it needs (LEB128).
///
/// They are hashed before the parts, so two different lists of parts are never the same bytes. Fixed
/// lengths would cost most keys another SHA-256 block.
struct Lengths {
    bytes: [u8; 128],
    used: usize,
}

impl Lengths {
    fn of<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let mut bytes = [0; 128];
        let mut free = bytes.iter_mut();
        for mut number in iter::once(parts.clone().count()).chain(parts.map(<[u8]>::len)) {
            for byte in free.by_ref() {
                let [low, ..] = number.to_le_bytes();
                number >>= 7;
                if number == 0 {
                    *byte = low;
                    break;
                }
                *byte = low | 0x80;
            }
        }
        let unused = free.len();
        Self {
            bytes,
            used: 128_usize.saturating_sub(unused),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}
