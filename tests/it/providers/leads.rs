//! Leads, and the places of their contact data.

use crate::support::{found, read, read_as};
use leadhook::{
    Event, Grader, Graphoid, Lead, ScoreApp, Tomba,
    grader::FormData,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead, TombaEvent,
    },
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

/// Nothing is known of the person yet, and the record has an id that later events share.
#[test]
fn the_id_of_a_record_is_known_before_its_contact_data() {
    let quiz = r#"{"event_name":"QUIZ_STARTED","data":{"id":"sitting_1"}}"#;
    let quiz = read::<ScoreApp>(quiz).unwrap();
    assert_eq!(
        (quiz.lead(), quiz.event.lead_id().as_deref()),
        (None, Some("sitting_1"))
    );
    let won = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
    let won = read::<Graphoid>(won).unwrap();
    assert_eq!(
        (won.lead(), won.event.lead_id().as_deref()),
        (None, Some("lead_1"))
    );
    let scored = r#"{"event":"submission.scored","data":{"submission":{"id":"sub_1"}}}"#;
    let scored = read::<Grader>(scored).unwrap();
    assert_eq!(
        (scored.lead(), scored.event.lead_id().as_deref()),
        (None, Some("sub_1"))
    );
    let unknown = read::<Graphoid>(r#"{"event":"new","data":{"lead":{"id":"lead_1"}}}"#).unwrap();
    assert_eq!(unknown.event.lead_id(), None);
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
fn a_blank_value_does_not_hide_another() {
    let asked = |question: &str, answers: &[&str]| {
        let answers: Vec<_> = answers
            .iter()
            .map(|answer| json!({"answer": answer}))
            .collect();
        json!({"question": question, "answers": answers})
    };
    for blank in ["", " ", "\t\u{a0}\n"] {
        let lead = scoreapp(&json!({
            "email": blank, "first_name": blank, "last_name": blank, "phone": blank,
            "lead_form_questions": [
                asked("Email", &[blank, "ann.lee@example.com"]),
                asked("First name", &["Ann"]),
                asked("Last name", &[blank]),
                asked("Surname", &["Lee"]),
                asked("Phone", &[blank]),
                asked("Mobile", &[blank, "+15550123"]),
                asked("Company", &[blank, "Acme"]),
            ],
        }));
        let lead = lead.unwrap();
        assert_eq!(lead.email.as_deref(), Some("ann.lee@example.com"));
        assert_eq!(lead.full_name.as_deref(), Some("Ann Lee"));
        assert_eq!(lead.phone.as_deref(), Some("+15550123"));
        assert_eq!(lead.company.as_deref(), Some("Acme"));

        let lead = grader(&json!({
            "email": blank, "work_email": "ann.lee@example.com",
            "name": blank, "first_name": "Ann", "last_name": "Lee",
        }));
        let lead = lead.unwrap();
        assert_eq!(lead.email.as_deref(), Some("ann.lee@example.com"));
        assert_eq!(lead.full_name.as_deref(), Some("Ann Lee"));

        let body = json!({"data": {"email": "ann.lee@example.com", "full_name": blank,
            "first_name": "Ann", "last_name": "Lee", "score": 1}});
        let found: EmailFinder = found(body.to_string());
        assert_eq!(found.lead().unwrap().full_name.as_deref(), Some("Ann Lee"));

        let phones = json!({"data": [{"e164_format": blank}, {"e164_format": "+15550123"}]});
        let phones: PhoneFinder = crate::support::found(phones.to_string());
        assert_eq!(phones.lead().unwrap().phone.as_deref(), Some("+15550123"));
    }
}

#[test]
fn a_lead_has_no_white_space_around_its_texts() {
    let lead = grader(
        &json!({"email": "\tann.lee@example.com\r\n", "first_name": " Ann\u{a0}",
        "last_name": " Lee ", "company": " Acme  Corp "}),
    );
    let lead = lead.unwrap();
    assert_eq!(lead.email.as_deref(), Some("ann.lee@example.com"));
    assert_eq!(lead.full_name.as_deref(), Some("Ann Lee"));
    assert_eq!(lead.company.as_deref(), Some("Acme  Corp"));

    let body = r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","email":" ann.lee@example.com"}}"#;
    let envelope = read::<ScoreApp>(body).unwrap();
    assert_eq!(
        envelope.lead().unwrap().email.as_deref(),
        Some("ann.lee@example.com")
    );
    assert_eq!(
        envelope.event.quiz().unwrap().email.as_deref(),
        Some(" ann.lee@example.com")
    );
    let won = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1","name":" Acme Corp "}}}"#;
    let lead = read::<Graphoid>(won).unwrap().lead().unwrap();
    assert_eq!(lead.company.as_deref(), Some("Acme Corp"));
}

/// Returns the forms in `docs/form-fields.md`.
fn documented_forms() -> Vec<(String, Value)> {
    let page = include_str!("../../../docs/form-fields.md");
    let forms: Vec<_> = page
        .split("```json\n")
        .skip(1)
        .map(|part| {
            let (json, _) = part.split_once("```").unwrap();
            let form: Value = serde_json::from_str(json).unwrap();
            (json.to_owned(), form)
        })
        .collect();
    assert!(forms.len() >= 10, "{}", forms.len());
    forms
}

#[test]
fn the_default_fields_of_every_documented_form_builder_are_found() {
    for (json, form) in documented_forms() {
        let lead = grader(&form).expect(&json);
        assert_eq!(lead.email.as_deref(), Some("ann.lee@example.com"), "{json}");
        assert_eq!(lead.full_name.as_deref(), Some("Ann Lee"), "{json}");
        for (kind, sent, found) in [
            ("phone", "+15550123", lead.phone),
            ("company", "Acme", lead.company),
            ("website", "https://acme.example", lead.website),
            ("job title", "CEO", lead.job_title),
        ] {
            let is_sent = json.contains(&format!("{sent:?}"));
            assert_eq!(found.is_some(), is_sent, "{kind} in {json}");
            assert!(found.is_none_or(|found| found == sent), "{kind} in {json}");
        }
    }
}

#[test]
fn usual_compounds_are_found() {
    for (kind, names) in [
        (
            "email",
            "your-email yourEmail my_email contact_email email-123 email_1523908522996 \
            work_email email_work business_email_address primary-email q4_email q4_email4 \
            q4_emailAddress 0-1/email email-42 Your_E-mail_(required) e-mail(optional)* form_fields[email] your_work_email",
        ),
        (
            "phone",
            "tel your-tel tel-123 phone_number_mobile mobile_phone_number phone-mobile home_phone \
            cell cell_phone cellPhoneNumber work-phone phone_work business_phone your_phone contact_number \
            phone_1523908522996 q5_phoneNumber q5_phonenumber5 0-1/mobilephone mobile_no telephone phone(optional) your-mobile tel-7890",
        ),
        (
            "first_name",
            "your-first-name first_name first namefirst names[first_name] q3_name[first] \
            firstname_1523908368154 forename",
        ),
        (
            "last_name",
            "your-last-name last names[last_name] q3_fullName3[last] lastname_1523908368154",
        ),
        (
            "full_name",
            "your-name contact_name name name_1523908368154 q3_fullName",
        ),
        (
            "company",
            "your-company company_name organization_name business_name 0-2/name",
        ),
        ("job_title", "your-job-title job_position 0-1/jobtitle"),
        ("website", "url your-url url-456 your-website 0-2/domain"),
    ] {
        for name in names.split_whitespace() {
            let lead = grader(&json!({name: "x"})).expect(name);
            let lead = serde_json::to_value(&lead).unwrap();
            assert_eq!(lead[kind], "x", "{name}");
        }
    }
}

#[test]
fn fields_of_consent_of_a_company_or_of_a_second_person_are_no_contact_data() {
    for name in "email_consent consent_email email-opt-in phone_consent sms_consent mobile_opt_in \
        contact_by_phone may_we_email_you email_preferences phone_type phone_country email_verified \
        acceptance-123 company_email company-phone companyPhoneNumber company_tel organization_email \
        company_size company_address partner_email partner_phone partner_name spouse_first_name \
        second_email email_2 email2 phone_2 name_2 name-2 alternate_phone secondary_email \
        emergency_contact_name emergency_contact_phone emergency_phone referral_name referral_email \
        referred_by_name friend_email friends_name guest_name guest_email billing_email manager_email \
        assistant_phone user_name username login_name event_name product_name form_name page_url \
        page_name file_name middle_name maiden_name nickname display_name 0-2/phone 0-2/email \
        work_name home_url mobile_website q4_partnerEmail q12_email_2 confirm_email subject message"
        .split_whitespace()
    {
        assert_eq!(grader(&json!({name: "x"})), None, "{name}");
    }
    for form in [
        json!({"partner": {"name": "Bob", "email": "bob@x.y"}}),
        json!({"company": {"email": "info@x.y", "phone": "+1"}}),
        json!({"consent": {"email": "yes"}}),
        json!({"email": true, "phone": false}),
        json!({"names": {"middle_name": "x"}, "email": {"consent": "yes"}, "phone": []}),
    ] {
        assert_eq!(grader(&form), None, "{form}");
    }
    let both = grader(
        &json!({"email_1523908522996": "b@x.y", "contact_email": "c@x.y", "email": "a@x.y"}),
    );
    assert_eq!(both.unwrap().email.as_deref(), Some("a@x.y"));
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
fn a_form_is_empty_if_it_has_no_fields() {
    let is_empty = |form| serde_json::from_str::<FormData>(form).unwrap().is_empty();
    assert!(is_empty("{}"));
    assert!(!is_empty(r#"{"budget":null}"#));
    // Outside of a body, a form is an object.
    assert!(serde_json::from_str::<FormData>("[]").is_err());
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

#[test]
fn every_value_of_tomba_that_a_lead_has_is_the_leads() {
    fn check<E: Event<Provider = Tomba>>(data: &Value, known: &Value) {
        let lead = read_as::<E>(json!({"data": data}).to_string())
            .unwrap()
            .lead();
        let mut expected = serde_json::to_value(Lead::default()).unwrap();
        let fields = expected.as_object_mut().unwrap();
        fields.extend(known.as_object().unwrap().clone());
        assert_eq!(serde_json::to_value(lead.unwrap()).unwrap(), expected);
    }

    let found = json!({
        "email": "ann@acme.example", "first_name": "Ann", "last_name": "Lee",
        "full_name": "Ann M. Lee", "company": "Acme", "position": "CEO",
        "phone_number": "+15550123", "website_url": "acme.example", "score": 97,
    });
    let lead = json!({
        "email": "ann@acme.example", "first_name": "Ann", "last_name": "Lee",
        "full_name": "Ann M. Lee", "company": "Acme", "job_title": "CEO",
        "phone": "+15550123", "website": "acme.example",
    });
    check::<LookupResult<EmailFinder>>(&found, &lead);
    check::<LookupResult<AuthorFinder>>(&found, &lead);

    let saved = json!({
        "email": "ann@acme.example", "first_name": "Ann", "last_name": "Lee",
        "company": "Acme", "position": "CEO", "phone": "+15550123",
        "website": "acme.example", "score": 97.5,
    });
    let lead = json!({
        "email": "ann@acme.example", "first_name": "Ann", "last_name": "Lee",
        "full_name": "Ann Lee", "company": "Acme", "job_title": "CEO",
        "phone": "+15550123", "website": "acme.example", "score": 97.5,
    });
    check::<SaveLead>(&saved, &lead);
    check::<LookupResult<SaveLead>>(&saved, &lead);

    let organization = json!({"organization": {
        "organization": "Acme", "phone_number": "+15550123", "website_url": "acme.example",
    }});
    let lead = json!({"company": "Acme", "phone": "+15550123", "website": "acme.example"});
    check::<LookupResult<DomainSearch>>(&organization, &lead);

    let phone = json!({
        "email": "ann@acme.example", "domain": "acme.example", "e164_format": "+15550123",
    });
    let lead = json!({
        "email": "ann@acme.example", "phone": "+15550123", "website": "acme.example",
    });
    check::<LookupResult<PhoneFinder>>(&phone, &lead);
    check::<LookupResult<PhoneValidator>>(&phone, &json!({"phone": "+15550123"}));

    let verified = json!({"email": {"email": "ann@acme.example"}});
    check::<LookupResult<EmailVerifier>>(&verified, &json!({"email": "ann@acme.example"}));
}

/// Tomba sends the number, or a boolean that says whether it knows a number.
#[test]
fn only_a_number_is_a_phone_number() {
    for (sent, number) in [
        (json!(true), None),
        (json!("false"), None),
        (json!("+15550123"), Some("+15550123")),
    ] {
        let finder: EmailFinder = found(json!({"data": {"phone_number": sent}}).to_string());
        assert_eq!(finder.phone_number.unwrap().number(), number, "{sent}");
    }
    let none: EmailFinder = found(r#"{"data":{"phone_number":null,"score":1}}"#);
    let written = serde_json::to_string(&none).unwrap();
    assert_eq!(written, r#"{"score":1,"sources":[]}"#);
}

#[test]
fn a_name_that_only_resembles_a_usual_name_is_no_contact_data() {
    let resembles = json!({"e\u{e9}mail": "a@b.c", "\u{43f}hone": "+1"});
    assert_eq!(grader(&resembles), None);
    let twice: FormData =
        serde_json::from_str(r#"{"E-Mail":"first@x.y","e_mail":"second@x.y"}"#).unwrap();
    assert_eq!(twice.email().as_deref(), Some("first@x.y"));
    let lead = grader(&json!({"E-Mail": "first@x.y", "e_mail": "second@x.y"})).unwrap();
    assert_eq!(lead.email.as_deref(), Some("first@x.y"));
}
