//! A provider that does not sign has no receiver for signatures.

use leadhook::{Receiver, Secret, Tomba};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Tomba>::new(&secret);
}
