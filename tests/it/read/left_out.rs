//! The reading rule: an event is rejected only if what identifies it can't be read. Any other value in
//! an unexpected form is left out.

use crate::support::{read, read_as};
use leadhook::{
    Delivery, Event, Grader, Graphoid, Provider, RawJson, ReadError, ScoreApp,
    grader::GraderEvent,
    graphoid::{GraphoidEvent, SalesLead},
    scoreapp::{QuizSubmission, ScoreAppEvent},
    tomba::{DomainSearch, LookupResult},
};

fn won(lead: &str) -> SalesLead {
    let body = format!(r#"{{"event":"lead.won","data":{{"lead":{lead}}}}}"#);
    match read::<Graphoid>(body).unwrap().event {
        GraphoidEvent::LeadWon(won) => won.lead,
        other => panic!("{other:?}"),
    }
}

fn quiz(members: &str) -> QuizSubmission {
    let body = format!(r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":"1",{members}}}}}"#);
    match read::<ScoreApp>(body).unwrap().event {
        ScoreAppEvent::QuizFinished(quiz) => *quiz,
        other => panic!("{other:?}"),
    }
}

/// Returns the paths of the parts of a body that were not read.
fn unread<P: Provider>(body: &str) -> Vec<String> {
    let delivery = Delivery::<P>::from_storage(body.to_owned());
    delivery.unread::<P::Event>().unwrap().paths().into()
}

#[test]
fn an_optional_value_in_an_unexpected_form_is_left_out_alone() {
    let digits = "1".repeat(400);
    for value in [
        "9007199254740993",
        "\"9007199254740993\"",
        "1e400",
        "\"1e400\"",
        &digits,
        "\"NaN\"",
        "\"inf\"",
        "\"1,067.00\"",
        "true",
        "[1]",
        "{\"amount\":1}",
    ] {
        let lead = won(&format!(
            r#"{{"id":"1","value":{value},"name":"Acme Corp"}}"#
        ));
        assert_eq!(lead.value, None, "{value}");
        assert_eq!(lead.name.as_deref(), Some("Acme Corp"), "{value}");
        let body =
            format!(r#"{{"event":"lead.won","data":{{"lead":{{"id":1,"value":{value}}}}}}}"#);
        assert_eq!(unread::<Graphoid>(&body), ["data.lead.value"], "{value}");
    }

    let quiz = quiz(
        r#""email":"ann.lee@example.com","total_score":{"actual":"1,067.00","percent":54},
        "first_name":{"first":"Ann"},"opt_in":"maybe","lowest_category":[1],"audiences":7,
        "quiz_questions":[{"question":"Which?","answers":"one text"},7,{"question":["Why?"]}]"#,
    );
    assert_eq!(quiz.email.as_deref(), Some("ann.lee@example.com"));
    let score = quiz.total_score.unwrap();
    assert_eq!((score.actual, score.percent), (None, Some(54.0)));
    assert_eq!((quiz.first_name, quiz.opt_in), (None, None));
    assert!(quiz.lowest_category.is_none() && quiz.audiences.is_empty());
    let questions: Vec<_> = quiz
        .quiz_questions
        .iter()
        .map(|question| (question.question.as_deref(), question.answers.len()))
        .collect();
    assert_eq!(questions, [(Some("Which?"), 0), (None, 0)]);

    for count in ["-1", "1.5", "\"x\"", "1e400"] {
        let body = format!(
            r#"{{"data":{{"organization":{{"founded":2010}}}},"meta":{{"total":{count},"current":1}}}}"#
        );
        let search = read_as::<LookupResult<DomainSearch>>(body).unwrap();
        let search = search.event.found().unwrap();
        let meta = search.meta.unwrap();
        assert_eq!((meta.total, meta.current), (None, Some(1)), "{count}");
    }
}

#[test]
fn of_duplicate_optional_keys_the_first_wins() {
    let lead =
        won(r#"{"id":1,"name":"first","name":"second","n\u0061me":"third","value":1,"value":2}"#);
    assert_eq!(
        (lead.name.as_deref(), lead.value),
        (Some("first"), Some(1.0))
    );
    // The first value is used, although it is left out.
    let lead = won(r#"{"id":1,"value":"much","value":2}"#);
    assert_eq!(lead.value, None);

    let body = r#"{"event":"submission.scored","data":{"submission":{"id":1,"form_data":
        {"email":"a@b.c","email":"d@e.f","x":1,"x":2}}}}"#;
    let GraderEvent::SubmissionScored(scored) = read::<Grader>(body).unwrap().event else {
        panic!()
    };
    let form = scored.submission.form_data;
    assert_eq!(form.email().as_deref(), Some("a@b.c"));
    assert_eq!(form.get("email").unwrap().as_str(), "\"a@b.c\"");
    assert_eq!(form.iter().count(), 2);
    let form = "data.submission.form_data";
    assert_eq!(
        unread::<Grader>(body),
        [format!("{form}.email"), format!("{form}.x")]
    );

    // Many fields, too.
    let fields: Vec<_> = (0..60).map(|n| format!(r#""{}":{n}"#, n % 20)).collect();
    let body = format!(
        r#"{{"event":"submission.scored","data":{{"submission":{{"id":1,"form_data":{{{}}}}}}}}}"#,
        fields.join(",")
    );
    let GraderEvent::SubmissionScored(scored) = read::<Grader>(body).unwrap().event else {
        panic!()
    };
    let form = scored.submission.form_data;
    let kept: Vec<_> = form
        .iter()
        .map(|(name, value)| (name.to_owned(), value.as_str().to_owned()))
        .collect();
    let expected: Vec<_> = (0..20).map(|n| (n.to_string(), n.to_string())).collect();
    assert_eq!(kept, expected);
}

#[test]
fn a_duplicate_identity_is_rejected() {
    for (data, path) in [
        (r#"{"lead":{"id":1},"lead":{"id":2}}"#, "data"),
        (r#"{"lead":{"id":1,"id":2}}"#, "data.lead"),
    ] {
        let body = format!(r#"{{"event":"lead.won","data":{data}}}"#);
        let ReadError::UnexpectedShape { path: found, .. } = read::<Graphoid>(body).unwrap_err()
        else {
            panic!()
        };
        assert_eq!(found, path);
    }
    let body = r#"{"event_name":"QUIZ_STARTED","data":{"id":1,"id":2}}"#;
    assert!(read::<ScoreApp>(body).is_err());
    let body = r#"{"event":"submission.scored","data":{"submission":{"id":1,"id":2}}}"#;
    assert!(read::<Grader>(body).is_err());
}

#[test]
fn an_event_without_a_documented_body_keeps_unexpected_data_as_raw_json() {
    for name in [
        "lead.created",
        "lead.updated",
        "lead.lost",
        "lead.reassigned",
        "lead.stage_changed",
    ] {
        for data in [
            "null",
            "[]",
            "7",
            "{}",
            r#"{"lead": null}"#,
            r#"{ "lead":{"id":[1]},"x":"\ud83d" }"#,
        ] {
            let body = format!(r#"{{"event":"{name}","data":{data},"id":"evt_1"}}"#);
            let envelope = read::<Graphoid>(body).unwrap();
            let GraphoidEvent::Unknown {
                name: kept,
                data: raw,
                ..
            } = &envelope.event
            else {
                panic!("{name}: {envelope:?}")
            };
            assert_eq!((kept.as_str(), raw.as_str()), (name, data));
            assert_eq!(envelope.id.as_deref(), Some("evt_1"));
            assert!(!envelope.event.is_known());
            let written = serde_json::to_string(&envelope).unwrap();
            assert_eq!(read::<Graphoid>(written).unwrap(), envelope);
        }
        let body = format!(
            r#"{{"event":"{name}","data":{{"lead":{{"id":1,"name":"Acme","value":"much"}}}}}}"#
        );
        let envelope = read::<Graphoid>(body).unwrap();
        assert!(
            envelope.event.is_known() && envelope.lead().is_some(),
            "{name}"
        );
    }
    for name in [
        "submission.created",
        "submission.routed",
        "submission.updated",
    ] {
        let body = format!(r#"{{"event":"{name}","data":{{"form":1}}}}"#);
        let envelope = read::<Grader>(body).unwrap();
        assert!(
            matches!(envelope.event, GraderEvent::Unknown { .. }),
            "{name}"
        );
    }
    assert!(read::<Grader>(r#"{"event":"submission.scored","data":{"form":1}}"#).is_err());
    assert!(read::<Graphoid>(r#"{"event":"lead.won","data":{"form":1}}"#).is_err());
}

#[test]
fn half_an_emoji_is_one_replacement_character() {
    for (text, expected) in [
        (r"\ud83d", "\u{fffd}"),
        (r"a\ude00b", "a\u{fffd}b"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
    ] {
        let lead = won(&format!(
            r#"{{"id":"lead_{text}","name":"{text}","{text}":"{text}"}}"#
        ));
        assert_eq!(lead.id, format!("lead_{expected}"));
        assert_eq!(lead.name.as_deref(), Some(expected));
        // The replacement applies to keys of the envelope and the form. Raw JSON is untouched.
        let body = format!(
            r#"{{"{text}":1,"event":"submission.scored","data":{{"submission_id":1,"form_data":{{"{text}":"{text}"}}}}}}"#
        );
        let GraderEvent::SubmissionScored(scored) = read::<Grader>(body).unwrap().event else {
            panic!()
        };
        let form = scored.submission.form_data;
        assert_eq!(form.get(expected).unwrap().as_str(), format!("\"{text}\""));
    }
    // An id with a lone surrogate is no id.
    let body = r#"{"id":"evt_\ud83d","timestamp":"\ud83d","\ud83d":1,"event":"lead.lost","data":{"lead":{"id":1}}}"#;
    let envelope = read::<Graphoid>(body).unwrap();
    assert_eq!((envelope.id, envelope.timestamp), (None, None));
    let body =
        r#"{"data":{"organization":{"organization":"\ud83d"},"emails":[{"email":"\ud83d"}]}}"#;
    let search = read_as::<LookupResult<DomainSearch>>(body).unwrap();
    let search = search.event.found().unwrap();
    assert_eq!(search.emails[0].email.as_deref(), Some("\u{fffd}"));
}

#[cfg(feature = "dedup")]
#[test]
fn an_id_with_half_an_emoji_is_no_key() {
    let key = |id: &str, space: &str| {
        let body = format!(r#"{{"id":"{id}",{space}"\ud83d":1,"event":"lead.lost"}}"#);
        Delivery::<Graphoid>::from_storage(body).key()
    };
    assert_eq!(key("evt_1", ""), key("evt_1", " "));
    assert_ne!(key(r"evt_\ud83d", ""), key(r"evt_\ud83d", " "));
    assert_ne!(key(r"evt_\ud83d", ""), key(r"evt_\ude00", ""));
}

#[test]
fn reading_takes_linear_time() {
    let many = 4 * 1024 * 1024;
    let repeated = |text: &str| text.repeat(many / text.len());
    for body in [
        format!(
            r#"{{"event":"lead.won","data":{{"lead":{{"id":1,"value":"x"{}}}}}}}"#,
            repeated(r#","name":1"#)
        ),
        format!(
            r#"{{"event":"lead.won","data":{{"lead":{{"id":1,"value":"x"{}}}}}}}"#,
            repeated(r#","\ud83d":1"#)
        ),
        format!(
            r#"{{"event":"lead.won","data":{{"lead":{{"id":1,"value":{}1{}}}}}}}"#,
            "[".repeat(many / 2),
            "]".repeat(many / 2)
        ),
    ] {
        let delivery = Delivery::<Graphoid>::from_storage(body);
        assert!(delivery.unread::<GraphoidEvent>().unwrap().count() > 0);
    }
    let lists = format!(
        r#"{{"event_name":"QUIZ_STARTED","data":{{"id":1,"quiz_questions":[7{}]}}}}"#,
        repeated(r#",{"answers":7}"#)
    );
    let delivery = Delivery::<ScoreApp>::from_storage(lists);
    assert!(delivery.unread::<ScoreAppEvent>().unwrap().count() > 0);
}

/// Returns the paths and the number of values in the event about left-out values.
#[cfg(all(feature = "dedup", feature = "tracing"))]
fn told<P: Provider>(body: &str) -> Option<(Vec<String>, String)> {
    let mut events = crate::events::traced(|| {
        assert!(read::<P>(body.to_owned()).is_ok(), "{body}");
    });
    let event = events.pop()?;
    assert!(events.is_empty(), "{events:?}");
    let paths = event["paths"].split(", ").map(str::to_owned).collect();
    Some((paths, event["count"].clone()))
}

#[cfg(all(feature = "dedup", feature = "tracing"))]
#[test]
fn empty_values_are_not_left_out() {
    let body = |members: &str| {
        format!(r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":"1",{members}}}}}"#)
    };
    let nothing = r#""first_name":null,"opt_in":"","started_at":null,"lowest_category":[],
        "highest_category":null,"total_score":{"actual":"","percent":null},"audiences":null,
        "quiz_questions":[null],"lead_form_questions":[{"answers":null}]"#;
    assert_eq!(told::<ScoreApp>(&body(nothing)), None);
    assert_eq!(unread::<ScoreApp>(&body(nothing)), [""; 0]);
    assert_eq!(told::<ScoreApp>(&body(r#""opt_in":null"#)), None);
    // The fast pass fails at half an emoji, and the second pass leaves nothing out.
    let half = format!(r#"{nothing},"email":"\ud83d""#);
    assert_eq!(told::<ScoreApp>(&body(&half)), None);

    for (members, path) in [
        (r#""lowest_category":[1]"#, "data.lowest_category"),
        (r#""audiences":7"#, "data.audiences"),
        (r#""opt_in":"maybe""#, "data.opt_in"),
    ] {
        let left_out = Some((vec![path.to_owned()], "1".to_owned()));
        assert_eq!(told::<ScoreApp>(&body(members)), left_out);
        assert_eq!(unread::<ScoreApp>(&body(members)), [path]);
    }

    let many = format!(r#""quiz_questions":[{}]"#, ["7"; 120].join(","));
    let (paths, count) = told::<ScoreApp>(&body(&many)).unwrap();
    assert_eq!((paths.len(), count.as_str()), (100, "120"));
}

#[test]
fn values_that_were_not_sent_are_not_written() {
    let body = r#"{"data":{"organization":{"organization":"Acme"}}}"#;
    let search = read_as::<LookupResult<DomainSearch>>(body).unwrap();
    let written = serde_json::to_string(&search.event).unwrap();
    assert_eq!(
        written,
        r#"{"organization":{"organization":"Acme","keywords":[]},"emails":[]}"#
    );
}

#[test]
fn raw_json_is_its_text() {
    let raw = |json| serde_json::from_str::<RawJson>(json).unwrap();
    assert_eq!(raw("[1, 2]"), raw("[1, 2]"));
    assert_ne!(raw("[1, 2]"), raw("[1,2]"));
    assert_eq!(format!("{:?}", raw(r#"{"a":1e2}"#)), r#"{"a":1e2}"#);
}
