//! The result of `finish` is used.
#![deny(unused_must_use)]

use leadhook::{Secret, SignatureFormat, Verifier};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let verifier = Verifier::new(SignatureFormat::Hex, &secret);
    if let Ok(verifier) = verifier.begin(b"00") {
        assert!(verifier.finish().is_err());
    }
}
