//! Code that the benchmarks share: interleaved rounds, a hand-written receiver, and bodies.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use core::{
    fmt::Write,
    sync::atomic::{Ordering, fence},
};
use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac};
use leadhook::SignatureFormat;
use serde_json::Value;
use sha2::{Sha256, block_api::compress256};

pub(crate) const SECRET: &str = "whsec_5d41402abc4b2a76b9719d911017c592";

/// An operation that is measured.
pub(crate) type Way<'a> = Box<dyn FnMut() + 'a>;

/// Returns the tenth percentile of the nanoseconds that one call of each operation takes.
///
/// The operations take turns in each round, and a fence keeps successive calls from overlapping, so that
/// the ratios are valid on a noisy machine.
pub(crate) fn nanoseconds(ways: &mut [Way<'_>]) -> Vec<f64> {
    const ROUNDS: usize = 400;

    let longest = ways.iter_mut().map(|way| time(way, 20)).fold(0.0, f64::max);
    let calls = (500_000.0 / longest).clamp(1.0, 1_000.0) as usize;
    let rounds = if longest > 200_000.0 {
        ROUNDS / 20
    } else {
        ROUNDS
    };
    let mut times = vec![Vec::with_capacity(rounds); ways.len()];
    for round in 0..rounds {
        for turn in 0..ways.len() {
            let index = (round + turn) % ways.len();
            times[index].push(time(&mut ways[index], calls));
        }
    }
    times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[rounds / 10]
        })
        .collect()
}

fn time(way: &mut dyn FnMut(), calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        way();
        fence(Ordering::SeqCst);
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Verifies as the providers' own examples do, by setting the key up for each request and comparing
/// strings.
pub(crate) fn verify_by_hand(format: SignatureFormat, header: &str, body: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let digits = hex::encode(mac.finalize().into_bytes());
    match format {
        SignatureFormat::PrefixedHex => header == format!("sha256={digits}"),
        _ => header == digits,
    }
}

/// Verifies by hand and parses to a `Value`.
pub(crate) fn receive_by_hand(format: SignatureFormat, header: &str, body: &[u8]) -> Value {
    assert!(verify_by_hand(format, header, body));
    serde_json::from_slice(body).unwrap()
}

/// Runs the compressions of SHA-256 that HMAC can't avoid once its key is set up.
///
/// These are the blocks of the padded body and one block for the outer hash.
pub(crate) fn hmac_floor(body: &[u8]) -> Way<'_> {
    let padded = (body.len() + 9).div_ceil(64) * 64;
    let mut bytes = body.to_vec();
    bytes.resize(padded + 64, 0);
    Box::new(move || {
        let (blocks, _) = core::hint::black_box(&bytes).as_chunks();
        let mut state = [0; 8];
        compress256(&mut state, blocks);
        core::hint::black_box(state);
    })
}

/// Returns JSON without the white space between its tokens, as providers send it.
pub(crate) fn compact(json: &str) -> String {
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

pub(crate) fn lead_won() -> String {
    compact(include_str!("../../src/samples/graphoid/lead_won.json"))
}

pub(crate) fn submission_scored() -> String {
    compact(include_str!(
        "../../src/samples/grader/submission_scored_nested.json"
    ))
}

pub(crate) fn quiz_finished() -> String {
    compact(include_str!(
        "../../src/samples/scoreapp/quiz_finished.json"
    ))
}

/// Returns a finished quiz with this many more questions.
pub(crate) fn quiz_with_questions(count: usize) -> String {
    let quiz = quiz_finished();
    let (head, tail) = quiz.split_once(r#""quiz_questions":["#).unwrap();
    let question = r#"{"id":"0f9d99a8-1835-46d7-bb1f-86b579195797","question":"How many people work at your company?","answers":[{"answer":"Between 10 and 50"}]},"#;
    format!(
        r#"{head}"quiz_questions":[{}{tail}"#,
        question.repeat(count)
    )
}

/// Returns a scored submission whose form has this many more fields.
pub(crate) fn submission_with_fields(count: usize) -> String {
    let body = submission_scored();
    let (head, tail) = body.split_once(r#""form_data":{"#).unwrap();
    let mut fields = String::new();
    for number in 0..count {
        let _ = write!(
            fields,
            r#""How many people work in office {number}?":"Between 10 and 50","#
        );
    }
    format!(r#"{head}"form_data":{{{fields}{tail}"#)
}

/// Returns a finished quiz with this many more bytes of text.
pub(crate) fn quiz_with_text(bytes: usize) -> String {
    let quiz = quiz_finished();
    let (head, tail) = quiz.split_once(r#""status":"#).unwrap();
    let text = "a".repeat(bytes);
    format!(r#"{head}"notes":"{text}","status":{tail}"#)
}

/// Returns a finished quiz whose answers are this many empty objects, which take the most memory for each
/// byte.
pub(crate) fn quiz_with_empty_objects(count: usize) -> String {
    let quiz = quiz_finished();
    let (head, tail) = quiz.split_once(r#""category_scores":["#).unwrap();
    format!(r#"{head}"category_scores":[{}{tail}"#, "{},".repeat(count))
}
