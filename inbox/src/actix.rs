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
//! let server = HttpServer::new(move || {
//!     App::new().service(inbox.actix("/webhooks/scoreapp", "scoreapp", receiver.clone()))
//! });
//! // A client that sends half a request can't delay the end of the server for longer than this.
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
//! use leadhook_inbox::{Inbox, Sqlite};
//!
//! async fn grader(
//!     inbox: web::Data<Inbox<Sqlite>>,
//!     request: HttpRequest,
//!     account: web::Path<String>,
//!     payload: web::Payload,
//! ) -> Result<HttpResponse, Rejection> {
//!     let receiver: Receiver<Grader> = receiver(&account).await;
//!     let delivery = actix::authenticate(&request, payload, &receiver).await?;
//!     Ok(match inbox.accept("grader", &delivery).await {
//!         Ok(_) => HttpResponse::Ok().finish(),
//!         Err(_) => HttpResponse::ServiceUnavailable().finish(), // logged by `accept`
//!     })
//! }
//! # async fn receiver(_: &str) -> Receiver<Grader> { Receiver::unknown() }
//! # web::post().to(grader);
//! ```

use std::sync::Arc;

use actix_web::{Resource, http::StatusCode, web};
use leadhook::{Delivery, Provider, Receiver};

use crate::{backend::Backend, inbox::Inbox};

impl<B: Backend> Inbox<B> {
    /// Returns a route that authenticates deliveries, accepts them for `source`, and responds with 200 or 503.
    ///
    /// Requests that are not authentic are rejected as by leadhook's own extractors. The body's size is limited by
    /// actix-web's `PayloadConfig`.
    #[must_use]
    pub fn actix<P: Provider>(&self, path: &str, source: &str, receiver: Receiver<P>) -> Resource {
        let inbox = self.clone();
        let source: Arc<str> = source.into();
        let accept = move |delivery: Delivery<P>| {
            let (inbox, source) = (inbox.clone(), source.clone());
            async move {
                let status = match inbox.accept(&source, &delivery).await {
                    Ok(_) => StatusCode::OK,
                    Err(_) => StatusCode::SERVICE_UNAVAILABLE, // logged by `accept`
                };
                actix_web::HttpResponse::new(status)
            }
        };
        web::resource(path)
            .app_data(web::Data::new(receiver))
            .route(web::post().to(accept))
    }
}
