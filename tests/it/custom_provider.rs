//! Providers that are defined outside of the crate, with and without an envelope and a signature.

use chrono::TimeDelta;
use leadhook::{
    ContractError, CredentialSource, Envelope, EnvelopeKeys, Event, Json, Layout, Lead,
    MalformedSignature, Provider, RawJson, ReadError, Receiver, SecretIndex, ShapeError,
    SignatureFormat, SignedProvider, UnsignedProvider, VerifyError,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};

use self::Fault as F;
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

#[derive(Debug, PartialEq)]
enum ShopEvent {
    Paid(Order),
    Unknown(String, RawJson),
}

/// Writes the data alone. A derive with `untagged` and `skip` would write the raw JSON in a list.
impl Serialize for ShopEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Paid(order) => order.serialize(serializer),
            Self::Unknown(_, data) => data.serialize(serializer),
        }
    }
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

#[test]
fn an_own_event_keeps_its_contract() {
    for body in [
        r#"{"type":"order.paid","no":17,"payload":{"total":5}}"#,
        r#"{"payload":{"total":5},"type":"order.paid"}"#,
        r#"{"type":"order.lost","payload":{"total":"?"}}"#,
        r#"{"type":"order.lost"}"#,
    ] {
        Envelope::<ShopEvent>::check_contract(body).unwrap();
    }
    let contact = r#"{"mail":"ann.lee@example.com","age":41}"#;
    Envelope::<Contact>::check_contract(contact).unwrap();
    assert!(matches!(
        Envelope::<ShopEvent>::check_contract(r#"{"type":"order.paid","payload":{}}"#),
        Err(ContractError::Unreadable(ReadError::UnexpectedShape { .. }))
    ));
    let not_utf_8 = Envelope::<ShopEvent>::check_contract(b"\xff");
    assert_eq!(
        not_utf_8.unwrap_err().to_string(),
        "the body can't be read: the body is not UTF-8 at byte 0"
    );
}

/// How the event under test breaks the contract.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    FastReadDiffers,
    NameDiffers,
    NotSerializable,
    WrittenUnreadable,
    WrittenDiffers,
}

/// An event that breaks the contract in the way that its total says.
#[derive(PartialEq)]
struct Faulty {
    fault: Fault,
    reads: u32,
}

impl Faulty {
    fn new(total: u32, reads: u32) -> Self {
        let faults = [
            F::None,
            F::FastReadDiffers,
            F::NameDiffers,
            F::NotSerializable,
            F::WrittenUnreadable,
            F::WrittenDiffers,
        ];
        let fault = faults[total as usize];
        Self { fault, reads }
    }
}

impl Serialize for Faulty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total = match self.fault {
            F::NotSerializable => return Err(S::Error::custom("no")),
            F::WrittenUnreadable => return serializer.serialize_str("no"),
            F::WrittenDiffers => 0,
            fault => fault as u32,
        };
        Order { total }.serialize(serializer)
    }
}

impl Event for Faulty {
    type Provider = Shop;
    const NAMES: &'static [&'static str] = &["order.paid"];

    fn read(_: &str, data: Json<'_>) -> Result<Self, ShapeError> {
        Ok(Self::new(data.read::<Order>()?.total, 0))
    }

    fn read_fast<'de, D: Deserializer<'de>>(_: &str, data: D) -> Result<Self, D::Error> {
        let event = Self::new(Order::deserialize(data)?.total, 0);
        let reads = u32::from(event.fault == F::FastReadDiffers);
        Ok(Self { reads, ..event })
    }

    fn name(&self) -> &str {
        if self.fault == F::NameDiffers {
            "order"
        } else {
            "order.paid"
        }
    }
}

#[test]
fn an_event_that_breaks_its_contract_is_found() {
    let check = |fault: Fault| {
        let total = fault as u32;
        let body = format!(r#"{{"type":"order.paid","payload":{{"total":{total}}}}}"#);
        Envelope::<Faulty>::check_contract(body).err()
    };
    assert_eq!(check(F::None), None);
    assert_eq!(
        check(F::FastReadDiffers),
        Some(ContractError::FastReadDiffers)
    );
    assert_eq!(check(F::NameDiffers), Some(ContractError::NameDiffers));
    assert_eq!(
        check(F::NotSerializable),
        Some(ContractError::NotSerializable)
    );
    assert!(matches!(
        check(F::WrittenUnreadable),
        Some(ContractError::WrittenUnreadable(
            ReadError::UnexpectedShape { .. }
        ))
    ));
    assert_eq!(
        check(F::WrittenDiffers),
        Some(ContractError::WrittenDiffers)
    );
}
