//! The memory that a request takes while it is received, and the memory that a delivery keeps.
//!
//! The allocator counts the whole process, so the tests run one at a time.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    convert::Infallible,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use actix_web::web;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use leadhook::{Delivery, Graphoid, Receiver, Secret, Signer, tower::AuthenticateLayer};
use peak_alloc::PeakAlloc;
use tokio::sync::oneshot;
use tower::{Layer, service_fn};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const LIMIT: usize = 2 * 1024 * 1024;

type Queue = Arc<Mutex<Vec<Delivery<Graphoid>>>>;

fn secret() -> Secret {
    Secret::new("whsec_5d41402abc4b").unwrap()
}

/// A server that queues its deliveries.
struct Server {
    address: SocketAddr,
    queue: Queue,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

type Serve = fn(Queue, mpsc::Sender<SocketAddr>, oneshot::Receiver<()>);

impl Server {
    fn start(serve: Serve) -> Self {
        let queue = Queue::default();
        let (stop, stopped) = oneshot::channel();
        let (sender, address) = mpsc::channel();
        let served = queue.clone();
        let thread = thread::spawn(move || serve(served, sender, stopped));
        let address = address.recv().unwrap();
        Self {
            address,
            queue,
            stop,
            thread,
        }
    }

    /// Ends the server and all its connections.
    fn stop(self) -> Queue {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        self.queue
    }
}

#[derive(Clone)]
struct App {
    receiver: Receiver<Graphoid>,
    queue: Queue,
}

impl FromRef<App> for Receiver<Graphoid> {
    fn from_ref(app: &App) -> Self {
        app.receiver.clone()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn axum(queue: Queue, address: mpsc::Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    async fn handle(State(app): State<App>, delivery: Delivery<Graphoid>) {
        app.queue.lock().unwrap().push(delivery);
    }
    let receiver = Receiver::new(&secret());
    let app = axum::Router::new()
        .route("/", axum::routing::post(handle))
        .layer(DefaultBodyLimit::max(LIMIT))
        .with_state(App { receiver, queue });
    serve(app, address, stopped).await;
}

#[tokio::main(flavor = "current_thread")]
async fn tower(queue: Queue, address: mpsc::Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    let handle = service_fn(move |request: Request<Full<Bytes>>| {
        let delivery = request.extensions().get::<Delivery<Graphoid>>();
        queue.lock().unwrap().push(delivery.unwrap().clone());
        async { Ok::<_, Infallible>(Response::<axum::body::Body>::default()) }
    });
    let layer = AuthenticateLayer::new(Receiver::<Graphoid>::new(&secret())).with_body_limit(LIMIT);
    let app = axum::Router::new().route_service("/", layer.layer(handle));
    serve(app, address, stopped).await;
}

async fn serve(
    app: axum::Router,
    address: mpsc::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.send(listener.local_addr().unwrap()).unwrap();
    let stopped = async { stopped.await.unwrap() };
    let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
    server.await.unwrap();
}

fn actix(queue: Queue, address: mpsc::Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    async fn handle(queue: web::Data<Queue>, delivery: Delivery<Graphoid>) -> &'static str {
        queue.lock().unwrap().push(delivery);
        ""
    }
    actix_web::rt::System::new().block_on(async {
        let app = move || {
            actix_web::App::new()
                .app_data(web::PayloadConfig::new(LIMIT))
                .app_data(web::Data::new(queue.clone()))
                .app_data(web::Data::new(Receiver::<Graphoid>::new(&secret())))
                .route("/", web::post().to(handle))
        };
        let server = actix_web::HttpServer::new(app)
            .workers(1)
            .shutdown_signal(async { stopped.await.unwrap() })
            .bind("127.0.0.1:0")
            .unwrap();
        address.send(server.addrs()[0]).unwrap();
        server.run().await.unwrap();
    });
}

/// Returns the head of a signed request.
fn head(body: &[u8], framing: &str) -> Vec<u8> {
    let (name, value) = Signer::<Graphoid>::new(&secret()).header(body);
    format!("POST / HTTP/1.1\r\nhost: localhost\r\n{name}: {value}\r\n{framing}\r\n\r\n").into()
}

fn with_length(body: &[u8]) -> Vec<u8> {
    let framing = format!("content-length: {}", body.len());
    [&head(body, &framing), body].concat()
}

/// Returns the status of the next response, which must have no body.
fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits until no other test runs. What one test allocates would be counted in another.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test for each adapter.
fn for_each_adapter(test: impl Fn(&str, Server)) {
    let adapters: [(&str, Serve); 3] = [("axum", axum), ("actix", actix), ("tower", tower)];
    for (name, serve) in adapters {
        test(name, Server::start(serve));
    }
}

/// Returns the peak of memory during a closure, above the memory that was used before.
fn peak(measured: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    measured();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

#[test]
fn a_queued_delivery_keeps_its_body_and_no_read_buffer() {
    let _alone = alone();
    for (length, count) in [(258, 50), (300_000, 5)] {
        for_each_adapter(|name, server| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream
                .write_all(&with_length(&vec![b' '; 1_500_000]))
                .unwrap();
            assert_eq!(status(&mut stream), 200, "{name}");
            server.queue.lock().unwrap().clear();
            for _ in 0..count {
                stream.write_all(&with_length(&vec![b' '; length])).unwrap();
                assert_eq!(status(&mut stream), 200, "{name}");
            }
            drop(stream);
            let queue = server.stop();

            let mut queue = queue.lock().unwrap();
            assert_eq!(queue.len(), count, "{name}");
            let before = ALLOCATOR.current_usage();
            queue.clear();
            let kept = (before - ALLOCATOR.current_usage()) / count;
            println!("{name}: a delivery of {length} bytes keeps {kept} bytes");
            assert!((length..=length + 256).contains(&kept), "{name}: {kept}");
        });
    }
}

#[test]
fn a_body_of_one_byte_chunks_costs_a_few_times_its_size() {
    let _alone = alone();
    let length = LIMIT / 4;
    let mut request = head(&vec![b' '; length], "transfer-encoding: chunked");
    request.extend(b"1\r\n \r\n".repeat(length));
    request.extend(b"0\r\n\r\n");
    for_each_adapter(|name, server| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let peak = peak(|| {
            stream.write_all(&request).unwrap();
            assert_eq!(status(&mut stream), 200, "{name}");
        });
        println!("{name}: a body of {length} bytes in chunks of one byte takes {peak} bytes");
        // actix-web queues all chunks that have arrived before an extractor reads them.
        let times = if name == "actix" { 16 } else { 4 };
        // The server's own buffers are the part that does not grow with the body.
        assert!(peak < times * length + 1024 * 1024, "{name}: {peak}");
        drop(stream);
        server.stop();
    });
}

#[test]
fn a_declared_length_reserves_nothing() {
    let _alone = alone();
    for_each_adapter(|name, server| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = head(b"", &format!("content-length: {LIMIT}"));
        let peak = peak(|| {
            stream.write_all(&head).unwrap();
            stream.write_all(b"{").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(status(&mut stream), 400, "{name}");
        });
        println!("{name}: a declared length of 2 MiB takes {peak} bytes");
        assert!(peak < 256 * 1024, "{name}: {peak}");
        drop(stream);
        server.stop();
    });
}

#[test]
fn draining_takes_constant_memory() {
    let _alone = alone();
    let unsigned = "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let body = chunk.repeat(40);
    for_each_adapter(|name, server| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let peak = peak(|| {
            stream.write_all(unsigned.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
            stream.write_all(b"0\r\n\r\n").unwrap();
            assert_eq!(status(&mut stream), 401, "{name}");
        });
        println!("{name}: a rejected body of 2.5 MiB takes {peak} bytes");
        assert!(peak < 1024 * 1024, "{name}: {peak}");
        drop(stream);
        server.stop();
    });
}
