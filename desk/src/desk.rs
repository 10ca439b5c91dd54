//! The desk: a request in, a response out.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use leadhook_inbox::{Backend, Inbox};
use tokio::time;

use crate::{
    access::{Access, Decide},
    form::Form,
    origin, pages,
    response::{self, Failed},
    route::{NoRoute, Route},
};

/// Longer than a statement of the inbox takes when all is well, and shorter than a proxy waits.
const LIMIT: Duration = Duration::from_secs(8);

/// No form of the desk is longer.
#[cfg(any(feature = "axum", feature = "actix"))]
pub(crate) const LONGEST_FORM: usize = 64 << 10;

/// The pages over an inbox.
///
/// It is cheap to clone. [`respond`](Self::respond) needs no framework; the features `axum` and `actix` have routes.
pub struct Desk<B: Backend> {
    pub(crate) inbox: Inbox<B>,
    decide: Decide,
    origin: Option<HeaderValue>,
    prefix: Arc<str>,
}

impl<B: Backend> Desk<B> {
    /// Creates a desk at `/`. The function decides for each request what whoever sent it may do.
    ///
    /// There is no default, because the pages show leads. [`Access::none`] is a 404. To lead people to your login
    /// instead, return a response of your own as the error.
    pub fn new<F, Fut>(inbox: Inbox<B>, access: F) -> Self
    where
        F: Fn(Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Access, Response<Bytes>>> + Send + 'static,
    {
        Self {
            inbox,
            decide: Decide::new(access),
            origin: None,
            prefix: "".into(),
        }
    }

    /// Puts the desk under a path such as `/ops/desk`, as this server sees it. Links are relative, so a proxy may
    /// show it under another one.
    #[must_use]
    pub fn at(mut self, prefix: &str) -> Self {
        self.prefix = prefix.trim_end_matches('/').into();
        self
    }

    /// Sets the origin that browsers see, such as `https://ops.example.com`.
    ///
    /// Without it, only browsers that send `Sec-Fetch-Site` can press a button. All have done so since 2023, but only
    /// over https and on localhost.
    #[must_use]
    pub fn origin(mut self, origin: HeaderValue) -> Self {
        self.origin = Some(origin);
        self
    }

    #[cfg(any(feature = "axum", feature = "actix"))]
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Responds to a request.
    ///
    /// The path is the whole path, with the prefix. Bodies of more than 64 KiB are not the desk's, so limit them
    /// before.
    pub async fn respond(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let mut response = match self.decide.about(&parts).await {
            Ok(access) if access.look => {
                let work = time::timeout(LIMIT, self.work(parts, &body, &access));
                let done = work.await.unwrap_or(Err(Failed::Timeout));
                done.unwrap_or_else(response::failed)
            }
            Ok(_) => response::failed(Failed::NotFound),
            Err(response) => response,
        };
        if is_head {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// Responds to a request with a body that no form of the desk sends.
    #[cfg(any(feature = "axum", feature = "actix"))]
    pub(crate) async fn too_large(&self, parts: &Parts) -> Response<Bytes> {
        match self.decide.about(parts).await {
            Ok(access) if access.look => {
                response::with(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", Bytes::new())
            }
            Ok(_) => response::failed(Failed::NotFound),
            Err(response) => response,
        }
    }

    /// Responds to somebody who may look.
    async fn work(
        &self,
        parts: Parts,
        body: &[u8],
        access: &Access,
    ) -> Result<Response<Bytes>, Failed> {
        let path = parts.uri.path().strip_prefix(&*self.prefix);
        let page = match path.ok_or(Failed::NotFound)?.strip_prefix('/') {
            Some(page) => page,
            // Without the slash, relative links would lead elsewhere.
            None if parts.uri.path() == &*self.prefix => {
                let (_, last) = self.prefix.rsplit_once('/').unwrap_or_default();
                return Ok(response::see_other(&format!("{last}/")));
            }
            None => return Err(Failed::NotFound),
        };
        let route = Route::find(&parts.method, page).map_err(|none| match none {
            NoRoute::Page => Failed::NotFound,
            NoRoute::Method(methods) => Failed::Method(methods),
        })?;
        if parts.method == Method::POST && !origin::is_same(&parts.headers, self.origin.as_ref()) {
            return Err(Failed::Forbidden);
        }
        if !route.is_allowed(access) {
            return Err(Failed::NotFound);
        }
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let inbox = &self.inbox;
        match route {
            Route::Style => {
                let style = include_bytes!("../templates/desk.css");
                let style = Bytes::from_static(style);
                Ok(response::with(
                    StatusCode::OK,
                    "text/css; charset=utf-8",
                    style,
                ))
            }
            Route::Icon => {
                let icon = Bytes::from_static(include_bytes!("../templates/desk.svg"));
                Ok(response::with(StatusCode::OK, "image/svg+xml", icon))
            }
            Route::Overview => pages::overview::show(inbox).await,
            Route::Figures => pages::overview::json(inbox).await,
            Route::Source => pages::source::show(inbox, access, &query).await,
            Route::Rows => pages::rows::show(inbox, access, &query).await,
            Route::Row => pages::row::show(inbox, access, &query).await,
            Route::Body => pages::row::body(inbox, access, &query).await,
            Route::Retry => pages::row::retry(inbox, access, &query).await,
            Route::Person => Ok(pages::person::form()),
            Route::Search => pages::person::search(inbox, access, &Form::parse(body)).await,
            Route::Replay => pages::change::REPLAY.show(inbox, &query).await,
            Route::ReplayMore => pages::change::REPLAY.go_on(inbox, access, &query).await,
            Route::Erase => pages::change::ERASE.show(inbox, &query).await,
            Route::EraseMore => pages::change::ERASE.go_on(inbox, access, &query).await,
            Route::Pause => pages::source::pause(inbox, access, &query).await,
            Route::Resume => pages::source::resume(inbox, access, &query).await,
        }
    }
}

impl<B: Backend> Clone for Desk<B> {
    fn clone(&self) -> Self {
        Self {
            inbox: self.inbox.clone(),
            decide: self.decide.clone(),
            origin: self.origin.clone(),
            prefix: self.prefix.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Desk<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("inbox", &self.inbox)
            .field("origin", &self.origin)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
