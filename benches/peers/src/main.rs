//! Verifies the same bodies with `leadhook` and with other published crates.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` runs interleaved rounds in one process
//! and prints ratios to the SHA-256 compressions that HMAC can't avoid. `webhook-verify` verifies the same
//! signature as `leadhook`. `standardwebhooks` and `svix` verify signatures of their own format, which
//! also covers an id and a time and is written in Base64.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use std::{
    hint::black_box,
    time::{SystemTime, UNIX_EPOCH},
};

use http::HeaderMap;
use leadhook::{Graphoid, Secret, SignatureFormat, Signer, Verifier};

#[path = "../../support/mod.rs"]
mod support;

fn main() {
    for (name, body) in [
        ("Graphoid lead.won", support::lead_won()),
        ("Grader.io submission.scored", support::submission_scored()),
        ("ScoreApp QUIZ_FINISHED", support::quiz_finished()),
        ("ScoreApp with 440 questions", support::quiz_with_questions(440)),
    ] {
        compare(name, body.as_bytes());
    }
}

fn compare(name: &str, body: &[u8]) {
    let secret = Secret::new(support::SECRET).unwrap();
    let (_, signature) = Signer::<Graphoid>::new(&secret).header(body);
    let verifier = Verifier::new(SignatureFormat::PrefixedHex, &secret);

    let github = vec![("X-Hub-Signature-256".to_string(), signature.clone())];
    let peer_secret = webhook_verify::Secret::new(support::SECRET);

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let bytes = support::SECRET.as_bytes().to_vec();
    let standard = standardwebhooks::Webhook::from_bytes(bytes.clone()).unwrap();
    let svix = svix::webhooks::Webhook::from_bytes(bytes).unwrap();
    let mut headers = HeaderMap::new();
    for (prefix, signature) in [
        ("webhook", standard.sign("msg_1", now, body).unwrap()),
        ("svix", svix.sign("msg_1", now, body).unwrap()),
    ] {
        for (name, value) in [
            ("id", "msg_1".to_string()),
            ("timestamp", now.to_string()),
            ("signature", signature),
        ] {
            let name: http::HeaderName = format!("{prefix}-{name}").parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
    }

    let mut ways: Vec<support::Way<'_>> = vec![
        support::hmac_floor(body),
        Box::new(|| {
            verifier.verify(black_box(signature.as_bytes()), black_box(body)).unwrap();
        }),
        Box::new(|| {
            assert!(support::verify_by_hand(
                SignatureFormat::PrefixedHex,
                black_box(&signature),
                body
            ));
        }),
        Box::new(|| {
            webhook_verify::verify(
                webhook_verify::Provider::GitHub,
                black_box(&github),
                black_box(body),
                &peer_secret,
                webhook_verify::VerifyOptions::default(),
            )
            .unwrap();
        }),
        Box::new(|| standard.verify(black_box(body), black_box(&headers)).unwrap()),
        Box::new(|| svix.verify(black_box(body), black_box(&headers)).unwrap()),
    ];
    let names = [
        "floor",
        "leadhook",
        "by hand",
        "webhook-verify",
        "standardwebhooks",
        "svix",
    ];
    let times = support::nanoseconds(&mut ways);
    println!("\n{name}, {} bytes", body.len());
    for (name, time) in names.iter().zip(&times) {
        let ratio = time / times[0];
        println!("  {name:<18} {time:>8.0} ns, {ratio:>5.2} of the floor");
    }
}
