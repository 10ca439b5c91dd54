//! The caller can vouch for a body, by a function with a name.

use leadhook::{Delivery, Grader};

fn main() {
    assert_eq!(Delivery::<Grader>::from_storage("{}").body().len(), 2);
}
