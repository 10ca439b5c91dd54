//! Providers that are defined outside of the crate, with and without an envelope and a signature.

use chrono::TimeDelta;
use leadhook::{
    CredentialSource, EnvelopeKeys, Event, Json, Layout, Lead, MalformedSignature, Provider,
    RawJson, ReadError, Receiver, SecretIndex, ShapeError, SignatureFormat, SignedProvider,
    UnsignedProvider, VerifyError,
};
use serde::{Deserialize, Serialize};

use crate::support::{secret, signed};

/// `{"type": "order.paid", "at": "2026-…", "payload": {"total": 5}}`, signed as GitHub does.
struct Shop;

impl Provider for Shop {
    const NAME: &'static str = "shop";
    const LAYOUT: Layout = Layout::Enveloped(
        EnvelopeKeys::new("type", "payload")
            .with_id("no")
            .with_timestamp("at"),
    );
    type Event = ShopEvent;
}

impl SignedProvider for Shop {
    const HEADER: &'static str = "x-shop-signature";
    const FORMAT: SignatureFormat = SignatureFormat::PrefixedHex;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    total: u32,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum ShopEvent {
    Paid(Order),
    Unknown(#[serde(skip)] String, RawJson),
}

impl Event for ShopEvent {
    type Provider = Shop;
    const NAMES: &'static [&'static str] = &["order.paid"];

    fn read(name: &str, data: Json<'_>) -> Result<Self, ShapeError> {
        match name {
            "order.paid" => data.read().map(Self::Paid),
            _ => data.read().map(|data| Self::Unknown(name.into(), data)),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Paid(_) => "order.paid",
            Self::Unknown(name, _) => name,
        }
    }
}

/// A provider whose body is a contact, without a signature.
struct Contacts;

impl Provider for Contacts {
    const NAME: &'static str = "contacts";
    const LAYOUT: Layout = Layout::Bare { keys: &["mail"] };
    type Event = Contact;
}

impl UnsignedProvider for Contacts {}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Contact {
    mail: String,
    age: Option<u8>,
}

impl Event for Contact {
    type Provider = Contacts;
    const NAMES: &'static [&'static str] = &["contact"];

    fn read(_: &str, body: Json<'_>) -> Result<Self, ShapeError> {
        body.read()
    }

    fn name(&self) -> &'static str {
        "contact"
    }

    fn lead(&self) -> Option<Lead> {
        let mut lead = Lead::default();
        lead.email = Some(self.mail.clone());
        Some(lead)
    }
}

#[test]
fn an_enveloped_signed_provider_has_everything_that_the_four_have() {
    let body = r#"{"payload":{"total":5},"no":17,"at":"2026-04-03T14:22:00Z","type":"order.paid"}"#;
    let (name, header) = signed::<Shop>(&secret("old"), body);
    let receiver = Receiver::<Shop>::new(&secret("new"))
        .with_previous(&secret("old"))
        .with_scope("eu");
    assert_eq!(receiver.credential_source(), CredentialSource::Header(name));

    let delivery = receiver.authenticate([&header], body).unwrap();
    assert_eq!(
        (receiver.scope(), delivery.scope()),
        (Some("eu"), Some("eu"))
    );
    let matched = delivery.matched_secret().unwrap();
    assert_eq!((matched.get(), matched.is_current()), (1, false));
    let envelope = delivery.read().unwrap();
    assert_eq!(
        (envelope.name(), envelope.id.as_deref()),
        ("order.paid", Some("17"))
    );
    assert_eq!(envelope.event, ShopEvent::Paid(Order { total: 5 }));
    assert_eq!(envelope.lead(), None);
    assert_eq!(
        serde_json::to_string(&envelope).unwrap(),
        r#"{"type":"order.paid","no":"17","at":"2026-04-03T14:22:00Z","payload":{"total":5}}"#
    );

    let (_, current) = signed::<Shop>(&secret("new"), body);
    let matched = receiver.authenticate([current], body).unwrap();
    assert!(matched.matched_secret().unwrap().is_current());

    let bare = header.strip_prefix("sha256=").unwrap();
    assert_eq!(
        receiver.begin([bare]).unwrap_err(),
        MalformedSignature::MissingPrefix.into()
    );
    let late = "2026-04-03T14:22:02Z".parse().unwrap();
    assert_eq!(envelope.age(late), Some(TimeDelta::seconds(2)));
}

#[test]
fn unknown_events_and_unexpected_shapes_differ() {
    let read = |body: &str| leadhook::Delivery::<Shop>::from_storage(body.to_owned()).read();
    let unknown = read(r#"{"type":"order.lost","payload":{"total":"?"}}"#).unwrap();
    assert_eq!(unknown.name(), "order.lost");
    assert!(!unknown.event.is_known());
    let known = read(r#"{"type":"order.paid","payload":{"total":1}}"#).unwrap();
    assert!(known.event.is_known());
    let shape = read(r#"{"type":"order.paid","payload":{"total":"?"}}"#).unwrap_err();
    assert_eq!(
        shape.to_string(),
        "unexpected shape of order.paid at `payload.total` (line 1, column 41)"
    );
    assert_eq!(
        read(r#"{"event":"order.paid"}"#).unwrap_err(),
        ReadError::MissingEventName { key: "type" }
    );
    assert_eq!(
        read(r#"{"type":"a","at":1,"at":2}"#).unwrap_err(),
        ReadError::DuplicateKey { key: "at" }
    );
}

#[test]
fn a_bare_unsigned_provider_has_a_token() {
    let body = r#"{"mail":"ann.lee@example.com","age":41}"#;
    for (receiver, credential) in [
        (
            Receiver::<Contacts>::header_token("X-Token", &secret("t0ken")),
            CredentialSource::Header("x-token"),
        ),
        (
            Receiver::<Contacts>::query_token("Token", &secret("t0ken")),
            CredentialSource::Query("Token"),
        ),
    ] {
        let receiver = receiver.unwrap().with_previous(&secret("older token"));
        assert_eq!(receiver.credential_source(), credential);
        let envelope = receiver
            .authenticate(["t0ken"], body)
            .unwrap()
            .read()
            .unwrap();
        assert_eq!((envelope.name(), envelope.event.age), ("contact", Some(41)));
        assert_eq!(
            envelope.lead().unwrap().email.as_deref(),
            Some("ann.lee@example.com")
        );
        assert_eq!(serde_json::to_string(&envelope).unwrap(), body);
        assert_eq!(
            receiver
                .authenticate(["older token"], body)
                .unwrap()
                .matched_secret()
                .map(SecretIndex::get),
            Some(1)
        );

        let none: [&str; 0] = [];
        assert_eq!(receiver.begin(none).unwrap_err(), VerifyError::MissingToken);
        assert_eq!(
            receiver.begin(["t0ken", "t0ken"]).unwrap_err(),
            VerifyError::DuplicateToken
        );
        for wrong in ["", "t0ke", "t0ken ", "T0KEN", "t0kent0ken", "t0ken\0"] {
            assert_eq!(
                receiver.begin([wrong]).unwrap_err(),
                VerifyError::TokenMismatch,
                "{wrong:?}"
            );
        }
    }
    let delivery = Receiver::<Contacts>::unauthenticated()
        .authenticate([""; 0], body)
        .unwrap();
    assert_eq!(delivery.matched_secret(), None);

    let shape =
        leadhook::Delivery::<Contacts>::from_storage(r#"{"mail":"a@b.c","age":999}"#).read();
    assert_eq!(
        shape.unwrap_err().to_string(),
        "unexpected shape of contact at `age` (line 1, column 23)"
    );
    let repeated =
        leadhook::Delivery::<Contacts>::from_storage(r#"{"mail":"a","mail":"b"}"#).read();
    assert_eq!(
        repeated.unwrap_err(),
        ReadError::DuplicateKey { key: "mail" }
    );
}

/// An event whose payload has an enum in each of the forms that `serde_json` reads.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Shipment {
    state: State,
    note: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum State {
    Waiting,
    Sent { at: String },
    Lost(u32),
}

impl Event for Shipment {
    type Provider = Shop;
    const NAMES: &'static [&'static str] = &["order.shipped"];

    fn read(_: &str, data: Json<'_>) -> Result<Self, ShapeError> {
        data.read()
    }

    fn name(&self) -> &'static str {
        "order.shipped"
    }
}

#[test]
fn an_own_derive_is_read_strictly() {
    let read = |state: &str, note: &str| {
        let body =
            format!(r#"{{"type":"order.shipped","payload":{{"state":{state},"note":"{note}"}}}}"#);
        let delivery = leadhook::Delivery::<Shop>::from_storage(body);
        delivery
            .read_as::<Shipment>()
            .map(|envelope| envelope.event)
    };
    for (sent, state) in [
        (r#""Waiting""#, State::Waiting),
        (
            r#"{"Sent":{"at":"noon"}}"#,
            State::Sent { at: "noon".into() },
        ),
        (r#"{"Lost":2}"#, State::Lost(2)),
    ] {
        assert_eq!(read(sent, "").unwrap().state, state);
        let half = read(sent, r"\ud83d").unwrap_err();
        let path = "unexpected shape of order.shipped at `payload.note`";
        assert!(half.to_string().starts_with(path), "{half}");
    }
    for wrong in [r#""Gone""#, r#"{"Gone":1}"#, "7", "[]", r#"{"Lost":"two"}"#] {
        for note in ["", r"\ud83d"] {
            let error = read(wrong, note).unwrap_err();
            assert!(
                matches!(error, ReadError::UnexpectedShape { .. }),
                "{wrong}"
            );
        }
    }
}
