//! A secret has no `Display`, so it can't get into a message.

use leadhook::Secret;

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    println!("{secret}");
}
