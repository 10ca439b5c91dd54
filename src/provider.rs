//! What a provider is, and what an event is: the two traits that a sender implements.

use core::time::Duration;

use serde::{Deserializer, Serialize};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;

/// A sender of webhooks: the facts about it that reading and recognising a delivery need.
///
/// The four senders of this crate implement it, and yours can. Implement [`SignedProvider`] or
/// [`UnsignedProvider`] beside it, and the receiver, the extractors and the handling of repeats
/// serve your sender, too.
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
/// let delivery = Receiver::<Shop>::new(&secret).authenticate([signature], body.as_slice())?;
/// assert_eq!(delivery.read()?.event, ShopEvent::Paid(Order { total: 5 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Provider: Sized + 'static {
    /// The provider's name in logs and keys, in lower case. It must not change once keys are stored.
    const NAME: &'static str;

    /// Where the event stands in a body.
    const LAYOUT: Layout;

    /// By what a repeated delivery is recognised. Defaults to the body.
    const DEDUP_BY: DedupBy = DedupBy::Body;

    /// How long after the first delivery of an event the sender may still repeat it. It is how long
    /// a handled event is remembered. Defaults to 24 hours.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

    /// Whether the provider signs its requests: [`Signed`] or [`Unsigned`].
    type Authentication;

    /// The type that a delivery is read as by default.
    type Event: Event<Provider = Self>;
}

/// The [`Authentication`](Provider::Authentication) of a provider that signs its requests.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is a marker without values")]
pub enum Signed {}

/// The [`Authentication`](Provider::Authentication) of a provider that signs nothing.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is a marker without values")]
pub enum Unsigned {}

/// A provider that signs the raw body with HMAC-SHA256.
pub trait SignedProvider: Provider<Authentication = Signed> {
    /// The header that carries the signature, in lower case.
    const HEADER: &'static str;

    /// How the header writes the signature.
    const FORMAT: SignatureFormat;
}

/// A provider that signs nothing, so that at most a static token shows who sent a request.
pub trait UnsignedProvider: Provider<Authentication = Unsigned> {}

/// A provider whose envelopes say when the event happened, within what is signed.
pub trait TimestampedProvider: Provider {}

/// An event that can be read from a provider's deliveries.
///
/// `Serialize` writes what [`read`](Self::read) reads, unless [`write`](Self::write) says otherwise.
/// [`Provider`] has an example.
pub trait Event: Sized + Serialize {
    /// The sender.
    type Provider: Provider;

    /// The names of the events that are known.
    const NAMES: &'static [&'static str];

    /// The sizes in bytes of the largest elements of its lists: of objects, and of other values. They
    /// decide whether the fast pass could take too much memory for a body.
    #[doc(hidden)]
    const ELEMENT_SIZES: (usize, usize) = (0, 0);

    /// Reads the event that is called `name`.
    ///
    /// `data` is the value of the envelope's data key, null where that is missing; for a
    /// [bare](Layout::Bare) layout it is the whole body. A name that is not known should not be an
    /// error: the sender would disable the endpoint. [`RawJson`](crate::RawJson) takes any data.
    ///
    /// # Errors
    ///
    /// That of the deserializer, where the data has another shape than the event has.
    fn read<'de, D: Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error>;

    /// Reads data that [`read`](Self::read) failed to read, or returns `None` if that failure is an
    /// error, as it is by default.
    ///
    /// It is for events whose data the provider does not document. The provider would count the
    /// response to an error as a failure of your endpoint, although nobody knows the right shape.
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

    /// The event's name on the wire.
    fn name(&self) -> &str;

    /// Whether the event's data has a type, so that it is not merely kept as raw JSON because the
    /// event or the shape of its data is unknown. By default, whether its name is a known one.
    fn is_known(&self) -> bool {
        Self::NAMES.contains(&self.name())
    }

    /// Finds the name of the event in a body that doesn't say it. Asked for a
    /// [bare](Layout::Bare) layout only; the first of [`NAMES`](Self::NAMES) unless told otherwise.
    ///
    /// # Errors
    ///
    /// That of the deserializer.
    fn detect<'de, D: Deserializer<'de>>(body: D) -> Result<&'static str, D::Error> {
        let _ = body;
        Ok(Self::NAMES.first().copied().unwrap_or_default())
    }

    /// Writes what [`read`](Self::read) reads.
    ///
    /// # Errors
    ///
    /// That of the serializer.
    fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    /// The person or company that the event is about, if it is about one.
    fn lead(&self) -> Option<Lead> {
        None
    }

    /// Whether a key is one that the provider documents. Where the data has an unknown shape, the
    /// error's path shows those keys, and `*` for any other, which may be personal data.
    #[must_use]
    fn is_documented_key(key: &str) -> bool {
        let _ = key;
        false
    }
}

/// Where the event stands in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// The body is an envelope that names the event and holds its data.
    Enveloped(EnvelopeKeys),
    /// The body is the event and doesn't name it.
    Bare {
        /// The documented keys at the top. A repeated one is [`DuplicateKey`](crate::ReadError::DuplicateKey)
        /// where [`Event::read`] refuses it, as a derived `Deserialize` does for its fields.
        keys: &'static [&'static str],
    },
}

impl Layout {
    /// The keys that must not be repeated.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static str> {
        let (enveloped, bare) = match self {
            Self::Enveloped(keys) => (Some(keys), [].as_slice()),
            Self::Bare { keys } => (None, keys),
        };
        let enveloped = enveloped.map(EnvelopeKeys::all).into_iter().flatten();
        enveloped.chain(bare.iter().copied())
    }
}

/// What a provider calls the keys of its envelope.
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
    /// The key that holds the event's name, and the one that holds its data.
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

    /// The key of an id: a string or a number.
    #[must_use]
    pub const fn with_id(mut self, key: &'static str) -> Self {
        self.id = Some(key);
        self
    }

    /// The key of the time at which the event happened, in RFC 3339.
    #[must_use]
    pub const fn with_timestamp(mut self, key: &'static str) -> Self {
        self.timestamp = Some(key);
        self
    }

    /// The key of the account that the event belongs to.
    #[must_use]
    pub const fn with_workspace_id(mut self, key: &'static str) -> Self {
        self.workspace_id = Some(key);
        self
    }

    /// The key of the version of the sender's API.
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

/// By what two deliveries are recognised as the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DedupBy {
    /// The bytes of the body.
    Body,
    /// The envelope's workspace and id, where there is an id; else the bytes of the body.
    EventId,
}
