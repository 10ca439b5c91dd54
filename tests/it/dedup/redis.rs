//! The Redis store: the contract, its names, and load by two processes.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use leadhook::dedup::{ClaimStatus, Dedup, Outcome, RedisStore, Store, StoreError};
use redis::{
    AsyncConnectionConfig, Client,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};

use super::{
    contract, load,
    server::Server,
    support::{LONG, fresh, key},
};

/// A connection that a loaded machine does not time out.
pub(crate) async fn patient(url: &str) -> RedisStore<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(LONG))
        .set_response_timeout(Some(LONG));
    let client = Client::open(url).unwrap();
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    RedisStore::new(connection.await.unwrap())
}

/// The same, made anew when it breaks.
pub(crate) async fn manager(url: &str) -> RedisStore {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(LONG))
        .set_response_timeout(Some(LONG))
        .set_number_of_retries(0);
    let client = Client::open(url).unwrap();
    let connection = ConnectionManager::new_with_config(client, config);
    RedisStore::new(connection.await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let Some(server) = Server::start() else {
        return;
    };
    contract::run(patient(&server.url()).await, pass).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_with_a_connection_manager() {
    let Some(server) = Server::start() else {
        return;
    };
    contract::run(manager(&server.url()).await, pass).await;
}

/// Redis's clock counts whole milliseconds.
async fn pass(time: Duration) {
    tokio::time::sleep(time + Duration::from_millis(2)).await;
}

#[tokio::test]
async fn a_dropped_claim_ends_with_its_lease() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = patient(&server.url()).await;
    drop(fresh(store.claim(key(1), LONG).await.unwrap()));
    let claimed = store.claim(key(1), LONG).await.unwrap();
    assert!(matches!(claimed, ClaimStatus::Held { .. }), "{claimed:?}");
}

#[tokio::test]
async fn names_begin_with_the_prefix() {
    let Some(server) = Server::start() else {
        return;
    };
    let stores = [
        patient(&server.url()).await,
        patient(&server.url()).await.with_prefix("shop:"),
        patient(&server.url()).await.with_prefix("crm:"),
    ];
    for store in &stores {
        let claim = fresh(store.claim(key(1), LONG).await.unwrap());
        store.complete(claim, LONG).await.unwrap();
    }
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut names: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut connection)
        .await
        .unwrap();
    names.sort();
    let expected = ["crm:", "leadhook:", "shop:"].map(|prefix| format!("{prefix}{}", key(1)));
    assert_eq!(names, expected);
    for name in names {
        let left: u64 = redis::cmd("TTL")
            .arg(&name)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(left > LONG.as_secs() / 2, "{name}: {left}");
        assert!(left <= LONG.as_secs(), "{name}: {left}");
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_an_error() {
    let Some(server) = Server::start() else {
        return;
    };
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let name = format!("leadhook:{}", key(1));
    let _: () = redis::cmd("RPUSH")
        .arg(&name)
        .arg("a")
        .query_async(&mut connection)
        .await
        .unwrap();
    let claimed = patient(&server.url()).await.claim(key(1), LONG).await;
    assert!(
        matches!(claimed, Err(StoreError::Unavailable(_))),
        "{claimed:?}"
    );
}

/// A claim is one round trip: the server counts one call of a client.
#[tokio::test]
async fn each_call_is_one_command() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = patient(&server.url()).await;
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut calls = async || {
        let stats: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut connection)
            .await
            .unwrap();
        let evals = stats
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_eval:calls="));
        let evals = evals.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap());
        assert!(!stats.contains("cmdstat_evalsha") && !stats.contains("cmdstat_script"));
        let evals: u32 = evals;
        evals
    };
    let claim = fresh(store.claim(key(1), LONG).await.unwrap());
    assert_eq!(calls().await, 1);
    store.release(claim).await.unwrap();
    assert_eq!(calls().await, 2);
    let claim = fresh(store.claim(key(1), LONG).await.unwrap());
    store.complete(claim, LONG).await.unwrap();
    assert_eq!(calls().await, 4);
    assert!(matches!(
        store.claim(key(1), LONG).await,
        Ok(ClaimStatus::Done)
    ));
    assert_eq!(calls().await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_succeeds_exactly_once_in_redis() {
    let Some(server) = Server::start() else {
        return;
    };
    let successes = load::deliver(patient(&server.url()).await, 5).await;
    assert_eq!(successes, [1; load::EVENTS]);
}

#[test]
fn each_event_succeeds_exactly_once_in_two_processes() {
    let Some(server) = Server::start() else {
        return;
    };
    let workers =
        ["6", "7"].map(|seed| Worker::start("redis::delivers_in_a_process", &server, seed));
    let mut total = vec![0; load::EVENTS];
    for mut worker in workers {
        let line = worker.line_after("successes");
        let counts: Vec<usize> = line
            .split(' ')
            .map(|count| count.parse().unwrap())
            .collect();
        assert!(counts.contains(&1), "one process did all the work");
        assert_eq!(counts.len(), total.len());
        for (total, count) in total.iter_mut().zip(counts) {
            *total += count;
        }
    }
    assert_eq!(total, [1; load::EVENTS]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that `each_event_succeeds_exactly_once_in_two_processes` starts"]
async fn delivers_in_a_process() {
    let Some((url, seed)) = Worker::arguments() else {
        return;
    };
    let successes = load::deliver(patient(&url).await, seed.parse().unwrap()).await;
    let successes: Vec<_> = successes.iter().map(ToString::to_string).collect();
    println!("\nsuccesses {}", successes.join(" "));
}

/// This test binary once more, as a process that runs one ignored test.
pub(crate) struct Worker {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Worker {
    const URL: &str = "LEADHOOK_TEST_REDIS_URL";
    const ARGUMENT: &str = "LEADHOOK_TEST_ARGUMENT";

    pub(crate) fn start(test: &str, server: &Server, argument: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                &format!("dedup::{test}"),
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(Self::URL, server.url())
            .env(Self::ARGUMENT, argument)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// In the process: the server's URL and the argument. None where the test was called by hand.
    pub(crate) fn arguments() -> Option<(String, String)> {
        let variable = |name| std::env::var(name).ok();
        Some((variable(Self::URL)?, variable(Self::ARGUMENT)?))
    }

    /// Waits for a line that begins with a word, and gives what comes after it.
    pub(crate) fn line_after(&mut self, word: &str) -> String {
        let mut lines = self.output.by_ref().lines().map(Result::unwrap);
        let rest = lines.find_map(|line| line.strip_prefix(word).map(|rest| rest.trim().into()));
        rest.unwrap_or_else(|| panic!("it didn't say {word}"))
    }

    /// Ends the process by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn handles_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let dedup = Dedup::new(patient(&server.url()).await);
    let work = || async { Ok::<_, std::io::Error>("done") };
    let first = dedup.once(key(1), work()).await.unwrap();
    assert!(matches!(first, Outcome::Handled("done")));
    let again = dedup.once(key(1), work()).await.unwrap();
    assert!(matches!(again, Outcome::AlreadyHandled));
}
