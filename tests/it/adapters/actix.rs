//! The extractors for actix-web, behind its own server, which inflates bodies by default.

use std::{
    cell::Cell,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::mpsc,
    task::{Context, Poll},
};

use actix_web::{
    App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{
        Version,
        header::{HeaderName, HeaderValue},
    },
    middleware::{Next, from_fn},
    test::{TestRequest, call_service, init_service, read_body},
    web::{self, ServiceConfig},
};
use leadhook::{
    Delivery, Event, Graphoid, Provider, Receiver, Rejection, RejectionKind, ScoreApp, VerifyError,
    Webhook, actix::authenticate, graphoid::GraphoidEvent,
};

use crate::{
    cases::{GRAPHOID, SCOREAPP},
    support::secret,
};

over_http!(serve);

fn serve(address: mpsc::Sender<SocketAddr>) {
    serve_app(address, |config| {
        crate::cases::endpoints(&mut Routes(config));
    });
}

fn serve_app(address: mpsc::Sender<SocketAddr>, configure: fn(&mut ServiceConfig)) {
    actix_web::rt::System::new().block_on(async {
        let app = move || {
            App::new()
                .wrap(from_fn(tell))
                .app_data(web::PayloadConfig::new(crate::cases::LIMIT))
                .configure(configure)
        };
        let server = HttpServer::new(app).workers(2).bind("127.0.0.1:0").unwrap();
        address.send(server.addrs()[0]).unwrap();
        server.run().await.unwrap();
    });
}

struct Routes<'a>(&'a mut ServiceConfig);

impl crate::cases::Endpoints for Routes<'_> {
    fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
        &mut self,
        path: &'static str,
        receiver: Receiver<P>,
    ) {
        let account = web::resource(path)
            .app_data(web::Data::new(receiver))
            .route(web::post().to(handle::<P, E>));
        self.0.service(account);
    }
}

async fn handle<P: Provider, E: Event<Provider = P> + 'static>(
    webhook: Webhook<P, E>,
) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("x-event", webhook.envelope.name()))
        .body(webhook.delivery.into_body())
}

/// Adds a header with the kind of a rejection to the response.
async fn tell(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let error = response.response().error();
    let rejection = error.and_then(|error| error.as_error::<Rejection>());
    if let Some(kind) = rejection.map(|rejection| format!("{:?}", rejection.kind())) {
        let value = HeaderValue::from_str(&kind).unwrap();
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-kind"), value);
    }
    Ok(response)
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

    fn serve(address: mpsc::Sender<SocketAddr>) {
        serve_app(address, |config| {
            crate::cases::endpoints(&mut Routes(config));
        });
    }

    struct Routes<'a>(&'a mut ServiceConfig);

    impl crate::cases::Endpoints for Routes<'_> {
        fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
            &mut self,
            path: &'static str,
            receiver: Receiver<P>,
        ) {
            let handler = move |request: HttpRequest, payload: web::Payload| {
                let receiver = receiver.clone();
                async move {
                    tokio::task::yield_now().await; // the lookup
                    let delivery = authenticate(&request, payload, &receiver).await?;
                    let webhook = Webhook::<P, E>::read(delivery)?;
                    Ok::<_, Rejection>(handle(webhook).await)
                }
            };
            self.0.route(path, web::post().to(handler));
        }
    }
}

fn graphoid() -> web::Data<Receiver<Graphoid>> {
    web::Data::new(Receiver::new(&secret(GRAPHOID.secret)))
}

fn signed(body: impl Into<Vec<u8>>) -> TestRequest {
    let body = body.into();
    let signature = GRAPHOID.sign(GRAPHOID.secret, &body);
    TestRequest::post()
        .insert_header((GRAPHOID.header, signature))
        .set_payload(body)
}

/// Returns an unsigned request.
fn unsigned() -> TestRequest {
    TestRequest::post().set_payload("{}")
}

const UNKNOWN_SHAPE: &str = r#"{"event":"lead.won","data":[]}"#;

#[actix_web::test]
async fn the_delivery_alone_takes_any_shape() {
    async fn store(delivery: Delivery<Graphoid>) -> web::Bytes {
        delivery.into_body()
    }
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(store));
    let app = init_service(app).await;

    let response = call_service(&app, signed(UNKNOWN_SHAPE).to_request()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(read_body(response).await, UNKNOWN_SHAPE);
    assert_eq!(
        call_service(&app, unsigned().to_request()).await.status(),
        401
    );
}

#[actix_web::test]
async fn a_handler_may_respond_to_a_rejection_itself() {
    async fn response(webhook: Result<Webhook<Graphoid>, Rejection>) -> HttpResponse {
        match webhook {
            Ok(webhook) => HttpResponse::Ok().body(webhook.envelope.name().to_owned()),
            Err(rejection) => HttpResponse::ImATeapot().body(rejection.to_string()),
        }
    }
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(response));
    let app = init_service(app).await;

    let response = call_service(&app, unsigned().to_request()).await;
    assert_eq!(response.status(), 418);
    assert_eq!(
        read_body(response).await,
        "the signature header is missing; is a webhook secret set at the provider?"
    );
}

#[actix_web::test]
async fn the_reason_is_the_response_s_error() {
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(handle::<Graphoid, GraphoidEvent>));
    let app = init_service(app).await;

    let response = call_service(&app, unsigned().to_request()).await;
    let rejection: &Rejection = response.response().error().unwrap().as_error().unwrap();
    assert_eq!(rejection.provider(), Some("graphoid"));
    assert_eq!(
        *rejection.kind(),
        RejectionKind::Verify(VerifyError::MissingSignature)
    );
    assert!(response.headers().is_empty(), "{:?}", response.headers());
}

#[actix_web::test]
async fn without_a_receiver_the_response_is_500() {
    let other = Receiver::<ScoreApp>::new(&secret(SCOREAPP.secret));
    let app = App::new()
        .app_data(web::Data::new(other))
        .route("/", web::post().to(handle::<Graphoid, GraphoidEvent>));
    let app = init_service(app).await;

    let response = call_service(&app, signed(GRAPHOID.body).to_request()).await;
    assert_eq!(response.status(), 500);
    let rejection: &Rejection = response.response().error().unwrap().as_error().unwrap();
    assert!(matches!(
        rejection.kind(),
        RejectionKind::MissingReceiver {
            provider: "graphoid",
            ..
        }
    ));
    assert!(rejection.to_string().contains("no receiver for graphoid"));
    assert!(read_body(response).await.is_empty());
}

/// Posts a signed body with this framing header to a handler.
async fn post_to<F, Args>(handler: F, framing: (&str, &str)) -> (u16, Option<RejectionKind>)
where
    F: actix_web::Handler<Args, Output: actix_web::Responder + 'static>,
    Args: FromRequest + 'static,
{
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(handler));
    let app = init_service(app).await;
    let request = signed(GRAPHOID.body).insert_header(framing);
    let response = call_service(&app, request.to_request()).await;
    let error = response.response().error();
    let rejection = error.and_then(|error| error.as_error::<Rejection>());
    let kind = rejection.map(|rejection| rejection.kind().clone());
    (response.status().as_u16(), kind)
}

#[actix_web::test]
async fn a_body_taken_by_another_extractor_is_500() {
    for framing in [("content-length", "181"), ("transfer-encoding", "chunked")] {
        let bytes_first = async |_: web::Bytes, _: Webhook<Graphoid>| HttpResponse::Ok();
        let (status, kind) = post_to(bytes_first, framing).await;
        assert_eq!((status, kind), (500, Some(RejectionKind::BodyTaken)));

        let webhook_twice = async |_: Webhook<Graphoid>, _: Delivery<Graphoid>| HttpResponse::Ok();
        let (status, kind) = post_to(webhook_twice, framing).await;
        assert_eq!((status, kind), (500, Some(RejectionKind::BodyTaken)));

        let webhook_alone = async |_: Webhook<Graphoid>| HttpResponse::Ok();
        assert_eq!(post_to(webhook_alone, framing).await, (200, None));
    }
}

/// A request without a body is rejected because of its signature.
#[actix_web::test]
async fn an_empty_body_is_not_reported_as_taken() {
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(handle::<Graphoid, GraphoidEvent>));
    let app = init_service(app).await;
    let signature = GRAPHOID.sign(GRAPHOID.secret, b"{}");
    let request = TestRequest::post().insert_header((GRAPHOID.header, signature));

    let empty = request.insert_header(("content-length", "0")).to_request();
    assert_eq!(call_service(&app, empty).await.status(), 401);
}

/// leadhook can't prevent this, so the documentation and SECURITY.md warn of it.
#[actix_web::test]
async fn an_optional_webhook_lets_unsigned_requests_reach_the_handler() {
    async fn handle(webhook: Option<Webhook<Graphoid>>) -> String {
        webhook.is_some().to_string()
    }
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(handle));
    let app = init_service(app).await;

    let response = call_service(&app, unsigned().to_request()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(read_body(response).await, "false");
}

#[actix_web::test]
async fn the_limit_is_the_framework_s_own_by_default() {
    let body = |length: usize| {
        let padding = b" ".repeat(length - GRAPHOID.body.len());
        signed([GRAPHOID.body.as_bytes(), &padding].concat())
    };
    let app = App::new()
        .app_data(graphoid())
        .route("/", web::post().to(handle::<Graphoid, GraphoidEvent>));
    let app = init_service(app).await;

    assert_eq!(
        call_service(&app, body(262_144).to_request())
            .await
            .status(),
        200
    );
    assert_eq!(
        call_service(&app, body(262_145).to_request())
            .await
            .status(),
        413
    );
}

#[actix_web::test]
async fn a_type_that_the_application_rejects_is_400() {
    let app = App::new()
        .app_data(graphoid())
        .app_data(web::PayloadConfig::default().mimetype("application/json".parse().unwrap()))
        .route("/", web::post().to(handle::<Graphoid, GraphoidEvent>));
    let app = init_service(app).await;

    let response = call_service(&app, signed(GRAPHOID.body).to_request()).await;
    assert_eq!(response.status(), 400);
}

const MEBIBYTE: &[u8] = &[b' '; 1024 * 1024];

/// A body of so many parts of a mebibyte, which counts those that are read.
struct Parts {
    left: usize,
    read: Rc<Cell<usize>>,
}

impl futures_core::Stream for Parts {
    type Item = Result<web::Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.left.checked_sub(1).map(|left| {
            self.left = left;
            self.read.set(self.read.get() + 1);
            Ok(web::Bytes::from_static(MEBIBYTE))
        }))
    }
}

/// A streaming proxy gives up its connection if the response comes before the end of the body. Under
/// HTTP/2 each request has a stream of its own, so there is no connection to keep.
#[actix_web::test]
async fn a_rejected_body_is_read_up_to_a_limit_under_http_1() {
    async fn parts_read(version: Version, parts: usize) -> usize {
        let read = Rc::new(Cell::new(0));
        let body = Parts {
            left: parts,
            read: read.clone(),
        };
        let mut payload: Payload = Payload::Stream {
            payload: Box::pin(body),
        };
        let request = TestRequest::post().version(version).app_data(graphoid());
        let rejected = Delivery::<Graphoid>::from_request(&request.to_http_request(), &mut payload);
        assert_eq!(rejected.await.unwrap_err().status(), 401);
        read.get()
    }
    for version in [Version::HTTP_10, Version::HTTP_11] {
        assert_eq!(parts_read(version, 2).await, 2);
        assert_eq!(parts_read(version, 10).await, 3);
    }
    assert_eq!(parts_read(Version::HTTP_2, 2).await, 0);
}

#[actix_web::test]
async fn a_webhook_prints_its_event() {
    let body = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
    let request = signed(body).app_data(graphoid());
    let (request, mut payload) = request.to_http_parts();
    let webhook = Webhook::<Graphoid>::from_request(&request, &mut payload).await;
    let printed = format!("{:?}", webhook.unwrap());
    assert!(printed.starts_with("Webhook {"), "{printed}");
    assert!(printed.contains("LeadWon"), "{printed}");
}
