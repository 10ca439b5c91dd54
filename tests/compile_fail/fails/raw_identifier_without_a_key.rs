//! The key of `r#type` would be `r#type`, which no body has.

leadhook::payload! {
    /// An order.
    pub struct Order {
        /// The kind of order.
        pub r#type: Option<String>,
    }
}

fn main() {}
