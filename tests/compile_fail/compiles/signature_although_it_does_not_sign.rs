//! A provider that signs has a receiver for signatures.

use leadhook::{Grader, Receiver, Secret};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Grader>::new(&secret);
}
