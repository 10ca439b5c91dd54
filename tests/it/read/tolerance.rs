//! Bodies in other forms than documented, which are read anyway, and bodies that are rejected, with the
//! path in the error.

use crate::support::{found, read, read_as, sample};
use leadhook::{
    Grader, Graphoid, ReadError, ScoreApp,
    grader::{FormData, Grade, GraderEvent, SubmissionEvent},
    graphoid::{GraphoidEvent, SalesLead},
    scoreapp::{QuizSubmission, ScoreAppEvent},
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneNumber, SaveLead, TombaEvent,
    },
};
use serde_json::{Value, json};

fn scored(data: &Value) -> SubmissionEvent {
    let body = json!({"event": "submission.scored", "data": data});
    match read::<Grader>(body.to_string()).unwrap().event {
        GraderEvent::SubmissionScored(scored) => scored,
        other => panic!("{other:?}"),
    }
}

fn won(lead: &Value) -> SalesLead {
    let body = json!({"event": "lead.won", "data": {"lead": lead}});
    match read::<Graphoid>(body.to_string()).unwrap().event {
        GraphoidEvent::LeadWon(won) => won.lead,
        other => panic!("{other:?}"),
    }
}

fn quiz(data: &str) -> QuizSubmission {
    let body = format!(r#"{{"event_name":"QUIZ_FINISHED","data":{data}}}"#);
    match read::<ScoreApp>(body).unwrap().event {
        ScoreAppEvent::QuizFinished(quiz) => *quiz,
        other => panic!("{other:?}"),
    }
}

/// Returns the event and the path of an unexpected shape.
#[track_caller]
fn unexpected_shape<T: core::fmt::Debug>(
    read: Result<T, ReadError>,
) -> (Option<&'static str>, String) {
    match read.unwrap_err() {
        ReadError::UnexpectedShape { event, path, .. } => (event, path),
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_are_read_from_text_and_the_opposite() {
    for (percent, expected) in [
        ("54", Some(54.0)),
        ("54.0", Some(54.0)),
        ("5.4e1", Some(54.0)),
        ("\"54\"", Some(54.0)),
        ("\" 54.00 \"", Some(54.0)),
        ("-1.5", Some(-1.5)),
        ("\"\"", None),
        ("\" \"", None),
        ("null", None),
        ("9007199254740991", Some(9_007_199_254_740_991.0)),
    ] {
        let data = format!(r#"{{"id":"1","total_score":{{"percent":{percent}}}}}"#);
        let score = quiz(&data).total_score.unwrap();
        assert_eq!(score.percent, expected, "{percent}");
    }
    // Each value has its documented type, and then the other type.
    for score in [
        r#"{"actual":"67.00","percent":54,"denominator10":5.36}"#,
        r#"{"actual":67,"percent":"54","denominator10":"5.36"}"#,
    ] {
        let total = quiz(&format!(r#"{{"id":"1","total_score":{score}}}"#))
            .total_score
            .unwrap();
        assert_eq!(
            (total.actual, total.percent, total.denominator10),
            (Some(67.0), Some(54.0), Some(5.36))
        );
    }
    assert_eq!(
        won(&json!({"id": "1", "value": "45000.50"})).value,
        Some(45_000.5)
    );
    assert_eq!(
        scored(&json!({"submission_id": "1", "score": "87.5"}))
            .submission
            .score,
        Some(87.5)
    );
}

#[test]
fn ids_are_text_even_where_they_are_numbers() {
    for (id, expected) in [
        ("42", "42"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("-7", "-7"),
        ("\"evt_9pQrXy2k...\"", "evt_9pQrXy2k..."),
        ("true", "true"),
    ] {
        let body = format!(r#"{{"event":"lead.won","data":{{"lead":{{"id":{id}}}}}}}"#);
        let GraphoidEvent::LeadWon(won) = read::<Graphoid>(body).unwrap().event else {
            panic!()
        };
        assert_eq!(won.lead.id, expected);
    }
}

#[test]
fn nothing_in_the_envelope_but_the_name_fails_an_event() {
    let digits = "9".repeat(400);
    for (value, id) in [
        ("\"evt_1\"", Some("evt_1")),
        ("12", Some("12")),
        ("9007199254740993", Some("9007199254740993")),
        ("1e400", Some("1e400")),
        (digits.as_str(), Some(digits.as_str())),
        ("\"a\\/\\u00e9\"", Some("a/é")),
        ("\"\\ud800\"", None),
        ("null", None),
        ("true", None),
        ("{\"a\":[1]}", None),
        ("[\"evt_1\"]", None),
    ] {
        let body = format!(
            r#"{{"id":{value},"timestamp":{value},"workspace_id":{value},"api_version":{value},"event":"lead.won","data":{{"lead":{{"id":1}}}}}}"#
        );
        let envelope = read::<Graphoid>(body).unwrap();
        assert_eq!(envelope.id.as_deref(), id);
        assert_eq!(envelope.workspace_id.as_deref(), id);
        assert_eq!(envelope.api_version.as_deref(), id);
        assert_eq!(envelope.timestamp, None, "{value}");
    }
}

#[test]
fn timestamps_are_read_in_every_form_of_rfc_3339_and_no_other() {
    let noon = "2026-04-03T12:00:00Z".parse().ok();
    for (timestamp, expected) in [
        ("2026-04-03T12:00:00Z", noon),
        ("2026-04-03T12:00:00.000Z", noon),
        ("2026-04-03T12:00:00.000000000Z", noon),
        ("2026-04-03T14:00:00+02:00", noon),
        ("2026-04-03t12:00:00z", noon),
        ("2026-04-03", None),
        ("2026-04-03T12:00:00", None),
        ("1775217600", None),
        ("1e9", None),
        ("+1", None),
        ("18446744073709551616", None),
        ("yesterday", None),
        ("2026-13-45T99:99:99Z", None),
        ("", None),
    ] {
        let body = json!({"event": "lead.won", "timestamp": timestamp, "data": {"lead": {"id": "1", "closed_at": timestamp}}});
        let envelope = read::<Graphoid>(body.to_string()).unwrap();
        let GraphoidEvent::LeadWon(won) = envelope.event else {
            panic!()
        };
        assert_eq!(envelope.timestamp, expected, "{timestamp}");
        assert_eq!(won.lead.closed_at, expected, "{timestamp}");
    }
    for other in ["1775217600", "1e400", "-1", "null", "[]", "{}"] {
        let body = format!(r#"{{"event":"grader.paused","timestamp":{other},"data":{{}}}}"#);
        assert_eq!(read::<Grader>(body).unwrap().timestamp, None, "{other}");
    }
}

#[test]
fn null_missing_and_phps_empty_list_are_the_same() {
    let least = quiz(r#"{"id":"1"}"#);
    let nulls = r#"{"id":"1","status":null,"email":null,"opt_in":null,"started_at":null,"quiz_questions":null,
        "category_scores":null,"audiences":null,"total_score":null,"lowest_category":null}"#;
    let lists = r#"{"id":"1","quiz_questions":[],"category_scores":[],"total_score":[],"lowest_category":[],
        "highest_category":[],"audiences":[null],"lead_form_questions":[null,null]}"#;
    assert_eq!(quiz(nulls), least);
    assert_eq!(quiz(lists), least);

    let least = scored(&json!({"submission": {"id": "1"}}));
    for data in [
        json!({"submission": {"id": "1", "form_data": [], "score": null}, "grader": [], "routing": null}),
        json!({"submission": {"id": "1", "form_data": null}, "grader": null, "routing": []}),
        json!({"submission_id": "1"}),
        json!({"submission_id": "1", "form_data": [], "submission": []}),
    ] {
        assert_eq!(scored(&data), least, "{data}");
    }
}

#[test]
fn unknown_fields_labels_and_events_are_not_errors() {
    let labelled = quiz(
        r#"{"id":"1","status":"paused","total_score":{"tier":"Sehr gut ★","new":{}},"new":[1],"category_scores":[{"tier":7}]}"#,
    );
    assert_eq!(
        labelled.total_score.unwrap().tier.as_deref(),
        Some("Sehr gut ★")
    );
    assert_eq!(labelled.category_scores[0].tier.as_deref(), Some("7"));
    assert_eq!(
        scored(&json!({"submission_id": 1, "grade": "lukewarm"}))
            .submission
            .grade,
        Some(Grade::Other("lukewarm".into()))
    );

    // The data is kept byte for byte, whatever it is and wherever it is in the body.
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for data in [
        r#"{ "a" : 1e2, "b":"\u00e9\/", "a":9007199254740993 }"#,
        "null",
        "[]",
        "\"text\"",
        "-0.0",
        "1e400",
        "true",
        r#""\ud800""#,
        &deep,
    ] {
        for body in [
            format!(r#"{{"event":"lead.exploded","data": {data} ,"event_id":7}}"#),
            format!(r#"{{"data": {data} ,"event":"lead.exploded"}}"#),
        ] {
            let envelope = read::<Graphoid>(body).unwrap();
            assert_eq!(envelope.name(), "lead.exploded");
            assert_eq!(envelope.lead(), None);
            let GraphoidEvent::Unknown { data: raw, .. } = envelope.event else {
                panic!()
            };
            assert_eq!(raw.as_str(), data);
        }
    }
    for name in [
        "",
        "LEAD.WON",
        "lead.won ",
        "submission.graded",
        "\u{1f600}",
    ] {
        let body = json!({"event": name});
        let envelope = read::<Graphoid>(body.to_string()).unwrap();
        let GraphoidEvent::Unknown {
            name: kept, data, ..
        } = envelope.event
        else {
            panic!()
        };
        assert_eq!((kept.as_str(), data.as_str()), (name, "null"));
    }
}

#[test]
fn the_order_of_the_keys_does_not_matter() {
    let members = [
        r#""event":"lead.won""#,
        r#""data":{"lead":{"id":"lead_1","value":"45000"}}"#,
        r#""id":"evt_1""#,
        r#""timestamp":"2026-04-03T12:00:00Z""#,
    ];
    let expected = read::<Graphoid>(format!("{{{}}}", members.join(","))).unwrap();
    for first in 0..members.len() {
        for second in 0..members.len() {
            let mut shuffled = members;
            shuffled.swap(0, first);
            shuffled.swap(1, second);
            shuffled.rotate_left(first);
            let body = format!(" {{\n{} }}\r\n", shuffled.join(" ,\t"));
            assert_eq!(read::<Graphoid>(body).unwrap(), expected);
        }
    }
    // The error has the path even if the data comes first.
    let body = r#"{"data":{"lead":{"id":["lead_1"]}},"event":"lead.won"}"#;
    assert_eq!(
        unexpected_shape(read::<Graphoid>(body)),
        (Some("lead.won"), "data.lead.id".into())
    );
}

#[test]
fn the_spelling_of_phps_json_encode_is_read() {
    let plain = quiz(r#"{"id":"1","first_name":"Zoë 😀","result_url":"https://example.com/r/1"}"#);
    let php = quiz(
        r#"{"id":"1","first_name":"Zo\u00eb \ud83d\ude00","result_url":"https:\/\/example.com\/r\/1"}"#,
    );
    assert_eq!(php, plain);
    let body = r#"{"\u0065vent_name":"QUIZ\u005fSTARTED","d\u0061ta":{"\u0069d":"1"}}"#;
    assert_eq!(read::<ScoreApp>(body).unwrap().name(), "QUIZ_STARTED");
}

#[test]
fn a_missing_identity_is_an_error_with_its_path() {
    for (data, path) in [
        ("", "data"),
        (r#","data":null"#, "data"),
        (r#","data":[]"#, "data"),
        (r#","data":"text""#, "data"),
        (r#","data":{}"#, "data.lead"),
        (r#","data":{"lead":null}"#, "data.lead"),
        (r#","data":{"lead":{}}"#, "data.lead.id"),
        (r#","data":{"lead":{"id":null}}"#, "data.lead.id"),
        (r#","data":{"lead":{"id":[1]}}"#, "data.lead.id"),
    ] {
        let body = format!(r#"{{"event":"lead.won"{data}}}"#);
        let (event, found) = unexpected_shape(read::<Graphoid>(body));
        assert_eq!((event, found.as_str()), (Some("lead.won"), path), "{data}");
    }
    // An event without a documented body accepts any data, and no data.
    for data in ["", r#","data":null"#, r#","data":7"#] {
        let body = format!(r#"{{"event":"ticket.escalated"{data}}}"#);
        assert_eq!(read::<Graphoid>(body).unwrap().name(), "ticket.escalated");
    }
    for (body, path) in [
        (
            r#"{"event":"submission.scored","data":{"score":1}}"#,
            "data.submission",
        ),
        (
            r#"{"event":"submission.scored","data":{"submission":{"score":1}}}"#,
            "data.submission.id",
        ),
    ] {
        assert_eq!(unexpected_shape(read::<Grader>(body)).1, path);
    }
    assert_eq!(
        unexpected_shape(read::<ScoreApp>(
            r#"{"event_name":"QUIZ_STARTED","data":{}}"#
        ))
        .1,
        "data.id"
    );
    assert_eq!(
        unexpected_shape(read_as::<SaveLead>(r#"{"data":null}"#)),
        (Some("save_lead"), "data".into())
    );
    assert_eq!(
        unexpected_shape(read_as::<LookupResult<EmailVerifier>>(
            r#"{"data":{"email":"a@b.c"}}"#
        ))
        .1,
        "data.email"
    );
    assert_eq!(
        unexpected_shape(read_as::<LookupResult<PhoneFinder>>(r#"{"data":"x"}"#)).1,
        "data"
    );
    assert!(read_as::<SaveLead>(r#"{"data":{"email":null}}"#).is_ok());
    assert!(read_as::<SaveLead>(r#"{"data":{"email":{}}}"#).is_ok());
    assert!(read_as::<SaveLead>(r#"{"data":{"email":""}}"#).is_ok());
}

#[test]
fn bodies_without_an_envelope_have_different_errors() {
    use ReadError::{DuplicateKey, MissingEventName, NotAnObject, NotJson, NotUtf8};

    let key = "event";
    for (body, expected) in [
        (b"".as_slice(), NotJson { line: 1, column: 0 }),
        (b"{", NotJson { line: 1, column: 1 }),
        (b"event=lead.won&id=1", NotJson { line: 1, column: 1 }),
        (b"<xml/>", NotJson { line: 1, column: 1 }),
        (
            b"{\"event\":\"lead.lost\",\"data\":{}} x",
            NotJson {
                line: 1,
                column: 33,
            },
        ),
        (
            b"{\"event\":\"lead.won\",\"data\":{\"lead\":{\"id\":1}}}{}",
            NotJson {
                line: 1,
                column: 46,
            },
        ),
        (
            b"{\"event\":\"lead.won\",}",
            NotJson {
                line: 1,
                column: 21,
            },
        ),
        (
            b"\xef\xbb\xbf{\"event\":\"x\"}",
            NotJson { line: 1, column: 1 },
        ),
        (b"{\"event\":\"\xff\"}", NotUtf8 { index: 10 }),
        (b"{\x00\"event\":\"x\"}", NotJson { line: 1, column: 2 }),
        (b"null", NotAnObject),
        (b"[{\"event\":\"lead.won\"}]", NotAnObject),
        (b"\"lead.won\"", NotAnObject),
        (b"7", NotAnObject),
        (b"{}", MissingEventName { key }),
        (
            b"{\"data\":{\"event\":\"lead.won\"}}",
            MissingEventName { key },
        ),
        (b"{\"event\":null}", MissingEventName { key }),
        (b"{\"event\":7,\"data\":{}}", MissingEventName { key }),
        (b"{\"event\":\"\\ud800\"}", MissingEventName { key }),
        (b"{\"event\":\"a\",\"event\":\"a\"}", DuplicateKey { key }),
        (
            b"{\"event\":\"a\",\"ev\\u0065nt\":\"a\"}",
            DuplicateKey { key },
        ),
        (
            b"{\"event\":\"a\",\"data\":1,\"data\":1}",
            DuplicateKey { key: "data" },
        ),
        (
            b"{\"data\":1,\"data\":1,\"event\":\"a\"}",
            DuplicateKey { key: "data" },
        ),
        (
            b"{\"event\":\"a\",\"id\":1,\"id\":null}",
            DuplicateKey { key: "id" },
        ),
        (
            b"{\"event\":\"a\",\"timestamp\":1,\"timestamp\":1}",
            DuplicateKey { key: "timestamp" },
        ),
        (
            b"{\"event\":\"a\",\"workspace_id\":1,\"workspace_id\":1}",
            DuplicateKey {
                key: "workspace_id",
            },
        ),
        (
            b"{\"event\":\"a\",\"api_version\":1,\"api_version\":1}",
            DuplicateKey { key: "api_version" },
        ),
    ] {
        let body = body.to_vec();
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(read::<Graphoid>(body).unwrap_err(), expected, "{shown}");
    }
    for (body, key) in [
        (r#"{"data":{"website_url":"x"},"data":null}"#, "data"),
        (r#"{"data":{},"meta":{},"meta":{}}"#, "meta"),
        (r#"{"errors":{},"errors":{}}"#, "errors"),
    ] {
        assert_eq!(
            read_as::<TombaEvent>(body).unwrap_err(),
            DuplicateKey { key }
        );
    }
    // Unknown keys at the top may be duplicated.
    assert!(
        read::<Graphoid>(r#"{"x":1,"event":"lead.lost","x":2,"data":{"lead":{"id":1}}}"#).is_ok()
    );
}

#[test]
fn a_boolean_in_a_form_is_no_contact() {
    let form = json!({"email": true, "phone": false, "url": 1});
    let lead = scored(&json!({"submission": {"id": "1", "form_data": form}}))
        .lead()
        .unwrap();
    assert_eq!((lead.email, lead.phone), (None, None));
    assert_eq!(lead.website.as_deref(), Some("1"));
}

/// A lookup, and some of its fields.
type LookUp = (fn(&FormData) -> Option<String>, &'static [&'static str]);

#[test]
fn form_fields_are_found_in_any_spelling() {
    let looks: [LookUp; 8] = [
        (
            FormData::email,
            &["email", "Email", "E-mail", "EMAIL_ADDRESS", "Work Email"],
        ),
        (
            FormData::first_name,
            &["firstName", "first_name", "First Name", "FIRST-NAME"],
        ),
        (
            FormData::last_name,
            &["lastName", "last_name", "Last name", "Surname"],
        ),
        (
            FormData::full_name,
            &["fullName", "full_name", "Full Name", "name"],
        ),
        (
            FormData::company,
            &["company", "companyName", "Company Name", "organisation"],
        ),
        (
            FormData::job_title,
            &["jobTitle", "job_title", "Job Title", "position"],
        ),
        (
            FormData::phone,
            &["phone", "phoneNumber", "phone_number", "Phone Number"],
        ),
        (
            FormData::website,
            &["website", "websiteUrl", "Website URL", "company_website"],
        ),
    ];
    for (index, (look, names)) in looks.iter().enumerate() {
        for name in *names {
            let form: FormData =
                serde_json::from_value(json!({"other": 1, *name: "found"})).unwrap();
            assert_eq!(look(&form).as_deref(), Some("found"), "{name}");
            for (other, (look, _)) in looks.iter().enumerate() {
                assert!(other == index || look(&form).is_none(), "{name}");
            }
        }
    }

    let form: FormData = serde_json::from_str(
        r#"{"email":"","Email":null,"E-Mail":" ","work_email":"a@b.c","phone":15550123,"consent":true,"tags":["a"],"x":1,"x":2}"#,
    ).unwrap();
    assert_eq!(form.email().as_deref(), Some("a@b.c"));
    assert_eq!(form.phone().as_deref(), Some("15550123"));
    assert_eq!(form.get("consent").unwrap().as_str(), "true");
    assert_eq!(
        form.get("tags").unwrap().json::<Vec<String>>().unwrap(),
        ["a"]
    );
    assert_eq!((form.get("x").unwrap().as_str(), form.len()), ("1", 8));
    assert!(form.get("EMAIL").is_none());
}

#[test]
fn the_drift_of_tomba_is_read() {
    for (phone, expected) in [
        ("false", Some(PhoneNumber::IsKnown(false))),
        ("true", Some(PhoneNumber::IsKnown(true))),
        ("null", None),
        (
            "\"+15550100\"",
            Some(PhoneNumber::Number("+15550100".into())),
        ),
        ("15550100", Some(PhoneNumber::Number("15550100".into()))),
    ] {
        let body = format!(
            r#"{{"data":{{"email":null,"website_url":"x","phone_number":{phone},"sources":null,"verification":null}}}}"#
        );
        let found: EmailFinder = found(body);
        assert_eq!(found.phone_number, expected, "{phone}");
        assert!(found.sources.is_empty());
        let number = expected.as_ref().and_then(PhoneNumber::number);
        assert_eq!(found.lead().and_then(|lead| lead.phone).as_deref(), number);
    }
    for (zones, expected) in [
        ("\"America/Adak\"", vec!["America/Adak"]),
        (
            "[\"America/Adak\",null,\"UTC\"]",
            vec!["America/Adak", "UTC"],
        ),
        ("null", vec![]),
        ("[]", vec![]),
    ] {
        let body = format!(r#"{{"data":{{"e164_format":"+1","timezones":{zones}}}}}"#);
        assert_eq!(found::<PhoneFinder>(body).phones()[0].timezones, expected);
    }
    for date in [
        "2021-03-27 19:37:03",
        "2021-03-27",
        "2023-10-14T15:02:33+02:00",
    ] {
        let body = json!({"data": {"email": {"whois": {"created_date": date}}, "sources": [null, {"extracted_on": date, "still_on_page": 1}]}});
        let verified: EmailVerifier = found(body.to_string());
        assert_eq!(verified.sources.len(), 1);
        assert_eq!(verified.sources[0].extracted_on.as_deref(), Some(date));
        assert_eq!(verified.sources[0].still_on_page, Some(true));
        assert_eq!(
            verified.email.whois.unwrap().created_date.as_deref(),
            Some(date)
        );
    }
    for founded in [json!("2010"), json!(2010)] {
        let body = json!({"data": {"organization": {"founded": founded, "phone_number": "", "whois": []}, "emails": null}});
        let search: DomainSearch = found(body.to_string());
        assert_eq!(
            search.organization.as_ref().unwrap().founded.as_deref(),
            Some("2010")
        );
        assert_eq!(search.lead(), None);
    }
    for flag in [json!(true), json!(1), json!("1"), json!("true")] {
        let body = json!({"data": {"email": {"block": flag, "score": "99", "smtp_check": "0", "regex": ""}}});
        let verified: EmailVerifier = found(body.to_string());
        assert_eq!(
            (verified.email.block, verified.email.score),
            (Some(true), Some(99.0))
        );
        assert_eq!(
            (verified.email.smtp_check, verified.email.regex),
            (Some(false), None)
        );
    }
    let finder: AuthorFinder = found(r#"{"data":{"info":[],"email":"a@b.c"}}"#);
    assert_eq!(finder.info, None);
}

#[test]
fn a_written_event_reads_as_an_equal_event() {
    for score in [
        "91.66666666666667",
        "1.0715660391465826e-75",
        "0.1",
        "45000",
    ] {
        let total = |value: &str| {
            quiz(&format!(
                r#"{{"id":"1","total_score":{{"actual":{value}}}}}"#
            ))
        };
        let scored = total(score);
        assert_eq!(scored, total(&format!("\"{score}\"")), "{score}");
        let written = serde_json::to_string(&scored).unwrap();
        assert_eq!(scored, quiz(&written), "{score}");
    }

    // In UTC, these times are in the years 10000 and -1, which RFC 3339 can't express.
    for timestamp in ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"] {
        let body = json!({"event": "x", "timestamp": timestamp, "data": {}});
        assert_eq!(read::<Graphoid>(body.to_string()).unwrap().timestamp, None);
    }
}

#[test]
fn a_bare_body_is_an_object_without_duplicate_keys() {
    for body in [
        r#"{"data":{"email":{}},"errors":1,"errors":2}"#,
        r#"{"data":{"email":{}},"data":{"email":{}}}"#,
        r#"{"meta":1,"data":{"email":{}},"m\u0065ta":2}"#,
    ] {
        let read = read_as::<LookupResult<EmailVerifier>>(body).map(drop);
        assert!(
            matches!(read, Err(ReadError::DuplicateKey { .. })),
            "{body}: {read:?}"
        );
    }
    for body in ["[{\"email\":{}}]", "[null,null,null]", "1", "null"] {
        let read = read_as::<LookupResult<EmailVerifier>>(body).map(drop);
        assert_eq!(read, Err(ReadError::NotAnObject), "{body}");
        let read = read_as::<TombaEvent>(body).map(drop);
        assert_eq!(read, Err(ReadError::NotAnObject), "{body}");
    }
    let saved: SaveLead = read_as(r#"{"data":{"email":"a@b.c"},"meta":"new"}"#)
        .unwrap()
        .event;
    assert_eq!(saved.email.as_deref(), Some("a@b.c"));
}

#[test]
fn tombas_bodies_are_recognized_in_the_documented_order() {
    for (body, name) in [
        (json!({"errors": {}, "data": {"organization": {}}}), "error"),
        (json!({"data": [{"e164_format": "+1"}]}), "phone-finder"),
        (
            json!({"data": {"organization": {"founded": 2010}, "email": {}}}),
            "domain-search",
        ),
        (
            json!({"data": {"organization": {"founded": 2010}, "emails": [], "e164_format": "+1"}}),
            "domain-search",
        ),
        (
            json!({"data": {"email": {"block": false}, "e164_format": "+1", "website_url": "x"}}),
            "email-verifier",
        ),
        (
            json!({"data": {"email": "a@b.c", "e164_format": "+1", "website_url": "x"}}),
            "phone-finder",
        ),
        (
            json!({"data": {"domain": "b.c", "rfc3966_format": "tel:+1"}}),
            "phone-finder",
        ),
        (
            json!({"data": {"linkedin": "x", "rfc3966_format": "tel:+1"}}),
            "phone-finder",
        ),
        (
            json!({"data": {"email": null, "rfc3966_format": "tel:+1"}}),
            "phone-validator",
        ),
        (
            json!({"data": {"e164_format": "+1", "verification": {}}}),
            "phone-validator",
        ),
        (
            json!({"data": {"rfc3966_format": "tel:+1"}}),
            "phone-validator",
        ),
        (
            json!({"data": {"email": null, "website_url": "x", "info": {}, "notes": ""}}),
            "author-finder",
        ),
        (
            json!({"data": {"email": "a@b.c", "website_url": "x", "website": "x"}}),
            "email-finder",
        ),
        (
            json!({"data": {"verification": {"status": "x"}}}),
            "email-finder",
        ),
        (
            json!({"data": {"website_url": "x", "info": []}}),
            "email-finder",
        ),
        (
            json!({"data": {"email": "a@b.c", "website": ""}}),
            "save_lead",
        ),
        (
            json!({"data": {"email": "a@b.c", "notes": "x"}}),
            "save_lead",
        ),
        (
            json!({"data": {"email": "a@b.c", "website": null, "notes": null}}),
            "unknown",
        ),
        (
            json!({"data": {"organization": null, "email": {"block": false}}}),
            "email-verifier",
        ),
        (json!({"data": {"email": "a@b.c"}}), "unknown"),
        (json!({"data": {}}), "not-found"),
        (json!({"data": null}), "not-found"),
        (
            json!({"data": {"email": null, "sources": [{}]}}),
            "not-found",
        ),
        (json!({"data": "x"}), "unknown"),
        (json!({"other": {}}), "unknown"),
        (
            json!({"errors": null, "data": {"email": {"block": false}}}),
            "email-verifier",
        ),
        (
            json!({"errors": [], "data": {"email": {"block": false}}}),
            "email-verifier",
        ),
    ] {
        let envelope = read_as::<TombaEvent>(body.to_string()).unwrap();
        assert_eq!(envelope.name(), name, "{body}");
        assert_eq!(
            serde_json::to_value(&envelope).unwrap()["errors"].is_object(),
            name == "error"
        );
        let written = serde_json::to_string(&envelope).unwrap();
        assert_eq!(read_as::<TombaEvent>(written).unwrap(), envelope, "{body}");
    }
}

#[test]
fn answers_and_scores_are_looked_up_by_their_text() {
    let quiz = quiz(
        r#"{"id":"1",
        "lead_form_questions":[{"question":"Phone?","answers":[{"answer":15550123}]},{"question":"Both","answers":[{"answer":"form"}]}],
        "quiz_questions":[{"question":" Wie GROSS? ","answers":[{"answer":"a"},{"answer":null},{"answer":"b"}]},
            {"question":null,"answers":[{"answer":"lost"}]},{"question":"Both","answers":[{"answer":"quiz"}]}],
        "category_scores":[{"percent":1},{"percent":2,"category":{"title":"Überblick"}},{"percent":3,"category":{"title":"überblick"}}]}"#,
    );
    let answers = |question| quiz.answers_to(question).collect::<Vec<_>>();
    assert_eq!(answers("wie gross?"), ["a", "b"]);
    assert_eq!(answers("phone?"), ["15550123"]);
    assert_eq!(answers("Both"), ["quiz"]);
    assert_eq!(answers(""), Vec::<&str>::new());
    assert_eq!(quiz.category_score("ÜBERBLICK").unwrap().percent, Some(2.0));
    assert!(quiz.category_score("").is_none());
}

#[test]
fn a_users_own_type_is_parsed_from_the_same_bytes() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Own {
        data: Vec<u8>,
    }
    let body = sample("graphoid/lead_won");
    let delivery = leadhook::Delivery::<Graphoid>::from_storage(body);
    assert_eq!(
        delivery.json::<Value>().unwrap()["data"]["lead"]["value"],
        45000
    );
    assert_eq!(
        unexpected_shape(delivery.json::<Own>()),
        (None, "data".into())
    );
}
