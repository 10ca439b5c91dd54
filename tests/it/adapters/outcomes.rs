//! An outcome becomes the same response in axum, actix-web and tower.

use std::{
    convert::Infallible,
    fmt,
    future::{pending, poll_fn},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use actix_web::{Responder, ResponseError};
use axum::response::IntoResponse;
use http::{Response, StatusCode};
use leadhook::{
    Delivery, Graphoid, ReadError, Rejection, VerifyError,
    dedup::{Dedup, MemoryStore, OnceError, Outcome, StoreError},
};

/// A response with its status, its `Retry-After` and its body.
#[derive(Debug, PartialEq)]
struct Shown(u16, Option<String>, String);

type Result<T, E = Infallible> = std::result::Result<Outcome<T>, OnceError<E>>;

async fn by_axum<E: IntoResponse>(result: Result<&'static str, E>) -> Shown {
    let (head, body) = result.into_response().into_parts();
    let body = axum::body::to_bytes(body, 100).await.unwrap();
    let retry_after = head.headers.get("retry-after");
    Shown(
        head.status.as_u16(),
        retry_after.map(|value| value.to_str().unwrap().into()),
        String::from_utf8(body.into()).unwrap(),
    )
}

async fn by_actix<E: ResponseError + 'static>(result: Result<&'static str, E>) -> Shown {
    let request = actix_web::test::TestRequest::default().to_http_request();
    let response = result.respond_to(&request).map_into_boxed_body();
    let retry_after = response.headers().get("retry-after").cloned();
    let status = response.status().as_u16();
    let body = actix_web::body::to_bytes(response.into_body())
        .await
        .unwrap();
    Shown(
        status,
        retry_after.map(|value| value.to_str().unwrap().into()),
        String::from_utf8(body.into()).unwrap(),
    )
}

fn by_tower(result: Result<&'static str>) -> Shown {
    let own = |value: &str| Response::new(value.to_owned());
    let response: Response<String> = match result {
        Ok(Outcome::Handled(value)) => Outcome::Handled(own(value)).into(),
        Ok(Outcome::HandledUnrecorded { value, error }) => {
            let value = own(value);
            Outcome::HandledUnrecorded { value, error }.into()
        }
        Ok(Outcome::AlreadyHandled) => Outcome::AlreadyHandled.into(),
        Ok(Outcome::InProgress { remaining }) => Outcome::InProgress { remaining }.into(),
        Ok(Outcome::LeaseExpired) => Outcome::LeaseExpired.into(),
        Err(OnceError::Store(error)) => OnceError::<Response<String>>::Store(error).into(),
        Err(other) => panic!("{other:?}"),
    };
    let (head, body) = response.into_parts();
    let retry_after = head.headers.get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().unwrap().into());
    Shown(head.status.as_u16(), retry_after, body)
}

#[test]
fn every_status_converts() {
    let unsigned = VerifyError::MissingSignature;
    let unreadable = ReadError::NotAnObject;
    let in_progress = Outcome::<()>::InProgress {
        remaining: Duration::ZERO,
    };
    assert_eq!(StatusCode::from(&unsigned), unsigned.status());
    assert_eq!(StatusCode::from(&unreadable), unreadable.status());
    assert_eq!(StatusCode::from(&Rejection::from(unsigned)), 401);
    assert_eq!(StatusCode::from(&Rejection::from(unreadable)), 400);
    assert_eq!(StatusCode::from(&in_progress), 409);
    assert_eq!(StatusCode::from(&StoreError::Full), 503);
}

#[tokio::test]
async fn every_outcome_has_its_status() {
    type Case = (fn() -> Result<&'static str>, Shown);
    let cases: [Case; 9] = [
        (
            || Ok(Outcome::Handled("done")),
            Shown(200, None, "done".into()),
        ),
        (
            || Ok(Outcome::AlreadyHandled),
            Shown(200, None, String::new()),
        ),
        (
            || {
                Ok(Outcome::HandledUnrecorded {
                    value: "done",
                    error: StoreError::unavailable("gone"),
                })
            },
            Shown(200, None, "done".into()),
        ),
        (
            || {
                Ok(Outcome::InProgress {
                    remaining: Duration::from_millis(41_001),
                })
            },
            Shown(409, Some("42".into()), String::new()),
        ),
        (
            || {
                Ok(Outcome::InProgress {
                    remaining: Duration::from_secs(41),
                })
            },
            Shown(409, Some("41".into()), String::new()),
        ),
        (
            || {
                Ok(Outcome::InProgress {
                    remaining: Duration::ZERO,
                })
            },
            Shown(409, Some("1".into()), String::new()),
        ),
        (
            || Ok(Outcome::LeaseExpired),
            Shown(503, None, String::new()),
        ),
        (
            || Err(OnceError::Store(StoreError::Full)),
            Shown(503, None, String::new()),
        ),
        (
            || {
                Err(OnceError::Store(StoreError::unavailable(
                    "10.0.0.7 refused",
                )))
            },
            Shown(503, None, String::new()),
        ),
    ];
    for (result, expected) in cases {
        let shown = format!("{:?}", result());
        assert_eq!(by_axum(result()).await, expected, "axum: {shown}");
        assert_eq!(by_actix(result()).await, expected, "actix-web: {shown}");
        assert_eq!(by_tower(result()), expected, "tower: {shown}");
    }
}

#[tokio::test]
async fn failed_work_responds_as_its_error_does() {
    #[derive(Debug)]
    struct Teapot;

    impl fmt::Display for Teapot {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("short and stout")
        }
    }

    impl IntoResponse for Teapot {
        fn into_response(self) -> axum::response::Response {
            (StatusCode::IM_A_TEAPOT, self.to_string()).into_response()
        }
    }

    impl ResponseError for Teapot {
        fn status_code(&self) -> actix_web::http::StatusCode {
            actix_web::http::StatusCode::IM_A_TEAPOT
        }
    }

    let expected = || Shown(418, None, "short and stout".into());
    assert_eq!(by_axum(Err(OnceError::Failed(Teapot))).await, expected());
    assert_eq!(by_actix(Err(OnceError::Failed(Teapot))).await, expected());
    assert_eq!(ResponseError::status_code(&OnceError::Failed(Teapot)), 418);
    let store = OnceError::<Teapot>::Store(StoreError::Full);
    assert_eq!(ResponseError::status_code(&store), 503);

    let mut teapot = Response::new(String::new());
    *teapot.status_mut() = StatusCode::IM_A_TEAPOT;
    let response: Response<String> = OnceError::Failed(teapot).into();
    assert_eq!(response.status(), 418);
}

#[tokio::test]
async fn a_delivery_in_progress_gets_409_until_the_work_is_given_up() {
    let delivery = Delivery::<Graphoid>::from_storage(r#"{"id":"evt_1"}"#);
    let dedup = Dedup::new(MemoryStore::default()).with_lease(Duration::from_secs(3600));
    let again = || dedup.once(&delivery, async { Ok::<_, Infallible>("done") });

    let mut first =
        Box::pin(dedup.once(&delivery, pending::<std::result::Result<(), Infallible>>()));
    let poll = poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending()));
    assert!(poll.await, "the work goes on");
    let Shown(status, retry_after, _) = by_axum(again().await).await;
    assert_eq!(status, 409);
    assert!((3000..=3600).contains(&retry_after.unwrap().parse().unwrap()));

    drop(first);
    assert_eq!(
        by_axum(again().await).await,
        Shown(200, None, "done".into())
    );
    assert_eq!(
        by_axum(again().await).await,
        Shown(200, None, String::new())
    );
}

/// Middleware finds the outcome, as it finds a rejection.
#[test]
fn the_outcome_is_in_the_response_s_extensions() {
    type Outcomes = [fn() -> Outcome<&'static str>; 5];
    let outcomes: Outcomes = [
        || Outcome::Handled("done"),
        || Outcome::AlreadyHandled,
        || Outcome::InProgress {
            remaining: Duration::from_secs(41),
        },
        || Outcome::LeaseExpired,
        || Outcome::HandledUnrecorded {
            value: "done",
            error: StoreError::Full,
        },
    ];
    let shown = |outcome: &Arc<Outcome<()>>| format!("{outcome:?}").replace("()", "\"done\"");
    for outcome in outcomes {
        let expected = format!("{:?}", outcome());
        let response = outcome().into_response();
        assert_eq!(shown(response.extensions().get().unwrap()), expected);
        let request = actix_web::test::TestRequest::default().to_http_request();
        let response = outcome().respond_to(&request);
        assert_eq!(shown(response.extensions().get().unwrap()), expected);
    }
    let response: Response<String> = OnceError::<Response<String>>::Store(StoreError::Full).into();
    let error: &Arc<StoreError> = response.extensions().get().unwrap();
    assert!(matches!(**error, StoreError::Full));
    let response =
        actix_web::HttpResponse::from_error(OnceError::<StoreError>::Store(StoreError::Full));
    let error = response
        .error()
        .unwrap()
        .as_error::<OnceError<StoreError>>();
    assert!(matches!(error, Some(OnceError::Store(StoreError::Full))));
}
