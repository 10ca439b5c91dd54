//! Any header and any body give an event or a typed error, and take memory in proportion to the body.

use core::fmt::Debug;
use std::thread;

use allocation_counter::measure;
use leadhook::{
    Delivery, Grader, Graphoid, Provider, ReadError, Receiver, ScoreApp, SignatureFormat,
    SignedProvider, Tomba, VerifyError,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::support::{read, read_as, samples, secret, signed};

/// Signs, authenticates and reads a body. The event must serialize, and read as an equal event.
fn receive<P: SignedProvider>(body: &[u8]) -> Result<(), ReadError>
where
    P::Event: PartialEq + Debug,
{
    let (_, header) = signed::<P>(&secret("right"), body);
    let receiver = Receiver::<P>::new(&secret("right"));
    let delivery = receiver.authenticate([header], body.to_vec()).unwrap();
    let envelope = delivery.read()?;
    let _ = envelope.lead();
    delivery.unread::<P::Event>().unwrap();
    let written = serde_json::to_string(&envelope).unwrap();
    let delivery = Delivery::<P>::from_storage(written);
    assert_eq!(delivery.read().unwrap(), envelope);
    // Everything that is written was read.
    assert_eq!(delivery.unread::<P::Event>().unwrap().paths(), [""; 0]);
    Ok(())
}

fn receive_from_all(body: &[u8]) {
    let _ = receive::<Grader>(body);
    let _ = receive::<Graphoid>(body);
    let _ = receive::<ScoreApp>(body);
    let delivery = Delivery::<Tomba>::from_storage(body.to_vec());
    if let Ok(envelope) = delivery.read() {
        // The event may have been recognized by a null, which is not written, so the events can differ.
        let written = serde_json::to_string(&envelope).unwrap();
        assert!(read::<Tomba>(written).is_ok(), "{envelope:?}");
    }
    let _ = delivery.read_as::<SaveLead>();
    let _ = delivery.read_as::<LookupResult<EmailVerifier>>();
    let _ = delivery.read_as::<LookupResult<EmailFinder>>();
    let _ = delivery.read_as::<LookupResult<AuthorFinder>>();
    let _ = delivery.read_as::<LookupResult<DomainSearch>>();
    let _ = delivery.read_as::<LookupResult<PhoneFinder>>();
    let _ = delivery.read_as::<LookupResult<PhoneValidator>>();
    let _ = delivery.json::<serde_json::Value>();
}

fn all_samples() -> Vec<Vec<u8>> {
    ["grader", "graphoid", "scoreapp", "tomba"]
        .into_iter()
        .flat_map(samples)
        .map(|sample| sample.body.to_vec())
        .collect()
}

/// JSON of the words that the providers use, in any arrangement.
fn json() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        "event",
        "event_name",
        "data",
        "id",
        "webhook_id",
        "timestamp",
        "workspace_id",
        "lead",
        "submission",
        "submission_id",
        "form_data",
        "score",
        "total_score",
        "percent",
        "email",
        "emails",
        "organization",
        "meta",
        "errors",
        "timezones",
        "e164_format",
        "phone_number",
        "lead.won",
        "submission.scored",
        "QUIZ_FINISHED",
        "grader.paused",
        "2026-04-03T12:00:00Z",
        "\\ud800",
        "\\u0000",
        "é😀",
        "12",
        "1e999",
        "",
    ])
    .prop_map(|text| format!("\"{text}\""));
    let number = prop::sample::select(vec!["0", "-0.0", "1.5", "9007199254740993", "1e400", "-1"]);
    let word = prop::sample::select(vec!["null", "true", "false", "[]", "{}"]);
    let leaf = prop_oneof![
        text.clone(),
        number.prop_map(String::from),
        word.prop_map(String::from)
    ];
    leaf.prop_recursive(5, 48, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|list| format!("[{}]", list.join(","))),
            vec((text.clone(), inner), 0..8).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{key}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_an_event_or_an_error(body: Vec<u8>) {
        receive_from_all(&body);
    }

    #[test]
    fn any_json_is_an_event_or_an_error(data in json()) {
        receive_from_all(data.as_bytes());
        for (key, name) in [("event", "lead.won"), ("event", "submission.scored"), ("event_name", "QUIZ_FINISHED"), ("event", "lead.exploded")] {
            receive_from_all(format!(r#"{{"{key}":"{name}","data":{data}}}"#).as_bytes());
            receive_from_all(format!(r#"{{"data":{data},"{key}":"{name}"}}"#).as_bytes());
        }
        receive_from_all(format!(r#"{{"data":{data}}}"#).as_bytes());
        receive_from_all(format!(r#"{{"event":"lead.exploded","id":{data},"timestamp":{data}}}"#).as_bytes());
        // Neither the data of an unknown event nor an id can fail the event.
        let unknown = read::<Graphoid>(format!(r#"{{"id":{data},"event":"lead.exploded","data":{data}}}"#));
        prop_assert!(unknown.is_ok(), "{:?}", unknown);
    }

    #[test]
    fn both_passes_read_the_same(data in json()) {
        // Half an emoji in a key of the data, which the fast pass can't read.
        let Some(members) = data.strip_prefix('{') else { return Ok(()) };
        let separator = if members == "}" { "" } else { "," };
        let other = format!("{{\"\\ud83d\":null{separator}{members}");
        let bodies = |key: &str, name: &str| {
            [&data, &other].map(|data| format!(r#"{{"{key}":"{name}","data":{data}}}"#))
        };
        let [first, second] = bodies("event", "lead.won");
        prop_assert_eq!(read::<Graphoid>(first).ok(), read::<Graphoid>(second).ok());
        let [first, second] = bodies("event", "submission.scored");
        prop_assert_eq!(read::<Grader>(first).ok(), read::<Grader>(second).ok());
        let [first, second] = bodies("event_name", "QUIZ_FINISHED");
        prop_assert_eq!(read::<ScoreApp>(first).ok(), read::<ScoreApp>(second).ok());
        let [first, second] = [&data, &other].map(|data| {
            format!(r#"{{"data":{{"website_url":"x","organization":{data},"emails":[{data}]}}}}"#)
        });
        prop_assert_eq!(
            read_as::<LookupResult<DomainSearch>>(first).ok(),
            read_as::<LookupResult<DomainSearch>>(second).ok()
        );
    }

    #[test]
    fn mutated_samples_are_events_or_errors(
        sample: Index,
        edits in vec((any::<Index>(), any::<Index>(), 0..5_u8, any::<u8>()), 1..6),
    ) {
        let samples = all_samples();
        let mut body = samples[sample.index(samples.len())].clone();
        for (place, length, edit, byte) in edits {
            if body.is_empty() {
                break;
            }
            let start = place.index(body.len());
            let end = (start + length.index(40)).min(body.len());
            match edit {
                0 => body[start] = byte,
                1 => body.insert(start, byte),
                2 => drop(body.drain(start..end)),
                3 => body.truncate(start),
                _ => body.extend_from_within(start..end),
            }
        }
        receive_from_all(&body);
    }

    #[test]
    fn any_header_is_accepted_or_rejected(value: Vec<u8>, query: String) {
        for scheme in [SignatureFormat::Hex, SignatureFormat::PrefixedHex] {
            prop_assert!(scheme.parse(&value).is_err()); // 64 random digits don't happen
        }
        let receiver = Receiver::<Tomba>::query_token("token", &secret("right")).unwrap();
        let checked = receiver.begin([&query]);
        prop_assert_eq!(checked.is_ok(), query == "right");
        prop_assert_eq!(
            Receiver::<Graphoid>::new(&secret("right")).begin([&value, &value]).unwrap_err(),
            VerifyError::DuplicateSignature
        );
    }
}

#[test]
fn every_byte_at_every_place_of_a_header_is_accepted_or_rejected() {
    let (_, right) = signed::<Graphoid>(&secret("right"), b"");
    let receiver = Receiver::<Graphoid>::new(&secret("right"));
    for place in 0..=right.len() {
        for byte in 0..=u8::MAX {
            let mut value = right.clone().into_bytes();
            value.insert(place, byte);
            assert!(receiver.begin([&value]).is_err(), "{byte:#x} at {place}");
        }
    }
    let long = vec![b'a'; 8192];
    assert_eq!(
        receiver.begin([&long]).unwrap_err(),
        VerifyError::MalformedSignature(crate::support::wrong_length(8192))
    );
}

/// Runs in a thread with the stack of a usual worker thread.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 * 1024 * 1024);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn deep_nesting_is_read_or_rejected_at_every_place() {
    let graphoid: fn(&[u8]) = |body| drop(receive::<Graphoid>(body));
    let grader: fn(&[u8]) = |body| drop(receive::<Grader>(body));
    let scoreapp: fn(&[u8]) = |body| drop(receive::<ScoreApp>(body));
    let places = [
        (receive_from_all as fn(&[u8]), "@"),
        (
            graphoid,
            r#"{"event":"lead.won","data":{"lead":{"id":"1"}},"new":@}"#,
        ),
        (graphoid, r#"{"event":"lead.won","data":@}"#),
        (graphoid, r#"{"data":@,"event":"lead.won"}"#),
        (graphoid, r#"{"event":"lead.won","data":{"lead":@}}"#),
        (graphoid, r#"{"event":"lead.won","data":{"lead":{"id":@}}}"#),
        (
            graphoid,
            r#"{"event":"lead.won","data":{"lead":{"id":"1","new":@}}}"#,
        ),
        (graphoid, r#"{"event":"lead.exploded","data":@}"#),
        (graphoid, r#"{"data":@,"event":"lead.exploded"}"#),
        (
            graphoid,
            r#"{"id":@,"timestamp":@,"event":"lead.exploded"}"#,
        ),
        (graphoid, r#"{"event":@}"#),
        (grader, r#"{"event":"grader.paused","data":@}"#),
        (
            grader,
            r#"{"event":"submission.scored","data":{"submission_id":"1","form_data":{"a":@}}}"#,
        ),
        (
            grader,
            r#"{"event":"submission.scored","data":{"submission_id":"1","form_data":@}}"#,
        ),
        (
            scoreapp,
            r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","quiz_questions":@}}"#,
        ),
        (receive_from_all, r#"{"data":@}"#),
        (receive_from_all, r#"{"data":{"email":@}}"#),
        (receive_from_all, r#"{"errors":@}"#),
    ];
    on_a_small_stack(move || {
        for levels in [127, 128, 129, 200_000] {
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let nested = format!("{}1{}", open.repeat(levels), close.repeat(levels));
                for (receive, place) in places {
                    receive(place.replace('@', &nested).as_bytes());
                }
                receive_from_all(open.repeat(levels).as_bytes());
            }
        }
    });
}

#[test]
fn untyped_data_has_no_depth_limit() {
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    on_a_small_stack(move || {
        for body in [
            format!(r#"{{"event":"ticket.escalated","data":{nested}}}"#),
            format!(r#"{{"data":{nested},"event":"lead.exploded"}}"#),
            format!(
                r#"{{"event":"lead.won","id":{nested},"new":{nested},"data":{{"lead":{{"id":1,"new":{nested}}}}}}}"#
            ),
        ] {
            receive::<Graphoid>(body.as_bytes()).unwrap();
        }
        let form = format!(
            r#"{{"event":"submission.scored","data":{{"submission_id":1,"form_data":{{"email":{nested}}}}}}}"#
        );
        receive::<Grader>(form.as_bytes()).unwrap();
    });
}

/// Returns the number of bytes that reading a signed body allocates in total.
fn allocated<P: Provider>(body: String) -> u64 {
    let delivery = Delivery::<P>::from_storage(body);
    measure(|| drop(delivery.read())).bytes_total
}

/// A kind of value, and a function that returns a body with many of them.
type Body<'a> = (&'a str, &'a dyn Fn(usize) -> String);

#[test]
fn memory_grows_as_the_body_does() {
    let many = |count: usize, member: &str| {
        (0..count)
            .map(|index| member.replace('#', &index.to_string()))
            .collect::<Vec<_>>()
            .join(",")
    };
    let bodies: [Body<'_>; 12] = [
        ("unknown keys at the top", &|n| {
            format!(
                r#"{{{},"event":"lead.won","data":{{"lead":{{"id":1}}}}}}"#,
                many(n, r#""key_#":[1]"#)
            )
        }),
        ("unknown keys in the data", &|n| {
            format!(
                r#"{{"event":"lead.won","data":{{"lead":{{"id":1,{}}}}}}}"#,
                many(n, r#""key_#":{"a":1}"#)
            )
        }),
        ("form fields", &|n| {
            format!(
                r#"{{"event":"submission.scored","data":{{"submission_id":1,"form_data":{{{}}}}}}}"#,
                many(n, r#""key_#":"value""#)
            )
        }),
        ("questions", &|n| {
            format!(
                r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":1,"quiz_questions":[{}]}}}}"#,
                many(n, r##"{"question":"#","answers":[{"answer":"a"}]}"##)
            )
        }),
        ("nulls in a list", &|n| {
            format!(
                r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":1,"quiz_questions":[{}]}}}}"#,
                many(n, "null")
            )
        }),
        ("a long text", &|n| {
            format!(
                r#"{{"event":"lead.won","data":{{"lead":{{"id":"{}"}}}}}}"#,
                "é".repeat(n * 50)
            )
        }),
        ("a text of escapes", &|n| {
            format!(
                r#"{{"event":"lead.won","data":{{"lead":{{"id":"{}"}}}}}}"#,
                "\\u00e9".repeat(n * 20)
            )
        }),
        ("a long unknown key", &|n| {
            format!(
                r#"{{"{}":1,"event":"lead.won","data":{{"lead":{{"id":1}}}}}}"#,
                "k\\n".repeat(n * 30)
            )
        }),
        ("a long event name", &|n| {
            format!(r#"{{"event":"{}","data":{{}}}}"#, "\\/".repeat(n * 30))
        }),
        ("duplicate keys", &|n| {
            format!(
                "{{{},{}}}",
                many(n, r#""event":"a""#),
                many(n, r#""data":1"#)
            )
        }),
        ("a wrong value at the end", &|n| {
            format!(
                r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":1,"quiz_questions":[{},7]}}}}"#,
                many(n, r##"{"question":"#"}"##)
            )
        }),
        ("data first", &|n| {
            format!(
                r#"{{"data":{{"id":1,"quiz_questions":[{}]}},"event_name":"QUIZ_FINISHED"}}"#,
                many(n, r##"{"question":"#"}"##)
            )
        }),
    ];
    for (name, body) in bodies {
        for allocated in [
            allocated::<Grader>,
            allocated::<Graphoid>,
            allocated::<ScoreApp>,
            allocated::<Tomba>,
        ] {
            let [small, large] = [10_000, 20_000].map(body);
            let most = 64 * large.len() as u64;
            let [small, large] = [small, large].map(allocated);
            assert!(
                large <= 2 * small + small / 4 + 4096,
                "{name}: {small} B, then {large} B"
            );
            assert!(large < most, "{name}: {large} B");
        }
    }
}

#[test]
fn four_mebibytes_of_text_are_read() {
    let text = "x".repeat(4 * 1024 * 1024);
    let body =
        format!(r#"{{"event":"lead.won","id":"{text}","data":{{"lead":{{"id":"{text}"}}}}}}"#);
    assert_eq!(read::<Graphoid>(body).unwrap().id, Some(text.clone()));
    let body = format!(r#"{{"data":{{"email":"{text}","notes":"{text}"}}}}"#);
    assert_eq!(read_as::<SaveLead>(body).unwrap().event.email, Some(text));
}
