//! The ready routes for axum and actix-web.

use actix_web::{App, http::StatusCode as ActixStatus, test};
use leadhook::{
    Delivery, Graphoid, Receiver, Secret,
    samples::{self, SampleRequest},
};
use leadhook_inbox::{Inbox, Sqlite};
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
    assert_eq!(database.count("duplicates = 1").await, 1);
}

#[actix_web::test]
async fn actix_responds_the_same() {
    let inbox = Inbox::<Sqlite>::temporary().await.unwrap();
    let secret = Secret::new("a secret").unwrap();
    let receiver = Receiver::<Graphoid>::new(&secret);
    let app = App::new().service(inbox.actix("/webhooks/graphoid", SOURCE, receiver));
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
    let key = Delivery::<Graphoid>::from_storage(body).key();
    let rows = inbox
        .rows(&leadhook_inbox::Select::key(key), 2)
        .await
        .unwrap();
    assert_eq!((rows.len(), rows[0].duplicates), (1, 1));
    inbox.close().await;
    assert_eq!(
        respond(request().sign(&secret)).await,
        ActixStatus::SERVICE_UNAVAILABLE
    );
}
