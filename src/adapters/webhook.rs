//! The value of the extractors, which is a delivery with its event.

use core::fmt;

use crate::delivery::Delivery;
use crate::provider::{Event, Provider};
use crate::read::envelope::Envelope;
use crate::rejection::Rejection;

/// A verified delivery from provider `P` with its event, extracted by axum or actix-web.
///
/// The event has the provider's own type by default. For a route that receives the results of one
/// Tomba lookup, choose the type: `Webhook<Tomba, LookupResult<EmailVerifier>>`.
///
/// A request that is not authentic, or whose event can't be read, is rejected before the handler runs.
/// [`Delivery<P>`](Delivery) is also an extractor. It accepts every authentic body, so use it to store
/// bodies that can't be read.
///
#[cfg_attr(
    feature = "axum",
    doc = r#"
```
use axum::{Router, routing::post};
use leadhook::{Graphoid, Receiver, Secret, Webhook, graphoid::GraphoidEvent};

async fn graphoid(webhook: Webhook<Graphoid>) {
    match &webhook.envelope.event {
        GraphoidEvent::LeadWon(won) => println!("{:?} is won", won.lead.name),
        _ => println!("{} bytes", webhook.delivery.body().len()),
    }
}

let app: Router = Router::new()
    .route("/webhooks/graphoid", post(graphoid))
    .with_state(Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b")?));
# Ok::<(), leadhook::SecretError>(())
```
"#
)]
///
/// With the `tracing` feature, an unknown event is logged, and so is the number of parts of the body that
/// the event does not contain, which [`Delivery::unread`] lists. The guide has
/// [the messages and fields](https://docs.rs/leadhook/latest/leadhook/guide/metrics/).
#[non_exhaustive]
pub struct Webhook<P: Provider, E: Event<Provider = P> = <P as Provider>::Event> {
    /// The proof that the provider sent the request, and its bytes.
    pub delivery: Delivery<P>,
    /// The event with its envelope.
    pub envelope: Envelope<E>,
}

impl<P: Provider, E: Event<Provider = P>> Webhook<P, E> {
    /// Reads the event of a delivery, and logs as the extractors do.
    ///
    /// # Errors
    ///
    /// The rejection of a delivery that can't be read.
    pub fn read(delivery: Delivery<P>) -> Result<Self, Rejection> {
        match delivery.read_as() {
            Ok(envelope) => {
                trace(&delivery, &envelope);
                Ok(Self { delivery, envelope })
            }
            Err(error) => Err(Rejection::unreadable(&delivery, error)),
        }
    }
}

/// Logs an unknown event, and the number of parts that the typed event does not contain.
#[cfg(feature = "tracing")]
fn trace<P: Provider, E: Event<Provider = P>>(delivery: &Delivery<P>, envelope: &Envelope<E>) {
    if !envelope.event.is_known() {
        let body_length = delivery.body().len();
        tracing::info!(provider = P::NAME, body_length, "unknown event");
    }
    delivery.trace_unread(envelope);
}

#[cfg(not(feature = "tracing"))]
fn trace<P, E>(_: &Delivery<P>, _: &Envelope<E>) {}

impl<P: Provider, E: Event<Provider = P> + Clone> Clone for Webhook<P, E> {
    fn clone(&self) -> Self {
        Self {
            delivery: self.delivery.clone(),
            envelope: self.envelope.clone(),
        }
    }
}

impl<P: Provider, E: Event<Provider = P> + fmt::Debug> fmt::Debug for Webhook<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("delivery", &self.delivery)
            .field("envelope", &self.envelope)
            .finish()
    }
}
