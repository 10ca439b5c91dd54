//! Checks that verifying takes the same path for all secrets and for all wrong signatures.
//!
//! The bytes of the secrets are marked as undefined. Valgrind's memcheck counts how often a value that was
//! computed from them decides a branch or an address. That may happen once for each secret, for the
//! decision to accept or reject. `run.sh` runs it.

mod memcheck;

use std::{hint::black_box, process::ExitCode};

use hmac::{Hmac, KeyInit, Mac};
use leadhook::{
    Grader, Graphoid, NameError, Receiver, Secret, SignatureFormat, SignedProvider, Signer, Tomba,
    Verifier,
};
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
        "{:<42} {:>6}  errors where the first wrong byte is",
        "", "right"
    );
    let mut is_constant = true;
    for format in [SignatureFormat::Hex, SignatureFormat::PrefixedHex] {
        println!("{format:?}");
        let at_once = |secrets: &[Secret], header: &str| {
            let verifier = verifier(format, secrets);
            count(|| verifier.verify(header.as_bytes(), BODY).is_ok())
        };
        let in_chunks = |secrets: &[Secret], header: &str| {
            let verifier = verifier(format, secrets);
            count(|| {
                let mut verifier = verifier.begin(header.as_bytes()).unwrap();
                BODY.chunks(7).for_each(|chunk| verifier.update(chunk));
                verifier.finish().is_ok()
            })
        };
        is_constant &= signatures("verify", format, &SECRETS[..1], at_once);
        is_constant &= signatures("verify, a long secret", format, &[LONG], at_once);
        is_constant &= signatures("verify, two previous secrets", format, &SECRETS, at_once);
        is_constant &= signatures("begin, update, finish", format, &SECRETS[..1], in_chunks);
        is_constant &= signatures(
            "the same, two previous secrets",
            format,
            &SECRETS,
            in_chunks,
        );
    }
    println!("Receiver");
    is_constant &= signatures(
        "Grader.io",
        Grader::FORMAT,
        &SECRETS[..1],
        receive::<Grader>,
    );
    is_constant &= signatures(
        "Grader.io, rotation",
        Grader::FORMAT,
        &SECRETS,
        receive::<Grader>,
    );
    is_constant &= signatures(
        "Graphoid",
        Graphoid::FORMAT,
        &SECRETS[..1],
        receive::<Graphoid>,
    );
    is_constant &= signatures(
        "Graphoid, rotation",
        Graphoid::FORMAT,
        &SECRETS,
        receive::<Graphoid>,
    );
    is_constant &= tokens(
        "Tomba, a header's token",
        &SECRETS[..1],
        Receiver::header_token,
    );
    is_constant &= tokens(
        "Tomba, a header's token, rotation",
        &SECRETS,
        Receiver::header_token,
    );
    is_constant &= tokens(
        "Tomba, a query's token",
        &SECRETS[..1],
        Receiver::query_token,
    );
    is_constant &= tokens(
        "Tomba, a query's token, rotation",
        &SECRETS,
        Receiver::query_token,
    );

    // The check must find a known leak.
    println!("Must be seen");
    let sees = !signatures(
        "a comparison that exits early",
        SignatureFormat::Hex,
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

/// Returns a secret whose bytes memcheck treats as undefined.
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

/// Compares every kind of wrong signature with the right signatures.
fn signatures(
    name: &str,
    format: SignatureFormat,
    secrets: &[&str],
    verify: impl Fn(&[Secret], &str) -> usize,
) -> bool {
    let header = |signature: [u8; 32]| format.format(&signature.into());
    let undefined: Vec<Secret> = secrets.iter().map(|secret| undefined(secret)).collect();
    let right = secrets
        .iter()
        .map(|secret| verify(&undefined, &header(sign(secret))))
        .collect();
    let wrong = (0..=32)
        .map(|start| {
            // The signature of the last secret, wrong from one byte on or in one byte.
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

/// Compares every kind of wrong token with the right tokens.
fn tokens(
    name: &str,
    tokens: &[&str],
    receiver: impl Fn(&str, &Secret) -> Result<Receiver<Tomba>, NameError>,
) -> bool {
    let secrets: Vec<Secret> = tokens.iter().map(|token| undefined(token)).collect();
    let receiver = receiver("token", &secrets[0]).unwrap();
    let receiver = secrets[1..].iter().fold(receiver, Receiver::with_previous);
    let check = |value: &str| count(|| receiver.begin([value]).is_ok());

    let right = tokens.iter().map(|token| check(token)).collect();
    let last = tokens[tokens.len() - 1];
    let mut wrong: Vec<usize> = (0..last.len())
        .map(|place| {
            let mut value = last.as_bytes().to_vec();
            value[place] ^= 1;
            check(&String::from_utf8(value).unwrap())
        })
        .collect();
    // Shorter and longer tokens.
    wrong.extend((0..last.len()).map(|length| check(&last[..length])));
    wrong.extend((1..100).map(|more| check(&format!("{last}{}", "x".repeat(more)))));
    judge(name, right, wrong)
}

/// Returns how many errors a call causes. The result of the call is public.
fn count(call: impl FnOnce() -> bool) -> usize {
    let before = memcheck::errors();
    let result = black_box(call());
    memcheck::make_defined(&result);
    black_box(result);
    memcheck::errors() - before
}

fn verifier(format: SignatureFormat, secrets: &[Secret]) -> Verifier {
    secrets[1..]
        .iter()
        .fold(Verifier::new(format, &secrets[0]), Verifier::with_previous)
}

fn receive<P: SignedProvider>(secrets: &[Secret], header: &str) -> usize {
    let receiver = secrets[1..]
        .iter()
        .fold(Receiver::<P>::new(&secrets[0]), Receiver::with_previous);
    count(|| receiver.authenticate([header], BODY).is_ok())
}

/// A comparison that stops at the first byte that differs.
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

/// Checks the numbers of errors. A right signature causes at most one error for each secret. All wrong
/// signatures cause the same number, and at most as many as the right signature of the last secret.
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
    println!("    {name:<38} {:>6}  {least} to {most}", right.join("/"));
    is_constant
}
