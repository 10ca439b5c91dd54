//! What the tests share.

pub mod database;
pub mod logs;
pub mod pgbouncer;
pub mod postgres;
pub mod proxy;

use std::time::Duration;

use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Inbox, Job, Workers};
use tokio::time;

use database::Db;

/// After this long something will never happen.
const PATIENCE: Duration = Duration::from_mins(1);

pub const SOURCE: &str = "graphoid";

/// The delivery of an event with an id of its own.
pub fn delivery(id: usize) -> Delivery<Graphoid> {
    let lead = format!(r#"{{"id":"lead_{id}","name":"Acme {id}"}}"#);
    let body = format!(r#"{{"id":"evt_{id}","event":"lead.won","data":{{"lead":{lead}}}}}"#);
    Delivery::from_storage(body)
}

/// Workers that record an effect for each event.
pub fn recording<B: Db>(inbox: &Inbox<B>) -> Workers<B> {
    inbox
        .workers()
        .on(&inbox.source(SOURCE), async |job: Job<GraphoidEvent, B>| {
            let mut transaction = job.begin().await?;
            B::record(&mut transaction, job.key()).await?;
            job.commit(transaction).await
        })
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        time::timeout(PATIENCE, asking).await.is_ok(),
        "never happened: {what}"
    );
}

/// Makes each test one for SQLite and one for PostgreSQL.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::support::database::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(database) = $crate::support::database::postgres().await {
                    super::$test(database).await;
                }
            })*
        }
    };
}

pub(crate) use on_both;
