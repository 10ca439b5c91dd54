//! A receiver compares tokens in constant time.

use leadhook::{Receiver, Secret, Tomba};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let receiver = Receiver::<Tomba>::header_token("x-token", &secret.clone()).unwrap();
    assert!(receiver.begin(["whsec_5d41402abc4b"]).is_ok());
}
