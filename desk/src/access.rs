//! What somebody may do, as the application decides for each request.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{Response, request::Parts};

/// What whoever sent a request may do. By default nothing.
///
/// ```
/// use leadhook_desk::Access;
///
/// let mut access = Access::none();
/// access.name = "ann".into();
/// access.look = true;
/// access.replay = true;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each right is given or not")]
pub struct Access {
    /// May see the desk. Without it, every request gets a 404.
    pub look: bool,
    /// May see bodies, which hold personal data.
    pub bodies: bool,
    /// May replay rows, retry a row now, and pause and resume sources.
    pub replay: bool,
    /// May erase rows.
    pub erase: bool,
    /// Who it is, for the log.
    pub name: String,
}

impl Access {
    /// Allows nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Allows everything.
    #[must_use]
    pub fn everything(name: impl Into<String>) -> Self {
        Self {
            look: true,
            bodies: true,
            replay: true,
            erase: true,
            name: name.into(),
        }
    }
}

type Deciding = Pin<Box<dyn Future<Output = Result<Access, Response<Bytes>>> + Send>>;

/// The application's decision.
#[derive(Clone)]
pub(crate) struct Decide(Arc<dyn Fn(Parts) -> Deciding + Send + Sync>);

impl Decide {
    pub(crate) fn new<F, Fut>(decide: F) -> Self
    where
        F: Fn(Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Access, Response<Bytes>>> + Send + 'static,
    {
        Self(Arc::new(move |parts| Box::pin(decide(parts))))
    }

    pub(crate) async fn about(&self, parts: &Parts) -> Result<Access, Response<Bytes>> {
        (self.0)(parts.clone()).await
    }
}

impl fmt::Debug for Decide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decide")
    }
}
