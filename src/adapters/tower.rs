//! The layer [`AuthenticateLayer`] for any service of `http` 1.x.
//!
//! The size limit for a body is 2 MiB unless you set [another](AuthenticateLayer::with_body_limit). The layer
//! sets no timer. [`limits`](crate::guide::limits) says how to limit the time, and what happens to the body
//! of a rejected request. [`accounts`](crate::guide::accounts) shows how to serve several accounts of one
//! provider, and [`hyper`](crate::guide::hyper) and [`lambda`](crate::guide::lambda) have whole programs.
//!
//! # Responses
//!
//! A [`Rejection`] converts into an `http::Response`. With the `dedup` feature, so does an `Outcome`
//! whose value is a response, and a `OnceError` whose work's error converts into one.

use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{self, BoxError};
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::rejection::Rejection;

/// A layer that lets only authentic requests through to a service.
///
/// The service finds the [`Delivery<P>`](crate::Delivery) in the request's extensions and gets the body
/// in one piece. It reads the event itself, because the layer does not know the type of the event.
///
/// The layer responds to all other requests with the status of their [`Rejection`]. The body of such a
/// response is the default value of the service's response body.
///
/// ```
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use leadhook::{
///     Delivery, Graphoid, Receiver, Rejection, Secret, tower::AuthenticateLayer,
/// };
/// use tower::{ServiceBuilder, ServiceExt};
///
/// type Body = Full<Bytes>;
///
/// async fn graphoid(request: Request<Body>) -> Result<Response<Body>, Infallible> {
///     let Some(delivery) = request.extensions().get::<Delivery<Graphoid>>() else {
///         unreachable!("the layer adds it to every request");
///     };
///     Ok(match delivery.read() {
///         Ok(envelope) => {
///             println!("{}", envelope.name());
///             Response::default()
///         }
///         Err(error) => Rejection::unreadable(delivery, error).into(),
///     })
/// }
///
/// let receiver = Receiver::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b")?);
/// let service = ServiceBuilder::new()
///     .layer(AuthenticateLayer::new(receiver).with_body_limit(64 * 1024))
///     .service_fn(graphoid);
///
/// # use leadhook::Signer;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let body = r#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
/// # let signer = Signer::<Graphoid>::new(&Secret::new("whsec_5d41402abc4b")?);
/// # let (name, value) = signer.header(body.as_bytes());
/// # let signed = Request::post("/").header(name, value).body(Full::<Bytes>::from(body))?;
/// # assert_eq!(service.clone().oneshot(signed).await?.status(), 200);
/// let unsigned = Request::new(Full::<Bytes>::from("{}"));
/// assert_eq!(service.oneshot(unsigned).await?.status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AuthenticateLayer<P> {
    receiver: Receiver<P>,
    limit: usize,
}

impl<P: Provider> AuthenticateLayer<P> {
    /// Creates a layer that authenticates requests with a receiver.
    #[must_use]
    pub fn new(receiver: Receiver<P>) -> Self {
        Self {
            receiver,
            limit: 2 * 1024 * 1024,
        }
    }

    /// Rejects bodies of more than `limit` bytes with 413.
    #[must_use]
    pub fn with_body_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    async fn authenticate<B>(&self, request: Request<B>) -> Result<Request<Full<Bytes>>, Rejection>
    where
        B: Body<Error: Into<BoxError>>,
    {
        let (mut head, body) = request.into_parts();
        let delivery = body::authenticate(&self.receiver, &head, body, self.limit).await?;
        let body = Full::new(delivery.body().clone());
        head.extensions.insert(delivery);
        Ok(Request::from_parts(head, body))
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

/// The service that [`AuthenticateLayer`] creates.
pub struct Authenticate<P, S> {
    layer: AuthenticateLayer<P>,
    inner: S,
}

impl<P, S, B, R> Service<Request<B>> for Authenticate<P, S>
where
    P: Provider,
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Only the inner service that was polled is ready, so its clone stays behind.
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
