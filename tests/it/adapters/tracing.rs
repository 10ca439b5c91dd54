//! The adapters' `tracing` events, which contain nothing of the request.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use axum::extract::FromRequest;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::Full;
use leadhook::{
    Delivery, Graphoid, MalformedSignature, Receiver, Rejection, Secret, Signer, VerifyError,
    axum::Webhook, tower::AuthenticateLayer,
};
use tower::{Layer, ServiceExt, service_fn};

use crate::events::Events;

/// The events for a request with this header and body, to an endpoint with a limit of 100 bytes.
fn traced_for(
    header: Option<(&str, String)>,
    body: &'static str,
) -> Vec<BTreeMap<&'static str, String>> {
    let events = Events::default();
    let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b").unwrap());
    let inner = service_fn(async |_| Ok::<_, ()>(Response::new(())));
    let service = AuthenticateLayer::new(receiver)
        .with_body_limit(100)
        .layer(inner);

    let mut request = Request::builder();
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Full::<Bytes>::from(body)).unwrap();
    tracing::subscriber::with_default(events.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(service.oneshot(request)).unwrap();
    });
    let events = events.0.lock().unwrap();
    events.clone()
}

fn signed_by(secret: &str, body: &str) -> (&'static str, String) {
    let secret = Secret::new(secret).unwrap();
    Signer::<Graphoid>::new(&secret).header(body.as_bytes())
}

const BODY: &str = r#"{"email":"ann.lee@example.com"}"#;

/// Longer than the limit.
const LONG: &str = concat!(
    "ann.lee@example.com, ann.lee@example.com, ann.lee@example.com, ",
    "ann.lee@example.com, ann.lee@example.com",
);

fn event(fields: &[(&'static str, &str)]) -> Vec<BTreeMap<&'static str, String>> {
    let always = [
        ("level", "WARN"),
        ("message", "webhook rejected"),
        ("provider", "graphoid"),
    ];
    let fields = always.iter().chain(fields).copied();
    vec![
        fields
            .map(|(name, value)| (name, value.to_owned()))
            .collect(),
    ]
}

#[test]
fn a_rejection_is_traced_with_its_reason_and_nothing_of_the_request() {
    assert_eq!(
        traced_for(Some(signed_by("whsec_5d41402abc4b", BODY)), BODY),
        []
    );
    assert_eq!(
        traced_for(None, BODY),
        event(&[
            ("status", "401"),
            (
                "reason",
                "the signature header is missing; is a webhook secret set at the provider?"
            ),
        ])
    );
    assert_eq!(
        traced_for(
            Some(("x-graphoid-signature", "sha1=2fd4e1c67a2d28fc".to_owned())),
            BODY
        ),
        event(&[
            ("status", "401"),
            (
                "reason",
                &VerifyError::MalformedSignature(MalformedSignature::OtherAlgorithm).to_string()
            ),
        ])
    );
    assert_eq!(
        traced_for(Some(signed_by("a guess", BODY)), BODY),
        event(&[
            ("status", "401"),
            ("reason", &VerifyError::SignatureMismatch.to_string()),
            ("body_length", "31"),
        ])
    );
    assert_eq!(
        traced_for(Some(("content-encoding", "gzip".to_owned())), BODY),
        event(&[
            ("status", "415"),
            (
                "reason",
                "the body has a content encoding, and only unencoded bodies can be verified"
            ),
        ])
    );
    assert_eq!(
        traced_for(Some(signed_by("whsec_5d41402abc4b", LONG)), LONG),
        event(&[("status", "413"), ("reason", "the body is over the limit")])
    );
}

#[test]
fn an_unreadable_body_is_traced_wherever_it_is_read() {
    const WON: &str = r#"{"event":"lead.won","data":{"lead":{"name":"Ann Lee"}}}"#;

    let traced = event(&[
        ("status", "422"),
        (
            "reason",
            "unexpected shape of lead.won at `data.lead.id` (line 1, column 36)",
        ),
        ("body_length", "55"),
    ]);

    let events = Events::default();
    let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b").unwrap());
    let (name, value) = signed_by("whsec_5d41402abc4b", WON);
    let request = Request::builder().header(name, value).body(WON.into());
    let request = request.unwrap();
    tracing::subscriber::with_default(events.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let webhook = Webhook::<Graphoid>::from_request(request, &receiver);
        runtime.unwrap().block_on(webhook).unwrap_err();
    });
    assert_eq!(*events.0.lock().unwrap(), traced);

    let events = Events::default();
    let delivery = Delivery::<Graphoid>::from_storage(WON);
    tracing::subscriber::with_default(events.clone(), || {
        let rejection = Rejection::unreadable(&delivery, delivery.read().unwrap_err());
        assert_eq!(rejection.provider(), Some("graphoid"));
    });
    assert_eq!(*events.0.lock().unwrap(), traced);
}

#[test]
fn an_unknown_event_is_traced_without_its_name() {
    const UNKNOWN: &str = r#"{"event":"lead.ann.lee@example.com","data":{}}"#;

    let events = Events::default();
    let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b").unwrap());
    let (name, value) = signed_by("whsec_5d41402abc4b", UNKNOWN);
    let request = Request::builder().header(name, value).body(UNKNOWN.into());
    let request = request.unwrap();
    tracing::subscriber::with_default(events.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let webhook = Webhook::<Graphoid>::from_request(request, &receiver);
        runtime.unwrap().block_on(webhook).unwrap();
    });
    let expected = BTreeMap::from(
        [
            ("level", "INFO"),
            ("message", "unknown event"),
            ("provider", "graphoid"),
            ("body_length", "46"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    assert_eq!(*events.0.lock().unwrap(), [expected]);
}

/// A body of which nothing ever arrives.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn a_rejection_is_traced_before_the_body_is_drained() {
    let events = Events::default();
    let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b").unwrap());
    let request = Request::new(axum::body::Body::new(Stalled));
    tracing::subscriber::with_default(events.clone(), || {
        let webhook = pin!(Webhook::<Graphoid>::from_request(request, &receiver));
        let poll = webhook.poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending(), "it waits for the body");
    });
    let events = events.0.lock().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["status"], "401");
}

#[test]
fn what_was_left_out_is_told_with_documented_keys_only() {
    const WON: &str =
        r#"{"event":"lead.won","data":{"lead":{"id":1,"value":"Ann","Lee":2}},"new":3}"#;

    let events = Events::default();
    let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b").unwrap());
    let (name, value) = signed_by("whsec_5d41402abc4b", WON);
    let request = Request::builder().header(name, value).body(WON.into());
    let request = request.unwrap();
    tracing::subscriber::with_default(events.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let webhook = Webhook::<Graphoid>::from_request(request, &receiver);
        runtime.unwrap().block_on(webhook).unwrap();
    });
    let left_out = [
        ("level", "WARN"),
        ("message", "values in an unexpected form were left out"),
        ("provider", "graphoid"),
        ("event", "lead.won"),
        ("paths", "data.lead.value"),
        ("count", "1"),
    ];
    let unread = [
        ("level", "DEBUG"),
        ("message", "parts of the body were not read"),
        ("provider", "graphoid"),
        ("event", "lead.won"),
        ("count", "3"),
    ];
    let expected = [left_out.as_slice(), unread.as_slice()].map(|fields| {
        let fields = fields.iter().map(|&(name, value)| (name, value.to_owned()));
        fields.collect::<BTreeMap<_, _>>()
    });
    assert_eq!(*events.0.lock().unwrap(), expected);
}
