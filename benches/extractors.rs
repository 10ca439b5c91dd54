//! Measures the extractors for axum and actix-web, without a server.
//!
//! `cargo bench --bench extractors --features axum,actix` extracts the same request in three ways, which
//! take turns. The last column is the time beyond reading the body, relative to the hand-written way
//! (1.00 is the same speed, lower is faster).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use core::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};
use std::env;

use bytes::Bytes;
use leadhook::{Grader, Graphoid, Receiver, ScoreApp, Secret, SignedProvider, Signer};
use support::{SECRET, Way};

mod support;

fn main() {
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    compare::<Graphoid>("Graphoid lead.won", support::lead_won());
    compare::<Grader>("Grader.io submission.scored", support::submission_scored());
    compare::<ScoreApp>("ScoreApp QUIZ_FINISHED", support::quiz_finished());
}

/// Returns a signed request.
struct Signed<P> {
    receiver: Receiver<P>,
    header: &'static str,
    value: String,
    body: Bytes,
}

impl<P: SignedProvider> Signed<P> {
    fn receive_by_hand(&self, body: &[u8]) {
        let value = support::receive_by_hand(P::FORMAT, black_box(&self.value), body);
        drop(black_box(value));
    }
}

fn compare<P: SignedProvider>(name: &str, body: String) {
    let secret = Secret::new(SECRET).unwrap();
    let (header, value) = Signer::<P>::new(&secret).header(body.as_bytes());
    let signed = Signed {
        receiver: Receiver::<P>::new(&secret),
        header,
        value,
        body: body.into(),
    };
    let mut ways: Vec<Way<'_>> = Vec::new();
    ways.extend(with_axum::ways(&signed));
    ways.extend(with_actix::ways(&signed));
    let times = support::nanoseconds(&mut ways);

    println!("\n{name}, {} bytes", signed.body.len());
    for (framework, times) in ["axum", "actix"].iter().zip(times.chunks(3)) {
        for (way, time) in ["body only", "by hand", "leadhook"].iter().zip(times) {
            let share = (time - times[0]) / (times[1] - times[0]);
            println!("  {framework:<6} {way:<10} {time:>8.0} ns, {share:>6.3} of the work by hand");
        }
    }
}

mod with_axum {
    use core::hint::black_box;

    use axum::{body::Body, extract::FromRequest};
    use bytes::Bytes;
    use http::Request;
    use leadhook::{SignedProvider, Webhook};

    use super::{Signed, Way, ready};

    pub(crate) fn ways<P: SignedProvider>(signed: &Signed<P>) -> [Way<'_>; 3] {
        let request = || {
            let request = Request::post("/").header(signed.header, &signed.value);
            request.body(Body::from(signed.body.clone())).unwrap()
        };
        let body = move || ready(Bytes::from_request(request(), &())).unwrap();
        [
            Box::new(move || drop(black_box(body()))),
            Box::new(move || signed.receive_by_hand(&body())),
            Box::new(move || {
                let webhook = ready(Webhook::<P>::from_request(request(), &signed.receiver));
                drop(black_box(webhook.unwrap()));
            }),
        ]
    }
}

mod with_actix {
    use core::hint::black_box;

    use actix_web::{
        FromRequest, HttpRequest,
        dev::Payload,
        http::header::CONTENT_LENGTH,
        test::TestRequest,
        web::{Bytes, Data},
    };
    use leadhook::{SignedProvider, Webhook};

    use super::{Signed, Way, ready};

    pub(crate) fn ways<P: SignedProvider>(signed: &Signed<P>) -> [Way<'_>; 3] {
        let data = Data::new(signed.receiver.clone());
        let request = move || -> (HttpRequest, Payload) {
            TestRequest::post()
                .insert_header((signed.header, signed.value.as_str()))
                .insert_header((CONTENT_LENGTH, signed.body.len()))
                .app_data(data.clone())
                .set_payload(signed.body.clone())
                .to_http_parts()
        };
        let [for_body, for_hand, for_webhook] = [request.clone(), request.clone(), request];
        let body = |(request, mut payload): (HttpRequest, Payload)| {
            ready(Bytes::from_request(&request, &mut payload)).unwrap()
        };
        [
            Box::new(move || drop(black_box(body(for_body())))),
            Box::new(move || signed.receive_by_hand(&body(for_hand()))),
            Box::new(move || {
                let (request, mut payload) = for_webhook();
                let webhook = ready(Webhook::<P>::from_request(&request, &mut payload));
                drop(black_box(webhook.unwrap()));
            }),
        ]
    }
}

/// Runs a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
