//! Every sample is read as its event, and no value is lost.

use core::fmt::Debug;

use crate::oracle;
use crate::support::{Sample, found, read, read_as, sample, samples};
use leadhook::{
    Delivery, Envelope, Event, Grader, Graphoid, Lead, ScoreApp,
    grader::{Grade, GraderEvent},
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneNumber, PhoneValidator, SaveLead, TombaEvent,
    },
};
use serde_json::{Value, json};

/// Checks that an event serializes to everything that was sent, and reads as an equal event.
#[track_caller]
fn keeps_everything<E: Event + Debug + PartialEq>(Sample { path, body }: &Sample) -> Envelope<E> {
    let envelope: Envelope<E> = read_as(body.clone()).unwrap();
    let sent: Value = serde_json::from_slice(body).unwrap();
    for written in [
        serde_json::to_string(&envelope).unwrap(),
        serde_json::to_string_pretty(&envelope).unwrap(),
        serde_json::to_value(&envelope).unwrap().to_string(),
    ] {
        let kept: Value = serde_json::from_str(&written).unwrap();
        let sent = oracle::as_written(sent.clone(), &kept);
        assert!(
            oracle::says(Some(&sent), &kept),
            "{path}: {sent} became {kept}"
        );
        assert!(
            oracle::says(Some(&kept), &sent),
            "{path}: {sent} became {kept}"
        );
    }

    let again = serde_json::to_string(&envelope).unwrap();
    assert_eq!(read_as::<E>(again).unwrap(), envelope, "{path}");
    assert_eq!(
        Envelope::<E>::check_contract(body).unwrap(),
        envelope,
        "{path}"
    );
    envelope
}

/// Returns the event that a sample is named after.
fn documented_name(path: &str) -> &'static str {
    match path {
        "grader/submission_scored_nested" | "grader/submission_scored_test_flat" => {
            "submission.scored"
        }
        "graphoid/lead_won" | "graphoid/lead_won_full_ids" => "lead.won",
        "scoreapp/quiz_started" => "QUIZ_STARTED",
        "scoreapp/quiz_finished" | "scoreapp/quiz_finished_custom_tiers_partial" => "QUIZ_FINISHED",
        "scoreapp/lead_signed_up" => "LEAD_SIGNED_UP",
        "scoreapp/lead_details_updated" => "LEAD_DETAILS_UPDATED",
        other => panic!("a new sample: what event is {other}?"),
    }
}

fn each_sample_is_its_event_and_keeps_everything<E: Event + Debug + PartialEq>(
    provider: &str,
    count: usize,
) {
    let samples = samples(provider);
    assert_eq!(samples.len(), count);
    for sample in samples {
        let envelope = keeps_everything::<E>(&sample);
        assert_eq!(envelope.name(), documented_name(&sample.path));
        assert!(E::NAMES.contains(&envelope.name()));
    }
}

#[test]
fn grader_samples() {
    each_sample_is_its_event_and_keeps_everything::<GraderEvent>("grader", 2);
}

#[test]
fn graphoid_samples() {
    each_sample_is_its_event_and_keeps_everything::<GraphoidEvent>("graphoid", 2);
}

#[test]
fn scoreapp_samples() {
    each_sample_is_its_event_and_keeps_everything::<ScoreAppEvent>("scoreapp", 5);
}

/// Checks that a sample reads as the same event by its own type and by its shape.
#[track_caller]
fn is<T>(sample: &Sample, wrap: impl Fn(T) -> TombaEvent)
where
    T: Clone + Debug + PartialEq,
    LookupResult<T>: Event,
{
    let envelope = keeps_everything::<LookupResult<T>>(sample);
    let recognized = keeps_everything::<TombaEvent>(sample);
    let LookupResult::Found(found) = envelope.event.clone() else {
        panic!("{} was not found", sample.path);
    };
    assert_eq!(recognized.event, wrap(found));
    assert_eq!(recognized.name(), envelope.name());
    assert_eq!(recognized.lead(), envelope.lead());
}

#[test]
fn tomba_samples() {
    let samples = samples("tomba");
    assert_eq!(samples.len(), 18);
    for sample in &samples {
        match sample.path.strip_prefix("tomba/").unwrap() {
            "save_lead_empty_docs_sample" => {
                let saved = keeps_everything::<SaveLead>(sample);
                let recognized = keeps_everything::<TombaEvent>(sample);
                assert_eq!(recognized.event, TombaEvent::SaveLead(saved.event));
            }
            "email_verifier_2023" | "email_verifier_2025" => is(sample, TombaEvent::EmailVerifier),
            "email_finder_2023" | "email_finder_zapier_nulls" => {
                is(sample, TombaEvent::EmailFinder);
            }
            "author_finder_with_info" => is(sample, TombaEvent::AuthorFinder),
            "author_finder_2023" => {
                // Without an article, the body looks like a result of email-finder.
                keeps_everything::<LookupResult<AuthorFinder>>(sample);
                is(sample, TombaEvent::EmailFinder);
            }
            "domain_search_2021" | "domain_search_2023" | "domain_search_2026_third_party" => {
                is(sample, TombaEvent::DomainSearch);
            }
            "phone_finder_2023" | "phone_finder_2025" => is(sample, TombaEvent::PhoneFinder),
            "phone_validator_region" | "phone_validator_zapier_shape" => {
                is(sample, TombaEvent::PhoneValidator);
            }
            "error_body_rest" => {
                let failed = keeps_everything::<LookupResult<EmailFinder>>(sample);
                let recognized = keeps_everything::<TombaEvent>(sample);
                let LookupResult::Failed(error) = failed.event else {
                    panic!("it did not fail");
                };
                assert_eq!(recognized.event, TombaEvent::Failed(error));
            }
            "data_null" | "data_empty_object" => {
                for event in [
                    read_as::<LookupResult<EmailVerifier>>(sample.body.clone())
                        .unwrap()
                        .event
                        .found()
                        .is_none(),
                    read_as::<TombaEvent>(sample.body.clone()).unwrap().event
                        == TombaEvent::NotFound,
                ] {
                    assert!(event, "{}", sample.path);
                }
            }
            // These are results that Tomba does not document for webhooks.
            "linkedin_finder_zapier" => {
                let envelope = keeps_everything::<TombaEvent>(sample);
                let TombaEvent::Unknown(raw) = envelope.event else {
                    panic!("{} was recognized", sample.path);
                };
                assert_eq!(raw.as_str().as_bytes(), sample.body.trim_ascii());
            }
            other => panic!("a new sample: what event is {other}?"),
        }
    }
}

#[test]
fn the_oracle_finds_a_lost_value() {
    let sent =
        json!({"a": 1, "b": [{"c": "x"}], "d": "2023-01-01T00:00:00Z", "e": "1.50", "f": [1]});
    let equal =
        json!({"a": "1", "b": [{"c": "x"}], "d": "2023-01-01T01:00:00+01:00", "e": 1.5, "f": [1]});
    assert!(oracle::says(Some(&equal), &sent));
    for kept in [
        json!({"b": [{"c": "x"}], "d": "2023-01-01T00:00:00Z", "e": 1.5, "f": [1]}),
        json!({"a": 1, "b": [{}], "d": "2023-01-01T00:00:00Z", "e": 1.5, "f": [1]}),
        json!({"a": 1, "b": [{"c": "x"}], "d": "2023-01-01T00:00:01Z", "e": 1.5, "f": [1]}),
        json!({"a": 1, "b": [{"c": "x"}], "d": "2023-01-01T01:00:00+01:00", "e": 1.6, "f": [1]}),
        json!({"a": 1, "b": [{"c": "x"}], "d": "2023-01-01T01:00:00+01:00", "e": 1.5}),
    ] {
        assert!(!oracle::says(Some(&kept), &sent), "{kept}");
    }
}

#[test]
fn every_documented_event_is_a_variant_of_its_own() {
    let submission = r#"{"submission":{"id":"sub_1","form_data":{"email":"a@b.c"}}}"#;
    let raw = r#"{"any":[1]}"#;
    assert_eq!(GraderEvent::NAMES.len(), 11);
    for name in GraderEvent::NAMES {
        let is_submission = name.starts_with("submission.");
        let data = if is_submission { submission } else { raw };
        let body = format!(r#"{{"event":"{name}","data":{data}}}"#);
        let envelope = read::<Grader>(body.clone()).unwrap();
        assert_eq!(envelope.name(), *name);
        assert!(envelope.event.is_known(), "{name}");
        assert_eq!(serde_json::to_string(&envelope).unwrap(), body);
        assert_eq!(envelope.event.submission().is_some(), is_submission);
        assert_eq!(
            envelope.lead().and_then(|lead| lead.id).as_deref(),
            is_submission.then_some("sub_1")
        );
        assert_eq!(envelope.lead().is_some(), is_submission, "{name}");
    }

    let lead = r#"{"lead":{"id":"lead_1","name":"Acme"}}"#;
    assert_eq!(GraphoidEvent::NAMES.len(), 8);
    for name in GraphoidEvent::NAMES {
        let is_lead = name.starts_with("lead.");
        let data = if is_lead { lead } else { raw };
        let body = format!(r#"{{"event":"{name}","data":{data}}}"#);
        let envelope = read::<Graphoid>(body.clone()).unwrap();
        assert!(envelope.event.is_known(), "{name}");
        assert_eq!(serde_json::to_string(&envelope).unwrap(), body);
        assert_eq!(envelope.event.lead_event().is_some(), is_lead);
        assert_eq!(
            envelope.lead().and_then(|lead| lead.id).as_deref(),
            is_lead.then_some("lead_1")
        );
        assert_eq!(envelope.lead().is_some(), is_lead, "{name}");
    }

    assert_eq!(ScoreAppEvent::NAMES.len(), 4);
    for name in ScoreAppEvent::NAMES {
        let body = format!(r#"{{"event_name":"{name}","data":{{"id":"1e11c712","phone":"+1"}}}}"#);
        let envelope = read::<ScoreApp>(body).unwrap();
        assert_eq!(envelope.name(), *name);
        assert!(envelope.event.is_known(), "{name}");
        assert_eq!(envelope.event.quiz().unwrap().id, "1e11c712");
        assert_eq!(envelope.lead().unwrap().id.as_deref(), Some("1e11c712"));
    }
}

#[test]
fn submissions_are_equal_whatever_their_layout_and_differ_in_each_part() {
    let event = |submission: &str, grader: &str, routing: &str| {
        let data = format!(
            r#"{{"submission":{{"id":"{submission}"}},"grader":{{"id":"{grader}"}},"routing":{{"team":"{routing}"}}}}"#
        );
        let body = format!(r#"{{"event":"submission.scored","data":{data}}}"#);
        read::<Grader>(body).unwrap().event
    };
    let one = event("sub_1", "grd_1", "sales");
    assert_eq!(one, event("sub_1", "grd_1", "sales"));
    assert_ne!(one, event("sub_2", "grd_1", "sales"));
    assert_ne!(one, event("sub_1", "grd_2", "sales"));
    assert_ne!(one, event("sub_1", "grd_1", "support"));

    let layouts = [
        r#"{"submission":{"id":"sub_1"}}"#,
        r#"{"submission_id":"sub_1"}"#,
    ];
    let [nested, flat] = layouts.map(|data| {
        let body = format!(r#"{{"event":"submission.scored","data":{data}}}"#);
        read::<Grader>(body).unwrap().event
    });
    assert_eq!(nested, flat);
}

#[test]
fn the_envelope_is_read_whole() {
    let graphoid = read::<Graphoid>(sample("graphoid/lead_won")).unwrap();
    assert_eq!(graphoid.id.as_deref(), Some("evt_9pQrXy2k..."));
    assert_eq!(graphoid.timestamp, "2026-04-03T14:22:00Z".parse().ok());
    assert_eq!(graphoid.workspace_id.as_deref(), Some("ws_7hGt..."));
    assert_eq!(graphoid.api_version.as_deref(), Some("v2"));
    let GraphoidEvent::LeadWon(won) = graphoid.event else {
        panic!()
    };
    assert_eq!(won.lead.id, "lead_4mNp...");
    assert_eq!(won.lead.value, Some(45000.0));
    assert_eq!(won.lead.closed_by.as_deref(), Some("user_8x2k..."));
    assert_eq!(won.lead.closed_at, "2026-04-03T14:22:00Z".parse().ok());

    let grader = read::<Grader>(sample("grader/submission_scored_nested")).unwrap();
    assert_eq!(grader.id.as_deref(), Some("wh_abc123"));
    assert_eq!(grader.timestamp, "2023-10-15T14:30:00Z".parse().ok());
    assert_eq!((grader.workspace_id, grader.api_version), (None, None));

    let scoreapp = read::<ScoreApp>(sample("scoreapp/quiz_finished")).unwrap();
    assert_eq!((scoreapp.id, scoreapp.timestamp), (None, None));
}

#[test]
fn a_grade_is_a_documented_one_or_kept_as_sent() {
    for (sent, grade) in [
        ("hot", Grade::Hot),
        ("warm", Grade::Warm),
        ("cold", Grade::Cold),
        ("disqualified", Grade::Disqualified),
        ("Hot", Grade::Other("Hot".into())),
        (" hot", Grade::Other(" hot".into())),
        ("", Grade::Other(String::new())),
        ("h\u{f6}t", Grade::Other("h\u{f6}t".into())),
    ] {
        // The second pass reads the second body, because its score is a text.
        for score in [json!(87), json!("87")] {
            let data = json!({"submission_id": "sub_1", "score": score, "grade": sent,
                "form_data": {"email": "a@b.c"}});
            let body = json!({"event": "submission.graded", "data": data}).to_string();
            let envelope = read::<Grader>(body).unwrap();
            let GraderEvent::SubmissionGraded(graded) = &envelope.event else {
                panic!("{envelope:?}");
            };
            assert_eq!(graded.submission.grade.as_ref(), Some(&grade));
            assert_eq!(grade.as_str(), sent);
            let rating = envelope.lead().unwrap().rating;
            assert_eq!(
                rating.as_deref(),
                Some(sent).filter(|sent| !sent.is_empty())
            );
            let written = serde_json::to_string(&envelope).unwrap();
            assert_eq!(read::<Grader>(written).unwrap(), envelope);
        }
    }
    for (sent, grade) in [
        (json!(7), Some(Grade::Other("7".into()))),
        (json!(null), None),
        (json!(["hot"]), None),
    ] {
        let data = json!({"submission_id": "sub_1", "grade": sent});
        let body = json!({"event": "submission.scored", "data": data}).to_string();
        let envelope = read::<Grader>(body).unwrap();
        assert_eq!(envelope.event.submission().unwrap().submission.grade, grade);
    }
}

/// Nobody documents the body of `submission.graded`.
#[test]
fn a_graded_submission_of_another_shape_is_an_unknown_event() {
    let body = r#"{"event":"submission.graded","data":{"graderId":"g","category":"hot"}}"#;
    let envelope = read::<Grader>(body).unwrap();
    let GraderEvent::Unknown { name, data, .. } = envelope.event else {
        panic!();
    };
    assert_eq!(name, "submission.graded");
    assert_eq!(data.as_str(), r#"{"graderId":"g","category":"hot"}"#);
}

#[test]
fn both_shapes_of_grader_are_one_type() {
    let [nested, flat] = ["nested", "test_flat"].map(|shape| {
        let body = sample(&format!("grader/submission_scored_{shape}"));
        match read::<Grader>(body).unwrap().event {
            GraderEvent::SubmissionScored(scored) => scored,
            other => panic!("{other:?}"),
        }
    });
    for scored in [&nested, &flat] {
        assert_eq!(scored.submission.id, "sub_xyz789");
        assert_eq!(scored.submission.score, Some(87.0));
        assert_eq!(scored.submission.grade, Some(Grade::Hot));
        let grader = scored.grader.as_ref().unwrap();
        assert_eq!(grader.name.as_deref(), Some("Enterprise Lead Grader"));
        assert_eq!(
            scored.submission.form_data.email().as_deref(),
            Some("john.doe@acme.com")
        );
    }
    assert_eq!(
        nested.submission.created_at,
        "2023-10-15T14:29:30Z".parse().ok()
    );
    assert_eq!(
        nested.routing.unwrap().team.as_deref(),
        Some("enterprise_sales")
    );
    assert_eq!(flat.routing, None);
}

#[test]
fn numbers_and_lists_of_scoreapp_and_tomba_are_typed() {
    let ScoreAppEvent::QuizFinished(quiz) = read::<ScoreApp>(sample("scoreapp/quiz_finished"))
        .unwrap()
        .event
    else {
        panic!()
    };
    let total = quiz.total_score.as_ref().unwrap();
    assert_eq!(
        (total.actual, total.percent, total.denominator10),
        (Some(67.0), Some(54.0), Some(5.36))
    );
    assert_eq!(total.tier.as_deref(), Some("medium"));
    assert_eq!(
        quiz.category_score("category 2 ").unwrap().percent,
        Some(33.0)
    );
    assert_eq!(
        quiz.answers_to("Question 3").collect::<Vec<_>>(),
        ["Answer 1", "Answer 2", "Answer 3"]
    );
    assert_eq!(
        quiz.answers_to(" QUESTION ").collect::<Vec<_>>(),
        ["Answer"]
    );
    assert_eq!(quiz.answers_to("Question 4").count(), 0);
    assert!(quiz.category_score("Category 3").is_none());

    let search: DomainSearch = found(sample("tomba/domain_search_2021"));
    assert_eq!(search.emails.len(), 3);
    let meta = search.meta.unwrap();
    assert_eq!(
        (meta.total, meta.page_size, meta.current, meta.total_pages),
        (Some(11), Some(10), Some(0), Some(2))
    );
    let search: DomainSearch = found(sample("tomba/domain_search_2023"));
    assert_eq!(
        search.emails[0].phone_number,
        Some(PhoneNumber::IsKnown(false))
    );
    let phone: PhoneFinder = found(sample("tomba/phone_finder_2023"));
    assert_eq!(phone.phones()[0].timezones, ["America/Adak"]);
    let LookupResult::Failed(error) =
        read_as::<LookupResult<EmailFinder>>(sample("tomba/error_body_rest"))
            .unwrap()
            .event
    else {
        panic!()
    };
    assert_eq!(
        (error.kind.as_deref(), error.code),
        (Some("invalid_request"), Some(404))
    );
    let verified: EmailVerifier = found(sample("tomba/email_verifier_2025"));
    assert_eq!(verified.email.mx.unwrap().records.len(), 2);
    let phone: PhoneValidator = found(sample("tomba/phone_validator_region"));
    assert_eq!(phone.region.unwrap().code.as_deref(), Some("US"));
}

/// Returns the known fields of a lead.
fn known(lead: Option<Lead>) -> Value {
    let lead = serde_json::to_value(lead.unwrap()).unwrap();
    let fields = lead.as_object().unwrap();
    let keys = [
        "company",
        "email",
        "first_name",
        "full_name",
        "id",
        "job_title",
        "last_name",
        "phone",
        "rating",
        "score",
        "website",
    ];
    let mut sorted: Vec<_> = fields.keys().collect();
    sorted.sort();
    assert_eq!(sorted, keys);
    fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[test]
fn leads_of_all_providers_have_the_same_fields() {
    let lead = |path: &str| match path.split_once('/').unwrap().0 {
        "grader" => known(read::<Grader>(sample(path)).unwrap().lead()),
        "graphoid" => known(read::<Graphoid>(sample(path)).unwrap().lead()),
        "scoreapp" => known(read::<ScoreApp>(sample(path)).unwrap().lead()),
        _ => known(read_as::<TombaEvent>(sample(path)).unwrap().lead()),
    };
    assert_eq!(
        lead("grader/submission_scored_nested"),
        json!({
            "id": "sub_xyz789", "email": "john.doe@acme.com", "first_name": "John", "last_name": "Doe",
            "full_name": "John Doe", "company": "Acme Corporation", "job_title": "VP Marketing",
            "phone": "+1-555-0123", "website": "https://acme.com", "score": 87, "rating": "hot",
        })
    );
    assert_eq!(
        lead("grader/submission_scored_test_flat"),
        json!({
            "id": "sub_xyz789", "email": "john.doe@acme.com", "company": "Acme Corporation",
            "job_title": "VP Marketing", "score": 87, "rating": "hot",
        })
    );
    assert_eq!(
        lead("graphoid/lead_won"),
        json!({"id": "lead_4mNp...", "company": "Acme Corp"})
    );
    assert_eq!(
        lead("scoreapp/quiz_started"),
        json!({"id": "1e11c712-c4f7-48e9-8bc7-7d86ea273a6f", "email": "example@example.com"})
    );
    assert_eq!(
        lead("scoreapp/quiz_finished"),
        json!({
            "id": "1e11c712-c4f7-48e9-8bc7-7d86ea273a6f", "email": "example@example.com",
            "score": 54, "rating": "medium",
        })
    );
    assert_eq!(
        lead("scoreapp/quiz_finished_custom_tiers_partial"),
        json!({
            "id": "00000000-0000-4000-8000-000000000001",
            "email": "ann.lee@example.com", "first_name": "Ann", "last_name": "Lee",
            "full_name": "Ann Lee", "score": 36, "rating": "Low to Average Strength",
        })
    );
    assert_eq!(
        lead("tomba/email_verifier_2025"),
        json!({"email": "ann.lee@example.com"})
    );
    assert_eq!(
        lead("tomba/author_finder_with_info"),
        json!({
            "email": "author@example.com", "first_name": "Ann", "last_name": "Lee",
            "full_name": "Ann Lee", "company": "Example", "job_title": "founder",
            "website": "example.com",
        })
    );
    assert_eq!(
        lead("tomba/domain_search_2026_third_party"),
        json!({"company": "example", "phone": "+1 555 0100", "website": "example.com"})
    );
    assert_eq!(
        lead("tomba/domain_search_2023"),
        json!({"company": "example", "website": "example.com"})
    );
    assert_eq!(
        lead("tomba/phone_finder_2025"),
        json!({"email": "john@example.com", "phone": "+15551234567", "website": "example.com"})
    );
    assert_eq!(
        lead("tomba/phone_validator_region"),
        json!({"phone": "+15551234567"})
    );
    assert!(
        read_as::<LookupResult<EmailFinder>>(sample("tomba/error_body_rest"))
            .unwrap()
            .lead()
            .is_none()
    );
    assert!(
        read_as::<TombaEvent>(sample("tomba/data_null"))
            .unwrap()
            .lead()
            .is_none()
    );
    assert!(
        read_as::<LookupResult<EmailFinder>>(sample("tomba/email_finder_2023"))
            .unwrap()
            .lead()
            .is_some()
    );

    let saved = r#"{"data":{"email":"a@b.c","website":"b.c","company":"B","first_name":"A","last_name":"L",
        "phone":"+1","position":"CEO","score":"71","notes":null}}"#;
    assert_eq!(
        known(read_as::<SaveLead>(saved).unwrap().lead()),
        json!({
            "email": "a@b.c", "first_name": "A", "last_name": "L", "full_name": "A L",
            "company": "B", "job_title": "CEO", "phone": "+1", "website": "b.c", "score": 71,
        })
    );
}

#[test]
fn an_event_in_another_provider_s_shape_is_not_read() {
    // The same bytes as a delivery of another provider.
    let body = sample("graphoid/lead_won");
    let event = Delivery::<Grader>::from_storage(body).read().unwrap().event;
    assert!(matches!(event, GraderEvent::Unknown { .. }), "{event:?}");
}
