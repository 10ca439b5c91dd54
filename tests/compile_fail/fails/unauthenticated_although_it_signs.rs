//! A provider that signs can't be received without its signature.

use leadhook::{Graphoid, Receiver};

fn main() {
    let _ = Receiver::<Graphoid>::unauthenticated();
}
