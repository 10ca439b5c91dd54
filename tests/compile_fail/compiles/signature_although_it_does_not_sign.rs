//! Providers that sign have one.

use leadhook::{Grader, Receiver, Secret};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Grader>::new(&secret);
}
