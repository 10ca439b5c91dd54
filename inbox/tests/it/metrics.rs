//! What is recorded on the `metrics` facade, as Prometheus would scrape it.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use leadhook::{Delivery, Event as _, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{
    Accepted, Backoff, Failure, Job, Source,
    metrics::{self, BUCKETS, Gauges},
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time;

use crate::support::{
    database::{Database, Db},
    on_both,
};

const CANARY: &str = "canary-5d20aa";

/// Handlers run on threads of the inbox, so the recorder is the one of the whole process. Each test has sources
/// of its own.
static SCRAPE: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let inbox = Matcher::Prefix("leadhook_inbox_".into());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(inbox, &BUCKETS);
    let handle = builder.unwrap().install_recorder().unwrap();
    metrics::describe();
    handle
});

on_both![
    deliveries_and_attempts_are_counted,
    gauges_show_what_is_stored
];

/// A source that no other test has.
fn source<B: Db>(database: &Database<B>, name: &str) -> Source<Graphoid, B> {
    database.inbox.source(&format!("{name} {}", B::BYTES))
}

/// An event whose handler is told what to do.
fn delivery(act: &str) -> Delivery<Graphoid> {
    Delivery::from_storage(format!(
        r#"{{"id":"{act}","event":"lead.won","data":{{"lead":{{"id":"{act}","name":"{CANARY}"}}}}}}"#
    ))
}

/// The samples of a source, without the source, sorted.
fn samples<B: Db>(source: &Source<Graphoid, B>) -> Vec<String> {
    let scraped = SCRAPE.render();
    assert!(!scraped.contains(CANARY), "{scraped}");
    let label = format!(r#"source="{}""#, source.name());
    let lines = scraped.lines().filter(|line| line.contains(&label));
    let mut lines: Vec<_> = lines
        .map(|line| {
            line.replace(&label, "")
                .replace("{,", "{")
                .replace("{}", "")
        })
        .filter(|line| !line.contains("_sum") && !line.contains("_bucket"))
        .map(|line| line.trim_start_matches("leadhook_inbox_").to_owned())
        .collect();
    lines.sort_unstable();
    lines
}

async fn deliveries_and_attempts_are_counted<B: Db>(database: Database<B>) {
    LazyLock::force(&SCRAPE);
    let source = source(&database, "counted");
    for act in [
        "done",
        "commit",
        "retry",
        "snooze",
        "dead",
        "give up",
        "sleep",
        "fenced",
        "abandoned",
    ] {
        assert_eq!(source.accept(&delivery(act)).await.unwrap(), Accepted::New);
    }
    source.accept(&delivery("done")).await.unwrap();
    source
        .accept(&Delivery::from_storage(CANARY))
        .await
        .unwrap();
    database
        .run("INSERT INTO leadhook_inbox_process (id, lease) VALUES ('killed', 1000)")
        .await;
    let abandoned =
        "SET process = 'killed', token = 'killed', abandoned = 2 WHERE lead_id = 'abandoned'";
    database
        .run(&format!("UPDATE leadhook_inbox {abandoned}"))
        .await;

    let pool = database.inbox.pool().clone();
    let was_put_off = Arc::new(AtomicBool::new(false));
    let handle = move |job: Job<GraphoidEvent, B>| {
        let (pool, was_put_off) = (pool.clone(), was_put_off.clone());
        async move {
            let act = job.event().lead_id().unwrap_or_default();
            match (&*act, job.attempt()) {
                ("commit", _) => {
                    let transaction = job.begin().await?;
                    return job.commit(transaction).await;
                }
                ("retry", 1) => return Err(Failure::retry("retry").with_cause(CANARY)),
                // The attempt is not counted, so the next is the first as well.
                ("snooze", _) if !was_put_off.swap(true, Ordering::Relaxed) => {
                    return Err(Failure::snooze("snooze", Duration::from_secs(1)));
                }
                ("dead", _) => return Err(Failure::dead("dead")),
                ("give up", _) => return Err(Failure::retry("give up")),
                ("sleep", 1) => time::sleep(Duration::from_mins(1)).await,
                ("fenced", 1) => {
                    let free = "SET token = NULL, process = NULL WHERE lead_id = 'fenced'";
                    B::run(&pool, &format!("UPDATE leadhook_inbox {free}")).await?;
                }
                _ => {}
            }
            Ok(job.done())
        }
    };
    let backoff = Backoff::default().with_give_up_after(Duration::from_secs(1));
    let workers = database.inbox.workers().on(&source, handle);
    let workers = workers.timeout(Duration::from_secs(1)).backoff(backoff);
    workers.run_until_idle().await.unwrap();
    database.inbox.close().await;
    source.accept(&delivery("too late")).await.unwrap_err();
    let expected = [
        "age_seconds_count 6",
        "attempt_seconds_count 14",
        r#"attempts_total{outcome="dead"} 3"#,
        r#"attempts_total{outcome="done"} 6"#,
        r#"attempts_total{outcome="failed"} 3"#,
        r#"attempts_total{outcome="fenced"} 1"#,
        r#"attempts_total{outcome="put_off"} 1"#,
        r#"deaths_total{reason="abandoned"} 1"#,
        r#"deaths_total{reason="failed"} 1"#,
        r#"deaths_total{reason="rejected"} 1"#,
        r#"deaths_total{reason="unreadable"} 1"#,
        r#"deliveries_total{provider="graphoid",outcome="duplicate"} 1"#,
        r#"deliveries_total{provider="graphoid",outcome="failed"} 1"#,
        r#"deliveries_total{provider="graphoid",outcome="new"} 10"#,
    ];
    assert_eq!(samples(&source), expected);

    let scraped = SCRAPE.render();
    let below = |metric: &str, bound: &str| -> u64 {
        let name = source.name();
        let bucket = format!(r#"leadhook_inbox_{metric}_bucket{{source="{name}",le="{bound}"}} "#);
        let (_, rest) = scraped.split_once(&bucket).unwrap();
        rest.lines().next().unwrap().parse().unwrap()
    };
    // The attempt that was cancelled at its timeout is measured as well.
    assert!(below("attempt_seconds", "0.5") < 14);
    assert_eq!(below("attempt_seconds", "60"), 14);
    assert_eq!(below("age_seconds", "60"), 6);
}

async fn gauges_show_what_is_stored<B: Db>(database: Database<B>) {
    LazyLock::force(&SCRAPE);
    let source = source(&database, "gauged");
    let mut gauges = Gauges::default();
    gauges.record(&database.inbox.stats().await.unwrap());
    let of_source = |what: &[&str]| -> Vec<_> {
        let samples = samples(&source).into_iter();
        samples
            .filter(|line| what.iter().any(|what| line.starts_with(what)))
            .collect()
    };
    let all = ["dead", "in_progress", "oldest_due", "waiting"];
    assert_eq!(of_source(&all), Vec::<String>::new());

    for act in ["dead", "done", "commit"] {
        source.accept(&delivery(act)).await.unwrap();
    }
    database.inbox.advance(Duration::from_mins(1));
    database
        .run("INSERT INTO leadhook_inbox_process (id, lease) VALUES ('other', 1000)")
        .await;
    let taken = "SET process = 'other', token = 'other' WHERE lead_id = 'commit'";
    database
        .run(&format!("UPDATE leadhook_inbox {taken}"))
        .await;
    gauges.record(&database.inbox.stats().await.unwrap());
    let counts = ["dead", "in_progress", "waiting"];
    assert_eq!(of_source(&counts), ["dead 0", "in_progress 1", "waiting 2"]);
    let oldest = of_source(&["oldest_due"]);
    let oldest: f64 = oldest[0].split_once(' ').unwrap().1.parse().unwrap();
    assert!((60.0..90.0).contains(&oldest), "{oldest}");

    let handle = async |job: Job<GraphoidEvent, B>| match job.event().lead_id().as_deref() {
        Some("dead") => Err(Failure::dead("dead")),
        _ => Ok(job.done()),
    };
    let workers = database.inbox.workers().on(&source, handle);
    workers.run_until_idle().await.unwrap();
    gauges.record(&database.inbox.stats().await.unwrap());
    let with_one_dead = [
        "dead 1",
        "in_progress 0",
        "oldest_due_seconds 0",
        "waiting 0",
    ];
    assert_eq!(of_source(&all), with_one_dead);

    // A source without rows is not in the figures any more.
    database.run("DELETE FROM leadhook_inbox").await;
    gauges.record(&database.inbox.stats().await.unwrap());
    let empty = [
        "dead 0",
        "in_progress 0",
        "oldest_due_seconds 0",
        "waiting 0",
    ];
    assert_eq!(of_source(&all), empty);
    let recorded = SCRAPE.render();
    assert!(recorded.contains("leadhook_inbox_recorded_timestamp_seconds 1"));
}
