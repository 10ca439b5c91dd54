//! A router whose state has the receiver compiles.

use axum_core::extract::FromRequest;
use leadhook::{Graphoid, Receiver, Webhook};

fn is_extractor_with<S, T: FromRequest<S>>() {}

fn main() {
    is_extractor_with::<Receiver<Graphoid>, Webhook<Graphoid>>();
}
