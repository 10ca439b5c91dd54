//! The receiver: a route for each provider's events, and one `Dedup` for all.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    extract::{FromRef, State},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use leadhook::{
    Envelope, Event, NameError, Receiver, Rejection, Secret, Webhook,
    dedup::{Dedup, Outcome},
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};

/// The text of the response to a duplicate.
pub(crate) const DUPLICATE: &str = "a duplicate, not handled again";

pub(crate) fn app(secret: &Secret) -> Result<Router, NameError> {
    let dedup = Dedup::default();
    let header = Receiver::header_token("x-webhook-token", secret)?;
    // Two lookups can send the same bytes. With a scope they are different events.
    let query = Receiver::query_token("token", secret)?;
    let query = |scope| query.clone().with_scope(scope);
    let app = Router::new()
        .merge(route::<GraderEvent>(
            "/grader",
            Receiver::new(secret),
            &dedup,
        ))
        .merge(route::<GraphoidEvent>(
            "/graphoid",
            Receiver::new(secret),
            &dedup,
        ))
        .merge(route::<ScoreAppEvent>(
            "/scoreapp",
            Receiver::new(secret),
            &dedup,
        ))
        .merge(route::<SaveLead>("/tomba/save-lead", header, &dedup))
        .merge(route::<LookupResult<EmailVerifier>>(
            "/tomba/email-verifier",
            query("email-verifier"),
            &dedup,
        ))
        .merge(route::<LookupResult<EmailFinder>>(
            "/tomba/email-finder",
            query("email-finder"),
            &dedup,
        ))
        .merge(route::<LookupResult<DomainSearch>>(
            "/tomba/domain-search",
            query("domain-search"),
            &dedup,
        ))
        .merge(route::<LookupResult<AuthorFinder>>(
            "/tomba/author-finder",
            query("author-finder"),
            &dedup,
        ))
        .merge(route::<LookupResult<PhoneFinder>>(
            "/tomba/phone-finder",
            query("phone-finder"),
            &dedup,
        ))
        .merge(route::<LookupResult<PhoneValidator>>(
            "/tomba/phone-validator",
            query("phone-validator"),
            &dedup,
        ))
        .layer(middleware::map_response(explain));
    Ok(app)
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
    let work = async { Ok::<_, Infallible>(describe(&envelope)) };
    match account.dedup.once(&delivery, work).await {
        Ok(Outcome::AlreadyHandled) => DUPLICATE.into_response(),
        result => result.into_response(),
    }
}

/// The event's name and its lead, in one line.
fn describe<E: Event>(envelope: &Envelope<E>) -> String {
    let event = envelope.name();
    if !E::NAMES.contains(&event) {
        return format!("{event}: unknown event, accepted");
    }
    let Some(lead) = envelope.lead() else {
        return format!("{event}: no lead");
    };
    let name = lead.full_name.or(lead.company).or(lead.phone);
    let email = lead.email.map(|email| format!("<{email}>"));
    let who = [name, email]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let score = lead.score.map(|score| format!("score {score}"));
    let facts = [Some(who), score, lead.rating]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    format!("{event}: {facts}")
}

/// Writes the reason of a rejection into the response, so that the demo can print it.
///
/// A real receiver logs the reason and doesn't tell it to the client.
async fn explain(mut response: Response) -> Response {
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        let reason = format!("rejected: {rejection}");
        *response.body_mut() = Body::from(reason);
    }
    response
}
