//! A verifier compares signatures in constant time.

use leadhook::{Secret, Signature, SignatureFormat, Verifier};

fn main() {
    let signature = Signature::from([0; 32]);
    let header = SignatureFormat::Hex.format(&signature);
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let verifier = Verifier::new(SignatureFormat::Hex, &secret);
    assert!(verifier.verify(header.as_bytes(), b"{}").is_err());
}
