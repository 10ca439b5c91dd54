//! A comparison of secrets would take a time that depends on them.

use leadhook::Secret;

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = secret == secret.clone();
}
