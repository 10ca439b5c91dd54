//! A provider can't be both signed and unsigned.

use leadhook::{
    EnvelopeKeys, Event, Layout, Provider, RawJson, Receiver, Secret, SignatureFormat, Signed,
    SignedProvider, UnsignedProvider,
};
use serde::{Deserialize, Deserializer, Serialize};

struct Shop;

impl Provider for Shop {
    const NAME: &'static str = "shop";
    const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
    type Authentication = Signed;
    type Event = Sold;
}

impl SignedProvider for Shop {
    const HEADER: &'static str = "x-shop-signature";
    const FORMAT: SignatureFormat = SignatureFormat::Hex;
}

impl UnsignedProvider for Shop {}

#[derive(Serialize)]
struct Sold(RawJson);

impl Event for Sold {
    type Provider = Shop;
    const NAMES: &'static [&'static str] = &["sold"];

    fn read<'de, D: Deserializer<'de>>(_: &str, data: D) -> Result<Self, D::Error> {
        RawJson::deserialize(data).map(Self)
    }

    fn name(&self) -> &str {
        "sold"
    }
}

fn main() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let _ = Receiver::<Shop>::new(&secret);
    let _ = Receiver::<Shop>::unauthenticated();
}
