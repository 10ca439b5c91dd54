use leadhook::{
    Delivery, Tomba,
    tomba::{EmailVerifier, LookupResult},
};

fn main() {
    let delivery = Delivery::<Tomba>::from_storage("{}");
    let _ = delivery.read_as::<LookupResult<EmailVerifier>>();
}
