//! Routes for actix-web 4.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Scope, http::StatusCode, web};
use bytes::Bytes;
use http::Request;
use leadhook_inbox::Backend;

use crate::desk::{Desk, LONGEST_FORM};

impl<B: Backend> Desk<B> {
    /// Returns the routes of the desk, as a service of an application.
    #[cfg_attr(docsrs, doc(cfg(feature = "actix")))]
    pub fn actix(&self) -> Scope {
        web::scope(self.prefix())
            .app_data(web::Data::new(self.clone()))
            .app_data(web::PayloadConfig::new(LONGEST_FORM))
            .route("", web::route().to(respond::<B>))
            .route("/{page:[^/]*}", web::route().to(respond::<B>))
    }
}

async fn respond<B: Backend>(
    desk: web::Data<Desk<B>>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    // actix-web has the types of `http` 0.2.
    let mut same = Request::builder()
        .method(request.method().as_str())
        .uri(request.uri().to_string());
    for (name, value) in request.headers() {
        same = same.header(name.as_str(), value.as_bytes());
    }
    let Ok(same) = same.body(body) else {
        return HttpResponse::BadRequest().finish();
    };
    let (parts, body) = desk.respond(same).await.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16());
    let mut response = HttpResponseBuilder::new(status.unwrap_or(StatusCode::BAD_GATEWAY));
    for (name, value) in &parts.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.body(body)
}
