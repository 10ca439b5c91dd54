//! Reading a body takes at most 16 times its length plus 1 MiB of memory.

use allocation_counter::measure;
use leadhook::{
    Delivery, Event,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::{QuizSubmission, ScoreAppEvent},
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, TombaEvent,
    },
};

use crate::support::read_as;

/// Reads a body and checks the peak of memory.
fn read_within_bounds<E: Event>(body: &str) {
    let delivery = Delivery::<E::Provider>::from_storage(body.to_owned());
    let peak = measure(|| drop(delivery.read_as::<E>())).bytes_max;
    let most = 16 * body.len() as u64 + 1024 * 1024;
    let start: String = body.chars().take(160).collect();
    assert!(
        peak <= most,
        "{peak} B of {most} B for {} B: {start}",
        body.len()
    );
}

/// Reads bodies of different lengths, which have as many elements as fit in place of the `@`.
fn fill<E: Event>(template: &str, elements: &[&str]) {
    for element in elements {
        for length in [300, 3_000, 100_000] {
            let count = length / (element.len() + 1);
            let elements: Vec<_> = (0..count)
                .map(|n| element.replace('#', &n.to_string()))
                .collect();
            let list = elements.join(",");
            for list in [list.clone(), format!("{list},7,\"\\ud83d\"")] {
                if list.contains(",7,") && !template.contains("[@]") {
                    continue;
                }
                read_within_bounds::<E>(&template.replace('@', &list));
            }
        }
    }
}

const OBJECTS: &[&str] = &[
    "{}",
    "{\"a\":1}",
    "null",
    "[]",
    "7",
    "\"\"",
    "{\"answers\":[{}]}",
    "{\"answers\":[{},{}]}",
    "{\"sources\":[{}]}",
    "{\"category\":{}}",
    "{\"verification\":{}}",
];

const SCALARS: &[&str] = &["\"\"", "1", "null", "\"a\"", "\"\\ud83d\"", "1e300", "{}"];

#[test]
fn lists_of_every_type_stay_within_the_bound() {
    for list in [
        "quiz_questions",
        "lead_form_questions",
        "category_scores",
        "audiences",
    ] {
        let body = format!(r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":1,"{list}":[@]}}}}"#);
        fill::<ScoreAppEvent>(&body, OBJECTS);
        let body = format!(r#"{{"data":{{"id":1,"{list}":[@]}},"event_name":"QUIZ_FINISHED"}}"#);
        fill::<ScoreAppEvent>(&body, &["{}"]);
    }
    let nested =
        r#"{"event_name":"QUIZ_FINISHED","data":{"id":1,"quiz_questions":[{"answers":[@]}]}}"#;
    fill::<ScoreAppEvent>(nested, &["{}", "null", "7"]);

    fill::<LookupResult<DomainSearch>>(
        r#"{"data":{"organization":{"founded":1},"emails":[@]}}"#,
        OBJECTS,
    );
    fill::<LookupResult<DomainSearch>>(
        r#"{"data":{"organization":{"founded":1,"keywords":[@]}}}"#,
        SCALARS,
    );
    fill::<LookupResult<DomainSearch>>(
        r#"{"data":{"organization":{"founded":1},"emails":[{"sources":[@]}]}}"#,
        OBJECTS,
    );
    fill::<TombaEvent>(
        r#"{"data":{"organization":{"founded":1},"emails":[@]}}"#,
        OBJECTS,
    );
    fill::<TombaEvent>(r#"{"data":{"email":{"score":1},"sources":[@]}}"#, &["{}"]);
    fill::<LookupResult<EmailVerifier>>(r#"{"data":{"email":{"score":1},"sources":[@]}}"#, OBJECTS);
    fill::<LookupResult<EmailVerifier>>(
        r#"{"data":{"email":{"score":1,"mx":{"records":[@]}}}}"#,
        SCALARS,
    );
    fill::<LookupResult<EmailFinder>>(r#"{"data":{"email":"a@b.c","sources":[@]}}"#, &["{}", "7"]);
    fill::<LookupResult<AuthorFinder>>(r#"{"data":{"info":{"url":"x","emails":[@]}}}"#, SCALARS);
    fill::<LookupResult<PhoneFinder>>(r#"{"data":{"e164_format":"+1","timezones":[@]}}"#, SCALARS);
    fill::<LookupResult<PhoneValidator>>(
        r#"{"data":{"e164_format":"+1","timezones":[@]}}"#,
        SCALARS,
    );
}

#[test]
fn maps_stay_within_the_bound() {
    let members = [
        "\"\":1",
        "\"#\":1",
        "\"#\":{}",
        "\"#\":\"\\ud83d\"",
        "\"\\ud83d#\":1",
    ];
    for template in [
        r#"{"event":"submission.scored","data":{"submission_id":1,"form_data":{@}}}"#,
        r#"{"event":"submission.scored","data":{"submission":{"id":1,"score":"x","form_data":{@}}}}"#,
        r#"{"event":"submission.scored","data":{"submission":{"id":1},@}}"#,
        r#"{@,"event":"submission.scored","data":{"submission":{"id":1}}}"#,
    ] {
        fill::<GraderEvent>(template, &members);
    }
    fill::<GraphoidEvent>(
        r#"{"event":"lead.won","data":{"lead":{"id":1,"value":"x",@}}}"#,
        &members,
    );
    fill::<GraphoidEvent>(r#"{"event":"lead.lost","data":{@}}"#, &members);
    fill::<LookupResult<PhoneFinder>>(r#"{"data":[{"e164_format":"+1"},@]}"#, OBJECTS);
    fill::<TombaEvent>(r#"{"data":[{"e164_format":"+1"},@]}"#, OBJECTS);
    fill::<TombaEvent>(r#"{"data":{@}}"#, &members);
    fill::<TombaEvent>(r#"{"data":{},@}"#, &members);
}

#[test]
fn texts_stay_within_the_bound() {
    for text in ["a", "\\n", "é", "\\u00e9", "\\ud83d"] {
        let text = text.repeat(300_000 / text.len());
        for template in [
            r#"{"id":"@","event":"lead.won","data":{"lead":{"id":"@","name":"@"}}}"#,
            r#"{"event":"lead.won","data":{"lead":{"id":"@","value":"@"}}}"#,
            r#"{"@":1,"event":"@","data":{"@":"@"}}"#,
            r#"{"event":"lead.won","data":{"lead":{"id":1,"@":1,"value":"x"}}}"#,
        ] {
            read_within_bounds::<GraphoidEvent>(&template.replace('@', &text));
        }
    }
}

#[test]
fn ten_thousand_ordinary_questions_and_fields_are_read() {
    fn quiz(question: &str) -> Box<QuizSubmission> {
        let questions: Vec<_> = (0..10_000)
            .map(|n| question.replace('#', &n.to_string()))
            .collect();
        let body = format!(
            r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":1,"quiz_questions":[{}]}}}}"#,
            questions.join(",")
        );
        read_within_bounds::<ScoreAppEvent>(&body);
        match read_as::<ScoreAppEvent>(body).unwrap().event {
            ScoreAppEvent::QuizFinished(quiz) => quiz,
            other => panic!("{other:?}"),
        }
    }
    for question in [
        r#"{"id":"0f9d99a8-1835-46d7-bb1f-86b579195797","question":"Question #","answers":[{"answer":"Answer 1"}]}"#,
        r##"{"question":"#","answers":[{"answer":"a"}]}"##,
        r##"{"question":"#","answers":[{"answer":"a"}],"new":{}}"##,
    ] {
        let quiz = quiz(question);
        assert_eq!(quiz.quiz_questions.len(), 10_000);
        assert!(
            quiz.quiz_questions
                .iter()
                .all(|question| question.answers.len() == 1)
        );
    }

    let fields: Vec<_> = (0..10_000)
        .map(|n| format!(r#""field {n}":"value""#))
        .collect();
    let body = format!(
        r#"{{"event":"submission.scored","data":{{"submission":{{"id":1,"form_data":{{{}}}}}}}}}"#,
        fields.join(",")
    );
    read_within_bounds::<GraderEvent>(&body);
    let GraderEvent::SubmissionScored(scored) = read_as::<GraderEvent>(body).unwrap().event else {
        panic!()
    };
    assert_eq!(scored.submission.form_data.len(), 10_000);
}

#[test]
fn a_list_over_the_budget_is_left_out_and_unread() {
    let body = format!(
        r#"{{"data":{{"organization":{{"organization":"Acme"}},"emails":[{}]}}}}"#,
        vec!["{}"; 100_000].join(",")
    );
    let envelope = read_as::<LookupResult<DomainSearch>>(body.clone()).unwrap();
    let delivery = Delivery::from_storage(body);
    assert_eq!(
        delivery
            .unread::<LookupResult<DomainSearch>>()
            .unwrap()
            .paths(),
        ["data.emails"]
    );
    let search = envelope.event.found().unwrap();
    let organization = search.organization.unwrap();
    assert_eq!(organization.organization.as_deref(), Some("Acme"));
    assert!(search.emails.is_empty());
}

#[test]
fn a_list_within_the_budget_is_read_although_it_could_exceed_it() {
    let body = format!(
        r#"{{"event_name":"QUIZ_FINISHED","data":{{"id":"1","category_scores":[{}]}}}}"#,
        vec!["{}"; 250].join(",")
    );
    let envelope = read_as::<ScoreAppEvent>(body).unwrap();
    let quiz = envelope.event.quiz().unwrap();
    assert_eq!(quiz.category_scores.len(), 250);
}
