//! PgBouncer in front of a server of the tests.

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::{Child, Command, Stdio},
};

use sqlx::ConnectOptions as _;
use tempfile::TempDir;

use super::postgres::Server;

pub struct PgBouncer {
    process: Child,
    directory: TempDir,
    settings: String,
}

impl PgBouncer {
    /// None where it is not installed.
    pub fn start(server: &Server, mode: &str) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        // In a session, each client keeps a server connection. In transactions they really share a few.
        let size = if mode == "session" { 20 } else { 3 };
        let settings = format!(
            "[databases]\n* = user=tests host={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 5432\n\
             auth_type = any\nunix_socket_dir = {}\npool_mode = {mode}\ndefault_pool_size = {size}\n",
            server.directory().display(),
            directory.path().display(),
        );
        let mut bouncer = Self {
            process: Command::new("true").spawn().unwrap(),
            directory,
            settings,
        };
        bouncer.launch().then_some(bouncer)
    }

    pub fn launch(&mut self) -> bool {
        let file = self.directory.path().join("pgbouncer.ini");
        fs::write(&file, &self.settings).unwrap();
        // Debian has it outside of `PATH` for users.
        let debian = Path::new("/usr/sbin/pgbouncer");
        let program = if debian.exists() {
            debian
        } else {
            Path::new("pgbouncer")
        };
        let mut command = Command::new(program);
        if fs::metadata(&file).unwrap().uid() == 0 {
            chown(self.directory.path(), Some(65534), Some(65534)).unwrap();
            command.uid(65534).gid(65534);
        }
        command.arg("--quiet").arg(file).stderr(Stdio::null());
        let Ok(process) = command.spawn() else {
            let required = env::var("LEADHOOK_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!required, "required, but pgbouncer is not found");
            eprintln!("SKIPPED: pgbouncer is not found (Debian: apt-get install pgbouncer)");
            return false;
        };
        self.process = process;
        true
    }

    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub fn url(&self, direct: &str, server: &Server) -> String {
        let socket = server.directory().display().to_string();
        direct.replace(&socket, &self.directory.path().display().to_string())
    }

    /// Whether a statement can be run, so that PgBouncer is up.
    pub async fn answers(&self, url: &str) -> bool {
        let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
        let options = options.extra_float_digits(None).statement_cache_capacity(0);
        match options.connect().await {
            Ok(mut connection) => sqlx::raw_sql("SELECT 1")
                .execute(&mut connection)
                .await
                .is_ok(),
            Err(_) => false,
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.stop();
    }
}
