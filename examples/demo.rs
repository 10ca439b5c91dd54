//! The whole thing in one command: starts a receiver on a free port, sends it deliveries of every
//! sender over HTTP, good, forged, repeated and broken ones, and prints what came of each.
//!
//! It ends with 0 only if all came out as they must.

use std::{convert::Infallible, error::Error, process::ExitCode};

use axum::{
    Router,
    extract::{FromRef, State},
    response::{IntoResponse, Response},
    routing::post,
};
use leadhook::{
    Event, Provider, Receiver, Secret, SignedProvider, Signer, Tomba,
    axum::Webhook,
    dedup::{Dedup, Outcome},
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    samples::{self, Sample, SampleRequest},
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let secret = Secret::new("a secret of the demo")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, app(&secret)).into_future());

    println!(
        "{:<10}{:<36}{:<8}{:<8}came of it",
        "sender", "delivery", "must be", "is"
    );
    // A connection that was closed after a refusal is not taken again.
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0);
    let client = client.build()?;
    let mut wrong = 0;
    for case in cases(&secret, &Secret::new("a secret of somebody else")?) {
        let mut request = client.post(format!("http://{address}{}", case.uri));
        for (name, value) in case.headers {
            request = request.header(name, value);
        }
        let answer = request.body(case.body).send().await?;
        let status = answer.status().as_u16();
        let came_of_it = answer.text().await?;
        let word = came_of_it.split(' ').next().unwrap_or_default();
        let is_right = status == case.status && word == case.word;
        println!(
            "{:<10}{:<36}{:<8}{status:<8}{}{}",
            case.sender,
            case.delivery,
            case.status,
            if came_of_it.is_empty() {
                "refused"
            } else {
                &came_of_it
            },
            if is_right { "" } else { "  WRONG" },
        );
        wrong += usize::from(!is_right);
    }
    println!("\n{wrong} came out other than they must");
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cases(secret: &Secret, other: &Secret) -> Vec<Case> {
    let grader = [
        r#"{"event":"grader.cloned"}"#,
        r#"{"event":"submission.scored","data":{"score":87}}"#,
    ];
    let graphoid = [
        r#"{"event":"lead.merged","id":"evt_1"}"#,
        r#"{"event":"lead.won","id":"evt_2","data":{"lead":[]}}"#,
    ];
    let scoreapp = [
        r#"{"event_name":"QUIZ_PAUSED","data":{}}"#,
        r#"{"event_name":"QUIZ_STARTED","data":{"status":"Started"}}"#,
    ];
    let mut cases = signed("/grader", samples::grader::ALL, grader, secret, other);
    cases.extend(signed(
        "/graphoid",
        samples::graphoid::ALL,
        graphoid,
        secret,
        other,
    ));
    cases.extend(signed(
        "/scoreapp",
        samples::scoreapp::ALL,
        scoreapp,
        secret,
        other,
    ));
    cases.extend(with_tokens(secret, other));
    cases
}

/// The receiver: a route for each kind of event, and one guard against repeats for all.
fn app(secret: &Secret) -> Router {
    let dedup = Dedup::default();
    let lead = Receiver::header_token("x-webhook-token", &secret.clone());
    let result = Receiver::query_token("token", &secret.clone());
    Router::new()
        .merge(route::<GraderEvent>(
            "/grader",
            Receiver::new(&secret.clone()),
            &dedup,
        ))
        .merge(route::<GraphoidEvent>(
            "/graphoid",
            Receiver::new(&secret.clone()),
            &dedup,
        ))
        .merge(route::<ScoreAppEvent>(
            "/scoreapp",
            Receiver::new(&secret.clone()),
            &dedup,
        ))
        .merge(route::<SaveLead>("/tomba/save-lead", lead, &dedup))
        .merge(route::<LookupResult<EmailVerifier>>(
            "/tomba/email-verifier",
            result.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<EmailFinder>>(
            "/tomba/email-finder",
            result.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<DomainSearch>>(
            "/tomba/domain-search",
            result.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<AuthorFinder>>(
            "/tomba/author-finder",
            result.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<PhoneFinder>>(
            "/tomba/phone-finder",
            result.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<PhoneValidator>>(
            "/tomba/phone-validator",
            result,
            &dedup,
        ))
}

fn route<E: Event + Send + Sync + 'static>(
    path: &str,
    receiver: Receiver<E::Provider>,
    dedup: &Dedup,
) -> Router {
    let dedup = dedup.clone();
    Router::new()
        .route(path, post(receive::<E>))
        .with_state(Account { receiver, dedup })
}

struct Account<P> {
    receiver: Receiver<P>,
    dedup: Dedup,
}

impl<P> Clone for Account<P> {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            dedup: self.dedup.clone(),
        }
    }
}

impl<P> FromRef<Account<P>> for Receiver<P> {
    fn from_ref(account: &Account<P>) -> Self {
        account.receiver.clone()
    }
}

async fn receive<E: Event + Sync>(
    State(account): State<Account<E::Provider>>,
    Webhook {
        delivery, envelope, ..
    }: Webhook<E::Provider, E>,
) -> Response {
    let work = async { Ok::<_, Infallible>(format!("handled {}", envelope.name())) };
    match account.dedup.once(delivery.key(), work).await {
        Ok(Outcome::AlreadyHandled) => "repeat".into_response(),
        other => other.into_response(),
    }
}

/// A delivery, and what must come of it.
struct Case {
    sender: &'static str,
    delivery: String,
    uri: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    status: u16,
    /// The first word of the answer: `handled`, `repeat`, or none where it is refused.
    word: &'static str,
}

impl Case {
    fn new<P: Provider>(delivery: &str, request: &SampleRequest<P>) -> Self {
        Self {
            sender: P::NAME,
            delivery: delivery.into(),
            uri: request.uri(),
            headers: request
                .headers()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: request.body().to_vec(),
            status: 200,
            word: "handled",
        }
    }

    fn repeat(self) -> Self {
        Self {
            word: "repeat",
            ..self
        }
    }

    fn refused(self, status: u16) -> Self {
        Self {
            status,
            word: "",
            ..self
        }
    }

    fn with_header(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What a sender that signs may send. The two bodies are of an unknown event, and of a known one in an
/// unknown shape.
fn signed<P: SignedProvider>(
    path: &str,
    samples: &[Sample<P>],
    [unknown, misshapen]: [&'static str; 2],
    secret: &Secret,
    other: &Secret,
) -> Vec<Case> {
    let sign = |body: &'static str| SampleRequest::<P>::new(body).with_path(path).sign(secret);
    let good = samples
        .iter()
        .map(|sample| Case::new(sample.name(), &sign(sample.body())));
    let mut cases: Vec<Case> = good.collect();

    let body = samples.first().map_or(unknown, Sample::body);
    let request = SampleRequest::<P>::new(body).with_path(path);
    let (header, signature) = Signer::<P>::new(secret).header(body.as_bytes());
    let signature = signature.as_bytes();
    cases.extend([
        Case::new("the first one again", &sign(body)).repeat(),
        Case::new("an event that is new", &sign(unknown)),
        Case::new("a known event in an unknown shape", &sign(misshapen)).refused(422),
        Case::new("no JSON", &sign("event=lead")).refused(400),
        Case::new("signed with another secret", &request.clone().sign(other)).refused(401),
        Case::new(
            "changed after it was signed",
            &SampleRequest::<P>::new(misshapen).with_path(path),
        )
        .with_header(header, signature)
        .refused(401),
        Case::new("unsigned", &request).refused(401),
        Case::new("signed twice", &sign(body))
            .with_header(header, signature)
            .refused(401),
        Case::new("compressed, as it says", &sign(body))
            .with_header("content-encoding", b"gzip")
            .refused(415),
        Case::new(
            "more than 2 MiB",
            &SampleRequest::<P>::new(vec![b' '; (2 << 20) + 1])
                .with_path(path)
                .sign(secret),
        )
        .refused(413),
    ]);
    cases
}

/// What Tomba may send, with a token in the header for a saved lead, and in the query for a look-up.
fn with_tokens(secret: &Secret, other: &Secret) -> Vec<Case> {
    let authenticate = |sample: &Sample<Tomba>, token: &Secret| {
        let request = sample
            .request()
            .with_path(&format!("/tomba/{}", sample.name()));
        if sample.name() == samples::tomba::SAVE_LEAD.name() {
            request.with_header_token("x-webhook-token", token)
        } else {
            request.with_query_token("token", token)
        }
    };
    let good = samples::tomba::ALL.iter();
    let mut cases: Vec<Case> = good
        .map(|sample| Case::new(sample.name(), &authenticate(sample, secret)))
        .collect();
    for sample in [samples::tomba::SAVE_LEAD, samples::tomba::EMAIL_VERIFIER] {
        let again = authenticate(&sample, secret);
        let forged = authenticate(&sample, other);
        let bare = sample
            .request()
            .with_path(&format!("/tomba/{}", sample.name()));
        let name = sample.name();
        cases.extend([
            Case::new(&format!("{name} again"), &again).repeat(),
            Case::new(&format!("{name}, another token"), &forged).refused(401),
            Case::new(&format!("{name}, no token"), &bare).refused(401),
        ]);
    }
    cases
}
