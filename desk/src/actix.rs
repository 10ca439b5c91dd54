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
            .route("", web::route().to(respond::<B>))
            .route("/{page:[^/]*}", web::route().to(respond::<B>))
    }
}

async fn respond<B: Backend>(
    desk: web::Data<Desk<B>>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    // actix-web has the types of `http` 0.2.
    let mut same = Request::builder()
        .method(request.method().as_str())
        .uri(request.uri().to_string());
    for (name, value) in request.headers() {
        same = same.header(name.as_str(), value.as_bytes());
    }
    let Ok(same) = same.body(Bytes::new()) else {
        return HttpResponse::BadRequest().finish();
    };
    let (parts, _) = same.into_parts();
    let response = match payload.to_bytes_limited(LONGEST_FORM).await {
        Ok(Ok(body)) => desk.respond(Request::from_parts(parts, body)).await,
        Ok(Err(_)) => return HttpResponse::BadRequest().finish(), // it was cut off
        Err(_) => desk.too_large(&parts).await,
    };
    let (parts, body) = response.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16());
    let mut response = HttpResponseBuilder::new(status.unwrap_or(StatusCode::BAD_GATEWAY));
    for (name, value) in &parts.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.body(body)
}
