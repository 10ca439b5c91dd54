//! An event can be serialized.

use leadhook::{Delivery, Graphoid};

fn main() {
    let delivery = Delivery::<Graphoid>::from_storage(r#"{"event":"ticket.escalated","data":1}"#);
    let _ = serde_json::to_string(&delivery.read().unwrap());
}
