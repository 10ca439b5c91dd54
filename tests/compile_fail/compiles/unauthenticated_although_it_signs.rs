//! A provider that signs nothing has no other choice in some networks.

use leadhook::{Receiver, Tomba};

fn main() {
    let _ = Receiver::<Tomba>::unauthenticated();
}
