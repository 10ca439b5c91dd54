//! A delivery can't be put together by hand.

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
