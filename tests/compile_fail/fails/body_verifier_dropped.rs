//! A body verifier that is dropped without `finish` is a warning.
#![deny(unused_must_use)]

use leadhook::{Secret, SignatureFormat, Verifier};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let verifier = Verifier::new(SignatureFormat::Hex, &secret);
    verifier.begin(b"00").unwrap();
}
