//! A provider that does not sign can accept every request.

use leadhook::{Receiver, Tomba};

fn main() {
    let _ = Receiver::<Tomba>::unauthenticated();
}
