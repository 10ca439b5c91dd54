//! Printed values contain no secret, no signature and no value from a body.

use core::fmt::Debug;
use std::collections::HashMap;

use leadhook::{
    BodyVerifier, CredentialSource, DedupBy, Delivery, Envelope, EnvelopeKeys, Event, Grader,
    Graphoid, Layout, Lead, MalformedSignature, PendingDelivery, Provider, RawJson, ReadError,
    Receiver, ScoreApp, Secret, SecretError, SecretErrorKind, Signature, SignatureFormat,
    SignedProvider, Signer, Tomba, Verifier, VerifyError,
    grader::{FormData, GraderEvent, SubmissionEvent},
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupError, LookupResult,
        PhoneFinder, PhoneValidator, SaveLead, TombaEvent,
    },
};
use serde_json::{Value, json};

use crate::support::{Sample, samples, secret};

const SECRET: &str = "wh1sec_Zq7";
const PREVIOUS: &str = "wh0sec_Yp6";
/// Both secrets as text, in hex and in Base64.
const SPELLINGS: [&str; 6] = [
    SECRET,
    "7768317365635f5a7137",
    "d2gxc2VjX1pxNw",
    PREVIOUS,
    "7768307365635f597036",
    "d2gwc2VjX1lwNg",
];

/// Checks that a value prints neither a secret nor a signature, and that it prints something.
#[track_caller]
fn is_secret(value: &impl Debug, signature: &Signature) {
    for printed in [format!("{value:?}"), format!("{value:#?}")] {
        tells_nothing(&printed, signature);
    }
}

#[track_caller]
fn tells_nothing(printed: &str, signature: &Signature) {
    assert!(!printed.is_empty());
    let lower = printed.to_lowercase();
    for spelling in SPELLINGS {
        assert!(!lower.contains(&spelling.to_lowercase()), "{printed}");
    }
    for bytes in [SECRET.as_bytes(), PREVIOUS.as_bytes(), signature.as_bytes()] {
        let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>();
        for separator in [", ", ",\n    "] {
            assert!(!lower.contains(&list[..4].join(separator)), "{printed}");
        }
    }
    assert!(
        !lower.contains(&hex::encode(&signature.as_bytes()[..4])),
        "{printed}"
    );
    assert!(!lower.contains("  the"), "a gap in a message: {printed}");
}

#[test]
fn spellings_are_those_of_the_secrets() {
    assert_eq!(hex::encode(SECRET), SPELLINGS[1]);
    assert_eq!(hex::encode(PREVIOUS), SPELLINGS[4]);
}

#[test]
fn types_that_hold_a_secret_or_a_signature_do_not_print_it() {
    fn signed<P: SignedProvider>() {
        let [secret, previous] = [SECRET, PREVIOUS].map(secret);
        let body = r#"{"event":"lead.lost","data":{"lead":{"id":"jane@example.com"}}}"#;
        let signer = Signer::<P>::new(&secret);
        let signature = signer.sign(body.as_bytes());
        let (_, header) = signer.header(body.as_bytes());
        let verifier = Verifier::new(P::FORMAT, &secret).with_previous(&previous);
        let receiver = Receiver::<P>::new(&secret.clone()).with_previous(&previous);
        let delivery = receiver.authenticate([&header], body).unwrap();

        is_secret(&secret, &signature);
        is_secret(&signature, &signature);
        is_secret(&signer, &signature);
        is_secret(&verifier, &signature);
        is_secret(&verifier.begin(header.as_bytes()).unwrap(), &signature);
        is_secret(&receiver, &signature);
        is_secret(&receiver.credential_source(), &signature);
        is_secret(&receiver.begin([&header]).unwrap(), &signature);
        is_secret(&delivery, &signature);
        assert!(!format!("{delivery:#?}").contains("jane"));
        assert!(format!("{delivery:?}").contains(&format!("length: {}", body.len())));
    }
    signed::<Grader>();
    signed::<Graphoid>();
    signed::<ScoreApp>();

    for receiver in [
        Receiver::<Tomba>::header_token("x-token", &secret(SECRET)),
        Receiver::<Tomba>::query_token("token", &secret(SECRET)),
    ] {
        let receiver = receiver.unwrap().with_previous(&secret(PREVIOUS));
        let none = Signature::from([7; 32]);
        is_secret(&receiver, &none);
        is_secret(&receiver.begin([SECRET]).unwrap(), &none);
        is_secret(&receiver.authenticate([SECRET], "{}").unwrap(), &none);
    }
}

#[test]
fn errors_of_verification_quote_no_header() {
    let secret = secret(SECRET);
    let signature = Signer::<Graphoid>::new(&secret).sign(b"body");
    let digits = hex::encode(signature.as_bytes());
    let receivers = [
        Receiver::<Grader>::new(&secret.clone())
            .begin([""; 0])
            .map(drop),
        Receiver::<Grader>::new(&secret.clone())
            .authenticate([&digits], "other")
            .map(drop),
        Receiver::<Tomba>::header_token("x", &secret.clone())
            .unwrap()
            .begin([PREVIOUS])
            .map(drop),
    ];
    let headers = [
        "",
        &digits[1..],
        &digits.to_uppercase()[1..],
        &format!("SHA256={digits}"),
        &format!("sha1={digits}"),
        &format!("sha256=sha256={digits}"),
        &format!("\"{digits}\""),
        &format!("{digits},{digits}"),
        &format!(" {digits}"),
        &format!("0x{digits}"),
        SECRET,
        &format!("{SECRET}="),
        &format!("{SECRET}é"),
        "d2gxc2VjX1pxNw==",
        &digits.repeat(2),
    ]
    .map(|header| {
        Receiver::<Graphoid>::new(&secret.clone())
            .begin([header])
            .map(drop)
    });
    for rejected in receivers.into_iter().chain(headers) {
        let error = rejected.unwrap_err();
        is_secret(&error, &signature);
        tells_nothing(&error.to_string(), &signature);
        let message = error.to_string();
        assert!(
            !message.ends_with('.') && message.starts_with(char::is_lowercase),
            "{message}"
        );
    }
    for rejected in [
        Secret::new(&format!("{SECRET}\n")),
        Secret::new(""),
        Secret::from_env("LEADHOOK_NOT_SET"),
    ] {
        let error = rejected.unwrap_err();
        is_secret(&error, &signature);
        tells_nothing(&error.to_string(), &signature);
    }
}

/// Personal data as text and as digits, which can be anywhere in a body.
const PERSONAL: [&str; 3] = ["jane.roe@private.example", "4915112345678", "Jane Roe"];

/// Returns the document with one value replaced by personal data, or with personal data as a key beside
/// it.
fn changed(document: &Value) -> Vec<Value> {
    let [email, phone, name] = PERSONAL;
    let mut all = vec![
        json!(email),
        json!(phone.parse::<u64>().unwrap()),
        json!(1e300),
        json!([email, { name: phone }]),
        json!({ email: { name: phone } }),
        json!(format!("missing field `{email}`")),
    ];
    match document {
        Value::Object(members) => {
            for (key, value) in members {
                for value in changed(value) {
                    let mut members = members.clone();
                    members.insert(key.clone(), value);
                    all.push(members.clone().into());
                    members.insert(email.into(), json!([name]));
                    all.push(members.into());
                }
                let mut members = members.clone();
                let value = members.remove(key).unwrap();
                members.insert(email.into(), value);
                all.push(members.into());
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                for value in changed(value) {
                    let mut list = list.clone();
                    list[index] = value;
                    all.push(list.into());
                }
            }
        }
        _ => {}
    }
    all
}

/// Returns bodies with personal data in a wrong place, incomplete bodies, and bodies that are not JSON.
fn broken(body: &[u8]) -> Vec<String> {
    let mut bodies: Vec<String> = changed(&serde_json::from_slice(body).unwrap())
        .iter()
        .map(Value::to_string)
        .collect();
    let whole = String::from_utf8(body.to_vec()).unwrap();
    for (place, _) in whole.match_indices(['"', ':', ',', '{', '}']) {
        let (before, after) = whole.split_at(place);
        bodies.push(format!("{before}{}{after}", PERSONAL[0]));
        bodies.push(format!("{before}\"{}", PERSONAL[0]));
    }
    bodies
}

/// Returns whether a path has documented names and indices only.
fn is_documented<E: Event>(path: &str) -> bool {
    let keys = match E::Provider::LAYOUT {
        Layout::Enveloped(_) => ["event", "event_name", "data"].as_slice(),
        _ => &["data", "meta", "errors"],
    };
    path.split('.').all(|segment| {
        let (name, indexes) = segment.split_once('[').unwrap_or((segment, "0]"));
        let indexes = indexes.strip_suffix(']').is_some_and(|indexes| {
            indexes
                .split("][")
                .all(|index| index.parse::<usize>().is_ok())
        });
        indexes && (matches!(name, "*" | "") || keys.contains(&name) || E::is_documented_key(name))
    })
}

fn tell_nothing_of<E: Event>(samples: &[Sample]) -> usize {
    let mut shapes = 0;
    for Sample { path, body } in samples {
        for body in broken(body) {
            let Err(error) = Delivery::<E::Provider>::from_storage(body).read_as::<E>() else {
                continue;
            };
            for printed in [
                error.to_string(),
                format!("{error:?}"),
                format!("{error:#?}"),
            ] {
                for personal in PERSONAL
                    .iter()
                    .flat_map(|text| text.split(' '))
                    .chain(["private", "@"])
                {
                    assert!(!printed.contains(personal), "{path}: {printed}");
                }
            }
            if let ReadError::UnexpectedShape { event, path, .. } = &error {
                shapes += 1;
                assert!(is_documented::<E>(path), "{path}");
                assert!(event.is_none_or(|event| E::NAMES.contains(&event)));
            }
        }
    }
    shapes
}

#[test]
fn read_errors_quote_nothing_from_the_body() {
    assert!(tell_nothing_of::<GraderEvent>(&samples("grader")) > 0);
    assert!(tell_nothing_of::<GraphoidEvent>(&samples("graphoid")) > 0);
    let scoreapp: Vec<_> = samples("scoreapp")
        .into_iter()
        .filter(|sample| sample.path.ends_with("quiz_finished"))
        .collect();
    assert!(tell_nothing_of::<ScoreAppEvent>(&scoreapp) > 0);
    let tomba = samples("tomba");
    assert!(tell_nothing_of::<TombaEvent>(&tomba) > 0);
    let of = |name: &str| -> Vec<Sample> {
        samples("tomba")
            .into_iter()
            .filter(|sample| sample.path.contains(name))
            .collect()
    };
    assert!(tell_nothing_of::<LookupResult<EmailVerifier>>(&of("email_verifier_2025")) > 0);
    assert!(tell_nothing_of::<SaveLead>(&of("save_lead")) > 0);
    assert!(tell_nothing_of::<LookupResult<PhoneFinder>>(&of("phone_finder_2025")) > 0);
}

#[test]
fn a_key_that_is_not_documented_is_a_star() {
    #[derive(serde::Deserialize, Debug)]
    #[expect(dead_code, reason = "only read")]
    struct Own {
        jane_roe: HashMap<String, u8>,
    }
    let delivery =
        Delivery::<Graphoid>::from_storage(r#"{"jane_roe":{"jane@private.example":"x"}}"#);
    let error = delivery.json::<Own>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unexpected shape at `*.*` (line 1, column 39)"
    );
}

#[test]
fn all_public_types_can_be_sent_and_shared() {
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    fn assert_error<T: core::error::Error + Send + Sync + 'static>() {}

    fn assert_provider<P: Provider>()
    where
        P::Event: Send + Sync + Clone + Debug + PartialEq,
    {
        assert_send_sync::<Receiver<P>>();
        assert_send_sync::<Delivery<P>>();
        assert_send_sync::<PendingDelivery<'static, P>>();
        assert_send_sync::<Signer<P>>();
        assert_send_sync::<Envelope<P::Event>>();
    }
    /// A provider that is neither `Send` nor `Sync`, whose deliveries are both.
    struct Local(#[expect(dead_code, reason = "only its type counts")] *const ());

    assert_provider::<Grader>();
    assert_provider::<Graphoid>();
    assert_provider::<ScoreApp>();
    assert_provider::<Tomba>();
    assert_send_sync::<Delivery<Local>>();
    assert_send_sync::<Receiver<Local>>();
    assert_send_sync::<Secret>();
    assert_send_sync::<Signature>();
    assert_send_sync::<Verifier>();
    assert_send_sync::<BodyVerifier>();
    assert_send_sync::<SignatureFormat>();
    assert_send_sync::<CredentialSource<'static>>();
    assert_send_sync::<Layout>();
    assert_send_sync::<EnvelopeKeys>();
    assert_send_sync::<DedupBy>();
    assert_send_sync::<Lead>();
    assert_send_sync::<RawJson>();
    assert_send_sync::<FormData>();
    assert_send_sync::<SubmissionEvent>();
    assert_send_sync::<(SaveLead, EmailVerifier, EmailFinder, AuthorFinder)>();
    assert_send_sync::<(DomainSearch, PhoneFinder, PhoneValidator, LookupError)>();
    assert_error::<SecretError>();
    assert_error::<SecretErrorKind>();
    assert_error::<VerifyError>();
    assert_error::<MalformedSignature>();
    assert_error::<ReadError>();
}
