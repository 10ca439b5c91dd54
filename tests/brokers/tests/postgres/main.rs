//! The guide's store, with a PostgreSQL server in a temporary directory.

use std::{
    env, fs,
    os::unix::{fs::MetadataExt, fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use leadhook::dedup::{ClaimStatus, Dedup, Key, Outcome, Store, StoreError};
use sqlx::PgPool;
use store::Postgres;
use tempfile::TempDir;

mod store;

const LEASE: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn the_guide_shows_the_store_as_it_is() {
    let guide = include_str!("../../../../docs/guide/postgres.md");
    assert!(guide.contains(include_str!("store.rs")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract() {
    let server = Server::start();
    let pool = PgPool::connect(&server.url()).await.unwrap();
    let store = Postgres::new(pool.clone()).await.unwrap();
    let key = |byte| Key::from_bytes([byte; 32]);

    // A key has one claim, and is done for its retention.
    let ClaimStatus::Acquired(claim) = store.claim(key(1), LEASE).await.unwrap() else {
        panic!("the key is free");
    };
    let held = store.claim(key(1), LEASE).await.unwrap();
    assert!(
        matches!(held, ClaimStatus::Held { remaining } if remaining > LEASE / 2 && remaining <= LEASE)
    );
    store.complete(claim, SHORT).await.unwrap();
    let done = store.claim(key(1), LEASE).await.unwrap();
    assert!(matches!(done, ClaimStatus::Done));
    tokio::time::sleep(SHORT * 2).await;
    let free = store.claim(key(1), LEASE).await.unwrap();
    assert!(matches!(free, ClaimStatus::Acquired(_)));

    // A released key is free, and a claim whose lease has ended can't take it away from another.
    let ClaimStatus::Acquired(late) = store.claim(key(2), SHORT).await.unwrap() else {
        panic!("the key is free");
    };
    let ClaimStatus::Acquired(late_too) = store.claim(key(3), SHORT).await.unwrap()
    else {
        panic!("the key is free");
    };
    tokio::time::sleep(SHORT * 2).await;
    let ClaimStatus::Acquired(next) = store.claim(key(2), LEASE).await.unwrap() else {
        panic!("the lease has ended");
    };
    let superseded = store.complete(late, RETENTION).await;
    assert!(matches!(superseded, Err(StoreError::Superseded)));
    store.release(next).await.unwrap();
    let free = store.claim(key(2), LEASE).await.unwrap();
    assert!(matches!(free, ClaimStatus::Acquired(_)));
    store.complete(late_too, RETENTION).await.unwrap();

    // Of many claims at once, one succeeds.
    let mut claims = Vec::new();
    for _ in 0..20 {
        let store = Postgres::new(pool.clone()).await.unwrap();
        claims.push(tokio::spawn(async move {
            store.claim(Key::from_bytes([4; 32]), LEASE).await.unwrap()
        }));
    }
    let mut acquired = 0;
    for claim in claims {
        acquired +=
            usize::from(matches!(claim.await.unwrap(), ClaimStatus::Acquired(_)));
    }
    assert_eq!(acquired, 1);

    // Pruning removes what is free, and nothing else.
    let ClaimStatus::Acquired(_) = store.claim(key(5), SHORT).await.unwrap() else {
        panic!("the key is free");
    };
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(store.prune().await.unwrap(), 1);
    let done = store.claim(key(3), LEASE).await.unwrap();
    assert!(matches!(done, ClaimStatus::Done));

    // It is a store as any other.
    let dedup = Dedup::new(store);
    let work = || async { Ok::<_, StoreError>(()) };
    let first = dedup.once_as(key(6), RETENTION, work()).await.unwrap();
    assert!(matches!(first, Outcome::Handled(())));
    let second = dedup.once_as(key(6), RETENTION, work()).await.unwrap();
    assert!(matches!(second, Outcome::AlreadyHandled));
    let longest = dedup.once_as(key(7), Duration::MAX, work()).await.unwrap();
    assert!(matches!(longest, Outcome::Handled(())));
}

/// A server that is reachable by a socket in its directory only.
struct Server {
    programs: PathBuf,
    directory: TempDir,
    user: Option<u32>,
}

impl Server {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        // It does not run as root: Debian's `nobody` will do.
        let user = (directory.path().metadata().unwrap().uid() == 0).then_some(65534);
        chown(directory.path(), user, user).unwrap();
        let server = Self {
            programs: programs().expect("Debian's postgresql is installed"),
            directory,
            user,
        };
        server.run("initdb", &["--auth=trust", "--username=tests", "--no-sync"]);
        let settings = "listen_addresses = ''\nunix_socket_directories = '..'\n";
        let file = server.directory.path().join("data/postgresql.conf");
        fs::write(file, settings).unwrap();
        server.run("pg_ctl", &["start", "--wait", "--log=log"]);
        server
    }

    fn url(&self) -> String {
        let socket = self.directory.path().display();
        format!("postgres://tests@localhost/postgres?host={socket}")
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
        self.run("pg_ctl", &["stop", "--mode=immediate"]);
    }
}

/// The directory of `initdb` and its like. Debian has it outside of `PATH`.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let mut directories = debian.chain(env::split_paths(&path));
    directories.find(|directory: &PathBuf| Path::new(directory).join("initdb").exists())
}
