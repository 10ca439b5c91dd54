//! The extractors of actix-web, behind its own server. Its default features are on: it inflates.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]

use std::{net::SocketAddr, sync::mpsc};

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    web::{self, ServiceConfig},
};
use leadhook::{Event, Provider, Receiver, Rejection, actix::Webhook};

mod cases;
mod http;

over_http!(serve);

fn serve(address: mpsc::Sender<SocketAddr>) {
    actix_web::rt::System::new().block_on(async {
        let app = || {
            App::new()
                .wrap(from_fn(tell))
                .app_data(web::PayloadConfig::new(cases::LIMIT))
                .configure(|config| cases::endpoints(&mut Routes(config)))
        };
        let server = HttpServer::new(app).workers(2).bind("127.0.0.1:0").unwrap();
        address.send(server.addrs()[0]).unwrap();
        server.run().await.unwrap();
    });
}

struct Routes<'a>(&'a mut ServiceConfig);

impl cases::Endpoints for Routes<'_> {
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

/// Tells the client what the operator is told.
async fn tell(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let error = response.response().error();
    let rejection = error.and_then(|error| error.as_error::<Rejection>());
    if let Some(kind) = rejection.map(|rejection| cases::shown(rejection.kind())) {
        let value = HeaderValue::from_str(&kind).unwrap();
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-kind"), value);
    }
    Ok(response)
}
