//! The allocations of verifying and reading.
#![allow(clippy::unwrap_used, clippy::panic)]

use allocation_counter::measure;
use leadhook::{Grader, Secret, SecretIndex, SignatureFormat, Signer, Verifier};

#[test]
fn verifying_allocates_nothing_whatever_the_result_is() {
    let secrets = ["current", "previous", "other"].map(|text| Secret::new(text).unwrap());
    let body = vec![b' '; 100_000];
    for scheme in [SignatureFormat::Hex, SignatureFormat::PrefixedHex] {
        let verifier = Verifier::new(scheme, &secrets[0]).with_previous(&secrets[1]);
        let mut headers: Vec<String> = secrets
            .iter()
            .map(|secret| scheme.format(&Signer::<Grader>::new(secret).sign(&body)))
            .collect();
        headers.extend([
            String::new(),
            "sha1=00".into(),
            "x".repeat(8192),
            "\u{e9}".into(),
        ]);
        let mut outcome = Vec::with_capacity(headers.len());

        let allocated = measure(|| {
            for header in &headers {
                outcome.push(verifier.verify(header.as_bytes(), &body));
            }
        });
        assert_eq!(allocated.count_total, 0, "{scheme:?}");
        let matched: Vec<_> = outcome[..2]
            .iter()
            .map(|index| index.map(SecretIndex::get))
            .collect();
        assert_eq!(matched, [Ok(0), Ok(1)]);
        assert!(outcome[2..].iter().all(Result::is_err));
    }
}

#[cfg(feature = "dedup")]
#[test]
fn keys_and_duplicates_in_memory_allocate_nothing() {
    use std::{
        convert::Infallible,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use leadhook::{
        Delivery,
        dedup::{Dedup, Key, Outcome},
    };

    let dedup = Dedup::default();
    let once = |key: Key| {
        let once = pin!(dedup.once(key, async { Ok::<_, Infallible>(()) }));
        match once.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    };
    let delivery = Delivery::<Grader>::from_storage(vec![b' '; 100_000]).with_scope("north");
    assert!(matches!(once(delivery.key()), Outcome::Handled(())));

    let allocated = measure(|| {
        assert!(matches!(once(delivery.key()), Outcome::AlreadyHandled));
        let _ = delivery.key_from_parts(["submission", "sub_1"]);
    });
    assert_eq!(allocated.count_total, 0);
}
