//! The extractors of axum, behind its own server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::print_stdout
)]

use std::{net::SocketAddr, sync::mpsc};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use leadhook::{Event, Provider, Receiver, Rejection, axum::Webhook};

mod cases;
mod http;

over_http!(serve);

#[tokio::main(worker_threads = 2)]
async fn serve(address: mpsc::Sender<SocketAddr>) {
    let mut routes = Routes(Router::new());
    cases::endpoints(&mut routes);
    let app = routes
        .0
        .layer(DefaultBodyLimit::max(cases::LIMIT))
        .layer(middleware::map_response(tell));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.send(listener.local_addr().unwrap()).unwrap();
    axum::serve(listener, app).await.unwrap();
}

struct Routes(Router);

impl cases::Endpoints for Routes {
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

/// Tells the client what the operator is told.
async fn tell(response: Response) -> Response {
    let rejection = response.extensions().get::<Rejection>();
    match rejection.map(|rejection| cases::shown(rejection.kind())) {
        Some(kind) => ([("x-kind", kind)], response).into_response(),
        None => response,
    }
}
