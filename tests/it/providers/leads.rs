//! Leads, and the places of their contact data.

use crate::support::{found, read, read_as};
use leadhook::{
    Grader, Graphoid, Lead, ScoreApp,
    grader::FormData,
    tomba::{PhoneFinder, SaveLead, TombaEvent},
};
use serde_json::{Value, json};

fn grader(form: &Value) -> Option<Lead> {
    let submission = json!({"id": "sub_1", "score": 87, "grade": "hot", "form_data": form});
    let body = json!({"event": "submission.scored", "data": {"submission": submission}});
    read::<Grader>(body.to_string()).unwrap().lead()
}

fn scoreapp(data: &Value) -> Option<Lead> {
    let mut body = json!({"event_name": "QUIZ_FINISHED", "data": {
        "id": "1e11c712", "total_score": {"percent": 54, "tier": "medium"},
    }});
    let fields = body["data"].as_object_mut().unwrap();
    fields.extend(data.as_object().unwrap().clone());
    read::<ScoreApp>(body.to_string()).unwrap().lead()
}

#[test]
fn without_contact_data_there_is_no_lead() {
    for form in [
        json!({}),
        json!(null),
        json!({"email": "", "name": " ", "phone": null}),
        json!({"budget": 10_000}),
    ] {
        assert_eq!(grader(&form), None, "{form}");
    }
    for data in [
        json!({}),
        json!({"email": "", "first_name": " "}),
        json!({"lead_form_questions": [{"question": "Company", "answers": [{"answer": ""}]}]}),
        json!({"lead_form_questions": [{"question": "Budget", "answers": [{"answer": "1"}]}]}),
    ] {
        assert_eq!(scoreapp(&data), None, "{data}");
    }
    let won = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1","value":1}}}"#;
    assert_eq!(read::<Graphoid>(won).unwrap().lead(), None);
    let saved = r#"{"data":{"email":"","website":"","score":71}}"#;
    assert_eq!(read_as::<SaveLead>(saved).unwrap().lead(), None);
    assert_eq!(read_as::<TombaEvent>(saved).unwrap().lead(), None);
}

#[test]
fn one_contact_makes_a_lead() {
    for field in [
        "email",
        "first_name",
        "last_name",
        "full_name",
        "company",
        "job_title",
        "phone",
        "website",
    ] {
        let lead = grader(&json!({field: "x"})).unwrap();
        let lead = serde_json::to_value(&lead).unwrap();
        assert_eq!(lead[field], "x");
        assert_eq!(
            (&lead["id"], &lead["score"], &lead["rating"]),
            (&json!("sub_1"), &json!(87), &json!("hot"))
        );
    }
}

#[test]
fn the_lead_form_of_scoreapp_is_searched_in_any_spelling() {
    let asked = |question: &str, answer: &str| json!({"question": question, "answers": [{"answer": null}, {"answer": answer}]});
    let lead = scoreapp(&json!({
        "first_name": "Ann",
        "lead_form_questions": [
            asked("What is your budget?", "a lot"),
            asked("COMPANY NAME:", "Acme"),
            asked("Job\u{2011}title", "CEO"),
            asked("phone_number", "+1-555-0123"),
            asked("Website URL", "acme.example"),
            asked("First name", "Anna"),
            asked("Last name", "Lee"),
            {"question": null, "answers": [{"answer": "lost"}]},
        ],
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(&lead).unwrap(),
        json!({
            "id": "1e11c712", "email": null, "first_name": "Ann", "last_name": "Lee",
            "full_name": "Ann Lee", "company": "Acme", "job_title": "CEO", "phone": "+1-555-0123",
            "website": "acme.example", "score": 54, "rating": "medium",
        })
    );

    let own = scoreapp(&json!({
        "phone": "+1", "lead_form_questions": [asked("Phone", "+2")],
    }));
    assert_eq!(own.unwrap().phone.as_deref(), Some("+1"));
}

#[test]
fn a_form_field_that_occurs_twice_has_one_meaning() {
    let form: FormData =
        serde_json::from_str(r#"{"email":"first@example.com","email":"second@example.com"}"#)
            .unwrap();
    assert_eq!(form.email().as_deref(), Some("first@example.com"));
    assert_eq!(
        form.get("email").unwrap().as_str(),
        r#""first@example.com""#
    );
}

#[test]
fn the_better_name_of_a_form_field_wins_wherever_it_stands() {
    for form in [
        r#"{"work_email":"w@x.y","E-Mail":"e@x.y"}"#,
        r#"{"E-Mail":"e@x.y","work_email":"w@x.y"}"#,
        r#"{"e-mail":"","email":null,"E-Mail":"e@x.y","work_email":"w@x.y"}"#,
    ] {
        let data: FormData = serde_json::from_str(form).unwrap();
        assert_eq!(data.email().as_deref(), Some("e@x.y"), "{form}");
        let form = serde_json::from_str(form).unwrap();
        assert_eq!(grader(&form).unwrap().email.as_deref(), Some("e@x.y"));
    }
    let escaped = grader(&json!({"company": "A \"B\" \u{fc}", "Phone": 15_550_123})).unwrap();
    assert_eq!(escaped.company.as_deref(), Some("A \"B\" \u{fc}"));
    assert_eq!(escaped.phone.as_deref(), Some("15550123"));
}

#[test]
fn the_first_known_phone_is_the_leads() {
    let phones: PhoneFinder = found(r#"{"data":[{"valid":false},{"e164_format":"+15550123"}]}"#);
    assert_eq!(phones.lead().unwrap().phone.as_deref(), Some("+15550123"));
}
