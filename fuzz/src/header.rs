//! The grammar of the signature header.

use std::sync::LazyLock;

use leadhook::{Graphoid, Receiver, ScoreApp, Secret, SignatureFormat, Verifier};

use crate::hmac;

pub(crate) const SECRET: &[u8] = b"whsec_5d41402abc4b";
pub(crate) const BODY: &[u8] = br#"{"event":"lead.won"}"#;

struct Setup {
    tag: [u8; 32],
    hex: (Verifier, Receiver<ScoreApp>),
    prefixed: (Verifier, Receiver<Graphoid>),
}

static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let secret = Secret::from_bytes(SECRET).unwrap();
    Setup {
        tag: hmac(SECRET, BODY),
        hex: (
            Verifier::new(SignatureFormat::Hex, &secret),
            Receiver::new(&secret),
        ),
        prefixed: (
            Verifier::new(SignatureFormat::PrefixedHex, &secret),
            Receiver::new(&secret),
        ),
    }
});

/// A value is accepted if and only if it is the prefix and the hex digits of the right tag.
///
/// The first byte chooses the format, the rest is the value.
pub fn header(data: &[u8]) {
    let Some((&choice, value)) = data.split_first() else {
        return;
    };
    let setup = &*SETUP;
    let (format, prefix, verifier, received) = if choice % 2 == 0 {
        let (verifier, receiver) = &setup.hex;
        let received = receiver.authenticate([value], BODY).is_ok();
        (SignatureFormat::Hex, "", verifier, received)
    } else {
        let (verifier, receiver) = &setup.prefixed;
        let received = receiver.authenticate([value], BODY).is_ok();
        (SignatureFormat::PrefixedHex, "sha256=", verifier, received)
    };

    let decoded: Option<[u8; 32]> = value
        .strip_prefix(prefix.as_bytes())
        .and_then(|digits| hex::decode(digits).ok())
        .and_then(|bytes| bytes.try_into().ok());
    let is_right = decoded == Some(setup.tag);

    match format.parse(value) {
        Ok(signature) => {
            assert_eq!(Some(*signature.as_bytes()), decoded);
            assert_eq!(
                format.format(&signature).as_bytes(),
                value.to_ascii_lowercase()
            );
        }
        Err(malformed) => {
            assert_eq!(decoded, None);
            assert!(!malformed.to_string().is_empty());
        }
    }
    assert_eq!(verifier.verify(value, BODY).is_ok(), is_right);
    assert_eq!(verifier.begin(value).is_ok(), decoded.is_some());
    assert_eq!(received, is_right);
}
