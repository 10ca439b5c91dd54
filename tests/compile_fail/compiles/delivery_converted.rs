//! A delivery of Graphoid is passed to a function for deliveries of Graphoid.

use leadhook::{Delivery, Graphoid};

fn handle(_: Delivery<Graphoid>) {}

fn main() {
    handle(Delivery::<Graphoid>::from_storage("{}"));
}
