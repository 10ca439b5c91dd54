//! The layer of tower, around services that hyper serves.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]

use std::{collections::HashMap, convert::Infallible, net::SocketAddr, sync::mpsc};

use ::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use leadhook::{Delivery, Event, Provider, Receiver, Rejection, tower::AuthenticateLayer};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

mod cases;
mod http;

over_http!(serve);

type Body = Full<Bytes>;
type Endpoint = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

#[tokio::main(worker_threads = 2)]
async fn serve(address: mpsc::Sender<SocketAddr>) {
    let mut routes = Routes::default();
    cases::endpoints(&mut routes);
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

impl cases::Endpoints for Routes {
    fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
        &mut self,
        path: &'static str,
        receiver: Receiver<P>,
    ) {
        let layer = AuthenticateLayer::new(receiver).limit(cases::LIMIT);
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
        Err(error) => Rejection::from(error).into(),
    };
    Ok(response)
}

/// Tells the client what the operator is told.
fn tell(mut response: Response<Body>) -> Response<Body> {
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        let kind = HeaderValue::from_str(&cases::shown(rejection.kind())).unwrap();
        response.headers_mut().insert("x-kind", kind);
    }
    response
}
