//! Measures the cost of handling an event once, relative to a baseline in the same run.
//!
//! `cargo bench --bench dedup` prints one line for each comparison. Redis is measured with the `redis`
//! feature, if a `redis-server` is installed. Only the ratios of one run can be compared, not the times of
//! different runs or machines.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::HashMap,
    convert::Infallible,
    env,
    hint::black_box,
    pin::pin,
    sync::{
        Mutex,
        atomic::{Ordering, fence},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use leadhook::{
    Delivery, Grader, Graphoid, Provider, Receiver, ScoreApp, Secret, Signer,
    dedup::{ClaimStatus, Dedup, Key, MemoryStore, Outcome, Store},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

const LEASE: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// The number of calls in a round.
const CALLS: usize = 200;

fn main() {
    println!("\nTime relative to a baseline (1.00 is the same time, lower is faster)\n");
    keys();
    memory();
    whole_way();
    redis::compare_all();
}

/// Prints the time of an operation, relative to a baseline.
fn print(way: &str, baseline: &str, [ours, theirs]: [Duration; 2]) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("{ratio:>6.2}  {way}\n        baseline: {baseline} ({theirs:.0?} a call here)\n");
}

/// Runs two operations in turns, and prints the ratio of their times.
///
/// The time of an operation is the tenth percentile of its rounds. Each round has new inputs, which are
/// created outside of the measured time.
fn compare<I, O, B>(
    (way, ours): (&str, impl Fn(I) -> O),
    (baseline, theirs): (&str, impl Fn(I) -> B),
    mut input: impl FnMut() -> I,
) {
    let is_bench = env::args().any(|argument| argument == "--bench");
    let rounds = if is_bench { 500 } else { 1 };
    let mut inputs = || (0..CALLS).map(|_| input()).collect();
    let mut times: Vec<[Duration; 2]> = (0..rounds)
        .map(|_| [time(inputs(), &ours), time(inputs(), &theirs)])
        .collect();
    let percentiles = [0, 1].map(|index| {
        times.sort_by_key(|times| times[index]);
        times[times.len() / 10][index]
    });
    print(way, baseline, percentiles);
}

/// Returns the time of a call. The calls can't overlap.
fn time<I, O>(inputs: Vec<I>, run: impl Fn(I) -> O) -> Duration {
    let calls = u32::try_from(inputs.len()).unwrap();
    let start = Instant::now();
    for input in inputs {
        black_box(run(black_box(input)));
        fence(Ordering::SeqCst);
    }
    start.elapsed() / calls
}

/// Runs a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Returns a sample without the white space between its tokens.
fn sample(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    value.to_string()
}

fn keys() {
    fn compare_key<P: Provider>(way: &str, body: String) {
        let (way, baseline) = (
            format!("{way}, {} bytes", body.len()),
            "SHA-256 over the body",
        );
        let delivery = Delivery::<P>::from_storage(body);
        compare(
            (&way, |()| delivery.key()),
            (baseline, |()| Sha256::digest(delivery.body())),
            || (),
        );
    }
    compare_key::<Graphoid>(
        "key of the id, Graphoid",
        sample(include_str!("../src/samples/graphoid/lead_won.json")),
    );
    compare_key::<Grader>("key of the body, Grader.io", sample(GRADER_SAMPLE));
    compare_key::<ScoreApp>(
        "key of the body, ScoreApp",
        sample(include_str!("../src/samples/scoreapp/quiz_finished.json")),
    );
}

const GRADER_SAMPLE: &str = include_str!("../src/samples/grader/submission_scored_nested.json");

/// Returns keys that were never used before.
fn new_keys() -> impl FnMut() -> Key {
    let mut numbers = 0..;
    move || {
        let number: u64 = numbers.next().unwrap();
        Delivery::<Grader>::from_storage(number.to_string()).key()
    }
}

fn handle(store: &impl Store, key: Key) {
    match ready(store.claim(key, LEASE)).unwrap() {
        ClaimStatus::Acquired(claim) => ready(store.complete(claim, RETENTION)).unwrap(),
        ClaimStatus::Done | ClaimStatus::Held { .. } => panic!("the key is not new"),
    }
}

/// A hand-written store, in which no lease ends and no key is forgotten.
#[derive(Default)]
struct ByHand(Mutex<HashMap<[u8; 32], bool>>);

impl ByHand {
    fn handle(&self, key: Key) {
        let claimed = self.0.lock().unwrap().insert(*key.as_bytes(), false);
        assert_eq!(claimed, None);
        self.0.lock().unwrap().insert(*key.as_bytes(), true);
    }
}

fn memory() {
    let mut new_key = new_keys();
    let (store, by_hand) = (MemoryStore::default(), ByHand::default());
    for _ in 0..MemoryStore::DEFAULT_CAPACITY {
        let key = new_key();
        handle(&store, key);
        by_hand.handle(key);
    }
    compare(
        ("claim and complete in a full memory store", |key| {
            handle(&store, key);
        }),
        ("two inserts into a HashMap behind a Mutex", |key| {
            by_hand.handle(key);
        }),
        &mut new_key,
    );
    let done = new_key();
    handle(&store, done);
    by_hand.handle(done);
    compare(
        ("find a duplicate in a full memory store", |()| {
            ready(store.claim(done, LEASE)).is_ok()
        }),
        ("find a key in a HashMap behind a Mutex", |()| {
            by_hand.0.lock().unwrap().get(done.as_bytes()).copied()
        }),
        || (),
    );
}

fn whole_way() {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let signer = Signer::<Grader>::new(&secret);
    let receiver = Receiver::<Grader>::new(&secret);
    let dedup = Dedup::default();
    let body = sample(GRADER_SAMPLE);
    let mut numbers = 0..;
    let new_request = move || {
        // White space at the end makes each body another event of the same length.
        let number: u64 = numbers.next().unwrap();
        let digits = (0..24).map(|bit| [b' ', b'\t'][usize::from(number >> bit & 1 == 1)]);
        let body: Vec<u8> = body.bytes().chain(digits).collect();
        let (_, signature) = signer.header(&body);
        (signature, body)
    };
    let read = |(signature, body): (String, Vec<u8>)| {
        let delivery = receiver.authenticate([signature], body).unwrap();
        let envelope = delivery.read().unwrap();
        (delivery, envelope)
    };
    let once = |request| {
        let (delivery, envelope) = read(request);
        let work = async { Ok::<_, Infallible>(envelope) };
        let outcome = ready(dedup.once(&delivery, work)).unwrap();
        assert!(matches!(outcome, Outcome::Handled(_)));
        outcome
    };
    compare(
        ("verify, read, and handle once, Grader.io", once),
        ("verify and read", read),
        new_request,
    );
}

#[cfg(not(feature = "redis"))]
mod redis {
    pub(crate) fn compare_all() {}
}

#[cfg(feature = "redis")]
mod redis {
    use leadhook::dedup::{ClaimStatus, RedisStore, Store};
    use redis::{Client, aio::MultiplexedConnection, cmd};
    use tokio::runtime::Builder;

    use super::{LEASE, RETENTION, compare, new_keys, server::Server};

    pub(crate) fn compare_all() {
        let Some(server) = Server::start() else {
            return;
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let store = runtime.block_on(RedisStore::connect(&server.url()));
        let store = store.unwrap();
        let client = Client::open(server.url()).unwrap();
        let connection = runtime.block_on(client.get_multiplexed_async_connection());
        let connection: MultiplexedConnection = connection.unwrap();
        compare(
            ("claim and complete in Redis", |key| {
                runtime.block_on(async {
                    let ClaimStatus::Acquired(claim) = store.claim(key, LEASE).await.unwrap()
                    else {
                        panic!("the key is not new");
                    };
                    store.complete(claim, RETENTION).await.unwrap();
                });
            }),
            ("two PINGs", |_| {
                runtime.block_on(async {
                    let mut connection = connection.clone();
                    for _ in 0..2 {
                        let _: () = cmd("PING").query_async(&mut connection).await.unwrap();
                    }
                });
            }),
            new_keys(),
        );
    }
}

#[cfg(feature = "redis")]
#[allow(dead_code, reason = "the tests stop it and start it again")]
#[path = "../tests/it/dedup/server.rs"]
mod server;
