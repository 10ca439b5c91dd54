//! The desk within axum and actix-web, under a prefix.

use actix_web::{App, http::StatusCode as ActixStatus, test};
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header::LOCATION};
use tower::ServiceExt;

use leadhook_desk::Access;

use crate::{desk, everything, inbox};

#[tokio::test(flavor = "multi_thread")]
async fn axum_serves_it_under_a_prefix() {
    let (inbox, _) = inbox(2).await;
    for prefix in ["", "/desk", "/ops/desk"] {
        let app = axum::Router::<()>::new().merge(everything(&inbox).at(prefix).axum());
        let send = async |request: http::request::Builder| {
            let request = request.body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap()
        };
        for (page, status) in [
            ("", 200),
            ("rows", 200),
            ("desk.css", 200),
            ("nothing", 404),
            ("a/b", 404),
        ] {
            let response = send(Request::get(format!("{prefix}/{page}"))).await;
            assert_eq!(response.status(), status, "{prefix}/{page}");
        }
        let paused = Request::post(format!("{prefix}/pause?source=quiz"));
        let paused = send(paused.header("sec-fetch-site", "same-origin")).await;
        assert_eq!(paused.headers()[LOCATION], "source?source=quiz");
        assert_eq!(
            send(Request::get("/other/rows")).await.status(),
            StatusCode::NOT_FOUND
        );
        if !prefix.is_empty() {
            let response = send(Request::get(prefix)).await;
            assert_eq!(response.headers()[LOCATION], "desk/");
        }
        let long = Request::post(format!("{prefix}/person")).body(Body::from(vec![b'a'; 70_000]));
        let response = app.clone().oneshot(long.unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let blind = desk(&inbox, Access::none()).at(prefix).axum();
        let long = Request::post(format!("{prefix}/person")).body(Body::from(vec![b'a'; 70_000]));
        let response = blind.oneshot(long.unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
    let app = axum::Router::<()>::new().merge(everything(&inbox).at("/desk").axum());
    let response = app
        .oneshot(Request::get("/desk/").body(Body::empty()).unwrap())
        .await
        .unwrap();
    let html = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert!(
        !String::from_utf8_lossy(&html).contains("=\"/"),
        "links are relative"
    );
}

#[actix_web::test]
async fn actix_serves_it_under_a_prefix() {
    let (inbox, _) = inbox(2).await;
    for prefix in ["", "/desk", "/ops/desk"] {
        let own = everything(&inbox).at(prefix);
        let app = test::init_service(App::new().service(own.actix())).await;
        for (page, status) in [
            ("", 200),
            ("rows", 200),
            ("desk.css", 200),
            ("nothing", 404),
            ("a/b", 404),
        ] {
            let request = test::TestRequest::get().uri(&format!("{prefix}/{page}"));
            let response = test::call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), status, "{prefix}/{page}");
        }
        let request = test::TestRequest::post().uri(&format!("{prefix}/pause?source=quiz"));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), ActixStatus::FORBIDDEN);
        let request = test::TestRequest::post().uri(&format!("{prefix}/pause?source=quiz"));
        let request = request.insert_header(("sec-fetch-site", "same-origin"));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(
            response.headers().get("location").unwrap(),
            "source?source=quiz"
        );
        let request = test::TestRequest::post().uri(&format!("{prefix}/person"));
        let request = request.set_payload(vec![b'a'; 70_000]).to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!(response.status(), ActixStatus::PAYLOAD_TOO_LARGE);
        let blind = desk(&inbox, Access::none()).at(prefix);
        let blind = test::init_service(App::new().service(blind.actix())).await;
        let request = test::TestRequest::post().uri(&format!("{prefix}/person"));
        let request = request.set_payload(vec![b'a'; 70_000]).to_request();
        let response = test::call_service(&blind, request).await;
        assert_eq!(response.status(), ActixStatus::NOT_FOUND);
        if !prefix.is_empty() {
            let request = test::TestRequest::get().uri(prefix).to_request();
            let response = test::call_service(&app, request).await;
            assert_eq!(response.headers().get("location").unwrap(), "desk/");
        }
    }
}
