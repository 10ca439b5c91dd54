//! Events that share a subject are handled one at a time, in the order in which they were accepted.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use leadhook::{Delivery, Grader, ScoreApp, grader::GraderEvent, scoreapp::ScoreAppEvent};
use leadhook_inbox::{Backoff, Done, Error, Failure, Filter, Inbox, Job, Key, Page, Source};
use tokio::time;

use crate::support::{
    database::{Database, Db},
    on_both,
};

#[path = "../../examples/one_at_a_time.rs"]
#[allow(dead_code, reason = "the example has a `main`")]
mod burst;

on_both![
    a_crm_without_a_unique_index_has_each_person_once,
    events_of_two_sources_wait_for_each_other_in_several_processes,
    a_worker_without_the_setting_keeps_the_order,
    tests_keep_the_order_and_pass_over_without_sleeping,
    a_failed_event_is_tried_again_before_the_others,
    a_dead_event_lets_the_next_one_go_and_tells_it,
    an_event_that_fails_for_long_moves_behind_the_others,
    a_replayed_event_joins_at_the_end_and_knows_that_it_is_old,
    an_erased_event_lets_the_next_one_go,
    a_long_line_does_not_slow_the_others_down,
    one_at_a_time_needs_subjects,
];

fn scoreapp(id: usize, email: &str) -> Delivery<ScoreApp> {
    let body =
        format!(r#"{{"event_name":"LEAD_SIGNED_UP","data":{{"id":"{id}","email":"{email}"}}}}"#);
    Delivery::from_storage(body)
}

fn grader(id: usize, email: &str) -> Delivery<Grader> {
    let body = format!(
        r#"{{"event":"submission.scored","data":{{"submission":{{"id":"{id}","form_data":{{"email":"{email}"}}}}}}}}"#
    );
    Delivery::from_storage(body)
}

fn email(job: &Job<ScoreAppEvent, impl Db>) -> String {
    let lead = leadhook::Event::lead(job.event()).unwrap();
    lead.email.unwrap()
}

async fn accept<B: Db>(source: &Source<ScoreApp, B>, id: usize, email: &str) -> Key {
    let delivery = scoreapp(id, email);
    source.accept(&delivery).await.unwrap();
    source.key(&delivery)
}

async fn until_idle<B: Db>(inbox: &Inbox<B>) {
    time::timeout(Duration::from_mins(1), async {
        loop {
            let stats = inbox.stats().await.unwrap();
            if stats
                .iter()
                .all(|stats| stats.waiting + stats.in_progress == 0)
            {
                return;
            }
            time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

async fn a_crm_without_a_unique_index_has_each_person_once<B: Db>(database: Database<B>) {
    let without = burst::burst(&database.inbox, false).await.unwrap();
    assert!(without > 20, "{without}");
    B::run(database.inbox.pool(), "DELETE FROM leadhook_inbox")
        .await
        .unwrap();
    assert_eq!(burst::burst(&database.inbox, true).await.unwrap(), 20);
}

async fn events_of_two_sources_wait_for_each_other_in_several_processes<B: Db>(
    database: Database<B>,
) {
    let busy = Arc::new(Mutex::new(HashMap::<String, bool>::new()));
    let log = Arc::new(Mutex::new(Vec::new()));
    let enter = {
        let (busy, log) = (busy.clone(), log.clone());
        move |email: String, id: String| {
            let (busy, log) = (busy.clone(), log.clone());
            async move {
                let was_busy = busy.lock().unwrap().insert(email.clone(), true);
                assert_ne!(was_busy, Some(true), "two at a time");
                time::sleep(Duration::from_millis(3)).await;
                busy.lock().unwrap().insert(email.clone(), false);
                log.lock().unwrap().push((email, id));
            }
        }
    };
    let mut running = Vec::new();
    for _ in 0..3 {
        let inbox = B::open(&database.url).await;
        let quiz = inbox.source::<ScoreApp>("quiz").one_at_a_time();
        let forms = inbox.source::<Grader>("forms").one_at_a_time();
        let (one, other) = (enter.clone(), enter.clone());
        let workers = inbox
            .workers()
            .poll_interval(Duration::from_millis(50))
            .on(&quiz, move |job: Job<ScoreAppEvent, B>| {
                let entered = one(email(&job), leadhook::Event::lead_id(job.event()).unwrap());
                async move {
                    entered.await;
                    Ok::<_, Failure>(job.done())
                }
            })
            .on(&forms, move |job: Job<GraderEvent, B>| {
                let lead = leadhook::Event::lead(job.event()).unwrap();
                let entered = other(
                    lead.email.unwrap(),
                    leadhook::Event::lead_id(job.event()).unwrap(),
                );
                async move {
                    entered.await;
                    Ok::<_, Failure>(job.done())
                }
            });
        running.push((workers.start().await.unwrap(), inbox.clone()));
    }
    let quiz = database.inbox.source::<ScoreApp>("quiz").one_at_a_time();
    let forms = database.inbox.source::<Grader>("forms").one_at_a_time();
    for event in 0..60 {
        let email = format!("{}@example.com", event % 3);
        if event % 2 == 0 {
            quiz.accept(&scoreapp(event, &email)).await.unwrap();
        } else {
            forms.accept(&grader(event, &email)).await.unwrap();
        }
    }
    until_idle(&database.inbox).await;
    for (workers, _inbox) in running {
        workers.shutdown(Duration::from_secs(5)).await;
    }
    for person in 0..3 {
        let log = log.lock().unwrap();
        let of_person = log
            .iter()
            .filter(|(email, _)| *email == format!("{person}@example.com"));
        let ids: Vec<usize> = of_person.map(|(_, id)| id.parse().unwrap()).collect();
        let expected: Vec<usize> = (0..60).filter(|event| event % 3 == person).collect();
        assert_eq!(ids, expected);
    }
    assert_eq!(waiting_in_lines(&database).await, 0);
}

async fn waiting_in_lines<B: Db>(database: &Database<B>) -> i64 {
    B::count(
        database.inbox.pool(),
        "SELECT count(*) FROM leadhook_inbox_line",
    )
    .await
}

type Handling = Pin<Box<dyn Future<Output = Result<Done, Failure>> + Send>>;

/// Notes the ids in the order in which they are handled, and fails those that are in `failing`.
fn noting<B: Db>(
    handled: &Arc<Mutex<Vec<String>>>,
    failing: &'static [&'static str],
) -> impl Fn(Job<ScoreAppEvent, B>) -> Handling + Send + Sync + 'static {
    let handled = handled.clone();
    move |job| {
        let handled = handled.clone();
        Box::pin(async move {
            let id = leadhook::Event::lead_id(job.event()).unwrap();
            let is_failing = failing.contains(&&*id);
            let skipped = job.skipped().await?;
            let is_stale = job.is_stale().await?;
            handled
                .lock()
                .unwrap()
                .push(format!("{id} {skipped} {is_stale}"));
            if is_failing && job.attempt() < 3 {
                return Err(Failure::retry("crm"));
            }
            if id == "dead" {
                return Err(Failure::dead("rejected"));
            }
            Ok(job.done())
        })
    }
}

async fn a_worker_without_the_setting_keeps_the_order<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    for id in 0..6 {
        accept(&source, id, "ann@example.com").await;
    }
    let handled = Arc::new(Mutex::new(Vec::new()));
    let without = B::open(&database.url).await;
    let workers = without
        .workers()
        .poll_interval(Duration::from_millis(50))
        .backoff(Backoff::default().with_first(Duration::from_millis(50)))
        .on(
            &without.source::<ScoreApp>("quiz"),
            noting(&handled, &["0"]),
        );
    let workers = workers.start().await.unwrap();
    until_idle(inbox).await;
    workers.shutdown(Duration::from_secs(5)).await;
    let ids: Vec<_> = handled
        .lock()
        .unwrap()
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["0", "0", "0", "1", "2", "3", "4", "5"]);
}

async fn tests_keep_the_order_and_pass_over_without_sleeping<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    accept(&source, 1, "ann@example.com").await;
    accept(&source, 2, "ann@example.com").await;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers = inbox
        .workers()
        .backoff(
            Backoff::default()
                .with_first(Duration::from_hours(2))
                .with_longest(Duration::from_hours(2)),
        )
        .on(&inbox.source::<ScoreApp>("quiz"), noting(&handled, &["1"]));
    workers.run_until_idle().await.unwrap();
    let expected = ["1 0 false", "1 0 false", "2 1 false", "1 0 true"];
    assert_eq!(*handled.lock().unwrap(), expected);
}

async fn a_failed_event_is_tried_again_before_the_others<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    accept(&source, 1, "ann@example.com").await;
    accept(&source, 2, "Ann@Example.com ").await;
    accept(&source, 3, "bob@example.com").await;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers = inbox.workers().on(&source, noting(&handled, &["1"]));
    workers.run_until_idle().await.unwrap();
    let handled = handled.lock().unwrap().clone();
    let ann: Vec<_> = handled
        .iter()
        .filter(|line| !line.starts_with('3'))
        .cloned()
        .collect();
    assert_eq!(ann, ["1 0 false", "1 0 false", "1 0 false", "2 0 false"]);
    assert_eq!(handled.len(), 5);
    assert_eq!(waiting_in_lines(&database).await, 0);
}

async fn a_dead_event_lets_the_next_one_go_and_tells_it<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    source
        .accept(&Delivery::from_storage(
            r#"{"event_name":"LEAD_SIGNED_UP","data":{"id":"dead","email":"ann@example.com"}}"#,
        ))
        .await
        .unwrap();
    accept(&source, 2, "ann@example.com").await;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers = inbox.workers().on(&source, noting(&handled, &[]));
    workers.run_until_idle().await.unwrap();
    assert_eq!(*handled.lock().unwrap(), ["dead 0 false", "2 1 false"]);
}

async fn an_event_that_fails_for_long_moves_behind_the_others<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    accept(&source, 1, "ann@example.com").await;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers = inbox
        .workers()
        .lease(Duration::from_secs(1))
        .poll_interval(Duration::from_millis(50))
        .pass_over_after(Duration::from_millis(500))
        .backoff(Backoff::default().with_first(Duration::from_secs(2)))
        .on(&source, noting(&handled, &["1"]))
        .start()
        .await
        .unwrap();
    time::sleep(Duration::from_millis(100)).await;
    accept(&source, 2, "ann@example.com").await;
    until_idle(inbox).await;
    workers.shutdown(Duration::from_secs(5)).await;
    let handled = handled.lock().unwrap().clone();
    let second = handled.iter().position(|line| line == "2 1 false");
    assert!(second.is_some_and(|second| second < 3), "{handled:?}");
    assert_eq!(handled.last().unwrap(), "1 0 true");
}

async fn a_replayed_event_joins_at_the_end_and_knows_that_it_is_old<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    let first = accept(&source, 1, "ann@example.com").await;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers = || inbox.workers().on(&source, noting(&handled, &["3"]));
    workers().run_until_idle().await.unwrap();
    accept(&source, 2, "ann@example.com").await;
    workers().run_until_idle().await.unwrap();
    accept(&source, 3, "ann@example.com").await;
    assert_eq!(inbox.replay(&Filter::key(first)).finish().await.unwrap(), 1);
    workers().run_until_idle().await.unwrap();
    let expected = [
        "1 0 false",
        "2 0 false",
        "3 1 false",
        "3 1 false",
        "3 1 false",
        "1 0 true",
    ];
    assert_eq!(*handled.lock().unwrap(), expected);
}

async fn an_erased_event_lets_the_next_one_go<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    let first = accept(&source, 1, "ann@example.com").await;
    accept(&source, 2, "ann@example.com").await;
    let handled = Arc::new(Mutex::new(Vec::new()));
    // The first fails, so that the second is found to wait.
    let workers = inbox
        .workers()
        .poll_interval(Duration::from_millis(50))
        .backoff(Backoff::default().with_first(Duration::from_hours(1)))
        .on(&source, noting(&handled, &["1"]))
        .start()
        .await
        .unwrap();
    let parked = "SELECT count(*) FROM leadhook_inbox WHERE parked = 1";
    time::timeout(Duration::from_secs(10), async {
        while B::count(inbox.pool(), parked).await < 1
            || inbox.stats().await.unwrap()[0].waiting < 2
        {
            time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    let waiting = inbox.rows(&Filter::all(), Page::first(10)).await.unwrap();
    let in_line: Vec<_> = waiting.iter().filter(|row| row.waits_for_another).collect();
    assert!(in_line.len() == 1 && in_line[0].key != first);
    inbox.erase(&Filter::key(first)).finish().await.unwrap();
    until_idle(inbox).await;
    workers.shutdown(Duration::from_secs(5)).await;
    assert_eq!(*handled.lock().unwrap(), ["1 0 false", "2 0 false"]);
    assert_eq!(waiting_in_lines(&database).await, 0);
}

async fn a_long_line_does_not_slow_the_others_down<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox.source::<ScoreApp>("quiz").one_at_a_time();
    let hot = (0..3000).map(|id| {
        let source = source.clone();
        async move { accept(&source, id, "info@example.com").await }
    });
    futures_util::future::join_all(hot).await;
    for id in 3000..3020 {
        accept(&source, id, &format!("{id}@example.com")).await;
    }
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers = inbox
        .workers()
        .backoff(Backoff::default().with_first(Duration::from_hours(1)))
        .on(&source, {
            let handled = handled.clone();
            move |job: Job<ScoreAppEvent, B>| {
                let handled = handled.clone();
                async move {
                    if email(&job) == "info@example.com" {
                        return Err(Failure::retry("crm"));
                    }
                    handled.lock().unwrap().push(job.key());
                    Ok(job.done())
                }
            }
        })
        .start()
        .await
        .unwrap();
    time::timeout(Duration::from_secs(20), async {
        while handled.lock().unwrap().len() < 20 {
            time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    workers.shutdown(Duration::from_secs(5)).await;
    assert_eq!(inbox.stats().await.unwrap()[0].waiting, 3000);
}

async fn one_at_a_time_needs_subjects<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let source = inbox
        .source::<ScoreApp>("quiz")
        .one_at_a_time()
        .without_subjects();
    let handled = Arc::default();
    let started = inbox
        .workers()
        .on(&source, noting(&handled, &[]))
        .start()
        .await;
    assert!(matches!(started, Err(Error::Setting { .. })), "{started:?}");
    // The last word counts.
    let source = source.subjects(|_| Vec::new());
    let started = inbox
        .workers()
        .on(&source, noting(&handled, &[]))
        .start()
        .await;
    started.unwrap().shutdown(Duration::from_secs(1)).await;
}
