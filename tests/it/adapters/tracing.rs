//! The `tracing` events of the adapters, which contain nothing from the request.

use std::{
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
    Delivery, Graphoid, MalformedSignature, Receiver, Rejection, VerifyError, Webhook,
    tower::AuthenticateLayer,
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    events::{Fields, event, traced},
    support::{secret, signed},
};

const SECRET: &str = "whsec_5d41402abc4b";

const BODY: &str = r#"{"email":"ann.lee@example.com"}"#;

/// A body over the limit of the layer.
const LONG: &str = concat!(
    "ann.lee@example.com, ann.lee@example.com, ann.lee@example.com, ",
    "ann.lee@example.com, ann.lee@example.com",
);

fn receiver() -> Receiver<Graphoid> {
    Receiver::new(&secret(SECRET))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// Returns the events of the layer, with a limit of 100 bytes, for a request.
fn traced_by_layer(header: Option<(&str, String)>, body: &'static str) -> Vec<Fields> {
    let inner = service_fn(async |_| Ok::<_, ()>(Response::new(())));
    let service = AuthenticateLayer::new(receiver())
        .with_body_limit(100)
        .layer(inner);
    let mut request = Request::builder();
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Full::<Bytes>::from(body)).unwrap();
    traced(|| {
        block_on(service.oneshot(request)).unwrap();
    })
}

/// Returns the events of the extractor for a signed request, and whether the request was accepted.
fn traced_by_extractor(body: &'static str) -> (Vec<Fields>, bool) {
    let (name, value) = signed::<Graphoid>(&secret(SECRET), body);
    let request = Request::builder().header(name, value).body(body.into());
    let receiver = receiver();
    let mut accepted = false;
    let events = traced(|| {
        let webhook = Webhook::<Graphoid>::from_request(request.unwrap(), &receiver);
        accepted = block_on(webhook).is_ok();
    });
    (events, accepted)
}

fn rejection(status: &str, reason: &str, body_length: Option<&str>) -> Fields {
    let mut fields = vec![
        ("provider", "graphoid"),
        ("status", status),
        ("reason", reason),
    ];
    fields.extend(body_length.map(|length| ("body_length", length)));
    event("WARN", "webhook rejected", &fields)
}

#[test]
fn a_rejection_is_traced_with_its_reason_and_nothing_of_the_request() {
    let sign = |text, body: &str| Some(signed::<Graphoid>(&secret(text), body));
    assert_eq!(traced_by_layer(sign(SECRET, BODY), BODY), []);

    let missing = VerifyError::MissingSignature.to_string();
    assert_eq!(
        traced_by_layer(None, BODY),
        [rejection("401", &missing, None)]
    );
    let header = Some(("x-graphoid-signature", "sha1=2fd4e1c67a2d28fc".to_owned()));
    let malformed = VerifyError::MalformedSignature(MalformedSignature::OtherAlgorithm).to_string();
    assert_eq!(
        traced_by_layer(header, BODY),
        [rejection("401", &malformed, None)]
    );
    let mismatch = VerifyError::SignatureMismatch.to_string();
    assert_eq!(
        traced_by_layer(sign("a guess", BODY), BODY),
        [rejection("401", &mismatch, Some("31"))]
    );
    let encoded = "the body has a content encoding, and only unencoded bodies can be verified";
    assert_eq!(
        traced_by_layer(Some(("content-encoding", "gzip".to_owned())), BODY),
        [rejection("415", encoded, None)]
    );
    assert_eq!(
        traced_by_layer(sign(SECRET, LONG), LONG),
        [rejection("413", "the body is over the limit", None)]
    );
}

#[test]
fn an_unreadable_body_is_traced_wherever_it_is_read() {
    const WON: &str = r#"{"event":"lead.won","data":{"lead":{"name":"Ann Lee"}}}"#;

    let reason = "unexpected shape of lead.won at `data.lead.id` (line 1, column 36)";
    let expected = vec![rejection("422", reason, Some("55"))];
    assert_eq!(traced_by_extractor(WON), (expected.clone(), false));

    let delivery = Delivery::<Graphoid>::from_storage(WON);
    let events = traced(|| {
        let rejection = Rejection::unreadable(&delivery, delivery.read().unwrap_err());
        assert_eq!(rejection.provider(), Some("graphoid"));
    });
    assert_eq!(events, expected);
}

#[test]
fn an_unknown_event_is_traced_without_its_name() {
    const UNKNOWN: &str = r#"{"event":"lead.ann.lee@example.com","data":{}}"#;

    let fields = [("provider", "graphoid"), ("body_length", "46")];
    let expected = vec![event("INFO", "unknown event", &fields)];
    assert_eq!(traced_by_extractor(UNKNOWN), (expected, true));
}

/// A body of which no byte ever arrives.
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
    let request = Request::new(axum::body::Body::new(Stalled));
    let receiver = receiver();
    let events = traced(|| {
        let webhook = pin!(Webhook::<Graphoid>::from_request(request, &receiver));
        let poll = webhook.poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending(), "it waits for the body");
    });
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["status"], "401");
}

#[test]
fn left_out_values_are_traced_with_documented_keys_only() {
    const WON: &str =
        r#"{"event":"lead.won","data":{"lead":{"id":1,"value":"Ann","Lee":2}},"new":3}"#;

    let left_out = [
        ("provider", "graphoid"),
        ("event", "lead.won"),
        ("paths", "data.lead.value"),
        ("count", "1"),
    ];
    let unread = [
        ("provider", "graphoid"),
        ("event", "lead.won"),
        ("count", "3"),
    ];
    let expected = vec![
        event(
            "WARN",
            "values in an unexpected form were left out",
            &left_out,
        ),
        event("DEBUG", "parts of the body were not read", &unread),
    ];
    assert_eq!(traced_by_extractor(WON), (expected, true));
}
