//! Nothing that was answered 200 is lost, and nothing is worked twice, however often the server is
//! killed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use common::{Database, PATIENCE, Postgres, SECRET, Server, count, graphoid, post, until};
use leadhook::{Delivery, Graphoid};
use reqwest::{Client, StatusCode};
use tokio::{task::JoinSet, time};

const DELIVERIES: usize = 10_000;
const KILLS: usize = 20;
const SENDERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    every_delivery_is_worked_once(&Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    if let Some(server) = Postgres::start() {
        every_delivery_is_worked_once(&server.database("inbox").await).await;
    }
}

/// Two servers on one database, each with its workers; what either prints.
struct Servers<'a> {
    database: &'a Database,
    running: [Server; 2],
    addresses: Arc<Mutex<[String; 2]>>,
    printed: Arc<Mutex<HashSet<String>>>,
}

impl<'a> Servers<'a> {
    fn start(database: &'a Database) -> Self {
        let printed = Arc::default();
        let running = [start(database, &printed), start(database, &printed)];
        let addresses = running.each_ref().map(|server| server.address.clone());
        Self {
            database,
            running,
            addresses: Arc::new(Mutex::new(addresses)),
            printed,
        }
    }

    /// Kills one of the two with SIGKILL, and starts another in its place.
    fn kill(&mut self, which: usize) {
        self.running[which].kill();
        let server = start(self.database, &self.printed);
        self.addresses.lock().unwrap()[which].clone_from(&server.address);
        self.running[which] = server;
    }
}

fn start(database: &Database, printed: &Arc<Mutex<HashSet<String>>>) -> Server {
    let mut server = Server::start(database);
    let lines = server.lines();
    let printed = printed.clone();
    thread::spawn(move || {
        for line in lines {
            printed.lock().unwrap().insert(line);
        }
    });
    server
}

fn body(id: usize) -> String {
    format!(
        r#"{{"id":"evt_{id}","event":"lead.won","timestamp":"2025-01-15T10:30:00Z","workspace_id":"ws_1","api_version":"v1","data":{{"lead":{{"id":"lead_{id}","name":"Acme Corp"}}}}}}"#
    )
}

async fn every_delivery_is_worked_once(database: &Database) {
    let seed = fastrand::u64(..);
    fastrand::seed(seed);
    let mut servers = Servers::start(database);
    let answered = Arc::new(AtomicUsize::new(0));

    // The senders: each sends its share, in its turn to either server, until it is answered 200. Now
    // and then it sends what was answered once more.
    let mut senders = JoinSet::new();
    for first in 0..SENDERS {
        let addresses = servers.addresses.clone();
        let answered = answered.clone();
        let client = Client::new();
        senders.spawn(async move {
            for id in (first..DELIVERIES).step_by(SENDERS) {
                let request = graphoid(&body(id), SECRET);
                let mut left = 1 + usize::from(fastrand::u8(..10) == 0);
                while left > 0 {
                    let address = addresses.lock().unwrap()[fastrand::usize(..2)].clone();
                    match post(&client, &address, &request).await {
                        Ok(StatusCode::OK) => left -= 1,
                        // As after a kill. A sender would wait for longer.
                        _ => time::sleep(Duration::from_millis(20)).await,
                    }
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    // The kills: at random points on the way on which all is first answered and then worked.
    let look = database.look().await;
    let worked = "SELECT count(*) FROM worked";
    let mut points: Vec<usize> = std::iter::repeat_with(|| fastrand::usize(1..2 * DELIVERIES))
        .take(KILLS)
        .collect();
    points.sort_unstable();
    for point in points {
        until("the point of the next kill is reached", async || {
            let worked = usize::try_from(count(&look, worked).await).unwrap();
            answered.load(Ordering::Relaxed) + worked >= point
        })
        .await;
        servers.kill(fastrand::usize(..2));
    }
    time::timeout(PATIENCE, senders.join_all()).await.unwrap();
    let waiting = "SELECT count(*) FROM inbox WHERE state <> 'done'";
    until("all is worked", async || count(&look, waiting).await == 0).await;

    let sent: HashSet<String> = (0..DELIVERIES)
        .map(|id| {
            Delivery::<Graphoid>::from_storage(body(id))
                .key()
                .to_string()
        })
        .collect();
    assert_eq!(sent.len(), DELIVERIES);
    for keys in ["SELECT key FROM inbox", "SELECT key FROM worked"] {
        let keys: Vec<String> = sqlx::query_scalar(keys).fetch_all(&look).await.unwrap();
        assert_eq!(keys.len(), DELIVERIES);
        assert_eq!(keys.into_iter().collect::<HashSet<_>>(), sent);
    }
    let lines: Vec<String> = sqlx::query_scalar("SELECT line FROM worked")
        .fetch_all(&look)
        .await
        .unwrap();
    let twice = count(&look, "SELECT count(*) FROM inbox WHERE tries > 1").await;
    println!("{twice} rows were in work when a server was killed");

    let printed = servers.printed.lock().unwrap();
    assert!(lines.iter().all(|line| printed.contains(line)));
}
