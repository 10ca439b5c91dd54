//! The extractor's value: a delivery that was read.

use core::fmt;

use crate::delivery::Delivery;
use crate::provider::{Event, Provider};
use crate::read::envelope::Envelope;
use crate::rejection::Rejection;

/// A delivery of the provider `P`, read as the event `E`. It is an extractor of axum and actix-web.
///
/// `E` is the provider's own enum unless told otherwise: `Webhook<Tomba, LookupResult<EmailVerifier>>` is what a
/// route for one look-up takes. [`Delivery<P>`](Delivery) alone is an extractor too, which accepts a
/// body of any shape: take it to store what could not be read, and to answer 200.
#[non_exhaustive]
pub struct Webhook<P: Provider, E = <P as Provider>::Event> {
    /// The proof that the sender sent it, and the bytes as they were received.
    pub delivery: Delivery<P>,
    /// What the sender says.
    pub envelope: Envelope<E>,
}

impl<P: Provider, E: Event<Provider = P>> Webhook<P, E> {
    pub(super) fn read(delivery: Delivery<P>) -> Result<Self, Rejection> {
        match delivery.read_as() {
            Ok(envelope) => {
                #[cfg(feature = "tracing")]
                delivery.trace_unread(&envelope);
                Ok(Self { delivery, envelope })
            }
            Err(error) => Err(Rejection::unreadable(&delivery, error)),
        }
    }
}

impl<P: Provider, E: Clone> Clone for Webhook<P, E> {
    fn clone(&self) -> Self {
        Self {
            delivery: self.delivery.clone(),
            envelope: self.envelope.clone(),
        }
    }
}

impl<P: Provider, E: fmt::Debug> fmt::Debug for Webhook<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("delivery", &self.delivery)
            .field("envelope", &self.envelope)
            .finish()
    }
}
