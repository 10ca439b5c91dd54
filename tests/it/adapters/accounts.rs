//! Accounts that are looked up for each request.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, web};
use axum::{
    Router,
    extract::{self, FromRequest, Request},
    http,
    routing::post,
};
use bytes::Bytes;
use http_body_util::Full;
use leadhook::{
    Delivery, Grader, Graphoid, Provider, Receiver, Rejection, Secret, VerifyError, Webhook, actix,
    tower::AuthenticateLayer,
};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    cases::{GRADER, GRAPHOID},
    support::secret,
};

/// The secrets of the accounts, which change while the application runs.
#[derive(Clone, Default)]
struct Accounts(Arc<RwLock<HashMap<String, Vec<Secret>>>>);

impl Accounts {
    fn set(&self, account: &str, secrets: &[&str]) {
        let secrets = secrets.iter().map(|text| secret(text)).collect();
        self.0.write().unwrap().insert(account.to_owned(), secrets);
    }

    async fn receiver(&self, account: &str) -> Receiver<Graphoid> {
        tokio::task::yield_now().await;
        if account == "broken" {
            return Receiver::unavailable();
        }
        match self.0.read().unwrap().get(account).map(Vec::as_slice) {
            None | Some([]) => Receiver::unknown(),
            Some([current, previous @ ..]) => previous
                .iter()
                .fold(Receiver::new(current), Receiver::with_previous)
                .with_scope(account),
        }
    }
}

fn scope(delivery: &Delivery<Graphoid>) -> String {
    delivery.scope().unwrap().to_owned()
}

/// Responds in axum and tower to one delivery, and returns each status and scope.
async fn respond(
    accounts: &Accounts,
    account: &str,
    signature: &str,
) -> Vec<(u16, Option<String>)> {
    let uri = format!("/{account}");
    let request = || {
        http::Request::post(&uri)
            .header(GRAPHOID.header, signature)
            .body(Bytes::from_static(GRAPHOID.body.as_bytes()))
            .unwrap()
    };

    let lookup = accounts.clone();
    let handler = async move |extract::Path(account): extract::Path<String>, request: Request| {
        let receiver = lookup.receiver(&account).await;
        let webhook = Webhook::<Graphoid>::from_request(request, &receiver).await?;
        Ok::<_, Rejection>(scope(&webhook.delivery))
    };
    let app: Router = Router::new().route("/{account}", post(handler));
    let response = app
        .oneshot(request().map(axum::body::Body::from))
        .await
        .unwrap();
    let axum_status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap();
    let axum_scope = (!body.is_empty()).then(|| String::from_utf8(body.to_vec()).unwrap());

    let receiver = accounts.receiver(account).await;
    let inner = service_fn(async |request: http::Request<Full<Bytes>>| {
        let delivery = request.extensions().get::<Delivery<Graphoid>>().unwrap();
        let mut response = http::Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(scope(delivery));
        Ok::<_, Infallible>(response)
    });
    let service = AuthenticateLayer::new(receiver).layer(inner);
    let response = service.oneshot(request().map(Full::new)).await.unwrap();
    vec![
        (axum_status, axum_scope),
        (
            response.status().as_u16(),
            response.extensions().get::<String>().cloned(),
        ),
    ]
}

#[tokio::test]
async fn a_request_has_the_receiver_of_its_account() {
    let accounts = Accounts::default();
    accounts.set("north", &["the north's secret"]);
    accounts.set("south", &["the south's secret"]);
    let sign = |secret| GRAPHOID.sign(secret, GRAPHOID.body.as_bytes());
    for (account, secret, status) in [
        ("north", "the north's secret", 200),
        ("south", "the south's secret", 200),
        ("south", "the north's secret", 401),
        ("west", "the north's secret", 401),
        ("broken", "the north's secret", 503),
    ] {
        for response in respond(&accounts, account, &sign(secret)).await {
            let scope = (status == 200).then(|| account.to_owned());
            assert_eq!(response, (status, scope), "{account}");
        }
    }
}

/// The guide's program.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a program, and its `main` is not called"
)]
#[path = "../../../examples/accounts.rs"]
mod program;

#[test]
fn the_guide_shows_the_program_as_it_is() {
    let guide = include_str!("../../../docs/guide/accounts.md");
    assert!(guide.contains(include_str!("../../../examples/accounts.rs")));
}

/// The files in which the program looks the secrets up.
struct Secrets(PathBuf);

impl Secrets {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Replaces a file as a whole, as Kubernetes does.
    fn write(&self, file: &str, secret: &str) {
        let new = self.0.join("new");
        fs::write(&new, format!("{secret}\n")).unwrap();
        fs::rename(new, self.0.join(file)).unwrap();
    }
}

async fn post_to_program(app: Router, account: &str, secret: &str) -> u16 {
    let signature = GRADER.sign(secret, GRADER.body.as_bytes());
    let request = Request::post(format!("/webhooks/grader/{account}"))
        .header(GRADER.header, signature)
        .body(axum::body::Body::from(GRADER.body))
        .unwrap();
    app.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_program_looks_accounts_up() {
    let secrets = Secrets::new("looked_up");
    secrets.write("north", "the north's secret");
    secrets.write("bad", " ");
    fs::create_dir(secrets.0.join("broken")).unwrap();
    fs::write(secrets.0.with_file_name("outside"), "the north's secret").unwrap();
    let app = program::app(secrets.0.clone());
    for (account, status) in [
        ("north", 200),
        ("south", 401),
        ("broken", 503),
        ("bad", 503),
        ("..%2Foutside", 401),
        ("north.previous", 401),
        ("n%C3%B6rd", 401),
    ] {
        let secret = "the north's secret";
        let found = post_to_program(app.clone(), account, secret).await;
        assert_eq!(found, status, "{account}");
    }
    assert_eq!(post_to_program(app.clone(), "north", "a guess").await, 401);
    // The accounts change while the application runs.
    secrets.write("south", "the south's secret");
    assert_eq!(
        post_to_program(app.clone(), "south", "the south's secret").await,
        200
    );
    fs::remove_file(secrets.0.join("north")).unwrap();
    assert_eq!(
        post_to_program(app, "north", "the north's secret").await,
        401
    );
}

/// A lookup that hangs is a 503 while the provider still waits.
#[cfg(unix)]
#[tokio::test]
async fn the_program_does_not_wait_for_a_lookup_that_hangs() {
    let secrets = Secrets::new("hanging");
    let pipe = secrets.0.join("north");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let started = Instant::now();
    let app = program::app(secrets.0.clone());
    assert_eq!(post_to_program(app, "north", "a secret").await, 503);
    assert!(started.elapsed() < Grader::RESPOND_WITHIN);
    // A writer ends the thread that reads from the pipe.
    fs::write(pipe, "the end").unwrap();
}

/// The secret is changed while deliveries arrive, in the order that the guide says.
#[test]
fn a_secret_that_is_changed_under_load_loses_nothing() {
    async fn handle(
        accounts: web::Data<Accounts>,
        request: HttpRequest,
        account: web::Path<String>,
        payload: web::Payload,
    ) -> Result<HttpResponse, Rejection> {
        let receiver: Receiver<Graphoid> = accounts.receiver(&account).await;
        let delivery = actix::authenticate(&request, payload, &receiver).await?;
        Webhook::<Graphoid>::read(delivery)?;
        Ok(HttpResponse::Ok().finish())
    }
    let accounts = Accounts::default();
    let data = web::Data::new(accounts.clone());
    let (sender, actix_address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = move || {
                actix_web::App::new()
                    .app_data(data.clone())
                    .route("/webhooks/graphoid/{account}", web::post().to(handle))
            };
            let server = actix_web::HttpServer::new(app).workers(2);
            let server = server.bind("127.0.0.1:0").unwrap();
            sender.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    let actix_address = actix_address.recv().unwrap();

    let secrets = Secrets::new("under_load");
    let axum_app = program::app(secrets.0.clone());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let axum_address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, axum_app).await });
        let generation = Arc::new(AtomicUsize::new(0));
        let seen: Arc<[AtomicUsize; 16]> = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        accounts.set("north", &["secret 0"]);
        secrets.write("north", "secret 0");
        let mut senders = JoinSet::new();
        for sender in 0..seen.len() {
            let (address, provider) =
                [(axum_address, GRADER), (actix_address, GRAPHOID)][sender % 2];
            let (generation, is_over, client) =
                (generation.clone(), is_over.clone(), client.clone());
            let seen = seen.clone();
            senders.spawn(async move {
                let mut sent = 0;
                while !is_over.load(Ordering::SeqCst) {
                    let current = generation.load(Ordering::SeqCst);
                    let secret = format!("secret {current}");
                    // Each is an event of its own.
                    let body = format!("{}{}", provider.body, " ".repeat(sent % 1000));
                    let request = client
                        .post(format!("http://{address}/webhooks{}/north", provider.path))
                        .header(provider.header, provider.sign(&secret, body.as_bytes()))
                        .body(body);
                    let status = request.send().await.unwrap().status().as_u16();
                    // Several senders send the same event.
                    assert!([200, 409].contains(&status), "{status}: {secret}");
                    seen[sender].store(current, Ordering::SeqCst);
                    sent += 1;
                }
            });
        }
        for next in 1..=10 {
            let (new, old) = (format!("secret {next}"), format!("secret {}", next - 1));
            accounts.set("north", &[&new, &old]);
            secrets.write("north.previous", &old);
            secrets.write("north", &new);
            generation.store(next, Ordering::SeqCst);
            // The old secret is removed when no delivery is signed with it any more.
            let is_seen = |seen: &AtomicUsize| seen.load(Ordering::SeqCst) == next;
            while !seen.iter().all(is_seen) {
                assert!(senders.try_join_next().is_none(), "a sender has failed");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        is_over.store(true, Ordering::SeqCst);
        senders.join_all().await;
    });
}

/// The client can't find out by the time which accounts exist.
#[test]
fn an_unknown_account_takes_the_time_of_a_wrong_signature() {
    let body = Bytes::from(vec![b' '; 4 * 1024]);
    let wrong = GRAPHOID.sign("a guess", &body);
    let time = |receiver: &Receiver<Graphoid>, expected| {
        let started = Instant::now();
        let rejected = receiver.accepts([&wrong], body.clone()).unwrap_err();
        let time = started.elapsed();
        assert_eq!(rejected, expected);
        time
    };
    let medians = || {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..301 {
            let known = Receiver::new(&secret(GRAPHOID.secret));
            times[0].push(time(&known, VerifyError::SignatureMismatch));
            times[1].push(time(&Receiver::unknown(), VerifyError::UnknownAccount));
        }
        times.map(|mut times| {
            times.sort_unstable();
            times[150].as_secs_f64()
        })
    };
    // Other processes can disturb a run.
    let mut ratios = Vec::new();
    while !ratios
        .last()
        .is_some_and(|ratio| (0.95..1.05).contains(ratio))
    {
        assert!(ratios.len() < 20, "{ratios:?}");
        let [known, unknown] = medians();
        ratios.push(unknown / known);
    }
}
