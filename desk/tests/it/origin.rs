//! A POST counts only from a page of the desk: the table of Go's `CrossOriginProtection`, without its exceptions.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};

use crate::{count, everything, inbox};

const OWN: &str = "https://ops.example.com";

/// `Sec-Fetch-Site`, `Origin`, and whether the request is let through.
const CASES: [(&[&str], &[&str], bool); 20] = [
    (&["same-origin"], &[], true),
    (&["same-origin"], &[OWN], true),
    (&["same-origin"], &["https://attacker.example"], true), // no page can set it
    (&["same-site"], &[], false),
    (&["same-site"], &[OWN], false),
    (&["cross-site"], &[], false),
    (&["cross-site"], &[OWN], false),
    (&["none"], &[], false),
    (&[""], &[OWN], false),
    (&["Same-Origin"], &[], false),
    (&["same-origin", "cross-site"], &[], false),
    (&["same-origin", "same-origin"], &[], false),
    (&[], &[OWN], true),
    (&[], &[], false),
    (&[], &["null"], false),
    (&[], &["http://ops.example.com"], false),
    (&[], &["https://ops.example.com:8443"], false),
    (&[], &["https://ops.example.com.attacker.example"], false),
    (&[], &["https://attacker.example"], false),
    (&[], &[OWN, "https://attacker.example"], false),
];

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_the_desk_can_post() {
    for (sites, origins, is_allowed) in CASES {
        let (inbox, keys) = inbox(2).await;
        let desk = everything(&inbox).origin(HeaderValue::from_static(OWN));
        for action in [
            "pause?source=quiz",
            "erase?key=K",
            "replay?key=K",
            "body?key=K",
            "retry?key=K",
            "person",
        ] {
            let action = action.replace('K', &keys[0].to_string());
            let mut request = Request::post(format!("/{action}"));
            for site in sites {
                request = request.header("sec-fetch-site", *site);
            }
            for origin in origins {
                request = request.header("origin", *origin);
            }
            let request = request.body(Bytes::from_static(b"email=a%40b.example"));
            let status = desk.respond(request.unwrap()).await.status();
            let is_rejected = status == StatusCode::FORBIDDEN;
            assert_eq!(
                !is_rejected, is_allowed,
                "{action} {sites:?} {origins:?}: {status}"
            );
        }
        let is_changed = count(&inbox, "body IS NULL").await == 1;
        assert_eq!(is_changed, is_allowed, "{sites:?} {origins:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_configured_origin_only_the_browsers_word_counts() {
    let (inbox, _) = inbox(0).await;
    let desk = everything(&inbox);
    for origin in [OWN, "null", ""] {
        let request = Request::post("/pause?source=quiz").header("origin", origin);
        let response = desk.respond(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
    // Not even a configured `null` counts, which any sandboxed page sends.
    let desk = desk.origin(HeaderValue::from_static("null"));
    let request = Request::post("/pause?source=quiz").header("origin", "null");
    let response = desk.respond(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}
