//! A provider that does not sign has a receiver for tokens.

use leadhook::{Receiver, Secret, Tomba};

fn main() {
    let token = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Tomba>::header_token("x-token", &token).unwrap();
}
