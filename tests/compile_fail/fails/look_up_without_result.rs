use leadhook::{Delivery, Tomba, tomba::EmailVerifier};

fn main() {
    let delivery = Delivery::<Tomba>::from_storage("{}");
    let _ = delivery.read_as::<EmailVerifier>();
}
