//! The signature of a provider that signs can't be left unchecked.

use leadhook::{Graphoid, Receiver};

fn main() {
    let _ = Receiver::<Graphoid>::unauthenticated();
}
