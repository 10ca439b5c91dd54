//! A receiver of signatures for a provider that sends none would reject everything.

use leadhook::{Receiver, Secret, Tomba};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Tomba>::new(&secret);
}
