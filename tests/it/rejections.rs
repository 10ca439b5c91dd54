//! Each rejection is logged exactly once, whichever way the request comes in.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{FromRequest as _, dev::Payload, error::PayloadError, test::TestRequest, web};
use axum::{Router, body::Body, extract::DefaultBodyLimit, routing::post};
use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::Full;
use leadhook::{
    CredentialSource, Delivery, Graphoid, MalformedSignature, Provider, ReadError, Receiver,
    Rejection, RejectionKind, Tomba, VerifyError, Webhook, tower::AuthenticateLayer,
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    events::{Fields, event, traced},
    support::{secret, signed},
};

const LIMIT: usize = 100;
const SECRET: &str = "whsec_5d41402abc4b";
const SIGNATURE: &str = "x-graphoid-signature";
const TOKEN: &str = "x-webhook-token";
const BODY: &str = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;

/// The headers of a request, and its body unless that breaks off.
struct Request {
    headers: Vec<(&'static str, String)>,
    body: Option<&'static str>,
}

impl Request {
    fn new(body: &'static str, headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter();
        Self {
            headers: headers
                .map(|&(name, value)| (name, value.to_owned()))
                .collect(),
            body: Some(body),
        }
    }

    fn signed(body: &'static str) -> Self {
        let (name, value) = signed::<Graphoid>(&secret(SECRET), body);
        Self::new(body, &[(name, &value)])
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &String> {
        let headers = self.headers.iter();
        headers
            .filter(move |header| header.0 == name)
            .map(|header| &header.1)
    }

    fn http(&self) -> http::Request<Body> {
        let mut request = http::Request::post("/");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = self.body.map_or_else(|| Body::new(BreaksOff), Body::from);
        request.body(body).unwrap()
    }
}

/// A body whose connection is lost.
pub(crate) struct BreaksOff;

impl http_body::Body for BreaksOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}

impl futures_core::Stream for BreaksOff {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, PayloadError>>> {
        Poll::Ready(Some(Err(PayloadError::Incomplete(None))))
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

type Authenticate<P> =
    fn(&Receiver<P>, Vec<&String>, &'static str) -> Result<Delivery<P>, VerifyError>;

/// Does by hand what the adapters do.
fn by_hand<P: Provider>(
    receiver: &Receiver<P>,
    request: &Request,
    authenticate: Authenticate<P>,
) -> Result<(), Rejection> {
    let body = request.body.unwrap();
    Rejection::check_encoding::<P>(request.values("content-encoding"))?;
    if body.len() > LIMIT {
        return Err(Rejection::body_too_large::<P>());
    }
    let CredentialSource::Header(name) = receiver.credential_source() else {
        panic!("the receivers of this test look at a header");
    };
    let delivery = authenticate(receiver, request.values(name).collect(), body)?;
    match delivery.read() {
        Ok(_) => Ok(()),
        Err(error) => Err(Rejection::unreadable(&delivery, error)),
    }
}

async fn handle<P: Provider>(_: Webhook<P>) {}

fn through_axum<P>(receiver: &Receiver<P>, request: &Request) -> Result<(), Rejection>
where
    P: Provider<Event: Send>,
{
    let app = Router::new()
        .route("/", post(handle::<P>))
        .layer(DefaultBodyLimit::max(LIMIT))
        .with_state(receiver.clone());
    let mut response = block_on(app.oneshot(request.http())).unwrap();
    response.extensions_mut().remove().map_or(Ok(()), Err)
}

fn through_tower<P: Provider>(receiver: &Receiver<P>, request: &Request) -> Result<(), Rejection> {
    let inner = service_fn(async |request: http::Request<Full<Bytes>>| {
        let delivery: &Delivery<P> = request.extensions().get().unwrap();
        Ok::<Response<()>, ()>(match delivery.read() {
            Ok(_) => Response::default(),
            Err(error) => Rejection::unreadable(delivery, error).into(),
        })
    });
    let service = AuthenticateLayer::new(receiver.clone())
        .with_body_limit(LIMIT)
        .layer(inner);
    let mut response = block_on(service.oneshot(request.http())).unwrap();
    response.extensions_mut().remove().map_or(Ok(()), Err)
}

fn through_actix<P: Provider>(
    receiver: Option<&Receiver<P>>,
    request: &Request,
    payload: Option<Payload>,
) -> Result<(), Rejection> {
    let mut test = TestRequest::post().app_data(web::PayloadConfig::new(LIMIT));
    if let Some(receiver) = receiver {
        test = test.app_data(web::Data::new(receiver.clone()));
    }
    for header in &request.headers {
        test = test.append_header((header.0, &*header.1));
    }
    let (request, whole) = test
        .set_payload(request.body.unwrap_or_default())
        .to_http_parts();
    let mut body = payload.unwrap_or(whole);
    actix_web::rt::System::new()
        .block_on(Webhook::<P>::from_request(&request, &mut body))
        .map(drop)
}

type Way<'a> = (&'a str, &'a dyn Fn() -> Result<(), Rejection>);

/// Checks that the request is rejected and that this is logged once, in every way that it can come in.
#[track_caller]
fn check<P: Provider<Event: Send>>(
    receiver: &Receiver<P>,
    request: &Request,
    kind: impl Into<RejectionKind>,
    body_length: Option<usize>,
) {
    let expected = Rejection::from(kind.into());
    let logged = logged(P::NAME, &expected, body_length);
    let at_once: Authenticate<P> = |receiver, values, body| receiver.authenticate(values, body);
    let in_two_steps: Authenticate<P> =
        |receiver, values, body| receiver.begin(values)?.finish(body);
    let ways: [Way<'_>; 5] = [
        ("axum", &|| through_axum(receiver, request)),
        ("tower", &|| through_tower(receiver, request)),
        ("actix", &|| {
            let payload: Payload = Payload::Stream {
                payload: Box::pin(BreaksOff),
            };
            let payload = request.body.is_none().then_some(payload);
            through_actix(Some(receiver), request, payload)
        }),
        ("by hand", &|| by_hand(receiver, request, at_once)),
        ("in two steps", &|| by_hand(receiver, request, in_two_steps)),
    ];
    // By hand, the framework reads the body and reports that it broke off.
    let count = if request.body.is_some() { 5 } else { 3 };
    for (way, run) in &ways[..count] {
        let mut result = Ok(());
        let events = traced(|| result = run());
        assert_eq!(events, std::slice::from_ref(&logged), "{way}: {expected}");
        let rejection = result.unwrap_err();
        assert_eq!(rejection.kind(), expected.kind(), "{way}");
        let is_converted =
            matches!(rejection.kind(), RejectionKind::Verify(_)) && way.contains(' ');
        let provider = (!is_converted).then_some(P::NAME);
        assert_eq!(rejection.provider(), provider, "{way}");
    }
}

fn logged(provider: &str, rejection: &Rejection, body_length: Option<usize>) -> Fields {
    let (status, reason) = (rejection.status().to_string(), rejection.to_string());
    let length = body_length.map(|length| length.to_string());
    let mut fields = vec![
        ("provider", provider),
        ("status", &status),
        ("reason", &reason),
    ];
    fields.extend(
        length
            .as_ref()
            .map(|length| ("body_length", length.as_str())),
    );
    event("WARN", "webhook rejected", &fields)
}

#[test]
fn each_rejection_is_logged_once_in_every_way() {
    const LONG: &str = concat!(
        "ann.lee@example.com, ann.lee@example.com, ann.lee@example.com, ",
        "ann.lee@example.com, ann.lee@example.com",
    );
    const WON: &str = r#"{"event":"lead.won","data":{"lead":{"name":"Ann Lee"}}}"#;
    use VerifyError::{
        DuplicateSignature, DuplicateToken, MissingSignature, MissingToken, SignatureMismatch,
        TokenMismatch,
    };

    let graphoid = Receiver::<Graphoid>::new(&secret(SECRET));
    let [right, other] = [SECRET, "a guess"].map(|text| signed::<Graphoid>(&secret(text), BODY).1);
    let unsigned = Request::new(BODY, &[]);
    check(&graphoid, &unsigned, MissingSignature, None);
    let twice = Request::new(BODY, &[(SIGNATURE, &right), (SIGNATURE, &right)]);
    check(&graphoid, &twice, DuplicateSignature, None);
    let sha1 = Request::new(BODY, &[(SIGNATURE, "sha1=2fd4e1c67a2d28fc")]);
    let malformed = VerifyError::from(MalformedSignature::OtherAlgorithm);
    check(&graphoid, &sha1, malformed, None);
    let forged = Request::new(BODY, &[(SIGNATURE, &other)]);
    check(&graphoid, &forged, SignatureMismatch, Some(BODY.len()));

    let tomba = Receiver::<Tomba>::header_token(TOKEN, &secret(SECRET)).unwrap();
    check(&tomba, &Request::new(BODY, &[]), MissingToken, None);
    let twice = Request::new(BODY, &[(TOKEN, SECRET), (TOKEN, SECRET)]);
    check(&tomba, &twice, DuplicateToken, None);
    let wrong = Request::new(BODY, &[(TOKEN, "a guess")]);
    check(&tomba, &wrong, TokenMismatch, None);

    let gzip = Request::new(BODY, &[(SIGNATURE, &right), ("content-encoding", "gzip")]);
    check(&graphoid, &gzip, RejectionKind::UnsupportedEncoding, None);
    let long = Request::signed(LONG);
    check(&graphoid, &long, RejectionKind::BodyTooLarge, None);
    let broken = Request {
        body: None,
        ..Request::signed(BODY)
    };
    check(&graphoid, &broken, RejectionKind::BodyIncomplete, None);
    for body in ["{", "[]", "{}", r#"{"event":"a","event":"b"}"#, WON] {
        let error = Delivery::<Graphoid>::from_storage(body).read().unwrap_err();
        assert_eq!(error.status(), if body == WON { 422 } else { 400 });
        check(&graphoid, &Request::signed(body), error, Some(body.len()));
    }
}

#[test]
fn the_faults_of_an_application_are_logged_once() {
    let receiver = Receiver::<Graphoid>::new(&secret(SECRET));
    let mut request = Request::signed(BODY);
    let mut result = Ok(());
    let events = traced(|| result = through_actix::<Graphoid>(None, &request, None));
    let rejection = result.unwrap_err();
    assert!(matches!(
        rejection.kind(),
        RejectionKind::MissingReceiver { .. }
    ));
    assert_eq!(events, [logged("graphoid", &rejection, None)]);

    request
        .headers
        .push(("content-length", BODY.len().to_string()));
    let mut result = Ok(());
    let events = traced(|| {
        result = through_actix(Some(&receiver), &request, Some(Payload::None));
    });
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), &RejectionKind::BodyTaken);
    assert_eq!(events, [logged("graphoid", &rejection, None)]);
}

#[test]
fn an_accepted_request_logs_no_rejection() {
    let receiver = Receiver::<Graphoid>::new(&secret(SECRET));
    let request = Request::signed(BODY);
    let events = traced(|| {
        by_hand(&receiver, &request, |receiver, values, body| {
            receiver.authenticate(values, body)
        })
        .unwrap();
        through_axum(&receiver, &request).unwrap();
        through_tower(&receiver, &request).unwrap();
        through_actix(Some(&receiver), &request, None).unwrap();
    });
    assert_eq!(events, []);
}

#[test]
fn trying_a_receiver_and_converting_an_error_logs_nothing() {
    let receivers = ["north", "south"].map(|text| Receiver::<Graphoid>::new(&secret(text)));
    let (_, signature) = signed::<Graphoid>(&secret("south"), BODY);
    let events = traced(|| {
        let [north, south] = &receivers;
        let error = north.accepts([&signature], BODY).unwrap_err();
        assert_eq!(error, VerifyError::SignatureMismatch);
        assert_eq!(
            north.accepts([""; 0], BODY).unwrap_err(),
            VerifyError::MissingSignature
        );
        assert_eq!(south.accepts([&signature], BODY).unwrap().body(), BODY);
        let _ = Rejection::from(error);
        let _ = Rejection::from(ReadError::NotAnObject);
        let _ = Rejection::from(RejectionKind::BodyTooLarge);
    });
    assert_eq!(events, []);
}

/// Middleware that reads the body leaves an empty one behind.
#[test]
fn an_empty_body_is_named_in_the_reason() {
    let receiver = Receiver::<Graphoid>::new(&secret("a secret for tests"));
    let (_, signature) = signed::<Graphoid>(&secret("a secret for tests"), BODY);
    let taken = receiver.authenticate([&signature], "").unwrap_err();
    assert_eq!(taken, VerifyError::EmptyBody);
    assert!(
        taken.to_string().starts_with("the body is empty"),
        "{taken}"
    );

    let signed_empty = Delivery::<Graphoid>::from_storage("");
    let unreadable = signed_empty.read().unwrap_err();
    assert_eq!(
        unreadable.to_string(),
        "the body is not JSON at line 1, column 0; it is empty"
    );
    let blank = Delivery::<Graphoid>::from_storage(" ").read().unwrap_err();
    assert!(!blank.to_string().contains("empty"), "{blank}");
}
