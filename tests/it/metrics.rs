//! The counters of the `metrics` feature, as Prometheus would scrape them.

use std::{collections::BTreeSet, fs, future::ready, path::Path, time::Duration};

use actix_web::{dev::Payload, test::TestRequest, web};
use axum::{body::Body, extract::Request};
use leadhook::{
    Delivery, Graphoid, Receiver, Rejection, Secret, Tomba, Webhook,
    dedup::{Dedup, Key, MemoryStore},
    graphoid::GraphoidEvent,
};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::{
    dedup::support::{LONG, Scripted},
    rejections::BreaksOff,
    support::{secret, signed},
};

/// Whatever a request can choose has this text in it.
const CANARY: &str = "canary-9f3a";

/// Returns what a scrape shows after a future has run.
fn scraped(run: impl Future<Output = ()>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        leadhook::metrics::describe();
        runtime.block_on(run);
    });
    handle.render()
}

/// The samples of a scrape, sorted.
fn samples(scraped: &str) -> Vec<&str> {
    let lines = scraped.lines().filter(|line| !line.starts_with('#'));
    let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

fn receiver() -> Receiver<Graphoid> {
    Receiver::new(&secret("whsec_5d41402abc4b"))
}

fn signature(body: &str) -> String {
    signed::<Graphoid>(&secret("whsec_5d41402abc4b"), body).1
}

#[test]
fn authenticated_deliveries_are_counted_by_provider() {
    let body = format!(r#"{{"id":"{CANARY}","event":"{CANARY}","data":{{}}}}"#);
    let scraped = scraped(async {
        let receiver = receiver().with_scope(CANARY);
        for _ in 0..2 {
            let authenticated = receiver.authenticate([signature(&body)], body.clone());
            Webhook::<Graphoid>::read(authenticated.unwrap()).unwrap();
        }
        assert!(receiver.accepts([signature(&body)], body.clone()).is_ok());
        assert!(receiver.accepts([signature("")], body.clone()).is_err());
        // What is read from storage was counted when it was received.
        Delivery::<Graphoid>::from_storage(body.clone())
            .read()
            .unwrap();
    });
    assert_eq!(
        samples(&scraped),
        [r#"leadhook_deliveries_total{provider="graphoid"} 3"#]
    );
    assert!(scraped.contains("# HELP leadhook_deliveries_total Requests that were authenticated."));
    assert!(!scraped.contains(CANARY), "{scraped}");
}

#[test]
fn each_result_of_once_has_its_outcome() {
    async fn once(dedup: &Dedup, work: Result<&str, &str>) {
        let delivery = Delivery::<Graphoid>::from_storage(CANARY).with_scope(CANARY);
        let _ = dedup.once(&delivery, ready(work)).await;
    }

    let scraped = scraped(async {
        let dedup = Dedup::default();
        once(&dedup, Err(CANARY)).await;
        let delivery = Delivery::<Graphoid>::from_storage(CANARY).with_scope(CANARY);
        let nested = async {
            once(&dedup, Ok("")).await; // in progress
            Ok::<_, ()>(())
        };
        let _ = dedup.once(&delivery, nested).await;
        once(&dedup, Ok("")).await; // a duplicate
        for fails in ["claim", "complete"] {
            let store = Scripted {
                fails,
                ..Scripted::default()
            };
            once(&Dedup::new(store), Ok("")).await;
        }
        let expired = Dedup::new(MemoryStore::default()).with_lease(Duration::ZERO);
        once(&expired, Ok("")).await;
        let key = Key::from_parts(&delivery, &[CANARY]);
        let _ = dedup.once_as(key, LONG, ready(Ok::<_, ()>(()))).await;
    });
    let count = |provider: &str, outcome: &str| {
        format!(r#"leadhook_events_total{{provider="{provider}",outcome="{outcome}"}} 1"#)
    };
    let graphoid = [
        "duplicate",
        "failed",
        "handled",
        "in_progress",
        "lease_expired",
        "store_failed",
        "unrecorded",
    ];
    let mut expected: Vec<_> = graphoid.map(|outcome| count("graphoid", outcome)).to_vec();
    expected.push(count("unknown", "handled"));
    assert_eq!(samples(&scraped), expected);
    assert!(!scraped.contains(CANARY), "{scraped}");
}

/// Causes each rejection once.
async fn reject_everything() {
    let graphoid = receiver();
    let missing: [&str; 0] = [];
    let reject = |values: &[&str], body: &'static str| {
        graphoid.authenticate(values, body).unwrap_err();
    };
    reject(&missing, CANARY);
    reject(&[CANARY, CANARY], CANARY);
    reject(&[CANARY], CANARY);
    reject(&[&signature(CANARY)], "another body");
    reject(&[&signature(CANARY)], "");
    let token = Receiver::<Tomba>::query_token(CANARY, &Secret::new(CANARY).unwrap()).unwrap();
    token.authenticate(missing, CANARY).unwrap_err();
    token.authenticate([CANARY, CANARY], CANARY).unwrap_err();
    token.authenticate(["another"], CANARY).unwrap_err();
    let unknown = Receiver::<Tomba>::unknown_token();
    unknown.authenticate([CANARY], CANARY).unwrap_err();
    let unavailable = Receiver::<Tomba>::unavailable();
    unavailable.authenticate([CANARY], CANARY).unwrap_err();
    Rejection::check_encoding::<Graphoid>(["gzip", CANARY]).unwrap_err();
    let _ = Rejection::body_too_large::<Graphoid>();
    for body in [
        b"canary-9f3a \xff".as_slice(),
        br#"{"canary-9f3a"#,
        br#"["canary-9f3a"]"#,
        br#"{"canary-9f3a":1}"#,
        br#"{"event":"canary-9f3a","event":"canary-9f3a"}"#,
        br#"{"event":"lead.won","data":"canary-9f3a"}"#,
    ] {
        let delivery = Delivery::<Graphoid>::from_storage(body);
        assert!(Webhook::<Graphoid, GraphoidEvent>::read(delivery).is_err());
    }
    reject_in_frameworks(graphoid).await;
}

async fn reject_in_frameworks(receiver: Receiver<Graphoid>) {
    let request = Request::post(format!("/{CANARY}"))
        .header("x-graphoid-signature", signature(CANARY))
        .body(Body::new(BreaksOff));
    let delivery = <Delivery<Graphoid> as axum::extract::FromRequest<_>>::from_request(
        request.unwrap(),
        &receiver,
    );
    delivery.await.unwrap_err();

    let (request, mut payload) = TestRequest::post().set_payload(CANARY).to_http_parts();
    let delivery =
        <Delivery<Graphoid> as actix_web::FromRequest>::from_request(&request, &mut payload);
    delivery.await.unwrap_err();
    let request = TestRequest::post()
        .app_data(web::Data::new(receiver))
        .insert_header(("content-length", CANARY.len()))
        .insert_header(("x-graphoid-signature", signature(CANARY)))
        .to_http_request();
    let delivery =
        <Delivery<Graphoid> as actix_web::FromRequest>::from_request(&request, &mut Payload::None);
    delivery.await.unwrap_err();
}

#[test]
fn each_rejection_has_its_reason_as_the_documentation_lists_it() {
    let scraped = scraped(reject_everything());
    let expected: Vec<String> = documented()
        .into_iter()
        .map(|(status, reason)| format!(r#"status="{status}",reason="{reason}"}} 1"#))
        .collect();
    let counted: BTreeSet<&str> = samples(&scraped)
        .into_iter()
        .filter_map(|line| line.strip_prefix(r#"leadhook_rejections_total{provider=""#))
        .filter_map(|line| Some(line.split_once(r#"","#)?.1))
        .collect();
    assert_eq!(counted, expected.iter().map(String::as_str).collect());
    assert!(!scraped.contains(CANARY), "{scraped}");
}

/// The statuses and reasons in the documentation of the module.
fn documented() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/metrics.rs");
    let text = fs::read_to_string(file).unwrap();
    let (_, text) = text.split_once("- `reason` is one of these").unwrap();
    let (text, _) = text.split_once("- `outcome`").unwrap();
    let mut status = String::new();
    let mut reasons = Vec::new();
    for line in text.lines() {
        let line = line.trim_start_matches("//!").trim();
        if let Some((number, _)) = line.trim_start_matches("- ").split_once(": `") {
            status = number.into();
        }
        let names = line.split('`').skip(1).step_by(2);
        reasons.extend(names.map(|reason| (status.clone(), reason.into())));
    }
    reasons
}
