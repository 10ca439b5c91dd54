//! Extends the leases of the rows in progress.
//!
//! On a thread, a runtime and a connection of its own, so that neither a handler that blocks the
//! runtime nor an exhausted pool lets leases run out.

use std::{sync::Arc, thread, time::Duration};

use sqlx::Connection as _;
use tokio::{
    runtime,
    sync::watch,
    time::{self, Instant},
};

use crate::{
    backend::Backend,
    error::Error,
    held::Held,
    inbox::{Inbox, millis, within},
    log::log,
};

/// Starts the heartbeat. It ends when the returned value is dropped.
pub(crate) fn start<B: Backend>(
    inbox: Inbox<B>,
    held: Arc<Held>,
    lease: Duration,
) -> Result<watch::Sender<()>, Error> {
    let (alive, end) = watch::channel(());
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Thread)?;
    thread::Builder::new()
        .name("leadhook-inbox heartbeat".into())
        .spawn(move || runtime.block_on(beat(&inbox, &held, lease, end)))
        .map_err(Error::Thread)?;
    Ok(alive)
}

async fn beat<B: Backend>(
    inbox: &Inbox<B>,
    held: &Held,
    lease: Duration,
    mut end: watch::Receiver<()>,
) {
    // Three tries before a lease runs out.
    let interval = lease / 3;
    let mut connection = None;
    while time::timeout(interval, end.changed()).await.is_err() {
        let began = Instant::now();
        let extended = within(interval, extend(inbox, held, lease, &mut connection)).await;
        if let Err(error) = extended {
            log(|| tracing::warn!(%error, "leases not extended"));
            connection = None; // the next try gets another
            let _ = time::timeout_at(began + interval / 4, end.changed()).await;
        }
    }
}

async fn extend<B: Backend>(
    inbox: &Inbox<B>,
    held: &Held,
    lease: Duration,
    connection: &mut Option<B::Connection>,
) -> sqlx::Result<()> {
    let rows = held.alive();
    if rows.leases.is_empty() {
        return Ok(());
    }
    let connection = if let Some(connection) = connection {
        connection
    } else {
        let options = inbox.pool().connect_options();
        connection.insert(B::Connection::connect_with(&options).await?)
    };
    let statement = inbox.statement(include_str!("sql/extend.sql"));
    let statement = rows.bind(statement.bind(millis(lease)));
    B::execute(connection, statement).await?;
    Ok(())
}
