//! A delivery of Grader.io is passed to a function for Grader.io.

use leadhook::{Delivery, Graphoid};

fn handle(_: Delivery<Graphoid>) {}

fn main() {
    handle(Delivery::<Graphoid>::from_storage("{}"));
}
