//! Attacks on the inbox: networks, poolers and servers that are not its own.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::items_after_statements,
    reason = "tests fail and report so"
)]

#[path = "../it/support/postgres.rs"]
mod postgres;
mod proxy;

mod network;

use std::{sync::Arc, time::Duration};

use leadhook::{Delivery, Graphoid};
use leadhook_inbox::{Inbox, Postgres};
use tokio::time;

use postgres::Server;
use proxy::Proxy;

pub fn delivery(id: usize) -> Delivery<Graphoid> {
    let body =
        format!(r#"{{"id":"evt_{id}","event":"lead.won","data":{{"lead":{{"id":"lead_{id}"}}}}}}"#);
    Delivery::from_storage(body)
}

/// A database behind a proxy.
pub struct Behind {
    pub server: Arc<Server>,
    pub proxy: Proxy,
    /// Not through the proxy.
    pub direct: String,
    pub database: String,
}

impl Behind {
    pub async fn new(server: Arc<Server>) -> Self {
        let direct = server.create_database().await;
        let database = direct.split(['/', '?']).nth(3).unwrap().to_owned();
        let proxy = Proxy::start(server.directory().join(".s.PGSQL.5432")).await;
        Self {
            server,
            proxy,
            direct,
            database,
        }
    }

    pub fn url(&self) -> String {
        format!(
            "postgres://tests@127.0.0.1:{}/{}",
            self.proxy.port, self.database
        )
    }

    pub async fn inbox(&self) -> Inbox<Postgres> {
        Inbox::<Postgres>::open(&self.url()).await.unwrap()
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = Duration::from_secs(60);
    assert!(
        time::timeout(patience, asking).await.is_ok(),
        "never happened: {what}"
    );
}
