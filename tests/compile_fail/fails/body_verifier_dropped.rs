//! A body that is hashed and never compared is a warning at least.
#![deny(unused_must_use)]

use leadhook::{Secret, SignatureFormat, Verifier};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let verifier = Verifier::new(SignatureFormat::Hex, &secret);
    verifier.begin(b"00").unwrap();
}
