//! A secret can't be serialized together with the configuration that holds it.

use leadhook::Secret;

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = serde_json::to_string(&secret);
}
