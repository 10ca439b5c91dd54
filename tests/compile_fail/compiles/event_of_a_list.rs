//! The data of an event is an object, or raw JSON.

use leadhook::{EnvelopeKeys, Layout, Provider, RawJson, events};

pub struct Shop;

impl Provider for Shop {
    const NAME: &'static str = "shop";
    const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
    type Event = ShopEvent;
}

events! {
    /// An event of the shop.
    pub enum ShopEvent of Shop {
        /// Orders were paid.
        Paid(RawJson) = "orders.paid",
    }
}

fn main() {}
