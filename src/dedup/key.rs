//! By what a repeated delivery is recognised.

use alloc::borrow::Cow;
use core::{fmt, str, time::Duration};

use crate::auth::verifier::sha256;
use crate::delivery::Delivery;
use crate::provider::{DedupBy, Provider};
use crate::read::parse::Head;

/// Changes whenever a key would be made of other parts, so that old and new keys never meet.
const VERSION: &[u8] = b"leadhook 1";

/// What two deliveries of one event have in common: 32 bytes, equal where both count as one event.
///
/// It is made of authenticated bytes only: a hash of the provider, the receiver's
/// [scope](crate::Receiver::scope), and what the provider's [`DedupBy`] names. Neither the signature
/// is part of it, which changes when the secret is rotated between two tries, nor any header.
///
/// - [`DedupBy::EventId`] (Graphoid): the workspace and the event's id, so that a repeat is recognised
///   though its bytes differ.
/// - [`DedupBy::Body`] (Grader.io, `ScoreApp`, Tomba): the bytes of the body. A sender's test delivery
///   that is sent twice counts as a repeat. So does an update back to an earlier state (A, B, A) of a
///   sender that sends neither id nor time; for how long a key is kept bounds what is taken for a repeat.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    bytes: [u8; 32],
    repeats_within: Duration,
}

impl Key {
    /// The key's bytes, to be stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// How long the provider may repeat the event: its [`Provider::RETRY_WINDOW`].
    #[must_use]
    pub fn repeats_within(&self) -> Duration {
        self.repeats_within
    }
}

/// Writes the key in lower-case hex digits.
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
    /// The key by which a repeat of this delivery is recognised. It is computed anew each time it is
    /// asked for.
    ///
    /// It can't fail: a Graphoid delivery without a readable id is recognised by its body. Needs the
    /// `dedup` feature.
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
        let bytes = match self.event_id() {
            Some((workspace, id)) => {
                hash::<P>(self.scope(), [b"id", workspace.as_bytes(), id.as_bytes()])
            }
            None => hash::<P>(self.scope(), [b"body", b"", &sha256([&**self.body()])]),
        };
        Key {
            bytes,
            repeats_within: P::RETRY_WINDOW,
        }
    }

    /// The workspace and the id, where they identify an event.
    fn event_id(&self) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
        if P::DEDUP_BY != DedupBy::EventId {
            return None;
        }
        let text = str::from_utf8(self.body()).ok()?;
        let [_, workspace, id] = Head::read(text, P::LAYOUT).ok()?.into_identity()?;
        Some((workspace, id))
    }
}

/// Hashes parts, each after its length, so that no two lists of parts are the same bytes.
fn hash<P: Provider>(scope: Option<&str>, identity: [&[u8]; 3]) -> [u8; 32] {
    let scope = scope.unwrap_or_default().as_bytes();
    let [kind, first, second] = identity;
    let parts = [VERSION, P::NAME.as_bytes(), scope, kind, first, second];
    let lengths = parts.map(|part| (part.len() as u64).to_be_bytes());
    sha256(
        lengths
            .iter()
            .zip(parts)
            .flat_map(|(length, part)| [length.as_slice(), part]),
    )
}
