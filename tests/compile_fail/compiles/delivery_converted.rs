//! It is one of its own provider.

use leadhook::{Delivery, Graphoid};

fn handle(_: Delivery<Graphoid>) {}

fn main() {
    handle(Delivery::<Graphoid>::from_storage("{}"));
}
