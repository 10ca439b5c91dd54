//! A secret has no comparison, whose time could depend on the secret.

use leadhook::Secret;

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = secret == secret.clone();
}
