//! Claims per second of each store, and what `once` adds to a request.
//!
//! Redis is measured with the `redis` feature, where a `redis-server` is installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use leadhook::{
    Delivery, Grader, Receiver, Secret, Signer,
    dedup::{ClaimStatus, Dedup, Key, MemoryStore, Outcome, Store},
};

const LEASE: Duration = Duration::from_secs(60);
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

const BODY: &[u8] = include_bytes!("../src/samples/grader/submission_scored_nested.json");

criterion_group!(benches, memory, redis::bench, request);
criterion_main!(benches);

fn key(number: usize) -> Key {
    Delivery::<Grader>::from_storage(number.to_string()).key()
}

/// What a future gives that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn handle(store: &MemoryStore, key: Key) {
    if let ClaimStatus::Acquired(claim) = ready(store.claim(key, LEASE)).unwrap() {
        ready(store.complete(claim, KEEP)).unwrap();
    }
}

fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    group.throughput(Throughput::Elements(1));
    let mut numbers = 0..;
    let mut new_key = move || key(numbers.next().unwrap());

    let full = MemoryStore::default();
    for _ in 0..MemoryStore::DEFAULT_CAPACITY {
        handle(&full, new_key());
    }
    group.bench_function("claim and complete in a full store", |bencher| {
        bencher.iter_batched(
            &mut new_key,
            |key| handle(&full, key),
            BatchSize::SmallInput,
        );
    });
    let done = new_key();
    handle(&full, done);
    group.bench_function("claim what is done", |bencher| {
        bencher.iter(|| ready(full.claim(black_box(done), LEASE)));
    });
    group.bench_function("claim and complete by two threads", |bencher| {
        bencher.iter_custom(|count| {
            let keys: Vec<Key> = (0..count).map(|_| new_key()).collect();
            let (one, other) = keys.split_at(keys.len() / 2);
            let start = Instant::now();
            std::thread::scope(|scope| {
                for keys in [one, other] {
                    let full = &full;
                    scope.spawn(move || keys.iter().for_each(|key| handle(full, *key)));
                }
            });
            start.elapsed()
        });
    });
    group.finish();
}

#[cfg(not(feature = "redis"))]
mod redis {
    pub(crate) fn bench(_: &mut criterion::Criterion) {}
}

#[cfg(feature = "redis")]
mod redis {
    use std::{sync::Arc, time::Instant};

    use criterion::{Criterion, Throughput};
    use leadhook::dedup::{ClaimStatus, RedisStore, Store};
    use tokio::runtime::Builder;

    use super::{KEEP, LEASE, key, server::Server};

    pub(crate) fn bench(criterion: &mut Criterion) {
        let Some(server) = Server::start() else {
            return;
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let store = runtime
            .block_on(RedisStore::connect(&server.url()))
            .unwrap();
        let mut group = criterion.benchmark_group("redis");
        group.throughput(Throughput::Elements(1));
        let mut first = 0;
        for tasks in [1, 64] {
            group.bench_function(format!("claim and complete by {tasks} tasks"), |bencher| {
                bencher.iter_custom(|count| {
                    let count = usize::try_from(count).unwrap();
                    let numbers = first..first + count;
                    first += count;
                    let start = Instant::now();
                    runtime.block_on(handle_all(store.clone(), numbers, tasks));
                    start.elapsed()
                });
            });
        }
        group.finish();
    }

    async fn handle_all(store: RedisStore, numbers: std::ops::Range<usize>, tasks: usize) {
        let numbers = Arc::new(std::sync::Mutex::new(numbers));
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let (store, numbers) = (store.clone(), numbers.clone());
                tokio::spawn(async move {
                    loop {
                        let Some(number) = numbers.lock().unwrap().next() else {
                            return;
                        };
                        let claimed = store.claim(key(number), LEASE).await.unwrap();
                        let ClaimStatus::Acquired(claim) = claimed else {
                            panic!("{claimed:?}");
                        };
                        store.complete(claim, KEEP).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

#[cfg(feature = "redis")]
#[allow(dead_code, reason = "the tests stop it and start it again")]
#[path = "../tests/it/dedup/server.rs"]
mod server;

/// A request's verification and reading, alone and with `once`, as criterion shows them and as the
/// ratio of interleaved rounds.
fn request(criterion: &mut Criterion) {
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let signer = Signer::<Grader>::new(&secret);
    let receiver = Receiver::<Grader>::new(&secret);
    let dedup = Dedup::default();
    let mut numbers = 0..;
    let mut new_request = move || {
        // White space at the end makes each another event of the same length.
        let number: u64 = numbers.next().unwrap();
        let digits = (0..64).map(|bit| [b' ', b'\t'][usize::from(number >> bit & 1 == 1)]);
        let body: Vec<u8> = BODY.iter().copied().chain(digits).collect();
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
        let work = async { Ok::<_, std::convert::Infallible>(envelope) };
        let outcome = ready(dedup.once(delivery.key(), work)).unwrap();
        assert!(matches!(outcome, Outcome::Handled(_)));
        outcome
    };

    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(new_request().1.len() as u64));
    group.bench_function("verify and read", |bencher| {
        bencher.iter_batched(&mut new_request, read, BatchSize::SmallInput);
    });
    group.bench_function("verify, read, and once", |bencher| {
        bencher.iter_batched(&mut new_request, once, BatchSize::SmallInput);
    });
    group.finish();

    let mut requests = || (0..200).map(|_| new_request()).collect::<Vec<_>>();
    let mut rounds: Vec<[Duration; 2]> = (0..200)
        .map(|_| [time(requests(), read), time(requests(), once)])
        .collect();
    let mut percentile = |variant: usize| {
        rounds.sort_by_key(|round| round[variant]);
        rounds[rounds.len() / 10][variant].as_secs_f64()
    };
    let ratio = percentile(1) / percentile(0);
    println!("verify, read, and once: {ratio:.2} of verify and read\n");
}

fn time<I, O>(inputs: Vec<I>, run: impl Fn(I) -> O) -> Duration {
    let start = Instant::now();
    for input in inputs {
        black_box(run(input));
    }
    start.elapsed()
}
