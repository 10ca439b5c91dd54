//! Shows that verifying takes the same way whatever the secret is, and wherever a signature is wrong.
//!
//! The bytes of the secrets are marked as undefined, and valgrind's memcheck counts how often
//! something that was computed of them decides a branch or an address. That may happen once for each
//! secret that is tried: the decision to accept or refuse. `run.sh` runs it.

mod memcheck;

use std::{hint::black_box, process::ExitCode};

use hmac::{Hmac, KeyInit, Mac};
use leadhook::{Grader, Receiver, SignatureFormat, Secret, Signer, Tomba, Verifier};
use sha2::Sha256;

const BODY: &[u8] = br#"{"event":"lead.won","data":{"lead":{"id":"lead_1","name":"Acme Corp"}}}"#;
const SECRETS: [&str; 3] = [
    "the current secret",
    "a previous one",
    "one that is even older",
];
const LONG: &str = "a secret that is longer than one block of SHA-256, so that it is hashed before it is used as a key";

fn main() -> ExitCode {
    if !memcheck::is_running() {
        eprintln!("run this with valgrind: tests/constant_time/run.sh");
        return ExitCode::FAILURE;
    }
    println!(
        "{:<34} {:>6}  errors where the first wrong byte is",
        "", "right"
    );
    let is_constant = [
        signatures("verify", &SECRETS[..1], verify),
        signatures("verify, a long secret", &[LONG], verify),
        signatures("verify, two previous secrets", &SECRETS, verify),
        signatures("start, update, finish", &SECRETS, verify_in_chunks),
        signatures("receiver", &SECRETS[..1], receive),
        tokens("token", &SECRETS[..1]),
        tokens("token, two previous ones", &SECRETS),
    ]
    .iter()
    .all(|&is_constant| is_constant);

    // The check must see what it looks for.
    let sees = !signatures(
        "(an early exit, must be seen)",
        &SECRETS[..1],
        verify_with_early_exit,
    );

    if !sees {
        println!("FAILED: the check is blind");
    } else if !is_constant {
        println!("FAILED: not constant");
    }
    if sees && is_constant {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A secret whose bytes memcheck takes for undefined.
fn undefined(text: &str) -> Secret {
    let bytes = text.as_bytes().to_vec();
    memcheck::make_undefined(&bytes);
    Secret::from_bytes(&bytes).unwrap()
}

fn sign(secret: &str) -> [u8; 32] {
    *Signer::<Grader>::new(&Secret::new(secret).unwrap())
        .sign(BODY)
        .as_bytes()
}

fn header(signature: [u8; 32]) -> String {
    SignatureFormat::Hex.format(&signature.into())
}

fn signatures(name: &str, secrets: &[&str], verify: impl Fn(&[Secret], &str) -> usize) -> bool {
    let undefined: Vec<Secret> = secrets.iter().map(|secret| undefined(secret)).collect();
    let right = secrets
        .iter()
        .map(|secret| verify(&undefined, &header(sign(secret))))
        .collect();
    let wrong = (0..=32)
        .map(|start| {
            // The signature of the last secret that is tried, wrong from one byte on, or in one byte.
            let mut signature = sign(secrets[secrets.len() - 1]);
            match start {
                32 => signature[0] ^= 1,
                _ => signature[start..].iter_mut().for_each(|byte| *byte ^= 0xff),
            }
            verify(&undefined, &header(signature))
        })
        .collect();
    judge(name, right, wrong)
}

fn tokens(name: &str, tokens: &[&str]) -> bool {
    let mut secrets = tokens.iter().map(|token| undefined(token));
    let receiver = Receiver::<Tomba>::header_token("x-token", &secrets.next().unwrap());
    let receiver = secrets.fold(receiver, Receiver::with_previous);
    let check = |value: &str| count(|| receiver.check([value]).is_ok());

    let right = tokens.iter().map(|token| check(token)).collect();
    let last = tokens[tokens.len() - 1];
    let mut wrong: Vec<usize> = (0..last.len())
        .map(|place| {
            let mut value = last.as_bytes().to_vec();
            value[place] ^= 1;
            check(&String::from_utf8(value).unwrap())
        })
        .collect();
    // Other lengths, shorter and longer.
    wrong.extend((0..last.len()).map(|length| check(&last[..length])));
    wrong.extend((1..100).map(|more| check(&format!("{last}{}", "x".repeat(more)))));
    judge(name, right, wrong)
}

/// How many errors a call causes. What it answers is public.
fn count(call: impl FnOnce() -> bool) -> usize {
    let before = memcheck::errors();
    let answer = black_box(call());
    memcheck::make_defined(&answer);
    black_box(answer);
    memcheck::errors() - before
}

fn verifier(secrets: &[Secret]) -> Verifier {
    let (current, previous) = secrets.split_first().unwrap();
    previous
        .iter()
        .fold(Verifier::new(SignatureFormat::Hex, current), Verifier::with_previous)
}

fn verify(secrets: &[Secret], header: &str) -> usize {
    let verifier = verifier(secrets);
    count(|| verifier.verify(header.as_bytes(), BODY).is_ok())
}

fn verify_in_chunks(secrets: &[Secret], header: &str) -> usize {
    let verifier = verifier(secrets);
    count(|| {
        let mut verification = verifier.begin(header.as_bytes()).unwrap();
        BODY.chunks(7).for_each(|chunk| verification.update(chunk));
        verification.finish().is_ok()
    })
}

fn receive(secrets: &[Secret], header: &str) -> usize {
    let receiver = Receiver::<Grader>::new(&secrets[0].clone());
    count(|| receiver.authenticate([header], BODY).is_ok())
}

/// What must not be done: it stops at the first byte that differs.
fn verify_with_early_exit(_: &[Secret], header: &str) -> usize {
    let secret = SECRETS[0].as_bytes().to_vec();
    memcheck::make_undefined(&secret);
    let wanted: Vec<u8> = (0..32)
        .map(|index| u8::from_str_radix(&header[2 * index..2 * index + 2], 16).unwrap())
        .collect();
    count(|| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(BODY);
        let signature = mac.finalize().into_bytes();
        signature
            .iter()
            .zip(&wanted)
            .all(|(left, right)| black_box(*left) == *right)
    })
}

/// Right: at most one error for each secret that was tried. Wrong: the same number everywhere, and at
/// most that of a right one which is tried last.
fn judge(name: &str, right: Vec<usize>, wrong: Vec<usize>) -> bool {
    let is_constant = right
        .iter()
        .enumerate()
        .all(|(index, &errors)| errors <= index + 1)
        && wrong
            .iter()
            .all(|&errors| errors == wrong[0] && errors <= right.len());
    let (least, most) = (wrong.iter().min().unwrap(), wrong.iter().max().unwrap());
    let right: Vec<String> = right.iter().map(usize::to_string).collect();
    println!("{name:<34} {:>6}  {least} to {most}", right.join("/"));
    is_constant
}
