//! A proxy in front of PostgreSQL that goes silent, refuses and holds, as networks do.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use leadhook_inbox::{Inbox, Postgres};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
    sync::watch,
};

use super::postgres::Server;

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Bytes are neither passed on nor lost, on all connections.
    Hold,
    /// New connections are closed, and those that exist are cut.
    Refuse,
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Mode>,
    /// Connections that are older than this are silent for ever.
    silent_before: Arc<AtomicU64>,
    number: Arc<AtomicU64>,
    wake: watch::Sender<u64>,
    pub open: Arc<AtomicUsize>,
    target: Arc<Mutex<PathBuf>>,
}

impl Proxy {
    /// Listens on a port of its own and passes on to a Unix socket.
    pub async fn start(target: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            mode: watch::Sender::new(Mode::Pass),
            silent_before: Arc::default(),
            number: Arc::default(),
            wake: watch::Sender::new(0),
            open: Arc::default(),
            target: Arc::new(Mutex::new(target)),
        };
        let own = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let number = own.number.fetch_add(1, Ordering::SeqCst);
                if *own.mode.borrow() == Mode::Refuse {
                    continue;
                }
                let target = own.target.lock().unwrap().clone();
                let Ok(server) = UnixStream::connect(target).await else {
                    continue;
                };
                let connection = own.clone();
                tokio::spawn(async move {
                    connection.open.fetch_add(1, Ordering::SeqCst);
                    let (client_read, client_write) = client.into_split();
                    let (server_read, server_write) = server.into_split();
                    tokio::select! {
                        () = connection.pump(number, client_read, server_write) => {}
                        () = connection.pump(number, server_read, client_write) => {}
                        () = connection.cut() => {}
                    }
                    connection.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        proxy
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Makes the connections that exist silent for ever. New ones work.
    pub fn silence(&self) {
        let now = self.number.load(Ordering::SeqCst);
        self.silent_before.store(now, Ordering::SeqCst);
        self.wake.send_replace(now);
    }

    /// Leads new connections elsewhere, as a failover behind one address does.
    pub fn lead_to(&self, target: PathBuf) {
        *self.target.lock().unwrap() = target;
    }

    async fn pump(
        &self,
        number: u64,
        mut from: impl AsyncReadExt + Unpin,
        mut to: impl AsyncWriteExt + Unpin,
    ) {
        let mut mode = self.mode.subscribe();
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut bytes).await.unwrap_or(0);
            while number < self.silent_before.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            mode.wait_for(|mode| *mode != Mode::Hold).await.unwrap();
            if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    }

    async fn cut(&self) {
        let mut mode = self.mode.subscribe();
        mode.wait_for(|mode| *mode == Mode::Refuse).await.unwrap();
    }
}

/// A database behind a proxy.
pub struct Behind {
    _server: Arc<Server>,
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
            _server: server,
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
