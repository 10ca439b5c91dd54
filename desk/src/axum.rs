//! Routes for axum 0.8.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Response,
    routing::any,
};
use leadhook_inbox::Backend;

use crate::desk::{Desk, LONGEST_FORM};

impl<B: Backend> Desk<B> {
    /// Returns the routes of the desk, to be merged into a router. Don't nest them: [`at`](Self::at) says where they
    /// are.
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn axum(&self) -> Router {
        let prefix = self.prefix();
        let mut router = Router::new()
            .route(&format!("{prefix}/"), any(respond::<B>))
            .route(&format!("{prefix}/{{page}}"), any(respond::<B>));
        if !prefix.is_empty() {
            router = router.route(prefix, any(respond::<B>));
        }
        router.with_state(self.clone())
    }
}

async fn respond<B: Backend>(State(desk): State<Desk<B>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let response = match to_bytes(body, LONGEST_FORM).await {
        Ok(body) => {
            let request = Request::from_parts(parts, ()).map(|()| body);
            desk.respond(request).await
        }
        Err(_) => desk.too_large(&parts).await,
    };
    response.map(Body::from)
}
