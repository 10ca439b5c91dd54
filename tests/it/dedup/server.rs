//! A Redis server for the tests.

use std::{
    fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A `redis-server` on a free port of the loopback interface, which ends when this value is dropped.
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    directory: PathBuf,
    is_durable: bool,
}

impl Server {
    /// Starts a server. If none is installed, prints a message and returns `None`.
    pub(crate) fn start() -> Option<Self> {
        Self::start_as(false)
    }

    /// Starts a server that writes every change to the disk before it responds.
    pub(crate) fn start_durable() -> Option<Self> {
        Self::start_as(true)
    }

    fn start_as(is_durable: bool) -> Option<Self> {
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
            // The output of `eprintln!` would be captured by the test harness.
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
            is_durable,
        };
        // Another process may take the port before the server does.
        for _ in 0..20 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
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

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Starts a process, and waits until it accepts connections.
    fn try_start(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port"])
            .arg(self.port.to_string())
            .args(["--save", "", "--appendfsync", "always", "--appendonly"])
            .arg(if self.is_durable { "yes" } else { "no" })
            .args(["--repl-diskless-sync-delay", "0"])
            .arg("--dir")
            .arg(&self.directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(self.address()).is_ok() {
                self.child = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops the process without ending it, so that its sockets stay open but nothing responds.
    pub(crate) fn freeze(&self) {
        let process = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args(["-STOP", &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills the server.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts a stopped server on the same port. A durable server has everything that it acknowledged.
    pub(crate) fn start_again(&mut self) {
        for _ in 0..100 {
            if self.try_start() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("redis-server has not started again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
