//! A delivery is proof, so nobody but a receiver puts one together.

use leadhook::{Delivery, Grader};

fn forge(other: Delivery<Grader>) -> Delivery<Grader> {
    Delivery {
        body: "{}".into(),
        ..other
    }
}

fn main() {
    forge(Delivery::from_storage("{}"));
}
