//! PostgreSQL servers in temporary directories, reachable by a socket there only.

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

pub struct Server {
    programs: PathBuf,
    directory: TempDir,
    user: Option<u32>,
    databases: AtomicU32,
}

/// The server of all tests that don't stop it. It ends with the last test that uses it.
pub fn shared() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let server = Arc::new(Server::start(&[])?);
    *shared = Arc::downgrade(&server);
    Some(server)
}

impl Server {
    /// None, and a message, where PostgreSQL is not installed.
    pub fn start(options: &[&str]) -> Option<Self> {
        Self::start_with(options, |_| {})
    }

    /// Starts a server whose directory is prepared first.
    pub fn start_with(options: &[&str], prepare: impl FnOnce(&Path)) -> Option<Self> {
        let Some(programs) = programs() else {
            let required = env::var("LEADHOOK_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!required, "required, but PostgreSQL's initdb is not found");
            eprintln!(
                "SKIPPED: PostgreSQL's initdb is not found (Debian: apt-get install postgresql)"
            );
            return None;
        };
        let directory = TempDir::new().unwrap();
        // It does not run as root: Debian's `nobody` will do.
        let user = (directory.path().metadata().unwrap().uid() == 0).then_some(65534);
        chown(directory.path(), user, user).unwrap();
        let server = Self {
            programs,
            directory,
            user,
            databases: AtomicU32::new(0),
        };
        server.run("initdb", &["--auth=trust", "--username=tests", "--no-sync"]);
        let settings =
            "listen_addresses = ''\nunix_socket_directories = '..'\nmax_connections = 300\n";
        let file = server.directory.path().join("data/postgresql.conf");
        fs::write(file, format!("{settings}{}\n", options.join("\n"))).unwrap();
        let data = server.directory.path().join("data");
        prepare(&data);
        for file in fs::read_dir(&data).unwrap().flatten() {
            chown(file.path(), user, user).unwrap();
        }
        server.launch();
        Some(server)
    }

    /// Replaces the rules of who may connect, and keeps the socket open for the tests.
    pub fn allow(&self, rule: &str) {
        let file = self.directory.path().join("data/pg_hba.conf");
        fs::write(file, format!("local all all trust\n{rule}\n")).unwrap();
        self.run("pg_ctl", &["reload"]);
    }

    pub fn launch(&self) {
        self.run("pg_ctl", &["start", "--wait", "--timeout=300", "--log=log"]);
    }

    /// Stops the server: `fast` rolls back and disconnects, `immediate` is a crash.
    pub fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["stop", "--mode", mode]);
    }

    /// Sends a signal to every process of the server.
    pub fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.directory.path().join("data/postmaster.pid")).unwrap();
        let postmaster = pid.lines().next().unwrap();
        let children = Command::new("pgrep")
            .args(["-P", postmaster])
            .output()
            .unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        // Some children may have ended by now.
        let _ = Command::new("kill")
            .arg(signal)
            .arg(postmaster)
            .args(children.split_whitespace())
            .stderr(Stdio::null())
            .status();
    }

    /// The directory of the server's socket.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn url(&self, database: &str) -> String {
        let socket = self.directory.path().display();
        format!("postgres://tests@localhost/{database}?host={socket}")
    }

    pub async fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        self.url(&name)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .env("PGDATA", self.directory.path().join("data"))
            .current_dir(self.directory.path())
            .stdout(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        assert!(command.status().unwrap().success(), "{program} failed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.run("pg_ctl", &["stop", "--mode=immediate"]);
    }
}

/// The directory of `initdb` and its like. Debian has it outside of `PATH`.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let has_it = |directory: &PathBuf| directory.join("initdb").is_file();
    debian.chain(env::split_paths(&path)).find(has_it)
}
