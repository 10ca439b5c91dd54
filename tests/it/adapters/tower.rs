//! The layer for tower, around services that hyper serves.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    fmt::Debug,
    future::{Ready, ready},
    io, mem,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll},
};

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use leadhook::{
    Delivery, Event, Graphoid, Provider, Receiver, Rejection, RejectionKind, VerifyError,
    graphoid::GraphoidEvent, tower::AuthenticateLayer,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tower::{
    Layer, Service, ServiceExt,
    limit::ConcurrencyLimit,
    load_shed::{LoadShed, error::Overloaded},
    service_fn,
    util::BoxCloneSyncService,
};

use crate::{cases::GRAPHOID, support::secret};

over_http!(serve);

type Body = Full<Bytes>;
type Endpoint = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

#[tokio::main(worker_threads = 2)]
async fn serve(address: mpsc::Sender<SocketAddr>) {
    let mut routes = Routes::default();
    crate::cases::endpoints(&mut routes);
    let routes: &Routes = Box::leak(Box::new(routes));
    let app = service_fn(move |request: Request<Incoming>| async move {
        let endpoint = routes.0[request.uri().path()].clone();
        endpoint.oneshot(request).await.map(tell)
    });

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.send(listener.local_addr().unwrap()).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        tokio::spawn(connection);
    }
}

#[derive(Default)]
struct Routes(HashMap<&'static str, Endpoint>);

impl crate::cases::Endpoints for Routes {
    fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
        &mut self,
        path: &'static str,
        receiver: Receiver<P>,
    ) {
        let layer = AuthenticateLayer::new(receiver).with_body_limit(crate::cases::LIMIT);
        let endpoint = layer.layer(service_fn(handle::<P, E>));
        self.0.insert(path, BoxCloneSyncService::new(endpoint));
    }
}

async fn handle<P: Provider, E: Event<Provider = P>>(
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let delivery = request.extensions().get::<Delivery<P>>().unwrap();
    let response = match delivery.read_as::<E>() {
        Ok(envelope) => Response::builder()
            .header("x-event", envelope.name())
            .body(request.into_body())
            .unwrap(),
        Err(error) => Rejection::unreadable(delivery, error).into(),
    };
    Ok(response)
}

/// Adds a header with the kind of a rejection to the response.
fn tell(mut response: Response<Body>) -> Response<Body> {
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        let kind = HeaderValue::from_str(&format!("{:?}", rejection.kind())).unwrap();
        response.headers_mut().insert("x-kind", kind);
    }
    response
}

fn layer() -> AuthenticateLayer<Graphoid> {
    AuthenticateLayer::new(Receiver::new(&secret(GRAPHOID.secret)))
}

fn signed(body: impl Into<Vec<u8>>) -> Request<Body> {
    let body = body.into();
    let signature = GRAPHOID.sign(GRAPHOID.secret, &body);
    Request::post("/")
        .header(GRAPHOID.header, signature)
        .body(Body::from(body))
        .unwrap()
}

/// Returns an unsigned request.
fn unsigned() -> Request<Body> {
    Request::new(Body::from("{}"))
}

/// A body with these frames, each of which is pending at first.
struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, io::Error>>,
    is_ready: bool,
}

impl Frames {
    /// Returns a request with the signature of the provider's body.
    fn signed<const N: usize>(frames: [Frame<Bytes>; N]) -> Request<Self> {
        signed(GRAPHOID.body).map(|_| Self {
            frames: frames.into_iter().map(Ok).collect(),
            is_ready: false,
        })
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if mem::replace(&mut self.is_ready, false) {
            Poll::Ready(self.frames.pop_front())
        } else {
            self.is_ready = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

fn data(bytes: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(bytes.as_bytes()))
}

fn kind(response: &Response<Body>) -> Option<&RejectionKind> {
    response
        .extensions()
        .get::<Rejection>()
        .map(Rejection::kind)
}

#[tokio::test]
async fn a_streaming_body_is_read_to_its_end() {
    let service = layer().layer(service_fn(handle::<Graphoid, GraphoidEvent>));
    let (first, second) = GRAPHOID.body.split_at(10);

    let frames = [data(first), data(""), data(second)];
    let response = service
        .clone()
        .oneshot(Frames::signed(frames))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, GRAPHOID.body);

    let trailers = Frame::trailers(HeaderMap::new());
    let frames = [data(first), data(second), trailers];
    let response = service
        .clone()
        .oneshot(Frames::signed(frames))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);

    let response = service
        .oneshot(Frames::signed([data(first)]))
        .await
        .unwrap();
    assert_eq!(response.status(), 401, "the rest is signed, too");
}

#[tokio::test]
async fn a_body_that_fails_is_broken_off() {
    let service = layer().layer(service_fn(handle::<Graphoid, GraphoidEvent>));

    let mut request = Frames::signed([data(GRAPHOID.body)]);
    let error = io::ErrorKind::ConnectionReset.into();
    request.body_mut().frames.push_back(Err(error));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(kind(&response), Some(&RejectionKind::BodyIncomplete));
}

/// A body over every limit, which must not be read.
struct Huge;

impl http_body::Body for Huge {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("it was read");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::MAX)
    }
}

/// Returns the status and the `Connection` header of the response to a huge body, and `must_close` of the
/// rejection.
async fn reject_unread(request: Request<Huge>) -> (u16, bool, bool) {
    let service = layer().layer(service_fn(handle::<Graphoid, GraphoidEvent>));
    let response = service.oneshot(request).await.unwrap();
    let closes = response.headers().get("connection");
    let rejection = response.extensions().get::<Rejection>().unwrap();
    (
        response.status().as_u16(),
        closes.is_some_and(|value| value == "close"),
        rejection.must_close(),
    )
}

#[tokio::test]
async fn nothing_is_read_if_the_client_waits_for_100_continue() {
    for (request, status) in [(signed(GRAPHOID.body), 413), (unsigned(), 401)] {
        let mut request = request.map(|_| Huge);
        let expect = HeaderValue::from_static("100-Continue");
        request.headers_mut().insert("expect", expect);
        assert_eq!(reject_unread(request).await, (status, true, true));
    }
}

#[tokio::test]
async fn nothing_is_drained_under_http_2() {
    for (request, status) in [(signed(GRAPHOID.body), 413), (unsigned(), 401)] {
        for version in [Version::HTTP_2, Version::HTTP_3] {
            let mut request = request.clone().map(|_| Huge);
            *request.version_mut() = version;
            assert_eq!(reject_unread(request).await, (status, false, false));
        }
    }
}

#[tokio::test]
async fn the_limit_is_2_mib_by_default() {
    let service = layer().layer(service_fn(handle::<Graphoid, GraphoidEvent>));
    let status = async |length: usize| {
        let padding = b" ".repeat(length - GRAPHOID.body.len());
        let request = signed([GRAPHOID.body.as_bytes(), &padding].concat());
        service.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status(2_097_152).await, 200);
    assert_eq!(status(2_097_153).await, 413);
}

#[tokio::test]
async fn a_response_only_has_to_have_a_default() {
    let service = layer().layer(service_fn(async |_| {
        Ok::<_, Infallible>(Response::new("done"))
    }));

    let response = service
        .clone()
        .oneshot(signed(GRAPHOID.body))
        .await
        .unwrap();
    assert_eq!(
        (response.status(), *response.body()),
        (StatusCode::OK, "done")
    );
    let response = service.oneshot(unsigned()).await.unwrap();
    assert_eq!(
        (response.status(), *response.body()),
        (StatusCode::UNAUTHORIZED, "")
    );
}

#[tokio::test]
async fn the_rejection_is_in_the_response_s_extensions() {
    let service = layer().layer(service_fn(handle::<Graphoid, GraphoidEvent>));

    let response = service.oneshot(unsigned()).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.provider(), Some("graphoid"));
    assert_eq!(
        *rejection.kind(),
        RejectionKind::Verify(VerifyError::MissingSignature)
    );
    assert!(response.headers().is_empty(), "{:?}", response.headers());
}

/// A service that panics if it is called before it was ready, as its contract allows.
#[derive(Default)]
struct Careful {
    is_ready: bool,
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<Body>> for Careful {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(mem::take(&mut self.is_ready), "it was not polled ready");
        ready(Ok(Response::default()))
    }
}

/// Calls a service when it is ready, and returns the future of its response.
async fn call<S: Service<Request<Body>, Error: Debug>>(
    service: &mut S,
    request: Request<Body>,
) -> S::Future {
    service.ready().await.unwrap().call(request)
}

#[tokio::test]
async fn a_service_is_called_only_when_it_is_ready() {
    let mut service = layer().layer(Careful::default());
    for _ in 0..3 {
        let rejected = call(&mut service, unsigned()).await;
        let first = call(&mut service, signed(GRAPHOID.body)).await;
        let second = call(&mut service, signed(GRAPHOID.body)).await;
        let clone = service.clone().oneshot(signed(GRAPHOID.body));
        assert_eq!(clone.await.unwrap().status(), 200);
        assert_eq!(second.await.unwrap().status(), 200);
        assert_eq!(first.await.unwrap().status(), 200);
        assert_eq!(rejected.await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn under_a_concurrency_limit_everyone_is_served() {
    let inner = service_fn(handle::<Graphoid, GraphoidEvent>);
    let service = layer().layer(ConcurrencyLimit::new(inner, 2));

    let mut rejected = service.clone();
    let response = call(&mut rejected, unsigned()).await.await.unwrap();
    assert_eq!(response.status(), 401);

    let mut calls = JoinSet::new();
    for _ in 0..50 {
        calls.spawn(service.clone().oneshot(signed(GRAPHOID.body)));
    }
    for response in calls.join_all().await {
        assert_eq!(response.unwrap().status(), 200);
    }
    drop(rejected);
}

#[tokio::test]
async fn a_rejected_request_occupies_no_capacity() {
    let inner = service_fn(handle::<Graphoid, GraphoidEvent>);
    let service = layer().layer(ConcurrencyLimit::new(inner, 1));

    // This clone stays alive, as the clone of an open connection does.
    let mut rejected = service.clone();
    let response = call(&mut rejected, unsigned()).await.await.unwrap();
    assert_eq!(response.status(), 401);

    let response = service.oneshot(signed(GRAPHOID.body)).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(rejected);
}

#[tokio::test]
async fn a_shed_request_is_the_service_s_own_error() {
    let turnstile = Arc::new(Semaphore::new(0));
    let inner = {
        let turnstile = turnstile.clone();
        service_fn(move |request| {
            let turnstile = turnstile.clone();
            async move {
                turnstile.acquire().await.unwrap().forget();
                handle::<Graphoid, GraphoidEvent>(request).await
            }
        })
    };
    let mut service = layer().layer(LoadShed::new(ConcurrencyLimit::new(inner, 1)));

    let first = call(&mut service, signed(GRAPHOID.body)).await;
    let second = call(&mut service, signed(GRAPHOID.body)).await;
    assert!(second.await.unwrap_err().is::<Overloaded>());
    turnstile.add_permits(1);
    assert_eq!(first.await.unwrap().status(), 200);

    turnstile.add_permits(1);
    let third = call(&mut service, signed(GRAPHOID.body)).await;
    assert_eq!(third.await.unwrap().status(), 200);
}
