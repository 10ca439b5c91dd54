//! `once`, with any store.

use std::{
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use leadhook::{
    Delivery, Grader, Graphoid, Provider, Tomba,
    dedup::{
        ClaimStatus, Dedup, Key, MemoryClaim, MemoryStore, OnceError, Outcome, Store, StoreError,
    },
};

use super::support::{LONG, Scripted, TestClock, key};

#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the CRM is down")]
struct CrmDown;

type Work<T = ()> = Result<T, CrmDown>;

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn handles_once_and_then_never_again() {
    let dedup = Dedup::default();
    let first = dedup
        .once_as(key(1), LONG, async { Work::Ok("done") })
        .await
        .unwrap();
    assert!(matches!(first, Outcome::Handled("done")));
    assert_eq!((first.status(), first.retry_after()), (200, None));

    let again = dedup
        .once_as(key(1), LONG, pending::<Work<&str>>())
        .await
        .unwrap();
    assert!(matches!(again, Outcome::AlreadyHandled));
    assert_eq!((again.status(), again.retry_after()), (200, None));
}

#[tokio::test]
async fn a_failure_is_given_back_and_retried() {
    let dedup = Dedup::default();
    for _ in 0..2 {
        let failed = dedup
            .once_as(key(1), LONG, async { Work::<()>::Err(CrmDown) })
            .await;
        let failed = failed.unwrap_err();
        assert!(matches!(failed, OnceError::Failed(CrmDown)));
        assert_eq!(failed.to_string(), "the CRM is down");
    }
    let retried = dedup
        .once_as(key(1), LONG, async { Work::Ok(()) })
        .await
        .unwrap();
    assert!(matches!(retried, Outcome::Handled(())));
}

#[test]
fn an_event_in_progress_is_not_started_again() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let dedup = Dedup::new(store).with_clock(clock.read());
    let mut in_progress = pin!(dedup.once_as(key(1), LONG, pending::<Work>()));
    assert!(poll_once(in_progress.as_mut()).is_pending());

    let retry_after = |advance| {
        clock.advance(advance);
        match poll_once(pin!(dedup.once_as(key(1), LONG, pending::<Work>()))) {
            Poll::Ready(Ok(outcome @ Outcome::InProgress { .. })) => {
                assert_eq!(outcome.status(), 409);
                outcome.retry_after()
            }
            other => panic!("{other:?}"),
        }
    };
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!(retry_after(Duration::ZERO), millis(60_000));
    assert_eq!(retry_after(Duration::from_millis(1)), millis(59_999));
    assert_eq!(retry_after(Duration::from_millis(58_999)), millis(1_000));
    assert_eq!(retry_after(Duration::from_millis(999)), millis(1));
}

#[test]
fn a_future_is_not_polled_before_its_key_is_claimed() {
    let dedup = Dedup::new(MemoryStore::with_capacity(0));
    let work = poll_fn(|_| -> Poll<Work> { panic!("polled") });
    match poll_once(pin!(dedup.once_as(key(1), LONG, work))) {
        Poll::Ready(Err(OnceError::Store(error))) => {
            assert!(matches!(error, StoreError::Full));
            assert_eq!(error.status(), 503);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn dropped_work_frees_its_key() {
    let dedup = Dedup::default();
    {
        let mut dropped = pin!(dedup.once_as(key(1), LONG, pending::<Work>()));
        assert!(poll_once(dropped.as_mut()).is_pending());
    }
    let again = poll_once(pin!(dedup.once_as(key(1), LONG, async { Work::Ok(()) })));
    assert!(matches!(again, Poll::Ready(Ok(Outcome::Handled(())))));
}

#[tokio::test]
async fn panicked_work_frees_its_key() {
    let dedup = Dedup::default();
    let panicking = {
        let dedup = dedup.clone();
        tokio::spawn(async move {
            let work = poll_fn(|_| -> Poll<Work> { panic!("as this test expects") });
            dedup.once_as(key(1), LONG, work).await.unwrap()
        })
    };
    assert!(panicking.await.unwrap_err().is_panic());
    let again = dedup
        .once_as(key(1), LONG, async { Work::Ok(()) })
        .await
        .unwrap();
    assert!(matches!(again, Outcome::Handled(())));
}

/// Work that reports when it is dropped.
struct Noisy(Arc<AtomicUsize>);

impl Drop for Noisy {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn work_is_dropped_at_the_first_poll_after_its_lease() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let dedup = Dedup::new(store)
        .with_clock(clock.read())
        .with_lease(Duration::from_secs(600));
    let drops = Arc::new(AtomicUsize::new(0));
    let noisy = Noisy(drops.clone());
    let polls = AtomicUsize::new(0);
    let work = async {
        let _noisy = noisy;
        poll_fn(|_| -> Poll<()> {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::Pending
        })
        .await;
        Work::Ok(())
    };
    let mut once = pin!(dedup.once_as(key(1), LONG, work));
    assert!(poll_once(once.as_mut()).is_pending());
    clock.advance(Duration::from_millis(599_999));
    assert!(poll_once(once.as_mut()).is_pending());
    assert_eq!(polls.load(Ordering::SeqCst), 2);

    clock.advance(Duration::from_millis(1));
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    match poll_once(once.as_mut()) {
        Poll::Ready(Ok(outcome @ Outcome::LeaseExpired)) => assert_eq!(outcome.status(), 503),
        other => panic!("{other:?}"),
    }
    assert_eq!(polls.load(Ordering::SeqCst), 2);
    assert_eq!(drops.load(Ordering::SeqCst), 1);

    let retried = poll_once(pin!(dedup.once_as(key(1), LONG, async { Work::Ok(()) })));
    assert!(matches!(retried, Poll::Ready(Ok(Outcome::Handled(())))));
}

/// A store of one's own, whose claims free their keys when they are dropped.
struct Own(MemoryStore);

impl Store for Own {
    type Claim = MemoryClaim;

    fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> impl Future<Output = Result<ClaimStatus<MemoryClaim>, StoreError>> + Send {
        self.0.claim(key, lease)
    }

    fn complete(
        &self,
        claim: MemoryClaim,
        retention: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.0.complete(claim, retention)
    }

    fn release(&self, claim: MemoryClaim) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.0.release(claim)
    }
}

/// The work may hold a lock, or run code in its destructors.
#[test]
fn no_part_of_the_work_outlives_its_claim() {
    /// A part of the work. When it is dropped, it notes whether a second delivery would have to wait.
    struct Part {
        dedup: Dedup,
        waits: Arc<Mutex<Vec<bool>>>,
    }

    impl Drop for Part {
        fn drop(&mut self) {
            let second = poll_once(pin!(self.dedup.once_as(key(1), LONG, pending::<Work>())));
            let waits = matches!(second, Poll::Ready(Ok(Outcome::InProgress { .. })));
            self.waits.lock().unwrap().push(waits);
        }
    }

    fn check(dedup: &Dedup, clock: &TestClock) {
        let waits = Arc::default();
        let part = || Part {
            dedup: dedup.clone(),
            waits: Arc::clone(&waits),
        };
        // The work drops one part when it ends, and another one when it is dropped.
        let once = |poll: fn() -> Poll<Work>| {
            let (ends, held) = (part(), part());
            let mut work = Box::pin(async move {
                let _ends = ends;
                poll_fn(|_| poll()).await
            });
            let work = poll_fn(move |context| {
                let _ = &held;
                work.as_mut().poll(context)
            });
            Box::pin(dedup.once_as(key(1), LONG, work))
        };
        let assert_waited = |ending: &str| {
            let waits = std::mem::take(&mut *waits.lock().unwrap());
            assert_eq!(waits, [true, true], "{ending}");
        };

        let mut dropped = once(|| Poll::Pending);
        assert!(poll_once(dropped.as_mut()).is_pending());
        drop(dropped);
        assert_waited("dropped");

        let mut panics = once(|| panic!("as this test expects"));
        catch_unwind(AssertUnwindSafe(|| poll_once(panics.as_mut()))).unwrap_err();
        drop(panics);
        assert_waited("panicked");

        let failed = poll_once(once(|| Poll::Ready(Err(CrmDown))).as_mut());
        assert!(matches!(
            failed,
            Poll::Ready(Err(OnceError::Failed(CrmDown)))
        ));
        assert_waited("failed");

        let mut late = once(|| Poll::Pending);
        assert!(poll_once(late.as_mut()).is_pending());
        clock.advance(LONG);
        let expired = poll_once(late.as_mut());
        assert!(matches!(expired, Poll::Ready(Ok(Outcome::LeaseExpired))));
        assert_waited("expired");

        let handled = poll_once(once(|| Poll::Ready(Ok(()))).as_mut());
        assert!(matches!(handled, Poll::Ready(Ok(Outcome::Handled(())))));
        assert_waited("handled");
    }

    let clock = TestClock::new();
    check(&Dedup::default().with_clock(clock.read()), &clock);
    let own = Dedup::new(Own(MemoryStore::default()));
    check(&own.with_clock(clock.read()), &clock);
}

#[test]
fn a_lost_lease_leaves_the_successors_claim_alone() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let dedup = Dedup::new(store).with_clock(clock.read());
    let mut late = pin!(dedup.once_as(key(1), LONG, pending::<Work>()));
    assert!(poll_once(late.as_mut()).is_pending());
    clock.advance(Duration::from_secs(60));
    let mut successor = pin!(dedup.once_as(key(1), LONG, pending::<Work>()));
    assert!(poll_once(successor.as_mut()).is_pending());

    assert!(matches!(
        poll_once(late),
        Poll::Ready(Ok(Outcome::LeaseExpired))
    ));
    let third = poll_once(pin!(dedup.once_as(key(1), LONG, pending::<Work>())));
    assert!(
        matches!(third, Poll::Ready(Ok(Outcome::InProgress { .. }))),
        "{third:?}"
    );
}

/// Work that blocks can't be cancelled. Its success is recorded unless another claim holds the key.
#[test]
fn work_that_blocks_past_its_lease_keeps_its_result() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let dedup = Dedup::new(store).with_clock(clock.read());
    let block = async {
        clock.advance(LONG);
        Work::Ok("late")
    };
    let late = poll_once(pin!(dedup.once_as(key(1), LONG, block)));
    assert!(matches!(late, Poll::Ready(Ok(Outcome::Handled("late")))));

    let superseded = async {
        clock.advance(LONG);
        let mut successor = Box::pin(dedup.once_as(key(2), LONG, pending::<Work>()));
        assert!(poll_once(successor.as_mut()).is_pending());
        std::mem::forget(successor); // keeps its claim
        Work::Ok("late")
    };
    match poll_once(pin!(dedup.once_as(key(2), LONG, superseded))) {
        Poll::Ready(Ok(outcome @ Outcome::HandledUnrecorded { .. })) => {
            assert_eq!(outcome.status(), 200);
            assert!(matches!(
                outcome,
                Outcome::HandledUnrecorded {
                    value: "late",
                    error: StoreError::Superseded
                }
            ));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clock_that_jumps_ahead_ends_the_lease_and_one_that_jumps_back_prolongs_it() {
    let clock = TestClock::new();
    let dedup = Dedup::default().with_clock(clock.read());
    let mut work = pin!(dedup.once_as(key(1), LONG, pending::<Work>()));
    assert!(poll_once(work.as_mut()).is_pending());
    clock.jump(-100_000);
    assert!(poll_once(work.as_mut()).is_pending());
    clock.jump(200_000);
    assert!(matches!(
        poll_once(work),
        Poll::Ready(Ok(Outcome::LeaseExpired))
    ));

    // By the store's own clock the lease has not ended, so the claim was released.
    let retried = poll_once(pin!(dedup.once_as(key(1), LONG, async { Work::Ok(()) })));
    assert!(matches!(retried, Poll::Ready(Ok(Outcome::Handled(())))));
}

#[tokio::test]
async fn a_lease_of_the_longest_duration_works() {
    let dedup = Dedup::default().with_lease(Duration::MAX);
    let outcome = dedup
        .once_as(key(1), LONG, async { Work::Ok(()) })
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::Handled(())));
}

#[tokio::test]
async fn work_is_not_begun_when_the_claim_took_longer_than_the_lease() {
    let dedup = Dedup::default().with_lease(Duration::ZERO);
    let work = poll_fn(|_| -> Poll<Work> { panic!("polled") });
    let outcome = dedup.once_as(key(1), LONG, work).await.unwrap();
    assert!(matches!(outcome, Outcome::LeaseExpired));
}

#[tokio::test]
async fn times_are_the_defaults_unless_set() {
    let store = Scripted::default();
    let work = || async { Work::Ok(()) };
    let grader = Delivery::<Grader>::from_storage("{}");
    let dedup = Dedup::new(store.clone());
    let _ = dedup.once(&grader, work()).await.unwrap();
    let tomba = Delivery::<Tomba>::from_storage("{}");
    let _ = dedup.once(&tomba, work()).await.unwrap();
    let dedup = dedup
        .with_lease(Duration::from_secs(5))
        .with_retention(Duration::from_secs(7));
    let _ = dedup.once(&grader, work()).await.unwrap();
    // A key of one's own has a retention of its own.
    let retention = Duration::from_secs(9);
    let _ = dedup.once_as(key(1), retention, work()).await.unwrap();
    assert_eq!(
        *store.calls.lock().unwrap(),
        [
            ("claim", Duration::from_secs(60)),
            ("complete", Grader::RETRY_WINDOW),
            ("claim", Duration::from_secs(60)),
            ("complete", Tomba::RETRY_WINDOW),
            ("claim", Duration::from_secs(5)),
            ("complete", Duration::from_secs(7)),
            ("claim", Duration::from_secs(5)),
            ("complete", Duration::from_secs(9)),
        ]
    );
}

#[tokio::test]
async fn the_key_is_the_deliverys() {
    let dedup = Dedup::default();
    let delivery = |id: &str| {
        let body = format!(r#"{{"id":"{id}","event":"lead.won"}}"#);
        Delivery::<Graphoid>::from_storage(body)
    };
    let work = || async { Work::Ok(()) };
    let first = dedup.once(&delivery("evt_1"), work()).await.unwrap();
    assert!(matches!(first, Outcome::Handled(())));
    let other = dedup.once(&delivery("evt_2"), work()).await.unwrap();
    assert!(matches!(other, Outcome::Handled(())));
    let again = dedup.once_as(delivery("evt_1").key(), LONG, work());
    assert!(matches!(again.await.unwrap(), Outcome::AlreadyHandled));
}

#[tokio::test]
async fn failed_and_late_work_releases_its_claim() {
    let calls = |store: Scripted| {
        let calls = store.calls.lock().unwrap();
        calls.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    let store = Scripted::default();
    let failed = async { Work::<()>::Err(CrmDown) };
    let _ = Dedup::new(store.clone())
        .once_as(key(1), LONG, failed)
        .await;
    assert_eq!(calls(store), ["claim", "release"]);

    let store = Scripted::default();
    let late = Dedup::new(store.clone()).with_lease(Duration::ZERO);
    let _ = late.once_as(key(1), LONG, pending::<Work>()).await;
    assert_eq!(calls(store), ["claim", "release"]);
}

#[tokio::test]
async fn an_unreachable_store_never_counts_as_a_result() {
    let dedup = |fails| {
        let calls = Arc::default();
        Dedup::new(Scripted { calls, fails })
    };
    let claim = dedup("claim")
        .once_as(key(1), LONG, pending::<Work>())
        .await;
    match claim {
        Err(OnceError::Store(error)) => {
            assert_eq!(error.status(), 503);
            assert_eq!(error.to_string(), "the store is unavailable");
            let source = std::error::Error::source(&error).unwrap();
            assert_eq!(source.to_string(), "no route to the store");
        }
        other => panic!("{other:?}"),
    }

    let complete = dedup("complete")
        .once_as(key(1), LONG, async { Work::Ok("kept") })
        .await;
    assert!(matches!(
        complete,
        Ok(Outcome::HandledUnrecorded {
            value: "kept",
            error: StoreError::Unavailable(_)
        })
    ));

    // The result is the work's own error. The claim ends with its lease.
    let release = dedup("release")
        .once_as(key(1), LONG, async { Work::<()>::Err(CrmDown) })
        .await;
    assert!(matches!(release, Err(OnceError::Failed(CrmDown))));
}

#[test]
fn futures_are_send_where_the_work_is() {
    fn is_send<T: Send>(_: &T) {}
    let dedup = Dedup::default();
    is_send(&dedup.once_as(key(1), LONG, async { Work::Ok(()) }));
    let delivery = Delivery::<Grader>::from_storage("{}");
    is_send(&dedup.once(&delivery, async { Work::Ok(()) }));

    // The work need not be `Send`, because actix-web keeps it on one thread.
    let local = std::rc::Rc::new(());
    let not_send = dedup.once_as(key(1), LONG, async move {
        Work::Ok(std::rc::Rc::strong_count(&local))
    });
    assert!(matches!(
        poll_once(pin!(not_send)),
        Poll::Ready(Ok(Outcome::Handled(1)))
    ));
}
