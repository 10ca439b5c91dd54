//! The sample requests for users' tests.
#![cfg(feature = "samples")]

use std::{fs, path::Path};

use leadhook::{
    Delivery, Grader, Graphoid, Provider, ReadError, Receiver, ScoreApp, Tomba, VerifyError,
    samples::{Sample, SampleRequest, grader, graphoid, scoreapp, tomba},
    tomba::{EmailVerifier, LookupResult, SaveLead},
};

use crate::support::secret;

const SECRET: &str = "a secret for tests";

fn graphoid(request: &SampleRequest<Graphoid>) -> Result<Delivery<Graphoid>, VerifyError> {
    let values = request.header("x-graphoid-signature");
    Receiver::<Graphoid>::new(&secret(SECRET)).authenticate(values, request.body().clone())
}

fn tomba(request: &SampleRequest<Tomba>) -> Result<Delivery<Tomba>, VerifyError> {
    let values = request.header("x-webhook-token");
    let receiver = Receiver::<Tomba>::header_token("x-webhook-token", &secret(SECRET)).unwrap();
    receiver.authenticate(values, request.body().clone())
}

#[test]
fn a_changed_sample_is_signed_whatever_the_order() {
    let changed_first = graphoid::LEAD_WON
        .request()
        .set("data.lead.name", "Acme")
        .sign(&secret(SECRET));
    let signed_first = graphoid::LEAD_WON
        .request()
        .sign(&secret(SECRET))
        .set("data.lead.name", "Acme");
    assert!(changed_first.headers().eq(signed_first.headers()));

    let envelope = graphoid(&signed_first).unwrap().read().unwrap();
    assert_eq!(envelope.lead().unwrap().company.as_deref(), Some("Acme"));
}

#[test]
fn the_body_of_every_provider_can_be_changed() {
    let request = grader::SUBMISSION_SCORED
        .request()
        .set("data.submission.form_data.jobTitle", "Owner")
        .set("data.submission.form_data.budget", "10k");
    let delivery = Delivery::<Grader>::from_storage(request.body().clone());
    assert_eq!(
        delivery
            .read()
            .unwrap()
            .lead()
            .unwrap()
            .job_title
            .as_deref(),
        Some("Owner")
    );
    assert!(
        delivery
            .body()
            .windows(14)
            .any(|part| part == b"\"budget\":\"10k\"")
    );

    let request = scoreapp::QUIZ_FINISHED
        .request()
        .set("data.total_score.percent", 90)
        .set("data.quiz_questions[0].answers[0].answer", "Perhaps")
        .set(
            "data.quiz_questions[0].answers[1]",
            serde_json::json!({"answer": "Never"}),
        );
    let delivery = Delivery::<ScoreApp>::from_storage(request.body().clone());
    let leadhook::scoreapp::ScoreAppEvent::QuizFinished(quiz) = delivery.read().unwrap().event
    else {
        panic!("the event changed")
    };
    let answers: Vec<_> = quiz.answers_to("Question 1").collect();
    assert_eq!(answers, ["Perhaps", "Never"]);
    assert_eq!(quiz.total_score.unwrap().percent, Some(90.0));

    let request = tomba::SAVE_LEAD
        .request()
        .with_header_token("X-Webhook-Token", &secret(SECRET))
        .set("data.email", "ann@example.com")
        .set("data.notes", ());
    let lead = tomba(&request)
        .unwrap()
        .read_as::<SaveLead>()
        .unwrap()
        .event;
    assert_eq!(lead.email.as_deref(), Some("ann@example.com"));
    assert_eq!(lead.notes, None);
}

#[test]
fn every_sample_survives_a_change() {
    fn unchanged<P: Provider>(samples: &[Sample<P>]) {
        for sample in samples {
            let request = sample.request().set("added", 1).remove("added");
            let sent: serde_json::Value = serde_json::from_str(sample.body()).unwrap();
            let kept: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(sent, kept, "{sample:?}");
        }
    }
    unchanged(grader::ALL);
    unchanged(graphoid::ALL);
    unchanged(scoreapp::ALL);
    unchanged(tomba::ALL);
}

#[test]
fn another_event_has_the_same_data() {
    let request = graphoid::LEAD_WON
        .request()
        .with_event("lead.lost")
        .sign(&secret(SECRET));
    let envelope = graphoid(&request).unwrap().read().unwrap();
    assert_eq!(envelope.name(), "lead.lost");

    let request = scoreapp::QUIZ_FINISHED.request().with_event("QUIZ_PAUSED");
    let delivery = Delivery::<ScoreApp>::from_storage(request.body().clone());
    assert_eq!(delivery.read().unwrap().name(), "QUIZ_PAUSED");
}

#[test]
fn a_removed_identity_is_an_unexpected_shape() {
    let request = graphoid::LEAD_WON
        .request()
        .remove("data.lead.id")
        .sign(&secret(SECRET));
    let error = graphoid(&request).unwrap().read().unwrap_err();
    assert!(
        matches!(error, ReadError::UnexpectedShape { .. }),
        "{error:?}"
    );
}

#[test]
fn forged_and_unsigned_requests_are_rejected_in_any_order() {
    let request = graphoid::LEAD_WON.request();
    for forged in [
        request.clone().sign(&secret(SECRET)).forged(),
        request.clone().forged().sign(&secret(SECRET)),
    ] {
        assert_eq!(
            graphoid(&forged).unwrap_err(),
            VerifyError::SignatureMismatch
        );
        let unsigned = forged.unsigned();
        assert_eq!(
            graphoid(&unsigned).unwrap_err(),
            VerifyError::MissingSignature
        );
    }
    assert_eq!(
        graphoid(&request).unwrap_err(),
        VerifyError::MissingSignature
    );

    let request = tomba::SAVE_LEAD
        .request()
        .with_header_token("x-webhook-token", &secret(SECRET));
    assert!(tomba(&request).is_ok());
    let forged = request.forged();
    assert_eq!(tomba(&forged).unwrap_err(), VerifyError::TokenMismatch);
    assert_eq!(
        tomba(&forged.unsigned()).unwrap_err(),
        VerifyError::MissingToken
    );
}

#[test]
fn headers_are_found_in_any_case_and_secrets_stay_unprinted() {
    let request = graphoid::LEAD_WON
        .request()
        .with_header("User-Agent", "a test")
        .sign(&secret(SECRET));
    assert_eq!(
        request.header("USER-AGENT").as_deref(),
        Some(b"a test".as_slice())
    );
    assert_eq!(
        request.header("X-Graphoid-Signature"),
        request.header("x-graphoid-signature")
    );
    assert_eq!(request.header("x-grader-signature"), None);

    let request = tomba::EMAIL_VERIFIER
        .request()
        .with_query_token("token", &secret(SECRET));
    assert!(!format!("{request:?}").contains("secret"));
}

#[test]
fn a_query_token_is_added_to_the_path() {
    let request = tomba::EMAIL_VERIFIER
        .request()
        .with_query_token("token", &secret(SECRET));
    assert_eq!(request.uri(), "/?token=a+secret+for+tests");
    let request = request.with_path("/hook?account=1");
    assert_eq!(request.uri(), "/hook?account=1&token=a+secret+for+tests");
    assert!(
        request
            .clone()
            .forged()
            .uri()
            .starts_with("/hook?account=1&token=a+secret+for+tests")
    );
    assert_ne!(request.clone().forged().uri(), request.uri());
    assert_eq!(request.unsigned().uri(), "/hook?account=1");

    let delivery = Delivery::<Tomba>::from_storage(tomba::EMAIL_VERIFIER.body());
    assert!(delivery.read_as::<LookupResult<EmailVerifier>>().is_ok());
}

#[test]
#[should_panic(expected = "can't change `data.laed.name`")]
fn a_misspelled_path_fails_the_test() {
    let _ = graphoid::LEAD_WON.request().set("data.laed.name", "Acme");
}

#[test]
#[should_panic(expected = "can't change `data.lead.surname`")]
fn a_missing_value_can_not_be_removed() {
    let _ = graphoid::LEAD_WON.request().remove("data.lead.surname");
}

#[cfg(any(feature = "axum", feature = "tower"))]
#[test]
fn it_converts_into_requests_with_any_body() {
    let sample = graphoid::LEAD_WON
        .request()
        .sign(&secret(SECRET))
        .with_path("/hook");
    let bytes: http::Request<Vec<u8>> = sample.clone().try_into().unwrap();
    assert_eq!(bytes.method(), "POST");
    assert_eq!(bytes.uri(), "/hook");
    assert_eq!(bytes.headers()["content-type"], "application/json");
    assert_eq!(bytes.body(), sample.body());
    assert!(bytes.headers().contains_key("x-graphoid-signature"));

    let _: http::Request<axum::body::Body> = sample.clone().try_into().unwrap();
    let _: http::Request<http_body_util::Full<bytes::Bytes>> = sample.clone().try_into().unwrap();
    let _: http::Request<reqwest::Body> = sample.clone().try_into().unwrap();

    let nowhere = sample.with_path("no path");
    assert!(http::Request::<Vec<u8>>::try_from(nowhere).is_err());
}

#[cfg(feature = "actix")]
#[test]
fn it_converts_into_a_test_request_of_actix() {
    use actix_web::{FromRequest, test::TestRequest, web::Bytes};

    let sample = graphoid::LEAD_WON
        .request()
        .sign(&secret(SECRET))
        .with_path("/hook");
    let (request, mut payload) = TestRequest::from(sample.clone()).to_http_parts();
    assert_eq!(
        (request.method().as_str(), request.path()),
        ("POST", "/hook")
    );
    assert!(request.headers().contains_key("x-graphoid-signature"));
    let body = Bytes::from_request(&request, &mut payload);
    let body = actix_web::rt::System::new().block_on(body).unwrap();
    assert_eq!(&body, sample.body());
}

#[test]
fn a_sample_is_named_as_its_constant() {
    assert_eq!(graphoid::LEAD_WON.name(), "lead-won");
    assert_eq!(format!("{:?}", graphoid::LEAD_WON), "Sample(lead-won)");
}

fn questions(request: &SampleRequest<ScoreApp>) -> Vec<serde_json::Value> {
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    body["data"]["quiz_questions"].as_array().unwrap().clone()
}

#[test]
fn an_element_of_a_list_is_removed_by_its_index() {
    let request = scoreapp::QUIZ_FINISHED.request();
    let all = questions(&request);
    assert_eq!(
        questions(&request.remove("data.quiz_questions[0]")),
        all[1..]
    );
}

#[test]
#[should_panic(expected = "can't change `data.quiz_questions[")]
fn the_index_after_the_end_of_a_list_can_not_be_removed() {
    let request = scoreapp::QUIZ_FINISHED.request();
    let count = questions(&request).len();
    let _ = request.remove(&format!("data.quiz_questions[{count}]"));
}

#[test]
fn the_documentation_shows_the_bodies() {
    fn check<P: Provider>(samples: &[Sample<P>]) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/samples/docs");
        for sample in samples {
            let shown = fs::read_to_string(folder.join(sample.name()).with_extension("md"));
            let shown = shown.unwrap();
            let shown = shown.strip_prefix("```json\n").unwrap();
            let shown = shown.strip_suffix("```\n").unwrap();
            assert_eq!(without_layout(shown), sample.body(), "{sample:?}");
        }
    }

    check(grader::ALL);
    check(graphoid::ALL);
    check(scoreapp::ALL);
    check(tomba::ALL);
}

/// Removes the white space between the tokens of a JSON text without escaped quotes.
fn without_layout(json: &str) -> String {
    let texts = json
        .split('"')
        .enumerate()
        .map(|(index, text)| match index % 2 {
            0 => text.split_whitespace().collect(),
            _ => text.to_owned(),
        });
    texts.collect::<Vec<_>>().join("\"")
}
