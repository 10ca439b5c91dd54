//! Accepts deliveries.

use leadhook::{Delivery, Provider, dedup::Key};

use crate::{
    backend::{Backend, Value},
    cipher::BodyContext,
    error::Error,
    inbox::{Inbox, millis, within},
    log::log,
};

/// The result of accepting a delivery. Respond with 200 to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third case")]
pub enum Accepted {
    /// The event was stored.
    New,
    /// The event is stored already. It is counted, and nothing else happens.
    Duplicate,
}

impl<B: Backend> Inbox<B> {
    /// Stores a delivery, to be handled by the workers' handler for `source`.
    ///
    /// When it returns, the delivery is committed and flushed to the database's disk, whatever the
    /// pool's settings say. It returns within the provider's
    /// [`RESPOND_WITHIN`](Provider::RESPOND_WITHIN), so that a response arrives while the provider still
    /// waits.
    ///
    /// ```
    /// use leadhook::{Delivery, Grader};
    /// use leadhook_inbox::{Accepted, Inbox};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let inbox = Inbox::temporary().await?;
    /// # let delivery = Delivery::<Grader>::from_storage("{}");
    /// let status = match inbox.accept("grader", &delivery).await {
    ///     Ok(Accepted::New | Accepted::Duplicate) => 200,
    ///     Err(_) => 503, // logged; the provider will retry
    /// };
    /// # assert_eq!(status, 200);
    /// # Ok::<(), leadhook_inbox::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not certain that the delivery is stored. Respond with 503: if it was stored after all,
    /// the provider's retry is a duplicate.
    pub async fn accept<P: Provider>(
        &self,
        source: &str,
        delivery: &Delivery<P>,
    ) -> Result<Accepted, Error> {
        let key = delivery.key();
        let accepted = within(P::RESPOND_WITHIN, async {
            let (body, body_cipher) = self.seal(key, source, delivery.body())?;
            let insert = self
                .statement(include_str!("sql/accept.sql"))
                .bind(key.to_string())
                .bind(source)
                .bind(body)
                .bind(body_cipher)
                .bind(millis(P::RETRY_WINDOW));
            self.store(insert).await
        })
        .await;
        match &accepted {
            Ok(accepted) => log(|| tracing::debug!(source, %key, ?accepted, "delivery accepted")),
            Err(error) => log(|| tracing::error!(source, %key, %error, "delivery not accepted")),
        }
        if matches!(accepted, Ok(Accepted::New)) {
            self.wake();
        }
        accepted
    }

    /// The body as it is stored, and the name of the key that encrypted it.
    fn seal(&self, key: Key, source: &str, body: &[u8]) -> Result<(Vec<u8>, Value), Error> {
        match self.cipher() {
            None => Ok((body.to_vec(), Value::Text(None))),
            Some(cipher) => {
                let sealed = cipher.encrypt(BodyContext { key, source }, body)?;
                Ok((sealed, cipher.key_name().into()))
            }
        }
    }
}
