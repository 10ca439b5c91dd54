//! A router whose state lacks the receiver does not compile.

use axum_core::extract::FromRequest;
use leadhook::{Graphoid, Receiver, ScoreApp, Webhook};

fn is_extractor_with<S, T: FromRequest<S>>() {}

fn main() {
    is_extractor_with::<Receiver<ScoreApp>, Webhook<Graphoid>>();
}
