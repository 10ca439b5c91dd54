//! A secret has `Debug`, which does not print it.

use leadhook::Secret;

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}
