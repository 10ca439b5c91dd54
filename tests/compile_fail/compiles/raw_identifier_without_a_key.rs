//! With a key of its own, a raw identifier is a field like any other.

leadhook::payload! {
    /// An order.
    pub struct Order {
        /// The kind of order.
        #[key = "type"]
        pub r#type: Option<String>,
    }
}

fn main() {}
