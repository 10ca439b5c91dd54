//! Hands verified deliveries over to NATS JetStream before the response.

use std::{env, error::Error, time::Duration};

use async_nats::jetstream::{
    AckKind, Context, ContextBuilder, consumer::pull, message::PublishMessage, stream,
};
use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::post,
};
use futures_util::StreamExt;
use leadhook::{Delivery, Graphoid, Provider, ReadError, Receiver, Secret};
use tokio::net::TcpListener;

#[derive(Clone, FromRef)]
struct App {
    receiver: Receiver<Graphoid>,
    jetstream: Context,
}

/// Responds with 200 only after the server has stored the delivery, now or before.
async fn graphoid(
    State(jetstream): State<Context>,
    delivery: Delivery<Graphoid>,
) -> StatusCode {
    let message = PublishMessage::build()
        .message_id(delivery.key().to_string())
        .payload(delivery.body().clone());
    let sent = async {
        jetstream
            .send_publish("leads.graphoid", message)
            .await?
            .await
    };
    match tokio::time::timeout(Graphoid::RESPOND_WITHIN, sent).await {
        Ok(Ok(_)) => StatusCode::OK, // also for a duplicate
        Ok(Err(error)) => {
            eprintln!("not stored: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE, // the provider retries
    }
}

/// Handles the deliveries of the stream, in this or in another process.
async fn work(jetstream: &Context) -> Result<(), async_nats::Error> {
    let config = pull::Config {
        durable_name: Some("crm".into()),
        filter_subject: "leads.graphoid".into(),
        ..Default::default()
    };
    let stream = jetstream.get_stream("LEADS").await?;
    let consumer = stream.get_or_create_consumer("crm", config).await?;
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        // The receiver has verified it, and nobody else may publish to the subject.
        let delivery = Delivery::<Graphoid>::from_storage(message.payload.clone());
        match handle(&delivery) {
            Ok(()) => message.ack().await?,
            Err(error) => {
                eprintln!("not handled: {error}");
                let later = AckKind::Nak(Some(Duration::from_secs(30)));
                message.ack_with(later).await?;
            }
        }
    }
    Ok(())
}

fn handle(delivery: &Delivery<Graphoid>) -> Result<(), ReadError> {
    let envelope = delivery.read()?;
    println!("handled {} {:?}", envelope.name(), envelope.id);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let receiver = Receiver::new(&Secret::from_env("GRAPHOID_WEBHOOK_SECRET")?);
    let client = async_nats::connect(env::var("NATS_URL")?).await?;
    let jetstream = ContextBuilder::new()
        .timeout(Graphoid::RESPOND_WITHIN)
        .build(client);
    let config = stream::Config {
        name: "LEADS".into(),
        subjects: vec!["leads.>".into()],
        // By default, a duplicate is noticed for two minutes only.
        duplicate_window: Graphoid::RETRY_WINDOW,
        ..Default::default()
    };
    jetstream.get_or_create_stream(config).await?;

    let worker = jetstream.clone();
    tokio::spawn(async move {
        loop {
            if let Err(error) = work(&worker).await {
                eprintln!("the worker is interrupted: {error}");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });

    let app = Router::new()
        .route("/webhooks/graphoid", post(graphoid))
        .with_state(App {
            receiver,
            jetstream,
        });
    let address = env::var("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
