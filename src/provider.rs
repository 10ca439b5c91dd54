//! The traits for providers and their events.

use core::time::Duration;

use serde::{Deserializer, Serialize};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;

/// A provider of webhooks.
///
/// The four providers of this crate implement it. For a provider of your own, implement it together
/// with [`SignedProvider`] or [`UnsignedProvider`]. Then the receiver, the extractors and
/// deduplication work for your provider, too.
///
/// ```
/// use leadhook::{
///     EnvelopeKeys, Event, Layout, Provider, RawJson, Receiver, SignatureFormat, Secret,
///     Signed, SignedProvider, Signer,
/// };
/// use serde::{Deserialize, Deserializer, Serialize};
///
/// /// A shop that signs as GitHub does: `{"type": "order.paid", "payload": {"total": 5}}`.
/// struct Shop;
///
/// impl Provider for Shop {
///     const NAME: &'static str = "shop";
///     const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
///     type Authentication = Signed;
///     type Event = ShopEvent;
/// }
///
/// impl SignedProvider for Shop {
///     const HEADER: &'static str = "x-shop-signature";
///     const FORMAT: SignatureFormat = SignatureFormat::PrefixedHex;
/// }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Order {
///     total: u32,
/// }
///
/// #[derive(Debug, PartialEq, Serialize)]
/// #[serde(untagged)]
/// enum ShopEvent {
///     Paid(Order),
///     Unknown(#[serde(skip)] String, RawJson),
/// }
///
/// impl Event for ShopEvent {
///     type Provider = Shop;
///     const NAMES: &'static [&'static str] = &["order.paid"];
///
///     fn read<'de, D: Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error> {
///         match name {
///             "order.paid" => Order::deserialize(data).map(Self::Paid),
///             _ => RawJson::deserialize(data).map(|data| Self::Unknown(name.into(), data)),
///         }
///     }
///
///     fn name(&self) -> &str {
///         match self {
///             Self::Paid(_) => "order.paid",
///             Self::Unknown(name, _) => name,
///         }
///     }
/// }
///
/// let secret = Secret::new("whsec_5d41402abc4b")?;
/// let body = br#"{"type":"order.paid","payload":{"total":5}}"#;
/// let (_, signature) = Signer::<Shop>::new(&secret).header(body);
///
/// let receiver = Receiver::<Shop>::new(&secret);
/// let delivery = receiver.authenticate([signature], body.as_slice())?;
/// assert_eq!(delivery.read()?.event, ShopEvent::Paid(Order { total: 5 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Provider: Sized + 'static {
    /// The provider's name in logs and deduplication keys, in lower case, such as `graphoid`.
    ///
    /// If it changes, stored keys no longer match.
    const NAME: &'static str;

    /// Where the event is found in the body.
    const LAYOUT: Layout;

    /// How duplicate deliveries are detected. Defaults to [`DedupBy::Body`].
    const DEDUP_BY: DedupBy = DedupBy::Body;

    /// How soon the response to a delivery should be sent. Defaults to 4 seconds.
    ///
    /// If a provider documents how long it waits, subtract a margin for the network. The default leaves a
    /// second of the shortest limit that is common elsewhere, which is 5 seconds.
    const RESPOND_WITHIN: Duration = Duration::from_secs(4);

    /// How long after the first delivery of an event the provider may still retry it. Defaults to 24
    /// hours.
    ///
    /// A handled event is remembered for as long.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

    /// Whether the provider signs its requests: [`Signed`] or [`Unsigned`].
    type Authentication;

    /// The type that a delivery is read as by default.
    type Event: Event<Provider = Self>;

    /// Returns whether two deliveries with this body are the same event. By default they are.
    ///
    /// It matters only where duplicates are detected by the body. Return `false` if different events
    /// can have this body. Then no delivery with this body is a duplicate. Tomba's implementation
    /// returns `false` for a look-up that found nothing, because all such bodies are equal.
    #[must_use]
    fn body_identifies_event(body: &[u8]) -> bool {
        let _ = body;
        true
    }
}

/// The [`Authentication`](Provider::Authentication) of a provider that signs its requests.
///
/// A provider either signs or does not. A provider that implements both traits does not compile:
///
/// ```compile_fail,E0271
/// use leadhook::{SignatureFormat, Signed, SignedProvider, UnsignedProvider};
/// # use leadhook::{EnvelopeKeys, Layout, Provider};
/// # use serde::{Deserializer, Serialize};
/// # #[derive(Serialize)]
/// # struct ShopEvent;
/// # impl leadhook::Event for ShopEvent {
/// #     type Provider = Shop;
/// #     const NAMES: &'static [&'static str] = &[];
/// #     fn read<'de, D: Deserializer<'de>>(_: &str, _: D) -> Result<Self, D::Error> { Ok(Self) }
/// #     fn name(&self) -> &str { "" }
/// # }
/// # struct Shop;
/// # impl Provider for Shop {
/// #     const NAME: &'static str = "shop";
/// #     const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
/// #     type Authentication = Signed;
/// #     type Event = ShopEvent;
/// # }
///
/// impl SignedProvider for Shop {
///     const HEADER: &'static str = "x-shop-signature";
///     const FORMAT: SignatureFormat = SignatureFormat::Hex;
/// }
///
/// impl UnsignedProvider for Shop {}
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is a marker without values")]
pub enum Signed {}

/// The [`Authentication`](Provider::Authentication) of a provider that does not sign its requests.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is a marker without values")]
pub enum Unsigned {}

/// A provider that signs the raw body with HMAC-SHA256.
pub trait SignedProvider: Provider<Authentication = Signed> {
    /// The header that carries the signature, in lower case.
    const HEADER: &'static str;

    /// The form of the signature in the header.
    const FORMAT: SignatureFormat;
}

/// A provider that does not sign its requests, so they can only be authenticated by a token.
pub trait UnsignedProvider: Provider<Authentication = Unsigned> {}

/// A provider whose signed envelopes have a timestamp, so that an age limit can be set.
pub trait TimestampedProvider: Provider {}

/// An event that can be read from a provider's deliveries.
///
/// [`read`](Self::read) and `Serialize` must agree, so that an event that was serialized reads as an equal
/// event. If you need `Serialize` for another form, override [`write`](Self::write). [`Provider`] has
/// an example.
pub trait Event: Sized + Serialize {
    /// The provider that sends the event.
    type Provider: Provider;

    /// The names of the known events on the wire, such as `lead.won`.
    const NAMES: &'static [&'static str];

    /// The sizes in bytes of the largest objects and of the largest other values in its lists. They
    /// decide whether the fast pass could take too much memory for a body.
    #[doc(hidden)]
    const ELEMENT_SIZES: (usize, usize) = (0, 0);

    /// Reads the event with this name.
    ///
    /// `data` is the value of the envelope's data key, or null if that is missing. For a
    /// [bare](Layout::Bare) layout it is the whole body. An unknown name should not be an error,
    /// because the provider would count it as a failure of your endpoint.
    /// [`RawJson`](crate::RawJson) reads any data.
    ///
    /// # Errors
    ///
    /// The deserializer's error, if the data has an unexpected shape.
    fn read<'de, D: Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error>;

    /// Reads data that [`read`](Self::read) failed to read, or returns `None` if that failure is an
    /// error, as it is by default.
    ///
    /// Override it for events whose data the provider does not document. An error would be a failure
    /// of your endpoint for the provider, although the right shape is not known.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn read_unexpected<'de, D: Deserializer<'de>>(
        name: &str,
        data: D,
    ) -> Result<Option<Self>, D::Error> {
        let _ = (name, data);
        Ok(None)
    }

    /// Returns the event's name on the wire.
    fn name(&self) -> &str;

    /// Returns whether the event has a typed payload.
    ///
    /// An event without a typed payload has an unknown name or data in an unknown shape, which is kept
    /// as raw JSON.
    /// By default, an event is known if its name is in [`NAMES`](Self::NAMES).
    fn is_known(&self) -> bool {
        Self::NAMES.contains(&self.name())
    }

    /// Finds the name of the event by the shape of a body that does not name it.
    ///
    /// It is called for a [bare](Layout::Bare) layout only. By default it returns the first of
    /// [`NAMES`](Self::NAMES).
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn detect<'de, D: Deserializer<'de>>(body: D) -> Result<&'static str, D::Error> {
        let _ = body;
        Ok(Self::NAMES.first().copied().unwrap_or_default())
    }

    /// Writes the event in the form that [`read`](Self::read) reads. Uses `Serialize` by default.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    /// Returns the person or company that the event is about, if one is known.
    fn lead(&self) -> Option<Lead> {
        None
    }

    /// Returns whether the provider documents a key of the data.
    ///
    /// The path in an error shows documented keys. It shows `*` for all others, because they may be
    /// personal data.
    #[must_use]
    fn is_documented_key(key: &str) -> bool {
        let _ = key;
        false
    }
}

/// Where the event is found in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// The body is an envelope with the event's name and its data.
    Enveloped(EnvelopeKeys),
    /// The body is the event, without its name.
    Bare {
        /// The documented keys at the top of the body.
        ///
        /// If [`Event::read`] rejects a duplicate of such a key, as a derived `Deserialize` does for its
        /// fields, the error is [`DuplicateKey`](crate::ReadError::DuplicateKey).
        keys: &'static [&'static str],
    },
}

impl Layout {
    /// Returns the keys that must not have a duplicate.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static str> {
        let (enveloped, bare) = match self {
            Self::Enveloped(keys) => (Some(keys), [].as_slice()),
            Self::Bare { keys } => (None, keys),
        };
        let enveloped = enveloped.map(EnvelopeKeys::all).into_iter().flatten();
        enveloped.chain(bare.iter().copied())
    }
}

/// The keys of a provider's envelope.
///
/// ```
/// use leadhook::EnvelopeKeys;
///
/// const KEYS: EnvelopeKeys = EnvelopeKeys::new("event", "data")
///     .with_id("webhook_id")
///     .with_timestamp("timestamp");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeKeys {
    pub(crate) event: &'static str,
    pub(crate) data: &'static str,
    pub(crate) id: Option<&'static str>,
    pub(crate) timestamp: Option<&'static str>,
    pub(crate) workspace_id: Option<&'static str>,
    pub(crate) api_version: Option<&'static str>,
}

impl EnvelopeKeys {
    /// Creates the keys for the event's name and for its data.
    #[must_use]
    pub const fn new(event: &'static str, data: &'static str) -> Self {
        Self {
            event,
            data,
            id: None,
            timestamp: None,
            workspace_id: None,
            api_version: None,
        }
    }

    /// Sets the key of the event's id, whose value is a string or a number.
    #[must_use]
    pub const fn with_id(mut self, key: &'static str) -> Self {
        self.id = Some(key);
        self
    }

    /// Sets the key of the timestamp, whose value is in RFC 3339.
    #[must_use]
    pub const fn with_timestamp(mut self, key: &'static str) -> Self {
        self.timestamp = Some(key);
        self
    }

    /// Sets the key of the account that the event belongs to.
    #[must_use]
    pub const fn with_workspace_id(mut self, key: &'static str) -> Self {
        self.workspace_id = Some(key);
        self
    }

    /// Sets the key of the version of the provider's API.
    #[must_use]
    pub const fn with_api_version(mut self, key: &'static str) -> Self {
        self.api_version = Some(key);
        self
    }

    fn all(self) -> impl Iterator<Item = &'static str> {
        [
            Some(self.event),
            Some(self.data),
            self.id,
            self.timestamp,
            self.workspace_id,
            self.api_version,
        ]
        .into_iter()
        .flatten()
    }
}

/// How duplicate deliveries are detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DedupBy {
    /// By the bytes of the body.
    Body,
    /// By the event's name, workspace and id in the envelope, or by the bytes of the body if there is
    /// no id.
    EventId,
}
