//! Accounts that are looked up for each request.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, web};
use axum::{
    Router,
    extract::{FromRequest, Path, Request},
    http,
    routing::post,
};
use bytes::Bytes;
use http_body_util::Full;
use leadhook::{
    Delivery, Graphoid, Receiver, Rejection, Secret, VerifyError, Webhook, actix,
    tower::AuthenticateLayer,
};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, service_fn};

use crate::{cases::GRAPHOID, support::secret};

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
    let handler = async move |Path(account): Path<String>, request: Request| {
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

/// Each account's secret is changed while its deliveries arrive. As the guide says, the application learns
/// the new secret first and forgets the old one when no delivery is signed with it any more.
#[test]
fn a_secret_that_is_changed_under_load_loses_nothing() {
    async fn handle(
        accounts: web::Data<Accounts>,
        request: HttpRequest,
        account: web::Path<String>,
        payload: web::Payload,
    ) -> Result<HttpResponse, Rejection> {
        let receiver = accounts.receiver(&account).await;
        let delivery = actix::authenticate(&request, payload, &receiver).await?;
        Webhook::<Graphoid>::read(delivery)?;
        Ok(HttpResponse::Ok().finish())
    }
    let accounts = Accounts::default();
    let lookup = accounts.clone();
    let axum_app: Router = Router::new().route(
        "/{account}",
        post(async move |Path(account): Path<String>, request: Request| {
            let receiver = lookup.receiver(&account).await;
            Webhook::<Graphoid>::from_request(request, &receiver).await?;
            Ok::<_, Rejection>(())
        }),
    );
    let data = web::Data::new(accounts.clone());
    let (sender, actix_address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = move || {
                actix_web::App::new()
                    .app_data(data.clone())
                    .route("/{account}", web::post().to(handle))
            };
            let server = actix_web::HttpServer::new(app).workers(2);
            let server = server.bind("127.0.0.1:0").unwrap();
            sender.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    let actix_address = actix_address.recv().unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let axum_address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, axum_app).await });
        let generation = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        accounts.set("north", &["secret 0"]);
        let mut senders = JoinSet::new();
        for sender in 0..16 {
            let address = [axum_address, actix_address][sender % 2];
            let (generation, is_over, client) =
                (generation.clone(), is_over.clone(), client.clone());
            senders.spawn(async move {
                let mut generations = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let current = generation.load(Ordering::SeqCst);
                    let secret = format!("secret {current}");
                    let signature = GRAPHOID.sign(&secret, GRAPHOID.body.as_bytes());
                    let request = client
                        .post(format!("http://{address}/north"))
                        .header(GRAPHOID.header, signature)
                        .body(GRAPHOID.body);
                    assert_eq!(request.send().await.unwrap().status(), 200, "{secret}");
                    generations.push(current);
                }
                generations.dedup();
                generations
            });
        }
        for next in 1..=10 {
            let secrets = [format!("secret {next}"), format!("secret {}", next - 1)];
            accounts.set("north", &secrets.each_ref().map(String::as_str));
            generation.store(next, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        is_over.store(true, Ordering::SeqCst);
        for generations in senders.join_all().await {
            assert!(generations.len() > 5, "{generations:?}");
        }
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
