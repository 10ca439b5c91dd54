//! Collecting and draining the bodies of `http` requests, for axum and tower.

use alloc::boxed::Box;
use core::{
    error::Error,
    pin::{Pin, pin},
};

use bytes::{Buf, BufMut, Bytes};
use http::{Version, header::EXPECT, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError};

use super::steps;
use crate::delivery::Delivery;
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::rejection::{Rejection, RejectionKind};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The number of bytes past the limit that are drained before the connection is closed.
const DRAINED_PAST_LIMIT: usize = 1024 * 1024;

/// Authenticates a request, whose body may have `limit` bytes.
///
/// Under HTTP/1, the server closes the connection if it responds before the request's body has ended. A
/// proxy or client that has already sent its next request on that connection loses it. So the body of
/// a rejected request is drained first. If it is too long for that, the response announces that the
/// connection closes.
pub(super) async fn authenticate<P, B>(
    receiver: &Receiver<P>,
    head: &Parts,
    body: B,
    limit: usize,
) -> Result<Delivery<P>, Rejection>
where
    P: Provider,
    B: Body<Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let headers = |name: &str| head.headers.get_all(name);
    let pending = steps::check(receiver, headers, head.uri.query()).and_then(|pending| {
        let declared = usize::try_from(body.size_hint().lower());
        let fits = declared.is_ok_and(|length| length <= limit);
        fits.then_some(pending)
            .ok_or_else(Rejection::body_too_large::<P>)
    });
    let (rejection, drained) = match pending {
        // The client waits for `100 Continue` before it sends the body, and reading would send that.
        Err(rejection) if expects_continue(head) => (rejection, 0),
        Err(rejection) => (rejection, limit.saturating_add(DRAINED_PAST_LIMIT)),
        Ok(pending) => match collect(body.as_mut(), limit).await {
            Ok(body) => return pending.finish(body).map_err(Rejection::of::<P>),
            Err(RejectionKind::BodyTooLarge) => {
                (Rejection::body_too_large::<P>(), DRAINED_PAST_LIMIT)
            }
            Err(kind) => (Rejection::logged::<P>(kind), 0),
        },
    };
    if head.version >= Version::HTTP_2 || drain(body, drained).await {
        Err(rejection)
    } else {
        Err(rejection.closing())
    }
}

fn expects_continue(head: &Parts) -> bool {
    let expected = head.headers.get(EXPECT);
    expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Collects a body of at most `limit` bytes into a buffer of its length.
///
/// The buffer grows with the bytes that arrive. No memory is reserved for the declared length, because
/// the client can declare any length.
async fn collect<B>(mut body: Pin<&mut B>, limit: usize) -> Result<Bytes, RejectionKind>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| explain(error.into().as_ref()))?;
        if let Ok(data) = frame.into_data() {
            if data.remaining() > limit.saturating_sub(collected.len()) {
                return Err(RejectionKind::BodyTooLarge);
            }
            collected.put(data);
        }
    }
    Ok(collected.into_boxed_slice().into())
}

/// Returns whether a body was too large for the limit of a middleware, or ended early.
fn explain(error: &(dyn Error + 'static)) -> RejectionKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return RejectionKind::BodyTooLarge;
        }
        cause = error.source();
    }
    RejectionKind::BodyIncomplete
}

/// Reads about `most` bytes and throws them away, and returns whether the body has ended.
async fn drain<B: Body>(mut body: Pin<&mut B>, most: usize) -> bool {
    let mut drained = 0_usize;
    while !body.is_end_stream() {
        if drained >= most {
            return false;
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Buf::remaining);
                drained = drained.saturating_add(length);
            }
            Some(Err(_)) => return false,
            None => return true,
        }
    }
    true
}
