//! What verifying and reading cost, as shares of what the same costs by hand.
//!
//! `cargo bench --bench receive` prints a table of ratios first, from rounds in which all ways take
//! turns, and then lets criterion measure each way by itself. Times of different runs, or of
//! different machines, can't be compared; ratios of one run can.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use core::{
    hint::black_box,
    sync::atomic::{Ordering, fence},
};
use std::{env, time::Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use hmac::{Hmac, KeyInit, Mac};
use leadhook::{
    Event, Grader, Graphoid, Receiver, ScoreApp, Secret, SignatureFormat, SignedProvider, Signer,
    Tomba, Verifier,
    tomba::{EmailVerifier, LookupResult, SaveLead},
};
use serde_json::Value;
use sha2::Sha256;

const SECRET: &str = "whsec_5d41402abc4b2a76b9719d911017c592";

fn main() {
    let cases = cases();
    if env::args().any(|argument| argument == "--bench") {
        print_ratios(&cases);
    }
    let mut criterion = Criterion::default().configure_from_args();
    for case in &cases {
        let mut group = criterion.benchmark_group(&case.name);
        group.throughput(Throughput::Bytes(case.body.len() as u64));
        for (name, way) in &case.ways {
            group.bench_function(*name, |bencher| bencher.iter(way));
        }
        group.finish();
    }
    criterion.final_summary();
}

/// A way to receive a body.
type Way = Box<dyn Fn()>;

/// What is done with a credential and a body.
type Act = Box<dyn Fn(&str, &Bytes)>;

/// A body, and the ways to receive it: first all by hand, then all by this crate.
struct Case {
    name: String,
    body: Bytes,
    ways: Vec<(&'static str, Way)>,
}

fn cases() -> Vec<Case> {
    let quiz = compact(include_str!("../src/samples/scoreapp/quiz_finished.json"));
    vec![
        signed::<Graphoid>(
            "Graphoid lead.won",
            compact(include_str!("../src/samples/graphoid/lead_won.json")),
        ),
        signed::<Grader>(
            "Grader.io submission.scored",
            compact(include_str!(
                "../src/samples/grader/submission_scored_nested.json"
            )),
        ),
        signed::<ScoreApp>("ScoreApp QUIZ_FINISHED", quiz.clone()),
        signed::<ScoreApp>("ScoreApp with many questions", with_many_questions(&quiz)),
        with_token::<SaveLead>(
            "Tomba save_lead",
            compact(include_str!(
                "../src/samples/tomba/save_lead_empty_docs_sample.json"
            )),
        ),
        with_token::<LookupResult<EmailVerifier>>(
            "Tomba email-verifier",
            compact(include_str!(
                "../src/samples/tomba/email_verifier_2025.json"
            )),
        ),
    ]
}

/// A body of a provider that signs.
fn signed<P: SignedProvider>(name: &str, body: String) -> Case {
    let secret = Secret::new(SECRET).unwrap();
    let verifier = Verifier::new(P::FORMAT, &secret);
    let receiver = Receiver::<P>::new(&secret.clone());
    let (_, header) = Signer::<P>::new(&secret).header(body.as_bytes());
    let body = Bytes::from(body);
    receiver
        .authenticate([&header], body.clone())
        .unwrap()
        .read()
        .unwrap();

    let way = |act: Act| -> Way {
        let (header, body) = (header.clone(), body.clone());
        Box::new(move || act(black_box(&header), black_box(&body)))
    };
    Case {
        name: name.into(),
        ways: vec![
            (
                "verify by hand",
                way(Box::new(|header, body| {
                    assert!(verify_by_hand(P::FORMAT, header, body));
                })),
            ),
            (
                "verify and read by hand",
                way(Box::new(|header, body| {
                    assert!(verify_by_hand(P::FORMAT, header, body));
                    let value: Value = serde_json::from_slice(body).unwrap();
                    drop(black_box(value));
                })),
            ),
            (
                "verify",
                way(Box::new(move |header, body| {
                    assert!(verifier.verify(header.as_bytes(), body).is_ok());
                })),
            ),
            (
                "verify and read",
                way(Box::new(move |header, body| {
                    let delivery = receiver.authenticate([header], body.clone()).unwrap();
                    drop(black_box(delivery.read().unwrap()));
                })),
            ),
        ],
        body,
    }
}

/// A body of Tomba's, which signs nothing, read as one type.
fn with_token<E: Event<Provider = Tomba> + 'static>(name: &str, body: String) -> Case {
    let receiver = Receiver::<Tomba>::header_token("x-token", &Secret::new(SECRET).unwrap());
    let checker = receiver.clone();
    let body = Bytes::from(body);

    let way = |act: Act| -> Way {
        let body = body.clone();
        Box::new(move || act(black_box(SECRET), black_box(&body)))
    };
    Case {
        name: name.into(),
        ways: vec![
            (
                "verify by hand",
                way(Box::new(|token, _| assert_eq!(token, SECRET))),
            ),
            (
                "verify and read by hand",
                way(Box::new(|token, body| {
                    assert_eq!(token, SECRET);
                    let value: Value = serde_json::from_slice(body).unwrap();
                    drop(black_box(value));
                })),
            ),
            (
                "verify",
                way(Box::new(move |token, body| {
                    drop(black_box(
                        checker.authenticate([token], body.clone()).unwrap(),
                    ));
                })),
            ),
            (
                "verify and read",
                way(Box::new(move |token, body| {
                    let delivery = receiver.authenticate([token], body.clone()).unwrap();
                    drop(black_box(delivery.read_as::<E>().unwrap()));
                })),
            ),
        ],
        body,
    }
}

/// As the senders' own examples do it: keyed again for each request, and compared as strings.
fn verify_by_hand(scheme: SignatureFormat, header: &str, body: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let digits = hex::encode(mac.finalize().into_bytes());
    match scheme {
        SignatureFormat::PrefixedHex => header == format!("sha256={digits}"),
        _ => header == digits,
    }
}

fn print_ratios(cases: &[Case]) {
    println!(
        "\n{:<30} {:>7} {:>12} {:>7} {:>12} {:>7}",
        "", "bytes", "verify", "ratio", "and read", "ratio"
    );
    for case in cases {
        let times = nanoseconds(&case.ways);
        let [verify_by_hand, read_by_hand, verify, read] = times.as_slice().try_into().unwrap();
        println!(
            "{:<30} {:>7} {:>9.0} ns {:>7.2} {:>9.0} ns {:>7.2}",
            case.name,
            case.body.len(),
            verify,
            verify / verify_by_hand,
            read,
            read / read_by_hand,
        );
    }
    println!("ratio: to the same by hand, in the same rounds\n");
}

/// The tenth percentile of each way's time for one call, over rounds in which they take turns.
fn nanoseconds(ways: &[(&str, Way)]) -> Vec<f64> {
    const ROUNDS: usize = 2_000;

    let longest = ways
        .iter()
        .map(|(_, way)| time(way, 20))
        .fold(0.0, f64::max);
    let calls = (50_000.0 / longest).clamp(1.0, 100.0) as usize;
    let mut times = vec![Vec::with_capacity(ROUNDS); ways.len()];
    for round in 0..ROUNDS {
        for turn in 0..ways.len() {
            let index = (round + turn) % ways.len();
            times[index].push(time(&ways[index].1, calls));
        }
    }
    times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 10]
        })
        .collect()
}

/// The nanoseconds of one call, over calls that are kept from overlapping.
fn time(way: &dyn Fn(), calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        way();
        fence(Ordering::SeqCst);
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// The JSON without the white space between its tokens, as senders write it.
fn compact(json: &str) -> String {
    let mut is_within_text = false;
    let mut is_escaped = false;
    json.chars()
        .filter(|&character| {
            if !is_escaped && character == '"' {
                is_within_text = !is_within_text;
            }
            is_escaped = !is_escaped && character == '\\';
            is_within_text || !character.is_ascii_whitespace()
        })
        .collect()
}

/// A quiz of 64 KiB.
fn with_many_questions(quiz: &str) -> String {
    let (head, tail) = quiz.split_once(r#""quiz_questions":["#).unwrap();
    let question = r#"{"id":"0f9d99a8-1835-46d7-bb1f-86b579195797","question":"How many people work at your company?","answers":[{"answer":"Between 10 and 50"}]},"#;
    let count = (64 * 1024 - quiz.len()) / question.len();
    format!(
        r#"{head}"quiz_questions":[{}{tail}"#,
        question.repeat(count)
    )
}
