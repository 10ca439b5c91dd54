//! A store of `RedisStore::connect` works again soon after another server has taken over.

use std::{
    future::{poll_fn, ready},
    io,
    pin::pin,
    sync::mpsc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use leadhook::dedup::{ClaimStatus, Dedup, OnceError, Outcome, Store, StoreError};
use redis::Client;
use tokio::runtime::Builder;

use super::{
    proxy::{Fault, Old, Proxy},
    redis::connect,
    server::Server,
    support::{LONG, fresh, key},
};

/// The time limit for handling events again after a new primary responds at the URL.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends a command to a server.
async fn command(server: &Server, words: &[&str]) -> redis::Value {
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(&mut connection).await.unwrap()
}

async fn replicate(replica: &Server, primary: &Server) {
    let address = primary.address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command(replica, &["REPLICAOF", &host, &port]).await;
}

async fn handle(dedup: &Dedup, number: usize) -> Result<Outcome<()>, OnceError<io::Error>> {
    dedup
        .once_as(key(number), LONG, ready(io::Result::Ok(())))
        .await
}

/// Delivers an event until it is handled. Every earlier result must be an unavailable store.
async fn handle_again(dedup: &Dedup, number: usize) -> Duration {
    let start = Instant::now();
    loop {
        match handle(dedup, number).await {
            Ok(Outcome::Handled(())) => return start.elapsed(),
            // The claim was made, but its response was lost.
            Ok(Outcome::InProgress { .. }) | Err(OnceError::Store(StoreError::Unavailable(_))) => {}
            other => panic!("{other:?}"),
        }
        assert!(start.elapsed() < LIMIT * 3, "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A primary, its replica, and a store that reaches the primary through a proxy.
struct Pair {
    primary: Server,
    replica: Server,
    proxy: Proxy,
    dedup: Dedup,
}

impl Pair {
    /// Starts all, and handles event 1.
    async fn start() -> Option<Self> {
        let (primary, replica) = (Server::start()?, Server::start()?);
        replicate(&replica, &primary).await;
        let proxy = Proxy::start(&primary).await;
        let dedup = Dedup::new(connect(&proxy.url()).await).with_lease(Duration::from_secs(1));
        let pair = Self {
            primary,
            replica,
            proxy,
            dedup,
        };
        let handled = handle(&pair.dedup, 1).await;
        assert!(matches!(handled, Ok(Outcome::Handled(()))), "{handled:?}");
        let name = format!("leadhook:{}", key(1));
        let done = redis::Value::BulkString(b"done".to_vec());
        while command(&pair.replica, &["GET", &name]).await != done {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(pair)
    }

    /// Makes the replica the primary, and routes new connections to it.
    async fn fail_over(&self, old: Old) {
        command(&self.replica, &["REPLICAOF", "NO", "ONE"]).await;
        self.proxy.lead_to(&self.replica, old);
    }

    async fn recovers(&self, fault: &str) {
        let time = handle_again(&self.dedup, 2).await;
        println!("{fault}: works again after {time:?}");
        assert!(time < LIMIT, "{fault}: {time:?}");
        let duplicate = handle(&self.dedup, 1).await;
        assert!(
            matches!(duplicate, Ok(Outcome::AlreadyHandled)),
            "{duplicate:?}"
        );
    }
}

#[tokio::test]
async fn a_demoted_primary_is_left() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    pair.fail_over(Old::Open).await;
    replicate(&pair.primary, &pair.replica).await;
    pair.recovers("demoted").await;
}

#[tokio::test]
async fn a_frozen_primary_is_left() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    pair.primary.freeze();
    pair.fail_over(Old::Open).await;
    pair.recovers("frozen").await;
}

/// The old primary hangs first, so attempts to connect to it are in flight when it is replaced.
#[tokio::test]
async fn a_primary_that_is_replaced_after_it_froze_is_left() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    pair.primary.freeze();
    for _ in 0..2 {
        let unavailable = handle(&pair.dedup, 3).await;
        assert!(
            matches!(
                unavailable,
                Err(OnceError::Store(StoreError::Unavailable(_)))
            ),
            "{unavailable:?}"
        );
    }
    pair.fail_over(Old::Silent).await;
    pair.recovers("frozen before").await;
}

#[tokio::test]
async fn a_primary_that_is_cut_off_is_left() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    pair.fail_over(Old::Silent).await;
    pair.recovers("cut off without notice").await;
}

#[tokio::test]
async fn a_killed_primary_is_left() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    pair.primary.stop();
    for _ in 0..3 {
        assert!(handle(&pair.dedup, 3).await.is_err());
    }
    pair.fail_over(Old::Closed).await;
    pair.recovers("killed").await;
}

/// After a change of a name or a virtual address, the old server stays reachable at first, and is then
/// switched off. Deliveries arrive all the time.
#[tokio::test]
async fn a_server_that_moved_is_followed() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let switch = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        pair.fail_over(Old::Open).await;
        replicate(&pair.primary, &pair.replica).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        pair.primary.freeze();
    };
    let deliver = async {
        let start = Instant::now();
        for number in 100.. {
            let time = handle_again(&pair.dedup, number).await;
            assert!(time < LIMIT, "{time:?}");
            if start.elapsed() > Duration::from_secs(2) {
                break;
            }
        }
    };
    tokio::join!(switch, deliver);
    pair.recovers("moved").await;
}

/// The errors of Redis 7 and Redis 6 on a replica, and of other servers that accept no writes.
#[tokio::test]
async fn a_server_that_takes_no_writes_is_left() {
    const ERRORS: [&str; 5] = [
        "-READONLY You can't write against a read only replica. script: 0c1, on @user_script:2.\r\n",
        "-ERR Error running script (call to f_0c1): @user_script:2: @user_script: 2: -READONLY You \
         can't write against a read only replica. \r\n",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
        "-NOREPLICAS Not enough good replicas to write.\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
    ];
    let Some(server) = Server::start() else {
        return;
    };
    for (number, error) in ERRORS.into_iter().enumerate() {
        let proxy = Proxy::start(&server).await;
        let dedup = Dedup::new(connect(&proxy.url()).await);
        proxy.lead_to(&server, Old::Error(error));
        let time = handle_again(&dedup, number).await;
        assert!(time < LIMIT, "{error}: {time:?}");
    }
}

/// A firewall or a proxy closes idle connections. The next delivery must not fail because of that.
#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_no_delivery() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let dedup = Dedup::new(connect(&proxy.url()).await);
    tokio::time::sleep(Duration::from_millis(300)).await; // longer than the pause between attempts
    proxy.lead_to(&server, Old::Closed);
    let handled = handle(&dedup, 1).await;
    assert!(matches!(handled, Ok(Outcome::Handled(()))), "{handled:?}");
}

#[tokio::test]
async fn a_claim_whose_response_was_lost_is_the_same_claim_when_it_is_sent_again() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let store = connect(&proxy.url()).await;
    for number in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Fault::CutResponse);
        let claim = fresh(store.claim(key(number), LONG).await.unwrap());
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Fault::CutResponse);
        store.complete(claim, LONG).await.unwrap();
        let status = store.claim(key(number), LONG).await.unwrap();
        assert!(matches!(status, ClaimStatus::Done), "{status:?}");
    }
}

#[tokio::test]
async fn a_call_is_not_cut_off_when_another_one_gives_its_connection_up() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let store = connect(&proxy.url()).await;
    proxy.set(Fault::Hang);
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.claim(key(1), LONG).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = tokio::spawn(async move { store.claim(key(2), LONG).await });
    let timed_out = first.await.unwrap();
    assert!(
        matches!(timed_out, Err(StoreError::Unavailable(_))),
        "{timed_out:?}"
    );
    proxy.set(Fault::None);
    drop(fresh(second.await.unwrap().unwrap()));
}

/// While no server responds, the calls of many tasks share one attempt to connect.
#[tokio::test]
async fn one_attempt_to_connect_is_in_flight_at_a_time() {
    const TASKS: usize = 50;

    let Some(server) = Server::start() else {
        return;
    };
    for (event, fault, most) in [(100, Fault::Hang, 4), (101, Fault::CutAll, 16)] {
        let proxy = Proxy::start(&server).await;
        let dedup = Dedup::new(connect(&proxy.url()).await);
        proxy.set(fault);
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let dedup = dedup.clone();
                tokio::spawn(async move {
                    while start.elapsed() < Duration::from_secs(3) {
                        assert!(handle(&dedup, number).await.is_err());
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let (time, attempts) = (start.elapsed(), proxy.accepted());
        println!("{fault:?}: {attempts} connections in {time:?}");
        assert!(
            (2..=1 + most).contains(&attempts),
            "{fault:?}: {attempts} in {time:?}"
        );

        proxy.set(Fault::None);
        let time = handle_again(&dedup, event).await;
        assert!(time < LIMIT, "{fault:?}: {time:?}");
    }
}

/// The system probes an idle connection. In `/proc/net/tcp`, `01` is an established connection, and `02`
/// the timer of the probes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_connections_are_probed() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let _store = connect(&proxy.url()).await;
    let port = format!("{:04X}", proxy.address().port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let timers: Vec<_> = sockets
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[2].ends_with(&format!(":{port}")) && fields[3] == "01")
        .map(|fields| fields[5][..2].to_owned())
        .collect();
    assert_eq!(timers, ["02"]);
}

/// Each worker of actix-web has a runtime of its own, and a connection is made in one of them.
#[test]
fn a_blocked_worker_does_not_hold_up_the_others() {
    const BLOCKED: Duration = Duration::from_secs(6);

    let Some(server) = Server::start() else {
        return;
    };
    let runtime = || {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let store = runtime().block_on(connect(&server.url()));
    // The first connection ended with its runtime, so the next call makes a new one.
    thread::sleep(Duration::from_millis(300));
    let (blocks, is_blocked) = mpsc::channel();
    let blocked = thread::spawn({
        let store = store.clone();
        move || {
            runtime().block_on(async {
                let mut claim = pin!(store.claim(key(1), LONG));
                let polled =
                    poll_fn(|context| Poll::Ready(claim.as_mut().poll(context).is_pending()));
                assert!(polled.await, "it waits for its connection");
                blocks.send(()).unwrap();
                thread::sleep(BLOCKED);
            });
        }
    });
    is_blocked.recv().unwrap();

    let dedup = Dedup::new(store);
    let time = runtime().block_on(handle_again(&dedup, 2));
    println!("works again after {time:?}");
    assert!(time < BLOCKED / 2, "{time:?}");
    blocked.join().unwrap();
}
