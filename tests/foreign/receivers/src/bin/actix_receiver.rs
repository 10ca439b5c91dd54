//! A receiver for all four providers with actix-web, for tests.
//!
//! It serves the providers whose secret is set (`GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`,
//! `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN`) on the address in `LISTEN`, handles each event
//! once, and writes a line of JSON for it. Handled events are kept in memory, or in Redis if
//! `REDIS_URL` is set.

use std::{
    error::Error,
    io,
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    App, HttpMessage, HttpRequest, HttpResponse, HttpServer, Responder,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse},
    error::InternalError,
    http::ConnectionType,
    middleware::{self, Next},
    rt::net::TcpStream,
    web::{self, Data, ReqData, ServiceConfig},
};
use leadhook::{Event, Provider, Receiver, Webhook, dedup::Outcome};
use serde_json::json;
use socket2::SockRef;
use support::{
    Deadline, IDLE_WITHIN, REQUESTS_PER_CONNECTION, Routes, SHUTDOWN_WITHIN, Settings, Work,
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{timeout, timeout_at},
};

mod support;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    let work = Data::new(Work::new(settings.redis_url.as_deref()).await?);
    let listen = settings.listen.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(work.clone())
            .wrap_fn(|request, app| {
                let connection = request.conn_data::<Watched>();
                let is_last = connection.is_some_and(Watched::ends_with_this_request);
                let response = app.call(request);
                async move {
                    let mut response = response.await?;
                    if is_last {
                        let head = response.response_mut().head_mut();
                        head.set_connection_type(ConnectionType::Close);
                    }
                    Ok(response)
                }
            })
            .configure(|app| settings.add_routes(app))
    })
    .on_connect(|connection, extensions| {
        if let Some(Ok(watched)) = connection.downcast_ref().map(Watched::new) {
            extensions.insert(watched);
        }
    })
    .client_request_timeout(IDLE_WITHIN)
    .keep_alive(IDLE_WITHIN)
    .shutdown_signal(support::shutdown_signal())
    .shutdown_timeout(SHUTDOWN_WITHIN.as_secs())
    .bind(listen)?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}

impl Routes for ServiceConfig {
    fn add<E>(&mut self, path: &str, receiver: Receiver<E::Provider>)
    where
        E: Event + Send + Sync + 'static,
    {
        let resource = web::resource(path)
            .app_data(Data::new(receiver))
            .wrap(middleware::from_fn(in_time::<E::Provider>))
            .route(web::post().to(receive::<E>));
        self.service(resource);
    }
}

/// Gives up on a body that does not arrive before the deadline.
async fn in_time<P: Provider>(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let deadline = Deadline::of::<P>();
    request.extensions_mut().insert(deadline);
    match timeout_at(deadline.0, next.call(request)).await {
        Ok(response) => response.map(ServiceResponse::map_into_boxed_body),
        Err(late) => {
            let response = HttpResponse::RequestTimeout().force_close().finish();
            Err(InternalError::from_response(late, response).into())
        }
    }
}

/// Handles an event once, and responds when that has succeeded.
async fn receive<E: Event + 'static>(
    request: HttpRequest,
    work: Data<Work>,
    deadline: ReqData<Deadline>,
    webhook: Webhook<E::Provider, E>,
) -> HttpResponse {
    let Webhook {
        delivery, envelope, ..
    } = &webhook;
    match work.handle(*deadline, delivery, envelope).await {
        Ok(Outcome::InProgress { remaining }) => {
            Outcome::<HttpResponse>::InProgress { remaining }.respond_to(&request)
        }
        // The work or the store failed, or took too long, so the provider must retry.
        Ok(Outcome::LeaseExpired) | Err(_) => HttpResponse::ServiceUnavailable().finish(),
        Ok(_) => HttpResponse::Ok().json(json!({ "received": true })),
    }
}

/// A connection that is closed if no request arrives for a while.
///
/// actix-web has no time limit for the head of a second request, and none for clients that don't read
/// their responses, which it keeps in memory.
struct Watched {
    requests: AtomicUsize,
    used: Arc<Notify>,
    watcher: JoinHandle<()>,
}

impl Watched {
    fn new(stream: &TcpStream) -> io::Result<Self> {
        let socket = SockRef::from(stream).try_clone()?;
        let used = Arc::new(Notify::new());
        let watcher = tokio::spawn({
            let used = used.clone();
            async move {
                while timeout(IDLE_WITHIN, used.notified()).await.is_ok() {}
                let _ = socket.shutdown(Shutdown::Both);
            }
        });
        Ok(Self {
            requests: AtomicUsize::new(0),
            used,
            watcher,
        })
    }

    /// Counts a request. Returns whether it is the connection's last one.
    fn ends_with_this_request(&self) -> bool {
        self.used.notify_one();
        self.requests.fetch_add(1, Ordering::Relaxed) + 1 >= REQUESTS_PER_CONNECTION
    }
}

/// The connection has ended.
impl Drop for Watched {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}
