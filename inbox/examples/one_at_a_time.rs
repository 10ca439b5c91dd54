//! 200 events of 20 people come in a burst, and their handlers look people up in a CRM that has no unique index.
//!
//! ```text
//! cargo run --release -p leadhook-inbox --example one_at_a_time --features axum
//! ```

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use leadhook::{Delivery, Event as _, ScoreApp, scoreapp::ScoreAppEvent};
use leadhook_inbox::{Backend, Failure, Inbox, Job, OrFail as _, Source};
use serde_json::json;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const PEOPLE: usize = 20;
const EVENTS: usize = 200;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    for one_at_a_time in [false, true] {
        let inbox = Inbox::temporary().await?;
        let contacts = burst(&inbox, one_at_a_time).await?;
        let how = if one_at_a_time {
            "one at a time"
        } else {
            "several at a time"
        };
        println!("{how}: {contacts} contacts of {PEOPLE} people");
    }
    Ok(())
}

/// Returns how many contacts the CRM has in the end.
///
/// # Errors
///
/// If the inbox or the CRM fails.
pub async fn burst<B: Backend>(inbox: &Inbox<B>, one_at_a_time: bool) -> Result<usize, AnyError> {
    let crm = Crm::start().await?;
    let source = inbox.source::<ScoreApp>("scoreapp");
    let source = if one_at_a_time {
        source.one_at_a_time()
    } else {
        source
    };
    for event in 0..EVENTS {
        accept(&source, event).await?;
    }
    let url = crm.url.clone();
    let client = reqwest::Client::new();
    let upsert = move |job: Job<ScoreAppEvent, B>| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let lead = job.event().lead();
            let email = lead.and_then(|lead| lead.email).unwrap_or_default();
            upsert(&client, &url, &email).await?;
            Ok::<_, Failure>(job.done())
        }
    };
    let workers = inbox.workers().concurrency(8).on(&source, upsert);
    let workers = workers.start().await?;
    while inbox
        .stats()
        .await?
        .iter()
        .any(|stats| stats.waiting + stats.in_progress > 0)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    workers.shutdown(Duration::from_secs(5)).await;
    let contacts = crm.contacts.lock().map(|contacts| contacts.len());
    contacts.map_err(|_| "the CRM panicked".into())
}

async fn accept<B: Backend>(source: &Source<ScoreApp, B>, event: usize) -> Result<(), AnyError> {
    // Those of one person come together, as they do in life.
    let person = event / (EVENTS / PEOPLE);
    let body = json!({
        "event_name": "LEAD_SIGNED_UP",
        "data": {"id": format!("{person}-{event}"), "email": format!("person{person}@example.com")},
    });
    source
        .accept(&Delivery::from_storage(body.to_string()))
        .await?;
    Ok(())
}

/// What most handlers do: look the contact up, and create it if there is none.
async fn upsert(client: &reqwest::Client, url: &str, email: &str) -> Result<(), Failure> {
    let found = client.get(format!("{url}?email={email}")).send().await;
    let found = found.or_retry("crm")?.bytes().await.or_retry("crm")?;
    if found.as_ref() == b"unknown" {
        let created = client.post(format!("{url}?email={email}")).send().await;
        created.or_retry("crm")?;
    }
    Ok(())
}

/// A CRM that takes what it gets.
struct Crm {
    url: String,
    contacts: Contacts,
}

type Contacts = Arc<Mutex<Vec<String>>>;

impl Crm {
    async fn start() -> Result<Self, AnyError> {
        let contacts = Contacts::default();
        let router = Router::new()
            .route("/contacts", get(find).post(create))
            .with_state(contacts.clone());
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}/contacts", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, contacts })
    }
}

#[derive(serde::Deserialize)]
struct Contact {
    email: String,
}

async fn find(State(contacts): State<Contacts>, Query(contact): Query<Contact>) -> &'static str {
    let found = contacts
        .lock()
        .is_ok_and(|all| all.contains(&contact.email));
    // As far away as a CRM is.
    tokio::time::sleep(Duration::from_millis(10)).await;
    if found { "known" } else { "unknown" }
}

async fn create(State(contacts): State<Contacts>, Query(contact): Query<Contact>) {
    if let Ok(mut contacts) = contacts.lock() {
        contacts.push(contact.email);
    }
}
