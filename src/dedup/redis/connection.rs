//! A connection that is replaced when its server no longer responds or can't be written to.

use alloc::{boxed::Box, sync::Arc};
use core::{fmt, time::Duration};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, Pipeline, RedisError, RedisFuture,
    RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::sync::watch;

/// The time limit for connecting and for each response.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(1));

/// The shortest time between the starts of two attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);

/// The time after which the system probes an idle connection, and gives up a connection whose data is
/// not acknowledged.
const SILENCE: Duration = Duration::from_secs(10);

/// The connection of a store made by [`RedisStore::connect`](super::RedisStore::connect).
///
/// After any error, the next call uses a new connection to the same URL. redis-rs's own
/// `ConnectionManager` stays on a connection whose server was demoted to a replica or is silent, because
/// it treats those errors as temporary. One attempt to connect is in flight at a time, and all calls
/// wait for its result. Calls on the old connection are not interrupted.
#[derive(Clone)]
pub struct RedisConnection(Arc<Shared>);

struct Shared {
    client: Client,
    current: Mutex<Attempt>,
}

impl RedisConnection {
    pub(super) async fn connect(url: &str) -> RedisResult<Self> {
        let info = url.into_connection_info()?.set_tcp_settings(tcp_settings());
        let client = Client::open(info)?;
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
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
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

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.send(command))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let mut connection = self.current().result().await?;
            connection
                .req_packed_commands(pipeline, offset, count)
                .await
        })
    }

    fn get_db(&self) -> i64 {
        let info = self.0.client.get_connection_info();
        info.redis_settings().db()
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection").finish_non_exhaustive()
    }
}

/// An attempt to connect, with its result when it has ended.
#[derive(Clone)]
struct Attempt {
    started: Instant,
    result: watch::Receiver<Option<RedisResult<MultiplexedConnection>>>,
}

impl Attempt {
    /// Connects in a task of its own, so that the attempt ends even if every call that waits for it is
    /// dropped.
    fn start(client: &Client) -> Self {
        let client = client.clone();
        let (sender, result) = watch::channel(None);
        tokio::spawn(async move {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(TIMEOUT)
                .set_response_timeout(TIMEOUT);
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

    fn has_failed(&self) -> bool {
        matches!(*self.result.borrow(), Some(Err(_)))
    }

    /// Waits for the connection.
    async fn result(mut self) -> RedisResult<MultiplexedConnection> {
        match self.result.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            // The runtime was shut down.
            Ok(None) | Err(_) => Err(RedisError::from(io::Error::from(
                io::ErrorKind::ConnectionAborted,
            ))),
        }
    }

    /// Sends a command. A response that reports an error is an error.
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut connection = self.clone().result().await?;
        connection
            .send_packed_command(command)
            .await?
            .extract_error()
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
