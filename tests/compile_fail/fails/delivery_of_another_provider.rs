//! A delivery of Grader.io can't be read as an event of ScoreApp.

use leadhook::{Delivery, Grader, scoreapp::ScoreAppEvent};

fn main() {
    let delivery = Delivery::<Grader>::from_storage("{}");
    let _ = delivery.read_as::<ScoreAppEvent>();
}
