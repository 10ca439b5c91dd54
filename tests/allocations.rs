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
fn keys_allocate_nothing_and_duplicates_in_memory_one_future() {
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
    let once = |delivery| {
        let once = pin!(dedup.once(delivery, async { Ok::<_, Infallible>(()) }));
        match once.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    };
    let delivery = Delivery::<Grader>::from_storage(vec![b' '; 100_000]).with_scope("north");
    assert!(matches!(once(&delivery), Outcome::Handled(())));

    let allocated = measure(|| {
        let _ = delivery.key();
        let _ = Key::from_parts(&delivery, &["submission", "sub_1"]);
    });
    assert_eq!(allocated.count_total, 0);

    // The store is any store, so the future of its claim is boxed. A counter's labels are a list.
    let labels = u64::from(cfg!(feature = "metrics"));
    let allocated = measure(|| assert!(matches!(once(&delivery), Outcome::AlreadyHandled)));
    assert_eq!(allocated.count_total, 1 + labels);
}

/// A clone of an event allocates its own texts, lists and maps.
#[cfg(feature = "samples")]
#[test]
fn reading_allocates_the_event_and_nothing_else() {
    use leadhook::{
        Delivery, Event, Graphoid, Provider, ScoreApp,
        samples::{Sample, grader, graphoid, scoreapp, tomba},
        tomba::{DomainSearch, EmailVerifier, LookupResult},
    };

    fn check<P: Provider, E: Event<Provider = P> + Clone>(sample: &Sample<P>, more: u64) {
        let delivery = Delivery::<P>::from_storage(sample.body());
        let envelope = delivery.read_as::<E>().unwrap();
        let cloned = measure(|| drop(envelope.clone())).count_total;
        let read = measure(|| drop(delivery.read_as::<E>().unwrap())).count_total;
        assert_eq!(read, cloned + more, "{}", sample.name());
    }
    fn check_all<P: Provider>(samples: &[Sample<P>])
    where
        P::Event: Clone,
    {
        for sample in samples {
            check::<P, P::Event>(sample, 0);
        }
    }

    check_all::<Graphoid>(graphoid::ALL);
    check_all::<ScoreApp>(scoreapp::ALL);
    check::<_, <Grader as Provider>::Event>(&grader::SUBMISSION_SCORED, 0);
    // The second pass reads these, and serde_json keeps a stack of the objects when it checks the syntax.
    check::<_, LookupResult<EmailVerifier>>(&tomba::EMAIL_VERIFIER, 1);
    check::<_, LookupResult<DomainSearch>>(&tomba::DOMAIN_SEARCH, 2);
    // The fast pass reads half of the body of the webhook tester before the second pass does.
    check::<_, <Grader as Provider>::Event>(&grader::SUBMISSION_SCORED_TEST, 12);
}

#[cfg(feature = "dedup")]
#[test]
fn the_key_of_an_id_allocates_a_stack_of_objects() {
    use leadhook::{Delivery, Graphoid};

    let body = br#"{"id":"evt_1","event":"lead.won","workspace_id":"ws_1","data":{"lead":{"id":"lead_1"}}}"#;
    let delivery = Delivery::<Graphoid>::from_storage(&body[..]);
    let allocated = measure(|| {
        let _ = delivery.key();
    });
    // serde_json keeps it while it skips the data.
    assert_eq!(allocated.count_total, 1);
}
