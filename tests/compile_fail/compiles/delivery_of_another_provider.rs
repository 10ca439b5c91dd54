//! A delivery of Grader.io can be read as an event of Grader.io.

use leadhook::{Delivery, Grader, grader::GraderEvent};

fn main() {
    let delivery = Delivery::<Grader>::from_storage("{}");
    let _ = delivery.read_as::<GraderEvent>();
}
