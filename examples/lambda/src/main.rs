//! Receives the webhooks of ScoreApp on AWS Lambda.

use lambda_http::{
    Body, Error, Request, Response, Service, http, run, tower::ServiceBuilder, tracing,
};
use leadhook::{
    Delivery, Receiver, Rejection, ScoreApp, Secret, tower::AuthenticateLayer,
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let secret = Secret::from_env("SCOREAPP_WEBHOOK_SECRET")?;
    run(service(&secret)).await
}

type Reply = Response<Body>;

fn service(
    secret: &Secret,
) -> impl Service<Request, Response = Reply, Error = Error, Future: Send> + Clone {
    ServiceBuilder::new()
        .layer(AuthenticateLayer::new(Receiver::<ScoreApp>::new(secret)))
        .service_fn(scoreapp)
}

/// Called for authentic requests only. The layer puts the delivery into the extensions.
async fn scoreapp<B>(request: http::Request<B>) -> Result<Reply, Error> {
    let delivery: Option<&Delivery<ScoreApp>> = request.extensions().get();
    let delivery = delivery.ok_or("the layer is missing")?;
    let envelope = match delivery.read() {
        Ok(envelope) => envelope,
        Err(error) => return Ok(Rejection::unreadable(delivery, error).into()),
    };
    if let Some(lead) = envelope.lead() {
        tracing::info!(event = envelope.name(), score = lead.score, "a lead");
    }
    Ok(Response::default())
}

#[cfg(test)]
mod tests {
    use lambda_http::tower::ServiceExt;
    use leadhook::samples::{SampleRequest, scoreapp::QUIZ_FINISHED};

    use super::*;

    async fn status(secret: &Secret, sample: SampleRequest<ScoreApp>) -> u16 {
        let request: Request = sample.try_into().unwrap();
        let response = service(secret).oneshot(request).await.unwrap();
        response.status().as_u16()
    }

    #[tokio::test]
    async fn only_authentic_events_are_accepted() {
        let secret = Secret::new("a secret for tests").unwrap();
        let finished = QUIZ_FINISHED.request().sign(&secret);
        assert_eq!(status(&secret, finished.clone()).await, 200);
        assert_eq!(status(&secret, finished.clone().forged()).await, 401);
        assert_eq!(status(&secret, finished.clone().unsigned()).await, 401);
        assert_eq!(status(&secret, finished.remove("data.id")).await, 422);
    }
}
