//! A delivery of one provider is not a delivery of another provider.

use leadhook::{Delivery, Graphoid, ScoreApp};

fn handle(_: Delivery<Graphoid>) {}

fn main() {
    handle(Delivery::<ScoreApp>::from_storage("{}"));
}
