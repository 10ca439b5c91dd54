//! A connection that is replaced when its server no longer responds or can't be written to.

use alloc::sync::Arc;
use core::time::Duration;
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, RedisResult, Value,
    aio::MultiplexedConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::{sync::watch, time::timeout};

/// The time limit for connecting and for each response.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The shortest time between the starts of two attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);

/// The time after which the system probes an idle connection, and gives up a connection whose data is
/// not acknowledged.
const SILENCE: Duration = Duration::from_secs(10);

/// Creates a client for a URL whose connections are probed by the system.
pub(super) fn client(url: &str) -> RedisResult<Client> {
    Client::open(url.into_connection_info()?.set_tcp_settings(tcp_settings()))
}

/// The connection of a [`RedisStore`](super::RedisStore).
///
/// After any error, the next call uses a new connection from the same client. redis-rs's own
/// `ConnectionManager` stays on a connection whose server was demoted to a replica or is silent, because it
/// treats those errors as temporary. One attempt to connect is in flight at a time, and all calls wait for
/// its result, until it has had its time. Calls on the old connection are not interrupted.
#[derive(Clone)]
pub(super) struct Connection(Arc<Shared>);

struct Shared {
    client: Client,
    current: Mutex<Attempt>,
}

impl Connection {
    pub(super) async fn connect(client: Client) -> RedisResult<Self> {
        let current = Attempt::start(&client);
        let first = current.clone();
        let connection = Self(Arc::new(Shared {
            client,
            current: Mutex::new(current),
        }));
        first.result().await?;
        Ok(connection)
    }

    /// Sends a command, and sends it again on a new connection if the first one is broken.
    ///
    /// The server may have executed the first command. The store's scripts have the same effect if they
    /// run twice.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let attempt = self.current();
        match attempt.send(command).await {
            Err(error) if self.leave(&attempt) && !error.is_timeout() => {
                self.current().send(command).await
            }
            result => result,
        }
    }

    /// Returns the current attempt, or starts a new attempt if the current one has failed.
    fn current(&self) -> Attempt {
        let mut current = self.lock();
        if current.has_failed() {
            self.replace(&mut current);
        }
        current.clone()
    }

    /// Replaces a connection on which a call has failed. Returns whether there is another connection.
    fn leave(&self, failed: &Attempt) -> bool {
        let mut current = self.lock();
        if current.is(failed) {
            self.replace(&mut current);
        }
        !current.is(failed)
    }

    fn replace(&self, current: &mut Attempt) {
        if current.started.elapsed() >= PAUSE {
            *current = Attempt::start(&self.0.client);
        }
    }

    /// Nothing panics while the attempt is locked, so a poisoned lock guards an intact attempt.
    fn lock(&self) -> MutexGuard<'_, Attempt> {
        let current = &self.0.current;
        current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt to connect, with its result when it has ended.
#[derive(Clone)]
struct Attempt {
    started: Instant,
    result: watch::Receiver<Option<RedisResult<MultiplexedConnection>>>,
}

impl Attempt {
    /// Connects in a separate task. The attempt then ends even if every call that waits for it is dropped.
    fn start(client: &Client) -> Self {
        let client = client.clone();
        let (sender, result) = watch::channel(None);
        tokio::spawn(async move {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(Some(TIMEOUT));
            let connection = client.get_multiplexed_async_connection_with_config(&config);
            sender.send_replace(Some(connection.await));
        });
        Self {
            started: Instant::now(),
            result,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.result.same_channel(&other.result)
    }

    /// Returns whether the attempt has failed or has had its time.
    ///
    /// It does not end while the thread of its runtime is blocked, but other calls may have runtimes of
    /// their own, as actix-web's workers do.
    fn has_failed(&self) -> bool {
        match &*self.result.borrow() {
            Some(result) => result.is_err(),
            None => self.started.elapsed() >= TIMEOUT,
        }
    }

    /// Waits for the connection.
    async fn result(mut self) -> RedisResult<MultiplexedConnection> {
        let ended = self.result.wait_for(Option::is_some);
        let left = TIMEOUT.saturating_sub(self.started.elapsed());
        let ended = timeout(left, ended).await.map_err(io::Error::from)?;
        match ended.as_deref() {
            Ok(Some(result)) => result.clone(),
            // The runtime was shut down.
            Ok(None) | Err(_) => Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
        }
    }

    /// Sends a command. A response that reports an error is an error.
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut connection = self.clone().result().await?;
        command.query_async(&mut connection).await
    }
}

fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(SILENCE));
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(SILENCE);
    settings
}
