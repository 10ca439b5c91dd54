//! A Redis server of the tests' own, and a proxy before it that breaks connections.

use std::{
    fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A `redis-server` on a free port of the loopback interface. It ends when this is dropped.
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    directory: PathBuf,
}

impl Server {
    /// Starts a server. None, and a message, where none is installed.
    pub(crate) fn start() -> Option<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);

        let version = Command::new("redis-server")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if version.is_err() {
            let message = "skipped: there is no redis-server on the PATH (Debian: apt-get install redis-server)";
            assert!(
                std::env::var_os("LEADHOOK_REQUIRE_REDIS").is_none(),
                "{message}"
            );
            // The macros' output is captured; this is not.
            let _ = writeln!(io::stderr(), "{message}");
            return None;
        }
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("leadhook-redis-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut server = Self {
            child: None,
            port: 0,
            directory,
        };
        // Somebody else may take the port before the server does.
        for _ in 0..20 {
            let free = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            if server.try_start() {
                return Some(server);
            }
        }
        panic!("no redis-server has started");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Starts a process, and waits until it accepts connections.
    fn try_start(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(&self.directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if StdStream::connect(self.address()).is_ok() {
                self.child = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the server. What it has answered is on the disk.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts a stopped server on the same port, with what it knew.
    pub(crate) fn start_again(&mut self) {
        for _ in 0..100 {
            if self.try_start() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("redis-server has not started again");
    }

    /// Removes what a stopped server knew.
    pub(crate) fn forget(&self) {
        fs::remove_dir_all(&self.directory).unwrap();
        fs::create_dir_all(&self.directory).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What a [`Proxy`] does to a call.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Fault {
    /// Passes it on, and its answer back.
    None,
    /// Breaks the connection before the server gets the next call.
    CutCall,
    /// Breaks the connection after the server has executed the next call.
    CutAnswer,
    /// Keeps the answers of this and all later calls.
    Hang,
}

/// Passes connections on to a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn start(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let fault = Arc::new(AtomicU8::new(Fault::None as u8));
        let (faults, server) = (fault.clone(), server.address());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, faults.clone()));
            }
        });
        Self { address, fault }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }
}

/// Passes a connection on, until either side or a fault ends it.
async fn pass(mut client: TcpStream, server: SocketAddr, fault: Arc<AtomicU8>) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut calls, mut answers) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    // A cut is for one connection.
    let cut = |kind: Fault| {
        let none = Fault::None as u8;
        fault
            .compare_exchange(kind as u8, none, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    };
    loop {
        tokio::select! {
            length = client.read(&mut calls) => {
                let length = length?;
                if length == 0 || cut(Fault::CutCall) {
                    return Ok(());
                }
                server.write_all(&calls[..length]).await?;
            }
            length = server.read(&mut answers) => {
                let length = length?;
                if length == 0 || cut(Fault::CutAnswer) {
                    return Ok(());
                }
                if fault.load(Ordering::SeqCst) != Fault::Hang as u8 {
                    client.write_all(&answers[..length]).await?;
                }
            }
        }
    }
}
