//! A route for actix-web 4. Needs the `actix` feature.
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//! use leadhook::{Receiver, ScoreApp, Secret};
//! use leadhook_inbox::{Inbox, Sqlite};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::<Sqlite>::open("inbox.db").await?;
//! let receiver = Receiver::<ScoreApp>::new(&Secret::from_env("SCOREAPP_WEBHOOK_SECRET")?);
//! let scoreapp = inbox.source::<ScoreApp>("scoreapp");
//! let server = HttpServer::new(move || {
//!     App::new().service(scoreapp.actix("/webhooks/scoreapp", receiver.clone()))
//! });
//! // A client that has sent half a request can't hold up the shutdown for longer than this.
//! let server = server.shutdown_timeout(10);
//! // Load balancers reuse a connection that was idle for 60 s.
//! let server = server.keep_alive(std::time::Duration::from_secs(75));
//! server.bind("127.0.0.1:8080")?.run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! If accounts come and go while the application runs, look the receiver up in a handler of your own, and
//! accept the delivery. leadhook's guide has a
//! [lookup](https://docs.rs/leadhook/latest/leadhook/guide/accounts/).
//!
//! ```
//! use actix_web::{HttpRequest, HttpResponse, web};
//! use leadhook::{Grader, Receiver, Rejection, actix};
//! use leadhook_inbox::{Source, Sqlite};
//!
//! async fn accept(
//!     grader: web::Data<Source<Grader, Sqlite>>,
//!     request: HttpRequest,
//!     account: web::Path<String>,
//!     payload: web::Payload,
//! ) -> Result<HttpResponse, Rejection> {
//!     let receiver: Receiver<Grader> = receiver(&account).await;
//!     let delivery = actix::authenticate(&request, payload, &receiver).await?;
//!     Ok(match grader.accept(&delivery).await {
//!         Ok(_) => HttpResponse::Ok().finish(),
//!         Err(_) => HttpResponse::ServiceUnavailable().finish(), // logged by `accept`
//!     })
//! }
//! # async fn receiver(_: &str) -> Receiver<Grader> { Receiver::unknown() }
//! # web::post().to(accept);
//! ```

use std::future::Future;

use actix_web::{HttpRequest, HttpResponse, Resource, http::StatusCode, web};
use leadhook::{Delivery, Provider, Receiver};

use crate::intake::trace::TraceContext;

/// A route that passes authenticated deliveries on with the trace context of the request, and responds with 200 if they were accepted.
pub(crate) fn route<P, F, Fut>(path: &str, receiver: Receiver<P>, accept: F) -> Resource
where
    P: Provider,
    F: Fn(Delivery<P>, Option<TraceContext>) -> Fut + Clone + 'static,
    Fut: Future<Output = bool> + 'static,
{
    let handler = move |request: HttpRequest, delivery: Delivery<P>| {
        let context = TraceContext::parse(request.headers().get_all("traceparent"));
        let accepted = accept(delivery, context);
        async move {
            HttpResponse::new(if accepted.await {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE // logged by `accept`
            })
        }
    };
    web::resource(path)
        .app_data(web::Data::new(receiver))
        .route(web::post().to(handler))
}
