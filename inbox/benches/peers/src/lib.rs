//! What both programs share: a PostgreSQL server of their own, stored deliveries, settings and medians.
#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used
)]

use std::{env, error::Error};

use leadhook::{Delivery, Graphoid};
use leadhook_inbox::{Backend, Source};
use tokio::task::JoinSet;

#[allow(dead_code, missing_debug_implementations)]
#[path = "../../../tests/it/support/postgres.rs"]
pub mod postgres;

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A Graphoid event, different for each number.
pub fn delivery(number: usize) -> Delivery<Graphoid> {
    Delivery::from_storage(format!(
        r#"{{"id":"evt_{number}","event":"lead.won","data":{{"lead":{{"id":"lead_{number}"}}}}}}"#
    ))
}

/// Accepts this many deliveries, 64 at a time.
pub async fn fill<B: Backend>(source: &Source<Graphoid, B>, jobs: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let source = source.clone();
        tasks.spawn(async move {
            for number in (task..jobs).step_by(64) {
                source.accept(&delivery(number)).await?;
            }
            Ok::<(), leadhook_inbox::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

/// The middle one of sorted values.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A number from the environment.
pub fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}
