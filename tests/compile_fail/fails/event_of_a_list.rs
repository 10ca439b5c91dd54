//! A list is read from anything, so an event whose data is a list could not be told from a wrong one.

use leadhook::{EnvelopeKeys, Layout, Provider, events};

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
        Paid(Vec<String>) = "orders.paid",
    }
}

fn main() {}
