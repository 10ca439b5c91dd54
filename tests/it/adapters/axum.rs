//! The extractors for axum, behind its own server.

use std::{net::SocketAddr, sync::mpsc};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{DefaultBodyLimit, FromRequest, Request},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use leadhook::{
    Delivery, Event, Graphoid, Provider, Receiver, Rejection, RejectionKind, VerifyError, Webhook,
    graphoid::GraphoidEvent,
};
use tower::ServiceExt;

use crate::{cases::GRAPHOID, support::secret};

over_http!(serve);

#[tokio::main(worker_threads = 2)]
async fn serve(address: mpsc::Sender<SocketAddr>) {
    let mut routes = Routes(Router::new());
    crate::cases::endpoints(&mut routes);
    serve_app(address, routes.0).await;
}

async fn serve_app(address: mpsc::Sender<SocketAddr>, app: Router) {
    let app = app
        .layer(DefaultBodyLimit::max(crate::cases::LIMIT))
        .layer(middleware::map_response(tell));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.send(listener.local_addr().unwrap()).unwrap();
    axum::serve(listener, app).await.unwrap();
}

struct Routes(Router);

impl crate::cases::Endpoints for Routes {
    fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
        &mut self,
        path: &'static str,
        receiver: Receiver<P>,
    ) {
        let account = Router::new()
            .route("/", post(handle::<P, E>))
            .with_state(receiver);
        self.0 = std::mem::take(&mut self.0).nest(path, account);
    }
}

async fn handle<P: Provider, E: Event<Provider = P>>(
    webhook: Webhook<P, E>,
) -> ([(&'static str, String); 1], Bytes) {
    let event = webhook.envelope.name().to_owned();
    ([("x-event", event)], webhook.delivery.into_body())
}

/// Adds a header with the kind of a rejection to the response.
async fn tell(response: Response) -> Response {
    let rejection = response.extensions().get::<Rejection>();
    match rejection.map(|rejection| format!("{:?}", rejection.kind())) {
        Some(kind) => ([("x-kind", kind)], response).into_response(),
        None => response,
    }
}

/// The same table with receivers that are looked up for each request.
mod by_request {
    use super::*;

    over_http!(serve:
        every_case_has_the_result_of_the_table
        the_header_is_looked_at_before_the_body_is_sent
        the_limit_is_inclusive
        a_connection_outlives_a_rejected_request
    );

    #[tokio::main(worker_threads = 2)]
    async fn serve(address: mpsc::Sender<SocketAddr>) {
        let mut routes = Routes(Router::new());
        crate::cases::endpoints(&mut routes);
        serve_app(address, routes.0).await;
    }

    struct Routes(Router);

    impl crate::cases::Endpoints for Routes {
        fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
            &mut self,
            path: &'static str,
            receiver: Receiver<P>,
        ) {
            let handler = async move |request: Request| {
                tokio::task::yield_now().await; // the lookup
                let webhook = Webhook::<P, E>::from_request(request, &receiver).await?;
                Ok::<_, Rejection>(handle(webhook).await)
            };
            self.0 = std::mem::take(&mut self.0).route(path, post(handler));
        }
    }
}

fn graphoid() -> Receiver<Graphoid> {
    Receiver::new(&secret(GRAPHOID.secret))
}

fn signed(body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = GRAPHOID.sign(GRAPHOID.secret, &body);
    Request::post("/")
        .header(GRAPHOID.header, signature)
        .body(body.into())
        .unwrap()
}

/// Returns an unsigned request.
fn unsigned() -> Request {
    Request::post("/").body("{}".into()).unwrap()
}

const UNKNOWN_SHAPE: &str = r#"{"event":"lead.won","data":[]}"#;

#[tokio::test]
async fn the_delivery_alone_takes_any_shape() {
    async fn store(delivery: Delivery<Graphoid>) -> Bytes {
        delivery.into_body()
    }
    let app = Router::new().route("/", post(store)).with_state(graphoid());

    let response = app.clone().oneshot(signed(UNKNOWN_SHAPE)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        to_bytes(response.into_body(), 100).await.unwrap(),
        UNKNOWN_SHAPE
    );
    assert_eq!(app.oneshot(unsigned()).await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_handler_may_respond_to_a_rejection_itself() {
    async fn response(webhook: Result<Webhook<Graphoid>, Rejection>) -> (StatusCode, String) {
        match webhook {
            Ok(webhook) => (StatusCode::OK, webhook.envelope.name().to_owned()),
            Err(rejection) => (StatusCode::IM_A_TEAPOT, rejection.to_string()),
        }
    }
    let app = Router::new()
        .route("/", post(response))
        .with_state(graphoid());

    let response = app.oneshot(unsigned()).await.unwrap();
    assert_eq!(response.status(), 418);
    assert_eq!(
        to_bytes(response.into_body(), 100).await.unwrap(),
        "the signature header is missing; is a webhook secret set at the provider?"
    );
}

#[tokio::test]
async fn the_rejection_is_in_the_response_s_extensions() {
    let app = Router::new()
        .route("/", post(handle::<Graphoid, GraphoidEvent>))
        .with_state(graphoid());

    let response = app.oneshot(unsigned()).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.provider(), Some("graphoid"));
    assert_eq!(
        *rejection.kind(),
        RejectionKind::Verify(VerifyError::MissingSignature)
    );
    assert_eq!(response.headers().len(), 1, "{:?}", response.headers());
    assert_eq!(response.headers()["content-length"], "0");
}

#[tokio::test]
async fn the_limit_is_the_framework_s_own_by_default() {
    let app = Router::new()
        .route("/", post(handle::<Graphoid, GraphoidEvent>))
        .with_state(graphoid());
    let body = |length: usize| {
        let padding = b" ".repeat(length - GRAPHOID.body.len());
        signed([GRAPHOID.body.as_bytes(), &padding].concat())
    };
    let status = async |app: Router, length| app.oneshot(body(length)).await.unwrap().status();

    assert_eq!(status(app.clone(), 2_097_152).await, 200);
    assert_eq!(status(app.clone(), 2_097_153).await, 413);
    let unlimited = app.layer(DefaultBodyLimit::disable());
    assert_eq!(status(unlimited, 2_097_153).await, 200);
}
