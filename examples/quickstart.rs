//! Signs, verifies and reads an event of each provider, and shows that a forged one is rejected.

use std::error::Error;

use leadhook::{
    Delivery, Grader, Graphoid, Receiver, ScoreApp, Secret, Signer, Tomba,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{EmailVerifier, LookupResult},
};

fn main() -> Result<(), Box<dyn Error>> {
    // The provider's side has a body and a signature for each event.
    let secret = Secret::new("whsec_5d41402abc4b")?;
    let submission = r#"{"event":"submission.scored","webhook_id":"wh_abc123","data":{
        "submission":{"id":"sub_xyz789","score":87,"grade":"hot","form_data":{"email":"john.doe@acme.com"}}}}"#;
    let lead = r#"{"event":"lead.won","id":"evt_0001","data":{"lead":{"id":"lead_0001","name":"Acme Corp","value":45000}}}"#;
    let quiz = r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1e11c712","email":"example@example.com",
        "total_score":{"actual":"67.00","percent":54,"tier":"medium"}}}"#;
    let verified = r#"{"data":{"email":{"email":"ann.lee@example.com","result":"deliverable"}}}"#;
    let (_, submission_signature) = Signer::<Grader>::new(&secret).header(submission.as_bytes());
    let (_, lead_signature) = Signer::<Graphoid>::new(&secret).header(lead.as_bytes());
    let (_, quiz_signature) = Signer::<ScoreApp>::new(&secret).header(quiz.as_bytes());

    // Your side has a receiver for each provider, which turns a header's value and a body into a delivery.
    let grader = Receiver::<Grader>::new(&secret);
    let graphoid = Receiver::<Graphoid>::new(&secret);
    let scoreapp = Receiver::<ScoreApp>::new(&secret);
    let tomba = Receiver::<Tomba>::query_token("token", &secret)?;

    scored(&grader.authenticate([&submission_signature], submission)?)?;
    won(&graphoid.authenticate([&lead_signature], lead)?)?;
    finished(&scoreapp.authenticate([&quiz_signature], quiz)?)?;
    looked_up(&tomba.authenticate(["whsec_5d41402abc4b"], verified)?)?;

    // A body that was not signed with the secret is rejected.
    match grader.authenticate([&quiz_signature], submission) {
        Ok(_) => Err("a forged request was accepted".into()),
        Err(error) => {
            println!("rejected: {error}");
            Ok(())
        }
    }
}

fn scored(delivery: &Delivery<Grader>) -> Result<(), Box<dyn Error>> {
    let envelope = delivery.read()?;
    match &envelope.event {
        GraderEvent::SubmissionScored(scored) => {
            let email = scored.submission.form_data.email();
            println!("grader: {email:?} scored {:?}", scored.submission.score);
        }
        other => println!("grader: nothing to do for {other:?}"),
    }
    Ok(())
}

fn won(delivery: &Delivery<Graphoid>) -> Result<(), Box<dyn Error>> {
    match delivery.read()?.event {
        GraphoidEvent::LeadWon(won) => {
            let (name, value) = (won.lead.name, won.lead.value);
            println!("graphoid: {name:?} is won, worth {value:?}");
        }
        other => println!("graphoid: nothing to do for {other:?}"),
    }
    Ok(())
}

fn finished(delivery: &Delivery<ScoreApp>) -> Result<(), Box<dyn Error>> {
    match delivery.read()?.event {
        ScoreAppEvent::QuizFinished(quiz) => {
            let percent = quiz.total_score.and_then(|score| score.percent);
            println!("scoreapp: {:?} reached {percent:?} %", quiz.email);
        }
        other => println!("scoreapp: nothing to do for {other:?}"),
    }
    Ok(())
}

/// Tomba's bodies don't name the lookup, so the type is chosen by the route.
fn looked_up(delivery: &Delivery<Tomba>) -> Result<(), Box<dyn Error>> {
    match delivery.read_as::<LookupResult<EmailVerifier>>()?.event {
        LookupResult::Found(EmailVerifier { email, .. }) => {
            println!("tomba: {:?} is {:?}", email.email, email.result);
        }
        other => println!("tomba: nothing to do for {other:?}"),
    }
    Ok(())
}
