//! The list of the parts of a body that the typed event does not contain.

use crate::support::{sample, samples};
use leadhook::{
    Delivery, Event, Unread,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead, TombaEvent,
    },
};

fn unread<E: Event>(body: &str) -> Unread {
    let delivery = Delivery::<E::Provider>::from_storage(body.to_owned());
    delivery.unread::<E>().unwrap()
}

#[test]
fn nothing_of_a_sample_is_unread() {
    fn nothing<E: Event>(path: &str, body: &[u8]) {
        let unread = unread::<E>(core::str::from_utf8(body).unwrap());
        assert_eq!(unread.paths(), [""; 0], "{path}");
        assert!(unread.is_empty() && unread.count() == 0);
        assert_eq!(serde_json::to_string(&unread).unwrap(), "[]");
    }
    for sample in ["grader", "graphoid", "scoreapp", "tomba"]
        .into_iter()
        .flat_map(samples)
    {
        let read = match sample.path.as_str() {
            path if path.starts_with("grader/") => nothing::<GraderEvent>,
            path if path.starts_with("graphoid/") => nothing::<GraphoidEvent>,
            path if path.starts_with("scoreapp/") => nothing::<ScoreAppEvent>,
            path if path.contains("save_lead") => nothing::<SaveLead>,
            path if path.contains("email_verifier") => nothing::<LookupResult<EmailVerifier>>,
            path if path.contains("email_finder") => nothing::<LookupResult<EmailFinder>>,
            path if path.contains("author_finder") => nothing::<LookupResult<AuthorFinder>>,
            path if path.contains("domain_search") => nothing::<LookupResult<DomainSearch>>,
            path if path.contains("phone_finder") => nothing::<LookupResult<PhoneFinder>>,
            path if path.contains("phone_validator") => nothing::<LookupResult<PhoneValidator>>,
            _ => nothing::<TombaEvent>,
        };
        read(&sample.path, &sample.body);
    }
}

#[test]
fn a_renamed_field_is_listed() {
    let body = String::from_utf8(sample("graphoid/lead_won").to_vec()).unwrap();
    for (key, path) in [
        ("\"closed_by\"", "data.lead.closedBy"),
        ("\"name\"", "data.lead.company_name"),
        ("\"workspace_id\"", "workspace"),
    ] {
        let renamed = path.rsplit('.').next().unwrap();
        let body = body.replace(key, &format!("\"{renamed}\""));
        assert_eq!(unread::<GraphoidEvent>(&body).paths(), [path]);
    }
}

#[test]
fn undocumented_keys_left_out_values_and_duplicates_are_listed_in_order() {
    let body = r#"{ "event_name":"QUIZ_FINISHED", "new" : {"a":1}, "data":{"id":"1","n\u00e9w":0,
        "quiz_questions":[null,{"question":"a","answers":[null,{"answer":"x","new":1}, 7]},7,{"question":{}}],
        "category_scores":[{}], "first_name":"Ann","first_name":"Eve","started_at":"yesterday",
        "audiences":[7],"total_score":{"percent":"54%","new":"","other":null,"more":{},"list":[ ]}}}"#;
    assert_eq!(
        unread::<ScoreAppEvent>(body).paths(),
        [
            "new",
            "data.néw",
            "data.quiz_questions[1].answers[1].new",
            "data.quiz_questions[1].answers[2]",
            "data.quiz_questions[2]",
            "data.first_name",
            "data.started_at",
            "data.audiences[0]",
            "data.total_score.percent",
        ]
    );
    // Scalars are listed if they differ from the value that was read.
    let body = r#"{"data":{"email":{},"mx":1}}"#;
    assert_eq!(
        unread::<LookupResult<EmailVerifier>>(body).paths(),
        ["data.mx"]
    );
    let body = r#"{"data":{"e164_format":"+1","timezones":["A",{},"\u0042",[1],1e300,"C",7]}}"#;
    assert_eq!(
        unread::<LookupResult<PhoneFinder>>(body).paths(),
        ["data.timezones[3]"]
    );
    let body = r#"{"data":{"e164_format":"+1","timezones":"UTC"}}"#;
    assert!(unread::<LookupResult<PhoneFinder>>(body).is_empty());
    // The envelope has unread parts, too.
    let body = r#"{"id":true,"timestamp":"noon","event":"lead.won","data":{"lead":{"id":7}}}"#;
    assert_eq!(unread::<GraphoidEvent>(body).paths(), ["id", "timestamp"]);
    // Raw JSON has no unread parts.
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let body = format!(r#"{{"event":"lead.exploded","data":{{"a":1,"a":{deep}}}}}"#);
    assert!(unread::<GraphoidEvent>(&body).is_empty());
}

#[test]
fn where_both_shapes_of_grader_occur_the_flat_keys_are_unread() {
    let body = r#"{"event":"submission.scored","data":{"submission":{"id":1},"submission_id":1,"score":7}}"#;
    assert_eq!(
        unread::<GraderEvent>(body).paths(),
        ["data.submission_id", "data.score"]
    );
}

#[test]
fn a_hundred_paths_are_kept_and_all_are_counted() {
    let key = "k".repeat(500);
    let members: Vec<_> = (0..250).map(|n| format!(r#""{n:03}{key}":1"#)).collect();
    let body = format!(
        r#"{{"event":"lead.won","data":{{"lead":{{"id":1,{}}}}}}}"#,
        members.join(",")
    );
    let unread = unread::<GraphoidEvent>(&body);
    assert_eq!((unread.count(), unread.paths().len()), (250, 100));
    assert_eq!(
        unread.paths()[99],
        format!("data.lead.099{}", "k".repeat(97))
    );
    assert!(!unread.is_empty());
}
