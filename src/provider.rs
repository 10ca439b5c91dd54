//! The traits for providers and their events.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::value::RawValue;

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;
use crate::read::error::ShapeError;
use crate::read::json::{self, Json};

/// A provider of webhooks.
///
/// The four providers of this crate implement it. For another provider, implement it together with
/// [`SignedProvider`] or [`UnsignedProvider`]. The receiver, the extractors and deduplication then work for
/// that provider as well.
///
/// Its events can be types with a derived `Deserialize`, which are read strictly, as here.
/// [`payload!`](crate::payload) and [`events!`](crate::events) declare types in fewer lines, which are read
/// as tolerantly as those of this crate.
///
/// ```
/// use leadhook::{
///     Envelope, EnvelopeKeys, Event, Json, Layout, Provider, RawJson, Receiver, Secret,
///     ShapeError, SignatureFormat, SignedProvider, Signer,
/// };
/// use serde::{Deserialize, Serialize, Serializer};
///
/// /// A shop that signs as GitHub does: `{"type": "order.paid", "payload": {"total": 5}}`.
/// struct Shop;
///
/// impl Provider for Shop {
///     const NAME: &'static str = "shop";
///     const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
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
/// #[derive(Debug, PartialEq)]
/// enum ShopEvent {
///     Paid(Order),
///     Unknown { name: String, data: RawJson },
/// }
///
/// impl Event for ShopEvent {
///     type Provider = Shop;
///     const NAMES: &'static [&'static str] = &["order.paid"];
///
///     fn read(name: &str, data: Json<'_>) -> Result<Self, ShapeError> {
///         Ok(match name {
///             "order.paid" => Self::Paid(data.read()?),
///             _ => Self::Unknown { name: name.into(), data: data.read()? },
///         })
///     }
///
///     fn name(&self) -> &str {
///         match self {
///             Self::Paid(_) => "order.paid",
///             Self::Unknown { name, .. } => name,
///         }
///     }
/// }
///
/// /// Writes the data alone, because the envelope has the name.
/// impl Serialize for ShopEvent {
///     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
///         match self {
///             Self::Paid(order) => order.serialize(serializer),
///             Self::Unknown { data, .. } => data.serialize(serializer),
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
///
/// // What is written reads as an equal event, and an unknown event keeps its data byte for byte.
/// for body in [r#"{"type":"order.paid","payload":{"total":5}}"#, r#"{"type":"new","payload":[1e2]}"#] {
///     let envelope = Envelope::<ShopEvent>::parse(body)?;
///     let written = serde_json::to_string(&envelope)?;
///     assert_eq!(written, body);
///     assert_eq!(Envelope::parse(written)?, envelope);
/// }
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
    /// If a provider documents how long it waits, subtract a margin for the network. The default is a second
    /// below the shortest limit that is common elsewhere, 5 seconds.
    const RESPOND_WITHIN: Duration = Duration::from_secs(4);

    /// How long after the first delivery of an event the provider may still retry it. Defaults to 24
    /// hours.
    ///
    /// leadhook remembers a handled event for this long.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

    /// The type that a delivery is read as by default.
    type Event: Event<Provider = Self>;

    /// Returns whether two deliveries with this body are the same event. By default they are.
    ///
    /// It matters only if duplicates are detected by the body. Return `false` if different events can have
    /// this body. No delivery with this body is a duplicate then. Tomba's implementation
    /// returns `false` for a lookup that found nothing, because all such bodies are equal.
    #[must_use]
    fn body_identifies_event(body: &[u8]) -> bool {
        let _ = body;
        true
    }
}

/// A provider that signs the raw body with HMAC-SHA256.
pub trait SignedProvider: Provider {
    /// The header that carries the signature, in lower case.
    const HEADER: &'static str;

    /// The form of the signature in the header.
    const FORMAT: SignatureFormat;
}

/// A provider that does not sign its requests, so they can only be authenticated by a token.
///
/// Don't implement it for a provider that signs, because a receiver for it could then accept requests
/// without a signature.
pub trait UnsignedProvider: Provider {}

/// An event that can be read from a provider's deliveries.
///
/// An event that is serialized and read again must be equal, and
/// [`Envelope::check_contract`](crate::Envelope::check_contract) checks that in a test. [`Provider`] has
/// an example. [`events!`](crate::events) implements this trait for an enum that it declares.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "for a route of one of Tomba's lookups, read `LookupResult<{Self}>`",
    note = "for your own data, use `Delivery::json` or declare an event with `leadhook::events!`"
)]
pub trait Event: Sized + Serialize {
    /// The provider that sends the event.
    type Provider: Provider;

    /// The names of the known events on the wire, such as `lead.won`.
    const NAMES: &'static [&'static str];

    /// Reads the event with this name.
    ///
    /// `data` is the value of the envelope's data key, or null if that is missing. For a
    /// [bare](Layout::Bare) layout it is the whole body, and `name` is the first of
    /// [`NAMES`](Self::NAMES). [`Json::read`] reads a type with a derived `Deserialize`, and
    /// [`Member::read`](crate::Member::read) a type that [`payload!`](crate::payload) declares.
    ///
    /// An unknown name should not be an error, because the provider can count it as a failure of your
    /// endpoint. [`RawJson`](crate::RawJson) holds any data.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] if the data has an unexpected shape.
    fn read(name: &str, data: Json<'_>) -> Result<Self, ShapeError>;

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

    /// Returns the person or company that the event is about, if one is known.
    fn lead(&self) -> Option<Lead> {
        None
    }

    /// Returns the provider's id of the record that the event is about, even if no contact data is known.
    ///
    /// It is the [`id`](Lead::id) that a lead of this event would have, such as the id of one sitting of a
    /// quiz. By default it is the lead's.
    fn lead_id(&self) -> Option<String> {
        self.lead()?.id
    }

    /// Returns the key under which the event is written in a [bare](Layout::Bare) body.
    ///
    /// By default the event is the whole body.
    fn body_key(&self) -> Option<&'static str> {
        None
    }

    /// Reads the event with this name straight from the body, in its documented form only.
    ///
    /// It makes reading faster and changes nothing: if it fails, the event is read by
    /// [`read`](Self::read), and what it accepts must be equal to what `read` returns. By default, it
    /// calls `read` and fails if a value had to be left out.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn read_fast<'de, D: Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error> {
        let data = <&RawValue>::deserialize(data)?;
        json::whole(data.get(), |data| Self::read(name, data))
            .ok_or_else(|| D::Error::custom("an unexpected shape"))
    }
}

/// Where the event is found in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// The body is an envelope with the event's name and its data.
    Enveloped(EnvelopeKeys),
    /// The body is the event, without its name.
    Bare {
        /// The documented keys at the top of the body, which must not have a duplicate.
        keys: &'static [&'static str],
    },
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// Returns the part of the envelope that has this key.
    #[inline]
    pub(crate) fn part(self, key: &str) -> Option<(&'static str, Part)> {
        [
            (Some(self.event), Part::Event),
            (Some(self.data), Part::Data),
            (self.id, Part::Id),
            (self.timestamp, Part::Timestamp),
            (self.workspace_id, Part::WorkspaceId),
            (self.api_version, Part::ApiVersion),
        ]
        .into_iter()
        .find_map(|(known, part)| Some((known.filter(|known| key == *known)?, part)))
    }
}

/// A part of an envelope.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Event,
    Data,
    Id,
    Timestamp,
    WorkspaceId,
    ApiVersion,
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
