//! Measures the cost of receiving a delivery, beside a hand-written receiver.
//!
//! `cargo bench --bench receive --features dedup` runs interleaved rounds in one process and prints
//! ratios of the tenth percentiles. Only the ratios of one run can be compared, not the times of
//! different runs or machines.
//!
//! - *Floor*: the SHA-256 compressions that HMAC can't avoid once its key is set up.
//! - *By hand*: the key set up for each request, `hex::encode`, `==` on strings, and `serde_json::Value`.
//! - *Derived*: verified by leadhook, and read by a plain derive of the same owned fields. A derive
//!   accepts the documented form only, so its time is the bound that the JSON parser and the allocator
//!   set.
//! - *Whole way*: authenticate, read, compute the key, handle once with the memory store, and the lead.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use core::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};
use std::{env, time::Duration};

use bytes::Bytes;
use derived::{LeadWon, QuizFinished, SubmissionScored};
use leadhook::{
    Delivery, Grader, Graphoid, Provider, Receiver, ScoreApp, Secret, SignedProvider, Signer,
    Verifier,
    dedup::{Dedup, Outcome},
};
use serde::de::DeserializeOwned;
use support::{SECRET, Way};

#[path = "support/derived.rs"]
mod derived;
mod support;

/// A receiver like those in the providers' own examples, which is the baseline of most ratios.
const BY_HAND: &str = "verify and parse by hand";

fn main() {
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    table::<Graphoid, LeadWon>("Graphoid lead.won", support::lead_won());
    table::<Grader, SubmissionScored>("Grader.io submission.scored", support::submission_scored());
    table::<ScoreApp, QuizFinished>("ScoreApp QUIZ_FINISHED", support::quiz_finished());
    table::<ScoreApp, QuizFinished>(
        "ScoreApp with 440 questions",
        support::quiz_with_questions(440),
    );
}

/// Prints the cost of each step for one body. `D` is the derived type of its event.
fn table<P: SignedProvider, D: DeserializeOwned>(name: &str, body: String) {
    let secret = Secret::new(SECRET).unwrap();
    let previous = Secret::new("a previous secret").unwrap();
    let (_, header) = Signer::<P>::new(&secret).header(body.as_bytes());
    let body = Bytes::from(body);
    let receiver = Receiver::<P>::new(&secret);
    let verifier = Verifier::new(P::FORMAT, &secret);
    let rotating = Verifier::new(P::FORMAT, &previous).with_previous(&secret);
    let malformed = "0".repeat(65);
    // The delivery and its event, as a `Webhook` has them.
    let delivery = receiver.authenticate([&header], body.clone()).unwrap();
    let envelope = delivery.read().unwrap();
    // Without a retention, each call handles the event again.
    let dedup = Dedup::default().with_retention(Duration::ZERO);

    let authenticate = || {
        receiver
            .authenticate([black_box(&header)], body.clone())
            .unwrap()
    };
    let verify = |verifier: &Verifier, value: &str| {
        verifier
            .verify(black_box(value.as_bytes()), black_box(&body))
            .is_ok()
    };
    let ways: Vec<(&str, &str, Way<'_>)> = vec![
        ("floor", "floor", support::hmac_floor(&body)),
        (
            "verify by hand",
            "floor",
            Box::new(|| {
                assert!(support::verify_by_hand(
                    P::FORMAT,
                    black_box(&header),
                    &body
                ));
            }),
        ),
        (
            "verify",
            "floor",
            Box::new(|| assert!(verify(&verifier, &header))),
        ),
        (
            "verify in chunks of 512 bytes",
            "floor",
            Box::new(|| {
                let mut pending = verifier.begin(black_box(header.as_bytes())).unwrap();
                for chunk in body.chunks(512) {
                    pending.update(chunk);
                }
                pending.finish().unwrap();
            }),
        ),
        (
            "verify with the previous secret",
            "floor",
            Box::new(|| assert!(verify(&rotating, &header))),
        ),
        (
            "key",
            "floor",
            Box::new(|| {
                black_box(black_box(&delivery).key());
            }),
        ),
        (
            "reject a malformed header",
            "verify",
            Box::new(|| assert!(!verify(&verifier, &malformed))),
        ),
        (
            BY_HAND,
            BY_HAND,
            Box::new(|| {
                let value = support::receive_by_hand(P::FORMAT, black_box(&header), &body);
                drop(black_box(value));
            }),
        ),
        (
            "authenticate and read",
            BY_HAND,
            Box::new(|| drop(black_box(authenticate().read().unwrap()))),
        ),
        (
            "authenticate, and read a derived type",
            BY_HAND,
            Box::new(|| drop(black_box(authenticate().json::<D>().unwrap()))),
        ),
        (
            "lead",
            BY_HAND,
            Box::new(|| drop(black_box(black_box(&envelope).lead()))),
        ),
        (
            "key, and once with the memory store",
            BY_HAND,
            Box::new(|| once(&dedup, black_box(&delivery))),
        ),
        (
            "whole way",
            BY_HAND,
            Box::new(|| {
                let delivery = authenticate();
                let envelope = delivery.read().unwrap();
                once(&dedup, &delivery);
                drop(black_box(envelope.lead()));
                drop(black_box(envelope));
            }),
        ),
    ];
    let (labels, mut ways): (Vec<_>, Vec<_>) = ways
        .into_iter()
        .map(|(name, base, way)| ((name, base), way))
        .unzip();
    let times = support::nanoseconds(&mut ways);
    let time_of = |wanted: &str| {
        let index = labels.iter().position(|(name, _)| *name == wanted);
        times[index.unwrap()]
    };

    println!("\n{name}, {} bytes", body.len());
    for ((name, base), time) in labels.iter().zip(&times) {
        let ratio = time / time_of(base);
        println!("  {name:<37} {time:>9.0} ns, {ratio:>6.3} of \"{base}\"");
    }
    let key = time_of("key") / time_of(BY_HAND);
    println!(
        "  {:<37} {:>12}, {key:>6.3} of \"{BY_HAND}\"",
        "the same key", ""
    );
}

/// Handles a delivery with work that never waits.
fn once<P: Provider>(dedup: &Dedup, delivery: &Delivery<P>) {
    let future = dedup.once(delivery, async { Ok::<(), ()>(()) });
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => assert!(matches!(outcome, Ok(Outcome::Handled(())))),
        Poll::Pending => panic!("the work waits"),
    }
}
