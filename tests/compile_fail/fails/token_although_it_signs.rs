//! A provider that signs has no receiver for tokens.

use leadhook::{Receiver, ScoreApp, Secret};

fn main() {
    let token = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<ScoreApp>::header_token("x-token", &token);
}
