//! A secret can't get into a file by way of the configuration it came from.

use leadhook::Secret;

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = serde_json::to_string(&secret);
}
