//! A receiver for ScoreApp has no age limit, because ScoreApp sends no timestamp.

use std::time::Duration;

use leadhook::{Receiver, ScoreApp, Secret};

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<ScoreApp>::new(&secret).with_max_age(Duration::from_secs(86_400));
}
