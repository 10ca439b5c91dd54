//! The check that an event type keeps the contract of [`Event`].

use crate::provider::{Event, Layout, Provider};
use crate::read::envelope::Envelope;
use crate::read::error::ReadError;
use crate::read::json::Json;
use crate::read::pass::Pass;
use crate::read::{fast, second, slices};

/// The error returned by [`Envelope::check_contract`] if an event type breaks the contract of [`Event`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// The body can't be read.
    #[error("the body can't be read: {0}")]
    Unreadable(ReadError),
    /// [`Event::read_fast`] accepts the body, but [`Event::read`] reads another event from it.
    #[error("`read_fast` and `read` read different events")]
    FastReadDiffers,
    /// [`Event::name`] does not return the name in the body.
    #[error("`name` does not return the name in the body")]
    NameDiffers,
    /// The event can't be serialized.
    #[error("the event can't be serialized")]
    NotSerializable,
    /// The serialized event can't be read.
    #[error("the serialized event can't be read: {0}")]
    WrittenUnreadable(ReadError),
    /// An event that is serialized and read again is not equal.
    #[error("an event that is serialized and read again is not equal")]
    WrittenDiffers,
}

impl<E: Event + PartialEq> Envelope<E> {
    /// Checks with a body that your event type keeps the contract of [`Event`], for tests.
    ///
    /// The body is read in both ways, serialized and read again. All results must be equal, and the
    /// event's name must be the name in the body. Call it with a body of each event, and with an event
    /// that your type does not know.
    ///
    /// ```
    /// use leadhook::{Envelope, graphoid::GraphoidEvent};
    ///
    /// let body = r#"{"event":"lead.won","data":{"lead":{"id":"lead_4mNp"}}}"#;
    /// let envelope = Envelope::<GraphoidEvent>::check_contract(body)?;
    /// assert!(envelope.event.is_known());
    /// # use leadhook::Event;
    ///
    /// let unknown = r#"{"event":"lead.vanished","data":[1,2.50]}"#;
    /// let envelope = Envelope::<GraphoidEvent>::check_contract(unknown)?;
    /// assert!(!envelope.event.is_known());
    /// # Ok::<(), leadhook::ContractError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ContractError`] that says which part of the contract is broken.
    pub fn check_contract(body: impl AsRef<[u8]>) -> Result<Self, ContractError> {
        let text = slices::utf8(body.as_ref()).map_err(ContractError::Unreadable)?;
        let pass = Pass::new(text);
        let read = second::read::<E>(text, &pass);
        if let Some(fast) = fast::read(text)
            && !read.as_ref().is_ok_and(|envelope| *envelope == fast)
        {
            return Err(ContractError::FastReadDiffers);
        }
        let envelope = read.map_err(ContractError::Unreadable)?;
        if let Layout::Enveloped(keys) = E::Provider::LAYOUT {
            let body = Json::new(text.trim_ascii(), &pass);
            let name = body.get(keys.event).and_then(Json::text);
            if name.as_deref() != Some(envelope.name()) {
                return Err(ContractError::NameDiffers);
            }
        }
        let written = serde_json::to_vec(&envelope).map_err(|_| ContractError::NotSerializable)?;
        let again = Self::parse(written).map_err(ContractError::WrittenUnreadable)?;
        if again == envelope {
            Ok(envelope)
        } else {
            Err(ContractError::WrittenDiffers)
        }
    }
}
