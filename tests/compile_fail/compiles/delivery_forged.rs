//! The caller can vouch for a body with `from_storage`.

use leadhook::{Delivery, Grader};

fn main() {
    assert_eq!(Delivery::<Grader>::from_storage("{}").body().len(), 2);
}
