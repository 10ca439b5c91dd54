//! Only a verifier compares signatures.

use leadhook::Signature;

fn main() {
    let signature = Signature::from([0; 32]);
    let _ = signature == signature;
}
