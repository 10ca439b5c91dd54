//! A receiver for Graphoid can have an age limit, because Graphoid sends a timestamp.

use std::time::Duration;

use leadhook::{Graphoid, Receiver, Secret};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Graphoid>::new(&secret).with_max_age(Duration::from_secs(86_400));
}
