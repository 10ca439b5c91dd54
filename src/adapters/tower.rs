//! A layer for any service of `http` 1.x: [`AuthenticateLayer`].
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use leadhook::{Delivery, Graphoid, Receiver, Rejection, Secret, tower::AuthenticateLayer};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn graphoid(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let delivery: &Delivery<Graphoid> = request.extensions().get().expect("the layer puts it there");
//!     Ok(match delivery.read() {
//!         Ok(envelope) => {
//!             println!("{}", envelope.name());
//!             Response::default()
//!         }
//!         Err(error) => Rejection::unreadable(delivery, error).into(),
//!     })
//! }
//!
//! let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b")?);
//! let service = ServiceBuilder::new()
//!     .layer(AuthenticateLayer::new(receiver).with_body_limit(64 * 1024))
//!     .service_fn(graphoid);
//!
//! # use leadhook::Signer;
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let body = r#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
//! # let signer = Signer::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b")?);
//! # let (name, value) = signer.header(body.as_bytes());
//! # let signed = Request::post("/").header(name, value).body(Full::<Bytes>::from(body))?;
//! # assert_eq!(service.clone().oneshot(signed).await?.status(), 200);
//! let unsigned = Request::new(Full::<Bytes>::from("{}"));
//! assert_eq!(service.oneshot(unsigned).await?.status(), 401);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::{
    error::Error,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower_layer::Layer;
use tower_service::Service;

use super::steps;
use crate::provider::Provider;
use crate::receiver::Receiver;
#[doc(no_inline)]
pub use crate::rejection::{Rejection, RejectionKind};

type BoxError = Box<dyn Error + Send + Sync>;

/// Lets authentic requests through to a service, with their [`Delivery<P>`](crate::Delivery) in the
/// request's extensions. The others it answers itself, with the status of their [`Rejection`].
///
/// It reads the body, up to a limit of 2 MiB unless told otherwise, and hands it on in one piece. It
/// does not read the event: the service does that, with [`Delivery::read`](crate::Delivery::read), and a
/// [`Rejection`] can be made of the error. A refusal's body is the default value of the service's
/// response body.
///
/// A request whose header has the right form takes its place in the service while its body is read:
/// put a time limit around both.
pub struct AuthenticateLayer<P> {
    receiver: Receiver<P>,
    limit: usize,
}

impl<P: Provider> AuthenticateLayer<P> {
    /// Makes a layer that authenticates with a receiver.
    #[must_use]
    pub fn new(receiver: Receiver<P>) -> Self {
        Self {
            receiver,
            limit: 2 * 1024 * 1024,
        }
    }

    /// Refuses bodies of more bytes than this with 413.
    #[must_use]
    pub fn with_body_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    async fn authenticate<B>(&self, request: Request<B>) -> Result<Request<Full<Bytes>>, Rejection>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        let headers = |name: &str| head.headers.get_all(name);
        let checked = steps::check(&self.receiver, headers, head.uri.query())?;
        let body = self.read(body).await?;
        let delivery = steps::finish(checked, body)?;
        let body = Full::new(delivery.body().clone());
        head.extensions.insert(delivery);
        Ok(Request::from_parts(head, body))
    }

    async fn read<B>(&self, body: B) -> Result<Bytes, Rejection>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let over_limit = || Rejection::of::<P>(RejectionKind::BodyTooLarge, None);
        if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > self.limit) {
            return Err(over_limit());
        }
        match Limited::new(body, self.limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(over_limit()),
            Err(_) => Err(Rejection::of::<P>(RejectionKind::BodyIncomplete, None)),
        }
    }
}

impl<P> Clone for AuthenticateLayer<P> {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            ..*self
        }
    }
}

impl<P: Provider> fmt::Debug for AuthenticateLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("receiver", &self.receiver)
            .field("limit", &self.limit)
            .finish()
    }
}

impl<P, S> Layer<S> for AuthenticateLayer<P> {
    type Service = Authenticate<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            layer: self.clone(),
            inner,
        }
    }
}

/// The service that [`AuthenticateLayer`] makes.
pub struct Authenticate<P, S> {
    layer: AuthenticateLayer<P>,
    inner: S,
}

impl<P, S, B, R> Service<Request<B>> for Authenticate<P, S>
where
    P: Provider,
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The inner service that was polled is the one that is ready; its clone is not.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            match layer.authenticate(request).await {
                Ok(request) => inner.call(request).await,
                Err(rejection) => Ok(rejection.into()),
            }
        })
    }
}

impl<P, S: Clone> Clone for Authenticate<P, S> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<P: Provider, S: fmt::Debug> fmt::Debug for Authenticate<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("layer", &self.layer)
            .field("inner", &self.inner)
            .finish()
    }
}
