//! Tokens in a query or header, through the tower layer.

use std::{
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use leadhook::{
    Receiver, Rejection, RejectionKind, Secret, Tomba, VerifyError, tower::AuthenticateLayer,
};
use tower::{Layer, ServiceExt, service_fn};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    token: &'a [u8],
    previous: Option<&'a [u8]>,
    in_header: bool,
    /// Put the token into the request, percent-encoded in this way.
    encoded: Option<u8>,
    name_encoded: bool,
    rest: &'a str,
}

const NAME: &str = "token";

/// A request is accepted if and only if it has exactly one token, and its bytes are the receiver's.
pub fn credential(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let Ok(token) = Secret::from_bytes(input.token) else {
        return;
    };
    let mut accepted = vec![input.token];
    let receiver = if input.in_header {
        Receiver::<Tomba>::header_token(NAME, &token)
    } else {
        Receiver::<Tomba>::query_token(NAME, &token)
    }
    .unwrap();
    let receiver = match input
        .previous
        .map(|bytes| (bytes, Secret::from_bytes(bytes)))
    {
        Some((bytes, Ok(secret))) => {
            accepted.push(bytes);
            receiver.with_previous(&secret)
        }
        _ => receiver,
    };

    let (request, values) = if input.in_header {
        let mut request = Request::builder();
        let mut values = Vec::new();
        for value in input.rest.split('\n') {
            request = request.header("Token", value.as_bytes());
            values.push(value.as_bytes().to_vec());
        }
        if input.encoded.is_some() {
            request = request.header(NAME, input.token);
            values.push(input.token.to_vec());
        }
        (request, values)
    } else {
        let mut query = String::new();
        if let Some(encoding) = input.encoded {
            query.push_str(if input.name_encoded {
                "%74ok%65n="
            } else {
                "token="
            });
            query.push_str(&encode(input.token, encoding));
            query.push('&');
        }
        query.push_str(input.rest);
        let values = parameters(&query);
        (Request::builder().uri(format!("/?{query}")), values)
    };
    let Ok(request) = request.body(Full::<Bytes>::from("{}")) else {
        return;
    };
    // `http` may have cut a fragment off.
    if !input.in_header && request.uri().query().map(parameters) != Some(values.clone()) {
        return;
    }

    let expected = match values.as_slice() {
        [] => Err(VerifyError::MissingToken),
        [value] if accepted.contains(&value.as_slice()) => Ok(()),
        [_] => Err(VerifyError::TokenMismatch),
        _ => Err(VerifyError::DuplicateToken),
    };
    assert_eq!(send(receiver, request), expected, "{input:?}");
}

fn send(receiver: Receiver<Tomba>, request: Request<Full<Bytes>>) -> Result<(), VerifyError> {
    let inner = service_fn(|_| -> Ready<Result<Response<()>, ()>> { ready(Ok(Response::new(()))) });
    let service = AuthenticateLayer::new(receiver).layer(inner);
    let response = pin!(service.oneshot(request)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(response)) = response else {
        panic!("nothing was to be waited for");
    };
    match response
        .extensions()
        .get::<Rejection>()
        .map(Rejection::kind)
    {
        None => Ok(()),
        Some(RejectionKind::Verify(error)) => Err(*error),
        Some(other) => panic!("{other}"),
    }
}

/// Percent-encodes what must be encoded, and every n-th byte besides.
fn encode(bytes: &[u8], every: u8) -> String {
    let mut text = String::new();
    for (index, &byte) in bytes.iter().enumerate() {
        let chosen = every != 0 && index % usize::from(every) == 0;
        if byte == b' ' && !chosen {
            text.push('+');
        } else if byte.is_ascii_alphanumeric() && !chosen {
            text.push(byte.into());
        } else if chosen {
            text.push_str(&format!("%{byte:02x}"));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The values of the parameter, decoded by hand.
fn parameters(query: &str) -> Vec<Vec<u8>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| decode(name) == NAME.as_bytes())
        .map(|(_, value)| decode(value))
        .collect()
}

fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| hex::decode(two).ok());
        match (byte, digits) {
            (b'%', Some(decoded)) => {
                bytes.extend(decoded);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}
