//! The ready routes for axum and actix-web.

use actix_web::{App, HttpRequest, HttpResponse, http::StatusCode as ActixStatus, test, web};
use axum::{
    Router,
    extract::{FromRequest, Path, Request},
    routing::post,
};
use leadhook::{
    Delivery, Graphoid, Receiver, Rejection, Secret, actix,
    samples::{self, SampleRequest},
};
use leadhook_inbox::{Filter, Inbox, Page, Source, Sqlite};
use reqwest::{Client, StatusCode};

use crate::{
    server::{Server, event, signed},
    support::{SOURCE, database, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn axum_rejects_what_is_not_authentic_and_stores_nothing_of_it() {
    let database = database::sqlite().await;
    let server = Server::start(&database);
    let client = Client::new();
    let body = event(1, "", 0);
    let url = format!("{}/webhooks/graphoid", server.address);
    let unsigned = client.post(&url).body(body.clone()).send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let request = signed(&event(2, "", 0));
    let (name, value) = request
        .headers()
        .find(|(name, _)| name.contains("signature"))
        .unwrap();
    let forged = client
        .post(&url)
        .header(name, value)
        .body(body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(database.count("TRUE").await, 0);

    assert_eq!(server.post(&client, &body).await.unwrap(), StatusCode::OK);
    assert_eq!(server.post(&client, &body).await.unwrap(), StatusCode::OK);
    until("it is done", async || database.effects().await == 1).await;
    until("the duplicate is counted", async || {
        database.duplicates().await == 1
    })
    .await;
}

#[actix_web::test]
async fn actix_responds_the_same() {
    let inbox = Inbox::<Sqlite>::temporary().await.unwrap();
    let secret = Secret::new("a secret").unwrap();
    let receiver = Receiver::<Graphoid>::new(&secret);
    let source = inbox.source::<Graphoid>(SOURCE);
    let app = App::new().service(source.actix("/webhooks/graphoid", receiver));
    let app = test::init_service(app).await;
    let request = || {
        samples::graphoid::LEAD_WON
            .request()
            .with_path("/webhooks/graphoid")
    };
    let respond = async |request: SampleRequest<Graphoid>| {
        let request = test::TestRequest::from(request).to_request();
        test::call_service(&app, request).await.status()
    };
    assert_eq!(respond(request()).await, ActixStatus::UNAUTHORIZED);
    assert_eq!(respond(request().sign(&secret)).await, ActixStatus::OK);
    assert_eq!(respond(request().sign(&secret)).await, ActixStatus::OK);
    let body = samples::graphoid::LEAD_WON.body();
    let filter = Filter::key(source.key(&Delivery::from_storage(body)));
    until("the duplicate is counted", async || {
        let rows = inbox.rows(&filter, Page::first(2)).await.unwrap();
        (rows.len(), rows[0].duplicates) == (1, 1)
    })
    .await;
    let rows = inbox.rows(&filter, Page::first(2)).await.unwrap();
    assert_eq!(rows[0].matched_secret, Some(0));
    inbox.close().await;
    assert_eq!(
        respond(request().sign(&secret)).await,
        ActixStatus::SERVICE_UNAVAILABLE
    );
}

/// The receiver is looked up for each request, as in the documentation, and the row has its scope.
#[actix_web::test]
async fn a_delivery_is_accepted_for_an_account_that_was_looked_up() {
    async fn lookup(account: &str) -> Receiver<Graphoid> {
        tokio::task::yield_now().await;
        match account {
            "north" => Receiver::new(&Secret::new("a secret").unwrap()).with_scope(account),
            "broken" => Receiver::unavailable(),
            _ => Receiver::unknown(),
        }
    }
    let inbox = Inbox::<Sqlite>::temporary().await.unwrap();
    let source = inbox.source::<Graphoid>(SOURCE);
    let stored = source.clone();
    let handler = async move |Path(account): Path<String>, request: Request| {
        let receiver = lookup(&account).await;
        let delivery = Delivery::<Graphoid>::from_request(request, &receiver).await?;
        Ok::<_, Rejection>(match stored.accept(&delivery).await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        })
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let router: Router = Router::new().route("/{account}", post(handler));
    let server = axum_server::from_tcp(listener).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));

    async fn handle(
        source: web::Data<Source<Graphoid, Sqlite>>,
        request: HttpRequest,
        account: web::Path<String>,
        payload: web::Payload,
    ) -> Result<HttpResponse, Rejection> {
        let receiver: Receiver<Graphoid> = lookup(&account).await;
        let delivery = actix::authenticate(&request, payload, &receiver).await?;
        Ok(match source.accept(&delivery).await {
            Ok(_) => HttpResponse::Ok().finish(),
            Err(_) => HttpResponse::ServiceUnavailable().finish(),
        })
    }
    let app = App::new()
        .app_data(web::Data::new(source.clone()))
        .route("/{account}", web::post().to(handle));
    let app = test::init_service(app).await;

    let secret = Secret::new("a secret").unwrap();
    for (path, status) in [("/north", 200), ("/south", 401), ("/broken", 503)] {
        let sample = samples::graphoid::LEAD_WON
            .request()
            .with_path(path)
            .sign(&secret);
        let mut request = Client::new().post(format!("http://{address}{path}"));
        for (name, value) in sample.headers() {
            request = request.header(name, value);
        }
        let response = request.body(sample.body().to_vec()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let request = test::TestRequest::from(sample).to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    let delivery = Delivery::<Graphoid>::from_storage(samples::graphoid::LEAD_WON.body());
    let filter = Filter::key(source.key(&delivery.with_scope("north")));
    until("the duplicate is counted", async || {
        let rows = inbox.rows(&filter, Page::first(2)).await.unwrap();
        (rows.len(), rows[0].duplicates) == (1, 1)
    })
    .await;
    let rows = inbox.rows(&filter, Page::first(2)).await.unwrap();
    assert_eq!(rows[0].scope.as_deref(), Some("north"));
}
