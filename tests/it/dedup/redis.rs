//! The Redis store with its contract, its key names, and load by two processes.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use leadhook::dedup::{ClaimStatus, Dedup, Outcome, RedisStore, Store, StoreError};
use redis::Client;

use super::{
    contract, load,
    server::Server,
    support::{LONG, fresh, key},
};

/// Connects a store. On a loaded machine, this may need several attempts.
pub(crate) async fn connect(url: &str) -> RedisStore {
    loop {
        if let Ok(store) = RedisStore::connect(url).await {
            return store;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let Some(server) = Server::start() else {
        return;
    };
    contract::run(connect(&server.url()).await, pass).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_with_a_client_of_ones_own() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = loop {
        let client = Client::open(server.url()).unwrap();
        if let Ok(store) = RedisStore::from_client(client).await {
            break store;
        }
    };
    contract::run(store, pass).await;
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
    let store = connect(&server.url()).await;
    drop(fresh(store.claim(key(1), LONG).await.unwrap()));
    let claimed = store.claim(key(1), LONG).await.unwrap();
    assert!(matches!(claimed, ClaimStatus::Held { .. }), "{claimed:?}");
}

/// An operator's `PERSIST`, or a restore without times to live, leaves such a claim.
#[tokio::test]
async fn a_claim_without_a_time_to_live_ends_with_the_next_lease() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = connect(&server.url()).await;
    let lease = Duration::from_millis(200);
    for number in [1, 2] {
        let claim = fresh(store.claim(key(number), LONG).await.unwrap());
        if number == 2 {
            store.complete(claim, LONG).await.unwrap();
        }
        let name = format!("leadhook:{}", key(number));
        let persisted: bool = query(&server, redis::cmd("PERSIST").arg(&name)).await;
        assert!(persisted);
    }
    match store.claim(key(1), lease).await.unwrap() {
        ClaimStatus::Held { remaining } => assert!(remaining <= lease, "{remaining:?}"),
        other => panic!("{other:?}"),
    }
    pass(lease).await;
    drop(fresh(store.claim(key(1), LONG).await.unwrap()));

    // A done key stays done.
    for _ in 0..2 {
        let status = store.claim(key(2), lease).await.unwrap();
        assert!(matches!(status, ClaimStatus::Done), "{status:?}");
        pass(lease).await;
    }
}

#[tokio::test]
async fn tokens_are_random_and_unique() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = connect(&server.url()).await;
    let mut tokens = HashSet::new();
    for number in 0..200 {
        drop(fresh(store.claim(key(number), LONG).await.unwrap()));
        let name = format!("leadhook:{}", key(number));
        let token: String = query(&server, redis::cmd("GET").arg(&name)).await;
        assert_eq!(hex::decode(&token).unwrap().len(), 16, "{token}");
        tokens.insert(token);
    }
    assert_eq!(tokens.len(), 200);
    // Every digit occurs at every place.
    for place in 0..32 {
        let digits: HashSet<u8> = tokens.iter().map(|token| token.as_bytes()[place]).collect();
        assert!(digits.len() > 12, "{place}: {digits:?}");
    }
}

/// Sends a command on a new connection.
async fn query<T: redis::FromRedisValue>(server: &Server, command: &redis::Cmd) -> T {
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    command.query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn names_begin_with_the_prefix() {
    let Some(server) = Server::start() else {
        return;
    };
    let stores = [
        connect(&server.url()).await,
        connect(&server.url()).await.with_prefix("shop:"),
        connect(&server.url()).await.with_prefix("crm:"),
    ];
    for store in &stores {
        let claim = fresh(store.claim(key(1), LONG).await.unwrap());
        store.complete(claim, LONG).await.unwrap();
    }
    let mut names: Vec<String> = query(&server, redis::cmd("KEYS").arg("*")).await;
    names.sort();
    let expected = ["crm:", "leadhook:", "shop:"].map(|prefix| format!("{prefix}{}", key(1)));
    assert_eq!(names, expected);
    for name in names {
        let left: u64 = query(&server, redis::cmd("TTL").arg(&name)).await;
        assert!(left > LONG.as_secs() / 2, "{name}: {left}");
        assert!(left <= LONG.as_secs(), "{name}: {left}");
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_an_error() {
    let Some(server) = Server::start() else {
        return;
    };
    let name = format!("leadhook:{}", key(1));
    let _: () = query(&server, redis::cmd("RPUSH").arg(&name).arg("a")).await;
    let claimed = connect(&server.url()).await.claim(key(1), LONG).await;
    assert!(
        matches!(claimed, Err(StoreError::Unavailable(_))),
        "{claimed:?}"
    );
}

/// A claim is one round trip, so the server counts one call.
#[tokio::test]
async fn each_call_is_one_command() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = connect(&server.url()).await;
    let calls = async || {
        let stats: String = query(&server, redis::cmd("INFO").arg("commandstats")).await;
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
    load::assert_once(load::deliver(connect(&server.url()).await, 5).await);
}

#[test]
fn each_event_succeeds_exactly_once_in_two_processes() {
    let Some(server) = Server::start() else {
        return;
    };
    let workers =
        ["6", "7"].map(|seed| Worker::start("redis::delivers_in_a_process", &server, seed));
    let mut total = vec![(0, 0); load::EVENTS];
    for mut worker in workers {
        let line = worker.line_after("counts");
        let counts: Vec<(usize, usize)> = line
            .split(' ')
            .map(|counts| {
                let (successes, unrecorded) = counts.split_once('/').unwrap();
                (successes.parse().unwrap(), unrecorded.parse().unwrap())
            })
            .collect();
        let has_worked = counts.iter().any(|(successes, _)| *successes > 0);
        assert!(has_worked, "one process did all the work");
        assert_eq!(counts.len(), total.len());
        for (total, counts) in total.iter_mut().zip(counts) {
            *total = (total.0 + counts.0, total.1 + counts.1);
        }
    }
    load::assert_once(total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that `each_event_succeeds_exactly_once_in_two_processes` starts"]
async fn delivers_in_a_process() {
    let Some((url, seed)) = Worker::arguments() else {
        return;
    };
    let counts = load::deliver(connect(&url).await, seed.parse().unwrap()).await;
    let counts = counts
        .iter()
        .map(|(successes, unrecorded)| format!("{successes}/{unrecorded}"));
    println!("\ncounts {}", counts.collect::<Vec<_>>().join(" "));
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

    /// Returns the server's URL and the argument of this process, or `None` if the test was run by hand.
    pub(crate) fn arguments() -> Option<(String, String)> {
        let variable = |name| std::env::var(name).ok();
        Some((variable(Self::URL)?, variable(Self::ARGUMENT)?))
    }

    /// Waits for a line that begins with a word, and returns the rest of the line.
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
    let dedup = Dedup::new(connect(&server.url()).await);
    let work = || async { Ok::<_, std::io::Error>("done") };
    let first = dedup.once_as(key(1), LONG, work()).await.unwrap();
    assert!(matches!(first, Outcome::Handled("done")));
    let again = dedup.once_as(key(1), LONG, work()).await.unwrap();
    assert!(matches!(again, Outcome::AlreadyHandled));
}
