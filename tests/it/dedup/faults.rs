//! Faults between a worker and Redis.

use std::{
    future::{pending, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use leadhook::dedup::{Dedup, OnceError, Outcome, RedisStore, StoreError};
use tokio::sync::oneshot;

use super::{
    proxy::{Fault, Proxy},
    redis::{Worker, connect},
    server::Server,
    support::{LONG, Random, TestClock, key},
};

type Once<T> = Result<Outcome<T>, OnceError<io::Error>>;

/// Work that succeeds.
fn work() -> impl Future<Output = io::Result<()>> {
    ready(Ok(()))
}

/// Delivers an event until the response is 200, and returns that outcome. `may_be` returns whether an
/// earlier result is possible.
async fn deliver(dedup: &Dedup, number: usize, may_be: impl Fn(&Once<()>) -> bool) -> Outcome<()> {
    loop {
        let outcome = dedup.once_as(key(number), LONG, work()).await;
        match outcome {
            Ok(outcome) if outcome.status() == 200 => return outcome,
            other => assert!(may_be(&other), "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_in_progress(outcome: &Once<()>) -> bool {
    matches!(outcome, Ok(Outcome::InProgress { .. }))
}

/// Asserts that the work succeeded with the value "kept", but could not be recorded because the server
/// was unavailable.
fn assert_unrecorded(outcome: &Once<&str>) {
    assert!(
        matches!(
            outcome,
            Ok(Outcome::HandledUnrecorded {
                value: "kept",
                error: StoreError::Unavailable(_)
            })
        ),
        "{outcome:?}"
    );
}

fn is_unavailable(outcome: &Once<()>) -> bool {
    matches!(outcome, Err(OnceError::Store(StoreError::Unavailable(_))))
}

#[tokio::test]
async fn after_a_worker_was_killed_its_lease_ends_and_the_retry_is_processed() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut worker = Worker::start("faults::works_until_killed", &server, "1");
    worker.line_after("in progress");
    worker.kill();

    let dedup = Dedup::new(connect(&server.url()).await).with_lease(LONG);
    let outcome = deliver(&dedup, 1, is_in_progress).await;
    assert!(matches!(outcome, Outcome::Handled(())), "{outcome:?}");
}

#[tokio::test]
#[ignore = "a process that another test starts and kills"]
async fn works_until_killed() {
    let Some((url, lease)) = Worker::arguments() else {
        return;
    };
    let lease = Duration::from_secs(lease.parse().unwrap());
    let dedup = Dedup::new(connect(&url).await).with_lease(lease);
    let work = async {
        println!("\nin progress");
        pending::<io::Result<()>>().await
    };
    let outcome = dedup.once_as(key(1), LONG, work).await;
    panic!("not killed: {outcome:?}");
}

#[tokio::test]
async fn work_that_outlives_its_lease_is_dropped_and_the_retry_is_processed() {
    let Some(server) = Server::start() else {
        return;
    };
    let dedup = Dedup::new(connect(&server.url()).await);
    let endless = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let short = dedup.clone().with_lease(Duration::from_millis(200));
    let outcome: Once<()> = short.once_as(key(1), LONG, endless).await;
    assert!(matches!(outcome, Ok(Outcome::LeaseExpired)), "{outcome:?}");

    let outcome = deliver(&dedup, 1, is_in_progress).await;
    assert!(matches!(outcome, Outcome::Handled(())), "{outcome:?}");
}

#[tokio::test]
async fn work_that_blocks_past_its_lease_does_not_overwrite_its_successor() {
    let Some(server) = Server::start() else {
        return;
    };
    let dedup = Dedup::new(connect(&server.url()).await);
    let (started, is_started) = oneshot::channel();
    let successor = async {
        started.send(()).unwrap();
        pending::<io::Result<()>>().await
    };
    // The first worker's clock stands still, as it does while a machine sleeps.
    let blocks = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        deliver_in_background(dedup.clone(), successor);
        is_started.await.unwrap();
        io::Result::Ok("late")
    };
    let short = dedup
        .clone()
        .with_lease(Duration::from_millis(50))
        .with_clock(TestClock::new().read());
    let outcome = short.once_as(key(1), LONG, blocks).await;
    assert!(
        matches!(
            outcome,
            Ok(Outcome::HandledUnrecorded {
                value: "late",
                error: StoreError::Superseded
            })
        ),
        "{outcome:?}"
    );
    let third = dedup.once_as(key(1), LONG, work()).await;
    assert!(is_in_progress(&third), "{third:?}");
}

fn deliver_in_background(
    dedup: Dedup,
    work: impl Future<Output = io::Result<()>> + Send + 'static,
) {
    tokio::spawn(async move {
        let outcome = dedup.once_as(key(1), LONG, work).await;
        panic!("it waits forever: {outcome:?}");
    });
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_and_remembers_its_keys_when_it_is_back() {
    let Some(mut server) = Server::start_durable() else {
        return;
    };
    let dedup = Dedup::new(connect(&server.url()).await).with_lease(LONG);
    let handled = deliver(&dedup, 1, |_| false).await;
    assert!(matches!(handled, Outcome::Handled(())), "{handled:?}");
    let in_progress = {
        let dedup = dedup.clone();
        let (started, is_started) = oneshot::channel();
        let task = tokio::spawn(async move {
            let work = async {
                started.send(()).unwrap();
                pending::<io::Result<()>>().await
            };
            dedup.once_as(key(2), LONG, work).await
        });
        is_started.await.unwrap();
        task
    };

    server.stop();
    for number in [1, 2, 3] {
        let outcome = dedup.once_as(key(number), LONG, work()).await;
        assert!(is_unavailable(&outcome), "{outcome:?}");
    }
    server.start_again();

    let known = deliver(&dedup, 1, is_unavailable).await;
    assert!(matches!(known, Outcome::AlreadyHandled), "{known:?}");
    let claimed = dedup.once_as(key(2), LONG, work()).await;
    assert!(is_in_progress(&claimed), "{claimed:?}");
    let new = deliver(&dedup, 3, is_unavailable).await;
    assert!(matches!(new, Outcome::Handled(())), "{new:?}");
    in_progress.abort();
}

#[tokio::test]
async fn work_that_succeeds_while_the_server_is_down_keeps_its_result() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let dedup = Dedup::new(connect(&server.url()).await).with_lease(LONG);
    let stop = async {
        server.stop();
        io::Result::Ok("kept")
    };
    let outcome = dedup.once_as(key(1), LONG, stop).await;
    assert_unrecorded(&outcome);
}

#[tokio::test]
async fn work_that_succeeds_after_the_server_forgot_its_claim_is_recorded() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let dedup = Dedup::new(connect(&server.url()).await).with_lease(LONG);
    let restart = async {
        server.stop();
        server.start_again();
        let _ = deliver(&dedup, 2, is_unavailable).await; // until it is connected again
        io::Result::Ok(())
    };
    let outcome = dedup.once_as(key(1), LONG, restart).await;
    assert!(matches!(outcome, Ok(Outcome::Handled(()))), "{outcome:?}");
    let again = dedup.once_as(key(1), LONG, work()).await;
    assert!(matches!(again, Ok(Outcome::AlreadyHandled)), "{again:?}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_at_the_start() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.stop();
    for url in [server.url().as_str(), "http://127.0.0.1", ""] {
        let connected = RedisStore::connect(url).await;
        assert!(
            matches!(connected, Err(StoreError::Unavailable(_))),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let store = connect(&proxy.url()).await;
    proxy.set(Fault::Hang);
    let dedup = Dedup::new(store);
    let outcome = dedup.once_as(key(1), LONG, work()).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_claim_that_is_cut_off_is_an_error_and_the_retry_is_processed() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let dedup = Dedup::new(connect(&proxy.url()).await).with_lease(Duration::from_secs(1));
    for (number, fault) in [(1, Fault::CutCalls), (2, Fault::CutResponses)] {
        proxy.set(fault);
        let work = async { panic!("it runs without a claim") };
        let outcome: Once<()> = dedup.once_as(key(number), LONG, work).await;
        assert!(is_unavailable(&outcome), "{fault:?}: {outcome:?}");
        proxy.set(Fault::None);

        // If only the response was lost, the claim holds until its lease ends.
        let may_be = |outcome: &Once<()>| is_unavailable(outcome) || is_in_progress(outcome);
        let outcome = deliver(&dedup, number, may_be).await;
        assert!(
            matches!(outcome, Outcome::Handled(())),
            "{fault:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_success_that_is_cut_off_keeps_its_result() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let dedup = Dedup::new(connect(&proxy.url()).await).with_lease(LONG);
    let cut = async {
        proxy.set(Fault::CutResponses);
        io::Result::Ok("kept")
    };
    let outcome = dedup.once_as(key(1), LONG, cut).await;
    assert_unrecorded(&outcome);
    proxy.set(Fault::None);
    // The server has recorded the success, although its response was lost.
    let again = deliver(&dedup, 1, is_unavailable).await;
    assert!(matches!(again, Outcome::AlreadyHandled), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_however_often_connections_break() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::start(&server).await;
    let store = connect(&proxy.url()).await;
    break_connections(Dedup::new(store), proxy, 400, Duration::from_millis(250)).await;
}

/// Breaks connections all the time, and checks that no event is lost and that no event succeeds twice
/// unless its first success could not be recorded.
///
/// A connection breaks only if work has succeeded since the last break, because a fixed rate could break
/// every new connection in its handshake.
async fn break_connections(dedup: Dedup, proxy: Proxy, events: usize, every: Duration) {
    const TASKS: u64 = 8;

    #[derive(Default)]
    struct Counts {
        successes: AtomicUsize,
        unrecorded: AtomicUsize,
    }

    let dedup = dedup.with_lease(Duration::from_secs(1));
    proxy.set(Fault::CutResponse);
    let counts: Arc<Vec<Counts>> = Arc::new((0..events).map(|_| Counts::default()).collect());
    let tasks: Vec<_> = (0..TASKS)
        .map(|seed| {
            let (dedup, counts) = (dedup.clone(), counts.clone());
            tokio::spawn(async move {
                let mut order: Vec<usize> = (0..events).collect();
                Random(seed).shuffle(&mut order);
                for event in order {
                    let Counts {
                        successes,
                        unrecorded,
                    } = &counts[event];
                    loop {
                        let work = async {
                            tokio::time::sleep(every / 10).await;
                            successes.fetch_add(1, Ordering::SeqCst);
                            io::Result::Ok(())
                        };
                        let outcome = dedup.once_as(key(event), LONG, work).await;
                        if matches!(outcome, Ok(Outcome::HandledUnrecorded { .. })) {
                            unrecorded.fetch_add(1, Ordering::SeqCst);
                        }
                        match outcome {
                            Ok(outcome) if outcome.status() == 200 => break,
                            Ok(_) => {}
                            other => assert!(is_unavailable(&other), "{other:?}"),
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    assert!(successes.load(Ordering::SeqCst) > 0, "{event} is lost");
                }
            })
        })
        .collect();
    let all_counts = counts.clone();
    let breaking = tokio::spawn(async move {
        let succeeded = || -> usize {
            let successes = all_counts.iter().map(|counts| &counts.successes);
            successes.map(|count| count.load(Ordering::SeqCst)).sum()
        };
        let mut random = Random(TASKS);
        let mut before = succeeded();
        loop {
            tokio::time::sleep(every).await;
            if succeeded() == before {
                continue;
            }
            before = succeeded();
            let cut_call = random.below(2) == 0;
            proxy.set(if cut_call {
                Fault::CutCall
            } else {
                Fault::CutResponse
            });
        }
    });
    for task in tasks {
        task.await.unwrap();
    }
    breaking.abort();
    for (
        event,
        Counts {
            successes,
            unrecorded,
        },
    ) in counts.iter().enumerate()
    {
        let (successes, unrecorded) = (
            successes.load(Ordering::SeqCst),
            unrecorded.load(Ordering::SeqCst),
        );
        assert!(
            successes <= 1 + unrecorded,
            "{event}: {successes} successes, of which {unrecorded} not recorded"
        );
    }
}
