//! Verification of a body, at once and in chunks.

use arbitrary::{Arbitrary, Unstructured};
use leadhook::{Secret, SignatureFormat, Verifier, VerifyError};

use crate::hmac;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    secrets: Vec<&'a [u8]>,
    /// The secret that signs, if it is in the list, else another one.
    signer: u8,
    /// A bit of the signature to turn round.
    flip: Option<u8>,
    prefixed: bool,
    chunks: Vec<u8>,
    body: &'a [u8],
}

/// All ways of verifying agree with each other and with HMAC: the first secret that signs the body
/// matches, and nothing else does.
pub fn verifier(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let secrets: Vec<(&[u8], Secret)> = input
        .secrets
        .iter()
        .filter_map(|bytes| Some((*bytes, Secret::from_bytes(bytes).ok()?)))
        .collect();
    let Some(((_, current), previous)) = secrets.split_first() else {
        return;
    };
    let format = if input.prefixed {
        SignatureFormat::PrefixedHex
    } else {
        SignatureFormat::Hex
    };
    let verifier = previous
        .iter()
        .fold(Verifier::new(format, current), |verifier, (_, secret)| {
            verifier.with_previous(secret)
        });

    let signer = secrets
        .get(usize::from(input.signer))
        .map_or(b"another".as_slice(), |(bytes, _)| bytes);
    let mut tag = hmac(signer, input.body);
    if let Some(bit) = input.flip {
        tag[usize::from(bit / 8)] ^= 1 << (bit % 8);
    }
    let expected = secrets
        .iter()
        .position(|(bytes, _)| hmac(bytes, input.body) == tag)
        .ok_or(VerifyError::SignatureMismatch);
    let value = format.format(&tag.into());

    let at_once = verifier.verify(value.as_bytes(), input.body);
    assert_eq!(at_once.map(|index| index.get()), expected);
    assert_eq!(
        at_once.is_ok_and(|index| index.is_current()),
        expected == Ok(0)
    );

    let mut in_chunks = verifier.begin(value.as_bytes()).unwrap();
    let mut rest = input.body;
    for length in &input.chunks {
        let (chunk, after) = rest.split_at(rest.len().min(usize::from(*length)));
        in_chunks.update(chunk);
        rest = after;
    }
    // A clone goes on by itself.
    let mut clone = in_chunks.clone();
    clone.update(b"more");
    in_chunks.update(rest);
    assert_eq!(in_chunks.finish(), at_once);

    let shorter = &input.body[..input.body.len() - rest.len()];
    let with_more = [shorter, b"more"].concat();
    assert_eq!(
        clone.finish(),
        verifier.verify(value.as_bytes(), &with_more)
    );
}
